package transporttest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/storage"
)

var statsTests = []test{
	{"every move is counted, by queue and in total", func(s *suite) {
		s.dispatchMany(3, symphony.DispatchOptions{Queue: "a"})
		s.dispatch(symphony.DispatchOptions{Queue: "b", ScheduledAt: s.clock.Now().Add(time.Hour)})
		s.dispatch(symphony.DispatchOptions{Transport: s.Email.Name()})
		s.wantCounts(4, 0, 0, 0, 1)
		got := s.receive(symphony.ReceiveOptions{Max: 3})
		s.wantCounts(1, 3, 0, 0, 1)
		s.ack(got[0])
		s.mustSettle(got[1], symphony.Settlement{Outcome: symphony.Retry, Delay: time.Minute})
		s.mustSettle(got[2], symphony.Settlement{Outcome: symphony.Fail, Error: "e"})
		s.wantCounts(2, 0, 1, 1, 1)
		st := s.stats()
		if a, b := st.Queues["a"], st.Queues["b"]; a.Completed != 1 || a.Failed != 1 || a.Pending != 1 || a.Scheduled != 0 || b.Pending != 1 || b.Scheduled != 1 || len(st.Queues) != 2 {
			s.Errorf("by queue: %+v", st.Queues)
		}
		if st.Depth() != 2 {
			s.Errorf("depth is %d, want 2", st.Depth())
		}
	}},
	{"a scheduled message stops being one by the mere passing of time", func(s *suite) {
		s.dispatch(symphony.DispatchOptions{ScheduledAt: s.clock.Now().Add(time.Hour)})
		s.dispatch(symphony.DispatchOptions{ScheduledAt: s.clock.Now().Add(2 * time.Hour)})
		s.wantCounts(2, 0, 0, 0, 2)
		s.clock.Advance(time.Hour)
		s.wantCounts(2, 0, 0, 0, 1)
		s.clock.Advance(time.Hour)
		s.wantCounts(2, 0, 0, 0, 0)
		s.ack(s.receive(all)...)
		s.wantCounts(0, 0, 2, 0, 0)
	}},
	{"the oldest age is that of the message ready longest", func(s *suite) {
		if age := s.stats().OldestPendingAge; age != 0 {
			s.Errorf("empty: %s", age)
		}
		s.dispatch(symphony.DispatchOptions{ScheduledAt: s.clock.Now().Add(time.Hour)})
		if age := s.stats().OldestPendingAge; age != 0 {
			s.Errorf("scheduled only: %s", age)
		}
		s.dispatch(symphony.DispatchOptions{Priority: 1, Queue: "old"})
		s.clock.Advance(time.Minute)
		s.dispatch(symphony.DispatchOptions{Priority: 10})
		want := time.Minute + 2*time.Millisecond
		if st := s.stats(); st.OldestPendingAge != want || st.Queues["old"].OldestPendingAge != want {
			s.Errorf("got %s, want %s", st.OldestPendingAge, want)
		}
	}},
	{"after anything whatever the counts equal a recount", func(s *suite) { s.model() }},
	{"the counts survive a crash", func(s *suite) {
		s.dispatchMany(5, symphony.DispatchOptions{})
		s.dispatch(symphony.DispatchOptions{ScheduledAt: s.clock.Now().Add(time.Hour)})
		got := s.receive(symphony.ReceiveOptions{Max: 3})
		s.ack(got[0])
		s.mustSettle(got[1], symphony.Settlement{Outcome: symphony.Fail, Error: "e"})
		s.reopen()
		s.wantCounts(4, 0, 1, 1, 1)
	}},
}

// model does random things and compares what the transport says with a model that could not be simpler: the state of
// each message. The seed is told when it fails.
func (s *suite) model() {
	seed := rand.Uint64()
	rnd := rand.New(rand.NewPCG(seed, 0))
	defer func() {
		if s.Failed() {
			s.Logf("seed %d", seed)
		}
	}()
	const (
		pending = iota
		processing
		completed
		failed
		deleted
	)
	states := make(map[string]int) // by message id
	attempts := make(map[string]int)
	held := make(map[string]symphony.Delivery)
	until := make(map[string]time.Time)
	expire := func() {
		for id, end := range until {
			if !s.clock.Now().Before(end) {
				states[id] = pending
				delete(held, id)
				delete(until, id)
			}
		}
	}
	release := func(id string) { delete(held, id); delete(until, id) }
	for step := range modelSteps(s) {
		expire()
		switch n := rnd.IntN(100); {
		case n < 35:
			r := s.dispatch(symphony.DispatchOptions{Queue: fmt.Sprint("q", rnd.IntN(3)), Priority: 1 + rnd.IntN(10)})
			states[r.ID] = pending
		case n < 60:
			for _, d := range s.receive(symphony.ReceiveOptions{Max: 1 + rnd.IntN(5), MaxLost: 5}) {
				if states[d.ID] != pending {
					s.Fatalf("step %d: message %s was delivered in state %d", step, d.ID, states[d.ID])
				}
				if attempts[d.ID]++; d.Attempt != attempts[d.ID] {
					s.Fatalf("step %d: attempt %d of %s, want %d", step, d.Attempt, d.ID, attempts[d.ID])
				}
				states[d.ID], held[d.ID], until[d.ID] = processing, d, d.LeasedUntil
			}
		case n < 90:
			for id, d := range held {
				outcome := everyOutcome[rnd.IntN(len(everyOutcome))]
				s.mustSettle(d, symphony.Settlement{Outcome: outcome, Error: "e", ErrorClass: "c"})
				release(id)
				switch outcome {
				case symphony.Ack:
					states[id] = completed
				case symphony.Fail:
					states[id] = failed
				case symphony.Release:
					attempts[id]--
					states[id] = pending
				default:
					states[id] = pending
				}
				break
			}
		case n < 93:
			s.clock.Advance(symphony.DefaultLease / 2)
		case s.def.Capabilities().Messages:
			page := s.list(symphony.MessageQuery{Limit: 1})
			if len(page.Messages) == 0 {
				continue
			}
			f := page.Messages[0]
			states[f.ID] = deleted
			if n < 97 {
				id := symphony.NewID(s.clock.Now())
				if _, err := s.messages().MoveFailed(ctx, []symphony.FailedMove{{ID: f.FailedID, NewID: id}}); err != nil {
					s.Fatal(err)
				}
				states[id] = pending
			} else if _, err := DeleteFailed(ctx, s.messages(), f.FailedID); err != nil {
				s.Fatal(err)
			}
		}
		expire()
		var want [5]int64
		for _, state := range states {
			want[state]++
		}
		q := s.stats().QueueStats
		if got := [5]int64{q.Pending, q.Processing, q.Completed, q.Failed, want[deleted]}; got != want {
			s.Fatalf("step %d: counts are %v, a recount says %v", step, got, want)
		}
	}
}

var lifecycleTests = []test{
	{"after Close everything answers ErrClosed, also those who wait", func(s *suite) {
		s.dispatch(symphony.DispatchOptions{})
		d := s.one()
		wait := s.wait(symphony.ReceiveOptions{Wait: time.Hour})
		if err := s.def.Close(); err != nil {
			s.Fatal(err)
		}
		if err := s.Email.Close(); err != nil {
			s.Errorf("closing the other transport of the storage: %v", err)
		}
		if got := <-wait; !errors.Is(got.err, symphony.ErrClosed) {
			s.Errorf("a waiting receiver got %v", got.err)
		}
		calls := map[string]func() error{
			"Send": func() error {
				_, err := s.bus.Dispatch(ctx, "Order", struct{}{}, symphony.DispatchOptions{})
				return err
			},
			"Receive": func() error { _, err := s.def.Receive(ctx, all); return err },
			"Settle":  func() error { return s.settle(d, symphony.Settlement{Outcome: symphony.Ack}) },
			"Extend":  func() error { return first(s.def.Extend(ctx, []symphony.Lease{d.Lease}, symphony.MinLease)) },
			"Stats":   func() error { _, err := s.def.Stats(ctx); return err },
		}
		if s.def.Capabilities().Messages {
			calls["ListFailed"] = func() error { _, err := ListFailed(ctx, s.messages(), symphony.MessageQuery{Limit: 1}); return err }
			calls["DeleteFailed"] = func() error { _, err := DeleteFailed(ctx, s.messages(), "x"); return err }
		}
		if log, ok := s.def.(storage.Log); ok && s.def.Capabilities().Log {
			calls["AppendLog"] = func() error { _, err := log.AppendLog(ctx, "l", entries("k", 1)); return err }
			calls["ReadLog"] = func() error { _, err := log.ReadLog(ctx, storage.LogQuery{Log: "l"}); return err }
			calls["LogEnd"] = func() error { _, err := storage.LogEnd(ctx, log, "l"); return err }
			calls["TrimLog"] = func() error { _, err := log.TrimLog(ctx, "l", time.Time{}, 1); return err }
		}
		if s.def.Capabilities().Messages {
			id := symphony.NewID(s.clock.Now())
			calls["ListMessages"] = func() error {
				_, err := s.messages().ListMessages(ctx, symphony.MessageQuery{}.WithDefaults())
				return err
			}
			calls["CountMessages"] = func() error {
				_, err := CountMessages(ctx, s.messages(), symphony.MessageQuery{}.WithDefaults())
				return err
			}
			calls["GetMessage"] = func() error { _, err := GetMessage(ctx, s.messages(), id); return err }
			calls["DeleteMessage"] = func() error { return s.messages().DeleteMessage(ctx, id) }
			calls["RunMessageNow"] = func() error { return s.messages().RunMessageNow(ctx, id) }
		}
		for name, call := range calls {
			if err := call(); !errors.Is(err, symphony.ErrClosed) {
				s.Errorf("%s: got %v, want ErrClosed", name, err)
			}
		}
	}},
	{"a cancelled context changes nothing", func(s *suite) {
		s.dispatch(symphony.DispatchOptions{})
		d := s.one()
		s.dispatch(symphony.DispatchOptions{})
		dead, cancel := context.WithCancel(ctx)
		cancel()
		if _, err := s.bus.Dispatch(dead, "Order", struct{}{}, symphony.DispatchOptions{}); !errors.Is(err, context.Canceled) {
			s.Errorf("Send: %v", err)
		}
		if got, err := s.def.Receive(dead, all); !errors.Is(err, context.Canceled) || len(got) > 0 {
			s.Errorf("Receive: %v, %v", got, err)
		}
		if err := first(s.def.Settle(dead, []symphony.Settlement{{Lease: d.Lease, Outcome: symphony.Ack}})); !errors.Is(err, context.Canceled) {
			s.Errorf("Settle: %v", err)
		}
		if err := first(s.def.Extend(dead, []symphony.Lease{d.Lease}, symphony.MinLease)); !errors.Is(err, context.Canceled) {
			s.Errorf("Extend: %v", err)
		}
		s.wantCounts(1, 1, 0, 0, 0)
		s.ack(d)
	}},
}

var concurrencyTests = []test{
	{"producers and workers at once: each message is handled once", func(s *suite) {
		const producers, each, workers = 8, 50, 4
		var (
			mu      sync.Mutex
			handled = make(map[string]int)
			left    = producers * each
			done    = make(chan struct{})
			all     sync.WaitGroup
		)
		run, stop := context.WithCancel(ctx)
		defer stop()
		for range workers {
			all.Go(func() {
				for {
					got, err := s.def.Receive(run, symphony.ReceiveOptions{Max: 7, Wait: time.Hour})
					if err != nil {
						return
					}
					list := make([]symphony.Settlement, len(got))
					for i, d := range got {
						outcome := symphony.Ack
						if d.Attempt == 1 && d.Priority == 3 {
							outcome = symphony.Retry
						}
						list[i] = symphony.Settlement{Lease: d.Lease, Outcome: outcome}
					}
					if errs := s.def.Settle(ctx, list); errs != nil {
						s.Errorf("Settle: %v", errors.Join(errs...))
					}
					mu.Lock()
					for i, d := range got {
						if list[i].Outcome == symphony.Ack {
							handled[d.ID]++
							if left--; left == 0 {
								close(done)
							}
						}
					}
					mu.Unlock()
				}
			})
		}
		for p := range producers {
			all.Go(func() {
				for i := range each {
					if _, err := s.bus.Dispatch(ctx, "Order", struct{}{}, symphony.DispatchOptions{Priority: 1 + (p+i)%10}); err != nil {
						s.Error(err)
					}
				}
			})
		}
		<-done
		stop()
		all.Wait()
		for id, n := range handled {
			if n != 1 {
				s.Errorf("message %s was handled %d times", id, n)
			}
		}
		s.wantCounts(0, 0, producers*each, 0, 0)
	}},
}
