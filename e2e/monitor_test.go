//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony/httpapi/wire"
	"github.com/symphony-messenger/symphony/internal/pgtest"
)

const monitored = `
worker: {grace: 1s, lease: 5s}
handlers:
  - type: ok.*
    command: {run: ["true"]}
  - type: bad.*
    command: {run: ["false"]}
    retry: {max_retries: 0}
  - type: stuck.*
    command: {run: [sleep, "600"]}
`

func (s *server) dispatchOf(typ string) {
	s.Helper()
	if status, r, err := s.dispatch(webhook{typ: typ, payload: json.RawMessage(`{}`), key: fmt.Sprint(typ, time.Now().UnixNano())}); err != nil || status != 201 {
		s.Fatalf("dispatch: %d %+v, %v", status, r, err)
	}
}

func (s *server) metrics() (m wire.MetricsResponse) {
	s.Helper()
	if status, err := s.call("GET", "/api/symphony/metrics?minutes=60", "", &m); err != nil || status != 200 {
		s.Fatalf("metrics: %d, %v", status, err)
	}
	return m
}

// Figures of a process outlive it, except for those of its last seconds where it is killed.
func TestMetricsOutliveTheProcess(t *testing.T) {
	onEachStorage(t, func(t *testing.T, database string) {
		s := newServer(t, database, monitored)
		for range 20 {
			s.dispatchOf("ok.a")
			s.dispatchOf("bad.a")
		}
		s.drained()
		until(t, "the figures", func() bool { return s.metrics().Totals.Processed == 40 })
		// On a busy machine a worker gives back what others must not wait for, which counts as released.
		released := s.metrics().Totals.Released
		addr := strings.TrimPrefix(s.url, "http://")
		if err := s.cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		if err := s.cmd.Wait(); err != nil {
			t.Fatal(err)
		}
		s.start(addr)
		m := s.metrics()
		want := wire.Totals{Dispatched: 40, Processed: 40, Succeeded: 20, Failed: 20, Dead: 20, Released: released}
		if m.Totals != want || m.ByMessageType["bad.a"].Dead != 20 || m.P99 <= 0 || m.Waiting.P95 <= 0 || len(m.Errors) != 1 || m.Errors[0].Count != 20 {
			t.Errorf("after a restart %+v, by type %+v, errors %+v; want %+v", m.Totals, m.ByMessageType, m.Errors, want)
		}
		s.dispatchOf("ok.a")
		s.drained()
		<-time.After(12 * time.Second) // its next write is over
		s.dispatchOf("ok.a")
		s.drained()
		s.kill()
		s.start(addr)
		if got := s.metrics().Totals.Succeeded; got < 21 || got > 22 {
			t.Errorf("after a crash %d succeeded, want the 21 that were written, or 22", got)
		}
	})
}

// A worker that is killed is missed; who looks at another node sees all of them.
func TestTwoNodesAreSeenAsOne(t *testing.T) {
	t.Parallel()
	database := pgtest.URL(t)
	a := newServer(t, database, monitored)
	b := newServer(t, database, monitored)
	for range 10 {
		a.dispatchOf("ok.a")
		b.dispatchOf("ok.a")
	}
	a.drained()
	for _, s := range []*server{a, b} {
		until(t, "the figures of both nodes", func() bool { m := s.metrics(); return m.Totals.Processed == 20 && m.Totals.Dispatched == 20 })
	}
	workers := func() (w wire.WorkersResponse) {
		if status, err := a.call("GET", "/api/symphony/workers", "", &w); err != nil || status != 200 {
			t.Fatalf("workers: %d, %v", status, err)
		}
		return w
	}
	b.dispatchOf("stuck.a")
	until(t, "the stuck message to be seen", func() bool {
		for _, n := range workers().Nodes {
			for _, w := range n.Workers {
				if len(w.AtWork) == 1 && w.AtWork[0].Type == "stuck.a" && w.Running {
					return true
				}
			}
		}
		return false
	})
	if got := workers(); len(got.Nodes) != 2 {
		t.Errorf("%d nodes, want 2", len(got.Nodes))
	}
	if out := a.run("workers"); !strings.Contains(out, "stuck.a") {
		t.Errorf("symphony workers says\n%s", out)
	}
	if out := a.run("health"); !strings.HasPrefix(out, "healthy\n") {
		t.Errorf("symphony health says\n%s", out)
	}
	// Prometheus sees the storage on each node, and attempts where they were made.
	attempts := 0
	for _, s := range []*server{a, b} {
		req, _ := http.NewRequest("GET", s.url+"/metrics", nil)
		req.Header.Set("Authorization", "Bearer "+s.key)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != 200 {
			t.Fatalf("%d %s, %v", resp.StatusCode, raw, err)
		}
		text := string(raw)
		if !strings.Contains(text, `symphony_messages{queue="default",state="processing",transport="default"} 1`) {
			t.Errorf("node %s does not show the message in hand:\n%s", s.url, text)
		}
		if m := regexp.MustCompile(`symphony_attempts_total\{outcome="succeeded",transport="default",type="ok.a"\} (\d+)`).FindStringSubmatch(text); m != nil {
			var n int
			fmt.Sscan(m[1], &n)
			attempts += n
		}
	}
	if attempts != 20 {
		t.Errorf("the nodes show %d attempts together, want 20", attempts)
	}
}
