package memory

import (
	"container/heap"
	"context"
	"fmt"
	"time"

	"github.com/symphony-messenger/symphony"
)

// lease is one claim.
type lease struct {
	token   string
	worker  string
	claimed time.Time
	items   []item
	open    int // items that are not settled
}

// item is one message of a claim.
type item struct {
	*message
	lease   *lease
	expires time.Time
	place   int // among store.ending, -1 when the delivery has ended
}

// item returns the open delivery that a lease names, or nil if it is lost.
func (s *store) item(sl symphony.Lease, now time.Time) *item {
	l := s.leases[sl.Token]
	if l == nil || sl.Index < 0 || sl.Index >= len(l.items) {
		return nil
	}
	if it := &l.items[sl.Index]; it.place >= 0 && now.Before(it.expires) {
		return it
	}
	return nil
}

// close ends a delivery.
func (s *store) close(it *item) {
	heap.Remove(&s.ending, it.place)
	it.item = nil
	it.lane.counts.Processing--
	if it.lease.open--; it.lease.open == 0 {
		delete(s.leases, it.lease.token)
	}
}

// expire gives back every delivery whose lease ran out.
func (s *store) expire(now time.Time) {
	for len(s.ending.list) > 0 && !now.Before(s.ending.list[0].expires) {
		it := s.ending.list[0]
		s.close(it)
		m := it.message
		m.attempts = append(m.attempts, symphony.Attempt{Number: m.attempt, StartedAt: it.lease.claimed, FinishedAt: s.shown(it.expires), Worker: it.lease.worker,
			Error: symphony.LostText, ErrorClass: symphony.LostClass, RetryAt: s.shown(it.expires)})
		s.depart(m, symphony.Retry)
		m.lost++
		m.available = it.expires
		s.put(m)
	}
}

// Settle ends deliveries.
func (t *Transport) Settle(ctx context.Context, settlements []symphony.Settlement) []error {
	if err := t.enter(ctx); err != nil {
		return allFailed(len(settlements), err)
	}
	defer t.mu.Unlock()
	now := t.now()
	var errs []error
	for i := range settlements {
		st := &settlements[i]
		it := t.item(st.Lease, now)
		if it == nil {
			errs = note(errs, len(settlements), i, symphony.ErrLeaseLost)
			continue
		}
		if st.Outcome < symphony.Ack || st.Outcome > symphony.Release {
			errs = note(errs, len(settlements), i, fmt.Errorf("memory: unknown outcome %d", st.Outcome))
			continue
		}
		t.close(it)
		t.depart(it.message, st.Outcome)
		t.settle(it.message, it.lease, st, now)
	}
	t.wake()
	return errs
}

func (s *store) settle(m *message, l *lease, st *symphony.Settlement, now time.Time) {
	switch st.Outcome {
	case symphony.Ack:
		started := l.claimed
		if !st.StartedAt.IsZero() {
			started = kept(st.StartedAt)
		}
		s.complete(m, l.worker, started, s.shown(now))
		return
	case symphony.Release:
		m.attempt--
		if st.Delay > 0 {
			m.available = now.Add(st.Delay).Truncate(time.Microsecond)
		}
		if len(st.Done) > 0 {
			m.done = append([]string(nil), st.Done...)
		}
		s.put(m)
		return
	}
	if st.Outcome == symphony.Fail && st.Untried {
		m.attempt--
		s.bury(m, st, now)
		return
	}
	a := symphony.Attempt{Number: m.attempt, StartedAt: st.StartedAt.UTC().Truncate(time.Microsecond),
		FinishedAt: st.FinishedAt.UTC().Truncate(time.Microsecond), Worker: l.worker, Error: symphony.ClipError(st.Error), ErrorClass: st.ErrorClass}
	if st.Outcome == symphony.Retry {
		m.available = now.Add(max(st.Delay, 0)).Truncate(time.Microsecond)
		a.RetryAt = s.shown(m.available)
	}
	m.attempts = append(m.attempts, a)
	if len(st.Done) > 0 {
		m.done = append([]string(nil), st.Done...)
	}
	if st.Outcome == symphony.Retry {
		s.put(m)
		return
	}
	s.bury(m, st, now)
}

// bury moves a message to the dead letter queue.
func (s *store) bury(m *message, st *symphony.Settlement, now time.Time) {
	m.lane.counts.Failed++
	var last *symphony.Attempt
	if n := len(m.attempts); n > 0 {
		last = &m.attempts[n-1]
	}
	text, class := st.Reason(last)
	m.failed = &failure{message: m, FailedMessage: symphony.FailedMessage{
		ID: symphony.NewID(s.failureTime(now)), Envelope: m.Envelope, Error: symphony.ClipError(text), ErrorClass: class,
		RetryCount: max(m.attempt-1, 0), MaxRetries: st.MaxRetries, FailedAt: s.shown(now), Attempts: m.attempts, Done: m.done,
	}}
	s.failed = append(s.failed, m.failed)
}

// failureTime is now, moved on a little where two failures share it, so that their ids have an order.
func (s *store) failureTime(now time.Time) time.Time {
	if next := s.lastID.Add(500 * time.Nanosecond); now.Before(next) {
		now = next
	}
	s.lastID = now
	return now
}

// Extend sets the leases to end d from now.
func (t *Transport) Extend(ctx context.Context, leases []symphony.Lease, d time.Duration) []error {
	if d < symphony.MinLease || d > symphony.MaxLease {
		return allFailed(len(leases), fmt.Errorf("memory: extend by %s: must be %s to %s", d, symphony.MinLease, symphony.MaxLease))
	}
	if err := t.enter(ctx); err != nil {
		return allFailed(len(leases), err)
	}
	defer t.mu.Unlock()
	now := t.now()
	var errs []error
	sooner := false
	for i, sl := range leases {
		it := t.item(sl, now)
		if it == nil {
			errs = note(errs, len(leases), i, symphony.ErrLeaseLost)
			continue
		}
		sooner = sooner || now.Add(d).Before(it.expires)
		it.expires = now.Add(d)
		heap.Fix(&t.ending, it.place)
	}
	if sooner {
		t.wake() // receivers wait for the first end of a lease
	}
	return errs
}

// note keeps an error as the i-th of n results.
func note(errs []error, n, i int, err error) []error {
	if errs == nil {
		errs = make([]error, n)
	}
	errs[i] = err
	return errs
}

func allFailed(n int, err error) []error {
	errs := make([]error, n)
	for i := range errs {
		errs[i] = err
	}
	return errs
}

// Stats counts this transport's messages.
func (t *Transport) Stats(ctx context.Context) (symphony.Stats, error) {
	if err := t.enter(ctx); err != nil {
		return symphony.Stats{}, err
	}
	defer t.mu.Unlock()
	now := t.now()
	t.expire(now)
	t.flow(now)
	out := symphony.Stats{Queues: make(map[string]symphony.QueueStats)}
	for k, l := range t.lanes {
		if k.transport != t.name {
			continue
		}
		l.due(t.shown(now))
		q := l.counts
		for p := range l.ready {
			if m := l.readySince(now, p); m != nil {
				q.OldestPendingAge = max(q.OldestPendingAge, now.Sub(m.available))
			}
		}
		out.Queues[k.queue] = q
		out.Add(q)
	}
	return out, nil
}
