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
	// purgeEvery is the time between two purges; a message is kept for up to this much longer than its retention.
	purgeEvery = 5 * time.Minute
)

// keepHouse waits for what is due next.
func (s *store) keepHouse() {
	purgeAt := s.now()
	failing := false
	for {
		next := min(s.nextEvent.Load(), purgeAt)
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
			return s.purge(ctx)
		}
	}
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
		if err := w.exec("DELETE FROM messenger_scheduled WHERE (scheduled_at, seq)<=(?, ?)", last.at, last.seq); err != nil {
			return err
		}
	}
	next := int64(never)
	// More that are due, or the next one; those of groups are in no lane's index.
	err = w.query("SELECT scheduled_at FROM messenger_scheduled ORDER BY scheduled_at LIMIT 1", func(s *sqlite.Stmt) bool {
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

// purge deletes completed and cancelled messages that were kept long enough, the names of workers that only they had,
// and idempotency keys whose window is over.
func (s *store) purge(ctx context.Context) error {
	cutoff := micros(s.clock.Now().Add(-s.retention))
	if err := s.purgeRetried(ctx); err != nil {
		return err
	}
	if err := s.purgeCancelled(ctx, cutoff); err != nil {
		return err
	}
	for after, more := int64(-1), true; more; {
		var old []readyRow
		n := 0
		err := s.read(ctx, "purge", func(r *reader) error {
			return r.query("SELECT seq, completed_at, attempt FROM messenger_completed WHERE seq>? ORDER BY seq LIMIT ?", func(q *sqlite.Stmt) bool {
				n++
				after = q.ColumnInt64(0)
				if q.ColumnInt64(1) < cutoff {
					old = append(old, readyRow{seq: after, attempt: q.ColumnInt64(2)})
				}
				return true
			}, after, purgeWindow)
		})
		if err != nil {
			return err
		}
		for len(old) > 0 {
			chunk := old[:min(purgeRows, len(old))]
			old = old[len(chunk):]
			if err := s.do(ctx, &purgeOp{chunk}); err != nil {
				return err
			}
		}
		more = n == purgeWindow
	}
	if err := s.do(ctx, &purgeWorkersOp{cutoff}); err != nil {
		return err
	}
	if err := s.forgetNotes(ctx); err != nil {
		return err
	}
	for {
		keys := &purgeKeysOp{}
		if err := s.do(ctx, keys); err != nil || keys.deleted < purgeRows {
			return err
		}
	}
}

// purgeCancelled deletes cancelled messages that were kept long enough.
func (s *store) purgeCancelled(ctx context.Context, cutoff int64) error {
	for {
		var old []int64
		err := s.read(ctx, "purge", func(r *reader) error {
			const query = "SELECT seq FROM messenger_cancelled WHERE cancelled_at<? ORDER BY cancelled_at LIMIT ?"
			return r.query(query, func(q *sqlite.Stmt) bool {
				old = append(old, q.ColumnInt64(0))
				return true
			}, cutoff, purgeRows)
		})
		if err != nil || len(old) == 0 {
			return err
		}
		if err := s.do(ctx, &purgeCancelledOp{old}); err != nil {
			return err
		}
	}
}

type purgeCancelledOp struct{ list []int64 }

func (o *purgeCancelledOp) rows() int { return len(o.list) }

func (o *purgeCancelledOp) apply(w *writer) error {
	for _, seq := range o.list {
		if err := w.exec("DELETE FROM messenger_cancelled WHERE seq=?", seq); err != nil {
			return err
		}
		if err := w.discard(seq); err != nil {
			return err
		}
	}
	return nil
}

type purgeOp struct{ list []readyRow }

func (o *purgeOp) rows() int { return len(o.list) }

func (o *purgeOp) apply(w *writer) error {
	for _, r := range o.list {
		if err := w.exec("DELETE FROM messenger_completed WHERE seq=?", r.seq); err != nil {
			return err
		}
		if err := w.erase(r); err != nil {
			return err
		}
	}
	if len(o.list) == 0 {
		return nil
	}
	return w.dropOutputs(o.list[0].seq, o.list[len(o.list)-1].seq)
}

type purgeKeysOp struct{ deleted int }

func (o *purgeKeysOp) rows() int { return purgeRows }

func (o *purgeKeysOp) apply(w *writer) error {
	err := w.exec(`DELETE FROM messenger_idempotency WHERE (transport, key) IN
		(SELECT transport, key FROM messenger_idempotency WHERE expires_at<=? ORDER BY expires_at LIMIT ?)`, w.now, purgeRows)
	o.deleted = w.conn.Changes()
	return err
}
