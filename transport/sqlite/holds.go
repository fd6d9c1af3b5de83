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
	return w.query("SELECT transport, queue, type, mode, since, by, reason FROM messenger_holds ORDER BY since", func(s *sqlite.Stmt) bool {
		transport := s.ColumnText(0)
		w.holds[transport] = append(w.holds[transport], flow.Hold{
			HoldTarget: flow.HoldTarget{Queue: s.ColumnText(1), Type: s.ColumnText(2)},
			Mode:       flow.HoldMode(s.ColumnText(3)), Since: fromMicros(s.ColumnInt64(4)), By: s.ColumnText(5), Reason: s.ColumnText(6),
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
	before := w.holds[o.transport]
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
		err := w.exec("INSERT INTO messenger_holds (transport, queue, type, mode, since, by, reason) VALUES (?, ?, ?, ?, ?, ?, ?)",
			o.transport, h.Queue, h.Type, string(h.Mode), w.wall, h.By, h.Reason)
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
	for _, l := range w.lanesOf(o.transport, nil) {
		if l.next.pending > 0 {
			w.wakes[l]++
		}
	}
	return nil
}

type holdsOp struct {
	transport string
	holds     []flow.Hold
}

func (o *holdsOp) rows() int { return 0 }

func (o *holdsOp) apply(w *writer) error {
	o.holds = slices.Clone(w.holds[o.transport])
	return nil
}
