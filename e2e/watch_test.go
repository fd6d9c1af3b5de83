//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/symphony-messenger/symphony/client"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// Who watches one node sees what happens at all, once and in order, though that node is killed meanwhile. A webhook is told
// once of what is wrong, and once when it is over, with a signature that an independent library verifies. What people did is
// in the audit trail.
func TestWatching(t *testing.T) { onEachStorage(t, watching) }

func watching(t *testing.T, database string) {
	const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	hook := startReceiver(t, secret)
	config := fmt.Sprintf(`
alerts:
  interval: 1s
  for: 0s
  dead_letters: {enabled: false}
  error_rate: {enabled: false}
  oldest_message: {age: 5s}
  no_workers: {enabled: false}
  webhooks:
    - {url: %q, secrets: [%s]}
worker: {continuous: {queues: [default]}}
`, hook.url, secret)
	s := newServer(t, database, config)
	other := s
	if database != "" {
		other = newServer(t, database, config)
	}

	ctx, cancel := context.WithCancel(t.Context())
	var (
		mu       sync.Mutex
		numbers  []int64
		failed   = map[string]bool{}
		types    = map[string]int{}
		watching sync.WaitGroup
	)
	c, err := client.New(s.url, s.key, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	connected := make(chan struct{}, 10)
	watching.Go(func() {
		zero := int64(0)
		_ = c.Events(ctx, client.EventQuery{After: &zero}, func(e wire.Event) error { // until ctx ends
			mu.Lock()
			defer mu.Unlock()
			if types[e.Type]++; e.Type == "connected" {
				connected <- struct{}{}
			}
			if e.ID > 0 {
				numbers = append(numbers, e.ID)
			}
			if e.Type == "message.failed" {
				var data struct{ MessageID string }
				if err := json.Unmarshal(e.Data, &data); err != nil {
					t.Error(err)
				}
				failed[data.MessageID] = true
			}
			if strings.Contains(string(e.Data), "hunter2") {
				t.Errorf("a payload is in %s", e.Data)
			}
			return nil
		})
	})
	defer watching.Wait()
	defer cancel()
	<-connected

	var want []string
	dispatch := func(at *server, n int) {
		for range n {
			_, r, err := at.dispatch(webhook{typ: "nobody.handles", payload: json.RawMessage(`{"secret": "hunter2"}`), key: fmt.Sprint("k", len(want))})
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, r.MessageID)
		}
	}
	dispatch(other, 5)
	dispatch(s, 5)
	address := strings.TrimPrefix(s.url, "http://")
	s.drained()
	s.kill()
	if other != s {
		dispatch(other, 5)
	}
	s.start(address)
	dispatch(s, 5)
	// A process that is killed takes with it events that it has not written; messages it has not settled fail again. So
	// those of the first ten may be missing, and no others.
	until(t, "the failures", func() bool {
		mu.Lock()
		defer mu.Unlock()
		for _, id := range want[10:] {
			if !failed[id] {
				return false
			}
		}
		return true
	})
	mu.Lock()
	for i, n := range numbers {
		if n != int64(i+1) {
			t.Errorf("event %d has number %d", i+1, n)
			break
		}
	}
	mu.Unlock()

	// Nobody works on this queue.
	if status, err := other.call("POST", "/api/symphony/dispatch", `{"message":{"type":"Slow","payload":{}},"options":{"queue":"lonely"}}`, &receipt{}); err != nil || status != 201 {
		t.Fatal(status, err)
	}
	// told counts notifications of alerts that ever named the queue, by type.
	told := func() map[string]int {
		hook.mu.Lock()
		defer hook.mu.Unlock()
		if len(hook.bad) > 0 {
			t.Fatal(hook.bad)
		}
		counts, lonely := map[string]int{}, ""
		type notification struct {
			ID, Type, Text string
			Data           struct{ Alert, Rule, Queue string }
		}
		var all []notification
		for id, body := range hook.got {
			var n notification
			if err := json.Unmarshal(body, &n); err != nil || n.ID != id || n.Text == "" || n.Data.Rule != "oldest_message_too_old" {
				t.Fatalf("got %s under %s: %v", body, id, err)
			}
			if n.Data.Queue == "lonely" {
				lonely = n.Data.Alert
			}
			all = append(all, n)
		}
		for _, n := range all {
			if n.Data.Alert == lonely && lonely != "" {
				counts[n.Type]++
			}
		}
		return counts
	}
	until(t, "the alert to fire", func() bool { return told()["alert.firing"] > 0 })
	s.run("purge", "--queue", "lonely", "--yes")
	until(t, "the alert to be resolved", func() bool { return told()["alert.resolved"] > 0 })
	if got := told(); got["alert.firing"] != 1 || got["alert.resolved"] != 1 {
		t.Errorf("got %v", got)
	}
	s.run("failed", "delete", "--all", "--yes")
	out := s.run("audit", "--json")
	for _, action := range []string{"queue.purge", "failed.delete_bulk", "key.create"} {
		if !strings.Contains(out, action) {
			t.Errorf("%s is not in the audit trail:\n%s", action, out)
		}
	}
	if strings.Contains(out, "hunter2") || strings.Contains(out, "sym_") {
		t.Errorf("a payload or a secret is in the audit trail:\n%s", out)
	}
	until(t, "the action to be seen", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return types["audit"] >= 2
	})
}
