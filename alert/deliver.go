package alert

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/handler/httppush"
	"github.com/symphony-messenger/symphony/storage"
)

// How notifications are delivered.
const (
	// postTime bounds one attempt; claimTime is for how long others leave it alone, in case its node dies.
	postTime  = 15 * time.Second
	claimTime = 45 * time.Second
	// The pause after the n-th attempt that failed is firstPause times 2 to the power of n-1, up to longestPause. It is
	// counted in looks, and so no shorter than Options.Interval.
	firstPause   = 10 * time.Second
	longestPause = 10 * time.Minute
	// swaps is how often a change of a record is tried that others change as well.
	swaps = 10
)

// hook is a webhook.
type hook struct {
	*httppush.Handler
	key  string // in records; the URL itself may be a secret
	busy atomic.Bool
}

func hookKey(h *httppush.Handler) string {
	sum := sha256.Sum256([]byte(h.URL()))
	return hex.EncodeToString(sum[:8])
}

// deliver starts, for each webhook that something waits for and nothing is being delivered to, a round of deliveries.
func (e *Engine) deliver(ctx context.Context, states map[string]*state) {
	now := e.o.Clock.Now()
	for _, h := range e.hooks {
		var due []string
		for _, id := range slices.Sorted(maps.Keys(states)) {
			if s := states[id]; s != nil {
				if _, ok := s.next(h.key, now); ok {
					due = append(due, id)
				}
			}
		}
		if len(due) == 0 || !h.busy.CompareAndSwap(false, true) {
			continue
		}
		e.delivery.Go(func() {
			defer h.busy.Store(false)
			for _, id := range due {
				for e.deliverOne(ctx, h, id) {
				}
			}
		})
	}
}

// next is the oldest notification for a webhook, if it is due: they arrive in their order.
func (s *state) next(key string, now time.Time) (int, bool) {
	for i := range s.Outbox {
		if a, ok := s.Outbox[i].To[key]; ok {
			return i, !a.Next.After(now)
		}
	}
	return 0, false
}

// deliverOne posts the next notification of a rule and transport to a webhook. It reports whether there may be another.
func (e *Engine) deliverOne(ctx context.Context, h *hook, id string) (more bool) {
	var n outgoing
	// Claimed first, so that the nodes do not all deliver it.
	err := e.change(ctx, id, func(s *state, now time.Time) bool {
		n = outgoing{} // somebody may have been faster
		i, ok := s.next(h.key, now)
		if !ok {
			return false
		}
		n = s.Outbox[i]
		a := n.To[h.key]
		if now.Sub(n.Made) > giveUp {
			e.o.Logger.Error("a notification was given up", "notification", n.ID, "type", string(n.Kind), "webhook", h.Endpoint(), "attempts", a.Count)
			s.delivered(n.ID, h.key)
			n.ID = ""
			return true
		}
		a.Count++
		a.Next = now.Add(claimTime)
		n.To[h.key] = a
		return true
	})
	if err != nil || n.ID == "" {
		e.failed(ctx, err)
		return err == nil && n.Kind != "" // one that was given up makes way
	}
	posting, cancel := context.WithTimeout(ctx, postTime)
	defer cancel()
	refused := h.Post(posting, n.ID, n.Body)
	if refused != nil {
		e.o.Logger.Warn("a notification was not delivered; it is tried again", "notification", n.ID, "type", string(n.Kind), "webhook", h.Endpoint(), "attempt", n.To[h.key].Count, "error", refused)
	}
	// What was delivered is noted even if this process ends.
	noting := context.WithoutCancel(ctx)
	err = e.change(noting, id, func(s *state, now time.Time) bool {
		if refused == nil {
			return s.delivered(n.ID, h.key)
		}
		for i := range s.Outbox {
			if a, ok := s.Outbox[i].To[h.key]; ok && s.Outbox[i].ID == n.ID {
				a.Next = now.Add(min(firstPause<<min(a.Count-1, 16), longestPause))
				s.Outbox[i].To[h.key] = a
				return true
			}
		}
		return false
	})
	e.failed(ctx, err)
	return refused == nil && err == nil
}

func (e *Engine) failed(ctx context.Context, err error) {
	if err != nil && ctx.Err() == nil {
		e.o.Logger.Warn("a delivery of a notification could not be noted; it is tried again", "error", err)
	}
}

// delivered takes a webhook off a notification. It reports whether it was there.
func (s *state) delivered(id, key string) (was bool) {
	for i := range s.Outbox {
		if s.Outbox[i].ID != id {
			continue
		}
		_, was = s.Outbox[i].To[key]
		delete(s.Outbox[i].To, key)
	}
	s.Outbox = slices.DeleteFunc(s.Outbox, func(o outgoing) bool { return len(o.To) == 0 })
	return was
}

// change changes a state as it is stored; f reports whether it did.
func (e *Engine) change(ctx context.Context, id string, f func(s *state, now time.Time) bool) error {
	ctx, cancel := context.WithTimeout(ctx, storageTime)
	defer cancel()
	for range swaps {
		raw, err := storage.Get(ctx, e.o.Records, recordKind, id)
		if errors.Is(err, symphony.ErrNotFound) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("alert: %w", err)
		}
		before, err := readState(raw)
		if err != nil {
			return err
		}
		after := before.clone()
		if !f(after, e.o.Clock.Now()) {
			return nil
		}
		if err = e.swap(ctx, id, before, after); !errors.Is(err, symphony.ErrConflict) {
			return err
		}
	}
	return fmt.Errorf("alert: state of %s: %w", id, symphony.ErrConflict)
}
