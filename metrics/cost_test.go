package metrics_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/metrics"
	"github.com/symphony-messenger/symphony/symphonytest"
	"github.com/symphony-messenger/symphony/transport/sqlite"
	"github.com/symphony-messenger/symphony/worker"
)

// BenchmarkCost dispatches messages in batches and drains them with handlers that do nothing, counted and not: what
// counting costs where nothing else takes time.
func BenchmarkCost(b *testing.B) {
	for _, kind := range []struct {
		name string
		open func(b *testing.B) (symphony.Transport, error)
	}{
		{"temporary", func(b *testing.B) (symphony.Transport, error) {
			return sqlite.OpenTemporary(b.Context(), sqlite.Options{})
		}},
		{"sqlite", func(b *testing.B) (symphony.Transport, error) {
			return sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "queue.db"), sqlite.Options{Logger: quiet})
		}},
	} {
		for _, counted := range []bool{false, true} {
			b.Run(fmt.Sprintf("%s/counted=%t", kind.name, counted), func(b *testing.B) {
				tr, err := kind.open(b)
				if err != nil {
					b.Fatal(err)
				}
				b.Cleanup(func() { tr.Close() })
				var observer symphony.Observer
				if counted {
					if observer, err = metrics.New(symphonytest.Storage(b, sqlite.Options{}), metrics.Options{Logger: quiet}); err != nil {
						b.Fatal(err)
					}
				}
				bus, err := symphony.NewBus([]symphony.Transport{tr}, symphony.BusOptions{Observer: observer})
				if err != nil {
					b.Fatal(err)
				}
				mux := symphony.NewMux()
				mux.HandleFunc("noop", func(context.Context, *symphony.Delivery) error { return nil })
				w, err := worker.New(tr, mux, worker.Options{StopWhenEmpty: true, Observer: observer, Logger: quiet})
				if err != nil {
					b.Fatal(err)
				}
				b.ReportAllocs()
				b.ResetTimer()
				for left := b.N; left > 0; left -= symphony.MaxBatch {
					batch := make([]symphony.Outgoing, min(left, symphony.MaxBatch))
					for i := range batch {
						batch[i].Message = symphony.Message{Type: "noop", Payload: []byte(`{"n":1}`)}
					}
					if _, err := bus.DispatchBatch(b.Context(), batch); err != nil {
						b.Fatal(err)
					}
				}
				if report, err := w.Run(b.Context()); err != nil || report.Succeeded != int64(b.N) {
					b.Fatalf("%+v, %v; want %d successes", report, err, b.N)
				}
			})
		}
	}
}

// BenchmarkQuery reads the figures of one process with ten types.
func BenchmarkQuery(b *testing.B) {
	clock := newClock()
	store, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "queue.db"), sqlite.Options{Logger: quiet})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { store.Close() })
	r, err := metrics.New(store, metrics.Options{Clock: clock, Logger: quiet})
	if err != nil {
		b.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	const minutes = 7 * 24 * 60
	for minute := range minutes {
		if last := minutes - 180; minute < last && minute%60 != 0 { // what is old is read by the hour
			clock.Advance(time.Minute)
			continue
		}
		for i := range 1000 {
			r.AttemptsEnded([]symphony.EndedAttempt{attempt(fmt.Sprint("type", i%10), symphony.Ack, time.Duration(5e6*math.Exp(random.NormFloat64())), time.Duration(1e6*math.Exp(2*random.NormFloat64())))})
		}
		clock.Advance(time.Minute)
		if err := r.Flush(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	for _, span := range []time.Duration{5 * time.Minute, time.Hour, minutes * time.Minute} {
		b.Run(span.String(), func(b *testing.B) {
			for b.Loop() {
				if _, err := r.Query(b.Context(), metrics.Query{From: clock.Now().Add(-span), To: clock.Now()}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
