package memory

import (
	"context"
	"fmt"
	"time"

	"github.com/symphony-messenger/symphony"
)

// lease is one claim.
type lease struct {
	worker  string
	claimed time.Time
	items   []item
}

// item is one message of a claim.
type item struct {
	*message
	expires time.Time
	open    bool
}

// item returns the open delivery that a lease names, or nil if it is lost.
func (s *store) item(sl symphony.Lease, now time.Time) (*lease, *item) {
	l := s.leases[sl.Token]
	if l == nil || sl.Index < 0 || sl.Index >= len(l.items) {
		return nil, nil
	}
	if it := &l.items[sl.Index]; it.open && now.Before(it.expires) {
		return l, it
	}
	return nil, nil
}

// close ends a delivery.
func (s *store) close(token string, l *lease, it *item) {
	it.open = false
	it.lane.counts.Processing--
	for i := range l.items {
		if l.items[i].open {
			return
		}
	}
	delete(s.leases, token)
}

// expire gives back every delivery whose lease ran out.
func (s *store) expire(now time.Time) {
	for token, l := range s.leases {
		for i := range l.items {
			it := &l.items[i]
			if !it.open || now.Before(it.expires) {
				continue
			}
			m := it.message
			m.attempts = append(m.attempts, symphony.Attempt{Number: m.attempt, StartedAt: l.claimed, FinishedAt: it.expires, Worker: l.worker,
				Error: symphony.LostText, ErrorClass: symphony.LostClass})
			m.lost++
			m.available = it.expires
			s.close(token, l, it)
			s.put(m)
		}
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
		l, it := t.item(st.Lease, now)
		if l == nil {
			errs = note(errs, len(settlements), i, symphony.ErrLeaseLost)
			continue
		}
		if st.Outcome < symphony.Ack || st.Outcome > symphony.Release {
			errs = note(errs, len(settlements), i, fmt.Errorf("memory: unknown outcome %d", st.Outcome))
			continue
		}
		t.close(st.Lease.Token, l, it)
		t.settle(it.message, l.worker, st, now)
	}
	t.wake()
	return errs
}

func (s *store) settle(m *message, worker string, st *symphony.Settlement, now time.Time) {
	switch st.Outcome {
	case symphony.Ack:
		m.lane.counts.Completed++
		return
	case symphony.Release:
		m.attempt--
		if len(st.Done) > 0 {
			m.done = append([]string(nil), st.Done...)
		}
		s.put(m)
		return
	}
	m.attempts = append(m.attempts, symphony.Attempt{Number: m.attempt, StartedAt: st.StartedAt.UTC().Truncate(time.Microsecond),
		FinishedAt: st.FinishedAt.UTC().Truncate(time.Microsecond), Worker: worker, Error: symphony.ClipError(st.Error), ErrorClass: st.ErrorClass})
	if len(st.Done) > 0 {
		m.done = append([]string(nil), st.Done...)
	}
	if st.Outcome == symphony.Retry {
		m.available = now.Add(max(st.Delay, 0)).Truncate(time.Microsecond)
		s.put(m)
		return
	}
	m.lane.counts.Failed++
	s.failed = append(s.failed, &symphony.FailedMessage{
		ID: symphony.NewID(s.failureTime(now)), Envelope: m.Envelope, Error: symphony.ClipError(st.Error), ErrorClass: st.ErrorClass,
		RetryCount: m.attempt - 1, MaxRetries: st.MaxRetries, FailedAt: now, Attempts: m.attempts, Done: m.done,
	})
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
	for i, sl := range leases {
		if _, it := t.item(sl, now); it != nil {
			it.expires = now.Add(d)
		} else {
			errs = note(errs, len(leases), i, symphony.ErrLeaseLost)
		}
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
	out := symphony.Stats{Queues: make(map[string]symphony.QueueStats)}
	for k, l := range t.lanes {
		if k.transport != t.name {
			continue
		}
		for l.scheduled.top(now) != nil {
			l.pop()
		}
		q := l.counts
		for p := range l.ready {
			if m := l.ready[p].top(now); m != nil {
				q.OldestPendingAge = max(q.OldestPendingAge, now.Sub(m.available))
			}
		}
		out.Queues[k.queue] = q
		out.Add(q)
	}
	return out, nil
}
