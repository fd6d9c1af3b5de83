package worker_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/symphony-messenger/symphony/worker"
)

// Every worker that runs sees the request, also one that is idle, and one that starts later does not.
func TestStopAll_ends_the_workers_that_run_and_no_later_one(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		o := worker.Options{Requests: f.tr.Transport}
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
