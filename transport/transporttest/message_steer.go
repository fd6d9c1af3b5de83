package transporttest

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
)

// waitingKinds are the ways in which a message can be pending. Each makes a message that waits so, some of them behind
// others, which it returns too: those that are in hand, and those that wait besides.
var waitingKinds = []struct {
	name      string
	make      func(s *suite) (id string, hand []symphony.Delivery, others []string)
	scheduled bool // it is counted so
	waits     bool // for its time, and for nothing else
}{
	{"ready", func(s *suite) (string, []symphony.Delivery, []string) {
		other := s.dispatch(symphony.DispatchOptions{}).ID
		return s.dispatch(symphony.DispatchOptions{}).ID, nil, []string{other}
	}, false, false},
	{"scheduled", func(s *suite) (string, []symphony.Delivery, []string) {
		other := s.dispatch(symphony.DispatchOptions{Delay: time.Hour}).ID
		return s.dispatch(symphony.DispatchOptions{Delay: time.Hour}).ID, nil, []string{other}
	}, true, true},
	{"waiting for a retry", func(s *suite) (string, []symphony.Delivery, []string) {
		id := s.dispatch(symphony.DispatchOptions{}).ID
		s.retry(s.one(), time.Hour, "e")
		return id, nil, nil
	}, false, true},
	{"retried twice", func(s *suite) (string, []symphony.Delivery, []string) {
		id := s.dispatch(symphony.DispatchOptions{}).ID
		s.retry(s.one(), 0, "e")
		s.retry(s.one(), time.Hour, "e")
		return id, nil, nil
	}, false, true},
	{"given back for later", func(s *suite) (string, []symphony.Delivery, []string) {
		id := s.dispatch(symphony.DispatchOptions{}).ID
		s.mustSettle(s.one(), symphony.Settlement{Outcome: symphony.Release, Delay: time.Hour})
		return id, nil, nil
	}, false, true},
	{"given back for later, after a retry", func(s *suite) (string, []symphony.Delivery, []string) {
		id := s.dispatch(symphony.DispatchOptions{}).ID
		s.retry(s.one(), 0, "e")
		s.mustSettle(s.one(), symphony.Settlement{Outcome: symphony.Release, Delay: time.Hour})
		return id, nil, nil
	}, false, true},
	{"lost by its worker", func(s *suite) (string, []symphony.Delivery, []string) {
		id := s.dispatch(symphony.DispatchOptions{}).ID
		s.one()
		s.clock.Advance(symphony.DefaultLease)
		return id, nil, nil
	}, false, false},
	{"before a limit", func(s *suite) (string, []symphony.Delivery, []string) {
		s.sendMany(2, "Two", symphony.DispatchOptions{})
		id, other := s.send("Two", symphony.DispatchOptions{}).ID, s.send("Two", symphony.DispatchOptions{}).ID
		hand := s.receive(all)
		s.wantParked(hand, 2)
		return id, hand, []string{other}
	}, false, false},
	{"before a limit by key", func(s *suite) (string, []symphony.Delivery, []string) {
		s.send("Job", symphony.DispatchOptions{ConcurrencyKey: "k"})
		id, other := s.send("Job", symphony.DispatchOptions{ConcurrencyKey: "k"}).ID, s.send("Job", symphony.DispatchOptions{ConcurrencyKey: "k"}).ID
		hand := s.receive(all)
		s.wantParked(hand, 1)
		return id, hand, []string{other}
	}, false, false},
	{"of a paused type", func(s *suite) (string, []symphony.Delivery, []string) {
		s.hold(flow.Hold{HoldTarget: flow.HoldTarget{Type: "Job"}, Mode: flow.Paused})
		id, other := s.send("Job", symphony.DispatchOptions{}).ID, s.send("Job", symphony.DispatchOptions{}).ID
		s.wantParked(s.receive(all), 0)
		s.release(flow.HoldTarget{Type: "Job"})
		return id, nil, []string{other}
	}, false, false},
	{"in its group's line", func(s *suite) (string, []symphony.Delivery, []string) {
		others := s.sendMany(flow.GroupTurn-1, "Job", symphony.DispatchOptions{GroupKey: "g"})
		id := s.send("Job", symphony.DispatchOptions{GroupKey: "g"}).ID
		return id, nil, append(others, s.sendMany(5, "Job", symphony.DispatchOptions{GroupKey: "g"})...)
	}, false, false},
	{"before its group's line", func(s *suite) (string, []symphony.Delivery, []string) {
		others := s.sendMany(flow.GroupTurn, "Job", symphony.DispatchOptions{GroupKey: "g"})
		id := s.send("Job", symphony.DispatchOptions{GroupKey: "g"}).ID
		return id, nil, append(others, s.sendMany(5, "Job", symphony.DispatchOptions{GroupKey: "g"})...)
	}, false, false},
	{"first of its ordered group", func(s *suite) (string, []symphony.Delivery, []string) {
		id := s.send("Job", symphony.DispatchOptions{GroupKey: "g", Ordered: true}).ID
		return id, nil, s.sendMany(2, "Job", symphony.DispatchOptions{GroupKey: "g", Ordered: true})
	}, false, false},
	{"second of its ordered group", func(s *suite) (string, []symphony.Delivery, []string) {
		s.send("Job", symphony.DispatchOptions{GroupKey: "g", Ordered: true})
		hand := s.receive(all)
		id := s.send("Job", symphony.DispatchOptions{GroupKey: "g", Ordered: true}).ID
		return id, hand, s.sendMany(2, "Job", symphony.DispatchOptions{GroupKey: "g", Ordered: true})
	}, false, false},
	{"scheduled in a group", func(s *suite) (string, []symphony.Delivery, []string) {
		id := s.send("Job", symphony.DispatchOptions{GroupKey: "g", Delay: time.Hour}).ID
		return id, nil, s.sendMany(2, "Job", symphony.DispatchOptions{GroupKey: "g", Delay: 2 * time.Hour})
	}, true, true},
	{"scheduled in an ordered group", func(s *suite) (string, []symphony.Delivery, []string) {
		id := s.send("Job", symphony.DispatchOptions{GroupKey: "g", Ordered: true, Delay: time.Hour}).ID
		return id, nil, s.sendMany(2, "Job", symphony.DispatchOptions{GroupKey: "g", Ordered: true, Delay: 2 * time.Hour})
	}, true, true},
	{"of an ordered group, waiting for a retry", func(s *suite) (string, []symphony.Delivery, []string) {
		id := s.send("Job", symphony.DispatchOptions{GroupKey: "g", Ordered: true}).ID
		others := s.sendMany(2, "Job", symphony.DispatchOptions{GroupKey: "g", Ordered: true})
		s.retry(s.one(), time.Hour, "e")
		return id, nil, others
	}, false, true},
	{"debounced", func(s *suite) (string, []symphony.Delivery, []string) {
		return s.send("Job", symphony.DispatchOptions{DebounceKey: "d", Delay: time.Hour}).ID, nil, nil
	}, true, true},
	{"throttled", func(s *suite) (string, []symphony.Delivery, []string) {
		return s.send("Job", symphony.DispatchOptions{ThrottleKey: "t"}).ID, nil, nil
	}, false, false},
	{"expiring", func(s *suite) (string, []symphony.Delivery, []string) {
		return s.send("Job", symphony.DispatchOptions{ExpiresAt: s.clock.Now().Add(2 * time.Hour), Delay: time.Hour}).ID, nil, nil
	}, true, true},
	{"pushed", func(s *suite) (string, []symphony.Delivery, []string) {
		other := s.dispatch(pushed(symphony.DispatchOptions{})).ID
		return s.dispatch(pushed(symphony.DispatchOptions{})).ID, nil, []string{other}
	}, false, false},
	{"pushed, before its group's line", func(s *suite) (string, []symphony.Delivery, []string) {
		others := s.sendMany(flow.GroupTurn, "Job", symphony.DispatchOptions{GroupKey: "g"})
		id := s.send("Job", pushed(symphony.DispatchOptions{GroupKey: "g"})).ID
		return id, nil, append(others, s.sendMany(5, "Job", pushed(symphony.DispatchOptions{GroupKey: "g"}))...)
	}, false, false},
	{"a failed message that is dispatched again", func(s *suite) (string, []symphony.Delivery, []string) {
		s.send("Job", symphony.DispatchOptions{})
		f := s.fail(s.one(), "e")
		id := symphony.NewID(s.clock.Now())
		if _, err := s.messages().MoveFailed(ctx, []symphony.FailedMove{{ID: f.FailedID, NewID: id}}); err != nil {
			s.Fatal(err)
		}
		return id, nil, nil
	}, false, false},
}

// wantParked looks whether a claim has taken so many messages and no others.
func (s *suite) wantParked(hand []symphony.Delivery, n int) {
	s.Helper()
	if len(hand) != n {
		s.Fatalf("%d messages were handed out, want %d", len(hand), n)
	}
}

// steerTests are two for each kind of waiting, and some more.
func steerTests() []test {
	var tests []test
	for _, kind := range waitingKinds {
		tests = append(tests,
			test{"delete/" + kind.name, func(s *suite) {
				id, hand, others := kind.make(s)
				before := s.stats().QueueStats
				if err := s.messages().DeleteMessage(ctx, id); err != nil {
					s.Fatal(err)
				}
				scheduled := before.Scheduled
				if kind.scheduled {
					scheduled--
				}
				s.wantCounts(before.Pending-1, before.Processing, before.Completed, before.Failed, scheduled)
				for _, err := range []error{s.messages().DeleteMessage(ctx, id), s.messages().RunMessageNow(ctx, id)} {
					if !errors.Is(err, symphony.ErrNotFound) {
						s.Errorf("again: %v, want ErrNotFound", err)
					}
				}
				if _, err := GetMessage(ctx, s.messages(), id); !errors.Is(err, symphony.ErrNotFound) {
					s.Errorf("show: %v, want ErrNotFound", err)
				}
				s.wantOthersToGoOn(kind.name, before, hand, others)
			}},
			test{"run now/" + kind.name, func(s *suite) {
				id, hand, others := kind.make(s)
				before := s.stats().QueueStats
				scheduled := before.Scheduled
				if kind.scheduled {
					scheduled--
				}
				asItWas := s.show(id)
				if err := s.messages().RunMessageNow(ctx, id); err != nil {
					s.Fatal(err)
				}
				s.wantCounts(before.Pending, before.Processing, before.Completed, before.Failed, scheduled)
				if kind.waits {
					asItWas.AvailableAt = s.clock.Now()
				}
				asItWas.Envelope = symphony.Envelope{}
				s.wantInfo("it", id, asItWas)
				if err := s.messages().RunMessageNow(ctx, id); err != nil {
					s.Errorf("again: %v", err)
				}
				s.wantInfo("it, again", id, asItWas)
				if kind.waits {
					s.wantIDs(s.receive(symphony.ReceiveOptions{Max: 1}), id)
					s.clock.Advance(symphony.DefaultLease + time.Second)
				}
				s.ackLeft(hand)
				for _, d := range hand {
					others = append(others, d.ID)
				}
				got := s.drain(30*time.Minute, 8)
				got = append(got, s.completedOf(others, got)...)
				s.wantSame("all", got, append(others, id))
				s.wantCounts(0, 0, before.Completed+int64(len(others))+1, before.Failed, 0)
			}})
	}
	return append(tests,
		test{"what is not pending can neither be deleted nor run", func(s *suite) {
			list := s.dispatchMany(3, symphony.DispatchOptions{})
			got := s.receive(all)
			s.ack(got[0])
			s.fail(got[1], "e")
			for i, want := range []symphony.Status{symphony.Completed, symphony.Failed, symphony.Processing} {
				for _, err := range []error{s.messages().DeleteMessage(ctx, list[i]), s.messages().RunMessageNow(ctx, list[i])} {
					var status *symphony.MessageStatusError
					if !errors.As(err, &status) || !errors.Is(err, symphony.ErrConflict) || status.Status != want || status.ID != list[i] {
						s.Errorf("%s: %v", want, err)
					}
				}
				if m := s.show(list[i]); m.Status != want {
					s.Errorf("it is %s, want %s", m.Status, want)
				}
			}
			s.wantCounts(0, 1, 1, 1, 0)
			s.ack(got[2])
		}},
		test{"a deleted message's idempotency key stays known", func(s *suite) {
			o := symphony.DispatchOptions{IdempotencyKey: "k"}
			r, err := s.bus.Dispatch(ctx, "Job", struct{}{}, o)
			if err != nil {
				s.Fatal(err)
			}
			if err := s.messages().DeleteMessage(ctx, r.ID); err != nil {
				s.Fatal(err)
			}
			if again, err := s.bus.Dispatch(ctx, "Job", struct{}{}, o); err != nil || !again.Duplicate || again.ID != r.ID {
				s.Errorf("got %+v, %v", again, err)
			}
			s.wantCounts(0, 0, 0, 0, 0)
		}},
		test{"a receiver that waits is woken for a message that is to run now", func(s *suite) {
			id := s.dispatch(symphony.DispatchOptions{Delay: time.Hour}).ID
			wait := s.wait(symphony.ReceiveOptions{Wait: 30 * time.Minute})
			if err := s.messages().RunMessageNow(ctx, id); err != nil {
				s.Fatal(err)
			}
			s.wantIDs((<-wait).list, id)
		}},
		test{"a message that is to run now keeps its priority and its place behind the ready ones", func(s *suite) {
			later := s.dispatch(symphony.DispatchOptions{Delay: time.Hour}).ID
			high := s.dispatch(symphony.DispatchOptions{Delay: time.Hour, Priority: 9}).ID
			ready := s.dispatch(symphony.DispatchOptions{}).ID
			for _, id := range []string{later, high} {
				if err := s.messages().RunMessageNow(ctx, id); err != nil {
					s.Fatal(err)
				}
			}
			s.wantIDs(s.receive(all), high, ready, later)
		}},
		test{"of many who delete or run one message, all see one outcome", func(s *suite) {
			for range 5 {
				id := s.dispatch(symphony.DispatchOptions{Delay: time.Hour}).ID
				const n = 6
				errs := make(chan error, n)
				for range n {
					go func() { errs <- s.messages().DeleteMessage(ctx, id) }()
				}
				deleted := 0
				for range n {
					switch err := <-errs; {
					case err == nil:
						deleted++
					case !errors.Is(err, symphony.ErrNotFound):
						s.Error(err)
					}
				}
				if deleted != 1 {
					s.Errorf("deleted %d times", deleted)
				}
			}
			s.wantCounts(0, 0, 0, 0, 0)
		}},
	)
}

// reopenOr crashes and opens again, or does something else where nothing survives.
func (s *suite) reopenOr(f func()) {
	s.Helper()
	if s.Reopen == nil {
		f()
		return
	}
	s.reopen()
	s.clock.Advance(2 * symphony.DefaultLease)
}

// ackLeft acks those of a hand whose lease still holds.
func (s *suite) ackLeft(hand []symphony.Delivery) {
	s.Helper()
	for _, d := range hand {
		if err := s.settle(d, symphony.Settlement{Outcome: symphony.Ack}); err != nil && !errors.Is(err, symphony.ErrLeaseLost) {
			s.Fatal(err)
		}
	}
}

// completedOf returns those of a list that were completed and are not in another.
func (s *suite) completedOf(list, not []string) (out []string) {
	s.Helper()
	for _, id := range list {
		if m, err := GetMessage(ctx, s.messages(), id); err == nil && m.Status == symphony.Completed && !slices.Contains(not, id) {
			out = append(out, id)
		} else if err != nil {
			s.Error(fmt.Errorf("message %s: %w", id, err))
		}
	}
	return out
}

// wantOthersToGoOn holds that a waiting message of a kind, which is gone, holds up nobody: its keys are free again, and
// whatever stood behind it moves up. hand are the deliveries of others, before the counts with the message.
func (s *suite) wantOthersToGoOn(kind string, before symphony.QueueStats, hand []symphony.Delivery, others []string) {
	s.Helper()
	o := symphony.DispatchOptions{DebounceKey: "d"}
	if kind == "throttled" {
		o = symphony.DispatchOptions{ThrottleKey: "t"}
	}
	if r := s.send("Job", o); r.Dropped || r.Replaced != "" {
		s.Errorf("a key is still taken: %+v", r)
	} else {
		others = append(others, r.ID)
	}
	s.reopenOr(func() { s.ack(hand...) })
	for _, d := range hand {
		others = append(others, d.ID)
	}
	got := s.drain(30*time.Minute, 8)
	got = append(got, s.completedOf(others, got)...)
	s.wantSame("the others", got, others)
	s.wantCounts(0, 0, before.Completed+int64(len(others)), before.Failed, 0)
}
