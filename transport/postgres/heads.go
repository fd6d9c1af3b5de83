package postgres

import (
	"cmp"
	"context"
	"math"
	"slices"
	"sync"
	"time"
)

// A stream is one rank of one lane. Its ready rows are claimed from its head on, and PostgreSQL keeps the claimed ones
// in the index until vacuum has removed them, which an old snapshot can put off for hours. So each process remembers
// below which time nothing is left in a stream, and looks from there on. It learns of what appears below that time from
// its own transactions, from announcements of other processes, and from a look at all streams from their very beginning
// (a sweep), which finds whatever was not announced.

type stream struct {
	lane int
	rank int
}

type head struct {
	low int64  // nothing is ready in the stream before this time, µs on the store's clock
	gen uint64 // when low was last lowered
}

// heads are the streams in which something may wait. Safe for concurrent use.
type heads struct {
	mu      sync.Mutex
	streams map[stream]*head
	gen     uint64
	rearm   chan struct{} // something became due earlier

	sweeping  sync.Mutex
	nextSweep int64 // of this process's clock
	wanted    bool  // a claim would have the watch sweep
}

const never = math.MaxInt64

// A sweep may take at most one part in sweepShare of the time, however long it takes: where an old snapshot makes the
// indexes long, they are looked at more rarely.
const sweepShare = 25

func (h *heads) init() {
	h.streams = make(map[stream]*head)
	h.rearm = make(chan struct{}, 1)
}

// add says that something is available in a stream from a time on.
func (h *heads) add(st stream, at int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.gen++
	hd := h.streams[st]
	if hd == nil {
		hd = &head{low: never}
		h.streams[st] = hd
	}
	hd.gen = h.gen
	hd.low = min(hd.low, at)
}

// poke makes the watch look again at what is due next.
func (h *heads) poke() {
	select {
	case h.rearm <- struct{}{}:
	default:
	}
}

// sweepSoon makes the next look at all streams due at once.
func (h *heads) sweepSoon() {
	h.mu.Lock()
	h.nextSweep = 0
	h.mu.Unlock()
	h.poke()
}

// wantSweep has the watch sweep, if that is due.
func (h *heads) wantSweep(now int64) {
	h.mu.Lock()
	due := now >= h.nextSweep && !h.wanted
	h.wanted = h.wanted || due
	h.mu.Unlock()
	if due {
		h.poke()
	}
}

// watched is when the watch should sweep next, never if nobody is there for whom to do it.
func (h *heads) watched(waiting bool) int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !waiting && !h.wanted {
		return never
	}
	return h.nextSweep
}

// probe is a stream that a claim looks at, from low on, as it was known before the look.
type probe struct {
	stream
	low int64
	gen uint64
}

// ready returns the streams of the wanted lanes that may have something by a time, the highest priority first.
func (h *heads) ready(wanted func(lane int) bool, by int64) []probe {
	h.mu.Lock()
	defer h.mu.Unlock()
	var list []probe
	for st, hd := range h.streams {
		if hd.low <= by && wanted(st.lane) {
			list = append(list, probe{st, hd.low, hd.gen})
		}
	}
	slices.SortFunc(list, func(a, b probe) int { return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.lane, b.lane)) })
	return list
}

// raise says that nothing is left in a stream before a time; never stands for nothing at all. It has no effect if
// something was added to the stream after the probe.
func (h *heads) raise(p probe, low int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	hd := h.streams[p.stream]
	switch {
	case hd == nil || hd.gen != p.gen:
	case low == never:
		delete(h.streams, p.stream)
	default:
		hd.low = max(hd.low, low)
	}
}

// generation is to be asked for before a sweep.
func (h *heads) generation() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.gen
}

// replace takes over what a sweep found that began at a generation.
func (h *heads) replace(found map[stream]int64, gen uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for st, hd := range h.streams {
		low, ok := found[st]
		switch {
		case hd.gen > gen:
			if ok {
				hd.low = min(hd.low, low)
			}
		case ok:
			hd.low = low
		default:
			delete(h.streams, st)
		}
		delete(found, st)
	}
	for st, low := range found {
		h.streams[st] = &head{low: low, gen: gen}
	}
}

// due returns the streams that may have something by a time, and when the next one gets something after it.
func (h *heads) due(by int64) (list []stream, next int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	next = never
	for st, hd := range h.streams {
		if hd.low <= by {
			list = append(list, st)
		} else {
			next = min(next, hd.low)
		}
	}
	return list, next
}

// sweepQuery finds the first row of each stream, by jumping from one stream to the next in the index.
var sweepQuery = newQuery("sweep", `WITH RECURSIVE heads AS (
		(SELECT lane, rank, available_at FROM {schema}.messenger_ready ORDER BY lane, rank, available_at, ord LIMIT 1)
		UNION ALL
		SELECT n.lane, n.rank, n.available_at FROM heads h CROSS JOIN LATERAL (
			SELECT lane, rank, available_at FROM {schema}.messenger_ready r
			WHERE (r.lane, r.rank) > (h.lane, h.rank) ORDER BY lane, rank, available_at, ord LIMIT 1) n)
	SELECT lane, rank, available_at FROM heads`)

// sweepIfDue looks at all streams from their beginning, if that was not done for a while. Only one of concurrent calls
// does it; the others return at once.
func (s *store) sweepIfDue(ctx context.Context) error {
	if s.now() < s.heads.sweepAt() || !s.heads.sweeping.TryLock() {
		return nil
	}
	defer s.heads.sweeping.Unlock()
	if s.now() < s.heads.sweepAt() {
		return nil
	}
	return s.sweep(ctx)
}

func (h *heads) sweepAt() int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.nextSweep
}

// sweep is sweepIfDue without the if. The caller holds sweeping.
func (s *store) sweep(ctx context.Context) error {
	gen := s.heads.generation()
	found := make(map[stream]int64)
	unknown := false
	began := s.now()
	err := s.do(ctx, "look for messages", call{query: sweepQuery, row: func(v [][]byte) error {
		st := stream{int4Column(v[0]), int2Column(v[1])}
		found[st] = timeColumn(v[2])
		unknown = unknown || s.lanes.numbered(st.lane) == nil
		return nil
	}})
	cost := s.now() - began
	s.heads.mu.Lock()
	s.heads.wanted = false
	s.heads.nextSweep = s.now() + max(s.pollInterval().Microseconds(), sweepShare*cost)
	s.heads.mu.Unlock()
	if err != nil {
		return err
	}
	if unknown {
		if err := s.do(ctx, "read queues", call{query: newLanes, params: [][]byte{int4Param(s.lanes.last())}, row: s.addLane}); err != nil {
			return err
		}
	}
	s.heads.replace(found, gen)
	return nil
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
				next = min(next, at-s.offset.Load())
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
		if err := s.sweepIfDue(s.life); err != nil {
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
			s.waiters.Wake(l.transport, l.queue, 1)
		}
	}
}
