package postgres_test

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
	"github.com/symphony-messenger/symphony/internal/pgtest"
	"github.com/symphony-messenger/symphony/transport/postgres"
)

// oneAtATime is a change that sets a limit.
func oneAtATime(time.Time, time.Time, *flow.Limits) ([]flow.SetLimit, []flow.LimitTarget, error) {
	one := flow.SetLimit{LimitTarget: flow.LimitTarget{Type: "Job"}, Set: true, Limit: flow.Limit{Concurrency: 1}}
	return []flow.SetLimit{one}, nil, nil
}

// The first claim of any node after the answer keeps to a limit, whether that node has heard of it or not.
func TestLimitsHoldOnOtherNodesAtOnce(t *testing.T) {
	t.Parallel()
	nodes := openNodes(t, pgtest.URL(t), 3, postgres.Options{})
	bus, err := symphony.NewBus([]symphony.Transport{nodes[0]}, symphony.BusOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		if _, err := bus.Dispatch(t.Context(), "Job", json.RawMessage(`{}`), symphony.DispatchOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	// All of them know of the messages, and that nothing is limited.
	for _, tr := range nodes {
		list, err := tr.Receive(t.Context(), symphony.ReceiveOptions{Max: 1, Wait: patience})
		if err != nil || len(list) != 1 {
			t.Fatalf("received %d, %v", len(list), err)
		}
		ack := symphony.Settlement{Lease: list[0].Lease, Outcome: symphony.Ack}
		if errs := tr.Settle(t.Context(), []symphony.Settlement{ack}); errs != nil {
			t.Fatal(errs)
		}
	}
	if err := nodes[0].ChangeLimits(t.Context(), oneAtATime); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, tr := range slices.Backward(nodes) {
		list, err := tr.Receive(t.Context(), symphony.ReceiveOptions{Max: 10})
		if err != nil {
			t.Fatal(err)
		}
		n += len(list)
	}
	if n != 1 {
		t.Errorf("%d are in hand, want 1", n)
	}
	states, err := nodes[2].LimitStates(t.Context())
	if err != nil || len(states) != 1 || states[0].Running != 1 {
		t.Errorf("states %+v, %v; want one running", states, err)
	}
}

// A node of an older release would hand out messages regardless.
func TestLimitsAreRefusedWhileAnOlderNodeIsAlive(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	tr := openNodes(t, url, 1, postgres.Options{})[0]
	exec(t, url, `INSERT INTO symphony.messenger_nodes (id, seen_at, started_at, name, version, info)
		VALUES ('00000000-0000-7000-8000-000000000001', now(), now(), 'old', '0.1', '{}')`)
	var older *flow.OlderNodesError
	err := tr.ChangeLimits(t.Context(), oneAtATime)
	if !errors.As(err, &older) || !slices.Equal(older.Nodes, []string{"old"}) {
		t.Fatalf("got %v, want a refusal that names the node", err)
	}
	if states, err := tr.LimitStates(t.Context()); err != nil || len(states) != 0 {
		t.Errorf("states %+v, %v; want nothing set", states, err)
	}
	exec(t, url, `DELETE FROM symphony.messenger_nodes WHERE name = 'old'`)
	if err := tr.ChangeLimits(t.Context(), oneAtATime); err != nil {
		t.Errorf("without it: %v", err)
	}
}
