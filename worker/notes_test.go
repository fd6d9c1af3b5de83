package worker_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/worker"
)

// What handlers leave and tell is with their messages once the worker has ended, however fast they were.
func TestWorker_stores_what_handlers_leave_and_tell(t *testing.T) {
	f := newFixture(t)
	f.mux.KeepLogs("Kept")
	f.mux.HandleFunc("*", func(ctx context.Context, d *symphony.Delivery) error {
		symphony.Progress(ctx, 1, 2, d.Type)
		for i := range 300 {
			symphony.Log(ctx, fmt.Sprint(i))
		}
		symphony.Progress(ctx, 2, 2, d.Type)
		if d.Type == "Bad" {
			return symphony.Permanent(errors.New("bad"))
		}
		return symphony.SetOutput(ctx, d.Type)
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
	}{"Plain": {`"Plain"`, 0, 0}, "Kept": {`"Kept"`, symphony.MaxLogLines, 0}, "Bad": {"", 0, symphony.MaxLogLines}} {
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
		if p := m.Progress; p == nil || p.Done != 2 || p.Total != 2 || p.Text != typ {
			t.Errorf("%s: progress %+v", typ, p)
		}
	}
}
