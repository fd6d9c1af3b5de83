package worker_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/worker"
)

func TestSettle_stores_a_result_at_once(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.handle(func(context.Context, *symphony.Delivery) error { return nil })
		w := f.start(worker.Options{})
		synctest.Wait()
		f.dispatch("Order", 1)
		synctest.Wait() // no time passes
		if s := f.stats(); s.Completed != 1 {
			t.Errorf("left %+v, want it completed", s)
		}
		w.stop(t)
	})
}

func TestSettle_waits_for_storage_that_fails(t *testing.T) {
	for _, fault := range []error{errStorage, fmt.Errorf("disk full: %w", symphony.ErrUnavailable)} {
		t.Run(fault.Error(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				var handled atomic.Int64
				f.handle(func(context.Context, *symphony.Delivery) error { handled.Add(1); return nil })
				f.tr.settle = always[symphony.Settlement](fault)
				f.dispatch("Order", 10)
				w := f.start(worker.Options{})
				wait(20 * time.Second)
				if s := w.Snapshot(); handled.Load() != 10 || s.Unsettled != 10 || s.Processed != 0 {
					t.Fatalf("handled %d, %+v; want 10 unsettled", handled.Load(), s)
				}
				f.tr.set(func() { f.tr.settle = nil })
				wait(time.Second)
				report := w.stop(t)
				if handled.Load() != 10 || report.Succeeded != 10 || f.stats().Completed != 10 {
					t.Errorf("handled %d, reported %+v, left %+v; want 10 completed, handled once", handled.Load(), report.Counts, f.stats())
				}
				if failing, again := f.log.count("storage fails", "settle"), f.log.count("storage works again", "settle"); failing != 1 || again != 1 {
					t.Errorf("logged %d times that it fails and %d times that it works again, want once each", failing, again)
				}
			})
		})
	}
}

func TestSettle_drops_results_when_their_lease_is_over(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		var attempts []int
		f.handle(func(_ context.Context, d *symphony.Delivery) error {
			attempts = append(attempts, d.Attempt)
			return nil
		})
		f.tr.settle = always[symphony.Settlement](errStorage)
		id := f.dispatch("Order", 1)[0]
		w := f.start(worker.Options{Lease: lease})
		wait(lease + 2*time.Second)
		if s := w.Snapshot(); s.Lost != 1 {
			t.Errorf("%+v, want one lost", s)
		}
		f.tr.set(func() { f.tr.settle = nil })
		wait(lease)
		report := w.stop(t)
		if len(attempts) != 2 || report.Succeeded != 1 || f.stats().Completed != 1 {
			t.Errorf("attempts %v, reported %+v, left %+v; want the second completed", attempts, report.Counts, f.stats())
		}
		if n := f.log.count("results could not be stored", id, "type=Order", "queue=default", "attempt=1", errStorage.Error()); n != 1 {
			t.Errorf("logged %d times, want once", n)
		}
	})
}

func TestSettle_counts_a_refused_result_as_lost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.handle(func(_ context.Context, d *symphony.Delivery) error {
			if d.Attempt == 1 {
				// Behind the worker's back the message is settled, so that it is somebody else's by all signs.
				if errs := f.tr.Transport.Settle(context.Background(), []symphony.Settlement{{Lease: d.Lease, Outcome: symphony.Retry}}); errs != nil {
					t.Error(errs)
				}
			}
			return nil
		})
		f.dispatch("Order", 1)
		w := f.start(worker.Options{Concurrency: 1})
		wait(time.Second)
		if report := w.stop(t); report.Lost != 1 || report.Succeeded != 1 || f.stats().Completed != 1 {
			t.Errorf("reported %+v, left %+v; want one lost and one success", report.Counts, f.stats())
		}
		if n := f.log.count("leases were lost before the results were stored", "type=Order", "queue=default", "attempt=1"); n != 1 {
			t.Errorf("logged %d times, want once", n)
		}
	})
}

// A result that no call can store must not take those along that share the call.
func TestSettle_parts_a_result_that_spoils_its_call(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		var handled atomic.Int64
		f.handle(func(context.Context, *symphony.Delivery) error { handled.Add(1); return nil })
		ids := f.dispatch("Order", 100)
		f.tr.settle = func(st symphony.Settlement) error {
			if st.Lease.MessageID == ids[50] {
				return errors.New("cannot be stored")
			}
			return nil
		}
		w := f.start(worker.Options{})
		wait(20 * time.Second)
		if s := f.stats(); s.Completed != 99 || handled.Load() != 100 {
			t.Errorf("handled %d, left %+v; want 99 completed", handled.Load(), s)
		}
		f.tr.set(func() { f.tr.settle = nil })
		w.stop(t)
	})
}

func TestSettle_holds_claims_back_while_results_wait(t *testing.T) {
	const n, bound = 12_000, 10_000
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.handle(func(context.Context, *symphony.Delivery) error { return nil })
		f.dispatch("Order", n)
		f.tr.settle = always[symphony.Settlement](symphony.ErrUnavailable)
		w := f.start(worker.Options{})
		wait(10 * time.Second)
		if s := w.Snapshot(); s.Unsettled+s.Buffered+s.Processing > bound || f.stats().Pending < n-bound {
			t.Errorf("in hand: %+v; want at most %d", s, bound)
		}
		f.tr.set(func() { f.tr.settle = nil })
		wait(10 * time.Second)
		if report := w.stop(t); report.Succeeded != n {
			t.Errorf("reported %+v, want all %d", report.Counts, n)
		}
	})
}

func TestSettle_at_the_end(t *testing.T) {
	tests := map[string]struct {
		mend    time.Duration // after the stop
		elapsed time.Duration // from the stop to the end, at most
		want    worker.Counts
	}{
		"waits for storage":          {mend: 5 * time.Second, elapsed: 6 * time.Second, want: worker.Counts{Processed: 10, Succeeded: 10}},
		"does not wait for too long": {mend: time.Hour, elapsed: 12 * time.Second, want: worker.Counts{Lost: 10}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				f.handle(func(context.Context, *symphony.Delivery) error { return nil })
				f.tr.settle = always[symphony.Settlement](errStorage)
				f.dispatch("Order", 10)
				w := f.start(worker.Options{Lease: time.Hour})
				wait(time.Second)
				begin := time.Now()
				time.AfterFunc(test.mend, func() { f.tr.set(func() { f.tr.settle = nil }) })
				report := w.stop(t)
				if elapsed := time.Since(begin); elapsed > test.elapsed || report.Counts != test.want {
					t.Errorf("ended after %s with %+v, want at most %s, %+v", elapsed, report.Counts, test.elapsed, test.want)
				}
			})
		})
	}
}
