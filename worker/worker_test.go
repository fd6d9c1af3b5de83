package worker_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/worker"
)

func TestNew_reports_every_bad_option(t *testing.T) {
	f := newFixture(t)
	_, err := worker.New(f.tr, f.mux, worker.Options{
		Queues: []string{"no spaces allowed"}, Concurrency: -1, BatchSize: 100_000, Lease: time.Millisecond, Grace: -1,
		Policy: symphony.Policy{Jitter: 2},
	})
	many, ok := errors.Unwrap(err).(interface{ Unwrap() []error })
	if !ok || len(many.Unwrap()) != 6 {
		t.Errorf("got %v, want six problems", err)
	}
}

func TestRun_never_exceeds_its_concurrency(t *testing.T) {
	f := newFixture(t)
	var now, most atomic.Int64
	full := make(chan struct{})
	var once sync.Once
	f.mux.HandleFunc("*", func(ctx context.Context, d *symphony.Delivery) error {
		n := now.Add(1)
		defer now.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		if n == 7 {
			once.Do(func() { close(full) })
		}
		<-full // so that all seven are really at work at once
		return nil
	})
	f.dispatch("Order", 100)
	report := f.runUntilEmpty(worker.Options{Concurrency: 7})
	if most.Load() != 7 || report.Succeeded != 100 || report.Reason != worker.Empty {
		t.Errorf("at most %d handlers at once, report %+v; want 7 and 100 successes", most.Load(), report)
	}
}

func TestRun_stops_at_its_message_limit_exactly(t *testing.T) {
	for _, limit := range []int64{1, 7, 25} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			f := newFixture(t)
			var handled atomic.Int64
			f.mux.HandleFunc("*", func(context.Context, *symphony.Delivery) error {
				handled.Add(1)
				return nil
			})
			f.dispatch("Order", 60)
			report, err := f.worker(worker.Options{MessageLimit: limit}).Run(context.Background())
			if err != nil || report.Reason != worker.MessageLimit {
				t.Fatalf("got %+v, %v", report, err)
			}
			if handled.Load() != limit || report.Processed != limit {
				t.Errorf("handled %d, reported %d, want %d", handled.Load(), report.Processed, limit)
			}
			if s := f.stats(); s.Pending != 60-limit || s.Processing != 0 || s.Completed != limit {
				t.Errorf("left %+v", s.QueueStats)
			}
		})
	}
}

func TestRun_stops_at_its_failure_limit(t *testing.T) {
	f := newFixture(t)
	f.mux.HandleFunc("*", func(context.Context, *symphony.Delivery) error { return errors.New("no") })
	f.dispatch("Order", 50)
	report, err := f.worker(worker.Options{FailureLimit: 3, Concurrency: 1}).Run(context.Background())
	if err != nil || report.Reason != worker.FailureLimit || report.Failed != 3 {
		t.Errorf("got %+v, %v, want three failures", report, err)
	}
	if s := f.stats(); s.Processing != 0 || s.Pending != 50 {
		t.Errorf("left %+v, want all 50 pending", s.QueueStats)
	}
}

func TestRun_stops_at_its_memory_limit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		report, err := f.worker(worker.Options{MemoryLimit: 1}).Run(context.Background())
		if err != nil || report.Reason != worker.MemoryLimit {
			t.Errorf("got %+v, %v", report, err)
		}
	})
}

func TestRun_gives_back_what_it_had_not_started(t *testing.T) {
	f := newFixture(t)
	started, finish := make(chan string, 100), make(chan struct{})
	f.mux.HandleFunc("*", func(_ context.Context, d *symphony.Delivery) error {
		started <- d.ID
		<-finish
		return nil
	})
	ids := f.dispatch("Order", 20)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan worker.Report, 1)
	go func() {
		report, _ := f.worker(worker.Options{Concurrency: 1, BatchSize: 20}).Run(ctx)
		done <- report
	}()
	first := <-started
	cancel()
	close(finish)
	if report := <-done; report.Processed != 1 || report.Reason != worker.Stopped {
		t.Errorf("got %+v, want one message processed", report)
	}
	if first != ids[0] {
		t.Errorf("started %s, want the first dispatched %s", first, ids[0])
	}
	back := f.receive()
	if len(back) != 19 {
		t.Fatalf("%d messages came back, want 19", len(back))
	}
	for i, d := range back {
		if d.ID != ids[i+1] || d.Attempt != 1 || d.Lost != 0 {
			t.Errorf("message %d: %s attempt %d lost %d, want %s as if never claimed", i, d.ID, d.Attempt, d.Lost, ids[i+1])
		}
	}
}

func TestRun_retries_by_the_policy_and_then_fails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.mux.Retry("Order", symphony.Policy{MaxRetries: 2, InitialDelay: 10 * time.Second, Jitter: symphony.NoJitter})
		var at []time.Duration
		begin := time.Now()
		f.mux.HandleFunc("Order", func(context.Context, *symphony.Delivery) error {
			at = append(at, time.Since(begin))
			return errors.New("no luck")
		})
		ids := f.dispatch("Order", 1)
		stop := f.start(f.worker(worker.Options{Name: "w1"}))
		<-time.After(time.Minute)
		stop()
		if len(at) != 3 || at[0].Round(time.Second) != 0 || at[1].Round(time.Second) != 10*time.Second || at[2].Round(time.Second) != 30*time.Second {
			t.Errorf("attempts at %v, want 0 s, 10 s and 30 s", at)
		}
		failed := f.failed()
		if len(failed) != 1 || failed[0].Envelope.ID != ids[0] || failed[0].Error != "no luck" || failed[0].ErrorClass != "error" ||
			failed[0].RetryCount != 2 || failed[0].MaxRetries != 2 || len(failed[0].Attempts) != 3 || failed[0].Attempts[1].Worker != "w1" {
			t.Errorf("got %+v", failed)
		}
	})
}

func TestRun_fails_at_once_what_cannot_be_handled(t *testing.T) {
	f := newFixture(t)
	symphony.Handle(f.mux, "Typed", func(context.Context, struct{ N string }) error { return nil })
	f.mux.HandleFunc("Permanent", func(context.Context, *symphony.Delivery) error { return symphony.Permanent(errors.New("never")) })
	for _, typ := range []string{"Unknown", "Typed", "Permanent"} {
		f.dispatch(typ, 1)
	}
	f.runUntilEmpty(worker.Options{})
	classes := make(map[string]string)
	for _, m := range f.failed() {
		classes[m.Type] = m.ErrorClass
	}
	want := map[string]string{"Unknown": "no_handler", "Typed": "undecodable", "Permanent": "error"}
	for typ, class := range want {
		if classes[typ] != class {
			t.Errorf("%s failed as %q, want %q", typ, classes[typ], class)
		}
	}
}

func TestRun_reruns_only_the_handlers_that_failed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		var runs [2]int
		f.mux.Handle("Order", symphony.HandlerFunc(func(context.Context, *symphony.Delivery) error { runs[0]++; return nil }), symphony.HandlerOptions{Name: "mail"})
		f.mux.Handle("Order", symphony.HandlerFunc(func(context.Context, *symphony.Delivery) error {
			if runs[1]++; runs[1] < 3 {
				return errors.New("not yet")
			}
			return nil
		}), symphony.HandlerOptions{Name: "stock"})
		f.dispatch("Order", 1)
		stop := f.start(f.worker(worker.Options{}))
		<-time.After(time.Minute)
		stop()
		if runs != [2]int{1, 3} || f.stats().Completed != 1 {
			t.Errorf("handlers ran %v times, want [1 3]; stats %+v", runs, f.stats().QueueStats)
		}
	})
}

func TestRun_twice_at_once_is_refused(t *testing.T) {
	f := newFixture(t)
	begun := make(chan struct{})
	f.mux.HandleFunc("*", func(context.Context, *symphony.Delivery) error { close(begun); return nil })
	f.dispatch("Order", 1)
	w := f.worker(worker.Options{})
	stop := f.start(w)
	<-begun
	if _, err := w.Run(context.Background()); !errors.Is(err, worker.ErrRunning) {
		t.Errorf("got %v, want ErrRunning", err)
	}
	if !w.Snapshot().Running {
		t.Error("snapshot says it does not run")
	}
	stop()
	if s := w.Snapshot(); s.Running || s.Succeeded != 1 {
		t.Errorf("snapshot after the run: %+v", s)
	}
}

func TestGroup_stops_together_when_the_transport_closes(t *testing.T) {
	f := newFixture(t)
	begun := make(chan struct{})
	f.mux.HandleFunc("*", func(context.Context, *symphony.Delivery) error { close(begun); return nil })
	f.dispatch("Order", 1)
	email, err := worker.New(f.tr.Named("email"), f.mux, worker.Options{})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := worker.NewGroup(f.worker(worker.Options{}), email).Run(context.Background())
		done <- err
	}()
	<-begun
	if err := f.tr.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; !errors.Is(err, symphony.ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
}
