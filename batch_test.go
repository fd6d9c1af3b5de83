package symphony_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/symphony-messenger/symphony"
)

// runBatch runs messages, each after a pause, and returns their errors and how long each took.
func runBatch(mux *symphony.Mux, pauses ...time.Duration) (errs []error, took []time.Duration) {
	errs, took = make([]error, len(pauses)), make([]time.Duration, len(pauses))
	var all sync.WaitGroup
	for i, pause := range pauses {
		<-time.NewTimer(pause).C
		began := time.Now()
		all.Go(func() {
			d := &symphony.Delivery{Envelope: symphony.Envelope{ID: fmt.Sprint(i), Type: "Mail", Payload: json.RawMessage(fmt.Sprintf(`{"n":%d}`, i))}}
			errs[i] = mux.Run(context.Background(), d, time.Minute).Err
			took[i] = time.Since(began)
		})
	}
	all.Wait()
	return errs, took
}

func TestBatchesAreBoundedBySizeWaitAndIdle(t *testing.T) {
	tests := []struct {
		name   string
		o      symphony.BatchOptions
		pauses []time.Duration
		want   [][]int // the messages of each batch
		took   time.Duration
	}{
		{"size", symphony.BatchOptions{Size: 2}, []time.Duration{0, time.Millisecond, time.Millisecond, time.Millisecond}, [][]int{{0, 1}, {2, 3}}, time.Millisecond},
		{"idle", symphony.BatchOptions{Idle: 30 * time.Millisecond}, []time.Duration{0, 20 * time.Millisecond, 20 * time.Millisecond}, [][]int{{0, 1, 2}}, 70 * time.Millisecond},
		{"a pause that is too long", symphony.BatchOptions{Idle: 30 * time.Millisecond}, []time.Duration{0, 50 * time.Millisecond}, [][]int{{0}, {1}}, 30 * time.Millisecond},
		{"wait", symphony.BatchOptions{Idle: time.Minute, Wait: 2 * time.Second}, []time.Duration{0, time.Second, 1500 * time.Millisecond}, [][]int{{0, 1}, {2}}, 2 * time.Second},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				mux := symphony.NewMux()
				var (
					mu  sync.Mutex
					got [][]int
				)
				symphony.HandleBatchOf(mux, "Mail", test.o, func(_ context.Context, batch []struct{ N int }) []error {
					var list []int
					for _, m := range batch {
						list = append(list, m.N)
					}
					mu.Lock()
					defer mu.Unlock()
					got = append(got, list)
					return nil
				})
				errs, took := runBatch(mux, test.pauses...)
				if diff := cmp.Diff(test.want, got, sortedInts()); diff != "" {
					t.Errorf("batches (-want +got)\n%s", diff)
				}
				if took[0] != test.took || errors.Join(errs...) != nil {
					t.Errorf("the first took %s, want %s; errors %v", took[0], test.took, errs)
				}
			})
		})
	}
}

// sortedInts compares batches whatever the order in which their messages came together.
func sortedInts() cmp.Option {
	return cmp.Transformer("set", func(list []int) map[int]bool {
		set := make(map[int]bool)
		for _, n := range list {
			set[n] = true
		}
		return set
	})
}

func TestEachMessageOfABatchHasItsOwnResult(t *testing.T) {
	errOdd := errors.New("odd")
	tests := []struct {
		name string
		f    func(context.Context, []*symphony.Delivery) []error
		want func(i int, err error) bool
	}{
		{"all succeed", func(context.Context, []*symphony.Delivery) []error { return nil }, func(_ int, err error) bool { return err == nil }},
		{"some fail", func(_ context.Context, batch []*symphony.Delivery) []error {
			errs := make([]error, len(batch))
			for i, d := range batch {
				if d.ID == "1" || d.ID == "3" {
					errs[i] = errOdd
				}
			}
			return errs
		}, func(i int, err error) bool { return errors.Is(err, errOdd) == (i%2 == 1) }},
		{"a panic", func(context.Context, []*symphony.Delivery) []error { panic("boom") }, func(_ int, err error) bool {
			var p *symphony.PanicError
			return errors.As(err, &p) && p.Value == "boom"
		}},
		{"too few results", func(context.Context, []*symphony.Delivery) []error { return []error{errOdd} }, func(_ int, err error) bool { return err != nil && !errors.Is(err, errOdd) }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				mux := symphony.NewMux()
				mux.HandleBatch("Mail", symphony.BatchOptions{Size: 4}, test.f)
				errs, _ := runBatch(mux, 0, 0, 0, 0)
				for i, err := range errs {
					if !test.want(i, err) {
						t.Errorf("message %d: %v", i, err)
					}
				}
			})
		})
	}
}

func TestAPayloadThatDoesNotDecodeFailsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mux := symphony.NewMux()
		handled := 0
		symphony.HandleBatchOf(mux, "Mail", symphony.BatchOptions{Size: 2}, func(_ context.Context, batch []struct{ N uint8 }) []error {
			handled += len(batch)
			return nil
		})
		var all sync.WaitGroup
		var errs [2]error
		for i, payload := range []string{`{"n":1}`, `{"n":-1}`} {
			all.Go(func() {
				errs[i] = mux.Run(t.Context(), &symphony.Delivery{Envelope: symphony.Envelope{Type: "Mail", Payload: json.RawMessage(payload)}}, 0).Err
			})
		}
		all.Wait()
		var undecodable *symphony.DecodeError
		if handled != 1 || errs[0] != nil || !errors.As(errs[1], &undecodable) {
			t.Errorf("%d handled, errors %v", handled, errs)
		}
	})
}

func TestAMessageThatIsLostWhileABatchGathersIsLeftOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mux := symphony.NewMux()
		var got []string
		mux.HandleBatch("Mail", symphony.BatchOptions{Idle: time.Second}, func(_ context.Context, batch []*symphony.Delivery) []error {
			for _, d := range batch {
				got = append(got, d.ID)
			}
			return nil
		})
		lost, lose := context.WithCancelCause(t.Context())
		var all sync.WaitGroup
		run := func(ctx context.Context, id string, want error) {
			all.Go(func() {
				d := &symphony.Delivery{Envelope: symphony.Envelope{ID: id, Type: "Mail", Payload: json.RawMessage(`{}`)}}
				if err := mux.Run(ctx, d, 0).Err; !errors.Is(err, want) {
					t.Errorf("%s: %v, want %v", id, err, want)
				}
			})
		}
		run(lost, "lost", symphony.ErrLeaseLost)
		run(t.Context(), "kept", nil)
		synctest.Wait()
		lose(symphony.ErrLeaseLost)
		all.Wait()
		if diff := cmp.Diff([]string{"kept"}, got); diff != "" {
			t.Errorf("batch (-want +got)\n%s", diff)
		}
	})
}

func TestABatchEndsWhenItsMessagesHaveEnded(t *testing.T) {
	for name, cause := range map[string]error{"interrupted": symphony.ErrInterrupted, "lost": symphony.ErrLeaseLost} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				mux := symphony.NewMux()
				mux.HandleBatch("Mail", symphony.BatchOptions{Size: 2}, func(ctx context.Context, batch []*symphony.Delivery) []error {
					<-ctx.Done()
					return []error{context.Cause(ctx), context.Cause(ctx)}
				})
				ctx, end := context.WithCancelCause(t.Context())
				var all sync.WaitGroup
				for range 2 {
					all.Go(func() {
						d := &symphony.Delivery{Envelope: symphony.Envelope{Type: "Mail", Payload: json.RawMessage(`{}`)}}
						if err := mux.Run(ctx, d, 0).Err; !errors.Is(err, cause) {
							t.Errorf("got %v, want %v", err, cause)
						}
					})
				}
				synctest.Wait()
				end(cause)
				all.Wait()
			})
		})
	}
}

func TestHandleBatchPanicsOnMistakes(t *testing.T) {
	f := func(context.Context, []*symphony.Delivery) []error { return nil }
	for name, register := range map[string]func(*symphony.Mux){
		"no handler": func(m *symphony.Mux) { m.HandleBatch("Mail", symphony.BatchOptions{}, nil) },
		"pattern":    func(m *symphony.Mux) { m.HandleBatch("a*b", symphony.BatchOptions{}, f) },
		"size":       func(m *symphony.Mux) { m.HandleBatch("Mail", symphony.BatchOptions{Size: -1}, f) },
		"wait":       func(m *symphony.Mux) { m.HandleBatch("Mail", symphony.BatchOptions{Wait: -1}, f) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			register(symphony.NewMux())
		})
	}
}

func ExampleMux_HandleBatch() {
	mux := symphony.NewMux()
	mux.HandleBatch("Event", symphony.BatchOptions{Size: 500}, func(_ context.Context, batch []*symphony.Delivery) []error {
		fmt.Printf("store %d events in one statement\n", len(batch))
		return nil // all succeeded
	})
	mux.Run(context.Background(), &symphony.Delivery{Envelope: symphony.Envelope{Type: "Event", Payload: json.RawMessage(`{}`)}}, time.Minute)
	// Output: store 1 events in one statement
}
