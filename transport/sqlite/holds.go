package sqlite

import (
	"context"
	"fmt"
	"slices"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
	"zombiezen.com/go/sqlite"
)

// loadHolds reads what is stopped, at Open.
func (w *writer) loadHolds() error {
	return w.query(`SELECT transport, queue, type, mode, since, by, reason, until
		FROM messenger_holds ORDER BY since`, func(s *sqlite.Stmt) bool {
		transport := s.ColumnText(0)
		w.holds[transport] = append(w.holds[transport], flow.Hold{
			HoldTarget: flow.HoldTarget{Queue: s.ColumnText(1), Type: s.ColumnText(2)},
			Mode:       flow.HoldMode(s.ColumnText(3)), Since: fromMicros(s.ColumnInt64(4)),
			By: s.ColumnText(5), Reason: s.ColumnText(6),
			Until: fromMicros(s.ColumnInt64(7)),
		})
		return true
	})
}

// setHolds replaces a transport's holds in memory. The slices are never changed.
func (w *writer) setHolds(transport string, holds []flow.Hold) {
	before := w.holds[transport]
	w.holds[transport] = holds
	w.undo = append(w.undo, func() { w.holds[transport] = before })
}

// held is what is stopped of a transport.
func (w *writer) held(transport string) []flow.Hold {
	return flow.Live(w.holds[transport], fromMicros(w.wall))
}

// EndHold deletes a hold.
func (f *flowTx) EndHold(transport string, t flow.HoldTarget) error {
	left := slices.DeleteFunc(slices.Clone(f.holds[transport]), func(h flow.Hold) bool { return h.HoldTarget == t })
	f.setHolds(transport, left)
	f.wake(transport)
	return f.exec("DELETE FROM messenger_holds WHERE transport=? AND queue=? AND type=?", transport, t.Queue, t.Type)
}

// wake has receivers look again at all lanes of a transport in which something waits.
func (w *writer) wake(transport string) {
	for _, l := range w.lanesOf(transport, nil) {
		if l.next.pending > 0 {
			w.wakes[l]++
		}
	}
}

// Holds reads what is stopped.
func (f *flowTx) Holds() (map[string][]flow.Hold, error) { return f.holds, nil }

// Hold stops a part of the transport.
func (t *Transport) Hold(ctx context.Context, h flow.Hold) error {
	if err := h.Validate(); err != nil {
		return err
	}
	return t.do(ctx, &holdOp{transport: t.name, target: h.HoldTarget, hold: &h})
}

// Release ends a hold.
func (t *Transport) Release(ctx context.Context, target flow.HoldTarget) error {
	if err := target.Validate(); err != nil {
		return err
	}
	o := &holdOp{transport: t.name, target: target}
	if err := t.do(ctx, o); err != nil {
		return err
	}
	if !o.found {
		return fmt.Errorf("hold of %s: %w", target, symphony.ErrNotFound)
	}
	return nil
}

// Holds lists what is stopped.
func (t *Transport) Holds(ctx context.Context) ([]flow.Hold, error) {
	o := &holdsOp{transport: t.name}
	if err := t.do(ctx, o); err != nil {
		return nil, err
	}
	return o.holds, nil
}

// holdOp sets a hold, or with none releases it.
type holdOp struct {
	transport string
	target    flow.HoldTarget
	hold      *flow.Hold
	found     bool
}

func (o *holdOp) rows() int { return sweepRows }

func (o *holdOp) apply(w *writer) error {
	if err := w.controlIfDue(); err != nil { // what is over ends, and cannot be released any more
		return err
	}
	before := w.held(o.transport)
	holds := slices.DeleteFunc(slices.Clone(before), func(h flow.Hold) bool { return h.HoldTarget == o.target })
	o.found = len(holds) < len(before)
	if o.found {
		if err := w.exec("DELETE FROM messenger_holds WHERE transport=? AND queue=? AND type=?", o.transport, o.target.Queue, o.target.Type); err != nil {
			return err
		}
	}
	if o.hold != nil {
		h := *o.hold
		h.Since = fromMicros(w.wall)
		holds = append(holds, h)
		until := int64(0)
		if !h.Until.IsZero() {
			until = micros(h.Until)
			h.Until = fromMicros(until)
			w.control(until + w.steady.Ahead())
		}
		err := w.exec(`INSERT OR REPLACE INTO messenger_holds (transport, queue, type, mode, since, by, reason, until)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?)`, o.transport, h.Queue, h.Type, string(h.Mode), w.wall, h.By, h.Reason, nullable(until))
		if err != nil {
			return err
		}
	}
	w.setHolds(o.transport, holds)
	if !o.found {
		return nil
	}
	if o.target.Type != "" {
		f := w.beginFlow()
		if err := f.engine.Release(o.transport, o.target.Type); err != nil {
			return err
		}
		if err := f.finish(); err != nil {
			return err
		}
	}
	w.wake(o.transport)
	return nil
}

type holdsOp struct {
	transport string
	holds     []flow.Hold
}

func (o *holdsOp) rows() int { return 0 }

func (o *holdsOp) apply(w *writer) error {
	o.holds = slices.Clone(w.held(o.transport))
	return nil
}
