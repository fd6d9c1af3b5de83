package worker_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/worker"
)

func TestFetch_starts_a_message_at_once_while_a_slot_is_free(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		var started []string
		var mu sync.Mutex
		f.handle(func(_ context.Context, d *symphony.Delivery) error {
			mu.Lock()
			started = append(started, d.Type)
			mu.Unlock()
			if d.Type == "slow" {
				wait(time.Hour)
			}
			return nil
		})
		w := f.start(worker.Options{Concurrency: 2})
		for _, typ := range []string{"slow", "first", "second"} {
			synctest.Wait()
			f.dispatch(typ, 1)
			synctest.Wait() // no time passes
		}
		if diff := cmp.Diff([]string{"slow", "first", "second"}, started); diff != "" {
			t.Errorf("started (-want +got):\n%s", diff)
		}
		if s := f.stats(); s.Completed != 2 || s.Processing != 1 {
			t.Errorf("stats %+v, want two completed at once, too", s)
		}
		w.stop(t)
	})
}

func TestFetch_with_one_handler_keeps_the_order_of_priority_and_age(t *testing.T) {
	f := newFixture(t)
	var got, want []int
	f.handle(func(_ context.Context, d *symphony.Delivery) error {
		got = append(got, d.Priority)
		return nil
	})
	for _, priority := range []int{2, 9, 5, 9, 1} {
		if _, err := f.bus.Dispatch(t.Context(), "Order", struct{}{}, symphony.DispatchOptions{Priority: priority}); err != nil {
			t.Fatal(err)
		}
	}
	f.runDry(worker.Options{Concurrency: 1})
	want = []int{9, 9, 5, 2, 1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

func TestFetch_works_on_its_queues_only(t *testing.T) {
	f := newFixture(t)
	var queues []string
	f.handle(func(_ context.Context, d *symphony.Delivery) error { queues = append(queues, d.Queue); return nil })
	for _, queue := range []string{"a", "b", "c"} {
		if _, err := f.bus.Dispatch(t.Context(), "Order", struct{}{}, symphony.DispatchOptions{Queue: queue}); err != nil {
			t.Fatal(err)
		}
	}
	f.runDry(worker.Options{Concurrency: 1, Queues: []string{"a", "c"}})
	if diff := cmp.Diff([]string{"a", "c"}, queues); diff != "" {
		t.Errorf("queues (-want +got):\n%s", diff)
	}
}

// A worker whose handlers were fast has claimed ahead; when they turn out to be slow, others get what it holds.
func TestFetch_does_not_hoard_for_slow_handlers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.handle(func(_ context.Context, d *symphony.Delivery) error {
			if d.Type != "fast" {
				wait(time.Hour)
			}
			return nil
		})
		w := f.start(worker.Options{Concurrency: 3, PollInterval: time.Minute, HandlerTimeout: worker.NoTimeout})
		f.warmUp(w)
		f.dispatch("Order", 500)
		wait(100 * time.Millisecond)
		if s := w.Snapshot(); s.Buffered != 497 {
			t.Fatalf("%d messages buffered, want 497: this test is about giving them back", s.Buffered)
		}
		wait(2 * time.Second)
		if got := f.receive(); len(got) != 497 || got[0].Attempt != 1 {
			t.Errorf("others can have %d messages, want 497 as if never claimed", len(got))
		}
		f.dispatch("Order", 500)
		wait(time.Minute)
		if s := w.Snapshot(); s.Buffered != 0 || s.Processing != 3 {
			t.Errorf("holds %+v, want nothing but what it works on", s)
		}
		w.stop(t)
	})
}

func TestFetch_bounds_what_is_buffered(t *testing.T) {
	const size, limit = 10_000, 100_000
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		finish := make(chan struct{})
		f.handle(func(_ context.Context, d *symphony.Delivery) error {
			if d.Type != "fast" {
				<-finish
			}
			return nil
		})
		w := f.start(worker.Options{Concurrency: 2, MaxBufferedBytes: limit})
		f.warmUp(w)
		payload := json.RawMessage(`{"x":"` + strings.Repeat("a", size) + `"}`)
		for range 50 {
			if _, err := f.bus.Dispatch(t.Context(), "large", payload, symphony.DispatchOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		wait(100 * time.Millisecond)
		if s := w.Snapshot(); s.Processing != 2 || s.Buffered == 0 || s.Buffered > limit/size {
			t.Errorf("in hand: %+v, want 1 to %d buffered", s, limit/size)
		}
		close(finish)
		wait(time.Second)
		if report := w.stop(t); report.Succeeded != 150 {
			t.Errorf("reported %+v, want all done", report)
		}
		f.tr.set(func() {
			for _, o := range f.tr.claims {
				if o.MaxBytes > limit {
					t.Errorf("claimed up to %d bytes, want at most %d", o.MaxBytes, limit)
				}
			}
		})
	})
}

// However many places a worker has, large messages are not all at work at one time.
func TestFetch_bounds_what_is_at_work(t *testing.T) {
	const limit = 10_000 // buffered, and eight times as many at work
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		finish := make(chan struct{})
		f.handle(func(context.Context, *symphony.Delivery) error {
			<-finish
			return nil
		})
		w := f.start(worker.Options{Concurrency: 50, MaxBufferedBytes: limit})
		payload := json.RawMessage(`{"x":"` + strings.Repeat("a", 4*limit) + `"}`)
		for range 10 {
			if _, err := f.bus.Dispatch(t.Context(), "large", payload, symphony.DispatchOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		wait(time.Second)
		if s := w.Snapshot(); s.Processing+s.Buffered != 2 {
			t.Errorf("in hand: %+v, want two of four times what may be buffered", s)
		}
		close(finish)
		wait(time.Second)
		if report := w.stop(t); report.Succeeded != 10 {
			t.Errorf("reported %+v, want all done", report)
		}
	})
}

// Messages that lost a worker before may be those that killed it: they start at once, so that each takes nothing else
// with it that only waited.
func TestFetch_claims_lost_messages_only_for_free_slots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.handle(func(context.Context, *symphony.Delivery) error {
			wait(time.Minute)
			return nil
		})
		f.dispatch("Order", 20)
		f.receive()
		wait(symphony.DefaultLease)
		w := f.start(worker.Options{Concurrency: 4})
		wait(time.Second)
		if s := w.Snapshot(); s.Processing != 4 || s.Buffered != 0 {
			t.Errorf("in hand: %+v, want 4 at work and none buffered", s)
		}
		w.stop(t)
	})
}

func TestFetch_of_a_bounded_run(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.handle(func(_ context.Context, d *symphony.Delivery) error {
			if d.Type == "parent" {
				wait(5 * time.Second)
				f.dispatch("child", 1) // while it is at work
				wait(5 * time.Second)
				f.dispatch("late", 1)
			}
			return nil
		})
		f.dispatch("parent", 1)
		f.dispatch("other", 10)
		report := f.runDry(worker.Options{})
		if report.Succeeded != 13 || report.Reason != worker.Empty || report.Elapsed != 10*time.Second {
			t.Errorf("got %+v, want 13 successes, and the end with the last of them after 10 s", report)
		}
	})
}

func TestFetch_of_a_bounded_run_does_not_wait_for_retries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.handle(func(context.Context, *symphony.Delivery) error { return errors.New("no") })
		f.dispatch("Order", 3)
		if report := f.runDry(worker.Options{}); report.Failed != 3 || report.Elapsed > time.Millisecond {
			t.Errorf("got %+v, want 3 failures and the end at once", report)
		}
	})
}

func TestFetch_waits_for_storage_that_fails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.handle(func(context.Context, *symphony.Delivery) error { return nil })
		var at []time.Time
		f.tr.receive = func(symphony.ReceiveOptions) error { at = append(at, time.Now()); return errStorage }
		f.dispatch("Order", 1)
		w := f.start(worker.Options{})
		wait(time.Minute)
		synctest.Wait()
		for i := 1; i < len(at); i++ {
			most := min(100*time.Millisecond<<(i-1), 5*time.Second)
			if pause := at[i].Sub(at[i-1]); pause < most/2 || pause > most {
				t.Errorf("pause %d was %s, want %s to %s", i, pause, most/2, most)
			}
		}
		if n := len(at); n < 15 || n > 30 {
			t.Errorf("%d tries in a minute, want 15 to 30", n)
		}
		f.tr.set(func() { f.tr.receive = nil })
		wait(5 * time.Second)
		if report := w.stop(t); report.Succeeded != 1 {
			t.Errorf("reported %+v, want the message handled", report)
		}
		if failing, again := f.log.count("storage fails", "receive"), f.log.count("storage works again", "receive"); failing != 1 || again != 1 {
			t.Errorf("logged %d times that it fails and %d times that it works again, want once each", failing, again)
		}
	})
}

func TestFetch_of_a_bounded_run_tells_that_storage_failed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.tr.receive = always[symphony.ReceiveOptions](errStorage)
		report, err := f.worker(worker.Options{StopWhenEmpty: true, TimeLimit: 10 * time.Second}).Run(t.Context())
		if !errors.Is(err, errStorage) || report.Reason != worker.TimeLimit || report.Elapsed != 10*time.Second {
			t.Errorf("got %+v, %v; want the time limit and the storage's error", report, err)
		}
	})
}
