package postgres_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/internal/pgtest"
	"github.com/symphony-messenger/symphony/transport/postgres"
)

// txCase is a transaction of the caller's, by pgx or by database/sql.
type txCase struct {
	name  string
	begin func(t *testing.T, url string, tr *postgres.Transport) (tx *postgres.Tx, exec func(string) error, end func(commit bool) error)
}

var txCases = []txCase{
	{"pgx", func(t *testing.T, url string, tr *postgres.Transport) (*postgres.Tx, func(string) error, func(bool) error) {
		conn, err := pgx.Connect(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close(context.Background()) })
		tx, err := conn.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		exec := func(sql string) error { _, err := tx.Exec(t.Context(), sql); return err }
		return tr.Tx(tx), exec, func(commit bool) error {
			if commit {
				return tx.Commit(t.Context())
			}
			return tx.Rollback(t.Context())
		}
	}},
	{"database/sql", func(t *testing.T, url string, tr *postgres.Transport) (*postgres.Tx, func(string) error, func(bool) error) {
		db, err := sql.Open("pgx", url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		tx, err := db.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		exec := func(sql string) error { _, err := tx.ExecContext(t.Context(), sql); return err }
		return tr.SQLTx(tx), exec, func(commit bool) error {
			if commit {
				return tx.Commit()
			}
			return tx.Rollback()
		}
	}},
}

func openForTx(t *testing.T, o postgres.Options) (string, *postgres.Transport, *symphony.Bus) {
	t.Helper()
	url := pgtest.URL(t)
	tr, err := postgres.Open(t.Context(), url, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tr.Close() })
	bus, err := symphony.NewBus([]symphony.Transport{tr, tr.Named("email")}, symphony.BusOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return url, tr, bus
}

func eachTx(t *testing.T, f func(t *testing.T, c txCase)) {
	for _, c := range txCases {
		t.Run(c.name, func(t *testing.T) { f(t, c) })
	}
}

func TestTx_messages_are_there_after_the_commit_and_not_before(t *testing.T) {
	t.Parallel()
	eachTx(t, func(t *testing.T, c txCase) {
		url, tr, bus := openForTx(t, postgres.Options{})
		for _, commit := range []bool{false, true} {
			tx, _, end := c.begin(t, url, tr)
			sent := []symphony.Outgoing{
				{Message: symphony.Message{Type: "Order", Payload: json.RawMessage(`{"text":"\u0000 ä \" \\"}`), Metadata: map[string]any{"m": 1.5}},
					Options: symphony.DispatchOptions{Priority: 9, Headers: map[string]any{"a": "b"}}},
				{Message: symphony.Message{Type: "Mail", Payload: json.RawMessage(`{}`)}, Options: symphony.DispatchOptions{Transport: "email", Queue: "q"}},
				{Message: symphony.Message{Type: "Later", Payload: json.RawMessage(`{}`)}, Options: symphony.DispatchOptions{ScheduledAt: time.Now().Add(time.Hour)}},
			}
			receipts, err := bus.In(tx).DispatchBatch(t.Context(), sent)
			if err != nil || len(receipts) != 3 {
				t.Fatalf("got %v, %v", receipts, err)
			}
			if got, err := tr.Receive(t.Context(), symphony.ReceiveOptions{}); len(got) != 0 || err != nil {
				t.Fatalf("before the end of the transaction: got %d messages, %v", len(got), err)
			}
			if err := end(commit); err != nil {
				t.Fatal(err)
			}
			if commit {
				tx.Committed()
			}
			got, err := tr.Receive(t.Context(), symphony.ReceiveOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if !commit {
				if len(got) != 0 {
					t.Fatalf("after a rollback: got %d messages", len(got))
				}
				continue
			}
			if len(got) != 1 || got[0].ID != receipts[0].ID || string(got[0].Payload) != string(sent[0].Message.Payload) || got[0].Priority != 9 ||
				!cmp.Equal(got[0].Headers, sent[0].Options.Headers) || got[0].Metadata["m"] != json.Number("1.5") {
				t.Errorf("got %+v", got)
			}
			stats, err := tr.Stats(t.Context())
			if err != nil || stats.Pending != 1 || stats.Scheduled != 1 || stats.Processing != 1 {
				t.Errorf("got %+v, %v", stats, err)
			}
			other, err := tr.Named("email").Stats(t.Context())
			if err != nil || other.Queues["q"].Pending != 1 {
				t.Errorf("got %+v, %v", other, err)
			}
		}
	})
}

func TestTx_wakes_a_waiting_receiver(t *testing.T) {
	eachTx(t, func(t *testing.T, c txCase) {
		url, tr, bus := openForTx(t, postgres.Options{PollInterval: time.Hour})
		got := make(chan []symphony.Delivery)
		go func() {
			list, err := tr.Receive(context.Background(), symphony.ReceiveOptions{Wait: time.Minute})
			if err != nil {
				t.Error(err)
			}
			got <- list
		}()
		tx, _, end := c.begin(t, url, tr)
		r, err := bus.In(tx).Dispatch(t.Context(), "Order", struct{}{}, symphony.DispatchOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if err := end(true); err != nil {
			t.Fatal(err)
		}
		tx.Committed()
		if list := <-got; len(list) != 1 || list[0].ID != r.ID {
			t.Errorf("got %v, want message %s", list, r.ID)
		}
	})
}

func TestTx_keeps_idempotency_keys(t *testing.T) {
	t.Parallel()
	eachTx(t, func(t *testing.T, c txCase) {
		url, tr, bus := openForTx(t, postgres.Options{})
		key := func(k string) symphony.DispatchOptions { return symphony.DispatchOptions{IdempotencyKey: k} }
		order := func(n int) any { return struct{ N int }{n} }
		first, err := bus.Dispatch(t.Context(), "Order", order(1), key("a"))
		if err != nil {
			t.Fatal(err)
		}

		tx, exec, end := c.begin(t, url, tr)
		in := bus.In(tx)
		dup, err := in.Dispatch(t.Context(), "Order", order(1), key("a"))
		if err != nil || !dup.Duplicate || dup.ID != first.ID {
			t.Errorf("got %+v, %v; want the first message", dup, err)
		}
		message := func(n int, k string) symphony.Outgoing {
			m, err := symphony.NewMessage("Order", order(n))
			if err != nil {
				t.Fatal(err)
			}
			return symphony.Outgoing{Message: m, Options: key(k)}
		}
		_, err = in.DispatchBatch(t.Context(), []symphony.Outgoing{message(2, "b"), message(3, "a")})
		if conflict := (*symphony.IdempotencyConflictError)(nil); !errors.As(err, &conflict) || conflict.MessageID != first.ID {
			t.Fatalf("got %v, want a conflict with %s", err, first.ID)
		}
		// The conflict left the transaction usable, and the batch's other key free.
		if err := exec("SELECT 1"); err != nil {
			t.Fatal(err)
		}
		other, err := in.Dispatch(t.Context(), "Order", order(4), key("b"))
		if err != nil || other.Duplicate {
			t.Errorf("got %+v, %v; want a new message", other, err)
		}
		again, err := in.Dispatch(t.Context(), "Order", order(4), key("b"))
		if err != nil || !again.Duplicate || again.ID != other.ID {
			t.Errorf("got %+v, %v; want the message before", again, err)
		}
		if err := end(true); err != nil {
			t.Fatal(err)
		}
		if stats, err := tr.Stats(t.Context()); err != nil || stats.Pending != 2 {
			t.Errorf("got %+v, %v; want 2 messages", stats, err)
		}
	})
}

func TestTx_refuses_messages_for_another_storage(t *testing.T) {
	url, tr, _ := openForTx(t, postgres.Options{})
	other, err := postgres.Open(t.Context(), url, postgres.Options{Name: "other"})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	bus, err := symphony.NewBus([]symphony.Transport{tr, other}, symphony.BusOptions{})
	if err != nil {
		t.Fatal(err)
	}
	tx, _, end := txCases[0].begin(t, url, tr)
	defer end(false)
	_, err = bus.In(tx).Dispatch(t.Context(), "Order", struct{}{}, symphony.DispatchOptions{Transport: "other"})
	if !errors.Is(err, symphony.ErrInvalid) {
		t.Errorf("got %v, want ErrInvalid", err)
	}
}

func TestTx_Ack(t *testing.T) {
	t.Parallel()
	for _, retention := range []time.Duration{symphony.KeepNothing, time.Hour} {
		eachTx(t, func(t *testing.T, c txCase) {
			url, tr, bus := openForTx(t, postgres.Options{Retention: retention})
			exec(t, url, "CREATE TABLE effects (id uuid)")
			if _, err := bus.Dispatch(t.Context(), "Order", struct{}{}, symphony.DispatchOptions{}); err != nil {
				t.Fatal(err)
			}
			got, err := tr.Receive(t.Context(), symphony.ReceiveOptions{Worker: "w"})
			if err != nil || len(got) != 1 {
				t.Fatalf("got %v, %v", got, err)
			}
			d := got[0]

			tx, effect, end := c.begin(t, url, tr)
			if err := errors.Join(effect("INSERT INTO effects VALUES ('"+d.ID+"')"), tx.Ack(t.Context(), &d), end(false)); err != nil {
				t.Fatal(err)
			}
			if stats, err := tr.Stats(t.Context()); err != nil || stats.Processing != 1 {
				t.Fatalf("after a rollback: %+v, %v", stats, err)
			}

			tx, effect, end = c.begin(t, url, tr)
			if err := errors.Join(effect("INSERT INTO effects VALUES ('"+d.ID+"')"), tx.Ack(t.Context(), &d), end(true)); err != nil {
				t.Fatal(err)
			}
			if stats, err := tr.Stats(t.Context()); err != nil || stats.Processing != 0 || stats.Completed != 1 {
				t.Errorf("after the commit: %+v, %v", stats, err)
			}

			tx, _, end = c.begin(t, url, tr)
			if err := tx.Ack(t.Context(), &d); !errors.Is(err, symphony.ErrLeaseLost) {
				t.Errorf("acked again: got %v, want ErrLeaseLost", err)
			}
			if err := end(false); err != nil {
				t.Error(err)
			}
			// The worker settles what its handler returned from, and finds it done.
			if errs := tr.Settle(t.Context(), []symphony.Settlement{{Lease: d.Lease, Outcome: symphony.Ack}}); errs != nil {
				t.Errorf("the worker's own ack: %v", errs)
			}
		})
	}
}

func TestTx_Ack_refuses_what_is_not_held(t *testing.T) {
	eachTx(t, func(t *testing.T, c txCase) {
		url, tr, bus := openForTx(t, postgres.Options{})
		if _, err := bus.Dispatch(t.Context(), "Order", struct{}{}, symphony.DispatchOptions{}); err != nil {
			t.Fatal(err)
		}
		got, err := tr.Receive(t.Context(), symphony.ReceiveOptions{})
		if err != nil || len(got) != 1 {
			t.Fatalf("got %v, %v", got, err)
		}
		if errs := tr.Settle(t.Context(), []symphony.Settlement{{Lease: got[0].Lease, Outcome: symphony.Release}}); errs != nil {
			t.Fatal(errs)
		}
		stale := got[0]
		forged := got[0]
		forged.Lease.Token = "guess"
		for _, d := range []symphony.Delivery{stale, forged, {}} {
			tx, _, end := c.begin(t, url, tr)
			if err := tx.Ack(t.Context(), &d); !errors.Is(err, symphony.ErrLeaseLost) {
				t.Errorf("got %v, want ErrLeaseLost", err)
			}
			if err := end(true); err != nil {
				t.Error(err)
			}
		}
		if stats, err := tr.Stats(t.Context()); err != nil || stats.Pending != 1 {
			t.Errorf("got %+v, %v; want the message to wait", stats, err)
		}
	})
}

func TestTx_says_what_is_wrong_with_the_transaction(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		spoil func(exec func(string) error, end func(bool) error) error
		says  string
	}{
		"committed":   {func(_ func(string) error, end func(bool) error) error { return end(true) }, "it is over"},
		"rolled back": {func(_ func(string) error, end func(bool) error) error { return end(false) }, "it is over"},
		"read-only":   {func(exec func(string) error, _ func(bool) error) error { return exec("SET TRANSACTION READ ONLY") }, "it is read-only"},
		"failed": {func(exec func(string) error, _ func(bool) error) error {
			if exec("SELECT 1/0") == nil {
				return errors.New("a division by zero succeeds")
			}
			return nil
		}, "a statement before failed"},
	} {
		t.Run(name, func(t *testing.T) {
			eachTx(t, func(t *testing.T, c txCase) {
				url, tr, bus := openForTx(t, postgres.Options{})
				if _, err := bus.Dispatch(t.Context(), "Order", struct{}{}, symphony.DispatchOptions{}); err != nil {
					t.Fatal(err)
				}
				got, err := tr.Receive(t.Context(), symphony.ReceiveOptions{})
				if err != nil || len(got) != 1 {
					t.Fatalf("got %d messages, %v", len(got), err)
				}
				for doing, do := range map[string]func(tx *postgres.Tx) error{
					"send": func(tx *postgres.Tx) error {
						_, err := bus.In(tx).Dispatch(t.Context(), "Order", struct{}{}, symphony.DispatchOptions{})
						return err
					},
					"ack": func(tx *postgres.Tx) error { return tx.Ack(t.Context(), &got[0]) },
				} {
					tx, exec, end := c.begin(t, url, tr)
					if err := test.spoil(exec, end); err != nil {
						t.Fatal(err)
					}
					if err := do(tx); err == nil || !strings.Contains(err.Error(), test.says) || errors.Is(err, symphony.ErrUnavailable) || errors.Is(err, symphony.ErrOutcomeUnknown) {
						t.Errorf("%s: got %v, want that %q, and nothing about the database", doing, err, test.says)
					}
				}
			})
		})
	}
}
