package postgres_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony/symphonytest/testclock"

	"github.com/jackc/pgx/v5"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/transport/postgres"
	"github.com/symphony-messenger/symphony/transport/transporttest"
)

// claimed opens a store on a clock and claims n messages at once.
func claimed(t *testing.T, n int, o symphony.DispatchOptions) (url string, tr *postgres.Transport, clock *testclock.Clock, got []symphony.Delivery) {
	t.Helper()
	clock = testclock.New(time.Now())
	url, tr, _ = openForTx(t, postgres.Options{Clock: clock, Timeout: 2 * time.Second, Logger: silent(), Limits: transporttest.Limits(t)})
	bus, err := symphony.NewBus([]symphony.Transport{tr}, symphony.BusOptions{Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	for range n {
		if _, err := bus.Dispatch(t.Context(), "Order", struct{}{}, o); err != nil {
			t.Fatal(err)
		}
	}
	got, err = tr.Receive(t.Context(), symphony.ReceiveOptions{})
	if err != nil || len(got) != n {
		t.Fatalf("got %d messages, %v", len(got), err)
	}
	return url, tr, clock, got
}

// A claim has one lease for all its messages. A handler that acks one of them at the beginning of a long transaction must
// not keep the others from anything.
func TestTx_Ack_holds_up_no_other_message_of_its_claim(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		options symphony.DispatchOptions
		n       int
	}{"alone": {n: 5}, "under flow control": {symphony.DispatchOptions{ConcurrencyKey: "k"}, 1}} {
		t.Run(name, func(t *testing.T) {
			eachTx(t, func(t *testing.T, c txCase) {
				url, tr, _, got := claimed(t, test.n, test.options)
				tx, _, end := c.begin(t, url, tr)
				if err := tx.Ack(t.Context(), &got[0]); err != nil {
					t.Fatal(err)
				}
				leases := make([]symphony.Lease, test.n)
				for i := range got {
					leases[i] = got[i].Lease
				}
				if errs := tr.Extend(t.Context(), leases, time.Minute); errs != nil {
					t.Errorf("the heartbeat fails: %v", errs)
				}
				for i, outcome := range everyOutcome[:test.n-1] {
					if errs := tr.Settle(t.Context(), []symphony.Settlement{{Lease: got[i+1].Lease, Outcome: outcome}}); errs != nil {
						t.Errorf("%s of another message: %v", outcome, errs)
					}
				}
				// Whoever settles it meanwhile hears of it, and so does nobody else.
				for _, outcome := range everyOutcome {
					errs := tr.Settle(t.Context(), []symphony.Settlement{{Lease: got[0].Lease, Outcome: outcome}})
					if len(errs) != 1 || !errors.Is(errs[0], symphony.ErrUnavailable) {
						t.Errorf("%s of the message that is being acked: %v, want ErrUnavailable", outcome, errs)
					}
				}
				if err := end(true); err != nil {
					t.Fatal(err)
				}
				if errs := tr.Settle(t.Context(), []symphony.Settlement{{Lease: got[0].Lease, Outcome: symphony.Ack}}); errs != nil {
					t.Errorf("after the commit: %v", errs)
				}
				if stats, err := tr.Stats(t.Context()); err != nil || stats.Processing != 0 || stats.Completed < 1 {
					t.Errorf("got %+v, %v", stats, err)
				}
			})
		})
	}
}

// While a message is being acked in an open transaction nobody else gets it, however late it is. When the transaction has
// come to nothing, it comes back.
func TestTx_Ack_and_the_end_of_the_lease(t *testing.T) {
	t.Parallel()
	for name, commit := range map[string]bool{"committed": true, "rolled back": false} {
		t.Run(name, func(t *testing.T) {
			eachTx(t, func(t *testing.T, c txCase) {
				url, tr, clock, got := claimed(t, 3, symphony.DispatchOptions{})
				tx, _, end := c.begin(t, url, tr)
				if err := tx.Ack(t.Context(), &got[1]); err != nil {
					t.Fatal(err)
				}
				clock.Advance(symphony.DefaultLease)
				for range 3 {
					clock.Advance(time.Second)
					if stats, err := tr.Stats(t.Context()); err != nil || stats.Pending+stats.Processing != 3 {
						t.Fatalf("got %+v, %v", stats, err)
					}
				}
				again, err := tr.Receive(t.Context(), symphony.ReceiveOptions{MaxLost: 10, Lease: time.Hour})
				if err != nil || len(again) != 2 || again[0].ID != got[0].ID || again[1].ID != got[2].ID {
					t.Fatalf("got %d messages, %v; want the two others", len(again), err)
				}
				if err := end(commit); err != nil {
					t.Fatal(err)
				}
				clock.Advance(2 * time.Second)
				back, err := tr.Receive(t.Context(), symphony.ReceiveOptions{MaxLost: 10})
				if err != nil || (len(back) == 1) == commit || len(back) > 1 {
					t.Fatalf("after the end: got %d messages, %v", len(back), err)
				}
				stats, err := tr.Stats(t.Context())
				want := symphony.QueueStats{Processing: 2, Completed: 1}
				if !commit {
					want = symphony.QueueStats{Processing: 3}
				}
				if err != nil || stats.QueueStats != want {
					t.Errorf("got %+v, %v; want %+v", stats.QueueStats, err, want)
				}
			})
		})
	}
}

func TestTx_Ack_of_a_delivery_that_has_ended_is_refused(t *testing.T) {
	t.Parallel()
	for _, level := range []pgx.TxIsoLevel{pgx.ReadCommitted, pgx.RepeatableRead, pgx.Serializable} {
		for _, outcome := range everyOutcome {
			t.Run(string(level)+"/"+outcome.String(), func(t *testing.T) {
				url, tr, _, got := claimed(t, 2, symphony.DispatchOptions{})
				conn, err := pgx.Connect(t.Context(), url)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { conn.Close(context.Background()) })
				tx, err := conn.BeginTx(t.Context(), pgx.TxOptions{IsoLevel: level})
				if err != nil {
					t.Fatal(err)
				}
				// From here on a transaction of the higher levels sees nothing new.
				if _, err := tx.Exec(t.Context(), "SELECT count(*) FROM symphony.messenger_leases"); err != nil {
					t.Fatal(err)
				}
				if errs := tr.Settle(t.Context(), []symphony.Settlement{{Lease: got[0].Lease, Outcome: outcome}}); errs != nil {
					t.Fatal(errs)
				}
				err = tr.Tx(tx).Ack(t.Context(), &got[0])
				if err == nil {
					err = tx.Commit(t.Context())
				}
				if err == nil {
					t.Error("it was acked as well")
				}
				if level == pgx.ReadCommitted && !errors.Is(err, symphony.ErrLeaseLost) {
					t.Errorf("got %v, want ErrLeaseLost", err)
				}
			})
		}
	}
}

// Whoever ends a delivery locks its lease and its message until he commits. An ack that waits for him must see what he did.
func TestTx_Ack_that_waited_for_the_end_of_the_delivery_is_refused(t *testing.T) {
	eachTx(t, func(t *testing.T, c txCase) {
		url, tr, _, got := claimed(t, 2, symphony.DispatchOptions{})
		ending := locking(t, url,
			"SELECT FROM symphony.messenger_leases FOR NO KEY UPDATE",
			"SELECT FROM symphony.messenger_messages WHERE id = '"+got[0].ID+"' FOR KEY SHARE",
			"UPDATE symphony.messenger_leases SET settled = settled || 0",
		)
		tx, _, end := c.begin(t, url, tr)
		acked := make(chan error, 1)
		go func() { acked <- tx.Ack(context.Background(), &got[0]) }()
		soon(t, "the ack waits", func() error {
			waits := false
			err := ending.QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)").Scan(&waits)
			if err == nil && !waits {
				err = errors.New("not yet")
			}
			return err
		})
		if err := ending.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := <-acked; !errors.Is(err, symphony.ErrLeaseLost) {
			t.Errorf("got %v, want ErrLeaseLost", err)
		}
		if err := end(false); err != nil {
			t.Fatal(err)
		}
	})
}
