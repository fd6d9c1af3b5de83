package postgres_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/internal/pgtest"
	"github.com/symphony-messenger/symphony/transport/postgres"
)

// TestLanes_committed_after_newer_ones_are_met has a queue made by a transaction that ends after a newer queue is known.
func TestLanes_committed_after_newer_ones_are_met(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	nodes := openNodes(t, url, 2, postgres.Options{PollInterval: time.Hour})
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `INSERT INTO symphony.messenger_lanes (transport, queue, controlled)
		VALUES ('default', 'older', false)`); err != nil {
		t.Fatal(err)
	}
	for _, queue := range []string{"newer", "older"} {
		if queue == "older" {
			if err := tx.Commit(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		id := sendJobs(t, nodes[0], 1, symphony.DispatchOptions{Queue: queue})[0]
		got, err := nodes[1].Receive(t.Context(), symphony.ReceiveOptions{Queues: []string{queue}, Wait: patience})
		if err != nil || len(got) != 1 || got[0].ID != id {
			t.Fatalf("%s: got %v, %v", queue, got, err)
		}
	}
}
