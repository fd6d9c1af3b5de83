package sqlite

import (
	"bytes"
	"context"
	"fmt"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/storage"
)

// TakeStep takes a step of work in bulk, in one transaction.
func (t *Transport) TakeStep(ctx context.Context, s storage.Step) (int, error) {
	o := &stepOp{step: s}
	var err error
	switch {
	case len(s.Send) > 0:
		o.send, err = newSendOp(s.Send)
	case len(s.Move) > 0:
		o.move = &moveFailedOp{transport: t.name, moves: s.Move}
	}
	if err == nil {
		err = t.do(ctx, o)
	}
	if err != nil {
		return 0, err
	}
	return o.done, o.refused
}

type stepOp struct {
	step    storage.Step
	send    *sendOp
	move    *moveFailedOp
	done    int
	refused error // why nothing was done
}

func (o *stepOp) rows() int { return 1 + len(o.step.Send) + len(o.step.Move) }

func (o *stepOp) apply(w *writer) error {
	o.done, o.refused = 0, nil
	old, err := w.record(o.step.Kind, o.step.ID)
	if err != nil {
		return err
	}
	if old == nil || !bytes.Equal(old, o.step.Old) {
		o.refused = fmt.Errorf("record %s/%s: %w", o.step.Kind, o.step.ID, symphony.ErrConflict)
		return nil
	}
	switch {
	case o.send != nil:
		if err = o.send.apply(w); err == nil && o.send.conflict != nil {
			o.refused = o.send.conflict
			return nil
		}
		o.done = len(o.send.rowsIn)
	case o.move != nil:
		err = o.move.apply(w)
		o.done = o.move.done
	}
	if err != nil {
		return err
	}
	return w.exec("UPDATE messenger_records SET data=? WHERE kind=? AND id=?",
		o.step.New(o.done), o.step.Kind, o.step.ID)
}
