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

// What a batch handler leaves and tells of one message is that message's, in the order in which it has them.
func TestEachMessageOfABatchLeavesItsOwnOutput(t *testing.T) {
	type mail struct{ N uint8 }
	leave := func(ctx context.Context, i int, m mail) error {
		of := symphony.OfBatch(ctx, i)
		symphony.Progress(of, int64(m.N), 10, "")
		symphony.Logger(of).Info("a line", "n", m.N)
		if id := symphony.DeliveryFrom(of).ID; id != fmt.Sprint(m.N) {
			t.Errorf("the context of message %d is that of %s", m.N, id)
		}
		if err := symphony.SetOutput(of, m.N*2); err != nil {
			return err
		}
		if m.N == 3 {
			return errors.New("no")
		}
		return nil
	}
	whole := func(ctx context.Context) {
		if err := symphony.SetOutput(ctx, 1); err == nil || symphony.DeliveryFrom(ctx) != nil {
			t.Errorf("an output of a whole batch: %v", err)
		}
		symphony.Progress(ctx, 1, 1, "of the whole")
	}
	for name, register := range map[string]func(*symphony.Mux){
		"deliveries": func(mux *symphony.Mux) {
			o := symphony.BatchOptions{Size: 5}
			mux.HandleBatch("Mail", o, func(ctx context.Context, batch []*symphony.Delivery) []error {
				whole(ctx)
				errs := make([]error, len(batch))
				for i, d := range batch {
					var m mail
					if errs[i] = json.Unmarshal(d.Payload, &m); errs[i] == nil {
						errs[i] = leave(ctx, i, m)
					}
				}
				return errs
			})
		},
		"payloads": func(mux *symphony.Mux) {
			o := symphony.BatchOptions{Size: 5}
			symphony.HandleBatchOf(mux, "Mail", o, func(ctx context.Context, batch []mail) []error {
				whole(ctx)
				errs := make([]error, len(batch))
				for i, m := range batch {
					errs[i] = leave(ctx, i, m)
				}
				return errs
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				mux := symphony.NewMux()
				register(mux)
				var mu sync.Mutex
				told := map[string]string{}
				ctx := symphony.Reporting(t.Context(), 100, func(n symphony.Note) {
					mu.Lock()
					defer mu.Unlock()
					if told[n.Lease.MessageID] += fmt.Sprintf("%d lines", len(n.Log)); n.Progress != nil {
						told[n.Lease.MessageID] += fmt.Sprintf(", %d of %d, ", n.Progress.Done, n.Progress.Total)
					}
				})
				results := make([]symphony.Result, 5)
				var all sync.WaitGroup
				for i, payload := range []string{`{"n":0}`, `{"n":-1}`, `{"n":2}`, `{"n":3}`, `{"n":4}`} {
					d := &symphony.Delivery{Lease: symphony.Lease{MessageID: fmt.Sprint(i)},
						Envelope: symphony.Envelope{
							ID: fmt.Sprint(i), Type: "Mail", Payload: json.RawMessage(payload)}}
					all.Go(func() { results[i] = mux.Run(ctx, d, time.Minute) })
					synctest.Wait()
				}
				all.Wait()
				var outputs []string
				for _, r := range results {
					outputs = append(outputs, string(r.Output))
				}
				if diff := cmp.Diff([]string{"0", "", "4", "", "8"}, outputs); diff != "" {
					t.Errorf("outputs (-want +got)\n%s", diff)
				}
				want := map[string]string{}
				for _, n := range []int{0, 2, 3, 4} {
					want[fmt.Sprint(n)] = fmt.Sprintf("0 lines, %d of 10, 1 lines", n)
				}
				if diff := cmp.Diff(want, told); diff != "" {
					t.Errorf("told (-want +got)\n%s", diff)
				}
			})
		})
	}
}

// One message of a batch that is cancelled ends its own context, and not that of the others.
func TestTheContextOfOneMessageOfABatchEndsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mux := symphony.NewMux()
		begun := make(chan struct{})
		size := symphony.BatchOptions{Size: 2}
		mux.HandleBatch("Mail", size, func(ctx context.Context, _ []*symphony.Delivery) []error {
			close(begun)
			<-symphony.OfBatch(ctx, 0).Done()
			first, whole := context.Cause(symphony.OfBatch(ctx, 0)), context.Cause(ctx)
			if !errors.Is(first, symphony.ErrCancelled) || whole != nil || symphony.OfBatch(ctx, 1).Err() != nil {
				t.Errorf("the first one's context ended by %v, that of the batch by %v", first, whole)
			}
			return nil
		})
		cancelled, cancel := context.WithCancelCause(t.Context())
		var all sync.WaitGroup
		for _, ctx := range []context.Context{cancelled, t.Context()} {
			all.Go(func() { mux.Run(ctx, &symphony.Delivery{Envelope: symphony.Envelope{Type: "Mail"}}, 0) })
			synctest.Wait()
		}
		<-begun
		cancel(symphony.ErrCancelled)
		all.Wait()
	})
	if ctx := symphony.OfBatch(t.Context(), 7); ctx != t.Context() {
		t.Error("outside of a batch handler it is another context")
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
