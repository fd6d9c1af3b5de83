package worker_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/worker"
)

// witness keeps what an observer is told.
type witness struct {
	mu      sync.Mutex
	batches int
	ended   []symphony.EndedAttempt
}

func (w *witness) MessagesDispatched([]*symphony.Envelope, []symphony.Receipt) {}

func (w *witness) AttemptsEnded(ended []symphony.EndedAttempt) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.batches++
	w.ended = append(w.ended, ended...)
}

func TestObserver_is_told_of_each_attempt_once_it_is_stored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		var deferred atomic.Bool
		f.handle(func(_ context.Context, d *symphony.Delivery) error {
			wait(time.Second)
			switch {
			case d.Type == "Bad":
				return symphony.Permanent(errors.New("never"))
			case d.Type == "Flaky" && d.Attempt == 1:
				return errors.New("not yet")
			case d.Type == "Later" && deferred.CompareAndSwap(false, true):
				return symphony.Defer(errors.New("busy"), time.Minute)
			}
			return nil
		})
		for _, typ := range []string{"Good", "Bad", "Flaky", "Later"} {
			f.dispatch(typ, 1)
		}
		seen := &witness{}
		w := f.start(worker.Options{Name: "w", Observer: seen, Policy: symphony.Policy{Jitter: symphony.NoJitter}})
		wait(90 * time.Second)
		w.stop(t)
		type told struct {
			Type, Queue, Worker, Outcome, Class string
			Attempt                             int
			Took                                time.Duration
		}
		var got []told
		for _, e := range seen.ended {
			got = append(got, told{e.Type, e.Queue, e.Worker, e.Settlement.Outcome.String(), e.Settlement.ErrorClass, e.Attempt, e.Settlement.FinishedAt.Sub(e.Settlement.StartedAt)})
			if e.MessageID == "" || e.Transport != "default" || e.CreatedAt.IsZero() {
				t.Errorf("told %+v", e)
			}
		}
		slices.SortFunc(got, func(a, b told) int { return strings.Compare(a.Type+a.Outcome, b.Type+b.Outcome) })
		want := []told{
			{"Bad", "default", "w", "fail", "error", 1, time.Second},
			{"Flaky", "default", "w", "ack", "", 2, time.Second},
			{"Flaky", "default", "w", "retry", "error", 1, time.Second},
			{"Good", "default", "w", "ack", "", 1, time.Second},
			{"Later", "default", "w", "ack", "", 1, time.Second},
			{"Later", "default", "w", "release", "error", 1, time.Second},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("told (-want +got)\n%s", diff)
		}
	})
}

func TestObserver_is_not_told_of_what_storage_did_not_take(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.handle(func(context.Context, *symphony.Delivery) error { return nil })
		f.tr.settle = always[symphony.Settlement](fmt.Errorf("away: %w", symphony.ErrUnavailable))
		f.dispatch("Order", 3)
		seen := &witness{}
		w := f.start(worker.Options{Observer: seen})
		wait(5 * time.Second)
		if len(seen.ended) != 0 {
			t.Errorf("told of %d attempts that are not stored", len(seen.ended))
		}
		f.tr.set(func() { f.tr.settle = nil })
		wait(5 * time.Second)
		w.stop(t)
		if len(seen.ended) != 3 || seen.batches != 1 {
			t.Errorf("told of %d attempts in %d calls, want 3 in 1", len(seen.ended), seen.batches)
		}
	})
}

func TestSnapshot_shows_what_is_stuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		release := make(chan struct{})
		f.handle(func(_ context.Context, d *symphony.Delivery) error {
			if d.Type == "Slow" {
				<-release
			}
			return nil
		})
		w := f.start(worker.Options{Concurrency: 15})
		began := time.Now()
		var ids []string
		for range 12 {
			ids = append(ids, f.dispatch("Slow", 1)...)
			wait(time.Second)
		}
		f.dispatch("Fast", 1)
		quick := time.Now()
		synctest.Wait()
		s := w.Snapshot()
		var got []string
		for _, at := range s.AtWork {
			got = append(got, at.MessageID)
		}
		if diff := cmp.Diff(ids[:10], got); diff != "" {
			t.Errorf("at work (-want +got)\n%s", diff)
		}
		if first := s.AtWork[0]; !first.Since.Equal(began) || first.Type != "Slow" || first.Queue != "default" || first.Attempt != 1 {
			t.Errorf("the oldest is %+v, want it since %s", first, began)
		}
		if !s.LastEndedAt.Equal(quick) {
			t.Errorf("last ended at %s, want %s", s.LastEndedAt, quick)
		}
		if len(s.Outages) != 0 {
			t.Errorf("outages %+v", s.Outages)
		}
		close(release)
		w.stop(t)
	})
}

func TestSnapshot_shows_since_when_storage_fails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.handle(func(context.Context, *symphony.Delivery) error { return nil })
		f.tr.receive = always[symphony.ReceiveOptions](errStorage)
		began := time.Now()
		w := f.start(worker.Options{})
		wait(time.Minute)
		if s := w.Snapshot(); len(s.Outages) != 1 || s.Outages[0].Call != "receive" || !s.Outages[0].Since.Equal(began) || !errors.Is(s.Outages[0].Err, errStorage) {
			t.Errorf("outages %+v, want one of receive since %s", s.Outages, began)
		}
		f.tr.set(func() { f.tr.receive = nil })
		wait(10 * time.Second)
		if s := w.Snapshot(); len(s.Outages) != 0 {
			t.Errorf("outages %+v after it works again", s.Outages)
		}
		w.stop(t)
	})
}
