package postgres_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/internal/pgtest"
	"github.com/symphony-messenger/symphony/transport/postgres"
)

var everyOutcome = []symphony.Outcome{symphony.Ack, symphony.Retry, symphony.Fail, symphony.Release}

// A node that does not know that another one has given a message back has both of its deliveries in memory. What is
// settled in one call shares a transaction, as calls at the same time do.
func TestSettle_refuses_a_stale_delivery_beside_the_live_one_of_the_same_message(t *testing.T) {
	nodes := openNodes(t, pgtest.URL(t), 2, postgres.Options{})
	bus, err := symphony.NewBus([]symphony.Transport{nodes[0]}, symphony.BusOptions{})
	if err != nil {
		t.Fatal(err)
	}
	claim := func(t *testing.T) symphony.Delivery {
		t.Helper()
		got, err := nodes[0].Receive(t.Context(), symphony.ReceiveOptions{Max: 1, Wait: patience})
		if err != nil || len(got) != 1 {
			t.Fatalf("got %d messages, %v", len(got), err)
		}
		return got[0]
	}
	for _, first := range everyOutcome {
		for _, second := range everyOutcome {
			t.Run(fmt.Sprintf("stale %s, live %s", first, second), func(t *testing.T) {
				if _, err := bus.Dispatch(t.Context(), "Order", struct{}{}, symphony.DispatchOptions{}); err != nil {
					t.Fatal(err)
				}
				stale := claim(t)
				if errs := nodes[1].Settle(t.Context(), []symphony.Settlement{{Lease: stale.Lease, Outcome: symphony.Retry}}); errs != nil {
					t.Fatal(errs)
				}
				live := claim(t)
				errs := nodes[0].Settle(t.Context(), []symphony.Settlement{
					{Lease: stale.Lease, Outcome: first}, {Lease: live.Lease, Outcome: second}, {Lease: stale.Lease, Outcome: symphony.Ack},
				})
				if len(errs) != 3 || !errors.Is(errs[0], symphony.ErrLeaseLost) || errs[1] != nil || !errors.Is(errs[2], symphony.ErrLeaseLost) {
					t.Fatalf("got %v, want that only the live delivery is settled", errs)
				}
				if second == symphony.Retry || second == symphony.Release {
					last := claim(t)
					if errs := nodes[0].Settle(t.Context(), []symphony.Settlement{{Lease: last.Lease, Outcome: symphony.Ack}}); errs != nil {
						t.Fatal(errs)
					}
				}
				if stats, err := nodes[0].Stats(t.Context()); err != nil || stats.Depth() != 0 {
					t.Fatalf("got %+v, %v, want that nothing is left", stats, err)
				}
			})
		}
	}
}

func TestSettle_takes_a_lease_that_is_spelled_in_two_ways_for_one_delivery(t *testing.T) {
	tr := openNodes(t, pgtest.URL(t), 1, postgres.Options{})[0]
	bus, err := symphony.NewBus([]symphony.Transport{tr}, symphony.BusOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bus.Dispatch(t.Context(), "Order", struct{}{}, symphony.DispatchOptions{}); err != nil {
		t.Fatal(err)
	}
	got, err := tr.Receive(t.Context(), symphony.ReceiveOptions{})
	if err != nil || len(got) != 1 {
		t.Fatalf("got %d messages, %v", len(got), err)
	}
	shouted := got[0].Lease
	shouted.Token = strings.ToUpper(shouted.Token)
	errs := tr.Settle(t.Context(), []symphony.Settlement{{Lease: got[0].Lease, Outcome: symphony.Ack}, {Lease: shouted, Outcome: symphony.Retry}})
	if len(errs) != 2 || errs[0] != nil || !errors.Is(errs[1], symphony.ErrLeaseLost) {
		t.Fatalf("got %v, want that the second is lost", errs)
	}
	if stats, err := tr.Stats(t.Context()); err != nil || stats.Depth() != 0 || stats.Completed != 1 {
		t.Fatalf("got %+v, %v, want one completed message", stats, err)
	}
}
