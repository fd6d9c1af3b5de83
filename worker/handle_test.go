package worker_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/worker"
)

func TestRun_retries_by_the_policy_and_then_fails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.mux.Retry("Order", symphony.Policy{MaxRetries: 2, InitialDelay: 10 * time.Second, Jitter: symphony.NoJitter})
		var at []time.Duration
		begin := time.Now()
		f.handle(func(context.Context, *symphony.Delivery) error {
			at = append(at, time.Since(begin).Round(time.Second))
			return errors.New("no luck")
		})
		ids := f.dispatch("Order", 1)
		w := f.start(worker.Options{Name: "w1"})
		wait(time.Minute)
		report := w.stop(t)
		if diff := cmp.Diff([]time.Duration{0, 10 * time.Second, 30 * time.Second}, at); diff != "" {
			t.Errorf("attempts at other times (-want +got):\n%s", diff)
		}
		if report.Failed != 3 || report.Processed != 3 || report.Succeeded != 0 {
			t.Errorf("reported %+v, want three failed attempts", report.Counts)
		}
		failed := f.failed()
		if len(failed) != 1 {
			t.Fatalf("%d failed messages, want 1", len(failed))
		}
		attempt := func(n int, retryAt time.Time) symphony.Attempt {
			return symphony.Attempt{Number: n, Worker: "w1", Error: "no luck", ErrorClass: "error", RetryAt: retryAt}
		}
		want := symphony.MessageInfo{Status: symphony.Failed, Error: "no luck", ErrorClass: "error", Deliveries: 3, MaxRetries: 2,
			Attempts: []symphony.Attempt{attempt(1, begin.Add(10*time.Second)), attempt(2, begin.Add(30*time.Second)), attempt(3, time.Time{})}}
		ignore := cmp.Options{
			cmpopts.IgnoreFields(symphony.MessageInfo{}, "FailedID", "Envelope", "FinishedAt", "FailureGroup"),
			cmpopts.IgnoreFields(symphony.Attempt{}, "StartedAt", "FinishedAt")}
		if diff := cmp.Diff(want, failed[0], ignore); diff != "" || failed[0].ID != ids[0] {
			t.Errorf("failed message differs (-want +got):\n%s", diff)
		}
	})
}

func TestRun_retries_as_the_message_says(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.mux.Retry("Order", symphony.Policy{MaxRetries: 9, Jitter: symphony.NoJitter})
		begin, at := time.Now(), []time.Duration(nil)
		f.handle(func(ctx context.Context, _ *symphony.Delivery) error {
			at = append(at, time.Since(begin).Round(time.Second))
			<-ctx.Done()
			return ctx.Err()
		})
		_, err := f.bus.Dispatch(t.Context(), "Order", struct{}{}, symphony.DispatchOptions{
			MaxRetries: new(2), RetryDelay: []time.Duration{10 * time.Second, time.Minute}, Timeout: 5 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		w := f.start(worker.Options{Name: "w1"})
		wait(2 * time.Minute)
		w.stop(t)
		if diff := cmp.Diff([]time.Duration{0, 15 * time.Second, 80 * time.Second}, at); diff != "" {
			t.Errorf("attempts at other times (-want +got):\n%s", diff)
		}
		if failed := f.failed(); len(failed) != 1 || failed[0].MaxRetries != 2 || failed[0].ErrorClass != "timeout" {
			t.Errorf("failed: %+v", failed)
		}
	})
}

func TestRun_fails_what_cannot_be_handled(t *testing.T) {
	tests := map[string]struct {
		handler  func(ctx context.Context, d *symphony.Delivery) error // nil: none
		class    string
		attempts int
	}{
		"no handler":         {nil, "no_handler", 1},
		"a permanent error":  {func(context.Context, *symphony.Delivery) error { return symphony.Permanent(errors.New("never")) }, "error", 1},
		"undecodable":        {func(context.Context, *symphony.Delivery) error { return &symphony.DecodeError{Err: errors.New("bad")} }, "undecodable", 1},
		"an error each time": {func(context.Context, *symphony.Delivery) error { return errors.New("no") }, "error", 2},
		"a panic each time":  {func(context.Context, *symphony.Delivery) error { panic("oh") }, "panic", 2},
		"a timeout each time": {func(ctx context.Context, _ *symphony.Delivery) error {
			<-ctx.Done()
			return ctx.Err()
		}, "timeout", 2},
		"a handler that ends its goroutine": {func(context.Context, *symphony.Delivery) error {
			runtime.Goexit()
			return nil
		}, "error", 2},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				if test.handler != nil {
					f.handle(test.handler)
				}
				f.dispatch("Order", 1)
				w := f.start(worker.Options{Concurrency: 1, Policy: symphony.Policy{MaxRetries: 1}, HandlerTimeout: time.Second})
				wait(time.Minute)
				report := w.stop(t)
				failed := f.failed()
				if len(failed) != 1 || failed[0].ErrorClass != test.class || len(failed[0].Attempts) != test.attempts {
					t.Fatalf("failed messages %+v, want one of class %q after %d attempts", failed, test.class, test.attempts)
				}
				if report.Failed != int64(test.attempts) {
					t.Errorf("reported %+v, want %d failed", report.Counts, test.attempts)
				}
			})
		})
	}
}

func TestRun_logs_the_stack_of_a_panic(t *testing.T) {
	f := newFixture(t)
	f.handle(func(context.Context, *symphony.Delivery) error { panic("oh") })
	ids := f.dispatch("Order", 1)
	f.runDry(worker.Options{Policy: symphony.Policy{MaxRetries: symphony.NoRetries}})
	if n := f.log.count("handler panicked", ids[0], "handle_test.go"); n != 1 {
		t.Errorf("%d log lines with the stack, want 1", n)
	}
}

// A line about a failure leads to the message, and repeats nothing of what others wrote into the error.
func TestRun_logs_failures_with_what_leads_to_the_message(t *testing.T) {
	for name, test := range map[string]struct {
		err  error
		want string
	}{
		"an error":          {errors.New("the mail server is down"), `error="the mail server is down"`},
		"its first line":    {errors.New("down\nsecret"), "error=down…"},
		"not all of it":     {errors.New(strings.Repeat("a", 300)), "error=" + strings.Repeat("a", 200) + "…"},
		"no answer's body":  {symphony.Permanent(quotingError{}), "error=refused"},
		"nor one it wraps":  {fmt.Errorf("posting: %w", quotingError{}), "error=refused"},
		"the panic's value": {&symphony.PanicError{Value: "oh"}, `error="panic: oh"`},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.handle(func(context.Context, *symphony.Delivery) error { return test.err })
			id := f.dispatch("Order", 1)[0]
			f.runDry(worker.Options{Policy: symphony.Policy{MaxRetries: symphony.NoRetries}})
			parts := []string{"failed for good", "message_id=" + id, "type=Order", "queue=default", "attempt=1", test.want}
			if n := f.log.count(parts...); n != 1 {
				t.Errorf("%d lines with %q", n, parts)
			}
			if n := f.log.count("secret"); n != 0 {
				t.Errorf("%d lines repeat what others wrote", n)
			}
		})
	}
}

// quotingError is an error that holds what somebody else wrote.
type quotingError struct{}

func (quotingError) Error() string        { return "refused: the secret payload" }
func (quotingError) LogValue() slog.Value { return slog.StringValue("refused") }

func TestRun_acks_after_an_earlier_failure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.handle(func(_ context.Context, d *symphony.Delivery) error {
			if d.Attempt == 1 {
				return symphony.RetryAfter(errors.New("later"), time.Minute)
			}
			return nil
		})
		f.dispatch("Order", 1)
		w := f.start(worker.Options{})
		wait(time.Minute - time.Second)
		if got := w.Snapshot().Counts; got.Processed != 1 || got.Failed != 1 {
			t.Errorf("before the time that the handler asked for: %+v, want one failed attempt", got)
		}
		wait(2 * time.Second)
		if report := w.stop(t); report.Succeeded != 1 || f.stats().Completed != 1 {
			t.Errorf("reported %+v, left %+v; want it completed", report.Counts, f.stats())
		}
	})
}

func TestRun_reruns_only_the_handlers_that_failed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		var runs [2]int
		count := func(i int, fails int) symphony.Handler {
			return symphony.HandlerFunc(func(context.Context, *symphony.Delivery) error {
				if runs[i]++; runs[i] <= fails {
					return errors.New("not yet")
				}
				return nil
			})
		}
		f.mux.Handle("Order", count(0, 0), symphony.HandlerOptions{Name: "mail"})
		f.mux.Handle("Order", count(1, 2), symphony.HandlerOptions{Name: "stock"})
		f.dispatch("Order", 1)
		w := f.start(worker.Options{})
		wait(time.Minute)
		w.stop(t)
		if runs != [2]int{1, 3} || f.stats().Completed != 1 {
			t.Errorf("handlers ran %v times, left %+v; want [1 3] and completed", runs, f.stats())
		}
	})
}

func TestRun_fails_a_message_that_has_killed_its_workers_without_running_it(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.handle(func(context.Context, *symphony.Delivery) error {
			t.Error("it was run once more")
			return nil
		})
		f.dispatch("Order", 1)
		for range symphony.DefaultMaxRetries + 1 { // workers that die with the message in hand
			if got := f.receive(); len(got) != 1 {
				t.Fatalf("got %d messages, want 1", len(got))
			}
			wait(symphony.DefaultLease)
		}
		f.runDry(worker.Options{})
		failed := f.failed()
		if len(failed) != 1 || failed[0].ErrorClass != symphony.LostClass {
			t.Errorf("failed messages %+v, want one of class %q", failed, symphony.LostClass)
		}
	})
}

func TestRun_ends_the_handlers_context_when_it_returns(t *testing.T) {
	for name, timeout := range map[string]time.Duration{"with a timeout": time.Hour, "without": worker.NoTimeout} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			var kept context.Context
			f.handle(func(ctx context.Context, _ *symphony.Delivery) error {
				if ctx.Err() != nil {
					t.Error("the context has ended before the handler")
				}
				if _, ok := ctx.Deadline(); ok != (timeout > 0) {
					t.Errorf("the context has a deadline: %t", ok)
				}
				kept = ctx
				return nil
			})
			f.dispatch("Order", 1)
			f.runDry(worker.Options{HandlerTimeout: timeout})
			if kept.Err() == nil {
				t.Error("the context lives on")
			}
		})
	}
}

type key struct{}

func TestRun_hands_the_values_of_its_context_to_handlers(t *testing.T) {
	f := newFixture(t)
	var got any
	f.handle(func(ctx context.Context, _ *symphony.Delivery) error { got = ctx.Value(key{}); return nil })
	f.dispatch("Order", 1)
	if _, err := f.worker(worker.Options{StopWhenEmpty: true}).Run(context.WithValue(context.Background(), key{}, "value")); err != nil {
		t.Fatal(err)
	}
	if got != "value" {
		t.Errorf("the handler saw %v, want the value", got)
	}
}
