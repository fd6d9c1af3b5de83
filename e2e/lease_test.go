//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony/handler"
	"github.com/symphony-messenger/symphony/internal/pgtest"
)

// arrival is one delivery at an endpoint, which answers when it is told to.
type arrival struct {
	handler.Body
	answer chan struct{}
}

func startGate(t *testing.T) (url string, arrivals chan arrival) {
	arrivals = make(chan arrival, 10)
	closing := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := arrival{answer: make(chan struct{})}
		if err := json.NewDecoder(r.Body).Decode(&a.Body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		arrivals <- a
		select {
		case <-a.answer:
		case <-closing:
		}
	}))
	t.Cleanup(func() { close(closing); s.Close() })
	return s.URL, arrivals
}

func next(t *testing.T, arrivals chan arrival) arrival {
	t.Helper()
	select {
	case a := <-arrivals:
		return a
	case <-time.After(deadline):
		t.Fatal("nothing arrived")
		return arrival{}
	}
}

const leaseConfig = `
worker:
  lease: 2s
server:
  access_log: false
handlers:
  - type: "*"
    http:
      url: %s
      secrets: [%s]
`

// A worker that stands still past its lease has lost its message: another one handles it, and the first is refused.
func TestStoppedWorkerIsRefused(t *testing.T) {
	t.Parallel()
	url, arrivals := startGate(t)
	p := newPack(t, pgtest.URL(t), fmt.Sprintf(leaseConfig, url, newSecret))
	s := &server{T: t, database: p.database, folder: p.folder}
	p.add("worker")
	var sent receipt
	if err := json.Unmarshal([]byte(s.run("dispatch", "slow", "{}", "--json")), &sent); err != nil {
		t.Fatal(err)
	}
	first := next(t, arrivals)
	if err := p.nodes[0].cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	p.add("worker")
	second := next(t, arrivals)
	if first.ID != second.ID || first.Attempt != 1 || second.Attempt != 2 {
		t.Fatalf("got attempt %d of %s and attempt %d of %s", first.Attempt, first.ID, second.Attempt, second.ID)
	}
	close(second.answer)
	status := func() (c counts) {
		var out struct{ Transports []struct{ Queue counts } }
		if err := json.Unmarshal([]byte(s.run("status", "--json")), &out); err != nil || len(out.Transports) != 1 {
			t.Fatalf("status: %v", err)
		}
		return out.Transports[0].Queue
	}
	until(t, "the second worker to finish", func() bool { return status().Completed == 1 })
	close(first.answer)
	if err := p.nodes[0].cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	until(t, "the first worker to be refused", func() bool { return strings.Contains(p.nodes[0].log.String(), "lease") })
	if c := status(); c != (counts{Completed: 1}) {
		t.Errorf("status says %+v, want one completed message", c)
	}
}

// A message that takes longer than its lease stays with its worker, by heartbeats.
func TestLongMessageStaysLeased(t *testing.T) {
	t.Parallel()
	url, arrivals := startGate(t)
	p := newPack(t, pgtest.URL(t), fmt.Sprintf(leaseConfig, url, newSecret))
	s := &server{T: t, database: p.database, folder: p.folder}
	p.add("worker")
	p.add("worker")
	s.run("dispatch", "slow", "{}")
	a := next(t, arrivals)
	select {
	case again := <-arrivals:
		t.Errorf("attempt %d came while attempt %d was handled", again.Attempt, a.Attempt)
	case <-time.After(6 * time.Second): // three leases long
	}
	close(a.answer)
	until(t, "the message to be completed", func() bool { return strings.Contains(s.run("status", "--json"), `"completed": 1`) })
}
