package event_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/symphony-messenger/symphony/event"
	"github.com/symphony-messenger/symphony/internal/pgtest"
	"github.com/symphony-messenger/symphony/transport/postgres"
)

// What recorders of two nodes write on one PostgreSQL, readers at both see, once, in one order.
func TestNodes_see_what_happens_at_others(t *testing.T) {
	const nodes, each = 2, 400
	url := pgtest.URL(t)
	var (
		hubs      [nodes]*event.Hub
		recorders [nodes]*event.Recorder
		readers   [nodes]*event.Reader
	)
	for i := range nodes {
		tr, err := postgres.Open(t.Context(), url, postgres.Options{Logger: quiet})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { tr.Close() })
		hubs[i] = follow(t, tr, event.HubOptions{})
		recorders[i], _ = record(t, tr)
		readers[i] = reader(t, hubs[i], event.FromNow, "")
	}
	var all sync.WaitGroup
	for i := range nodes {
		all.Go(func() {
			for n := range each {
				recorders[i].Publish(event.Audit, map[string]string{"from": fmt.Sprint(i, "-", n)})
			}
		})
	}
	for i := range nodes {
		got, _ := read(t, readers[i], nodes*each)
		if diff := cmp.Diff(sequence(1, nodes*each), got); diff != "" {
			t.Errorf("node %d (-want +got):\n%s", i, diff)
		}
	}
	all.Wait()
	// One of another node is seen within the time of a poll, and what a poll takes.
	began := time.Now()
	recorders[0].Publish(event.Audit, map[string]string{"from": "0"})
	read(t, readers[1], 1)
	t.Logf("an event of another node was seen after %v", time.Since(began).Round(time.Millisecond))
}
