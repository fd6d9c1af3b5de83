package scheduler_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/schedule"
	"github.com/symphony-messenger/symphony/scheduler"
	"github.com/symphony-messenger/symphony/symphonytest"
	"github.com/symphony-messenger/symphony/transport/sqlite"
)

// flaky is a storage that can be away, and counts how often it is asked what is due.
type flaky struct {
	storage
	away  atomic.Bool
	asked atomic.Int64
}

func (f *flaky) ListSchedules(ctx context.Context, q schedule.Query) (schedule.Page, error) {
	if q.Due != nil {
		f.asked.Add(1)
	}
	if f.away.Load() {
		return schedule.Page{}, fmt.Errorf("the disk is gone: %w", symphony.ErrUnavailable)
	}
	return f.storage.ListSchedules(ctx, q)
}

func (f *flaky) Send(ctx context.Context, e []*symphony.Envelope) ([]symphony.Receipt, error) {
	if f.away.Load() {
		return nil, fmt.Errorf("the disk is gone: %w", symphony.ErrUnavailable)
	}
	return f.storage.Send(ctx, e)
}

// running is a scheduler that runs in a bubble of synctest until the test ends.
type running struct {
	*scheduler.Scheduler
	tr   *flaky
	log  *logBuffer
	stop func() error
}

func run(t *testing.T, poll time.Duration) *running {
	t.Helper()
	r := &running{tr: &flaky{storage: symphonytest.Storage(t, sqlite.Options{})}, log: &logBuffer{}}
	bus, err := symphony.NewBus([]symphony.Transport{r.tr}, symphony.BusOptions{})
	if err != nil {
		t.Fatal(err)
	}
	r.Scheduler, err = scheduler.New(r.tr, bus, scheduler.Options{Poll: poll, Logger: slog.New(slog.NewTextHandler(r.log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	r.stop = func() error {
		cancel()
		return <-done
	}
	synctest.Wait()
	return r
}

// next takes the next message: how long after a time it was dispatched, and its occurrence.
func (r *running) next(t *testing.T, from time.Time) (late time.Duration, of time.Time) {
	t.Helper()
	got, err := r.tr.Receive(t.Context(), symphony.ReceiveOptions{Max: 1, Wait: 24 * time.Hour})
	if err != nil || len(got) != 1 {
		t.Fatalf("received %d, %v", len(got), err)
	}
	if err := errors.Join(r.tr.Settle(t.Context(), []symphony.Settlement{{Lease: got[0].Lease, Outcome: symphony.Ack}})...); err != nil {
		t.Fatal(err)
	}
	at, err := time.Parse(time.RFC3339, got[0].Header(schedule.HeaderOccurrence))
	if err != nil {
		t.Fatal(err)
	}
	return got[0].CreatedAt.Sub(from), at
}

func TestRun_fires_on_time_and_asks_no_more_than_it_must(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, time.Hour)
		start := time.Now()
		sch := every(10 * time.Minute)
		sch.StartAt = start.Add(5*time.Minute + time.Millisecond)
		if _, err := r.Create(t.Context(), sch); err != nil { // wakes it
			t.Fatal(err)
		}
		for n := range 5 {
			want := sch.StartAt.Add(time.Duration(n) * sch.Interval)
			if late, of := r.next(t, want); late != 0 || !of.Equal(want.Truncate(time.Millisecond)) {
				t.Errorf("occurrence %d: message of %v is late by %s", n, of, late)
			}
		}
		if asked := r.tr.asked.Load(); asked > 20 {
			t.Errorf("it asked %d times what is due", asked)
		}
		if err := r.stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestRun_sees_what_other_nodes_change_within_a_poll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, 0)
		other, err := scheduler.New(r.tr, mustBus(t, r.tr), scheduler.Options{})
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if _, err := other.Create(t.Context(), once(start)); err != nil {
			t.Fatal(err)
		}
		if late, _ := r.next(t, start); late > scheduler.DefaultPoll {
			t.Errorf("late by %s", late)
		}
		if err := r.stop(); err != nil {
			t.Error(err)
		}
	})
}

func mustBus(t *testing.T, tr symphony.Transport) *symphony.Bus {
	t.Helper()
	bus, err := symphony.NewBus([]symphony.Transport{tr}, symphony.BusOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return bus
}

func TestRun_waits_for_storage_and_loses_no_occurrence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, 0)
		start := time.Now()
		sch := every(10 * time.Second)
		sch.StartAt, sch.Missed = start.Add(10*time.Second), schedule.MissedAll
		if _, err := r.Create(t.Context(), sch); err != nil {
			t.Fatal(err)
		}
		r.tr.away.Store(true)
		back := time.NewTimer(35 * time.Second)
		<-back.C
		r.tr.away.Store(false)
		for n := range 4 {
			want := sch.StartAt.Add(time.Duration(n) * sch.Interval)
			if _, of := r.next(t, want); !of.Equal(want) {
				t.Errorf("message %d is of %v, want %v", n, of, want)
			}
		}
		if err := r.stop(); err != nil {
			t.Error(err)
		}
		for text, want := range map[string]int{"cannot be fired": 1, "fired again": 1} {
			if n := strings.Count(r.log.String(), text); n != want {
				t.Errorf("%q is %d times in the log, want %d:\n%s", text, n, want, r.log)
			}
		}
	})
}

func TestRun_ends_when_the_store_is_closed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, 0)
		if err := r.tr.Close(); err != nil {
			t.Fatal(err)
		}
		timer := time.NewTimer(time.Minute)
		<-timer.C
		if err := r.stop(); !errors.Is(err, symphony.ErrClosed) {
			t.Errorf("got %v, want ErrClosed", err)
		}
	})
}

func TestRun_catches_up_without_a_pause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := symphonytest.Storage(t, sqlite.Options{})
		sch := every(time.Second)
		sch.Missed = schedule.MissedAll
		s, err := scheduler.New(tr, mustBus(t, tr), scheduler.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Create(t.Context(), sch); err != nil {
			t.Fatal(err)
		}
		outage := time.NewTimer(5 * schedule.MaxCatchUp * time.Second)
		<-outage.C
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		synctest.Wait()
		stats, err := tr.Stats(t.Context())
		if err != nil || stats.Pending != 5*schedule.MaxCatchUp {
			t.Errorf("%d messages, %v; want %d", stats.Pending, err, 5*schedule.MaxCatchUp)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestNew_refuses(t *testing.T) {
	tr := symphonytest.Storage(t, sqlite.Options{})
	bus, err := symphony.NewBus([]symphony.Transport{tr}, symphony.BusOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := scheduler.New(tr, bus, scheduler.Options{Poll: -1}); err == nil {
		t.Error("a negative poll was accepted")
	}
	if _, err := scheduler.New(nil, nil, scheduler.Options{}); err == nil {
		t.Error("no store and no bus were accepted")
	}
}
