package postgres_test

import (
	"errors"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/internal/pgtest"
	"github.com/symphony-messenger/symphony/transport/postgres"
)

// TestJoin_of_a_node_that_another_has_not_noticed has a node dispatch while it thinks that it is alone, after another has
// joined and looked for messages: nothing is announced then, and nobody looks again by itself.
func TestJoin_of_a_node_that_another_has_not_noticed(t *testing.T) {
	url := pgtest.URL(t)
	deaf := pgtest.NewProxy(t, url)
	old := openNodes(t, url, 1, postgres.Options{PollInterval: time.Hour, ListenURL: deaf.URL(url)})[0]
	listening := func(n int) {
		soon(t, "listening", func() error {
			if count(t, url, `SELECT count(*) FROM pg_stat_activity
				WHERE datname = current_database() AND query LIKE 'LISTEN%' AND state = 'idle'`) < n {
				return errors.New("not yet")
			}
			return nil
		})
	}
	listening(1)
	deaf.Cut()
	joined := openNodes(t, url, 1, postgres.Options{PollInterval: time.Hour})[0]
	listening(2)
	if list, err := joined.Receive(t.Context(), symphony.ReceiveOptions{Wait: 300 * time.Millisecond}); err != nil || len(list) > 0 {
		t.Fatalf("got %v, %v", list, err)
	}
	id := sendJobs(t, old, 1, symphony.DispatchOptions{})[0]
	got := make(chan []symphony.Delivery, 1)
	go func() {
		list, err := joined.Receive(t.Context(), symphony.ReceiveOptions{Wait: patience})
		if err != nil {
			t.Error(err)
		}
		got <- list
	}()
	deaf.Restore()
	if list := <-got; len(list) != 1 || list[0].ID != id {
		t.Fatalf("got %v", list)
	}
}
