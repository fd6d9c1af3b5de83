package worker_test

import (
	"context"
	"errors"
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

// What a batch handler leaves and tells of each message is stored with that message.
func TestWorker_stores_what_a_batch_leaves_of_each_message(t *testing.T) {
	f := newFixture(t)
	f.mux.KeepLogs("Kept")
	o := symphony.BatchOptions{Size: 3, Wait: time.Minute, Idle: time.Minute}
	f.mux.HandleBatch("*", o, func(ctx context.Context, batch []*symphony.Delivery) []error {
		errs := make([]error, len(batch))
		for i, d := range batch {
			of := symphony.OfBatch(ctx, i)
			symphony.Progress(of, 1, 2, d.Type)
			symphony.Logger(of).Info("handled", "type", d.Type)
			if errs[i] = symphony.SetOutput(of, d.Type); d.Type == "Bad" {
				errs[i] = symphony.Permanent(errors.New("bad"))
			}
		}
		return errs
	})
	ids := make(map[string]string)
	for _, typ := range []string{"Plain", "Kept", "Bad"} {
		r, err := f.bus.Dispatch(t.Context(), typ, struct{}{}, symphony.DispatchOptions{})
		if err != nil {
			t.Fatal(err)
		}
		ids[typ] = r.ID
	}
	w, err := worker.New(f.tr, f.mux, worker.Options{StopWhenEmpty: true, Concurrency: 3})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	for typ, want := range map[string]struct {
		output     string
		log, tried int
	}{"Plain": {`"Plain"`, 0, 0}, "Kept": {`"Kept"`, 1, 0}, "Bad": {"", 0, 1}} {
		m, err := f.bus.Wait(t.Context(), ids[typ])
		if err != nil {
			t.Fatal(err)
		}
		tried := 0
		for _, a := range m.Attempts {
			tried = len(a.Log)
		}
		if string(m.Output) != want.output || len(m.Log) != want.log || tried != want.tried {
			t.Errorf("%s: left %s, %d lines, and %d of a failed attempt", typ, m.Output, len(m.Log), tried)
		}
		if p := m.Progress; p == nil || p.Text != typ {
			t.Errorf("%s: progress %+v", typ, p)
		}
	}
}
