package transporttest

import (
	"errors"
	"slices"
	"time"

	"github.com/symphony-messenger/symphony"
)

// everyOutcome is every way to settle.
var everyOutcome = []symphony.Outcome{symphony.Ack, symphony.Retry, symphony.Fail, symphony.Release}

var leaseTests = []test{
	{"a leased message is nobody else's", func(s *suite) {
		s.dispatch(symphony.DispatchOptions{})
		s.one()
		s.clock.Advance(symphony.DefaultLease - time.Millisecond)
		if got := s.receive(all); len(got) != 0 {
			s.Error("a second receiver got it")
		}
		s.wantCounts(0, 1, 0, 0, 0)
	}},
	{"an expired lease gives the message back, and the attempt counts", func(s *suite) {
		id := s.dispatch(symphony.DispatchOptions{Priority: 7, Headers: map[string]any{"a": "b"}}).ID
		d := s.one()
		s.clock.Advance(symphony.DefaultLease)
		s.wantCounts(1, 0, 0, 0, 0)
		again := s.one()
		if again.ID != id || again.Attempt != 2 || again.Lost != 1 || again.Priority != 7 || again.Headers["a"] != "b" || again.Lease.Token == d.Lease.Token {
			s.Errorf("got %+v", again)
		}
	}},
	{"an expired delivery stands in the message's history", func(s *suite) {
		if !s.def.Capabilities().Messages {
			s.Skip("transport keeps no failed messages")
		}
		s.dispatch(symphony.DispatchOptions{})
		s.one()
		claimed := s.clock.Now()
		s.clock.Advance(symphony.DefaultLease)
		f := s.fail(s.one(), "boom")
		if len(f.Attempts) != 2 || f.Retries() != 1 {
			s.Fatalf("got %+v, want two attempts", f)
		}
		if a := f.Attempts[0]; a.Number != 1 || a.ErrorClass != symphony.LostClass || a.Error != symphony.LostText || a.Worker != "w1" || !a.StartedAt.Equal(claimed) {
			s.Errorf("the lost attempt is %+v", a)
		}
	}},
	{"Extend keeps a lease, for its own message only", func(s *suite) {
		s.dispatchMany(2, symphony.DispatchOptions{})
		got := s.receive(all)
		for range 5 {
			s.clock.Advance(symphony.DefaultLease - time.Second)
			if err := first(s.def.Extend(ctx, []symphony.Lease{got[0].Lease}, symphony.DefaultLease)); err != nil {
				s.Fatal(err)
			}
		}
		again := s.receive(all)
		s.wantIDs(again, got[1].ID)
		s.ack(got[0])
		s.wantLost("the message not extended", s.settle(got[1], symphony.Settlement{Outcome: symphony.Ack}))
	}},
	{"Extend can shorten a lease", func(s *suite) {
		s.dispatch(symphony.DispatchOptions{})
		d := s.one()
		if err := first(s.def.Extend(ctx, []symphony.Lease{d.Lease}, symphony.MinLease)); err != nil {
			s.Fatal(err)
		}
		s.clock.Advance(symphony.MinLease)
		s.wantIDs(s.receive(all), d.ID)
	}},
	{"Extend refuses what is out of range", func(s *suite) {
		s.dispatch(symphony.DispatchOptions{})
		d := s.one()
		for _, length := range []time.Duration{0, symphony.MinLease - 1, symphony.MaxLease + 1} {
			if err := first(s.def.Extend(ctx, []symphony.Lease{d.Lease}, length)); err == nil || errors.Is(err, symphony.ErrLeaseLost) {
				s.Errorf("extending by %s: %v", length, err)
			}
		}
	}},
	{"a stale worker is refused everywhere and changes nothing", func(s *suite) {
		makers := map[string]func(d symphony.Delivery){
			"after its lease ran out":      func(symphony.Delivery) { s.clock.Advance(symphony.DefaultLease) },
			"after another worker took it": func(symphony.Delivery) { s.clock.Advance(symphony.DefaultLease); s.one() },
			"after it was acked":           func(d symphony.Delivery) { s.ack(d) },
			"after it was retried":         func(d symphony.Delivery) { s.mustSettle(d, symphony.Settlement{Outcome: symphony.Retry}) },
			"after it was retried and taken again": func(d symphony.Delivery) {
				s.mustSettle(d, symphony.Settlement{Outcome: symphony.Retry})
				s.one()
			},
			"after it was released": func(d symphony.Delivery) { s.mustSettle(d, symphony.Settlement{Outcome: symphony.Release}) },
		}
		for name, lose := range makers {
			s.dispatch(symphony.DispatchOptions{})
			d := s.one()
			lose(d)
			before := s.stats().QueueStats
			for _, outcome := range everyOutcome {
				s.wantLost(name+": "+outcome.String(), s.settle(d, symphony.Settlement{Outcome: outcome, Error: "stale", ErrorClass: "stale"}))
			}
			s.wantLost(name+": extend", first(s.def.Extend(ctx, []symphony.Lease{d.Lease}, symphony.DefaultLease)))
			after := s.stats().QueueStats
			before.OldestPendingAge, after.OldestPendingAge = 0, 0
			if before != after {
				s.Errorf("%s: a stale worker changed %+v to %+v", name, before, after)
			}
			s.clock.Advance(2 * symphony.DefaultLease)
			s.ack(s.receive(all)...)
		}
	}},
	{"forged leases are refused", func(s *suite) {
		s.dispatch(symphony.DispatchOptions{})
		d := s.one()
		for _, forged := range []symphony.Lease{
			{}, {MessageID: d.ID}, {MessageID: d.ID, Token: "guess", Index: d.Lease.Index}, {MessageID: d.ID, Token: d.Lease.Token, Index: 99}, {MessageID: d.ID, Token: d.Lease.Token, Index: -1},
		} {
			s.wantLost("forged", first(s.def.Settle(ctx, []symphony.Settlement{{Lease: forged, Outcome: symphony.Ack}})))
			s.wantLost("forged", first(s.def.Extend(ctx, []symphony.Lease{forged}, symphony.MinLease)))
		}
		s.ack(d)
	}},
	{"of a claim that expires, only what was not settled comes back", func(s *suite) {
		s.dispatchMany(4, symphony.DispatchOptions{})
		got := s.receive(all)
		s.ack(got[0])
		s.mustSettle(got[1], symphony.Settlement{Outcome: symphony.Retry, Delay: time.Hour})
		s.clock.Advance(symphony.DefaultLease)
		s.wantIDs(s.receive(all), got[2].ID, got[3].ID)
		s.wantCounts(1, 2, 1, 0, 0)
	}},
	{"messages that lost a worker are handed out MaxLost at a time", func(s *suite) {
		lost := s.dispatchMany(5, symphony.DispatchOptions{})
		s.receive(all)
		s.clock.Advance(symphony.DefaultLease)
		fresh := s.dispatchMany(5, symphony.DispatchOptions{})
		got := s.receive(symphony.ReceiveOptions{Max: 10, MaxLost: 2})
		s.wantIDs(got, lost[:2]...)
		s.wantIDs(s.receive(symphony.ReceiveOptions{Max: 10, MaxLost: 4}), append(slices.Clone(lost[2:]), fresh...)...)
	}},
	{"a crash gives back what was claimed, and no more", func(s *suite) {
		s.dispatchMany(6, symphony.DispatchOptions{})
		got := s.receive(symphony.ReceiveOptions{Max: 5})
		s.ack(got[0])
		s.mustSettle(got[1], symphony.Settlement{Outcome: symphony.Retry, Delay: time.Hour})
		s.mustSettle(got[2], symphony.Settlement{Outcome: symphony.Release})
		s.reopen()
		s.wantCounts(5, 0, 1, 0, 0)
		s.wantLost("a lease of before the crash", s.settle(got[3], symphony.Settlement{Outcome: symphony.Ack}))
		attempts := make(map[string][2]int)
		for _, d := range s.receive(all) {
			attempts[d.ID] = [2]int{d.Attempt, d.Lost}
		}
		want := map[int][2]int{2: {1, 0}, 3: {2, 1}, 4: {2, 1}}
		if len(attempts) != 4 { // the sixth message was never claimed
			s.Errorf("%d messages are ready, want 4", len(attempts))
		}
		for i, w := range want {
			if attempts[got[i].ID] != w {
				s.Errorf("message %d comes back with attempt and lost %v, want %v", i, attempts[got[i].ID], w)
			}
		}
	}},
}
