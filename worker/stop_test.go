package worker_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/worker"
)

// Every worker that runs sees the request, also one that is idle, and one that starts later does not.
func TestStopAll_ends_the_workers_that_run_and_no_later_one(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		o := worker.Options{StopRequests: f.tr.Transport}
		first, second := f.start(o), f.start(o)
		wait(10 * time.Second)
		began := time.Now()
		if err := worker.StopAll(t.Context(), f.tr.Transport, began); err != nil {
			t.Fatal(err)
		}
		for _, w := range []*run{first, second} {
			if <-w.done; w.err != nil || w.report.Reason != worker.StopRequested {
				t.Errorf("stopped by %q (%v), want %q", w.report.Reason, w.err, worker.StopRequested)
			}
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("stopped after %s, want about a second", took)
		}
		o.TimeLimit = time.Minute
		if report := f.run(o); report.Reason != worker.TimeLimit {
			t.Errorf("a worker started afterwards was stopped by %q, want its time limit", report.Reason)
		}
	})
}

func TestStartAll_takes_back_the_latest_stop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		records, now := f.tr.Transport, time.Now()
		if stopped, err := worker.StartAll(t.Context(), records); stopped || err != nil {
			t.Fatalf("without a stop: %t, %v", stopped, err)
		}
		stop := func() {
			if err := worker.StopAll(t.Context(), records, now); err != nil {
				t.Fatal(err)
			}
		}
		start := func() {
			if stopped, err := worker.StartAll(t.Context(), records); !stopped || err != nil {
				t.Fatalf("after a stop: %t, %v", stopped, err)
			}
		}
		awaited := func() <-chan error {
			done := make(chan error, 1)
			go func() { done <- worker.AwaitStart(t.Context(), records, symphony.SystemClock()) }()
			synctest.Wait()
			return done
		}
		stop()
		waiting := awaited()
		wait(time.Minute)
		if len(waiting) != 0 {
			t.Fatal("it did not wait for a start")
		}
		start()
		wait(2 * time.Second)
		if err := <-waiting; err != nil {
			t.Fatal(err)
		}
		// Who looks late misses nothing: the stop it saw was taken back.
		if err := <-awaited(); err != nil {
			t.Fatal(err)
		}
		// A later stop is another one.
		stop()
		again := awaited()
		wait(time.Minute)
		if len(again) != 0 {
			t.Fatal("a start before the stop counted")
		}
		start()
		if err := <-again; err != nil {
			t.Fatal(err)
		}
		if stopped, err := worker.StartAll(t.Context(), records); stopped || err != nil {
			t.Fatalf("a second start: %t, %v", stopped, err)
		}
	})
}
