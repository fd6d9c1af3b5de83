package breaker_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/handler/breaker"
	"github.com/symphony-messenger/symphony/symphonytest"
	"github.com/symphony-messenger/symphony/symphonytest/testclock"
	"github.com/symphony-messenger/symphony/transport/sqlite"
	"github.com/symphony-messenger/symphony/worker"
)

var errDown = errors.New("the endpoint is down")

// endpoint is a handler whose answers are set.
type endpoint struct {
	err   error
	calls int
}

func (e *endpoint) Handle(context.Context, *symphony.Delivery) error {
	e.calls++
	return e.err
}

func newBreaker(t *testing.T, h symphony.Handler) *breaker.Breaker {
	t.Helper()
	b, err := breaker.New(h, breaker.Options{Name: "mail", Failures: 3, Pause: 10 * time.Second, MaxPause: 35 * time.Second,
		Logger: slog.New(slog.DiscardHandler), Random: func() float64 { return 0.5 }})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// wantDeferred checks that a message is given back for a time without a call.
func wantDeferred(t *testing.T, b *breaker.Breaker, e *endpoint, want time.Duration) {
	t.Helper()
	calls := e.calls
	err := b.Handle(t.Context(), &symphony.Delivery{})
	d := symphony.Policy{}.Decide(1, err, 0)
	if !errors.Is(err, breaker.ErrOpen) || d.Outcome != symphony.Release || d.Delay != want || e.calls != calls {
		t.Errorf("got %v, decision %+v, %d calls; want it released for %s without a call", err, d, e.calls-calls, want)
	}
}

func TestCircuitOpensProbesAndCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{err: errDown}
		b := newBreaker(t, e)
		call := func() error { return b.Handle(t.Context(), &symphony.Delivery{}) }
		state := func(want breaker.State) {
			t.Helper()
			if got := b.Snapshot().State; got != want {
				t.Errorf("state %s, want %s", got, want)
			}
		}
		for range 3 {
			state(breaker.Closed)
			if err := call(); !errors.Is(err, errDown) {
				t.Fatalf("got %v", err)
			}
		}
		state(breaker.Open)
		wantDeferred(t, b, e, 15*time.Second) // the pause and half of the spread
		for _, pause := range []time.Duration{10, 20, 35, 35} {
			wait(pause*time.Second - 1)
			wantDeferred(t, b, e, 5*time.Second+1)
			wait(1)
			if err := call(); !errors.Is(err, errDown) { // the probe
				t.Fatalf("probe after %d s: %v", pause, err)
			}
		}
		wait(35 * time.Second)
		e.err = nil
		if err := call(); err != nil {
			t.Errorf("probe: %v", err)
		}
		state(breaker.Closed)
		e.err = errDown
		for range 2 {
			_ = call()
		}
		e.err = symphony.Permanent(errors.New("bad address"))
		_ = call() // the endpoint answers
		e.err = errDown
		for range 2 {
			_ = call()
		}
		state(breaker.Closed)
	})
}

// wait lets the bubble's clock move on.
func wait(d time.Duration) {
	t := time.NewTimer(d)
	<-t.C
}

func TestOnlyOneMessageProbes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		e := &endpoint{err: errDown}
		slow := symphony.HandlerFunc(func(ctx context.Context, d *symphony.Delivery) error {
			if e.err == nil {
				<-release
			}
			return e.Handle(ctx, d)
		})
		b := newBreaker(t, slow)
		for range 3 {
			_ = b.Handle(t.Context(), &symphony.Delivery{})
		}
		wait(10 * time.Second)
		e.err = nil
		var probe sync.WaitGroup
		probe.Go(func() {
			if err := b.Handle(t.Context(), &symphony.Delivery{}); err != nil {
				t.Errorf("probe: %v", err)
			}
		})
		synctest.Wait()
		if s := b.Snapshot(); s.State != breaker.HalfOpen {
			t.Errorf("state %s, want half open", s.State)
		}
		wantDeferred(t, b, e, 15*time.Second)
		close(release)
		probe.Wait()
		if s := b.Snapshot(); s.State != breaker.Closed || s.Failures != 0 {
			t.Errorf("snapshot %+v, want it closed", s)
		}
	})
}

func TestAProbeThatIsInterruptedDecidesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{err: errDown}
		b := newBreaker(t, e)
		for range 3 {
			_ = b.Handle(t.Context(), &symphony.Delivery{})
		}
		wait(10 * time.Second)
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(symphony.ErrInterrupted)
		_ = b.Handle(ctx, &symphony.Delivery{})
		e.err = nil
		if err := b.Handle(t.Context(), &symphony.Delivery{}); err != nil {
			t.Errorf("the next message did not probe: %v", err)
		}
	})
}

func TestAPanicCountsAsAFailure(t *testing.T) {
	b := newBreaker(t, symphony.HandlerFunc(func(context.Context, *symphony.Delivery) error { panic("boom") }))
	for range 3 {
		func() {
			defer func() { _ = recover() }()
			_ = b.Handle(t.Context(), &symphony.Delivery{})
		}()
	}
	if s := b.Snapshot(); s.State != breaker.Open {
		t.Errorf("state %s, want open", s.State)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	_, err := breaker.New(&endpoint{}, breaker.Options{Failures: -1, Pause: time.Minute, MaxPause: time.Second})
	if err == nil || !strings.Contains(err.Error(), "failures -1") || !strings.Contains(err.Error(), "max pause 1s") {
		t.Errorf("got %v", err)
	}
}

// While an endpoint is down for an hour, no message uses up its attempts, and all are handled when it is back.
func TestNoAttemptIsWastedWhileTheEndpointIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := symphonytest.Storage(t, sqlite.Options{})
		bus, err := symphony.NewBus([]symphony.Transport{tr}, symphony.BusOptions{})
		if err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		up, calls := false, 0
		b := newBreaker(t, symphony.HandlerFunc(func(context.Context, *symphony.Delivery) error {
			mu.Lock()
			defer mu.Unlock()
			if calls++; !up {
				return errDown
			}
			return nil
		}))
		mux := symphony.NewMux()
		mux.Handle("Mail", b, symphony.HandlerOptions{})
		for range 50 {
			if _, err := bus.Dispatch(t.Context(), "Mail", json.RawMessage(`{}`), symphony.DispatchOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		w, err := worker.New(tr, mux, worker.Options{Concurrency: 1, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _, _ = w.Run(ctx) })
		wait(time.Hour)
		mu.Lock()
		if calls > 3+2+3600/35+1 {
			t.Errorf("%d calls within the hour, want the first failures and the probes", calls)
		}
		up = true
		mu.Unlock()
		wait(5 * time.Minute)
		stop()
		running.Wait()
		stats, err := tr.Stats(t.Context())
		if err != nil || stats.Completed != 50 {
			t.Errorf("stats %+v, %v: want all completed", stats, err)
		}
	})
}

// A circuit is open for as long as it was said to be, whatever the machine's clock is set to meanwhile.
func TestPausesGoByWhatHasElapsed(t *testing.T) {
	for name, step := range map[string]time.Duration{"set back": -time.Hour, "set ahead": time.Hour} {
		t.Run(name, func(t *testing.T) {
			clock := testclock.New(time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC))
			e := &endpoint{err: errDown}
			b, err := breaker.New(e, breaker.Options{Failures: 1, Pause: 10 * time.Second, Clock: clock, Logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			call := func() error { return b.Handle(t.Context(), &symphony.Delivery{}) }
			_ = call()
			e.err = nil
			clock.Step(step)
			clock.Advance(9 * time.Second)
			if err := call(); !errors.Is(err, breaker.ErrOpen) {
				t.Errorf("after 9 s of 10: %v, want ErrOpen", err)
			}
			clock.Advance(time.Second)
			if err := call(); err != nil {
				t.Errorf("after 10 s: %v, want a probe", err)
			}
		})
	}
}
