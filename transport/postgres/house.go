package postgres

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/symphony-messenger/symphony"
)

// Housekeeping runs on every node, without a leader: each duty takes rows that no other node is busy with and leaves
// nothing half done, so that it does not matter who does it, nor how many do. All times in microseconds.
const (
	expiryEvery  = 1_000_000
	promoteEvery = 1_000_000
	controlEvery = 1_000_000
	beatEvery    = 10_000_000
	foldEvery    = 20_000_000
	purgeEvery   = 60_000_000
	rollEvery    = 600_000_000
)

// housePoll is the longest pause of housekeeping.
const housePoll = time.Second

// houseRows bounds the rows that one transaction of housekeeping changes.
const houseRows = 2000

// house is the state of housekeeping.
type house struct {
	expiry     sync.Mutex
	expiryAt   atomic.Int64 // when a lease may run out, on the clock of this process
	leaseFloor floor
	dueFloor   floor // of messenger_scheduled
	control    sync.Mutex
	controlAt  atomic.Int64 // when a message may expire or a gate be due, on the clock of this process
	rearm      chan struct{}

	round  sync.Mutex // held while duties are done
	opened int64      // openedAt of the clock when it was last looked at; guarded by round
	duties []*duty
	rolled bool

	mu      sync.Mutex
	failing bool
}

func (h *house) init(duties []*duty) { h.rearm, h.duties = make(chan struct{}, 1), duties }

// expiring says that a lease runs out at a time of this process's clock.
func (h *house) expiring(at int64) {
	for {
		before := h.expiryAt.Load()
		if at >= before {
			return
		}
		if h.expiryAt.CompareAndSwap(before, at) {
			select {
			case h.rearm <- struct{}{}:
			default:
			}
			return
		}
	}
}

// controlling says that a message expires, or a gate is due, at a time of this process's clock.
func (h *house) controlling(at int64) {
	for {
		before := h.controlAt.Load()
		if at >= before {
			return
		}
		if h.controlAt.CompareAndSwap(before, at) {
			select {
			case h.rearm <- struct{}{}:
			default:
			}
			return
		}
	}
}

// report logs that background work fails, once until it works again.
func (h *house) report(log *slog.Logger, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch failing := err != nil && !errors.Is(err, symphony.ErrClosed); {
	case failing && !h.failing:
		log.Error("housekeeping of the database fails; it is tried again until it works", "error", err)
		h.failing = true
	case err == nil && h.failing:
		log.Info("housekeeping of the database works again")
		h.failing = false
	}
}

// duty is something to do every now and then.
type duty struct {
	every int64
	next  int64
	do    func(context.Context) error
}

// duties are what a node begins with.
func (s *store) duties() []*duty {
	s.house.opened = openedAt(s.clock)
	now := s.now()
	return []*duty{
		{every: promoteEvery, next: now, do: s.promote},
		{every: giveBackEvery, next: now, do: s.giveBack},
		{every: beatEvery, next: now + beatEvery, do: s.beat},
		{every: foldEvery, next: now + foldEvery, do: s.fold},
		{every: purgeEvery, next: now + purgeEvery/2, do: s.purge},
		{every: markEvery, next: now + markEvery, do: s.markOlder},
		{every: rollEvery, next: now, do: s.rollPartitions},
	}
}

// keepHouse does the duties when they are due.
func (s *store) keepHouse() {
	for {
		pause := min(housePoll, time.Duration(max(min(s.house.expiryAt.Load(), s.house.controlAt.Load())-s.now(),
			0))*time.Microsecond)
		if !s.pause(pause, s.house.rearm) {
			return
		}
		// A database that is gone stays so for a while.
		if err := s.doDuties(); err != nil && !s.pause(backoff(1), nil) {
			return
		}
	}
}

// doDuties does all that is due.
func (s *store) doDuties() error {
	h := &s.house
	h.round.Lock()
	defer h.round.Unlock()
	var errs []error
	// Where the time of day has moved on without what has elapsed here, the machine slept, and the server did not.
	// Where it was set, comparing the clocks does no harm.
	if opened := openedAt(s.clock); max(opened-h.opened, h.opened-opened) > clockSlack {
		h.opened = opened
		errs = append(errs, s.compareClocks(s.life))
	}
	if s.now() >= h.expiryAt.Load() {
		errs = append(errs, s.expireIfDue(s.life))
	}
	errs = append(errs, s.controlIfDue(s.life))
	for _, d := range h.duties {
		if now := s.now(); now >= d.next {
			// Nodes that started together drift apart.
			d.next = now + d.every + rand.Int64N(d.every/5)
			errs = append(errs, d.do(s.life))
		}
	}
	err := errors.Join(errs...)
	h.report(s.log, err)
	return err
}

// Housekeep does at once, for all transports of the database, what otherwise each process does in the background every
// now and then: it ends leases and messages that ran out, wakes what has become due, folds counts, deletes what was
// kept long enough, and makes and drops partitions. It is for processes that do not go on between calls, such as
// serverless functions; elsewhere it does no harm. Errors are the storage's; what was left is done by the next call.
func (s *store) Housekeep(ctx context.Context) error {
	h := &s.house
	h.round.Lock()
	defer h.round.Unlock()
	errs := []error{s.compareClocks(ctx)}
	h.expiryAt.Store(0)
	errs = append(errs, s.expireIfDue(ctx))
	h.controlAt.Store(0)
	errs = append(errs, s.controlIfDue(ctx))
	h.rolled = true // whoever asks for this means its own retention
	for _, d := range h.duties {
		err := d.do(ctx)
		if err == nil {
			d.next = s.now() + d.every
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// pause waits on the clock of this process, at most until early fires, and reports whether the store is still open.
func (s *store) pause(d time.Duration, early <-chan struct{}) bool {
	timer := s.clock.NewTimer(d)
	defer timer.Stop()
	select {
	case <-s.closing:
		return false
	case <-early:
	case <-timer.C():
	}
	return !s.isClosing()
}

// backoff is the pause after a number of failures in a row, with jitter: from about half a second up to five.
func backoff(failures int) time.Duration {
	d := 500 * time.Millisecond << min(failures-1, 4)
	d = min(d, 5*time.Second)
	return d/2 + rand.N(d)
}

// promoteQuery takes messages whose time has come off the count of scheduled ones. They are claimable without it.
var promoteQuery = newQuery("promote", `WITH due AS (
		DELETE FROM {schema}.messenger_scheduled WHERE ctid = ANY (ARRAY(
			SELECT ctid FROM {schema}.messenger_scheduled
			WHERE scheduled_at >= coalesce($2::timestamptz, '-infinity') AND scheduled_at <= coalesce($1::timestamptz, now())
			ORDER BY scheduled_at LIMIT $3::int4 FOR UPDATE SKIP LOCKED))
		RETURNING lane
	), counted AS (
		INSERT INTO {schema}.messenger_counters AS c (shard, lane, pending, processing, completed, failed, scheduled)
		SELECT $4::int8, lane, 0, 0, 0, 0, -count(*) FROM due GROUP BY lane
		ON CONFLICT (shard, lane) DO UPDATE SET scheduled = c.scheduled + excluded.scheduled
	)
	SELECT coalesce($1, now()), (SELECT count(*) FROM due)`)

var nextScheduled = newQuery("next_scheduled", `SELECT (SELECT scheduled_at FROM {schema}.messenger_scheduled
	WHERE scheduled_at >= coalesce($1::timestamptz, '-infinity') ORDER BY scheduled_at LIMIT 1)`)

func (s *store) promote(ctx context.Context) error {
	for {
		var n, now, next int64
		floor := s.house.dueFloor.param(s.storeNow())
		err := s.with(ctx, "count scheduled messages", func(ctx context.Context, l *link) error {
			next = never
			return l.transact(ctx,
				call{query: promoteQuery, params: [][]byte{s.nowParam(), floor, int4Param(houseRows), l.nextShard()},
					row: func(v [][]byte) error {
						now, n = timeColumn(v[0]), int8Column(v[1])
						return nil
					}},
				call{query: nextScheduled, params: [][]byte{floor}, row: func(v [][]byte) error {
					if v[0] != nil {
						next = timeColumn(v[0])
					}
					return nil
				}})
		})
		if err != nil {
			return err
		}
		if n < houseRows {
			s.house.dueFloor.raise(now, next, floor == nil)
			return nil
		}
	}
}

// foldQuery adds the counts of all connections up in one row for each lane.
var foldQuery = newQuery("fold", `WITH gone AS (
		DELETE FROM {schema}.messenger_counters WHERE ctid = ANY (ARRAY(
			SELECT ctid FROM {schema}.messenger_counters WHERE shard <> 0 LIMIT $1::int4 FOR UPDATE SKIP LOCKED))
		RETURNING *
	)
	INSERT INTO {schema}.messenger_counters AS c (shard, lane, pending, processing, completed, failed, scheduled)
	SELECT 0, lane, sum(pending), sum(processing), sum(completed), sum(failed), sum(scheduled) FROM gone GROUP BY lane ORDER BY lane
	ON CONFLICT (shard, lane) DO UPDATE SET pending = c.pending + excluded.pending, processing = c.processing + excluded.processing,
		completed = c.completed + excluded.completed, failed = c.failed + excluded.failed, scheduled = c.scheduled + excluded.scheduled`)

func (s *store) fold(ctx context.Context) error {
	if err := s.foldFailures(ctx); err != nil {
		return err
	}
	return s.do(ctx, "fold counts", call{query: foldQuery, params: [][]byte{int4Param(5 * houseRows)}})
}

var purgeKeys = newQuery("purge_keys", `WITH gone AS (
		DELETE FROM {schema}.messenger_idempotency WHERE ctid = ANY (ARRAY(
			SELECT ctid FROM {schema}.messenger_idempotency WHERE expires_at <= coalesce($1::timestamptz, now())
			ORDER BY expires_at LIMIT $2::int4 FOR UPDATE SKIP LOCKED))
		RETURNING 1
	) SELECT count(*) FROM gone`)

// purge deletes idempotency keys whose window is over, messages that are past their periods and that no partition takes
// with it, and what else is over.
func (s *store) purge(ctx context.Context) error {
	s.leases.forgetBefore(s.storeNow() - floorMargin)
	if err := s.purgeEnded(ctx); err != nil {
		return err
	}
	kept := [][]byte{s.nowParam(), int4Param(houseRows)}
	if err := s.do(ctx, "purge", call{query: trimEnded, params: [][]byte{s.nowParam(),
		int8Param(symphony.EndsRemembered.Microseconds())}}); err != nil {
		return err
	}
	if err := s.forgetOldNotes(ctx); err != nil {
		return err
	}
	if err := s.forgetMarks(ctx); err != nil {
		return err
	}
	s.declareIndexes(ctx)
	if err := s.keepGroups(ctx); err != nil {
		return err
	}
	deletes := []call{
		{query: purgeKeys, params: kept},
		{query: purgeRetried, params: append(kept[:2:2], int8Param(symphony.RetriedFor.Microseconds()))},
	}
	for _, c := range deletes {
		for more := true; more; {
			c.row = func(v [][]byte) error {
				more = int8Column(v[0]) == houseRows
				return nil
			}
			if err := s.do(ctx, "purge", c); err != nil {
				return err
			}
		}
	}
	return nil
}

var rollQuery = newQuery("roll_partitions", `SELECT {schema}.messenger_roll_partitions(coalesce($1::timestamptz, now()), $2::int8 * interval '1 microsecond')`)

// rollPartitions makes the partitions of the coming days and drops those of which nothing is kept any more. The first
// call drops nothing: a command that has the database open for a moment, perhaps with other settings, must not delete.
func (s *store) rollPartitions(ctx context.Context) error {
	var after []byte
	if s.house.rolled {
		after = s.kept.rollInterval()
	}
	s.house.rolled = true
	err := s.do(ctx, "roll partitions", call{query: rollQuery, params: [][]byte{s.nowParam(), after}})
	if isLocked(err) {
		return nil // the next call tries again
	}
	return err
}
