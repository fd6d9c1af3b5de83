package transporttest

import (
	"slices"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
)

// pushed are options of a message that has a URL of its own.
func pushed(o symphony.DispatchOptions) symphony.DispatchOptions {
	o.URL = "https://hooks.example.com/a"
	return o
}

// everything takes all messages but those that are pushed.
var everything = symphony.ReceiveOptions{Max: symphony.MaxReceive, MaxLost: symphony.MaxReceive, MaxBytes: 1 << 30,
	Worker: "puller"}

var pushedTests = []test{
	{"what is pushed is for those who push, and all else for them too", func(s *suite) {
		plain := s.dispatch(symphony.DispatchOptions{}).ID
		bare := s.dispatch(pushed(symphony.DispatchOptions{})).ID
		looked := s.dispatch(pushed(symphony.DispatchOptions{ConcurrencyKey: "k"})).ID
		late := s.dispatch(symphony.DispatchOptions{}).ID
		s.wantIDs(s.pull(everything), plain, late)
		s.wantIDs(s.pull(everything))
		s.wantCounts(2, 2, 0, 0, 0)
		s.reopenIfPossible()
		s.clock.Advance(2 * symphony.DefaultLease)
		for _, id := range []string{plain, bare, looked, late} {
			if got, want := s.show(id).Terms.Pushed(), id == bare || id == looked; got != want {
				s.Errorf("%s is pushed: %t, want %t", id, got, want)
			}
		}
		s.wantSame("all", s.drain(time.Second, 2), []string{plain, bare, looked, late})
		s.wantCounts(0, 0, 4, 0, 0)
		if q := s.stats().Queues; len(q) != 1 {
			s.Errorf("queues %+v, want one", q)
		}
	}},
	{"a queue that is named leaves what is pushed to those who push, too", func(s *suite) {
		id := s.dispatch(pushed(symphony.DispatchOptions{Queue: "q"})).ID
		o := everything
		o.Queues = []string{"q"}
		s.wantIDs(s.pull(o))
		s.wantIDs(s.receive(o), id)
	}},
	{"it stays so after a retry, a lost worker, and out of the dead letter queue", func(s *suite) {
		id := s.dispatch(pushed(symphony.DispatchOptions{})).ID
		s.mustSettle(s.one(), symphony.Settlement{Outcome: symphony.Retry, Error: "e"})
		s.wantIDs(s.pull(everything))
		s.wantIDs(s.receive(all), id)
		s.clock.Advance(symphony.DefaultLease + time.Second)
		s.wantIDs(s.pull(everything))
		f := s.fail(s.one(), "boom")
		again := symphony.NewID(s.clock.Now())
		if done, err := s.messages().MoveFailed(ctx,
			[]symphony.FailedMove{{ID: f.FailedID, NewID: again}}); err != nil || done != 1 {
			s.Fatalf("retried %d, %v", done, err)
		}
		s.wantIDs(s.pull(everything))
		d := s.one()
		s.wantIDs([]symphony.Delivery{d}, again)
		s.ack(d)
		s.wantCounts(0, 0, 1, 0, 0)
	}},
	{"the messages of an ordered group follow one another, whether they are pushed or not", func(s *suite) {
		o := symphony.DispatchOptions{GroupKey: "g", Ordered: true}
		want := []string{s.send("Job", o).ID, s.send("Job", pushed(o)).ID, s.send("Job", o).ID,
			s.send("Job", pushed(o)).ID, s.send("Job", pushed(o)).ID, s.send("Job", o).ID}
		var got []string
		for i := range want {
			list := s.receive(all)
			if len(list) != 1 {
				s.Fatalf("got %v, want only the next of the group", ids(list))
			}
			got = append(got, list[0].ID)
			if i == 0 {
				s.mustSettle(list[0], symphony.Settlement{Outcome: symphony.Retry, Error: "e"})
				s.wantIDs(s.receive(all), want[0])
				s.reopenOr(func() { s.clock.Advance(2 * symphony.DefaultLease) })
				list = s.receive(all)
				s.wantIDs(list, want[0])
			}
			s.ack(list...)
		}
		if !slices.Equal(got, want) {
			s.Errorf("got %v, want %v", got, want)
		}
	}},
	{"a pause, a limit and a purge are for it too", func(s *suite) {
		s.hold(flow.Hold{HoldTarget: flow.HoldTarget{Queue: "default"}, Mode: flow.Paused})
		id := s.dispatch(pushed(symphony.DispatchOptions{})).ID
		s.wantIDs(s.receive(all))
		s.release(flow.HoldTarget{Queue: "default"})
		hand := s.receive(all)
		s.wantIDs(hand, id)
		s.ack(hand...)
		for range 3 {
			s.send("Two", pushed(symphony.DispatchOptions{}))
		}
		if got := s.receive(all); len(got) != 2 {
			s.Errorf("got %d messages of a type that may have two in hand", len(got))
		}
		if n, err := s.def.(flow.Control).Purge(ctx, flow.PurgeFilter{Queue: "default"}, nil); err != nil || n != 1 {
			s.Errorf("purged %d, %v; want 1", n, err)
		}
	}},
	{"one that waits is woken for it if it pushes, and one that does not is left alone", func(s *suite) {
		long := symphony.ReceiveOptions{Wait: time.Hour}
		pull := s.wait(long)
		long.Pushes = true
		push := s.wait(long)
		id := s.dispatch(pushed(symphony.DispatchOptions{})).ID
		s.wantIDs(s.woken(push), id)
		other := s.dispatch(symphony.DispatchOptions{}).ID
		s.wantIDs(s.woken(pull), other)
	}},
}

// woken is what a receiver that waits gets before long.
func (s *suite) woken(done <-chan received) []symphony.Delivery {
	s.Helper()
	select {
	case got := <-done:
		if got.err != nil {
			s.Fatal(got.err)
		}
		return got.list
	case <-time.After(patience):
		s.Fatal("the receiver was not woken")
		return nil
	}
}
