//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// handled is a message as an endpoint got it.
type handled struct {
	Type, CorrelationID, CausationID string
	Attempt                          int
	Payload                          struct {
		N    int
		Key  string
		Fail bool
	}
	at time.Time
}

// hook notes what arrives. It answers 503 while it is down, and to messages that say so.
type hook struct {
	*testing.T
	mu   sync.Mutex
	down bool
	got  []handled
}

func (e *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(r.Body)
	var a handled
	if err != nil || json.Unmarshal(raw, &a) != nil {
		e.Errorf("body %s, %v", raw, err)
	}
	a.at = time.Now()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.got = append(e.got, a)
	if e.down || a.Payload.Fail {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

func (e *hook) setDown(down bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.down = down
}

// of returns what has arrived of a type.
func (e *hook) of(typ string) []handled {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(e.got), func(a handled) bool { return a.Type != typ })
}

// sent is the answer to a dispatch.
type sent struct {
	MessageID, Code string
	Details         []struct{ Path string }
}

func (s *server) send(typ, payload, options string) (r sent, status int) {
	s.Helper()
	status, err := s.call("POST", "/api/symphony/dispatch", fmt.Sprintf(`{"message": {"type": %q, "payload": %s}, "options": {%s}}`, typ, payload, options), &r)
	if err != nil {
		s.Fatal(err)
	}
	return r, status
}

// Retry policies by type, rates by key and queue, turns, delays, ids of a story, schemas and the circuit breaker.
func TestPoliciesByType(t *testing.T) { onEachStorage(t, policiesByType) }

func policiesByType(t *testing.T, database string) {
	e := &hook{T: t}
	web := httptest.NewServer(e)
	t.Cleanup(web.Close)
	s := newServer(t, database, fmt.Sprintf(`
types:
  Listed: {retry: {delays: [50ms, 300ms, 100ms], jitter: 0}}
  Linear: {retry: {backoff: linear, initial_delay: 100ms, max_retries: 3, jitter: 0}}
  Fixed: {retry: {backoff: fixed, initial_delay: 150ms, max_retries: 2, jitter: 0}}
  Doubled: {retry: {initial_delay: 100ms, multiplier: 2, max_retries: 2, jitter: 0}}
  ByKey: {per_key: {rate: 10/s}}
  Checked: {schema: checked.json}
queues:
  default/slow: {rate: 10/s}
handlers:
  - {type: Down, http: {url: %[1]q}, breaker: {failures: 3, pause: 300ms, max_pause: 600ms}}
  - {type: "*", http: {url: %[1]q}, breaker: {enabled: false}}
`, web.URL), file{"checked.json", `{"type": "object", "properties": {"items": {"items": {"required": ["sku"]}}}}`})

	waits := map[string][]int{"Listed": {50, 300, 100}, "Linear": {100, 200, 300}, "Fixed": {150, 150}, "Doubled": {100, 200}} // ms
	for typ := range waits {
		s.send(typ, `{"fail": true}`, "")
	}
	for n := range 12 {
		s.send("ByKey", `{}`, `"concurrencyKey": "k"`)
		s.send("ByQueue", fmt.Sprintf(`{"n": %d}`, n), `"queue": "slow"`)
	}
	before := time.Now()
	s.send("Later", `{}`, `"delay": 500`)
	s.send("Told", `{}`, `"correlationId": "story", "causationId": "cause"`)
	first, _ := s.send("Begun", `{}`, "")

	if r, status := s.send("Checked", `{"items": [{"sku": 1}, {}]}`, ""); status != 400 || r.Code != "validation_failed" || len(r.Details) != 1 || r.Details[0].Path != "message.payload.items[1].sku" {
		t.Errorf("a payload that does not fit: %d %+v", status, r)
	}
	if _, status := s.send("Checked", `{"items": [{"sku": 1}]}`, ""); status != 201 {
		t.Errorf("a payload that fits: %d", status)
	}

	until(t, "all attempts", func() bool {
		for typ, list := range waits {
			if len(e.of(typ)) != len(list)+1 {
				return false
			}
		}
		return len(e.of("ByKey")) == 12 && len(e.of("ByQueue")) == 12 && len(e.of("Later")) == 1 && len(e.of("Told")) == 1 && len(e.of("Begun")) == 1
	})
	for typ, list := range waits {
		got := e.of(typ)
		for i, ms := range list {
			if wait := got[i+1].at.Sub(got[i].at); wait < time.Duration(ms)*time.Millisecond || got[i+1].Attempt != i+2 {
				t.Errorf("%s: attempt %d came %s after the one before, want at least %d ms", typ, got[i+1].Attempt, wait, ms)
			}
		}
	}
	for _, typ := range []string{"ByKey", "ByQueue"} {
		got := e.of(typ)
		// The starts are spread evenly; what lies between is the way to the endpoint.
		if took := got[11].at.Sub(got[0].at); took < time.Second {
			t.Errorf("12 of %s at 10 a second took %s", typ, took)
		}
	}
	if got := e.of("Later")[0].at.Sub(before); got < 500*time.Millisecond {
		t.Errorf("a message with a delay of 500 ms came after %s", got)
	}
	if got := e.of("Told")[0]; got.CorrelationID != "story" || got.CausationID != "cause" {
		t.Errorf("ids of the story: %+v", got)
	}
	if got := e.of("Begun")[0]; got.CorrelationID != first.MessageID && got.CorrelationID != "" {
		t.Errorf("a message that begins a story: %+v", got)
	}
	until(t, "the failed ones to be in the dead letter queue", func() bool { return s.status().Queue.Failed == 4 })

	// A tenant with many messages does not keep another one waiting.
	var holds struct{ Success bool }
	hold := func(action string) { // by the node that handles, which heeds it at once
		if status, err := s.call("POST", "/api/symphony/"+action, `{}`, &holds); status != 200 || err != nil {
			t.Fatalf("%s: %d %v", action, status, err)
		}
	}
	hold("pause")
	var batch []string
	for n := range 1000 {
		batch = append(batch, fmt.Sprintf(`{"message": {"type": "Turn", "payload": {"key": "big", "n": %d}}, "options": {"groupKey": "big"}}`, n))
	}
	var answer struct{ Success bool }
	if status, err := s.call("POST", "/api/symphony/dispatch/batch", `{"messages": [`+strings.Join(batch, ",")+`]}`, &answer); status != 201 || err != nil {
		t.Fatalf("batch: %d %v", status, err)
	}
	for n := range 10 {
		s.send("Turn", fmt.Sprintf(`{"key": "small", "n": %d}`, n), `"groupKey": "small"`)
	}
	hold("resume")
	s.drained()
	turns := e.of("Turn")
	last := 0
	for i, a := range turns {
		if a.Payload.Key == "small" {
			last = i
		}
	}
	if len(turns) != 1010 || last > 100 {
		t.Errorf("of %d messages the last of the small group was number %d, want it among the first", len(turns), last)
	}

	// While an endpoint is down its messages wait and use up no attempts.
	e.setDown(true)
	for n := range 10 {
		s.send("Down", fmt.Sprintf(`{"n": %d}`, n), "")
	}
	var seen struct {
		Breakers []struct{ Handler, State string }
	}
	until(t, "the circuit to open", func() bool {
		_, err := s.call("GET", "/api/symphony/status", "", &seen)
		return err == nil && len(seen.Breakers) == 1 && seen.Breakers[0].State == "open"
	})
	until(t, "three probes", func() bool { return len(e.of("Down")) >= 3+3 })
	e.setDown(false)
	c := s.drained()
	if c.Failed != 4 {
		t.Errorf("%d messages failed while their endpoint was down", c.Failed-4)
	}
	for _, a := range e.of("Down") {
		if a.Attempt > 2 {
			t.Errorf("message %d came to attempt %d", a.Payload.N, a.Attempt)
		}
	}
	until(t, "the circuit to close", func() bool {
		seen.Breakers = nil
		_, err := s.call("GET", "/api/symphony/status", "", &seen)
		return err == nil && len(seen.Breakers) == 0
	})
}

// stop-workers ends the workers that run, on all nodes, and none that is started later; workers start brings them back.
func TestStopWorkersOnAllNodes(t *testing.T) {
	onEachStorage(t, func(t *testing.T, database string) {
		e := &hook{T: t}
		web := httptest.NewServer(e)
		t.Cleanup(web.Close)
		config := fmt.Sprintf("handlers:\n  - {type: \"*\", http: {url: %q}}\n", web.URL)
		nodes := []*server{newServer(t, database, config)}
		if database != "" {
			nodes = append(nodes, newServer(t, database, config))
		}
		nodes[0].run("stop-workers", "--yes")
		for _, n := range nodes {
			until(t, "the worker to stop", func() bool { return strings.Contains(n.log.String(), "reason=stop_requested") })
		}
		nodes[0].send("Job", `{}`, "")
		if c := nodes[0].status().Queue; c.Pending != 1 {
			t.Errorf("status %+v, want one message that nobody takes", c)
		}
		last := nodes[len(nodes)-1]
		last.kill()
		last.start(strings.TrimPrefix(last.url, "http://"))
		if c := last.drained(); c.Completed != 1 {
			t.Errorf("status %+v, want one completed by the worker that was started later", c)
		}
		last.run("stop-workers", "--yes")
		for _, n := range nodes {
			until(t, "the worker to stop", func() bool { return strings.Contains(n.log.String(), "no worker runs in this process") })
		}
		nodes[0].send("Job", `{}`, "")
		nodes[0].run("workers", "start")
		if c := nodes[0].drained(); c.Completed != 2 {
			t.Errorf("status %+v, want two completed, the second by workers that were started again", c)
		}
	})
}
