package sqlite

import (
	"context"
	"errors"
	"time"

	"github.com/symphony-messenger/symphony"
	"zombiezen.com/go/sqlite"
)

// Housekeeping runs when something is due and not otherwise: a lease that ends, a message whose time comes, and a
// regular purge.
const (
	// sweepRows and purgeRows bound what one transaction of housekeeping moves, so that calls do not wait for it.
	sweepRows = 2000
	purgeRows = 500
	// purgeWindow is how many completed messages one look of the purge reads.
	purgeWindow = 5000
	// purgeEvery is the time between two purges; a row stays for up to this much longer than its message is kept.
	purgeEvery = 5 * time.Minute
)

// keepHouse waits for what is due next.
func (s *store) keepHouse() {
	purgeAt, fillAt := s.now(), int64(never)
	failing := false
	for {
		if s.unmarked() {
			fillAt = min(fillAt, s.now()+fillEvery)
		}
		next := min(s.nextEvent.Load(), purgeAt, fillAt)
		timer := s.clock.NewTimer(time.Duration(max(next-s.now(), 0)) * time.Microsecond)
		select {
		case <-s.closing:
			timer.Stop()
			return
		case <-s.rearm:
			timer.Stop()
			continue
		case <-timer.C():
		}
		ctx := context.Background()
		err := s.do(ctx, &houseOp{})
		if now := s.now(); now >= purgeAt {
			err = errors.Join(err, s.purge(ctx))
			purgeAt = now + purgeEvery.Microseconds()
		}
		if s.now() >= fillAt {
			err = errors.Join(err, s.fillMarks(ctx, fillRows))
			fillAt = never
		}
		if err == nil || errors.Is(err, symphony.ErrClosed) {
			failing = false
			continue
		}
		if !failing {
			s.log.Error("housekeeping of the database fails; it is tried again until it works", "error", err)
		}
		failing = true
		pause := s.clock.NewTimer(time.Second) // a disk that is full stays so for a while
		select {
		case <-s.closing:
		case <-pause.C():
		}
		pause.Stop()
	}
}

// Housekeep does at once, for all transports of the file, what otherwise happens in the background when it is due: it
// ends leases and messages that ran out, wakes what has become due, and deletes what was kept long enough. It is for
// processes that do not go on between calls, such as serverless functions; elsewhere it does no harm. Errors are the
// storage's; what was left is done by the next call.
func (s *store) Housekeep(ctx context.Context) error {
	for {
		if err := s.do(ctx, &houseOp{}); err != nil {
			return err
		}
		if s.nextEvent.Load() > s.now() { // one transaction does not do all where there is much
			break
		}
	}
	for n := 0; n < fillSteps && s.unmarked(); n++ {
		if err := s.fillMarks(ctx, fillRows); err != nil {
			return err
		}
	}
	return s.purge(ctx)
}

// scheduleEvent tells housekeeping when something is due next.
func (w *writer) scheduleEvent() {
	next := min(w.nextDue, w.nextControl)
	if len(w.expiry) > 0 {
		next = min(next, w.expiry[0].next)
	}
	if w.apart > 0 {
		next = min(next, w.beaten+beatEvery)
	}
	if before := w.nextEvent.Swap(next); next < before {
		select {
		case w.rearm <- struct{}{}:
		default:
		}
	}
}

// houseOp returns expired deliveries and notices messages whose time has come.
type houseOp struct{}

func (*houseOp) rows() int { return sweepRows }

func (*houseOp) apply(w *writer) error {
	if err := w.placeScheduled(); err != nil {
		return err
	}
	if err := w.expire(); err != nil {
		return err
	}
	if err := w.controlIfDue(); err != nil || w.now < w.nextDue {
		return err
	}
	return w.sweep()
}

// sweep uncounts scheduled messages whose time has come, wakes a receiver for each lane that has something ready, and
// finds out when the next message becomes ready.
func (w *writer) sweep() error {
	type row struct{ at, seq, lane int64 }
	var due []row
	err := w.query("SELECT scheduled_at, seq, lane FROM messenger_scheduled WHERE scheduled_at<=? ORDER BY scheduled_at, seq LIMIT ?", func(s *sqlite.Stmt) bool {
		due = append(due, row{s.ColumnInt64(0), s.ColumnInt64(1), s.ColumnInt64(2)})
		return true
	}, w.wall, sweepRows)
	if err != nil {
		return err
	}
	for _, r := range due {
		w.touch(w.byID[r.lane]).next.scheduled--
	}
	if len(due) > 0 {
		last := due[len(due)-1]
		if err := w.exec("DELETE FROM messenger_scheduled WHERE (scheduled_at, seq)<=(?, ?)", last.at,
			last.seq); err != nil {
			return err
		}
	}
	next := int64(never)
	// More that are due, or the next one; those of groups are in no lane's index.
	err = w.query("SELECT scheduled_at FROM messenger_scheduled ORDER BY scheduled_at LIMIT 1",
		func(s *sqlite.Stmt) bool {
			next = max(s.ColumnInt64(0)+w.steady.Ahead(), w.now)
			return false
		})
	if err != nil {
		return err
	}
	for _, l := range w.byID {
		if l.next.pending == 0 {
			continue
		}
		ready, later, err := w.heads(l)
		if err != nil {
			return err
		}
		if ready {
			w.wakes[l]++
		}
		next = min(next, later)
	}
	before := w.nextDue
	w.nextDue = next
	w.undo = append(w.undo, func() { w.nextDue = before })
	return nil
}

// heads tells whether a lane has a ready message and when the next one becomes ready.
func (w *writer) heads(l *lane) (ready bool, later int64, err error) {
	streams, err := w.ranks([]*lane{l})
	if err != nil {
		return false, 0, err
	}
	later = never
	for _, rank := range streams {
		first := func(condition string, f func(available int64)) error {
			return w.query("SELECT available_at FROM messenger_ready WHERE lane=? AND rank=? AND available_at"+condition+" ORDER BY available_at LIMIT 1",
				func(s *sqlite.Stmt) bool {
					f(s.ColumnInt64(0))
					return true
				}, l.id, rank[0].rank, w.now)
		}
		err := errors.Join(
			first("<=?", func(int64) { ready = true }),
			first(">?", func(at int64) { later = min(later, at) }))
		if err != nil {
			return false, 0, err
		}
	}
	return ready, later, nil
}

// purge deletes messages that are past their periods, the names of workers that only they had, and what else is over.
func (s *store) purge(ctx context.Context) error {
	if err := s.purgeRetried(ctx); err != nil {
		return err
	}
	if err := s.purgeEnded(ctx); err != nil {
		return err
	}
	if err := s.forgetNotes(ctx); err != nil {
		return err
	}
	if err := s.keepGroups(ctx); err != nil {
		return err
	}
	if err := s.measureIfDue(ctx); err != nil {
		return err
	}
	for {
		keys := &purgeKeysOp{}
		if err := s.do(ctx, keys); err != nil || keys.deleted < purgeRows {
			return err
		}
	}
}

type purgeKeysOp struct{ deleted int }

func (o *purgeKeysOp) rows() int { return purgeRows }

func (o *purgeKeysOp) apply(w *writer) error {
	err := w.exec(`DELETE FROM messenger_idempotency WHERE (transport, key) IN
		(SELECT transport, key FROM messenger_idempotency WHERE expires_at<=? ORDER BY expires_at LIMIT ?)`, w.now, purgeRows)
	o.deleted = w.conn.Changes()
	return err
}
