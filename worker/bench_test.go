package worker_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/transport/sqlite"
	"github.com/symphony-messenger/symphony/worker"
)

// BenchmarkDrain empties a queue with handlers that do nothing: what is left is the cost of the worker and its
// transport.
func BenchmarkDrain(b *testing.B) {
	for _, kind := range []struct {
		name string
		open func(b *testing.B) (symphony.Transport, error)
	}{
		{"temporary", func(b *testing.B) (symphony.Transport, error) {
			return sqlite.OpenTemporary(b.Context(), sqlite.Options{})
		}},
		{"sqlite", func(b *testing.B) (symphony.Transport, error) {
			return sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "queue.db"), sqlite.Options{})
		}},
	} {
		for _, concurrency := range []int{1, worker.DefaultConcurrency, 100} {
			b.Run(fmt.Sprintf("%s/%d", kind.name, concurrency), func(b *testing.B) {
				tr, err := kind.open(b)
				if err != nil {
					b.Fatal(err)
				}
				b.Cleanup(func() { tr.Close() })
				bus, err := symphony.NewBus([]symphony.Transport{tr}, symphony.BusOptions{})
				if err != nil {
					b.Fatal(err)
				}
				for left := b.N; left > 0; left -= symphony.MaxBatch {
					batch := make([]symphony.Outgoing, min(left, symphony.MaxBatch))
					for i := range batch {
						batch[i].Message = symphony.Message{Type: "noop", Payload: []byte(`{"n":1}`)}
					}
					if _, err := bus.DispatchBatch(b.Context(), batch); err != nil {
						b.Fatal(err)
					}
				}
				mux := symphony.NewMux()
				mux.HandleFunc("noop", func(context.Context, *symphony.Delivery) error { return nil })
				w, err := worker.New(tr, mux, worker.Options{Concurrency: concurrency, StopWhenEmpty: true})
				if err != nil {
					b.Fatal(err)
				}
				b.ReportAllocs()
				b.ResetTimer()
				report, err := w.Run(b.Context())
				b.StopTimer()
				if err != nil || report.Succeeded != int64(b.N) {
					b.Fatalf("%+v, %v; want %d successes", report, err, b.N)
				}
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
			})
		}
	}
}
