package worker_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/worker"
)

// handleIn registers a handler with places.
func (f *fixture) handleIn(pattern string, places int, h func(ctx context.Context, d *symphony.Delivery) error) {
	f.mux.Handle(pattern, symphony.HandlerFunc(h), symphony.HandlerOptions{Places: places})
}

func TestBulkhead_handler_that_hangs_leaves_the_worker_to_others(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		var hanging, most, quick atomic.Int64
		f.handleIn("hang", symphony.HalfPlaces, func(ctx context.Context, d *symphony.Delivery) error {
			most.Store(max(most.Load(), hanging.Add(1)))
			defer hanging.Add(-1)
			<-ctx.Done()
			return context.Cause(ctx)
		})
		f.handleIn("quick", symphony.HalfPlaces, func(context.Context, *symphony.Delivery) error { quick.Add(1); return nil })
		f.dispatch("hang", 300)
		w := f.start(worker.Options{Concurrency: 10, HandlerTimeout: time.Hour})
		wait(10 * time.Second)
		f.dispatch("quick", 100)
		wait(10 * time.Second)
		if got := quick.Load(); got != 100 {
			t.Errorf("%d of 100 messages were handled beside 300 that hang", got)
		}
		if got := most.Load(); got != 5 {
			t.Errorf("%d of 10 places were taken by the handler that hangs, want 5", got)
		}
		if s := f.stats(); s.Processing != 5 {
			t.Errorf("%d messages are in hand, want the 5 that have a place: the others' leases would idle", s.Processing)
		}
		f.tr.set(func() { f.tr.claims = nil })
		wait(time.Minute)
		f.tr.set(func() {
			// Each of the 295 returns within half a minute, and the worker polls once a second.
			if got, limit := len(f.tr.claims), 295*5+60; got > limit {
				t.Errorf("%d claims in a minute, want at most %d", got, limit)
			}
		})
		w.stop(t)
		for _, d := range f.receive() {
			if d.Attempt != 1 && d.Attempt != 2 { // 2: it had a place when the worker stopped
				t.Fatalf("message %s is at attempt %d; giving it back counts none", d.ID, d.Attempt)
			}
		}
	})
}

func TestBulkhead_slow_handler_keeps_its_places_busy(t *testing.T) {
	for name, tc := range map[string]struct {
		took     time.Duration
		messages int
	}{
		"fast":      {5 * time.Millisecond, 1000},
		"slow":      {300 * time.Millisecond, 150},
		"very slow": {5 * time.Second, 40},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				f.handleIn("slow", 4, func(context.Context, *symphony.Delivery) error { wait(tc.took); return nil })
				f.dispatch("slow", tc.messages)
				start := time.Now()
				report := f.runDry(worker.Options{Concurrency: 10})
				if report.Succeeded != int64(tc.messages) {
					t.Errorf("%d of %d messages were handled before the worker found the queue empty", report.Succeeded, tc.messages)
				}
				ideal := tc.took * time.Duration(tc.messages) / 4
				if got := time.Since(start); got > ideal*5/4+2*time.Second {
					t.Errorf("it took %s of the bubble's time, want about %s: places were left empty", got, ideal)
				}
				if got := report.Released; got > 5*int64(tc.messages) {
					t.Errorf("%d messages were given back for %d that were handled", got, tc.messages)
				}
			})
		})
	}
}

func TestBulkhead_is_half_only_beside_others(t *testing.T) {
	for name, tc := range map[string]struct {
		patterns []string
		places   int
		want     int64
	}{
		"half of all":             {[]string{"x", "other"}, symphony.HalfPlaces, 4},
		"all where it is alone":   {[]string{"x"}, symphony.HalfPlaces, 8},
		"as many as it was given": {[]string{"x"}, 3, 3},
		"no more than there are":  {[]string{"x", "other"}, 100, 8},
		"no bound":                {[]string{"x", "other"}, 0, 8},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				var mu sync.Mutex
				var now, most int64
				for _, pattern := range tc.patterns {
					f.handleIn(pattern, tc.places, func(context.Context, *symphony.Delivery) error {
						mu.Lock()
						now++
						most = max(most, now)
						mu.Unlock()
						wait(time.Second)
						mu.Lock()
						now--
						mu.Unlock()
						return nil
					})
				}
				f.dispatch("x", 40)
				f.runDry(worker.Options{Concurrency: 8})
				if most != tc.want {
					t.Errorf("%d messages at the same time, want %d", most, tc.want)
				}
			})
		})
	}
}

func TestBulkhead_that_stops_gives_back_what_waits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.handleIn("x", 1, func(_ context.Context, d *symphony.Delivery) error { wait(10 * time.Millisecond); return nil })
		f.dispatch("x", 50)
		w := f.start(worker.Options{Concurrency: 4})
		wait(65 * time.Millisecond)
		report := w.stop(t)
		if s := f.stats(); s.Processing != 0 || s.Pending != 50-report.Succeeded {
			t.Errorf("%+v are left after %d, want all others to wait", s, report.Succeeded)
		}
	})
}

func TestBulkhead_message_limit_counts_what_waits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.handleIn("x", 2, func(_ context.Context, d *symphony.Delivery) error { wait(time.Millisecond); return nil })
		f.dispatch("x", 100)
		report := f.run(worker.Options{Concurrency: 8, MessageLimit: 30})
		if s := f.stats(); report.Processed != 30 || s.Processing != 0 || s.Pending != 70 {
			t.Errorf("%+v, %+v; want 30 handled and 70 left", report, s)
		}
	})
}
