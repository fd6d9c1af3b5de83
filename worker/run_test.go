package worker_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/internal/testtier"
	"github.com/symphony-messenger/symphony/worker"
)

func TestNew_reports_every_bad_option(t *testing.T) {
	f := newFixture(t)
	o := worker.Options{
		Queues: []string{"no spaces"}, Concurrency: -1, BatchSize: symphony.MaxReceive + 1, MaxBufferedBytes: -1, PollInterval: -1,
		HandlerTimeout: -2, Lease: time.Millisecond, Grace: -2, MessageLimit: -1, FailureLimit: -1, TimeLimit: -1,
		Policy: symphony.Policy{Jitter: 2},
	}
	_, err := worker.New(f.tr, f.mux, o)
	many, ok := errors.Unwrap(err).(interface{ Unwrap() []error })
	if !ok || len(many.Unwrap()) != 12 {
		t.Errorf("got %v, want a problem for each of 12 options", err)
	}
}

func TestNew_refuses_a_transport_without_receive(t *testing.T) {
	f := newFixture(t)
	if _, err := worker.New(sendOnly{f.tr}, f.mux, worker.Options{}); !errors.Is(err, symphony.ErrUnsupported) {
		t.Errorf("got %v, want ErrUnsupported", err)
	}
}

func TestNew_refuses_what_is_missing(t *testing.T) {
	f := newFixture(t)
	if _, err := worker.New(nil, f.mux, worker.Options{}); err == nil || !strings.Contains(err.Error(), "a transport is required") {
		t.Errorf("without a transport: %v", err)
	}
	if _, err := worker.New(f.tr, nil, worker.Options{}); err == nil || !strings.Contains(err.Error(), "a mux is required") {
		t.Errorf("without a mux: %v", err)
	}
}

type sendOnly struct{ symphony.Transport }

func (sendOnly) Capabilities() symphony.Capabilities { return symphony.Capabilities{} }

func TestRun_uses_all_of_its_concurrency_and_no_more(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		var now, most atomic.Int64
		f.handle(func(context.Context, *symphony.Delivery) error {
			n := now.Add(1)
			defer now.Add(-1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			wait(time.Millisecond)
			return nil
		})
		f.dispatch("Order", 100)
		report := f.runDry(worker.Options{Concurrency: 7})
		if most.Load() != 7 || report.Succeeded != 100 || report.Reason != worker.Empty {
			t.Errorf("at most %d handlers at once, report %+v; want 7 and 100 successes", most.Load(), report)
		}
		if report.HandlerTime != 100*time.Millisecond || report.AverageTime() != time.Millisecond {
			t.Errorf("handler time %s, average %s; want 100 ms and 1 ms", report.HandlerTime, report.AverageTime())
		}
	})
}

// Exactly as many messages as the limit says are started, whatever else is the case, and all others are left untouched.
func TestRun_stops_at_its_message_limit_exactly(t *testing.T) {
	for seed := range testtier.Pick(t, uint64(5), 15, 500) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				random := rand.New(rand.NewPCG(seed, 0))
				f := newFixture(t)
				var started atomic.Int64
				f.handle(func(_ context.Context, d *symphony.Delivery) error {
					n := started.Add(1)
					if n%3 == 0 {
						wait(time.Duration(n) * time.Millisecond)
					}
					if n%5 == 0 {
						return errors.New("no")
					}
					return nil
				})
				waiting := 1 + random.IntN(300)
				f.dispatch("Order", waiting)
				o := worker.Options{
					MessageLimit: 1 + random.Int64N(300), Concurrency: 1 + random.IntN(30), BatchSize: random.IntN(50),
					Policy: symphony.Policy{InitialDelay: time.Hour, MaxDelay: time.Hour},
				}
				report := f.runDry(o)
				want, reason := min(o.MessageLimit, int64(waiting)), worker.MessageLimit
				if o.MessageLimit > int64(waiting) {
					reason = worker.Empty
				}
				if started.Load() != want || report.Processed != want || report.Reason != reason {
					t.Errorf("%d messages, %+v: started %d, reported %+v; want %d, %s", waiting, o, started.Load(), report, want, reason)
				}
				s := f.stats()
				if s.Pending != int64(waiting)-report.Succeeded || s.Processing != 0 || s.Completed != report.Succeeded {
					t.Errorf("left %+v after %+v of %d", s, report.Counts, waiting)
				}
				for _, d := range f.receive() {
					if d.Attempt != 1 || d.Lost != 0 {
						t.Errorf("a message that was never started has attempt %d, lost %d", d.Attempt, d.Lost)
					}
				}
			})
		})
	}
}

func TestRun_claims_no_more_than_its_message_limit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.handle(func(context.Context, *symphony.Delivery) error {
			wait(time.Millisecond)
			return nil
		})
		f.dispatch("Order", 300)
		var claimed atomic.Int64
		f.tr.claimed = func(n int) { claimed.Add(int64(n)) }
		f.runDry(worker.Options{MessageLimit: 100, Concurrency: 7})
		if got := claimed.Load(); got != 100 {
			t.Errorf("%d messages were claimed, want 100", got)
		}
	})
}

func TestRun_stops_at_its_failure_limit(t *testing.T) {
	f := newFixture(t)
	f.handle(func(context.Context, *symphony.Delivery) error { return errors.New("no") })
	f.dispatch("Order", 50)
	report := f.run(worker.Options{FailureLimit: 3, Concurrency: 1})
	if report.Reason != worker.FailureLimit || report.Failed != 3 || report.Processed != 3 {
		t.Errorf("got %+v, want three failures", report)
	}
	if s := f.stats(); s.Processing != 0 || s.Pending != 50 {
		t.Errorf("left %+v, want all 50 pending", s)
	}
}

func TestRun_stops_at_its_memory_limit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		handled := false
		f.handle(func(context.Context, *symphony.Delivery) error { handled = true; return nil })
		f.dispatch("Order", 1)
		if report := f.run(worker.Options{MemoryLimit: 1}); report.Reason != worker.MemoryLimit || !handled {
			t.Errorf("got %+v, handled %t; want the memory limit, not before the first message", report, handled)
		}
		if report := f.runDry(worker.Options{MemoryLimit: 1 << 50}); report.Reason != worker.Empty {
			t.Errorf("got %+v, want empty", report)
		}
	})
}

func TestRun_stops(t *testing.T) {
	const grace = 10 * time.Second
	tests := map[string]struct {
		options worker.Options
		cancel  time.Duration // when the caller's context ends, 0: never
		handler time.Duration // how long it takes unless interrupted
		reason  worker.StopReason
		elapsed time.Duration
		cause   error // of the handler's context; nil: it is not interrupted
	}{
		"at its time limit, when the handlers are done": {
			options: worker.Options{TimeLimit: time.Second, Grace: grace}, handler: 8 * time.Second,
			reason: worker.TimeLimit, elapsed: 8 * time.Second,
		},
		"at its time limit, after the grace period": {
			options: worker.Options{TimeLimit: time.Second, Grace: grace}, handler: time.Hour,
			reason: worker.TimeLimit, elapsed: 11 * time.Second, cause: symphony.ErrInterrupted,
		},
		"with its context, when the handlers are done": {
			options: worker.Options{Grace: grace}, cancel: time.Second, handler: 8 * time.Second,
			reason: worker.Stopped, elapsed: 8 * time.Second,
		},
		"with its context, after the grace period": {
			options: worker.Options{Grace: grace}, cancel: time.Second, handler: time.Hour,
			reason: worker.Stopped, elapsed: 11 * time.Second, cause: symphony.ErrInterrupted,
		},
		"with its context, without grace": {
			options: worker.Options{Grace: worker.NoGrace}, cancel: time.Second, handler: time.Hour,
			reason: worker.Stopped, elapsed: time.Second, cause: symphony.ErrInterrupted,
		},
		"after its last message, without a hurry": {
			options: worker.Options{MessageLimit: 1, Grace: grace}, handler: time.Hour,
			reason: worker.MessageLimit, elapsed: time.Hour,
		},
		"after its last message, when the context ends": {
			options: worker.Options{MessageLimit: 1, Grace: grace}, cancel: time.Minute, handler: time.Hour,
			reason: worker.MessageLimit, elapsed: time.Minute + grace, cause: symphony.ErrInterrupted,
		},
		"after its last message, when the time is up": {
			options: worker.Options{MessageLimit: 1, TimeLimit: time.Minute, Grace: grace}, handler: time.Hour,
			reason: worker.MessageLimit, elapsed: time.Minute + grace, cause: symphony.ErrInterrupted,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				var cause error
				f.handle(func(ctx context.Context, _ *symphony.Delivery) error {
					select {
					case <-time.After(test.handler):
						return nil
					case <-ctx.Done():
						cause = context.Cause(ctx)
						return symphony.Permanent(ctx.Err())
					}
				})
				f.dispatch("Order", 1)
				test.options.HandlerTimeout = worker.NoTimeout
				w := f.start(test.options)
				if test.cancel > 0 {
					wait(test.cancel)
					w.cancel()
				}
				<-w.done
				if w.err != nil || w.report.Reason != test.reason || w.report.Elapsed.Round(time.Second) != test.elapsed || !errors.Is(cause, test.cause) {
					t.Errorf("ended with %+v, %v; context ended with %v; want reason %s after %s, %v", w.report, w.err, cause, test.reason, test.elapsed, test.cause)
				}
				if test.cause == nil {
					if s := f.stats(); s.Completed != 1 {
						t.Errorf("left %+v, want it completed", s)
					}
					return
				}
				if got := f.receive(); len(got) != 1 || got[0].Attempt != 1 || w.report.Released != 1 || w.report.Processed != 0 {
					t.Errorf("got back %+v, reported %+v; want the message with no attempt counted", got, w.report.Counts)
				}
			})
		})
	}
}

func TestRun_waits_for_a_handler_that_ignores_its_context(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.handle(func(context.Context, *symphony.Delivery) error {
			wait(time.Hour)
			return nil
		})
		f.dispatch("Order", 1)
		w := f.start(worker.Options{Grace: time.Second, Lease: 10 * time.Second})
		wait(time.Second)
		w.cancel()
		wait(time.Minute)
		if got := f.receive(); len(got) != 0 {
			t.Error("somebody else got the message while its handler ran")
		}
		if report := w.stop(t); report.Succeeded != 1 || f.stats().Completed != 1 {
			t.Errorf("reported %+v, left %+v; want it completed", report, f.stats())
		}
	})
}

func TestRun_gives_back_at_once_what_it_has_not_started(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.handle(func(_ context.Context, d *symphony.Delivery) error {
			if d.Type != "fast" {
				wait(10 * time.Second)
			}
			return nil
		})
		w := f.start(worker.Options{Concurrency: 2})
		f.warmUp(w)
		ids := f.dispatch("Order", 20)
		wait(100 * time.Millisecond)
		if s := w.Snapshot(); s.Processing != 2 || s.Buffered != 18 {
			t.Fatalf("in hand: %+v, want 2 at work and 18 buffered", s)
		}
		w.cancel()
		synctest.Wait()
		back := f.receive()
		if len(back) != 18 {
			t.Fatalf("%d messages came back, want 18", len(back))
		}
		for i, d := range back {
			if d.ID != ids[i+2] || d.Attempt != 1 || d.Lost != 0 {
				t.Errorf("message %d: %s, attempt %d, lost %d; want %s as if never claimed", i, d.ID, d.Attempt, d.Lost, ids[i+2])
			}
		}
		if report := w.stop(t); report.Released != 18 || report.Succeeded != 102 {
			t.Errorf("reported %+v, want 18 released", report.Counts)
		}
	})
}

func TestRun_gives_back_what_is_claimed_while_it_stops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.handle(func(context.Context, *symphony.Delivery) error { return nil })
		f.dispatch("Order", 3)
		claimed, answer := make(chan struct{}), make(chan struct{})
		f.tr.claimed = func(int) {
			close(claimed)
			<-answer
		}
		w := f.start(worker.Options{})
		<-claimed
		w.cancel()
		synctest.Wait()
		f.tr.set(func() { f.tr.claimed = nil })
		close(answer)
		if report := w.stop(t); report.Released != 3 || report.Processed != 0 {
			t.Errorf("reported %+v, want 3 released", report.Counts)
		}
		if back := f.receive(); len(back) != 3 || back[0].Attempt != 1 || back[0].Lost != 0 {
			t.Errorf("got %+v, want 3 messages as if never claimed", back)
		}
	})
}

func TestRun_is_refused_while_it_is_running_and_allowed_after(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.handle(func(context.Context, *symphony.Delivery) error { return nil })
		f.dispatch("Order", 1)
		w := f.start(worker.Options{})
		synctest.Wait()
		if _, err := w.Run(context.Background()); !errors.Is(err, worker.ErrRunning) {
			t.Errorf("got %v, want ErrRunning", err)
		}
		w.stop(t)
		f.dispatch("Order", 1)
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if report, err := w.Run(ctx); err != nil || report.Succeeded != 1 {
			t.Errorf("run again: %+v, %v; want one success", report, err)
		}
	})
}

func TestSnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.handle(func(context.Context, *symphony.Delivery) error {
			wait(10 * time.Second)
			return nil
		})
		f.dispatch("Order", 3)
		w := f.start(worker.Options{Concurrency: 2, Name: "w1"})
		begin := time.Now()
		wait(5 * time.Second)
		s := w.Snapshot()
		if !s.Running || s.Processing != 2 || s.Elapsed != 5*time.Second || !s.StartedAt.Equal(begin) || s.Processed != 0 ||
			s.Name != "w1" || s.Transport != "default" || s.Concurrency != 2 || s.Reason != "" {
			t.Errorf("while it works: %+v", s)
		}
		wait(20 * time.Second)
		report := w.stop(t)
		wait(time.Hour)
		if s := w.Snapshot(); s.Running || s.Processing != 0 || s.Report != report || s.Succeeded != 3 || s.Reason != worker.Stopped {
			t.Errorf("after the run: %+v, reported %+v", s, report)
		}
	})
}

func TestSnapshot_is_consistent_at_any_time(t *testing.T) {
	f := newFixture(t)
	f.handle(func(_ context.Context, d *symphony.Delivery) error {
		if d.ID[len(d.ID)-1] < '4' {
			return symphony.Permanent(errors.New("no"))
		}
		return nil
	})
	f.dispatch("Order", 3000)
	w := f.start(worker.Options{StopWhenEmpty: true})
	var watchers sync.WaitGroup
	for range 3 {
		watchers.Go(func() {
			for running := true; running; {
				s := w.Snapshot()
				if s.Processed != s.Succeeded+s.Failed || s.Processing > s.Concurrency || s.Processed > 3000 {
					t.Errorf("inconsistent: %+v", s)
					return
				}
				select {
				case <-w.done:
					running = false
				default:
				}
			}
		})
	}
	watchers.Wait()
	if w.report.Processed != 3000 || f.stats().Failed != w.report.Failed {
		t.Errorf("reported %+v, left %+v", w.report, f.stats())
	}
}

func TestGroup_runs_its_workers_side_by_side(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.handle(func(context.Context, *symphony.Delivery) error { return nil })
		f.dispatch("Order", 5)
		email, err := worker.New(f.tr.Named("email"), f.mux, worker.Options{TimeLimit: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		group := worker.NewGroup(f.worker(worker.Options{}), email)
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		reports, err := group.Run(ctx)
		if err != nil || reports[0].Succeeded != 5 || reports[0].Reason != worker.Stopped || reports[1].Reason != worker.TimeLimit {
			t.Errorf("got %+v, %v", reports, err)
		}
		if s := group.Snapshots(); s[0].Transport != "default" || s[1].Transport != "email" || s[0].Report != reports[0] {
			t.Errorf("snapshots %+v", s)
		}
	})
}

func TestGroup_stops_together_when_a_transport_closes(t *testing.T) {
	f, other := newFixture(t), newFixture(t)
	begun := make(chan struct{})
	f.handle(func(context.Context, *symphony.Delivery) error { close(begun); return nil })
	f.dispatch("Order", 1)
	done := make(chan struct{})
	var reports []worker.Report
	var err error
	go func() {
		defer close(done)
		reports, err = worker.NewGroup(f.worker(worker.Options{}), other.worker(worker.Options{})).Run(context.Background())
	}()
	<-begun
	if err := f.tr.Close(); err != nil {
		t.Fatal(err)
	}
	<-done
	if !errors.Is(err, symphony.ErrClosed) || reports[0].Reason != worker.Closed || reports[1].Reason != worker.Stopped {
		t.Errorf("got %+v, %v; want ErrClosed", reports, err)
	}
}
