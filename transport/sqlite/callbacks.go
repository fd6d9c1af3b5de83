package sqlite

import (
	"github.com/symphony-messenger/symphony"
	"zombiezen.com/go/sqlite"
)

// follow dispatches what is to follow a message that ends, in the transaction in which it does, whatever stops or
// drains. Whoever ends a message calls it before the message's row is gone. Messages with callbacks are in controlled
// lanes, so nothing is looked for in others.
func (w *writer) follow(r readyRow, source symphony.Source) error {
	if !r.lane.controlled {
		return nil
	}
	e := symphony.Envelope{Transport: r.lane.transport, Queue: r.lane.queue}
	err := w.query("SELECT id, type, extras FROM messenger_messages WHERE seq=?", func(s *sqlite.Stmt) bool {
		e.ID, e.Type = s.ColumnText(0), s.ColumnText(1)
		_ = e.DecodeExtras(columnBytes(s, 2)) // what cannot be read asks for nothing
		return false
	}, r.seq)
	if err != nil {
		return err
	}
	next := e.Follow(source, fromMicros(w.wall))
	if next == nil {
		return nil
	}
	o, err := newSendOp([]*symphony.Envelope{next})
	if err != nil {
		return err
	}
	l, err := w.laneFor(next)
	if err != nil {
		return err
	}
	_, err = w.insert(&o.rowsIn[0], l)
	return err
}
