package transporttest

import (
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
)

// atOnce is a limit of so many at a time.
func atOnce(t flow.LimitTarget, n int) flow.SetLimit {
	return flow.SetLimit{LimitTarget: t, Set: true, Limit: flow.Limit{Concurrency: n}}
}

var jobs = flow.LimitTarget{Type: "Job"}

var limitsTests = []test{
	{"a limit that is set holds for messages that wait already, and for those to come", func(s *suite) {
		list := s.sendMany(4, "Job", symphony.DispatchOptions{})
		other := s.send("Other", symphony.DispatchOptions{}).ID
		s.setLimit(atOnce(jobs, 2))
		got := s.receive(all)
		s.wantIDs(got, list[0], list[1], other)
		list = append(list, s.send("Job", symphony.DispatchOptions{Priority: 10}).ID)
		s.wantIDs(s.receive(all))
		s.ack(got[0])
		got = append(got, s.receive(all)...)
		s.wantIDs(got[3:], list[4])
		s.ack(got[1], got[3])
		s.wantIDs(s.receive(all), list[2], list[3])
	}},
	{"a limit that is set survives, and its end lets go of what waits", func(s *suite) {
		list := s.sendMany(5, "Job", symphony.DispatchOptions{})
		s.setLimit(atOnce(jobs, 1))
		got := s.receive(all)
		s.wantIDs(got, list[0])
		s.ack(got...)
		s.reopenIfPossible()
		if got = s.receive(all); len(got) != 1 {
			s.Fatalf("%d in hand after a restart, want 1", len(got))
		}
		s.deleteLimit(jobs)
		s.wantSame("the rest", s.drainFrom(got), list[1:])
		if states := s.limitStates(jobs); states.Set != nil {
			s.Errorf("after its end: %+v", states)
		}
	}},
	{"what was in hand when a limit was set takes up room", func(s *suite) {
		list := s.sendMany(5, "Job", symphony.DispatchOptions{})
		had := s.receive(symphony.ReceiveOptions{Max: 3})
		s.setLimit(atOnce(jobs, 2))
		s.wantIDs(s.receive(all))
		s.ack(had[0])
		s.clock.Advance(time.Second)
		s.wantIDs(s.receive(all))
		if got := s.limitStates(jobs); got.Running != 2 || got.Waiting != 2 {
			s.Errorf("running %d, waiting %d; want 2 and 2", got.Running, got.Waiting)
		}
		s.mustSettle(had[1], symphony.Settlement{Outcome: symphony.Retry, Delay: time.Hour, Error: "e"})
		s.clock.Advance(2 * time.Second)
		s.wantIDs(s.receive(all), list[3])
		s.ack(had[2])
		s.clock.Advance(2 * time.Second)
		s.wantIDs(s.receive(all), list[4])
		s.clock.Advance(2 * time.Minute)
		s.receive(all) // long after: nothing is counted anew
		s.deleteLimit(jobs)
	}},
	{"the configured limit is raised, lowered, lifted and restored", func(s *suite) {
		two := flow.LimitTarget{Type: "Two"}
		list := s.sendMany(9, "Two", symphony.DispatchOptions{})
		got := s.receive(all)
		s.wantIDs(got, list[:2]...)
		s.setLimit(atOnce(two, 4))
		got = append(got, s.receive(all)...)
		s.wantIDs(got[2:], list[2:4]...)
		s.setLimit(atOnce(two, 1))
		s.ack(got[:3]...)
		s.wantIDs(s.receive(all))
		s.ack(got[3])
		next := s.receive(all)
		s.wantIDs(next, list[4])
		s.setLimit(flow.SetLimit{LimitTarget: two, Set: true})
		next = append(next, s.receive(all)...)
		s.wantIDs(next[1:], list[5:]...)
		more := s.sendMany(3, "Two", symphony.DispatchOptions{})
		s.deleteLimit(two)
		s.wantIDs(s.receive(all))
		s.ack(next[:4]...)
		s.clock.Advance(time.Second)
		s.wantIDs(s.receive(all), more[0])
	}},
	{"a limit of a queue, and one of everything", func(s *suite) {
		a := s.sendMany(3, "Job", symphony.DispatchOptions{Queue: "a"})
		b := s.sendMany(3, "Job", symphony.DispatchOptions{Queue: "b"})
		s.setLimit(atOnce(flow.LimitTarget{Transport: s.def.Name(), Queue: "a"}, 1))
		s.setLimit(atOnce(flow.LimitTarget{Type: "*"}, 3))
		got := s.receive(all)
		s.wantIDs(got, a[0], b[0], b[1])
		s.deleteLimit(flow.LimitTarget{Type: "*"})
		s.wantIDs(s.receive(all), b[2])
	}},
	{"a limit of a key takes the place of what holds for each key", func(s *suite) {
		key := symphony.DispatchOptions{ConcurrencyKey: "k"}
		jobs, others := s.sendMany(4, "Job", key), s.sendMany(3, "Other", key)
		got := s.receive(all)
		s.wantIDs(got, jobs[0])
		mine := flow.LimitTarget{Key: "k", Type: "Job"}
		s.setLimit(atOnce(mine, 2))
		got = append(got, s.receive(all)...)
		s.wantIDs(got[1:], jobs[1], others[0])
		s.setLimit(atOnce(flow.LimitTarget{Key: "k"}, 4))
		got = append(got, s.receive(all)...)
		s.wantIDs(got[3:], others[1])
		s.deleteLimit(mine)
		s.deleteLimit(flow.LimitTarget{Key: "k"})
		s.wantIDs(s.receive(all))
		s.ack(got...)
		s.clock.Advance(time.Second)
		s.wantIDs(s.receive(all), jobs[2])
	}},
	{"a rate that is set paces what waits", func(s *suite) {
		list := s.sendMany(3, "Job", symphony.DispatchOptions{})
		one := flow.Limit{Rate: flow.Rate{Count: 1, Per: time.Second}}
		s.setLimit(flow.SetLimit{LimitTarget: jobs, Set: true, Limit: one})
		s.wantIDs(s.receive(all), list[0])
		s.wantIDs(s.receive(all))
		s.clock.Advance(time.Second + time.Millisecond)
		s.wantIDs(s.receive(all), list[1])
		if got := s.limitStates(jobs); got.Tokens != 0 || got.Running != 2 || got.Waiting != 1 {
			s.Errorf("tokens %d, running %d, waiting %d; want 0, 2, 1", got.Tokens, got.Running, got.Waiting)
		}
	}},
	{"a limit ends by itself", func(s *suite) {
		list := s.sendMany(3, "Job", symphony.DispatchOptions{})
		l := atOnce(jobs, 1)
		l.Until = s.clock.Now().Add(time.Minute).UTC().Truncate(time.Microsecond)
		s.setLimit(l)
		got := s.receive(all)
		s.wantIDs(got, list[0])
		s.clock.Advance(5 * time.Second)
		s.wantIDs(s.receive(all))
		s.reopenIfPossible()
		s.clock.Advance(56 * time.Second)
		s.receive(all) // what was lost comes again
		if states := s.limitStates(jobs); states.Set != nil {
			s.Errorf("after its end: %+v", states)
		}
		s.clock.Advance(symphony.DefaultLease + time.Second)
		if got := s.receive(all); len(got) != 3 {
			s.Errorf("%d were handed out, want all", len(got))
		}
	}},
	{"what ends by itself is told once, by one process, and nothing else is", func(s *suite) {
		processes := []symphony.Transport{s.def}
		if s.Second != nil {
			processes = append(processes, s.Second(s.T), s.Second(s.T))
		}
		until := s.clock.Now().Add(time.Minute)
		paused := func(t flow.HoldTarget, until time.Time) {
			s.hold(flow.Hold{HoldTarget: t, Mode: flow.Paused, Until: until})
		}
		limited := func(t flow.LimitTarget, until time.Time) {
			l := atOnce(t, 1)
			l.Until = until
			s.setLimit(l)
		}
		narrow := flow.LimitTarget{Transport: s.def.Name(), Queue: "a"}
		paused(flow.HoldTarget{Queue: "a"}, until)
		paused(flow.HoldTarget{Type: "Mail.*"}, until.Add(time.Second))
		paused(flow.HoldTarget{}, until)
		paused(flow.HoldTarget{}, time.Time{}) // in place of the one before
		paused(flow.HoldTarget{Queue: "b"}, until)
		s.release(flow.HoldTarget{Queue: "b"})
		limited(narrow, until)
		limited(jobs, until)
		limited(jobs, until.Add(time.Hour))
		limited(flow.LimitTarget{Key: "k"}, until)
		s.deleteLimit(flow.LimitTarget{Key: "k"})
		limited(flow.LimitTarget{Type: "Two"}, until)
		s.send("Two", symphony.DispatchOptions{})
		s.press(symphony.Delivery{Envelope: symphony.Envelope{Type: "Two"}}, time.Hour) // which goes on
		look := func() {
			for _, p := range processes {
				if _, err := p.Stats(ctx); err != nil {
					s.Fatal(err)
				}
			}
		}
		look()
		s.wantSame("told at first", s.Told.all(), nil)
		s.reopenIfPossible()
		processes[0] = s.def
		s.clock.Advance(until.Sub(s.clock.Now()) + time.Millisecond)
		look()
		want := []string{`hold of queue "a"`, `limit of queue "a" of transport "default"`, `limit of type "Two"`}
		s.wantSame("told when they were over", s.Told.all(), want)
		s.clock.Advance(2 * time.Second)
		look()
		s.clock.Advance(time.Minute)
		look()
		s.wantSame("told in the end", s.Told.all(), append([]string{`hold of type "Mail.*"`}, want...))
	}},
	{"very many messages that waited for a limit come back", func(s *suite) {
		var batch []symphony.Outgoing
		for range 1000 {
			batch = append(batch, symphony.Outgoing{Message: symphony.Message{Type: "Job", Payload: json.RawMessage(`{}`)}})
		}
		for range 3 {
			if _, err := s.bus.DispatchBatch(ctx, batch); err != nil {
				s.Fatal(err)
			}
		}
		s.setLimit(atOnce(jobs, 1))
		s.ack(s.receive(all)...)
		for range 3 {
			s.ack(s.receive(all)...)
		}
		s.deleteLimit(jobs)
		if got := s.drain(time.Second, 60); len(got) < 2990 {
			s.Errorf("%d of 3000 came back", len(got))
		}
		s.wantCounts(0, 0, 3000, 0, 0)
	}},
	{"an endpoint that asks for less has its messages wait, and the rate is halved and comes back", func(s *suite) {
		list := s.sendMany(2, "ManyASecond", symphony.DispatchOptions{})
		other := s.send("Other", symphony.DispatchOptions{}).ID
		got := s.receive(symphony.ReceiveOptions{Max: 1})
		s.wantIDs(got, list[0])
		s.press(got[0], 10*time.Second)
		s.press(got[0], 10*time.Second) // told twice at a time
		s.wantIDs(s.receive(all), other)
		many := flow.LimitTarget{Type: "ManyASecond"}
		if now := s.limitStates(many); now.Now.Rate.Per != 2*time.Second || now.Set.Pressure.From != "http://api: 429" {
			s.Errorf("under pressure: %+v, rate %+v", now.Set, now.Now.Rate)
		}
		s.clock.Advance(10*time.Second + time.Millisecond)
		s.wantIDs(s.receive(all), list[1])
		s.press(got[0], time.Second)
		if now := s.limitStates(many); now.Now.Rate.Per != 4*time.Second {
			s.Errorf("the second time: rate %+v", now.Now.Rate)
		}
		s.clock.Advance(time.Minute)
		if now := s.limitStates(many); now.Now.Rate.Per.Round(time.Millisecond) != 2857*time.Millisecond { // 35%
			s.Errorf("a minute later: rate %+v", now.Now.Rate)
		}
		s.clock.Advance(8 * time.Minute)
		s.receive(all)
		if now := s.limitStates(many); now.Set != nil || now.Now.Rate.Per != time.Second {
			s.Errorf("in the end: %+v, rate %+v", now.Set, now.Now.Rate)
		}
	}},
	{"an endpoint that asks for less stops only the key of the message", func(s *suite) {
		a := s.sendMany(2, "ThreeByKey", symphony.DispatchOptions{ConcurrencyKey: "a"})
		got := s.receive(symphony.ReceiveOptions{Max: 1})
		s.press(got[0], time.Minute)
		b := s.send("ThreeByKey", symphony.DispatchOptions{ConcurrencyKey: "b"}).ID
		s.wantIDs(s.receive(all), b)
		s.ack(got...)
		s.clock.Advance(10 * time.Second)
		s.wantIDs(s.receive(all))
		s.clock.Advance(50*time.Second + time.Millisecond)
		s.wantSame("after the pause", ids(s.receive(all)), []string{a[1], b})
	}},
	{"a change that is refused changes nothing", func(s *suite) {
		list := s.sendMany(2, "Job", symphony.DispatchOptions{})
		refusal := errors.New("no")
		err := s.control().ChangeLimits(ctx, changeTo([]flow.SetLimit{atOnce(jobs, 1)}, nil, refusal))
		if !errors.Is(err, refusal) {
			s.Errorf("got %v, want what the change said", err)
		}
		s.wantIDs(s.receive(all), list...)
	}},
	{"limits are told with what is configured", func(s *suite) {
		two := flow.LimitTarget{Type: "Two"}
		s.setLimit(flow.SetLimit{LimitTarget: two, Set: true, By: "ops", Limit: flow.Limit{Concurrency: 7}})
		got := s.limitStates(two)
		want := flow.LimitState{LimitTarget: two, Configured: &flow.Limit{Concurrency: 2},
			Set: got.Set, Now: flow.Limit{Concurrency: 7}, Tokens: -1}
		if diff := cmp.Diff(want, got); diff != "" || got.Set == nil || got.Set.By != "ops" {
			s.Errorf("set %+v (-want +got)\n%s", got.Set, diff)
		}
		got = s.limitStates(flow.LimitTarget{Transport: "default", Queue: "narrow"})
		if got.Configured == nil || got.Configured.Concurrency != 1 {
			s.Errorf("the queue: %+v", got)
		}
	}},
}

// limitStates is what is told of one limit, with only its target where that is nothing.
func (s *suite) limitStates(t flow.LimitTarget) flow.LimitState {
	s.Helper()
	list, err := s.control().LimitStates(ctx)
	if err != nil {
		s.Fatal(err)
	}
	for _, one := range list {
		if one.LimitTarget == t {
			return one
		}
	}
	return flow.LimitState{LimitTarget: t}
}

// press says that the endpoint to which a message was given asks for a pause.
func (s *suite) press(d symphony.Delivery, wait time.Duration) {
	s.Helper()
	ask := flow.Ask{Message: &d.Envelope, Pattern: d.Type, Wait: wait, From: "http://api: 429"}
	err := s.control().ChangeLimits(ctx, ask.Change)
	if err != nil {
		s.Fatal(err)
	}
}

// setLimit sets a limit at run time.
func (s *suite) setLimit(l flow.SetLimit) {
	s.Helper()
	s.changeLimits([]flow.SetLimit{l}, nil)
}

// deleteLimit goes back to the configured limit.
func (s *suite) deleteLimit(t flow.LimitTarget) {
	s.Helper()
	s.changeLimits(nil, []flow.LimitTarget{t})
}

func (s *suite) changeLimits(save []flow.SetLimit, drop []flow.LimitTarget) {
	s.Helper()
	if err := s.control().ChangeLimits(ctx, changeTo(save, drop, nil)); err != nil {
		s.Fatal(err)
	}
}

// changeTo is a change that does not care about what is set.
func changeTo(save []flow.SetLimit, drop []flow.LimitTarget, err error) flow.LimitsChange {
	return func(time.Time, time.Time, *flow.Limits) ([]flow.SetLimit, []flow.LimitTarget, error) {
		return save, drop, err
	}
}

// Told notes which holds and limits ended by themselves, as storages tell. The zero value is ready. Safe for concurrent
// use.
type Told struct {
	mu   sync.Mutex
	list []string
}

// HoldChanged notes that a hold ended.
func (t *Told) HoldChanged(h flow.HoldChange) {
	t.add("hold of "+h.String(), h.Over && h.Mode == "" && h.By == "" && h.Transport != "")
}

// LimitChanged notes that a limit ended.
func (t *Told) LimitChanged(l flow.LimitChange) {
	t.add("limit of "+l.String(), l.Over && l.Set == nil && l.Transport == l.LimitTarget.Transport)
}

func (t *Told) add(what string, ended bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !ended {
		what += ", which is told wrongly"
	}
	t.list = append(t.list, what)
}

// all are those that were told so far.
func (t *Told) all() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Sorted(slices.Values(t.list))
}
