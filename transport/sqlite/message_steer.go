package sqlite

import (
	"context"
	"fmt"

	"github.com/symphony-messenger/symphony"
)

// DeleteMessage deletes a pending message.
func (t *Transport) DeleteMessage(ctx context.Context, id string) error {
	return t.steer(ctx, id, func(f *flowTx, m *waiting) (bool, error) {
		n, err := f.engine.Delete([]*waiting{m})
		return n > 0, err
	})
}

// RunMessageNow ends the wait of a pending message for its time.
func (t *Transport) RunMessageNow(ctx context.Context, id string) error {
	return t.steer(ctx, id, func(f *flowTx, m *waiting) (bool, error) { return f.engine.RunNow(m) })
}

// steer has the writer change a pending message. It is looked for aside of the writer, and again if it has moved by
// then.
func (t *Transport) steer(ctx context.Context, id string, change func(*flowTx, *waiting) (bool, error)) error {
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
	change  func(*flowTx, *waiting) (bool, error)
	seq     int64
	seen    *located
	refused error
	done    bool
}

func (*steerOp) rows() int { return purgeRows }

func (o *steerOp) apply(w *writer) error {
	o.done = false
	p, err := w.findWaiting(o.seq)
	if err != nil {
		return err
	}
	if p == nil && o.seen != nil && o.seen.gate == 0 {
		seen := *o.seen
		seen.lane = w.byID[seen.lane.id]
		p = &seen
	}
	if p == nil || p.lane == nil {
		return nil
	}
	f := w.beginFlow()
	m, err := f.look(*p)
	if err == nil {
		o.done, err = o.change(f, m)
	}
	if err != nil {
		return err
	}
	return f.finish()
}
