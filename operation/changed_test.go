package operation_test

import (
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/operation"
)

// Who follows an operation is told when it begins, now and then how far it is, when it is stopped and resumed, and of
// its end.
func TestChanged_tells_of_progress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.fail(30, "Mail")
		var mu sync.Mutex
		var told []string
		ops, err := operation.New(f.bus, operation.Options{Logger: slog.New(slog.DiscardHandler), Changed: func(op operation.Operation) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, fmt.Sprint(op.State, " ", op.Done > 0 && op.Done < 30))
		}})
		if err != nil {
			t.Fatal(err)
		}
		op, err := ops.Start(t.Context(), operation.Request{Kind: operation.FailedRetry, Transport: f.tr.Name(), Filter: &symphony.MessageFilter{}, Rate: 1})
		if err != nil {
			t.Fatal(err)
		}
		stop := running(ops)
		<-time.After(12 * time.Second)
		if _, err := ops.Stop(t.Context(), op.ID); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Second)
		if _, err := ops.Resume(t.Context(), op.ID); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Minute)
		stop()
		if len(told) < 6 || len(told) > 16 {
			t.Errorf("told %d times in half a minute: %q", len(told), told)
		}
		var states []string
		for _, s := range told {
			if len(states) == 0 || states[len(states)-1] != s {
				states = append(states, s)
			}
		}
		want := []string{"running false", "running true", "stopped true", "running true", "completed false"}
		if diff := cmp.Diff(want, states); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}
