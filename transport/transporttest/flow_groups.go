package transporttest

import (
	"slices"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
)

var groupTests = []test{
	{"groups take turns, however many messages one of them has", func(s *suite) {
		a := s.sendMany(200, "Job", symphony.DispatchOptions{GroupKey: "a"})
		b := s.sendMany(40, "Job", symphony.DispatchOptions{GroupKey: "b"})
		c := s.dispatch(symphony.DispatchOptions{}).ID
		var got []string
		for range 241 {
			d := s.one()
			got = append(got, d.ID)
			s.ack(d)
			s.clock.Advance(time.Millisecond)
		}
		s.wantSame("all", got, slices.Concat(a, b, []string{c}))
		if at := slices.Index(got, c); at > 3*flow.GroupTurn {
			s.Errorf("a message without a group was the %d. to be handled", at+1)
		}
		if at := slices.Index(got, b[39]); at > 2*40+2*flow.GroupTurn {
			s.Errorf("the last of 40 was the %d. to be handled", at+1)
		}
		if mine := slices.DeleteFunc(slices.Clone(got), func(id string) bool { return !slices.Contains(a, id) }); !slices.Equal(mine, a) {
			s.Error("the messages of one group were handled in another order than that of dispatch")
		}
	}},
	{"batch claims share out the turns too", func(s *suite) {
		s.sendMany(200, "Job", symphony.DispatchOptions{GroupKey: "a"})
		b := s.sendMany(10, "Job", symphony.DispatchOptions{GroupKey: "b"})
		first := ids(s.receive(symphony.ReceiveOptions{Max: 100}))
		for _, id := range b {
			if !slices.Contains(first, id) {
				s.Fatal("a small group was not among the first hundred")
			}
		}
	}},
	{"a group alone is handled to its end", func(s *suite) {
		want := s.sendMany(100, "Job", symphony.DispatchOptions{GroupKey: "a"})
		if got := s.drain(time.Second, 1); !slices.Equal(got, want) {
			s.Errorf("got %d messages %v, want %d", len(got), got, len(want))
		}
		s.wantCounts(0, 0, 100, 0, 0)
	}},
	{"priority goes before turns", func(s *suite) {
		s.sendMany(50, "Job", symphony.DispatchOptions{GroupKey: "a", Priority: 3})
		high := s.send("Job", symphony.DispatchOptions{GroupKey: "a", Priority: 8}).ID
		s.wantIDs([]symphony.Delivery{s.one()}, high)
	}},
	{"messages that wait for a retry, or are given back, do not stop their group", func(s *suite) {
		want := s.sendMany(3*flow.GroupTurn, "Job", symphony.DispatchOptions{GroupKey: "a"})
		for range flow.GroupTurn {
			s.mustSettle(s.one(), symphony.Settlement{Outcome: symphony.Retry, Delay: time.Hour, Error: "e"})
		}
		for _, d := range s.receive(symphony.ReceiveOptions{Max: flow.GroupTurn}) {
			s.mustSettle(d, symphony.Settlement{Outcome: symphony.Release})
		}
		got := s.drain(time.Second, 1)
		s.wantSame("the others", got, want[flow.GroupTurn:])
		s.clock.Advance(time.Hour)
		s.wantSame("all", append(got, s.drain(time.Second, 1)...), want)
	}},
	{"scheduled messages of a group take turns when their time has come", func(s *suite) {
		at := s.clock.Now().Add(time.Hour)
		want := s.sendMany(100, "Job", symphony.DispatchOptions{GroupKey: "a", ScheduledAt: at})
		s.wantIDs(s.receive(all))
		s.wantCounts(100, 0, 0, 0, 100)
		s.clock.Advance(time.Hour)
		other := s.send("Job", symphony.DispatchOptions{GroupKey: "b"}).ID
		first := ids(s.receive(symphony.ReceiveOptions{Max: 2 * flow.GroupTurn}))
		if !slices.Contains(first, other) {
			s.Error("a hundred messages that became due together went before another group's")
		}
		s.clock.Advance(symphony.DefaultLease + time.Second)
		s.wantSame("all", s.drain(time.Second, 1), append(want, other))
		s.wantCounts(0, 0, 101, 0, 0)
	}},
	{"an ordered group is handled one by one, whatever the priorities", func(s *suite) {
		var want []string
		for i := range 6 {
			want = append(want, s.send("Job", symphony.DispatchOptions{GroupKey: "a", Ordered: true, Priority: 1 + i}).ID)
		}
		other := s.send("Job", symphony.DispatchOptions{GroupKey: "b", Ordered: true, Priority: 1}).ID
		got := s.receive(all)
		s.wantSame("at first", ids(got), []string{want[0], other})
		s.wantIDs(s.receive(all))
		s.ack(got...)
		for _, id := range want[1:] {
			got := s.receive(all)
			s.wantIDs(got, id)
			s.ack(got...)
		}
	}},
	{"an ordered group waits for the retry of its first", func(s *suite) {
		want := s.sendMany(2, "Job", symphony.DispatchOptions{GroupKey: "a", Ordered: true})
		s.mustSettle(s.one(), symphony.Settlement{Outcome: symphony.Retry, Delay: time.Minute, Error: "e"})
		s.wantIDs(s.receive(all))
		s.clock.Advance(time.Minute)
		d := s.one()
		s.wantIDs([]symphony.Delivery{d}, want[0])
		s.mustSettle(d, symphony.Settlement{Outcome: symphony.Release})
		d = s.one()
		s.wantIDs([]symphony.Delivery{d}, want[0])
		s.clock.Advance(symphony.DefaultLease + time.Second) // its worker is lost
		got := s.receive(all)
		s.wantIDs(got, want[0])
		s.mustSettle(got[0], symphony.Settlement{Outcome: symphony.Fail, Error: "e"})
		s.wantIDs(s.receive(all), want[1])
	}},
	{"a receiver that waits is woken when the next of an ordered group may begin", func(s *suite) {
		want := s.sendMany(2, "Job", symphony.DispatchOptions{GroupKey: "a", Ordered: true})
		d := s.one()
		wait := s.wait(symphony.ReceiveOptions{Wait: time.Hour})
		s.ack(d)
		s.wantIDs((<-wait).list, want[1])
	}},
	{"a scheduled message joins its ordered group at its time", func(s *suite) {
		later := s.send("Job", symphony.DispatchOptions{GroupKey: "a", Ordered: true, ScheduledAt: s.clock.Now().Add(time.Minute)}).ID
		now := s.sendMany(2, "Job", symphony.DispatchOptions{GroupKey: "a", Ordered: true})
		d := s.one()
		s.wantIDs([]symphony.Delivery{d}, now[0])
		s.ack(d)
		s.mustSettle(s.one(), symphony.Settlement{Outcome: symphony.Retry, Delay: 2 * time.Minute, Error: "e"})
		s.clock.Advance(time.Minute)
		s.wantIDs(s.receive(all)) // the group's first waits for its retry
		s.clock.Advance(time.Minute)
		d = s.one()
		s.wantIDs([]symphony.Delivery{d}, now[1])
		s.ack(d)
		s.wantIDs(s.receive(all), later)
	}},
	{"a receiver that waits is woken when a scheduled message of a group is due", func(s *suite) {
		want := s.send("Job", symphony.DispatchOptions{GroupKey: "a", Delay: time.Minute}).ID
		r := s.advanceUntil(s.wait(symphony.ReceiveOptions{Wait: time.Hour}), time.Second, 100)
		s.wantIDs(r.list, want)
	}},
	{"groups survive a crash", func(s *suite) {
		want := s.sendMany(50, "Job", symphony.DispatchOptions{GroupKey: "a"})
		ordered := s.sendMany(5, "Job", symphony.DispatchOptions{GroupKey: "o", Ordered: true})
		s.receive(symphony.ReceiveOptions{Max: 30})
		s.reopen()
		s.clock.Advance(symphony.DefaultLease + time.Second)
		got := s.drain(time.Second, 40)
		s.wantSame("all", got, append(want, ordered...))
		if mine := slices.DeleteFunc(slices.Clone(got), func(id string) bool { return !slices.Contains(ordered, id) }); !slices.Equal(mine, ordered) {
			s.Errorf("ordered group: got %v, want %v", mine, ordered)
		}
	}},
	{"a failed message that is dispatched again joins its group at the end", func(s *suite) {
		first := s.sendMany(2, "Job", symphony.DispatchOptions{GroupKey: "a", Ordered: true})
		f := s.fail(s.one(), "e")
		if _, err := s.messages().MoveFailed(ctx, []symphony.FailedMove{{ID: f.FailedID, NewID: symphony.NewID(s.clock.Now())}}); err != nil {
			s.Fatal(err)
		}
		d := s.one()
		s.wantIDs([]symphony.Delivery{d}, first[1])
		s.wantIDs(s.receive(all))
		s.ack(d)
		if d := s.one(); d.Flow == nil || !d.Flow.Ordered || d.Flow.GroupKey != "a" {
			s.Errorf("the message that was dispatched again has flow %+v", d.Flow)
		}
	}},
}
