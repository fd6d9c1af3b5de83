package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/symphony-messenger/symphony/flow"
	"zombiezen.com/go/sqlite"
)

// Limits that are set at run time stand in messenger_limits, and in the writer's memory beside those that are
// configured.

// loadLimits reads what is set, at Open. No delivery is in hand that holds no place: those that outlive the process get
// their places back.
func (w *writer) loadLimits() error {
	set, err := w.readLimits()
	w.inForce = w.limits.With(set, time.Time{})
	return err
}

func (w *writer) readLimits() (set []flow.SetLimit, err error) {
	var broken error
	err = w.query("SELECT name, body FROM messenger_limits", func(s *sqlite.Stmt) bool {
		var one flow.SetLimit
		if err := json.Unmarshal([]byte(s.ColumnText(1)), &one); err != nil {
			broken = fmt.Errorf("limit %s: %w: %w", s.ColumnText(0), err, ErrCorrupt)
			return false
		}
		set = append(set, one)
		return true
	})
	return set, errors.Join(err, broken)
}

// setInForce replaces the limits in memory.
func (w *writer) setInForce(l *flow.Limits) {
	before := w.inForce
	w.inForce = l
	w.undo = append(w.undo, func() { w.inForce = before })
}

// looks reports whether the messages of a lane must be looked at because of a limit that is set.
func (w *writer) looks(l *lane) bool {
	return w.inForce.Looks(l.transport, l.queue, time.UnixMicro(w.now))
}

// control has flow control looked at, at a steady time.
func (w *writer) control(at int64) { w.nextControl = min(w.nextControl, at) }

// steers is when a limit or a hold ends by itself, in steady time.
func (w *writer) steers() int64 {
	next := int64(never)
	until, pressure := w.inForce.ChangesAt()
	if !pressure.IsZero() {
		next = micros(pressure) + 1
	}
	add := func(t time.Time) {
		if !t.IsZero() {
			next = min(next, micros(t)+w.steady.Ahead())
		}
	}
	add(until)
	for _, holds := range w.holds {
		add(flow.HoldsEnd(holds))
	}
	return next
}

// SaveLimits stores limits that are set and deletes others.
func (f *flowTx) SaveLimits(save []flow.SetLimit, drop []string) error {
	for i := range save {
		body, err := json.Marshal(save[i])
		if err != nil {
			return err
		}
		err = f.exec("INSERT OR REPLACE INTO messenger_limits (name, body) VALUES (?, ?)", save[i].Name(), body)
		if err != nil {
			return err
		}
	}
	for _, name := range drop {
		if err := f.exec("DELETE FROM messenger_limits WHERE name=?", name); err != nil {
			return err
		}
	}
	set, err := f.readLimits()
	if err != nil {
		return err
	}
	f.setInForce(f.limits.With(set, time.UnixMicro(f.now)))
	f.control(f.steers())
	for _, l := range f.byID {
		if l.next.pending > 0 {
			f.wakes[l]++
		}
	}
	return nil
}

// Counted says that all deliveries hold the places that they should.
func (f *flowTx) Counted() error {
	set, err := f.readLimits()
	f.setInForce(f.limits.With(set, time.Time{}))
	return err
}

// InHand lists the open deliveries.
func (f *flowTx) InHand() (list []flow.InHand, err error) {
	for _, l := range f.leases {
		for i := range l.items {
			it := &l.items[i]
			if it.settled || it.expires <= f.now {
				continue
			}
			m, err := f.look(located{readyRow: it.readyRow})
			if err != nil {
				return nil, err
			}
			list = append(list, flow.InHand{Envelope: m.Envelope, Pass: it.pass})
		}
	}
	return list, nil
}

// limitsOp changes limits.
type limitsOp struct {
	change flow.LimitsChange
	err    error // of change
}

func (o *limitsOp) rows() int { return sweepRows }

func (o *limitsOp) apply(w *writer) error {
	f := w.beginFlow()
	change := func(now, wall time.Time, l *flow.Limits) (save []flow.SetLimit, drop []flow.LimitTarget, _ error) {
		save, drop, o.err = o.change(now, wall, l)
		return save, drop, o.err
	}
	o.err = nil
	if err := f.engine.ChangeLimits(change); o.err != nil {
		return nil // nothing was changed
	} else if err != nil {
		return err
	}
	return f.finish()
}

// ChangeLimits changes what is set at run time.
func (t *Transport) ChangeLimits(ctx context.Context, change flow.LimitsChange) error {
	o := &limitsOp{change: change}
	if err := t.do(ctx, o); err != nil {
		return err
	}
	return o.err
}

// limitStatesOp reads how much of the limits is used.
type limitStatesOp struct{ list []flow.LimitState }

func (o *limitStatesOp) rows() int { return 0 }

func (o *limitStatesOp) apply(w *writer) (err error) {
	if err := w.controlIfDue(); err != nil {
		return err
	}
	o.list, err = w.beginFlow().engine.LimitStates()
	return err
}

// LimitStates tells what limits are configured and set, and how much of each is used.
func (t *Transport) LimitStates(ctx context.Context) ([]flow.LimitState, error) {
	o := &limitStatesOp{}
	err := t.do(ctx, o)
	return slices.Clone(o.list), err
}
