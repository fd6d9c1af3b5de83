//go:build e2e

package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"
	"time"
)

// TestOperations kills the server while it retries and replays in bulk. Each message is moved exactly once.
func TestOperations(t *testing.T) { onEachStorage(t, operated) }

func operated(t *testing.T, database string) {
	const messages = 3000
	s := newServer(t, database, `
retry: {max_retries: 0}
worker:
  continuous: {queues: [work]}
handlers:
  - type: ok
    command: {run: ["true"]}
`)
	address, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	// Expired at once, they fail without a handler.
	for from := 0; from < messages; from += 1000 {
		var batch []string
		for i := range 1000 {
			batch = append(batch, fmt.Sprintf(`{"message":{"type":"T","payload":{"n":%d}},"options":{"queue":"idle","expiresAt":"2020-01-01T00:00:00Z"}}`, from+i))
		}
		var out struct{ Error string }
		if status, err := s.call("POST", "/api/symphony/dispatch/batch", `{"messages":[`+strings.Join(batch, ",")+`]}`, &out); err != nil || status != 201 {
			t.Fatalf("dispatch: %d %s, %v", status, out.Error, err)
		}
	}
	until(t, "the messages to fail", func() bool { return s.status().Queue.Failed == messages })
	var started struct {
		Operation struct{ ID string }
		Error     string
	}
	if status, err := s.call("POST", "/api/symphony/failed/retry", `{"filter":{},"background":true,"rate":1000}`, &started); err != nil || status != 202 {
		t.Fatalf("retry: %d %s, %v", status, started.Error, err)
	}
	var last struct {
		Operation struct {
			State                string
			Done, Skipped, Total int64
		}
	}
	for range 5 {
		timer := time.NewTimer(time.Duration(100+rand.IntN(400)) * time.Millisecond)
		<-timer.C
		s.kill()
		s.start(address.Host)
	}
	until(t, "the operation", func() bool {
		status, err := s.call("GET", "/api/symphony/operations/"+started.Operation.ID, "", &last)
		return err == nil && status == 200 && last.Operation.State == "completed"
	})
	if op := last.Operation; op.Done != messages || op.Skipped != 0 || op.Total != messages {
		t.Errorf("after five deaths: %+v", op)
	}
	if c := s.status().Queue; c.Pending != messages || c.Failed != 0 {
		t.Errorf("status says %+v, want %d pending", c, messages)
	}
	seen := make(map[string]bool)
	for line := range strings.Lines(s.run("messages", "export", "--format", "csv", "--status", "pending")) {
		_, payload, ok := strings.Cut(line, `"{""n"":`)
		if !ok {
			continue
		}
		if n, _, _ := strings.Cut(payload, "}"); seen[n] {
			t.Errorf("message %s is there twice", n)
		} else {
			seen[n] = true
		}
	}
	if len(seen) != messages {
		t.Errorf("%d messages were exported, want %d", len(seen), messages)
	}
}
