package sqlite_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/symphonytest/testclock"
	"github.com/symphony-messenger/symphony/transport/sqlite"
)

// crashed is a copy of a database's files as a crash would leave them.
func crashed(t *testing.T, path string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "crashed.db")
	for _, suffix := range []string{"", "-wal"} {
		raw, err := os.ReadFile(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to+suffix, raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return to
}

// After a crash a lease by a worker elsewhere goes on with the time that remained when anything was written last, whatever
// the machine's clock says by then and however long nobody was there.
func TestLeases_outlive_a_crash(t *testing.T) {
	ctx := context.Background()
	start := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct{ away, set time.Duration }{
		"back at once":                        {0, 0},
		"back after an hour":                  {time.Hour, 0},
		"back with a clock that was set":      {time.Minute, 24 * time.Hour},
		"back with a clock that was set back": {time.Minute, -24 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			clock := testclock.New(start)
			o := sqlite.Options{Clock: clock, Logger: slog.New(slog.DiscardHandler)}
			path := filepath.Join(t.TempDir(), "queue.db")
			tr := open(t, path, o)
			bus := newBus(t, tr)
			dispatch(t, bus, "Order", `{}`, symphony.DispatchOptions{})
			got, err := tr.Receive(ctx, symphony.ReceiveOptions{Lease: time.Minute, Apart: true})
			if err != nil || len(got) != 1 {
				t.Fatalf("received %d, %v", len(got), err)
			}
			clock.Advance(50 * time.Second)
			ready := dispatch(t, bus, "Order", `{}`, symphony.DispatchOptions{}) // writes where time stands
			copied := crashed(t, path)
			clock.Advance(test.away)
			clock.Step(test.set)

			tr = open(t, copied, o)
			clock.Advance(10*time.Second - time.Millisecond)
			others, err := tr.Receive(ctx, symphony.ReceiveOptions{Max: 10})
			if err != nil || len(others) != 1 || others[0].ID != ready.ID {
				t.Fatalf("others received %+v, %v; want the one message that was ready", others, err)
			}
			if errs := tr.Settle(ctx, []symphony.Settlement{{Lease: got[0].Lease, Outcome: symphony.Ack}}); errs != nil {
				t.Errorf("acking what the lease is for: %v", errs)
			}
			if st, err := tr.Stats(ctx); err != nil || st.Completed != 1 || st.Processing != 1 {
				t.Errorf("got %+v, %v; want one message completed and one in hand", st, err)
			}
		})
	}
}

// While a worker elsewhere holds a lease, where time stands is written now and then, although nothing else is.
func TestTime_is_written_while_a_lease_is_held(t *testing.T) {
	ctx := context.Background()
	clock := testclock.New(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))
	o := sqlite.Options{Clock: clock}
	path := filepath.Join(t.TempDir(), "queue.db")
	tr := open(t, path, o)
	dispatch(t, newBus(t, tr), "Order", `{}`, symphony.DispatchOptions{})
	if _, err := tr.Receive(ctx, symphony.ReceiveOptions{Lease: time.Hour, Apart: true}); err != nil {
		t.Fatal(err)
	}
	for range 11 { // 55 minutes
		next := clock.TimerAt(clock.Now().Add(5*time.Minute + 5*time.Second)) // the next beat after this one
		clock.Advance(5 * time.Minute)
		<-next
	}
	tr = open(t, crashed(t, path), o)
	clock.Advance(5*time.Minute - time.Millisecond)
	if got, err := tr.Receive(ctx, symphony.ReceiveOptions{}); err != nil || len(got) != 0 {
		t.Fatalf("received %d before the lease ended, %v", len(got), err)
	}
	clock.Advance(time.Millisecond + 5*time.Second)
	if got, err := tr.Receive(ctx, symphony.ReceiveOptions{}); err != nil || len(got) != 1 {
		t.Errorf("received %d after the lease ended, %v; want the message", len(got), err)
	}
}
