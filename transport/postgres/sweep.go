package postgres

import (
	"context"
	"time"
)

// wholeQuery finds the first row of each stream, by jumping from one stream to the next in the index.
var wholeQuery = newQuery("whole_sweep", `WITH RECURSIVE heads AS (
		(SELECT lane, rank, available_at FROM {schema}.messenger_ready ORDER BY lane, rank, available_at, ord LIMIT 1)
		UNION ALL
		SELECT n.lane, n.rank, n.available_at FROM heads h CROSS JOIN LATERAL (
			SELECT lane, rank, available_at FROM {schema}.messenger_ready r
			WHERE (r.lane, r.rank) > (h.lane, h.rank) ORDER BY lane, rank, available_at, ord LIMIT 1) n)
	SELECT lane, rank, available_at FROM heads`)

// nextQuery finds the first row of some streams from a time on.
var nextQuery = newQuery("next", `SELECT s.n, (
		SELECT available_at FROM {schema}.messenger_ready r WHERE r.lane = s.lane AND r.rank = s.rank AND r.available_at >= s.low
		ORDER BY r.lane, r.rank, r.available_at, r.ord LIMIT 1)
	FROM unnest($1::int4[], $2::int2[], $3::timestamptz[]) WITH ORDINALITY s(lane, rank, low, n)`)

// nextCall is the call that finds the first row of streams; never stands for none.
func nextCall(probes []probe, found func(p probe, at int64)) call {
	n := len(probes)
	lanes, ranks, lows := int4s(n), int2s(n), times(n)
	for _, p := range probes {
		lanes.int4(p.lane)
		ranks.int2(p.rank)
		lows.int8(p.low - epoch)
	}
	return call{query: nextQuery, params: [][]byte{lanes.value(), ranks.value(), lows.value()}, row: func(v [][]byte) error {
		at := int64(never)
		if v[1] != nil {
			at = timeColumn(v[1])
		}
		found(probes[int8Column(v[0])-1], at)
		return nil
	}}
}

// sweepIfDue looks for messages that this process was not told of, if that was not done for a while. Only one of
// concurrent calls does it; the others return at once. idle says that there is nothing else to do.
func (s *store) sweepIfDue(ctx context.Context, idle bool) error {
	if s.now() < s.heads.watched(true) || !s.heads.sweeping.TryLock() {
		return nil
	}
	defer s.heads.sweeping.Unlock()
	if s.now() < s.heads.watched(true) {
		return nil
	}
	return s.sweep(ctx, idle)
}

// firstSweep looks at all streams before the first claim of this process, which knows only of what it stored itself
// until then and would hand that out before what has waited for longer. Concurrent calls wait for the one that looks.
// It is tried once: where that takes too long, what is known may be handed out all the same.
func (s *store) firstSweep(ctx context.Context) error {
	if !s.heads.unknown() {
		return nil
	}
	s.heads.sweeping.Lock()
	defer s.heads.sweeping.Unlock()
	if !s.heads.unknown() {
		return nil
	}
	err := s.sweep(ctx, true)
	if ctx.Err() == nil {
		s.heads.looked()
	}
	return err
}

// sweep looks for messages that this process was not told of, for who holds the lock of it.
func (s *store) sweep(ctx context.Context, idle bool) error {
	began := s.now()
	asked := s.heads.sweepAsked()
	whole := s.heads.wholeDue(began, idle)
	look := s.sweepRecent
	if whole {
		look = s.sweepWhole
	}
	err := look(ctx)
	s.heads.swept(asked, began, s.now(), whole && err == nil, s.pollInterval().Microseconds())
	return err
}

// sweepRecent looks at the last moments before the heads.
func (s *store) sweepRecent(ctx context.Context) error {
	probes := s.heads.recent()
	if len(probes) == 0 {
		return nil
	}
	return s.do(ctx, "look for messages", nextCall(probes, func(p probe, at int64) { s.heads.lower(p.stream, at) }))
}

// sweepWhole looks at all streams from their beginning.
func (s *store) sweepWhole(ctx context.Context) error {
	gen, now := s.heads.generation(), s.storeNow()
	found := make(map[stream]int64)
	unknown := false
	err := s.do(ctx, "look for messages", call{query: wholeQuery, row: func(v [][]byte) error {
		st := stream{int4Column(v[0]), int2Column(v[1])}
		found[st] = timeColumn(v[2])
		unknown = unknown || s.lanes.numbered(st.lane) == nil
		return nil
	}})
	if err == nil && unknown {
		err = s.readLanes(ctx)
	}
	if err == nil {
		s.heads.replace(found, gen, now)
	}
	return err
}

// pollInterval is how often a process looks for what nobody announced.
func (s *store) pollInterval() time.Duration {
	switch {
	case s.poll > 0:
		return s.poll
	case s.notify.listening.Load():
		return DefaultPollInterval
	}
	return unannouncedPoll
}

// watch wakes receivers when something becomes due: a message whose time has come, or one that a sweep found.
func (s *store) watch() {
	for {
		waiting := !s.waiters.Empty()
		next := s.heads.watched(waiting)
		if waiting {
			if _, at := s.heads.due(s.storeNow()); at != never {
				next = min(next, at-s.ahead())
			}
		}
		var due <-chan time.Time
		if next != never {
			timer := s.clock.NewTimer(time.Duration(max(next-s.now(), 0)) * time.Microsecond)
			due = timer.C()
			select {
			case <-s.closing:
			case <-s.heads.rearm:
				timer.Stop()
				continue
			case <-due:
			}
			timer.Stop()
		} else {
			select {
			case <-s.closing:
			case <-s.heads.rearm:
				continue
			}
		}
		if s.usable(s.life) != nil {
			return
		}
		if err := s.sweepIfDue(s.life, waiting); err != nil {
			s.house.report(s.log, err)
		}
		s.wakeDue()
	}
}

// wakeDue wakes a receiver for each stream that may have something.
func (s *store) wakeDue() {
	streams, _ := s.heads.due(s.storeNow())
	for _, st := range streams {
		if l := s.lanes.numbered(st.lane); l != nil {
			s.waiters.Wake(l.receivers(), 1)
		}
	}
}
