package transporttest

import (
	"slices"
	"time"

	"github.com/symphony-messenger/symphony"
)

// clockTests set the machine's clock while messages wait and are in hand. What lasts a while must not notice; what has
// a time of day goes by the new time.
var clockTests = []test{
	{"what is ready stays ready and in order, wherever the clock is set", steady(func(s *suite) {
		var want []string
		for _, by := range []time.Duration{0, -time.Hour, -24 * time.Hour, 3 * time.Hour, -time.Minute} {
			s.clock.Step(by)
			want = append(want, s.dispatch(symphony.DispatchOptions{}).ID)
		}
		s.clock.Step(-365 * 24 * time.Hour)
		if st := s.stats(); st.Pending != 5 || st.OldestPendingAge != 5*time.Millisecond {
			s.Errorf("%d messages wait, the oldest for %s; want 5 and 5ms", st.Pending, st.OldestPendingAge)
		}
		s.wantIDs(s.receive(all), want...)
	})},
	{"a lease lasts as long as it was given for, wherever the clock is set", steady(func(s *suite) {
		for _, by := range []time.Duration{-time.Hour, time.Hour} {
			id := s.dispatch(symphony.DispatchOptions{}).ID
			d := s.one()
			s.clock.Step(by)
			s.clock.Advance(symphony.DefaultLease - time.Millisecond)
			if got := s.receive(all); len(got) != 0 {
				s.Fatalf("set by %s: a second worker got the message before the lease ended", by)
			}
			if err := first(s.def.Extend(ctx, []symphony.Lease{d.Lease}, time.Minute)); err != nil {
				s.Fatalf("set by %s: extend: %v", by, err)
			}
			s.clock.Step(by)
			s.clock.Advance(time.Minute - time.Millisecond)
			if got := s.receive(all); len(got) != 0 {
				s.Fatalf("set by %s: a second worker got the message before the extended lease ended", by)
			}
			s.clock.Advance(time.Millisecond)
			again := s.receive(all)
			s.wantIDs(again, id)
			s.wantLost("the worker whose lease ended", s.settle(d, symphony.Settlement{Outcome: symphony.Ack}))
			s.ack(again...)
		}
	})},
	{"a pause before the next attempt lasts as long as it was given for", steady(func(s *suite) {
		for _, by := range []time.Duration{-time.Hour, time.Hour} {
			id := s.dispatch(symphony.DispatchOptions{}).ID
			s.mustSettle(s.one(), symphony.Settlement{Outcome: symphony.Retry, Delay: 10 * time.Second})
			s.clock.Step(by)
			s.clock.Advance(10*time.Second - time.Millisecond)
			if got := s.receive(all); len(got) != 0 {
				s.Fatalf("set by %s: the message is ready before its pause is over", by)
			}
			s.clock.Advance(time.Millisecond)
			got := s.receive(all)
			s.wantIDs(got, id)
			s.ack(got...)
		}
	})},
	{"a time of day is that of the clock as it is set", steady(func(s *suite) {
		noon := s.clock.Now().Add(time.Hour)
		id := s.dispatch(symphony.DispatchOptions{ScheduledAt: noon}).ID
		s.clock.Step(-30 * time.Minute)
		s.clock.Advance(time.Hour)
		if got := s.receive(all); len(got) != 0 {
			s.Fatal("set back by half an hour, the message came half an hour early")
		}
		s.wantCounts(1, 0, 0, 0, 1)
		s.clock.Advance(noon.Sub(s.clock.Now()) - time.Millisecond)
		if got := s.receive(all); len(got) != 0 {
			s.Fatal("the message came a millisecond early")
		}
		s.clock.Advance(time.Millisecond)
		s.wantIDs(s.receive(all), id)

		later := s.dispatch(symphony.DispatchOptions{ScheduledAt: s.clock.Now().Add(time.Hour)}).ID
		after := s.dispatch(symphony.DispatchOptions{}).ID
		s.clock.Step(time.Hour)
		s.wantCounts(2, 1, 0, 0, 0)
		got := ids(s.receive(all))
		slices.Sort(got)
		if want := []string{later, after}; !slices.Equal(got, want) {
			s.Errorf("set forward to its time, got %v, want %v", got, want)
		}
	})},
	{"scheduled messages of groups go by the clock as it is set", steady(func(s *suite) {
		if !s.def.Capabilities().Flow {
			s.Skip("transport has no groups")
		}
		at := s.clock.Now().Add(time.Hour)
		o := symphony.DispatchOptions{GroupKey: "g", Ordered: true, ScheduledAt: at}
		list := []string{s.dispatch(o).ID, s.dispatch(o).ID}
		s.clock.Step(-time.Minute)
		s.clock.Advance(time.Hour)
		if got := s.receive(all); len(got) != 0 {
			s.Fatal("it came a minute early")
		}
		s.clock.Step(time.Minute)
		for _, id := range list {
			got := s.receive(all)
			s.wantIDs(got, id)
			s.ack(got...)
		}
	})},
	{"keys are remembered for their window, wherever the clock is set", steady(func(s *suite) {
		o := symphony.DispatchOptions{IdempotencyKey: "k"}
		s.clock.Step(-time.Hour)
		first, err := s.bus.Dispatch(ctx, "Order", struct{}{}, o)
		if err != nil {
			s.Fatal(err)
		}
		s.clock.Step(72 * time.Hour)
		again, err := s.bus.Dispatch(ctx, "Order", struct{}{}, o)
		if err != nil || !again.Duplicate || again.ID != first.ID {
			s.Errorf("got %+v, %v; want the first message again", again, err)
		}
	})},
	{"what is shown is the time of day", steady(func(s *suite) {
		store, ok := s.def.(symphony.MessageStore)
		if !ok {
			s.Skip("transport shows no messages")
		}
		info := func(id string) symphony.MessageInfo {
			s.Helper()
			m, err := GetMessage(ctx, store, id)
			if err != nil {
				s.Fatal(err)
			}
			return m
		}
		s.clock.Step(-time.Hour)
		id := s.dispatch(symphony.DispatchOptions{}).ID
		now := s.clock.Now()
		d := s.one()
		if !d.ClaimedAt.Equal(now) || !d.LeasedUntil.Equal(now.Add(symphony.DefaultLease)) {
			s.Errorf("claimed at %s until %s, want %s", d.ClaimedAt, d.LeasedUntil, now)
		}
		if m := info(id); !m.StartedAt.Equal(now) || !m.LeasedUntil.Equal(now.Add(symphony.DefaultLease)) {
			s.Errorf("in hand since %s until %s, want %s", m.StartedAt, m.LeasedUntil, now)
		}
		s.mustSettle(d, symphony.Settlement{Outcome: symphony.Retry, Delay: time.Minute, StartedAt: now, FinishedAt: now})
		if m := info(id); !m.AvailableAt.Equal(now.Add(time.Minute)) || len(m.Attempts) != 1 || !m.Attempts[0].RetryAt.Equal(now.Add(time.Minute)) {
			s.Errorf("available at %s with attempts %+v, want %s", m.AvailableAt, m.Attempts, now.Add(time.Minute))
		}
		s.clock.Advance(time.Minute)
		s.ack(s.one())
		if m := info(id); !m.FinishedAt.Equal(s.clock.Now()) {
			s.Errorf("finished at %s, want %s", m.FinishedAt, s.clock.Now())
		}
	})},
	{"a message that waits is found and steered, wherever the clock is set", steady(func(s *suite) {
		store, ok := s.def.(symphony.MessageStore)
		if !ok {
			s.Skip("transport shows no messages")
		}
		for _, by := range []time.Duration{time.Hour, -3 * time.Hour} {
			s.clock.Step(by)
			ready, later := s.dispatch(symphony.DispatchOptions{}), s.dispatch(symphony.DispatchOptions{ScheduledAt: s.clock.Now().Add(time.Hour)})
			if m, err := GetMessage(ctx, store, ready.ID); err != nil || m.Status != symphony.Pending || !m.AvailableAt.Equal(m.CreatedAt) {
				s.Errorf("set by %s: got %+v, %v; want it available since it was created", by, m, err)
			}
			if m, err := GetMessage(ctx, store, later.ID); err != nil || !m.AvailableAt.Equal(later.ScheduledAt) {
				s.Errorf("set by %s: a scheduled message is available at %s, %v; want %s", by, m.AvailableAt, err, later.ScheduledAt)
			}
			if err := store.DeleteMessage(ctx, ready.ID); err != nil {
				s.Errorf("set by %s: delete: %v", by, err)
			}
			if err := store.RunMessageNow(ctx, later.ID); err != nil {
				s.Errorf("set by %s: run now: %v", by, err)
			}
			got := s.receive(all)
			s.wantIDs(got, later.ID)
			s.ack(got...)
		}
	})},
	{"leases of workers elsewhere outlive the process with the time that remains", steady(func(s *suite) {
		apart := all
		apart.Apart, apart.Lease = true, time.Minute
		for _, by := range []time.Duration{0, -time.Hour, time.Hour} {
			s.dispatchMany(4, symphony.DispatchOptions{})
			got := s.receive(apart)
			s.ack(got[0])
			s.clock.Advance(20 * time.Second)
			if err := first(s.def.Extend(ctx, []symphony.Lease{got[2].Lease}, 2*time.Minute)); err != nil {
				s.Fatal(err)
			}
			s.clock.Advance(10 * time.Second)
			s.clock.Step(by)
			s.reopen() // 30s remain of two, 1m50s of the third
			if n := s.stats().Processing; n != 3 {
				s.Fatalf("set by %s: %d messages are in hand after the restart, want 3", by, n)
			}
			s.clock.Advance(30*time.Second - time.Millisecond)
			if more := s.receive(all); len(more) != 0 {
				s.Fatalf("set by %s: somebody else got %d messages before their leases ended", by, len(more))
			}
			s.wantLost("what was acked before", s.settle(got[0], symphony.Settlement{Outcome: symphony.Ack}))
			s.ack(got[1])
			s.clock.Advance(time.Millisecond)
			back := s.receive(all)
			s.wantIDs(back, got[3].ID)
			s.wantLost("what ended after the restart", s.settle(got[3], symphony.Settlement{Outcome: symphony.Ack}))
			s.reopen() // and once more; what this process had in hand comes back at once
			s.clock.Advance(80*time.Second - time.Millisecond)
			s.ack(got[2])
			back = s.receive(all)
			s.wantIDs(back, got[3].ID)
			s.ack(back...)
			if q := s.stats().QueueStats; q.Pending+q.Processing != 0 {
				s.Errorf("set by %s: left behind: %+v", by, q)
			}
		}
	})},
	{"a lease that outlives the process keeps its place behind a limit", steady(func(s *suite) {
		if !s.def.Capabilities().Flow {
			s.Skip("transport has no limits")
		}
		o := symphony.DispatchOptions{ConcurrencyKey: "k"}
		list := []string{s.dispatch(o).ID, s.dispatch(o).ID}
		apart := all
		apart.Apart = true
		got := s.receive(apart)
		s.wantIDs(got, list[0])
		s.reopen()
		if more := s.receive(all); len(more) != 0 {
			s.Fatalf("%d messages passed the limit while one was in hand", len(more))
		}
		s.ack(got...)
		s.wantIDs(s.receive(all), list[1])
	})},
}

// steady skips a test where the time is not this process's.
func steady(run func(*suite)) func(*suite) {
	return func(s *suite) {
		if !s.Steady {
			s.Skip("transport goes by the clock of a database server")
		}
		run(s)
	}
}
