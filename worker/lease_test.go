package worker_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/worker"
)

const lease = 10 * time.Second

func TestHeartbeat_keeps_a_long_handler_leased(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.mux.HandleFunc("*", func(ctx context.Context, _ *symphony.Delivery) error {
			select {
			case <-time.After(10 * lease):
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		})
		f.dispatch("Order", 1)
		stop := f.start(f.worker(worker.Options{Lease: lease, HandlerTimeout: worker.NoTimeout}))
		for range 18 {
			<-time.After(lease / 2)
			if got := f.receive(); len(got) > 0 {
				t.Fatal("somebody else got the message while its handler ran")
			}
		}
		<-time.After(2 * lease)
		stop()
		if s := f.stats(); s.Completed != 1 {
			t.Errorf("left %+v, want it completed", s.QueueStats)
		}
	})
}

func TestLostLease_ends_the_handler_and_drops_its_result(t *testing.T) {
	for name, extend := range map[string]error{"refused": symphony.ErrLeaseLost, "storage away": errStorage} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				cause := make(chan error, 1)
				f.mux.HandleFunc("*", func(ctx context.Context, d *symphony.Delivery) error {
					if d.Attempt > 1 {
						return nil
					}
					<-ctx.Done()
					cause <- context.Cause(ctx)
					return nil // a success that must not count
				})
				f.dispatch("Order", 1)
				fail(&f.tr.extend, extend)
				stop := f.start(f.worker(worker.Options{Lease: lease, HandlerTimeout: worker.NoTimeout}))
				if err := <-cause; !errors.Is(err, symphony.ErrLeaseLost) {
					t.Errorf("the handler's context ended with %v, want ErrLeaseLost", err)
				}
				<-time.After(2 * lease)
				stop()
				if s := f.stats(); s.Completed != 1 || s.Depth() != 0 {
					t.Errorf("left %+v, want it completed by the second delivery", s.QueueStats)
				}
			})
		})
	}
}

func TestLostLease_of_a_buffered_message_is_not_started(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		var handled []int
		f.mux.HandleFunc("*", func(_ context.Context, d *symphony.Delivery) error {
			handled = append(handled, d.Attempt)
			if len(handled) == 1 {
				<-time.After(2 * lease)
			}
			return nil
		})
		f.dispatch("Order", 2)
		fail(&f.tr.extend, errStorage)
		stop := f.start(f.worker(worker.Options{Lease: lease, Concurrency: 1, BatchSize: 2, HandlerTimeout: worker.NoTimeout}))
		<-time.After(lease + time.Second)
		mend(&f.tr.extend)
		<-time.After(4 * lease)
		stop()
		// The first delivery of the second message was never started, so its handler sees the second one only.
		if s := f.stats(); s.Completed != 2 {
			t.Errorf("left %+v", s.QueueStats)
		}
		if len(handled) != 3 || handled[0] != 1 || handled[1] != 2 || handled[2] != 2 {
			t.Errorf("handled attempts %v, want 1, then both messages again as 2", handled)
		}
	})
}

func TestGrace(t *testing.T) {
	tests := map[string]struct {
		handler   time.Duration
		interrupt bool
		options   worker.Options
		reason    worker.StopReason
	}{
		"a handler that needs less is not cut short by the time limit": {8 * time.Second, false, worker.Options{TimeLimit: time.Second, Grace: 10 * time.Second}, worker.TimeLimit},
		"a handler that needs more is interrupted and given back":      {time.Hour, true, worker.Options{TimeLimit: time.Second, Grace: 10 * time.Second}, worker.TimeLimit},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				var cause error
				f.mux.HandleFunc("*", func(ctx context.Context, _ *symphony.Delivery) error {
					select {
					case <-time.After(test.handler):
						return nil
					case <-ctx.Done():
						cause = context.Cause(ctx)
						return ctx.Err()
					}
				})
				f.dispatch("Order", 1)
				begin := time.Now()
				test.options.HandlerTimeout = worker.NoTimeout
				report, err := f.worker(test.options).Run(context.Background())
				if err != nil || report.Reason != test.reason {
					t.Fatalf("got %+v, %v", report, err)
				}
				s := f.stats()
				if !test.interrupt {
					if s.Completed != 1 || cause != nil {
						t.Errorf("left %+v, context ended with %v; want it completed", s.QueueStats, cause)
					}
					return
				}
				if !errors.Is(cause, symphony.ErrInterrupted) || time.Since(begin).Round(time.Second) != 11*time.Second {
					t.Errorf("interrupted by %v after %s, want ErrInterrupted after 11 s", cause, time.Since(begin))
				}
				if got := f.receive(); len(got) != 1 || got[0].Attempt != 1 {
					t.Errorf("got %v, want the message back with no attempt counted", got)
				}
			})
		})
	}
}

func TestStorage_away_for_a_while(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		handled := 0
		f.mux.HandleFunc("*", func(context.Context, *symphony.Delivery) error { handled++; return nil })
		fail(&f.tr.receive, errStorage)
		fail(&f.tr.settle, errStorage)
		f.dispatch("Order", 1)
		stop := f.start(f.worker(worker.Options{}))
		<-time.After(20 * time.Second)
		if handled != 0 {
			t.Fatal("handled a message that could not be claimed")
		}
		mend(&f.tr.receive)
		<-time.After(20 * time.Second)
		if s := f.stats(); handled != 1 || s.Processing != 1 {
			t.Fatalf("handled %d, left %+v; want it handled and not settled", handled, s.QueueStats)
		}
		mend(&f.tr.settle)
		<-time.After(20 * time.Second)
		stop()
		if s := f.stats(); handled != 1 || s.Completed != 1 {
			t.Errorf("handled %d, left %+v; want the one result stored", handled, s.QueueStats)
		}
	})
}

func TestPoison_message_runs_out_of_attempts_without_being_run_again(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.mux.HandleFunc("*", func(context.Context, *symphony.Delivery) error {
			t.Error("handled a message that had killed its workers")
			return nil
		})
		f.dispatch("Order", 1)
		for range symphony.DefaultMaxRetries + 1 { // workers that die with the message in hand
			if got := f.receive(); len(got) != 1 {
				t.Fatalf("got %d messages", len(got))
			}
			<-time.After(symphony.DefaultLease)
		}
		f.runUntilEmpty(worker.Options{})
		failed := f.failed()
		if len(failed) != 1 || failed[0].ErrorClass != symphony.LostClass || len(failed[0].Attempts) != symphony.DefaultMaxRetries+2 {
			t.Errorf("got %+v", failed)
		}
	})
}
