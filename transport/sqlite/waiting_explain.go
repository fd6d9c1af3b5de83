package sqlite

import (
	"context"
	"time"

	"github.com/symphony-messenger/symphony/flow"
	"zombiezen.com/go/sqlite"
)

// controlOp does what a claim does first: it returns what nobody settled, and looks at gates whose time has come.
type controlOp struct{}

func (controlOp) rows() int { return 0 }

func (controlOp) apply(w *writer) error {
	if err := w.expire(); err != nil {
		return err
	}
	return w.controlIfDue()
}

// Wait says why a message waits.
func (t *Transport) Wait(ctx context.Context, id string) (wait flow.Wait, err error) {
	if err := t.do(ctx, controlOp{}); err != nil {
		return wait, err
	}
	var at located
	var now int64
	err = t.steer(ctx, id, func(f *flowTx, m *waiting) (bool, error) {
		at, now = m.Row, f.now
		wait, err = f.engine.Explain(m)
		return true, err
	})
	if wait.Until = t.shownTime(wait); err != nil || at.available > now {
		return wait, err
	}
	err = t.view(ctx, t.readers, "read the line in", func(v *view) (err error) {
		wait.Position, err = v.position(&at, now)
		return err
	})
	return wait, err
}

// shownTime is until when a message waits, by the time of day, by which holds end anyway.
func (t *Transport) shownTime(w flow.Wait) time.Time {
	if w.Until.IsZero() || w.Reason == flow.WaitsForHold {
		return w.Until
	}
	return t.shown(micros(w.Until))
}

// position is the place of a message among those that are ready in its queue, or wait before the same gate: 1 for the
// next one, 0 behind flow.MaxPosition.
func (v *view) position(p *located, now int64) (int, error) {
	ahead := 0
	count := func(rows string, args ...any) error {
		n := 0
		err := v.query("SELECT count(*) FROM (SELECT 1 FROM "+rows+" LIMIT +?)", func(s *sqlite.Stmt) bool {
			n = s.ColumnInt(0)
			return false
		}, append(args, flow.MaxPosition-ahead)...)
		ahead += n
		return err
	}
	if p.gate != 0 {
		err := count("messenger_parked WHERE gate=? AND (place, available_at, seq)<(?, ?, ?) AND available_at<=?",
			p.gate, p.place, p.available, p.seq, now)
		return placeBehind(ahead), err
	}
	for rank := int64(0); rank <= p.rank && ahead < flow.MaxPosition; rank++ {
		for _, l := range v.lanes {
			if l.transport != p.lane.transport || l.queue != p.lane.queue {
				continue
			}
			var err error
			if rank < p.rank {
				err = count("messenger_ready WHERE lane=? AND rank=? AND available_at<=?", l.id, rank, now)
			} else {
				err = count("messenger_ready WHERE lane=? AND rank=? AND (available_at, seq)<(?, ?)", l.id, rank,
					p.available, p.seq)
			}
			if err != nil {
				return 0, err
			}
		}
	}
	return placeBehind(ahead), nil
}

// placeBehind is the place behind so many others.
func placeBehind(ahead int) int {
	if ahead >= flow.MaxPosition {
		return 0
	}
	return ahead + 1
}
