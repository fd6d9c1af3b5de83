package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/internal/pgtest"
	"github.com/symphony-messenger/symphony/metrics"
	"github.com/symphony-messenger/symphony/operation"
	"github.com/symphony-messenger/symphony/transport/transporttest"
	"github.com/symphony-messenger/symphony/worker"
)

// openSkewed opens a node on a machine with a wrong clock. Unlike Options.Clock it leaves the server its own.
func openSkewed(t *testing.T, url string, clock symphony.Clock) *Transport {
	t.Helper()
	s, o, err := newStore(url, Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	s.clock, s.opened = clock, openedAt(clock)
	if err := s.start(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	tr := &Transport{store: s, name: o.Name}
	t.Cleanup(func() {
		if err := tr.Close(); err != nil {
			t.Error(err)
		}
	})
	return tr
}

func busOf(t *testing.T, tr *Transport) *symphony.Bus {
	t.Helper()
	bus, err := symphony.NewBus([]symphony.Transport{tr}, symphony.BusOptions{Clock: tr.clock})
	if err != nil {
		t.Fatal(err)
	}
	return bus
}

// skews are by how much a node's clock is wrong, or is set. Whatever is told rightly is right within slack.
var skews = []time.Duration{-2 * time.Hour, 2 * time.Hour}

const slack = 30 * time.Minute

func nearly(t *testing.T, what string, got, want time.Time) {
	t.Helper()
	if d := got.Sub(want).Abs(); d > slack {
		t.Errorf("%s is %s, want about %s", what, got, want)
	}
}

// take receives n messages, one after the other.
func take(t *testing.T, tr *Transport, n int, o symphony.ReceiveOptions) (list []symphony.Delivery) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for len(list) < n {
		o.Max, o.Wait, o.MaxLost = 1, 5*time.Second, 1
		got, err := tr.Receive(ctx, o)
		if err != nil {
			t.Fatalf("got %d of %d messages, then %v", len(list), n, err)
		}
		list = append(list, got...)
	}
	return list
}

func TestClock_of_a_node_that_is_set_stops_nothing(t *testing.T) {
	for _, by := range skews {
		t.Run(by.String(), func(t *testing.T) {
			t.Parallel()
			clock := transporttest.NewSkewed(0)
			tr := openSkewed(t, pgtest.URL(t), clock)
			bus := busOf(t, tr)
			take := func(n int, o symphony.ReceiveOptions) []symphony.Delivery { return take(t, tr, n, o) }
			dispatch := func(o symphony.DispatchOptions) {
				t.Helper()
				if _, err := bus.Dispatch(t.Context(), "Order", struct{}{}, o); err != nil {
					t.Fatal(err)
				}
			}
			clock.Step(by)
			dispatch(symphony.DispatchOptions{})
			d := take(1, symphony.ReceiveOptions{Lease: symphony.MinLease})[0]
			// Its lease ends, a message becomes ready later, and one is let through by the gate of its key.
			again := take(1, symphony.ReceiveOptions{Lease: time.Hour})[0]
			if again.ID != d.ID || again.Attempt != 2 {
				t.Errorf("got %+v, want the message whose lease has ended", again)
			}
			dispatch(symphony.DispatchOptions{Delay: time.Second})
			dispatch(symphony.DispatchOptions{ConcurrencyKey: "k"})
			take(2, symphony.ReceiveOptions{Lease: time.Hour})
			nearly(t, "the store's time", tr.StoreTime(), time.Now())
		})
	}
}

// A machine that slept is behind the server, by its time of day and by what has elapsed for it: here the latter has been
// wrong from the start, and the time of day tells so.
func TestClock_of_a_machine_that_slept_is_compared_at_once(t *testing.T) {
	clock := transporttest.NewSkewed(0)
	tr := openSkewed(t, pgtest.URL(t), clock)
	tr.offset.Store(-time.Hour.Microseconds())
	clock.Step(time.Hour)
	bus := busOf(t, tr)
	if _, err := bus.Dispatch(t.Context(), "Order", struct{}{}, symphony.DispatchOptions{}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second) // less than the time between two heartbeats
	defer cancel()
	if got, err := tr.Receive(ctx, symphony.ReceiveOptions{Wait: time.Minute}); err != nil || len(got) != 1 {
		t.Errorf("got %d messages, %v", len(got), err)
	}
}

func TestClock_of_a_node_that_is_wrong_makes_and_judges_nothing(t *testing.T) {
	for _, by := range skews {
		t.Run(by.String(), func(t *testing.T) {
			t.Parallel()
			url := pgtest.URL(t)
			clock := transporttest.NewSkewed(by)
			tr := openSkewed(t, url, clock)
			bus := busOf(t, tr)

			t.Run("times of messages", func(t *testing.T) {
				r, err := bus.Dispatch(t.Context(), "Later", struct{}{}, symphony.DispatchOptions{Delay: 3 * time.Hour})
				if err != nil {
					t.Fatal(err)
				}
				nearly(t, "the end of the delay", r.ScheduledAt, time.Now().Add(3*time.Hour))
				m, err := transporttest.GetMessage(t.Context(), tr, r.ID)
				if err != nil {
					t.Fatal(err)
				}
				nearly(t, "the creation", m.CreatedAt, time.Now())
				if low := symphony.NewID(time.Now().Add(-slack)); m.ID < low {
					t.Errorf("the id %s is of an earlier time than %s", m.ID, low)
				}
				if high := symphony.NewID(time.Now().Add(slack)); m.ID > high {
					t.Errorf("the id %s is of a later time than %s", m.ID, high)
				}
			})

			t.Run("expiry, and the times of attempts", func(t *testing.T) {
				handled := make(chan struct{}, 1)
				mux := symphony.NewMux()
				mux.HandleFunc("Expiring", func(context.Context, *symphony.Delivery) error {
					handled <- struct{}{}
					return symphony.Permanent(errors.New("no"))
				})
				if _, err := bus.Dispatch(t.Context(), "Expiring", struct{}{}, symphony.DispatchOptions{ExpiresAt: time.Now().Add(time.Hour), Queue: "e"}); err != nil {
					t.Fatal(err)
				}
				w, err := worker.New(tr, mux, worker.Options{Logger: slog.New(slog.DiscardHandler), Clock: clock, StopWhenEmpty: true, Queues: []string{"e"}})
				if err != nil {
					t.Fatal(err)
				}
				if _, err := w.Run(t.Context()); err != nil {
					t.Fatal(err)
				}
				select {
				case <-handled:
				default:
					t.Error("a message was not handled that had not expired")
				}
				page, err := transporttest.ListFailed(t.Context(), tr, symphony.MessageQuery{Limit: 10, MessageFilter: symphony.MessageFilter{Type: "Expiring"}})
				if err != nil || len(page.Messages) != 1 || len(page.Messages[0].Attempts) != 1 {
					t.Fatalf("got %+v, %v", page, err)
				}
				nearly(t, "the begin of the attempt", page.Messages[0].Attempts[0].StartedAt, time.Now())
				nearly(t, "the end of the attempt", page.Messages[0].Attempts[0].FinishedAt, time.Now())
			})

			t.Run("retry of all that failed until now", func(t *testing.T) {
				const n = 5
				fail := func(n int) {
					t.Helper()
					for _, d := range take(t, tr, n, symphony.ReceiveOptions{Queues: []string{"f"}}) {
						if errs := tr.Settle(t.Context(), []symphony.Settlement{{Lease: d.Lease, Outcome: symphony.Fail}}); errs != nil {
							t.Fatal(errs)
						}
					}
				}
				for i := range n {
					if _, err := bus.Dispatch(t.Context(), "Failing", struct{}{}, symphony.DispatchOptions{Queue: "f", Metadata: map[string]any{"n": fmt.Sprint(i)}}); err != nil {
						t.Fatal(err)
					}
				}
				fail(n)
				dead, err := bus.Failed(tr.Name())
				if err != nil {
					t.Fatal(err)
				}
				before := 0
				done, err := operation.Do(t.Context(), dead, operation.Request{Kind: operation.FailedRetry, Filter: &symphony.MessageFilter{Queue: "f"}}, func(done int) {
					if again := done - before; again > 0 && done <= 3*n {
						before = done
						fail(again) // they fail again at once
					}
				})
				if err != nil || done != n {
					t.Errorf("%d messages were retried, %v; want the %d that had failed before", done, err, n)
				}
				ops, err := operation.New(bus, operation.Options{Clock: clock, Logger: slog.New(slog.DiscardHandler)})
				if err != nil {
					t.Fatal(err)
				}
				op, err := ops.Start(t.Context(), operation.Request{Kind: operation.FailedDelete, Transport: tr.Name(), Filter: &symphony.MessageFilter{Queue: "f"}})
				if err != nil {
					t.Fatal(err)
				}
				nearly(t, "the begin of an operation", op.CreatedAt, time.Now())
			})

			t.Run("minutes of metrics", func(t *testing.T) {
				r, err := metrics.New(tr, metrics.Options{Clock: clock, Logger: slog.New(slog.DiscardHandler)})
				if err != nil {
					t.Fatal(err)
				}
				r.MessagesDispatched([]*symphony.Envelope{{Type: "Counted", Transport: tr.Name(), Queue: "q"}}, []symphony.Receipt{{ID: "x"}})
				report, err := r.Query(t.Context(), metrics.Query{From: time.Now().Add(-slack), To: time.Now().Add(slack)})
				if err != nil || report.Total.Dispatched != 1 {
					t.Errorf("got %+v, %v; want one message in these minutes", report.Total, err)
				}
			})
		})
	}
}
