package worker_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/worker"
)

func TestRun_gathers_batches_and_flushes_them_when_idle_and_when_it_stops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		var (
			mu    sync.Mutex
			sizes []int
			total int
		)
		f.mux.HandleBatch("Order", symphony.BatchOptions{Size: 20, Wait: time.Hour}, func(_ context.Context, batch []*symphony.Delivery) []error {
			mu.Lock()
			defer mu.Unlock()
			sizes, total = append(sizes, len(batch)), total+len(batch)
			return nil
		})
		f.dispatch("Order", 105)
		report := f.runDry(worker.Options{Concurrency: 20})
		if report.Succeeded != 105 || total != 105 || len(sizes) > 12 {
			t.Errorf("%d succeeded in batches of %v, want 105 in few batches", report.Succeeded, sizes)
		}
	})
}
