package postgres_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/internal/pgtest"
	"github.com/symphony-messenger/symphony/transport/postgres"
)

// What follows a message that its handler acks in a transaction of its own is there with that transaction, or not at all.
func TestTx_Ack_has_what_follows_dispatched(t *testing.T) {
	t.Parallel()
	eachTx(t, func(t *testing.T, c txCase) {
		url, tr, bus := openForTx(t, postgres.Options{})
		_, err := bus.Dispatch(t.Context(), "Order", struct{}{}, symphony.DispatchOptions{
			OnSuccess: &symphony.Callback{Type: "Done", Queue: "after"}})
		if err != nil {
			t.Fatal(err)
		}
		got, err := tr.Receive(t.Context(), symphony.ReceiveOptions{})
		if err != nil || len(got) != 1 {
			t.Fatalf("got %d, %v", len(got), err)
		}
		after := func() int {
			t.Helper()
			list, err := tr.Receive(t.Context(), symphony.ReceiveOptions{Queues: []string{"after"}})
			if err != nil {
				t.Fatal(err)
			}
			return len(list)
		}
		for _, commit := range []bool{false, true} {
			tx, _, end := c.begin(t, url, tr)
			if err := tx.Ack(t.Context(), &got[0]); err != nil {
				t.Fatal(err)
			}
			if n := after(); n != 0 {
				t.Fatalf("%d messages follow before the end of the transaction", n)
			}
			if err := end(commit); err != nil {
				t.Fatal(err)
			}
			if !commit {
				if n := after(); n != 0 {
					t.Fatalf("%d messages follow what was rolled back", n)
				}
				continue
			}
			tx.Committed()
		}
		if errs := tr.Settle(t.Context(),
			[]symphony.Settlement{{Lease: got[0].Lease, Outcome: symphony.Ack}}); errs != nil {
			t.Fatal(errs)
		}
		if n := after(); n != 1 {
			t.Errorf("%d messages follow, want 1", n)
		}
	})
}

// Another node settles, and its connection is cut at each message of the protocol in turn: the message ends with what
// follows it, or not at all.
func TestCallbacks_follow_wherever_the_node_that_settles_is_cut_off(t *testing.T) {
	t.Parallel()
	for _, direction := range []pgtest.Direction{pgtest.ToServer, pgtest.ToClient} {
		t.Run(fmt.Sprint(direction), func(t *testing.T) {
			t.Parallel()
			url := pgtest.URL(t)
			proxy := pgtest.NewProxy(t, url)
			claims := extra(t, url, postgres.Options{PollInterval: 10 * time.Millisecond}).(*postgres.Transport)
			settles := extra(t, proxy.URL(url), postgres.Options{Logger: silent()}).(*postgres.Transport)
			for n, cut := 0, true; cut; n++ {
				d := oneDelivery(t, claims, symphony.DispatchOptions{
					OnSuccess: &symphony.Callback{Type: "Done", Queue: "after"}})
				left := n
				killed := proxy.KillAt(direction, func(pgtest.Message) bool { left--; return left < 0 })
				ack := func() error {
					list := []symphony.Settlement{{Lease: d.Lease, Outcome: symphony.Ack}}
					return errors.Join(settles.Settle(t.Context(), list)...)
				}
				err := ack()
				select {
				case <-killed:
				default:
					cut = false // it needs fewer messages
				}
				proxy.Restore()
				unanswered := errors.Is(err, symphony.ErrUnavailable) || errors.Is(err, symphony.ErrOutcomeUnknown)
				if err != nil && !unanswered {
					t.Fatalf("cut at message %d: %v", n, err)
				}
				if err != nil { // a lease that is lost by now has been settled
					soon(t, "ack", func() error {
						if err := ack(); !errors.Is(err, symphony.ErrLeaseLost) {
							return err
						}
						return nil
					})
				}
				o := symphony.ReceiveOptions{Queues: []string{"after"}, Max: 2, Wait: patience}
				after, err := claims.Receive(t.Context(), o)
				if err != nil || len(after) != 1 {
					t.Fatalf("cut at message %d: %d messages follow, %v", n, len(after), err)
				}
				if errs := claims.Settle(t.Context(),
					[]symphony.Settlement{{Lease: after[0].Lease, Outcome: symphony.Ack}}); errs != nil {
					t.Fatal(errs)
				}
			}
		})
	}
}

// beatOfBefore is how a program of the release before says that it is alive.
const beatOfBefore = `INSERT INTO symphony.messenger_nodes AS n (id, seen_at, started_at, name, version, info)
	VALUES ('01a0a0a0-0000-7000-8000-000000000000', now(), now(), 'old-1', '0.9', '{}')
	ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at, info = excluded.info`

// A program of the release before would handle a message without heeding what it has of its own. So none is taken while
// one is alive.
func TestTerms_are_refused_while_an_older_node_is_alive(t *testing.T) {
	url := pgtest.URL(t)
	extra(t, url, postgres.Options{})
	dispatch := func(o symphony.DispatchOptions) error {
		t.Helper()
		bus, err := symphony.NewBus([]symphony.Transport{extra(t, url, postgres.Options{})}, symphony.BusOptions{})
		if err != nil {
			t.Fatal(err)
		}
		_, err = bus.Dispatch(t.Context(), "Order", struct{}{}, o)
		return err
	}
	follows := symphony.DispatchOptions{OnSuccess: &symphony.Callback{Type: "Done"}}
	exec(t, url, beatOfBefore)
	var invalid *symphony.ValidationError
	for _, o := range []symphony.DispatchOptions{follows, {MaxRetries: new(1)}, {Timeout: symphony.MinTimeout}} {
		err := dispatch(o)
		if !errors.As(err, &invalid) || invalid.Problems[0].Path != "options" ||
			!strings.Contains(err.Error(), "old-1") {
			t.Errorf("got %v, want a refusal that names the node", err)
		}
	}
	if err := dispatch(symphony.DispatchOptions{Tags: []string{"a"}}); err != nil {
		t.Errorf("tags, which bind nobody: %v", err)
	}
	exec(t, url, "UPDATE symphony.messenger_nodes SET seen_at = now() - interval '1 minute' WHERE name = 'old-1'")
	if err := dispatch(follows); err != nil {
		t.Errorf("when it is gone: %v", err)
	}
}
