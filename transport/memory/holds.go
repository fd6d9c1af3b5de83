package memory

import (
	"context"
	"fmt"
	"slices"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
)

// Hold stops a part of the transport.
func (t *Transport) Hold(ctx context.Context, h flow.Hold) error {
	if err := h.Validate(); err != nil {
		return err
	}
	if err := t.enter(ctx); err != nil {
		return err
	}
	defer t.mu.Unlock()
	h.Since = t.shown(t.now())
	t.holds[t.name] = append(slices.DeleteFunc(t.holds[t.name], isHoldOf(h.HoldTarget)), h)
	return nil
}

// Release ends a hold.
func (t *Transport) Release(ctx context.Context, target flow.HoldTarget) error {
	if err := target.Validate(); err != nil {
		return err
	}
	if err := t.enter(ctx); err != nil {
		return err
	}
	defer t.mu.Unlock()
	if !slices.ContainsFunc(t.holds[t.name], isHoldOf(target)) {
		return fmt.Errorf("hold of %s: %w", target, symphony.ErrNotFound)
	}
	t.holds[t.name] = slices.DeleteFunc(t.holds[t.name], isHoldOf(target))
	t.wake()
	return nil
}

func isHoldOf(target flow.HoldTarget) func(flow.Hold) bool {
	return func(h flow.Hold) bool { return h.HoldTarget == target }
}

// Holds lists what is stopped.
func (t *Transport) Holds(ctx context.Context) ([]flow.Hold, error) {
	if err := t.enter(ctx); err != nil {
		return nil, err
	}
	defer t.mu.Unlock()
	return slices.Clone(t.holds[t.name]), nil
}

// paused reports whether nothing of a lane may be handed out.
func (s *store) paused(l *lane) bool {
	return slices.ContainsFunc(s.holds[l.transport], func(h flow.Hold) bool {
		return h.Mode == flow.Paused && h.Type == "" && (h.Queue == "" || h.Queue == l.queue)
	})
}

// pausedBy returns the pattern by which the type of a message is paused, or nothing.
func (s *store) pausedBy(m *message) string {
	for _, h := range s.holds[m.lane.transport] {
		if h.Type != "" && flow.Held([]flow.Hold{h}, "", m.Type) {
			return h.Type
		}
	}
	return ""
}

// Purge deletes waiting messages.
func (t *Transport) Purge(ctx context.Context, f flow.PurgeFilter, progress func(deleted int)) (int, error) {
	if err := f.Validate(); err != nil {
		return 0, err
	}
	if err := t.enter(ctx); err != nil {
		return 0, err
	}
	var doomed []*message
	collect := func(list []*message) {
		for _, m := range list {
			if m.lane.transport == t.name && (f.Queue == "" || m.lane.queue == f.Queue) && (f.Type == "" || m.Type == f.Type) {
				doomed = append(doomed, m)
			}
		}
	}
	for _, l := range t.lanes {
		for p := range l.ready {
			collect(l.ready[p].list)
		}
	}
	for _, g := range t.gates {
		collect(g.parked.list)
	}
	for _, m := range doomed {
		t.withdraw(m)
		t.drop(m)
	}
	t.wake()
	t.mu.Unlock()
	if progress != nil && len(doomed) > 0 {
		progress(len(doomed))
	}
	return len(doomed), nil
}
