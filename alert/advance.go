package alert

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/storage"
)

// states are all records, by rule and transport.
func (e *Engine) states(ctx context.Context) (map[string]*state, error) {
	records, err := storage.List(ctx, e.o.Records, recordKind)
	if err != nil {
		return nil, fmt.Errorf("alert: %w", err)
	}
	states := make(map[string]*state, len(records))
	for _, r := range records {
		s, err := readState(r.Data)
		if err != nil {
			return nil, err
		}
		states[r.ID] = s
	}
	return states, nil
}

// advance makes of a state what a reading says, if nobody else has changed it meanwhile: then that one has judged, too,
// and the next look goes on from there. It returns the state that is stored, nil for none.
func (e *Engine) advance(ctx context.Context, r reading, before *state, now time.Time) (*state, error) {
	if before == nil {
		before = &state{}
	}
	after, began := before.clone(), before.Since
	after.prune(now)
	kind := after.step(&r, e.o.Rules.For, e.o.Reminder, now)
	var told Notification
	if kind != "" {
		if kind == Firing {
			began = now
		}
		told = e.notification(symphony.NewID(now), kind, &r, after, began, now)
		body, err := told.body()
		if err != nil {
			return before, err
		}
		n := outgoing{ID: told.ID, Kind: kind, Made: now, Body: body, To: make(map[string]attempts, len(e.hooks))}
		for _, h := range e.hooks {
			n.To[h.key] = attempts{Next: now}
		}
		if len(n.To) > 0 {
			for _, lost := range after.enqueue(n) {
				e.o.Logger.Error("a notification was given up: too many wait for their webhooks", "notification", lost.ID, "type", string(lost.Kind))
			}
		}
	}
	if after.same(before) {
		return before, nil
	}
	err := e.swap(ctx, r.id(), before, after)
	switch {
	case errors.Is(err, symphony.ErrConflict):
		return before, nil
	case err != nil:
		return before, err
	case kind == Firing:
		e.o.Logger.Warn("alert", "rule", r.Rule, "transport", r.Transport, "text", r.Text)
		e.o.Changed(told)
	case kind == Resolved:
		e.o.Logger.Info("alert is resolved", "rule", r.Rule, "transport", r.Transport, "text", r.Text)
		e.o.Changed(told)
	}
	return after, nil
}

// swap stores a state in place of the one that it was made of. ErrConflict if that is not the one stored any more.
func (e *Engine) swap(ctx context.Context, id string, before, after *state) error {
	raw, err := json.Marshal(after)
	if err != nil {
		return fmt.Errorf("alert: %w", err)
	}
	if err := e.o.Records.SwapRecord(ctx, recordKind, id, before.raw, raw); err != nil {
		return fmt.Errorf("alert: state of %s: %w", id, err)
	}
	after.raw = raw
	return nil
}
