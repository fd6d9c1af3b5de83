package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony/symphonytest/testclock"

	"github.com/google/go-cmp/cmp"
	"github.com/symphony-messenger/symphony"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// sqlOp runs a statement inside the writer's transaction.
type sqlOp struct{ sql string }

func (o sqlOp) rows() int             { return 1 }
func (o sqlOp) apply(w *writer) error { return w.exec(o.sql) }

// failingOp changes something and then fails.
type failingOp struct{ err error }

func (o failingOp) rows() int { return 1 }
func (o failingOp) apply(w *writer) error {
	l, err := w.lane(laneKey{transport: "default", queue: "made by a call that fails"})
	if err != nil {
		return err
	}
	l.next.pending += 1000
	return o.err
}

func openTest(t *testing.T, o Options) (*Transport, *symphony.Bus) {
	t.Helper()
	tr, err := Open(context.Background(), filepath.Join(t.TempDir(), "queue.db"), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tr.Close() })
	bus, err := symphony.NewBus([]symphony.Transport{tr}, symphony.BusOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return tr, bus
}

// A call that cannot be stored must not take those down that share its transaction.
func TestGroupCommit_failure_hits_its_own_call_only(t *testing.T) {
	tr, bus := openTest(t, Options{})
	ctx := context.Background()
	boom := errors.New("boom")
	var wg sync.WaitGroup
	errs := make(chan error, 400)
	for i := range 40 {
		wg.Go(func() {
			for range 10 {
				if i%4 == 0 {
					if err := tr.do(ctx, failingOp{boom}); !errors.Is(err, boom) {
						errs <- fmt.Errorf("failing call got %w", err)
					}
					continue
				}
				if _, err := bus.Dispatch(ctx, "Order", struct{}{}, symphony.DispatchOptions{}); err != nil {
					errs <- err
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		t.Error(err)
	}
	stats, err := tr.Stats(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if stats.Pending != 300 || len(stats.Queues) != 1 {
		t.Errorf("got %d pending in %d queues, want 300 in 1", stats.Pending, len(stats.Queues))
	}
}

// A full disk refuses what does not fit, says so, keeps what was accepted, and works again when there is room.
func TestDiskFull(t *testing.T) {
	tr, bus := openTest(t, Options{})
	ctx := context.Background()
	if err := tr.do(ctx, sqlOp{"PRAGMA max_page_count=60"}); err != nil {
		t.Fatal(err)
	}
	payload := map[string]string{"pad": strings.Repeat("x", 2000)}
	accepted := make(map[string]bool)
	var full error
	for range 500 {
		r, err := bus.Dispatch(ctx, "Order", payload, symphony.DispatchOptions{})
		if err != nil {
			full = err
			break
		}
		accepted[r.ID] = true
	}
	if !errors.Is(full, symphony.ErrUnavailable) || !strings.Contains(full.Error(), "disk is full") {
		t.Fatalf("got %v, want ErrUnavailable that tells of the full disk", full)
	}
	if err := tr.do(ctx, sqlOp{"PRAGMA max_page_count=100000"}); err != nil {
		t.Fatal(err)
	}
	r, err := bus.Dispatch(ctx, "Order", payload, symphony.DispatchOptions{})
	if err != nil {
		t.Fatalf("with room again: %v", err)
	}
	accepted[r.ID] = true
	for {
		got, err := tr.Receive(ctx, symphony.ReceiveOptions{Max: 100})
		if err != nil {
			t.Fatal(err)
		}
		if len(got) == 0 {
			break
		}
		for _, d := range got {
			if !accepted[d.ID] {
				t.Errorf("message %s was refused and is here", d.ID)
			}
			delete(accepted, d.ID)
		}
	}
	if len(accepted) > 0 {
		t.Errorf("%d accepted messages are lost", len(accepted))
	}
}

// After a failed fsync nothing may be acknowledged any more: what a later one makes durable, nobody knows.
func TestFailedSync_stops_the_writer(t *testing.T) {
	tr, bus := openTest(t, Options{})
	ctx := context.Background()
	if err := tr.do(ctx, failingOp{sqlite.ResultIOErrFsync.ToError()}); !errors.Is(err, symphony.ErrUnavailable) {
		t.Fatalf("got %v, want ErrUnavailable", err)
	}
	if _, err := bus.Dispatch(ctx, "Order", struct{}{}, symphony.DispatchOptions{}); !errors.Is(err, symphony.ErrUnavailable) || !strings.Contains(err.Error(), "restart") {
		t.Fatalf("got %v, want ErrUnavailable that asks for a restart", err)
	}
}

// A commit that the disk fails to make durable may be there after a crash, so nobody of its group is told that it is not.
func TestFailedSync_of_a_commit_leaves_the_outcome_unknown(t *testing.T) {
	tr, bus := openTest(t, Options{})
	ctx := context.Background()
	if _, err := bus.Dispatch(ctx, "Order", struct{}{}, symphony.DispatchOptions{}); err != nil {
		t.Fatal(err)
	}
	// The operation runs in the writer, so calls that come meanwhile share the next transaction.
	err := tr.do(ctx, writerOp(func(w *writer) {
		w.commit = func() error { return sqlite.ResultIOErrFsync.ToError() }
	}))
	if !errors.Is(err, symphony.ErrOutcomeUnknown) {
		t.Fatalf("got %v, want ErrOutcomeUnknown", err)
	}
	if _, err := bus.Dispatch(ctx, "Order", struct{}{}, symphony.DispatchOptions{}); errors.Is(err, symphony.ErrOutcomeUnknown) || !errors.Is(err, symphony.ErrUnavailable) {
		t.Fatalf("after it: got %v, want ErrUnavailable: this was not even begun", err)
	}
}

// writerOp does something in the writer.
type writerOp func(*writer)

func (o writerOp) apply(w *writer) error { o(w); return nil }
func (writerOp) rows() int               { return 1 }

// blockedOp keeps the writer busy.
type blockedOp struct{ begun, end chan struct{} }

func (o blockedOp) apply(*writer) error { close(o.begun); <-o.end; return nil }
func (blockedOp) rows() int             { return txRows }

func TestDo_a_caller_who_leaves_before_the_writer_comes_has_done_nothing(t *testing.T) {
	tr, bus := openTest(t, Options{})
	block := blockedOp{make(chan struct{}), make(chan struct{})}
	blocked := make(chan error, 1)
	go func() { blocked <- tr.do(context.Background(), block) }()
	<-block.begun
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	payload := []byte(`{"n":1}`)
	waiting, leave := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() {
		_, err := bus.Dispatch(waiting, "Order", json.RawMessage(payload), symphony.DispatchOptions{})
		clear(payload) // is the caller's again
		left <- err
	}()
	leave()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error, while the writer is busy", err)
	}
	if _, err := bus.Dispatch(ctx, "Order", struct{}{}, symphony.DispatchOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
	close(block.end)
	if err := <-blocked; err != nil {
		t.Fatal(err)
	}
	if stats, err := tr.Stats(t.Context()); err != nil || stats.Pending != 0 {
		t.Errorf("%d messages are stored, %v", stats.Pending, err)
	}
}

// What is answered as stored is on the disk: every connection that writes waits for it, and the log is what is written.
func TestConnections_wait_for_the_disk(t *testing.T) {
	tr, _ := openTest(t, Options{})
	want := map[string]string{"PRAGMA synchronous": "2", "PRAGMA journal_mode": "wal", "PRAGMA wal_autocheckpoint": "0"}
	ask := pragmasOp{}
	if err := tr.do(context.Background(), ask); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, map[string]string(ask)); diff != "" {
		t.Errorf("the writer's connection (-want +got):\n%s", diff)
	}
	conn, err := tr.connect(sqlite.OpenReadWrite|sqlite.OpenWAL, readerCacheKiB)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for query, value := range want {
		if got, err := pragma(conn, query, sqlitex.ResultText); err != nil || got != value {
			t.Errorf("%s of the others is %q, %v; want %q", query, got, err, value)
		}
	}
}

// pragmasOp reads settings of the writer's connection.
type pragmasOp map[string]string

func (pragmasOp) rows() int { return 0 }

func (o pragmasOp) apply(w *writer) error {
	for _, query := range []string{"PRAGMA synchronous", "PRAGMA journal_mode", "PRAGMA wal_autocheckpoint"} {
		value, err := pragma(w.conn, query, sqlitex.ResultText)
		if err != nil {
			return err
		}
		o[query] = value
	}
	return nil
}

// A rollback must leave leases as they were: those messages are still in their worker's hands.
func TestRollback_keeps_leases(t *testing.T) {
	tr, bus := openTest(t, Options{})
	ctx := context.Background()
	for range 3 {
		if _, err := bus.Dispatch(ctx, "Order", struct{}{}, symphony.DispatchOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	got, err := tr.Receive(ctx, symphony.ReceiveOptions{Max: 3})
	if err != nil || len(got) != 3 {
		t.Fatalf("got %d messages, %v", len(got), err)
	}
	boom := errors.New("boom")
	var list []symphony.Settlement
	for _, d := range got {
		list = append(list, symphony.Settlement{Lease: d.Lease, Outcome: symphony.Ack})
	}
	err = tr.do(ctx, &bothOp{&settleOp{list: list}, failingOp{boom}})
	if !errors.Is(err, boom) {
		t.Fatalf("got %v, want boom", err)
	}
	if errs := tr.Settle(ctx, list); errs != nil {
		t.Fatalf("settling after the rollback: %v", errs)
	}
	if errs := tr.Settle(ctx, list); errs == nil || !errors.Is(errs[2], symphony.ErrLeaseLost) {
		t.Fatalf("settling twice: %v, want ErrLeaseLost", errs)
	}
}

func TestRollback_keeps_the_ends_of_leases(t *testing.T) {
	clock := testclock.New(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))
	tr, bus := openTest(t, Options{Clock: clock})
	if _, err := bus.Dispatch(t.Context(), "Order", struct{}{}, symphony.DispatchOptions{}); err != nil {
		t.Fatal(err)
	}
	got, err := tr.Receive(t.Context(), symphony.ReceiveOptions{Max: 1})
	if err != nil || len(got) != 1 {
		t.Fatalf("got %d messages, %v", len(got), err)
	}
	boom := errors.New("boom")
	extend := &extendOp{leases: []symphony.Lease{got[0].Lease}, d: time.Hour.Microseconds()}
	if err := tr.do(t.Context(), &bothOp{extend, failingOp{boom}}); !errors.Is(err, boom) {
		t.Fatalf("got %v, want boom", err)
	}
	clock.Advance(symphony.DefaultLease)
	errs := tr.Settle(t.Context(), []symphony.Settlement{{Lease: got[0].Lease, Outcome: symphony.Ack}})
	if errs == nil || !errors.Is(errs[0], symphony.ErrLeaseLost) {
		t.Errorf("settling after the end of the lease, whose extension was undone: %v, want ErrLeaseLost", errs)
	}
}

// The messages of one batch became ready at the same moment.
func TestReceive_takes_first_what_came_first_of_several_queues(t *testing.T) {
	tr, bus := openTest(t, Options{})
	var batch []symphony.Outgoing
	for i := range 6 {
		m := symphony.Message{Type: "Order", Payload: json.RawMessage(`{}`)}
		batch = append(batch, symphony.Outgoing{Message: m, Options: symphony.DispatchOptions{Queue: string("ab"[i%2])}})
	}
	receipts, err := bus.DispatchBatch(t.Context(), batch)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range receipts {
		got, err := tr.Receive(t.Context(), symphony.ReceiveOptions{Max: 1})
		if err != nil || len(got) != 1 || got[0].ID != r.ID {
			t.Fatalf("message %d: got %v, %v", i, got, err)
		}
	}
}

// bothOp runs two operations as one call.
type bothOp struct{ first, second operation }

func (o *bothOp) rows() int { return o.first.rows() + o.second.rows() }
func (o *bothOp) apply(w *writer) error {
	if err := o.first.apply(w); err != nil {
		return err
	}
	return o.second.apply(w)
}

// An answer is given when its transaction is on the disk: each commit is synced, whatever SQLite's default is.
func TestCommits_are_synced(t *testing.T) {
	tr, _ := openTest(t, Options{})
	got := make(map[string]string)
	var failure error
	err := tr.do(t.Context(), writerOp(func(w *writer) {
		for _, name := range []string{"synchronous", "journal_mode"} {
			failure = errors.Join(failure, w.query("PRAGMA "+name, func(s *sqlite.Stmt) bool {
				got[name] = s.ColumnText(0)
				return true
			}))
		}
	}))
	if err = errors.Join(err, failure); err != nil {
		t.Fatal(err)
	}
	if got["synchronous"] != "2" || got["journal_mode"] != "wal" { // 2 is FULL
		t.Errorf("the writer has %v, want a sync at each commit to the log", got)
	}
}

func TestPurge(t *testing.T) {
	ctx := context.Background()
	count := func(t *testing.T, tr *Transport, table string) (n int) {
		t.Helper()
		err := tr.read(ctx, "count", func(r *reader) error {
			return r.query("SELECT count(*) FROM "+table, func(s *sqlite.Stmt) bool { n = s.ColumnInt(0); return true })
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	complete := func(t *testing.T, tr *Transport, bus *symphony.Bus, n int) {
		t.Helper()
		for i := range n {
			key := fmt.Sprintf("%s-%d", t.Name(), i)
			if _, err := bus.Dispatch(ctx, "Order", struct{}{}, symphony.DispatchOptions{IdempotencyKey: key}); err != nil {
				t.Fatal(err)
			}
		}
		got, err := tr.Receive(ctx, symphony.ReceiveOptions{Max: n + 1})
		if err != nil || len(got) < n {
			t.Fatalf("got %d messages, %v", len(got), err)
		}
		for _, d := range got {
			if errs := tr.Settle(ctx, []symphony.Settlement{{Lease: d.Lease, Outcome: symphony.Ack}}); errs != nil {
				t.Fatal(errs)
			}
		}
	}

	t.Run("completed messages and keys go when their time is over", func(t *testing.T) {
		clock := testclock.New(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))
		tr, _ := openTest(t, Options{Clock: clock, Retention: 2 * time.Hour})
		bus, err := symphony.NewBus([]symphony.Transport{tr}, symphony.BusOptions{Clock: clock, IdempotencyWindow: 2 * time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		complete(t, tr, bus, 5)
		clock.Advance(time.Hour)
		t.Run("later", func(t *testing.T) { complete(t, tr, bus, 7) })
		clock.Advance(time.Hour + time.Second)
		if err := tr.purge(ctx); err != nil {
			t.Fatal(err)
		}
		for table, want := range map[string]int{"messenger_messages": 7, "messenger_completed": 7, "messenger_idempotency": 7} {
			if n := count(t, tr, table); n != want {
				t.Errorf("%s has %d rows, want %d", table, n, want)
			}
		}
		if stats, _ := tr.Stats(ctx); stats.Completed != 12 {
			t.Errorf("completed is %d, want 12 ever", stats.Completed)
		}
	})

	t.Run("nothing is kept where nothing shall be", func(t *testing.T) {
		tr, bus := openTest(t, Options{Retention: symphony.KeepNothing})
		if _, err := bus.Dispatch(ctx, "Order", struct{}{}, symphony.DispatchOptions{}); err != nil {
			t.Fatal(err)
		}
		got, err := tr.Receive(ctx, symphony.ReceiveOptions{Max: 1})
		if err != nil || len(got) != 1 {
			t.Fatalf("got %d messages, %v", len(got), err)
		}
		if errs := tr.Settle(ctx, []symphony.Settlement{{Lease: got[0].Lease, Outcome: symphony.Retry, Error: "e"}}); errs != nil {
			t.Fatal(errs)
		}
		complete(t, tr, bus, 5) // and the one that is retried, which has a history
		if n := count(t, tr, "messenger_messages") + count(t, tr, "messenger_completed") + count(t, tr, "messenger_attempts"); n != 0 {
			t.Errorf("%d rows are left", n)
		}
	})
}
