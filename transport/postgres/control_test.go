package postgres_test

import (
	"errors"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
	"github.com/symphony-messenger/symphony/internal/pgtest"
	"github.com/symphony-messenger/symphony/transport/postgres"
)

// TestControl_comes_to_an_end_where_another_node_was_first has a pause ended by another node after this one has read
// that it is over, and before it has the flow to itself.
func TestControl_comes_to_an_end_where_another_node_was_first(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	node := openNodes(t, url, 1, postgres.Options{PollInterval: time.Hour})[0]
	id := sendJobs(t, node, 1, symphony.DispatchOptions{Queue: "paused"})[0]
	hold := flow.Hold{HoldTarget: flow.HoldTarget{Queue: "paused"}, Mode: flow.Paused, Since: time.Now(),
		Until: time.Now().Add(2 * time.Second).Truncate(time.Microsecond)}
	if err := flow.Of(node).Hold(t.Context(), hold); err != nil {
		t.Fatal(err)
	}
	tx := locking(t, url, "SELECT FROM symphony.messenger_flow FOR UPDATE")
	soon(t, "the node to wait for the flow", func() error {
		if count(t, url, `SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock'`) == 0 {
			return errors.New("not yet")
		}
		return nil
	})
	if _, err := tx.Exec(t.Context(), "DELETE FROM symphony.messenger_holds"); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := make(chan []symphony.Delivery, 1)
	go func() {
		list, err := node.Receive(t.Context(), symphony.ReceiveOptions{Queues: []string{"paused"}, Wait: patience})
		if err != nil {
			t.Error(err)
		}
		got <- list
	}()
	select {
	case list := <-got:
		if len(list) != 1 || list[0].ID != id {
			t.Errorf("got %v", list)
		}
	case <-time.After(2 * patience):
		t.Fatal("the node goes on for ever")
	}
}
