package sqlite

import (
	"context"
	"slices"
	"time"

	"github.com/symphony-messenger/symphony/internal/steady"
	"zombiezen.com/go/sqlite"
)

// Times in the tables are of two kinds. Steady ones (available_at, delay and retry_at, the ends of leases, gates, windows of
// idempotency keys) belong to what lasts a while; w.now is compared with them. Times of day (created, scheduled, expires,
// started, finished, failed) are the machine's clock's; w.wall is. A message that is scheduled for a time of day is placed
// in its lane by how far steady time is ahead, and placed again when the machine's clock is set.

const (
	// lookEvery is how often the machine's clock is looked at where nothing else does, so that a message whose time of day
	// has come by a step of the clock is not waited for any longer.
	lookEvery = time.Second
	// beatEvery is how often steady time is written while somebody elsewhere holds a lease, in microseconds: a lease may
	// last that much longer when the process is killed.
	beatEvery = 5_000_000
	// placeRows is how many scheduled messages one transaction places again.
	placeRows = 1000
)

// now is steady time.
func (s *store) now() int64 { return s.steady.Now() }

// shown is the time of day of a steady time, as far as it is known: by how the machine's clock stands now.
func (s *store) shown(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return fromMicros(us - s.steady.Ahead())
}

// openClock begins steady time where the database's last process left it.
func (w *writer) openClock() error {
	err := w.query("SELECT max(c.at, (SELECT coalesce(max(at), 0) FROM messenger_lanes)), c.ahead FROM messenger_clock c", func(s *sqlite.Stmt) bool {
		w.stood, w.placedAhead = s.ColumnInt64(0), s.ColumnInt64(1)
		return false
	})
	if err != nil {
		return err
	}
	w.steady = steady.New(w.clock, w.stood)
	if ahead := time.Duration(w.steady.Ahead()) * time.Microsecond; ahead >= steady.Step {
		w.log.Warn("the machine's clock is behind what is stored; messages and leases go on from there, times of day by the machine's clock",
			"behind", ahead.Round(time.Millisecond))
	}
	if off := time.Duration(w.steady.Ahead()-w.placedAhead) * time.Microsecond; off >= steady.Step || off <= -steady.Step {
		w.placing = &place{}
	}
	return nil
}

// readClock sets the transaction's times, and notices when the machine's clock was set: then scheduled messages are placed
// again, the earliest in this transaction.
func (w *writer) readClock() error {
	r, before := w.steady.Look(), w.now
	w.now, w.wall = r.Now, r.Wall
	if r.Set == 0 {
		return nil
	}
	w.log.Warn("the machine's clock was set; leases and pauses go on as they were, times of day by the new time",
		"by", r.Set.Round(time.Millisecond))
	// What had come by the clock as it was is not waited for again.
	w.wall = before - w.steady.Ahead()
	if err := w.sweep(); err != nil {
		return err
	}
	w.wall = r.Wall
	w.steady.Notice(r)
	w.placing = &place{}
	return w.placeScheduled()
}

// place is how far scheduled messages have been placed again.
type place struct{ at, seq int64 }

// placeScheduled places some of the scheduled messages again, by how far steady time is ahead now.
func (w *writer) placeScheduled() error {
	if w.placing == nil {
		return nil
	}
	type row struct{ at, seq, rank, created, old int64 }
	var (
		rows  []row
		lanes []int64
	)
	err := w.query(`SELECT s.scheduled_at, s.seq, s.lane, m.priority, m.created_at, m.created_at + coalesce(m.delay, s.scheduled_at - m.created_at)
		FROM messenger_scheduled s JOIN messenger_messages m ON m.seq = s.seq WHERE (s.scheduled_at, s.seq)>(?, ?) ORDER BY s.scheduled_at, s.seq LIMIT ?`, func(s *sqlite.Stmt) bool {
		rows = append(rows, row{s.ColumnInt64(0), s.ColumnInt64(1), rankOf(s.ColumnInt(3)), s.ColumnInt64(4), s.ColumnInt64(5)})
		lanes = append(lanes, s.ColumnInt64(2))
		return true
	}, w.placing.at, w.placing.seq, placeRows)
	if err != nil {
		return err
	}
	var gates []string
	for i, r := range rows {
		gate, err := w.placeOne(lanes[i], r.rank, r.seq, r.old, max(r.at+w.steady.Ahead(), w.now), r.created)
		if err != nil {
			return err
		}
		if gate != "" && !slices.Contains(gates, gate) {
			gates = append(gates, gate)
		}
	}
	if len(gates) > 0 { // when all of a line are in their places
		f := w.beginFlow()
		if err := f.engine.Retimed(gates); err != nil {
			return err
		}
		if err := f.finish(); err != nil {
			return err
		}
	}
	before, nextDue := w.placing, w.nextDue
	w.undo = append(w.undo, func() { w.placing, w.nextDue = before, nextDue })
	w.nextDue = w.now // what is due by now, and the rest of them
	if len(rows) == placeRows {
		last := rows[len(rows)-1]
		w.placing = &place{last.at, last.seq}
		return nil
	}
	w.placing = nil
	return w.saveClock()
}

// placeOne moves a scheduled message that waits where it was placed. One that was begun, or moved otherwise, stays. It
// returns the gate before which the message waits, if it does.
func (w *writer) placeOne(lane, rank, seq, old, now, created int64) (gate string, err error) {
	if old == now {
		return "", nil
	}
	if err := w.exec("UPDATE messenger_ready SET available_at=? WHERE lane=? AND rank=? AND available_at=? AND seq=?", now, lane, rank, old, seq); err != nil {
		return "", err
	}
	if w.conn.Changes() == 0 {
		err := w.query("SELECT g.name FROM messenger_parked p JOIN messenger_gates g ON g.gate = p.gate WHERE p.seq=? AND p.available_at=?", func(s *sqlite.Stmt) bool {
			gate = s.ColumnText(0)
			return false
		}, seq, old)
		if err != nil || gate == "" {
			return "", err
		}
		if err := w.exec("UPDATE messenger_parked SET available_at=? WHERE seq=?", now, seq); err != nil {
			return "", err
		}
	}
	return gate, w.exec("UPDATE messenger_messages SET delay=? WHERE seq=?", now-created, seq)
}

// due reports whether housekeeping has something to do and may not have got to it: a lease ran out, a scheduled time came,
// or the machine's clock was set.
func (s *store) due() bool {
	r := s.steady.Look()
	return r.Now >= s.nextEvent.Load() || r.Set != 0
}

// beat writes where steady time stands while somebody elsewhere holds a lease, whose remaining time it tells the next
// process. Transactions that change counts write it anyway.
func (w *writer) beat() error {
	if w.apart == 0 || w.now < w.beaten+beatEvery {
		return nil
	}
	w.beaten = w.now
	return w.saveClock()
}

func (w *writer) saveClock() error {
	if w.placing == nil {
		w.placedAhead = w.steady.Ahead()
	}
	return w.exec("UPDATE messenger_clock SET at=?, ahead=?", w.now, w.placedAhead)
}

// saveClockOp is the last word before the database is closed.
type saveClockOp struct{}

func (saveClockOp) rows() int             { return 1 }
func (saveClockOp) apply(w *writer) error { return w.saveClock() }

// watchClock has the writer notice when the machine's clock is set while nothing is written.
func (s *store) watchClock() {
	for {
		timer := s.clock.NewTimer(lookEvery)
		select {
		case <-s.closing:
			timer.Stop()
			return
		case <-timer.C():
		}
		if s.steady.Look().Set != 0 {
			// Whatever fails here fails again in the next call, which tells its caller.
			_ = s.do(context.Background(), &houseOp{})
		}
	}
}
