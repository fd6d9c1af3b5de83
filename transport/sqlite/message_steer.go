package sqlite

import (
	"context"
	"fmt"

	"github.com/symphony-messenger/symphony"
)

// DeleteMessage deletes a pending message.
func (t *Transport) DeleteMessage(ctx context.Context, id string) error {
	return t.steer(ctx, id, func(w *writer, m *waiting) (bool, error) {
		if gone, err := w.withdraw(m); err != nil || !gone {
			return false, err
		}
		if err := w.exec("DELETE FROM messenger_messages WHERE seq=?", m.seq); err != nil {
			return false, err
		}
		return true, w.exec("DELETE FROM messenger_attempts WHERE seq=?", m.seq)
	})
}

// RunMessageNow ends the wait of a pending message for its time.
func (t *Transport) RunMessageNow(ctx context.Context, id string) error {
	return t.steer(ctx, id, func(w *writer, m *waiting) (bool, error) {
		if m.available <= w.now {
			return true, nil
		}
		query, args := "UPDATE messenger_ready SET available_at=? WHERE lane=? AND rank=? AND available_at=? AND seq=?", []any{w.now, m.lane.id, m.rank, m.available, m.seq}
		if m.gate != 0 {
			query, args = "UPDATE messenger_parked SET available_at=? WHERE gate=? AND place=? AND available_at=? AND seq=?", []any{w.now, m.gate, m.place, m.available, m.seq}
		}
		if err := w.exec(query, args...); err != nil || w.conn.Changes() == 0 {
			return false, err
		}
		if err := w.exec("UPDATE messenger_messages SET delay=?-created_at WHERE seq=?", w.now, m.seq); err != nil {
			return false, err
		}
		w.wakes[m.lane]++
		if err := w.unschedule(m); err != nil || m.gate == 0 {
			return true, err
		}
		g, err := w.gateByID(m.gate)
		if err != nil || !isLine(g.name) {
			return true, err
		}
		return true, w.advance(&g)
	})
}

// steer has the writer change a pending message. It is looked for aside of the writer, and again if it has moved by then.
func (t *Transport) steer(ctx context.Context, id string, change func(*writer, *waiting) (bool, error)) error {
	for {
		o := &steerOp{change: change}
		err := t.view(ctx, t.readers, "find message in", func(v *view) error {
			f, err := v.one(id)
			if err != nil {
				return err
			}
			if f.id == "" {
				return fmt.Errorf("message %s: %w", id, symphony.ErrNotFound)
			}
			status := symphony.Failed
			if f.failed == "" {
				if status, err = v.status(f.seq); err != nil {
					return err
				}
			}
			if status != symphony.Pending {
				o.refused = &symphony.MessageStatusError{ID: id, Status: status}
				return nil
			}
			m, delay, err := v.envelope(f.seq)
			if err != nil {
				return err
			}
			if m.Attempts, err = v.attempts(f.seq); err != nil {
				return err
			}
			o.seq = f.seq
			o.seen, err = v.waiting(&m, f.seq, delay, never)
			return err
		})
		if err != nil {
			return err
		}
		if o.refused != nil {
			return o.refused
		}
		if err := t.do(ctx, o); err != nil || o.done {
			return err
		}
	}
}

// steerOp changes a message if it still waits where it was seen, or under flow control wherever it waits.
type steerOp struct {
	change  func(*writer, *waiting) (bool, error)
	seq     int64
	seen    *waiting
	refused error
	done    bool
}

func (*steerOp) rows() int { return purgeRows }

func (o *steerOp) apply(w *writer) (err error) {
	o.done = false
	m, err := w.findWaiting(o.seq)
	if err != nil {
		return err
	}
	if m == nil && o.seen != nil && o.seen.gate == 0 {
		seen := *o.seen
		seen.lane = w.byID[seen.lane.id]
		m = &seen
	}
	if m == nil || m.lane == nil {
		return nil
	}
	o.done, err = o.change(w, m)
	return err
}
