package operation_test

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/internal/pgtest"
	"github.com/symphony-messenger/symphony/operation"
	"github.com/symphony-messenger/symphony/transport/postgres"
	"github.com/symphony-messenger/symphony/transport/sqlite"
)

// until waits for what other processes do.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); !done(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("still waiting for %s", what)
		}
	}
}

// onEach runs operations of all kinds with several nodes on a storage, of which each has a transport of its own.
func onEach(t *testing.T, nodes []database) {
	fixtures := make([]*fixture, len(nodes))
	for i, tr := range nodes {
		fixtures[i] = on(t, tr, symphony.BusOptions{})
		fixtures[i].Operations = fixtures[i].node(fmt.Sprint("node ", i))
	}
	f := fixtures[0]
	f.fail(1000, "Retry")
	f.fail(1000, "Delete")
	f.complete(1000, "Replay")
	stops := make([]func(), len(nodes))
	for i, f := range fixtures {
		stops[i] = running(f.Operations)
	}
	var ids []string
	for i, r := range []operation.Request{
		{Kind: operation.FailedRetry, Filter: &symphony.MessageFilter{Type: "Retry"}},
		{Kind: operation.FailedDelete, Filter: &symphony.MessageFilter{Type: "Delete"}, Rate: 1000},
		{Kind: operation.MessagesReplay, Filter: &symphony.MessageFilter{Type: "Replay"}, Rate: 2000},
	} {
		ids = append(ids, fixtures[i%len(fixtures)].start(r).ID)
	}
	// Nodes go and come back while they are worked on.
	for round := range 4 {
		i := round % len(nodes)
		stops[i]()
		fixtures[i].Operations = fixtures[i].node(fmt.Sprint("node ", i, " again"))
		stops[i] = running(fixtures[i].Operations)
	}
	until(t, "the operations", func() bool {
		for _, id := range ids {
			if f.get(id).State != operation.Completed {
				return false
			}
		}
		return true
	})
	for _, stop := range stops {
		stop()
	}
	for _, id := range ids {
		f.want(id, operation.Completed, 1000, 0)
	}
	f.wantCounts(2000, 1000, 0)
	got := make(map[string]int)
	for {
		list, err := f.tr.Receive(context.Background(), symphony.ReceiveOptions{Max: symphony.MaxReceive})
		if err != nil {
			t.Fatal(err)
		}
		if len(list) == 0 {
			break
		}
		for _, d := range list {
			got[d.Type+string(d.Payload)]++
		}
	}
	for what, n := range got {
		if n != 1 {
			t.Errorf("%s was dispatched %d times", what, n)
		}
	}
	if len(got) != 2000 {
		t.Errorf("%d messages, want 2000", len(got))
	}
}

func TestOperations_of_nodes_on_SQLite(t *testing.T) {
	tr, err := sqlite.Open(context.Background(), filepath.Join(t.TempDir(), "queue.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	onEach(t, []database{tr, tr})
}

func TestOperations_of_nodes_on_PostgreSQL(t *testing.T) {
	url := pgtest.URL(t)
	var nodes []database
	for range 2 {
		tr, err := postgres.Open(context.Background(), url, postgres.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer tr.Close()
		nodes = append(nodes, tr)
	}
	onEach(t, nodes)
}

// Of many who stop, resume and carry on one operation at the same time, nobody does anything twice.
func TestOperation_is_stopped_and_resumed_by_many(t *testing.T) {
	tr, err := sqlite.Open(context.Background(), filepath.Join(t.TempDir(), "queue.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	f := on(t, tr, symphony.BusOptions{})
	f.fail(2000, "Mail")
	op := f.start(operation.Request{Kind: operation.FailedRetry, Filter: &symphony.MessageFilter{}, Rate: 4000})
	var all sync.WaitGroup
	for i := range 3 {
		ops := f.node(fmt.Sprint(i))
		all.Go(func() {
			stop := running(ops)
			for range 20 {
				if _, err := ops.Stop(context.Background(), op.ID); err != nil && f.get(op.ID).State != operation.Completed {
					t.Error(err)
				}
				if _, err := ops.Resume(context.Background(), op.ID); err != nil && f.get(op.ID).State != operation.Completed {
					t.Error(err)
				}
			}
			until(t, "the end", func() bool { return f.get(op.ID).State == operation.Completed })
			stop()
		})
	}
	all.Wait()
	f.want(op.ID, operation.Completed, 2000, 0)
	f.wantCounts(2000, 0, 0)
}
