package postgres_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	osexec "os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/transport/postgres"
	"github.com/symphony-messenger/symphony/worker"
)

// cancelInHand cancels a message that somebody has in hand.
func cancelInHand(t *testing.T, tr *postgres.Transport, id string) {
	t.Helper()
	got, err := tr.CancelMessage(t.Context(), id, symphony.Cancellation{By: "test"})
	if err != nil || got != symphony.Processing {
		t.Fatalf("cancel: %q, %v; want it still in hand", got, err)
	}
}

func wantCancelledAndNothingLeft(t *testing.T, tr *postgres.Transport) {
	t.Helper()
	if s, err := tr.Stats(t.Context()); err != nil || s.Cancelled != 1 || s.Depth() != 0 || s.Completed+s.Failed != 0 {
		t.Errorf("left %+v, %v; want one cancelled message and no other", s.QueueStats, err)
	}
}

// locking begins a transaction that locks rows, until the test or it ends.
func locking(t *testing.T, url string, statements ...string) pgx.Tx {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, sql := range statements {
		if _, err := tx.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	return tx
}

// waiters waits until so many sessions wait for a lock.
func waiters(t *testing.T, url string, n int) {
	t.Helper()
	soon(t, "sessions to wait for a lock", func() error {
		if got := count(t, url, `SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock'`); got != n {
			return fmt.Errorf("%d, want %d", got, n)
		}
		return nil
	})
}

// endCancelled settles a message that is to be cancelled.
func endCancelled(tr *postgres.Transport, d *symphony.Delivery) <-chan error {
	ended := make(chan error, 1)
	go func() {
		errs := tr.Settle(context.Background(), []symphony.Settlement{{Lease: d.Lease, Outcome: symphony.Ack}})
		ended <- errors.Join(errs...)
	}()
	return ended
}

// TestCancel_locks_the_common_counts_last stops the end of a message that is to be cancelled before its last calls. Had
// it the counts by then in which those of all connections are added up, whoever does so would wait for it with those of
// its own connection locked, which it needs as well.
func TestCancel_locks_the_common_counts_last(t *testing.T) {
	t.Parallel()
	url, tr, _, got := claimed(t, 1, symphony.DispatchOptions{})
	cancelInHand(t, tr, got[0].ID)
	lock := locking(t, url, "SELECT FROM symphony.messenger_cancelling FOR UPDATE")
	ended := endCancelled(tr, &got[0])
	waiters(t, url, 1)
	if err := tr.Fold(t.Context()); err != nil {
		t.Errorf("adding up the counts meanwhile: %v", err)
	}
	if err := lock.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, symphony.ErrCancelled) {
		t.Errorf("settle: got %v, want ErrCancelled", err)
	}
	wantCancelledAndNothingLeft(t, tr)
}

func TestCancel_that_the_server_ends_for_a_deadlock_is_tried_again(t *testing.T) {
	t.Parallel()
	url, tr, _, got := claimed(t, 1, symphony.DispatchOptions{})
	cancelInHand(t, tr, got[0].ID)
	first := locking(t, url, "SELECT FROM symphony.messenger_leases FOR UPDATE")
	// Who waits longest is ended last.
	second := locking(t, url, "SET LOCAL deadlock_timeout = '10min'",
		"SELECT FROM symphony.messenger_cancelling FOR UPDATE")
	ended := endCancelled(tr, &got[0])
	waiters(t, url, 1)
	locked := make(chan error, 1)
	go func() {
		_, err := second.Exec(context.Background(), "SELECT FROM symphony.messenger_flow FOR UPDATE")
		locked <- errors.Join(err, second.Rollback(context.Background()))
	}()
	waiters(t, url, 2)
	if err := first.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-locked; err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, symphony.ErrCancelled) {
		t.Errorf("settle: got %v, want ErrCancelled", err)
	}
	wantCancelledAndNothingLeft(t, tr)
}

func TestTx_Ack_of_a_cancelled_message_is_refused(t *testing.T) {
	t.Parallel()
	eachTx(t, func(t *testing.T, c txCase) {
		for _, begun := range []bool{true, false} {
			url, tr, _, got := claimed(t, 1, symphony.DispatchOptions{})
			if !begun {
				cancelInHand(t, tr, got[0].ID)
			}
			tx, exec, end := c.begin(t, url, tr)
			if err := exec("SELECT 1"); err != nil { // takes a snapshot, where the isolation has one
				t.Fatal(err)
			}
			if begun {
				cancelInHand(t, tr, got[0].ID)
			}
			if err := tx.Ack(t.Context(), &got[0]); !errors.Is(err, symphony.ErrCancelled) {
				t.Errorf("begun before: %t: got %v, want ErrCancelled", begun, err)
			}
			if err := end(false); err != nil {
				t.Fatal(err)
			}
			errs := tr.Settle(t.Context(), []symphony.Settlement{{Lease: got[0].Lease, Outcome: symphony.Retry}})
			if len(errs) != 1 || !errors.Is(errs[0], symphony.ErrCancelled) {
				t.Errorf("settle: got %v, want ErrCancelled", errs)
			}
			wantCancelledAndNothingLeft(t, tr)
		}
	})
}

func TestCancel_of_a_message_that_is_acked_in_a_transaction(t *testing.T) {
	t.Parallel()
	eachTx(t, func(t *testing.T, c txCase) {
		for _, commit := range []bool{true, false} {
			url, tr, _, got := claimed(t, 1, symphony.DispatchOptions{ConcurrencyKey: "k"})
			tx, _, end := c.begin(t, url, tr)
			if err := tx.Ack(t.Context(), &got[0]); err != nil {
				t.Fatal(err)
			}
			id := got[0].ID
			_, err := tr.CancelMessage(t.Context(), id, symphony.Cancellation{})
			if !errors.Is(err, symphony.ErrUnavailable) {
				t.Errorf("while the transaction is open: %v, want ErrUnavailable", err)
			}
			if err := end(commit); err != nil {
				t.Fatal(err)
			}
			if !commit {
				cancelInHand(t, tr, id)
				tr.Settle(t.Context(), []symphony.Settlement{{Lease: got[0].Lease, Outcome: symphony.Retry}})
				wantCancelledAndNothingLeft(t, tr)
				continue
			}
			var status *symphony.MessageStatusError
			_, err = tr.CancelMessage(t.Context(), id, symphony.Cancellation{})
			if !errors.As(err, &status) || status.Status != symphony.Completed {
				t.Errorf("after the commit: %v, want that it is completed", err)
			}
		}
	})
}

// Statements of the release before, which nodes of it run beside this one's.
const (
	oldAck = `WITH locked AS MATERIALIZED (
			SELECT token, worker, claimed_at, expires_at, item_expires, settled FROM symphony.messenger_leases
			WHERE token = $1::uuid ORDER BY token FOR NO KEY UPDATE
		), held AS MATERIALIZED (
			SELECT $2::uuid AS id FROM locked l
			WHERE coalesce(l.item_expires[$3::int4 + 1], l.expires_at) > now() AND NOT $3 = ANY (l.settled)
		), gone AS (
			DELETE FROM symphony.messenger_messages m WHERE m.id = ANY (ARRAY(SELECT id FROM held)) RETURNING m.id
		) SELECT count(*) FROM gone`
	oldExpired = `SELECT count(*) FROM symphony.messenger_leases WHERE expires_at <= now() + interval '1000 years'`
	oldHand    = `SELECT count(*) FROM symphony.messenger_leases l
		CROSS JOIN LATERAL unnest(l.ids) WITH ORDINALITY u(id, n)
		WHERE u.id = $1::uuid AND NOT (u.n - 1)::int4 = ANY (l.settled) AND expires_at > now()`
	oldFold = `WITH gone AS (
		DELETE FROM symphony.messenger_counters WHERE ctid = ANY (ARRAY(
			SELECT ctid FROM symphony.messenger_counters WHERE shard <> 0 LIMIT 1000 FOR UPDATE SKIP LOCKED))
		RETURNING *
	)
	INSERT INTO symphony.messenger_counters AS c (shard, lane, pending, processing, completed, failed, scheduled)
	SELECT 0, lane, sum(pending), sum(processing), sum(completed), sum(failed), sum(scheduled)
	FROM gone GROUP BY lane ORDER BY lane
	ON CONFLICT (shard, lane) DO UPDATE SET pending = c.pending + excluded.pending,
		processing = c.processing + excluded.processing, completed = c.completed + excluded.completed,
		failed = c.failed + excluded.failed, scheduled = c.scheduled + excluded.scheduled`
)

func TestCancel_beside_nodes_of_the_release_before(t *testing.T) {
	url, tr, clock, got := claimed(t, 1, symphony.DispatchOptions{})
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	count := func(sql string, args ...any) (n int) {
		t.Helper()
		if err := conn.QueryRow(t.Context(), sql, args...).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	d := got[0]
	cancelInHand(t, tr, d.ID)
	if n := count(oldAck, d.Lease.Token, d.ID, d.Lease.Index); n != 0 {
		t.Error("the old worker's ack has completed the message")
	}
	if n := count(oldHand, d.ID); n != 1 {
		t.Errorf("an old node finds it in hand %d times, want once", n)
	}
	if n := count(oldExpired); n != 0 {
		t.Error("an old node would give it back when its lease ends")
	}
	fold := func() {
		t.Helper()
		if _, err := conn.Exec(t.Context(), oldFold); err != nil {
			t.Fatal(err)
		}
	}
	fold()
	clock.Advance(symphony.DefaultLease)
	wantCancelledAndNothingLeft(t, tr)
	fold()
	wantCancelledAndNothingLeft(t, tr)
	if n := count("SELECT count(*) FROM symphony.messenger_completed"); n != 0 {
		t.Error("an old node shows it as completed")
	}
}

const cancelURL = "SYMPHONY_TEST_CANCEL_URL"

// cancelChild is a worker that ignores what it is told.
func cancelChild() error {
	ctx := context.Background()
	tr, err := postgres.Open(ctx, os.Getenv(cancelURL), postgres.Options{Logger: silent()})
	if err != nil {
		return err
	}
	mux := symphony.NewMux()
	mux.HandleFunc("*", func(context.Context, *symphony.Delivery) error {
		fmt.Println("begun")
		select {}
	})
	w, err := worker.New(tr, mux, worker.Options{Lease: 3 * time.Second, Logger: silent()})
	if err != nil {
		return err
	}
	_, err = w.Run(ctx)
	return err
}

func TestCancel_of_a_message_whose_worker_is_killed(t *testing.T) {
	t.Parallel()
	url, tr, bus := openForTx(t, postgres.Options{Logger: silent()})
	r, err := bus.Dispatch(t.Context(), "Report", struct{}{}, symphony.DispatchOptions{ConcurrencyKey: "k"})
	if err != nil {
		t.Fatal(err)
	}
	child := osexec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), childEnv+"=cancel", cancelURL+"="+url)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "begun\n" {
		t.Fatalf("the worker says %q, %v", line, err)
	}
	cancelInHand(t, tr, r.ID)
	if err := child.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // it was killed
	next, err := bus.Dispatch(t.Context(), "Report", struct{}{}, symphony.DispatchOptions{ConcurrencyKey: "k"})
	if err != nil {
		t.Fatal(err)
	}
	// The other message comes when the place behind the limit is free, and the cancelled one never.
	got, err := tr.Receive(t.Context(), symphony.ReceiveOptions{Wait: time.Minute, Max: 2})
	if err != nil || len(got) != 1 || got[0].ID != next.ID {
		t.Fatalf("received %v, %v; want the other message", got, err)
	}
	if s, err := tr.Stats(t.Context()); err != nil || s.Cancelled != 1 || s.Pending != 0 {
		t.Errorf("left %+v, %v", s.QueueStats, err)
	}
}
