package worker_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/worker"
)

const lease = 12 * time.Second

func TestLease_lives_while_the_handler_runs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.handle(func(ctx context.Context, _ *symphony.Delivery) error {
			select {
			case <-time.After(10 * lease):
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		})
		f.dispatch("Order", 3)
		var extended atomic.Int64
		f.tr.extend = func(symphony.Lease) error { extended.Add(1); return nil }
		w := f.start(worker.Options{Lease: lease, HandlerTimeout: worker.NoTimeout})
		for range 19 {
			wait(lease / 2)
			if got := f.receive(); len(got) > 0 {
				t.Fatal("somebody else got a message while its handler ran")
			}
		}
		wait(lease)
		if report := w.stop(t); report.Succeeded != 3 || f.stats().Completed != 3 {
			t.Errorf("reported %+v, left %+v; want all completed", report, f.stats())
		}
		if n := extended.Load(); n < 3*25 || n > 3*31 {
			t.Errorf("extended %d leases in ten times their length, want each about every third of it", n)
		}
	})
}

func TestLease_lives_while_the_message_is_buffered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.handle(func(_ context.Context, d *symphony.Delivery) error {
			if d.Type != "fast" {
				wait(900 * time.Millisecond)
			}
			return nil
		})
		var extended sync.Map
		f.tr.extend = func(l symphony.Lease) error { extended.Store(l.MessageID, true); return nil }
		w := f.start(worker.Options{Lease: time.Second, Concurrency: 1})
		f.warmUp(w)
		ids := f.dispatch("Order", 2)
		wait(500 * time.Millisecond)
		for _, id := range ids {
			if _, ok := extended.Load(id); !ok {
				t.Errorf("the lease of %s was not extended", id)
			}
		}
		wait(time.Minute)
		if report := w.stop(t); report.Succeeded != 102 || report.Lost != 0 {
			t.Errorf("reported %+v, want all handled and none lost", report.Counts)
		}
	})
}

func TestLease_lost(t *testing.T) {
	tests := map[string]struct {
		fault func() func(symphony.Lease) error
		after time.Duration // from the claim
	}{
		"because somebody else has the message": {func() func(symphony.Lease) error { return always[symphony.Lease](symphony.ErrLeaseLost) }, lease / 3},
		"because storage is away":               {func() func(symphony.Lease) error { return always[symphony.Lease](errStorage) }, lease},
		"because storage hangs": {func() func(symphony.Lease) error {
			ended := make(chan struct{})
			time.AfterFunc(3*lease, func() { close(ended) })
			return func(symphony.Lease) error { <-ended; return errStorage }
		}, lease},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				var cause error
				var after time.Duration
				begin := time.Now()
				f.handle(func(ctx context.Context, d *symphony.Delivery) error {
					if d.Attempt > 1 {
						return nil
					}
					<-ctx.Done()
					cause, after = context.Cause(ctx), time.Since(begin)
					return errors.New("a failure that must not count")
				})
				f.dispatch("Order", 1)
				f.tr.extend = test.fault()
				w := f.start(worker.Options{Lease: lease, HandlerTimeout: worker.NoTimeout})
				wait(4 * lease)
				report := w.stop(t)
				if !errors.Is(cause, symphony.ErrLeaseLost) || after != test.after {
					t.Errorf("the context ended with %v after %s, want ErrLeaseLost after %s", cause, after, test.after)
				}
				if s := f.stats(); s.Completed != 1 || s.Depth() != 0 || len(f.failed()) != 0 {
					t.Errorf("left %+v, want it completed by the second delivery", s)
				}
				want := worker.Counts{Processed: 1, Succeeded: 1, Lost: 1, HandlerTime: report.HandlerTime}
				if diff := cmp.Diff(want, report.Counts); diff != "" {
					t.Errorf("counts (-want +got):\n%s", diff)
				}
				if n := f.log.count("leases were lost", "type=Order", "queue=default", "attempt=1", `error="lease lost"`); n != 1 {
					t.Errorf("logged %d times, want once", n)
				}
			})
		})
	}
}

func TestLease_lost_before_the_message_started(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		var mu sync.Mutex
		attempts := make(map[string][]int)
		f.handle(func(_ context.Context, d *symphony.Delivery) error {
			mu.Lock()
			attempts[d.Type] = append(attempts[d.Type], d.Attempt)
			mu.Unlock()
			if d.Type == "first" {
				wait(990 * time.Millisecond)
			}
			return nil
		})
		w := f.start(worker.Options{Lease: symphony.MinLease, Concurrency: 1})
		f.warmUp(w)
		f.dispatch("first", 1)
		id := f.dispatch("second", 1)[0]
		f.tr.set(func() {
			f.tr.extend = func(l symphony.Lease) error {
				if l.MessageID == id {
					return symphony.ErrLeaseLost
				}
				return nil
			}
		})
		wait(500 * time.Millisecond)
		if s := w.Snapshot(); s.Processing != 1 || s.Buffered != 0 || s.Lost != 1 {
			t.Errorf("in hand: %+v, want the second dropped", s)
		}
		f.tr.set(func() { f.tr.extend = nil })
		wait(10 * time.Second)
		w.stop(t)
		if got := attempts["second"]; len(got) != 1 || got[0] != 2 {
			t.Errorf("started attempts %v of the second message, want its second delivery only", got)
		}
	})
}

func TestLease_lasts_from_when_it_was_asked_for_however_late_the_answer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		held := make(chan time.Duration, 1)
		f.handle(func(ctx context.Context, _ *symphony.Delivery) error {
			began := time.Now()
			<-ctx.Done()
			held <- time.Since(began)
			return context.Cause(ctx)
		})
		f.dispatch("Order", 1)
		var calls atomic.Int64
		f.tr.extend = func(symphony.Lease) error {
			if calls.Add(1) > 1 {
				return errStorage
			}
			wait(lease / 2)
			return nil
		}
		w := f.start(worker.Options{Lease: lease, HandlerTimeout: worker.NoTimeout})
		if got, most := <-held, lease/3+lease; got > most {
			t.Errorf("the handler was told after %s, when its lease might have ended after %s", got, most)
		}
		f.tr.set(func() { f.tr.extend = nil })
		w.stop(t)
	})
}

func TestLease_survives_a_failure_to_extend_it(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.handle(func(ctx context.Context, _ *symphony.Delivery) error {
			select {
			case <-time.After(3 * lease):
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		})
		f.dispatch("Order", 1)
		f.tr.extend = always[symphony.Lease](errStorage)
		w := f.start(worker.Options{Lease: lease})
		wait(lease * 3 / 4)
		f.tr.set(func() { f.tr.extend = nil })
		wait(3 * lease)
		if report := w.stop(t); report.Succeeded != 1 || report.Lost != 0 {
			t.Errorf("reported %+v, want one success", report)
		}
		if failing, again := f.log.count("storage fails", "extend"), f.log.count("storage works again", "extend"); failing != 1 || again != 1 {
			t.Errorf("logged %d times that it fails and %d times that it works again, want once each", failing, again)
		}
	})
}
