package transporttest

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
)

// Limits are the limits with which the transports under test are opened, where they heed any.
func Limits(t testing.TB) *flow.Limits {
	t.Helper()
	limits, err := flow.NewLimits(flow.LimitOptions{
		Types: map[string]flow.TypeLimit{
			"Two":         {Limit: flow.Limit{Concurrency: 2}},
			"TwoInAll.*":  {Limit: flow.Limit{Concurrency: 2}, PerKey: flow.Limit{Concurrency: 1}},
			"Slow":        {Limit: flow.Limit{Rate: flow.Rate{Count: 10, Per: time.Second}}},
			"ThreeByKey":  {PerKey: flow.Limit{Concurrency: 3}},
			"Part":        {PerKey: flow.Limit{Concurrency: 2}},
			"Part:a":      {},
			"SlowByKey":   {PerKey: flow.Limit{Concurrency: flow.NoLimit, Rate: flow.Rate{Count: 2, Per: time.Second}}},
			"TwoAndSlow":  {Limit: flow.Limit{Concurrency: 2, Rate: flow.Rate{Count: 10, Per: time.Second}}},
			"ManyASecond": {Limit: flow.Limit{Rate: flow.Rate{Count: 100, Per: time.Second}}},
		},
		Queues: map[string]flow.Limit{"default/narrow": {Concurrency: 1}, "default/paced": {Rate: flow.Rate{Count: 5, Per: time.Second}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return limits
}

func controls(c symphony.Capabilities) (bool, string) { return c.Flow, "has no flow control" }

// send dispatches a message of a type and moves the clock on by a millisecond.
func (s *suite) send(typ string, o symphony.DispatchOptions) symphony.Receipt {
	s.Helper()
	s.sent++
	r, err := s.bus.Dispatch(ctx, typ, json.RawMessage(fmt.Sprintf(`{"n":%d}`, s.sent)), o)
	if err != nil {
		s.Fatal(err)
	}
	s.clock.Advance(time.Millisecond)
	return r
}

func (s *suite) sendMany(n int, typ string, o symphony.DispatchOptions) []string {
	s.Helper()
	list := make([]string, n)
	for i := range list {
		list[i] = s.send(typ, o).ID
	}
	return list
}

// drain receives and acks until nothing is ready, moving the clock on by step up to idle times in a row without getting
// anything. It returns the ids in the order of delivery.
func (s *suite) drain(step time.Duration, idle int) []string {
	s.Helper()
	var got []string
	for quiet := 0; quiet <= idle; quiet++ {
		for {
			list := s.receive(all)
			if len(list) == 0 {
				break
			}
			quiet = 0
			got = append(got, ids(list)...)
			s.ack(list...)
		}
		s.clock.Advance(step)
	}
	return got
}

func (s *suite) wantSame(what string, got, want []string) {
	s.Helper()
	if !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))) {
		s.Errorf("%s: got %d messages, want %d: %s", what, len(got), len(want), cmp.Diff(want, got))
	}
}

var limitTests = []test{
	{"no more of a type than its limit are in hand, and others pass", func(s *suite) {
		two := s.sendMany(5, "Two", symphony.DispatchOptions{Priority: 9})
		other := s.dispatch(symphony.DispatchOptions{Priority: 1}).ID
		got := s.receive(all)
		s.wantIDs(got, two[0], two[1], other)
		s.wantIDs(s.receive(all))
		s.wantCounts(3, 3, 0, 0, 0)
		s.ack(got[0])
		got = append(got[1:], s.receive(all)...)
		s.wantIDs(got, two[1], other, two[2])
		s.wantSame("the rest", s.drainFrom(got), []string{two[1], other, two[2], two[3], two[4]})
		s.wantCounts(0, 0, 6, 0, 0)
	}},
	{"limits whose types and keys read alike have nothing to do with each other", func(s *suite) {
		part := func(typ, key string) []string {
			return s.sendMany(3, typ, symphony.DispatchOptions{ConcurrencyKey: key})
		}
		two, one := part("Part", "a:b"), part("Part:a", "b")
		got := s.receive(all)
		s.wantIDs(got, two[0], two[1], one[0])
		s.ack(got[2])
		s.wantIDs(s.receive(all), one[1])
		s.ack(got[0])
		s.wantIDs(s.receive(all), two[2])
		s.wantIDs(s.receive(all))
	}},
	{"every end of a delivery frees its place", func(s *suite) {
		want := s.sendMany(8, "Two", symphony.DispatchOptions{})
		got := s.receive(all)
		s.mustSettle(got[0], symphony.Settlement{Outcome: symphony.Retry, Delay: time.Hour, Error: "e"})
		s.wantIDs(s.receive(all), want[2])
		s.mustSettle(got[1], symphony.Settlement{Outcome: symphony.Fail, Error: "e"})
		third := s.receive(all)
		s.wantIDs(third, want[3])
		s.mustSettle(third[0], symphony.Settlement{Outcome: symphony.Release})
		s.wantIDs(s.receive(all), want[3])
		s.wantIDs(s.receive(all))
		s.clock.Advance(symphony.DefaultLease + time.Second) // two leases run out
		s.wantIDs(s.receive(all), want[4], want[5])
	}},
	{"a key is handled one at a time, in the order of dispatch", func(s *suite) {
		a := s.sendMany(4, "Job", symphony.DispatchOptions{ConcurrencyKey: "a"})
		b := s.sendMany(2, "Job", symphony.DispatchOptions{ConcurrencyKey: "b"})
		free := s.send("Job", symphony.DispatchOptions{}).ID
		got := s.receive(all)
		s.wantSame("first", ids(got), []string{a[0], b[0], free})
		for i := 1; i < 4; i++ {
			s.ack(got...)
			got = s.receive(all)
			want := []string{a[i]}
			if i == 1 {
				want = append(want, b[1])
			}
			s.wantSame("next", ids(got), want)
		}
	}},
	{"a limit by key counts each key for itself", func(s *suite) {
		for _, key := range []string{"a", "b"} {
			s.sendMany(5, "ThreeByKey", symphony.DispatchOptions{ConcurrencyKey: key})
		}
		s.sendMany(5, "ThreeByKey", symphony.DispatchOptions{})
		if got := s.receive(all); len(got) != 3+3+5 {
			s.Errorf("got %d messages, want 11", len(got))
		}
	}},
	{"a message waits for its key without taking a place of its type", func(s *suite) {
		a := s.sendMany(3, "TwoInAll.A", symphony.DispatchOptions{ConcurrencyKey: "a"})
		b := s.sendMany(2, "TwoInAll.B", symphony.DispatchOptions{ConcurrencyKey: "b"})
		got := s.receive(all)
		s.wantIDs(got, a[0], b[0])
		s.ack(got[1])
		s.wantIDs(s.receive(all), b[1])
		s.ack(got[0])
		s.wantIDs(s.receive(all), a[1])
	}},
	{"a limit by queue holds whatever the types", func(s *suite) {
		want := []string{s.send("A", symphony.DispatchOptions{Queue: "narrow"}).ID, s.send("B", symphony.DispatchOptions{Queue: "narrow"}).ID}
		got := s.receive(all)
		s.wantIDs(got, want[0])
		s.wantIDs(s.receive(symphony.ReceiveOptions{Queues: []string{"narrow"}}))
		s.ack(got...)
		s.wantIDs(s.receive(symphony.ReceiveOptions{Queues: []string{"narrow"}}), want[1])
	}},
	{"what waited before a limit keeps its place by priority and age", func(s *suite) {
		first := s.sendMany(2, "Two", symphony.DispatchOptions{})
		got := s.receive(all)
		s.wantIDs(got, first...)
		low := s.sendMany(2, "Two", symphony.DispatchOptions{Priority: 2})
		high := s.sendMany(2, "Two", symphony.DispatchOptions{Priority: 8})
		s.wantIDs(s.receive(all)) // all four are parked
		var order []string
		for len(got) > 0 {
			s.ack(got[0])
			got = append(got[1:], s.receive(all)...)
			order = append(order, ids(got)...)
		}
		order = slices.Compact(order)
		if want := append(high, low...); !slices.Equal(slices.DeleteFunc(unique(order), func(id string) bool { return slices.Contains(first, id) }), want) {
			s.Errorf("got %v, want %v", order, want)
		}
	}},
	{"a rate lets one after the other pass, by the store's clock", func(s *suite) {
		s.clock.Advance(time.Hour)
		want := s.sendMany(5, "Slow", symphony.DispatchOptions{})
		var got []string
		last := s.clock.Now().Add(-time.Second)
		for range 600 {
			list := s.receive(all)
			if len(list) > 1 {
				s.Fatalf("%d started at the same time", len(list))
			}
			if len(list) == 1 {
				if now := s.clock.Now(); now.Sub(last) < 100*time.Millisecond {
					s.Errorf("two started within %s", now.Sub(last))
				}
				last = s.clock.Now()
				got = append(got, list[0].ID)
			}
			s.clock.Advance(time.Millisecond)
		}
		if !slices.Equal(got, want) {
			s.Errorf("got %v, want %v", got, want)
		}
	}},
	{"a receiver that waits is woken when a rate lets the next pass", func(s *suite) {
		want := s.sendMany(3, "Slow", symphony.DispatchOptions{})
		s.wantIDs(s.receive(all), want[0])
		for _, id := range want[1:] {
			r := s.advanceUntil(s.wait(symphony.ReceiveOptions{Wait: time.Hour}), 10*time.Millisecond, 100)
			s.wantIDs(r.list, id)
		}
	}},
	{"a receiver that waits is woken when a place becomes free", func(s *suite) {
		want := s.sendMany(2, "Job", symphony.DispatchOptions{ConcurrencyKey: "k"})
		got := s.one()
		wait := s.wait(symphony.ReceiveOptions{Wait: time.Hour})
		s.ack(got)
		s.wantIDs((<-wait).list, want[1])
	}},
	{"rates by key and by queue", func(s *suite) {
		a, b := s.sendMany(2, "SlowByKey", symphony.DispatchOptions{ConcurrencyKey: "a"}), s.sendMany(1, "SlowByKey", symphony.DispatchOptions{ConcurrencyKey: "b"})
		p := s.sendMany(2, "Job", symphony.DispatchOptions{Queue: "paced"})
		s.wantSame("at first", ids(s.receive(all)), []string{a[0], b[0], p[0]})
		s.clock.Advance(250 * time.Millisecond)
		s.wantIDs(s.receive(all), p[1])
		s.clock.Advance(300 * time.Millisecond)
		s.wantIDs(s.receive(all), a[1])
	}},
	{"concurrency and rate hold together", func(s *suite) {
		s.sendMany(6, "TwoAndSlow", symphony.DispatchOptions{})
		var hand []symphony.Delivery
		started := 0
		for range 20 {
			got := s.receive(all)
			if len(got) > 1 {
				s.Fatalf("%d started at the same time", len(got))
			}
			started += len(got)
			if hand = append(hand, got...); len(hand) > 2 {
				s.Fatalf("%d in hand", len(hand))
			}
			s.clock.Advance(100 * time.Millisecond)
			if len(hand) == 2 {
				s.ack(hand...)
				hand = nil
			}
		}
		if started != 6 {
			s.Errorf("%d of 6 started", started)
		}
	}},
	{"a claim looks past very many messages that may not pass", func(s *suite) {
		var batch []symphony.Outgoing
		for range 1000 {
			batch = append(batch, symphony.Outgoing{Message: symphony.Message{Type: "Job", Payload: json.RawMessage(`{}`)}, Options: symphony.DispatchOptions{ConcurrencyKey: "k", Priority: 9}})
		}
		for range 3 {
			if _, err := s.bus.DispatchBatch(ctx, batch); err != nil {
				s.Fatal(err)
			}
		}
		other := s.dispatch(symphony.DispatchOptions{}).ID
		held := s.one()
		if r := <-s.wait(symphony.ReceiveOptions{Wait: time.Hour}); true {
			s.wantIDs(r.list, other)
		}
		s.ack(held)
		s.wantCounts(2999, 1, 1, 0, 0)
	}},
	{"nothing is lost or stuck after a crash", func(s *suite) {
		var want []string
		for i := range 40 {
			want = append(want, s.send([]string{"Two", "Slow", "Job", "Order"}[i%4], symphony.DispatchOptions{ConcurrencyKey: []string{"", "k"}[i/4%2]}).ID)
		}
		s.receive(symphony.ReceiveOptions{Max: 20, Worker: "w1"})
		s.reopen()
		s.clock.Advance(symphony.DefaultLease + time.Second)
		s.wantSame("after the crash", s.drain(100*time.Millisecond, 400), want)
		s.wantCounts(0, 0, 40, 0, 0)
	}},
	{"whatever happens, limits hold and every message is handled", func(s *suite) { s.limitModel() }},
}

func unique(list []string) []string {
	var out []string
	for _, id := range list {
		if !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out
}

// drainFrom acks what is in hand and drains the rest.
func (s *suite) drainFrom(hand []symphony.Delivery) []string {
	s.Helper()
	s.ack(hand...)
	return append(ids(hand), s.drain(time.Second, 2)...)
}

// limitModel sends, claims and settles at random, and counts what is in hand and what was started.
func (s *suite) limitModel() {
	seed := rand.Uint64()
	rnd := rand.New(rand.NewPCG(seed, 0))
	defer func() {
		if s.Failed() {
			s.Logf("seed %d", seed)
		}
	}()
	most := map[string]int{"Two": 2} // and one of each key
	var (
		sent, done []string
		hand       []symphony.Delivery
		slow       []time.Time
		group      = map[string][]string{}
	)
	names := func(d symphony.Delivery) []string {
		list := []string{d.Type}
		if d.Flow != nil && d.Flow.ConcurrencyKey != "" {
			pattern := d.Type // keys count within the pattern that limits a type, and together where none does
			if pattern == "Order" || pattern == "Job" {
				pattern = ""
			}
			key := pattern + "/" + d.Flow.ConcurrencyKey
			most[key] = 1
			list = append(list, key)
		}
		return list
	}
	// What was in hand for longer than its lease is nobody's any more, and comes again.
	expire := func() {
		hand = slices.DeleteFunc(hand, func(d symphony.Delivery) bool { return !s.clock.Now().Before(d.LeasedUntil) })
	}
	claim := func(o symphony.ReceiveOptions) {
		expire()
		for _, d := range s.receive(o) {
			hand = append(hand, d)
			if d.Type == "Slow" {
				slow = append(slow, s.clock.Now())
			}
			if d.Flow != nil && d.Flow.Ordered {
				if line := group[d.Flow.GroupKey]; len(line) == 0 || line[0] != d.ID {
					s.Fatalf("ordered group %s: got %s, want the first of %v", d.Flow.GroupKey, d.ID, line)
				}
			}
		}
		counts := map[string]int{}
		for _, d := range hand {
			for _, name := range names(d) {
				if counts[name]++; most[name] > 0 && counts[name] > most[name] {
					s.Fatalf("%d of %s in hand, want at most %d", counts[name], name, most[name])
				}
			}
		}
		for i := 1; i < len(slow); i++ {
			if slow[i].Sub(slow[i-1]) < 100*time.Millisecond {
				s.Fatalf("two of Slow started within %s", slow[i].Sub(slow[i-1]))
			}
		}
	}
	settle := func(i int, outcome symphony.Outcome) {
		d := hand[i]
		hand = slices.Delete(hand, i, i+1)
		s.mustSettle(d, symphony.Settlement{Outcome: outcome, Delay: time.Duration(rnd.IntN(300)) * time.Millisecond, Error: "e"})
		if outcome == symphony.Ack || outcome == symphony.Fail {
			done = append(done, d.ID)
			if d.Flow != nil && d.Flow.Ordered {
				group[d.Flow.GroupKey] = group[d.Flow.GroupKey][1:]
			}
		}
	}
	for range modelSteps(s) {
		switch rnd.IntN(6) {
		case 0, 1:
			o := symphony.DispatchOptions{Priority: 1 + rnd.IntN(10)}
			switch rnd.IntN(6) {
			case 0:
				o.ConcurrencyKey = []string{"a", "b"}[rnd.IntN(2)]
			case 1:
				o.GroupKey = []string{"g", "h"}[rnd.IntN(2)]
			case 2:
				o.GroupKey, o.Ordered = []string{"x", "y"}[rnd.IntN(2)], true
			case 3:
				o.ScheduledAt = s.clock.Now().Add(time.Duration(rnd.IntN(500)) * time.Millisecond)
			}
			id := s.send([]string{"Two", "Slow", "Order", "Job"}[rnd.IntN(4)], o).ID
			sent = append(sent, id)
			if o.Ordered {
				group[o.GroupKey] = append(group[o.GroupKey], id)
			}
		case 2, 3:
			claim(symphony.ReceiveOptions{Max: 1 + rnd.IntN(10), Worker: "w1"})
		case 4:
			if expire(); len(hand) > 0 {
				settle(rnd.IntN(len(hand)), symphony.Outcome(1+rnd.IntN(4)))
			}
		case 5:
			s.clock.Advance(time.Duration(rnd.IntN(200)) * time.Millisecond)
		}
	}
	for quiet := 0; quiet < 50; quiet++ {
		for expire(); len(hand) > 0; {
			settle(0, symphony.Ack)
			quiet = 0
		}
		s.clock.Advance(100 * time.Millisecond)
		claim(all)
	}
	s.wantSame("all", done, sent)
}
