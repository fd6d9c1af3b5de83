package worker_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/worker"
)

var errBoom = errors.New("boom")

// silent is a transport that tells workers nothing by itself.
type silent struct{ symphony.Transport }

// cancel cancels a message, which is in hand.
func (f *fixture) cancel(id string) {
	f.Helper()
	got, err := f.tr.CancelMessage(context.Background(), id, symphony.Cancellation{By: "test"})
	if err != nil || got != symphony.Processing {
		f.Errorf("cancel: %q, %v; want it still in hand", got, err)
	}
}

func (f *fixture) wantCancelled(want int64, report worker.Report) {
	f.Helper()
	if s := f.stats(); s.Cancelled != want || s.Depth() != 0 || s.Failed != 0 {
		f.Errorf("left %+v, want %d cancelled", s, want)
	}
	if report.Cancelled != want || report.Failed != 0 || report.Lost != 0 {
		f.Errorf("reported %+v, want %d cancelled", report.Counts, want)
	}
}

func TestCancel_ends_the_context_of_a_handler(t *testing.T) {
	for name, test := range map[string]struct {
		told   bool
		after  time.Duration // from the claim until the handler knows
		result error
	}{
		"at once, and success changes nothing":         {true, time.Second, nil},
		"at once, and a failure changes nothing":       {true, time.Second, errBoom},
		"at once, and nothing fails for good":          {true, time.Second, symphony.Permanent(errBoom)},
		"at once, and nothing is retried":              {true, time.Second, symphony.RetryAfter(errBoom, time.Hour)},
		"with the next heartbeat where it is not told": {false, lease / 3, errBoom},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				var cause error
				var after time.Duration
				begin := time.Now()
				f.handle(func(ctx context.Context, _ *symphony.Delivery) error {
					<-ctx.Done()
					cause, after = context.Cause(ctx), time.Since(begin)
					return test.result
				})
				id := f.dispatch("Order", 1)[0]
				o := worker.Options{Lease: lease, HandlerTimeout: worker.NoTimeout, FailureLimit: 1}
				var tr symphony.Transport = f.tr
				if !test.told {
					tr = silent{f.tr}
				}
				w, err := worker.New(tr, f.mux, o)
				if err != nil {
					t.Fatal(err)
				}
				ctx, end := context.WithCancel(t.Context())
				done := make(chan worker.Report)
				go func() {
					report, err := w.Run(ctx)
					if err != nil {
						t.Error(err)
					}
					done <- report
				}()
				wait(time.Second)
				f.cancel(id)
				wait(2 * lease)
				if !w.Snapshot().Running {
					t.Error("the worker has stopped, as if an attempt had failed")
				}
				end()
				f.wantCancelled(1, <-done)
				if !errors.Is(cause, symphony.ErrCancelled) || after != test.after {
					t.Errorf("the context ended with %v after %s, want ErrCancelled after %s", cause, after, test.after)
				}
			})
		})
	}
}

func TestCancel_of_what_has_not_started(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		begun := make(map[string]bool)
		f.handle(func(_ context.Context, d *symphony.Delivery) error {
			if begun[d.ID] = true; d.Type != "fast" {
				wait(900 * time.Millisecond)
			}
			return nil
		})
		w := f.start(worker.Options{Concurrency: 1})
		f.warmUp(w)
		ids := f.dispatch("Order", 2)
		wait(100 * time.Millisecond)
		f.cancel(ids[1])
		wait(time.Minute)
		report := w.stop(t)
		f.wantCancelled(1, report)
		if begun[ids[1]] || report.Succeeded != 101 {
			t.Errorf("begun: %t, %d succeeded; want the other one handled alone", begun[ids[1]], report.Succeeded)
		}
	})
}

func TestCancel_of_a_handler_that_ignores_its_context(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.handle(func(context.Context, *symphony.Delivery) error {
			wait(3 * lease)
			return nil
		})
		id := f.dispatch("Order", 1)[0]
		w := f.start(worker.Options{Lease: lease, HandlerTimeout: worker.NoTimeout})
		wait(time.Second)
		f.cancel(id)
		wait(lease - 2*time.Second)
		if s := f.stats(); s.Processing != 1 {
			t.Errorf("left %+v before the end of the lease, want it in hand", s)
		}
		wait(2 * time.Second)
		if s := f.stats(); s.Cancelled != 1 {
			t.Errorf("left %+v after the end of the lease, want it cancelled", s)
		}
		wait(3 * lease)
		f.wantCancelled(1, w.stop(t))
		if n := f.log.count("leases were lost"); n != 0 {
			t.Errorf("the log says that its lease was lost, which is delivered again")
		}
	})
}

func TestCancel_in_a_batch(t *testing.T) {
	for name, test := range map[string]struct {
		cancel int // of two
		ended  error
	}{
		"one of several": {1, nil},
		"all of them":    {2, symphony.ErrCancelled},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				var cause error
				o := symphony.BatchOptions{Size: 2, Wait: time.Hour, Timeout: time.Hour}
				f.mux.HandleBatch("Order", o, func(ctx context.Context, _ []*symphony.Delivery) []error {
					select {
					case <-ctx.Done():
						cause = context.Cause(ctx)
						return []error{errors.New("a"), errors.New("b")}
					case <-time.After(time.Minute):
						return nil
					}
				})
				ids := f.dispatch("Order", 2)
				w := f.start(worker.Options{Concurrency: 2, HandlerTimeout: worker.NoTimeout})
				wait(time.Second)
				for _, id := range ids[:test.cancel] {
					f.cancel(id)
				}
				wait(2 * time.Minute)
				report := w.stop(t)
				if !errors.Is(cause, test.ended) || test.ended == nil && cause != nil {
					t.Errorf("the batch's context ended with %v, want %v", cause, test.ended)
				}
				want := worker.Counts{Cancelled: int64(test.cancel), HandlerTime: report.HandlerTime}
				want.Succeeded = int64(2 - test.cancel)
				want.Processed = want.Succeeded
				if diff := cmp.Diff(want, report.Counts); diff != "" {
					t.Errorf("counts (-want +got):\n%s", diff)
				}
				if s := f.stats(); s.Cancelled != int64(test.cancel) || s.Depth() != 0 {
					t.Errorf("left %+v", s)
				}
			})
		})
	}
}
