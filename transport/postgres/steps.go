package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
	"github.com/symphony-messenger/symphony/storage"
)

// A step first locks its record: whoever wants to take another step of the same work waits for the end of this one, and
// then finds that the record has changed. The record is locked after the row of flow control, where that is, and nobody
// who holds a record waits for that row.

var (
	lockRecord = newQuery("lock_record", `SELECT data FROM {schema}.messenger_records
		WHERE kind = $1::text AND id = $2::text FOR UPDATE`)
	saveRecord = newQuery("save_record", `UPDATE {schema}.messenger_records SET data = $3::text
		WHERE kind = $1::text AND id = $2::text`)
)

// errStepTaken says that the record of a step is another one.
var errStepTaken = errors.New("the record has changed")

// recordStep is the record of a step within its transaction.
type recordStep struct {
	storage.Step
	same bool
}

// look locks the record and compares it.
func (r *recordStep) look() call {
	r.same = false
	return call{query: lockRecord, params: [][]byte{[]byte(r.Kind), []byte(r.ID)}, row: func(v [][]byte) error {
		r.same = bytes.Equal(v[0], r.Old)
		return nil
	}}
}

// save writes what the record becomes.
func (r *recordStep) save(done int) call {
	return call{query: saveRecord, params: [][]byte{[]byte(r.Kind), []byte(r.ID), r.New(done)}}
}

// TakeStep takes a step of work in bulk, in one transaction.
func (t *Transport) TakeStep(ctx context.Context, s storage.Step) (done int, err error) {
	if err := t.usable(ctx); err != nil {
		return 0, err
	}
	r := &recordStep{Step: s}
	if len(s.Send) > 0 {
		done, err = t.sendStep(r)
	} else {
		done, err = t.moveFailed(s.Move, r)
	}
	if errors.Is(err, errStepTaken) {
		return 0, fmt.Errorf("record %s/%s: %w", s.Kind, s.ID, symphony.ErrConflict)
	}
	var refused *flow.HeldError
	if errors.As(err, &refused) {
		return 0, refused
	}
	if err != nil {
		return 0, t.storageError("take a step", err)
	}
	return done, nil
}

// sendStep stores the messages of a step.
func (t *Transport) sendStep(r *recordStep) (done int, err error) {
	o, err := newSendOp(r.Send, t.limits)
	if err != nil {
		return 0, err
	}
	var list []added
	err = t.retrying(func(ctx context.Context, l *link) error {
		if err := t.findLanes(ctx, l, o); err != nil {
			return err
		}
		if err := t.drained(o); err != nil {
			return err
		}
		var rows []*messageRow
		for i := range o.list {
			rows = append(rows, &o.list[i])
		}
		var calls []call
		if !o.controlled() {
			if err := l.begin(ctx, r.look()); err != nil {
				return err
			}
			if !r.same {
				l.rollback(ctx)
				return errStepTaken
			}
			calls, list = t.insert(l, rows, t.nowParam())
			return l.finish(ctx, append(calls, r.save(len(rows)))...)
		}
		f, err := t.beginFlow(ctx, l, r.look())
		if err != nil {
			return err
		}
		if !r.same {
			l.rollback(ctx)
			return errStepTaken
		}
		if err := f.enter(rows); err != nil {
			return err
		}
		calls, list = t.insert(l, rows, f.nowParam())
		f.calls = append(append(calls, f.calls...), r.save(len(rows)))
		return f.finish()
	})
	if err != nil {
		return 0, err
	}
	t.arrived(list)
	return len(o.list), nil
}
