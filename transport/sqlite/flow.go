package sqlite

import (
	"time"

	"github.com/symphony-messenger/symphony/flow"
	"zombiezen.com/go/sqlite"
)

// Messages under flow control are in lanes of their own. The writer is alone, so what flow.Engine reads of gates, lines
// and waiting messages stays true until it has decided.
//
// What the engine asks for is in gates.go (their numbers), parked.go (who waits before them), waiting.go (all that
// wait) and holds.go (what is stopped).

// flowTx is a part of the writer's transaction in which flow control is decided, and the engine's store within it.
type flowTx struct {
	*writer
	engine *flow.Engine[located]
	gates  map[string]int64 // the numbers of gates that are stored, by name
}

// located is a message and where its row is: before a gate, or in its lane.
type located struct {
	readyRow
	gate, place int64  // gate is 0 in a lane
	name        string // of the gate
}

// beginFlow starts to decide. finish must follow.
func (w *writer) beginFlow() *flowTx {
	f := &flowTx{writer: w, gates: make(map[string]int64)}
	f.engine = flow.NewEngine[located](f, w.inForce, time.UnixMicro(w.now))
	f.engine.SetWall(time.UnixMicro(w.wall))
	return f
}

// finish writes what was decided.
func (f *flowTx) finish() error { return f.engine.Finish() }

// depart gives back the places of deliveries that end.
func (w *writer) depart(ends []flow.Departure) error {
	if len(ends) == 0 {
		return nil
	}
	f := w.beginFlow()
	if err := f.engine.Depart(ends); err != nil {
		return err
	}
	return f.finish()
}

// controlIfDue fails messages that expired, and looks at gates whose time has come.
func (w *writer) controlIfDue() error {
	if w.now < w.nextControl {
		return nil
	}
	before := w.nextControl
	w.undo = append(w.undo, func() { w.nextControl = before })
	f := w.beginFlow()
	if err := f.engine.EndOver(); err != nil {
		return err
	}
	if err := f.engine.Expire(); err != nil {
		return err
	}
	if err := f.engine.Wake(); err != nil {
		return err
	}
	if err := f.finish(); err != nil {
		return err
	}
	over := f.engine.Over()
	w.over.Holds, w.over.Limits = append(w.over.Holds, over.Holds...), append(w.over.Limits, over.Limits...)
	next := w.steers()
	err := w.query("SELECT expires_at FROM messenger_expiring ORDER BY expires_at LIMIT 1", func(s *sqlite.Stmt) bool {
		next = min(next, s.ColumnInt64(0)+w.steady.Ahead())
		return true
	})
	if err != nil {
		return err
	}
	err = w.query("SELECT wake_at FROM messenger_gates WHERE wake_at IS NOT NULL ORDER BY wake_at LIMIT 1", func(s *sqlite.Stmt) bool {
		next = min(next, s.ColumnInt64(0))
		return true
	})
	w.nextControl = next
	return err
}

// recoverGates runs at Open: nobody holds a place behind a limit any more, and the limits may have changed. Lines are
// as long as they were.
func (w *writer) recoverGates() error {
	return w.exec(`UPDATE messenger_gates SET wake_at=?,
		used=CASE WHEN name GLOB '`+flow.TurnLine+`*' OR name GLOB '`+flow.OrderLine+`*' THEN used ELSE 0 END`, w.now)
}
