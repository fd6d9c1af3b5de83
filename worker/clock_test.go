package worker_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/symphonytest"
	"github.com/symphony-messenger/symphony/symphonytest/testclock"
	"github.com/symphony-messenger/symphony/transport/sqlite"
	"github.com/symphony-messenger/symphony/worker"
)

// extending tells of each call of Extend that has succeeded.
type extending struct {
	symphony.Transport
	extended chan struct{}
}

func (e extending) Extend(ctx context.Context, leases []symphony.Lease, d time.Duration) []error {
	errs := e.Transport.Extend(ctx, leases, d)
	if errors.Join(errs...) == nil {
		e.extended <- struct{}{}
	}
	return errs
}

// A message is in one worker's hands only, and stays in them, wherever the machine's clock is set meanwhile.
func TestLeases_are_kept_while_the_clock_is_set(t *testing.T) {
	for name, by := range map[string]time.Duration{"forward": time.Hour, "back": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			clock := testclock.New(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))
			tr := symphonytest.Storage(t, sqlite.Options{Clock: clock})
			watched := extending{tr, make(chan struct{}, 10)}
			bus, err := symphony.NewBus([]symphony.Transport{tr}, symphony.BusOptions{Clock: clock})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := bus.Dispatch(t.Context(), "Order", struct{}{}, symphony.DispatchOptions{}); err != nil {
				t.Fatal(err)
			}
			begun, end, lost := make(chan struct{}), make(chan struct{}), make(chan error, 1)
			mux := symphony.NewMux()
			mux.HandleFunc("Order", func(ctx context.Context, _ *symphony.Delivery) error {
				close(begun)
				select {
				case <-end:
					return nil
				case <-ctx.Done():
					lost <- context.Cause(ctx)
					return context.Cause(ctx)
				}
			})
			w, err := worker.New(watched, mux, worker.Options{Clock: clock, Lease: 30 * time.Second, HandlerTimeout: worker.NoTimeout, StopWhenEmpty: true, Logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			type ended struct {
				report worker.Report
				err    error
			}
			done := make(chan ended, 1)
			go func() {
				report, err := w.Run(t.Context()) // which ends with the test, whatever becomes of it
				done <- ended{report, err}
			}()
			<-begun
			patience, cancel := context.WithTimeout(t.Context(), time.Minute) // far more than it takes
			defer cancel()
			clock.Step(by)
			for range 5 { // longer than the lease
				clock.Advance(12 * time.Second)
				select {
				case <-watched.extended:
				case err := <-lost:
					t.Fatalf("the handler was stopped: %v", err)
				case <-patience.Done():
					t.Fatal("the lease was not extended")
				}
				if got, err := tr.Receive(t.Context(), symphony.ReceiveOptions{}); err != nil || len(got) != 0 {
					t.Fatalf("somebody else got %d messages, %v", len(got), err)
				}
			}
			close(end)
			if e := <-done; e.err != nil || e.report.Succeeded != 1 || e.report.Lost != 0 {
				t.Errorf("the run ended with %+v, %v; want one message handled", e.report, e.err)
			}
		})
	}
}
