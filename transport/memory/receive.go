package memory

import (
	"container/heap"
	"context"
	"crypto/rand"
	"encoding/hex"
	"slices"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
)

// Receive claims messages, waiting for one if there is none.
func (t *Transport) Receive(ctx context.Context, o symphony.ReceiveOptions) ([]symphony.Delivery, error) {
	o = o.WithDefaults()
	var timeout <-chan time.Time
	if o.Wait > 0 {
		timer := t.clock.NewTimer(o.Wait)
		defer timer.Stop()
		timeout = timer.C()
	}
	for {
		if err := t.enter(ctx); err != nil {
			return nil, err
		}
		got := t.claim(o)
		changed, next := t.changed, t.nextEvent()
		t.mu.Unlock()
		if len(got) > 0 || o.Wait == 0 {
			return got, nil
		}
		due := t.clock.NewTimer(next)
		select {
		case <-changed:
		case <-due.C():
		case <-timeout:
			due.Stop()
			return nil, nil
		case <-ctx.Done():
			due.Stop()
			return nil, ctx.Err()
		}
		due.Stop()
	}
}

// lookEvery is how often a receiver that waits looks at the clock while something is scheduled: the clock may be set.
const lookEvery = time.Second

// nextEvent is how long until a lease ends or a message becomes ready.
func (s *store) nextEvent() time.Duration {
	now := s.now()
	next := s.nextFlow(now)
	if len(s.ending.list) > 0 {
		next = min(next, s.ending.list[0].expires.Sub(now))
	}
	for _, l := range s.lanes {
		if len(l.scheduled.list) > 0 {
			next = min(next, lookEvery)
		}
		for p := range l.ready {
			if list := l.ready[p].list; len(list) > 0 {
				if d := list[0].available.Sub(now); d > 0 {
					next = min(next, d)
				}
			}
		}
	}
	return next
}

// claim takes messages by priority and age, after the share of those that low priority has kept waiting.
func (t *Transport) claim(o symphony.ReceiveOptions) []symphony.Delivery {
	now := t.now()
	t.expire(now)
	t.flow(now)
	var lanes []*lane
	for k, l := range t.lanes {
		if k.transport == t.name && !t.paused(l) && (len(o.Queues) == 0 || slices.Contains(o.Queues, k.queue)) {
			l.due(t.shown(now))
			lanes = append(lanes, l)
		}
	}
	fair := t.fair[t.name]
	if fair == nil {
		fair = &flow.FairShare{}
		t.fair[t.name] = fair
	}
	var taken []*message
	bytes, lost, ended := 0, 0, false
	take := func(most int, by time.Time, from, to int) {
		for len(taken) < most && !ended {
			var m *message
			for _, l := range lanes {
				for p := from; p <= to; p++ {
					if next := l.readySince(by, p); next != nil && (m == nil || before(next, m)) {
						m = next
					}
				}
			}
			if m == nil {
				return
			}
			if len(taken) > 0 && bytes+m.Size() > o.MaxBytes || m.lost > 0 && lost >= o.MaxLost {
				ended = true // later messages must not overtake the one that does not fit
				return
			}
			heap.Pop(&m.lane.ready[m.Priority])
			m.lane.counts.Pending--
			if !t.admit(m, now) {
				continue
			}
			taken = append(taken, m)
			bytes += m.Size()
			if m.lost > 0 {
				lost++
			}
		}
	}
	take(fair.Reserve(o.Max), now.Add(-flow.StarvationAge), symphony.MinPriority, symphony.MaxPriority)
	starved := len(taken)
	for p := symphony.MaxPriority; p >= symphony.MinPriority; p-- {
		take(o.Max, now, p, p)
	}
	fair.Spend(len(taken), starved)
	slices.SortStableFunc(taken, func(a, b *message) int {
		if a.Priority != b.Priority {
			return b.Priority - a.Priority
		}
		if before(a, b) {
			return -1
		}
		return 1
	})
	return t.lease(taken, o, now)
}

// lease hands claimed messages to a worker.
func (s *store) lease(taken []*message, o symphony.ReceiveOptions, now time.Time) []symphony.Delivery {
	if len(taken) == 0 {
		return nil
	}
	var random [16]byte
	rand.Read(random[:]) // never fails
	l := &lease{token: hex.EncodeToString(random[:]), worker: o.Worker, claimed: s.shown(now), items: make([]item, len(taken)), open: len(taken)}
	s.leases[l.token] = l
	out := make([]symphony.Delivery, len(taken))
	for i, m := range taken {
		m.attempt++
		m.lane.counts.Processing++
		l.items[i] = item{message: m, lease: l, expires: now.Add(o.Lease)}
		m.item = &l.items[i]
		heap.Push(&s.ending, &l.items[i])
		out[i] = symphony.Delivery{
			Envelope: stored(&m.Envelope), Lease: symphony.Lease{MessageID: m.ID, Token: l.token, Index: i}, Attempt: m.attempt, Lost: m.lost,
			ClaimedAt: s.shown(now), LeasedUntil: s.shown(now.Add(o.Lease)), Done: slices.Clone(m.done),
		}
	}
	return out
}
