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

// overlaps is an endpoint that sees how many of its messages are handled at the same time.
type overlaps struct {
	*testing.T
	mu    sync.Mutex
	now   map[string]int
	most  map[string]int
	order map[string][]int       // numbers, by group
	at    map[string][]time.Time // arrivals, by type
}

func (o *overlaps) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(r.Body)
	var body struct {
		Type string
		Data struct {
			N   int
			Key string
		}
		Payload struct {
			N   int
			Key string
		}
	}
	if err != nil || json.Unmarshal(raw, &body) != nil {
		o.Errorf("body %s, %v", raw, err)
	}
	data := body.Data
	if data.Key == "" {
		data = body.Payload
	}
	o.mu.Lock()
	o.now[data.Key]++
	o.most[data.Key] = max(o.most[data.Key], o.now[data.Key])
	o.order[data.Key] = append(o.order[data.Key], data.N)
	o.at[body.Type] = append(o.at[body.Type], time.Now())
	o.mu.Unlock()
	work := time.NewTimer(5 * time.Millisecond)
	<-work.C
	o.mu.Lock()
	o.now[data.Key]--
	o.mu.Unlock()
}

// Limits, groups, expiry, debounce and holds with real handlers, on two processes where the storage allows it.
func TestFlowControl(t *testing.T) { onEachStorage(t, flowControl) }

func flowControl(t *testing.T, database string) {
	o := &overlaps{T: t, now: make(map[string]int), most: make(map[string]int), order: make(map[string][]int), at: make(map[string][]time.Time)}
	endpoint := httptest.NewServer(o)
	t.Cleanup(endpoint.Close)
	config := fmt.Sprintf(`
types:
  Three: {concurrency: 3}
  Paced: {rate: 20/s}
handlers:
  - {type: "*", http: {url: %q}}
`, endpoint.URL)
	s := newServer(t, database, config)
	if database != "" {
		second := newServer(t, database, config)
		until(t, "both nodes to be seen", func() bool {
			var c struct{ Nodes []struct{ ID string } }
			_, err := second.call("GET", "/api/symphony/status", "", &c)
			return err == nil && len(c.Nodes) == 2
		})
	}
	dispatch := func(typ, key string, n int, options string) (r struct {
		MessageID, Replaced, Code string
		Dropped                   bool
	}, status int) {
		t.Helper()
		status, err := s.call("POST", "/api/symphony/dispatch", fmt.Sprintf(`{"message": {"type": %q, "payload": {"n": %d, "key": %q}}, "options": {%s}}`, typ, n, key, options), &r)
		if err != nil {
			t.Fatal(err)
		}
		return r, status
	}
	s.run("pause", "--yes", "--reason", "to fill the queue")
	if database != "" {
		seen := time.NewTimer(1500 * time.Millisecond) // by the other node, also where announcements do not reach it
		<-seen.C
	}
	for n := range 30 {
		dispatch("Three", "three", n, "")
		dispatch("Paced", "paced", n, "")
		dispatch("Keyed", "one", n, `"concurrencyKey": "one"`)
		dispatch("Ordered", "ordered", n, fmt.Sprintf(`"groupKey": "g", "ordered": true, "priority": %d`, 1+n%10))
	}
	first, _ := dispatch("Last", "debounced", 1, `"debounceKey": "d"`)
	if second, status := dispatch("Last", "debounced", 2, `"debounceKey": "d"`); status != 201 || second.Replaced != first.MessageID {
		t.Errorf("debounce: %d %+v, want it in place of %s", status, second, first.MessageID)
	}
	first, _ = dispatch("First", "throttled", 1, `"throttleKey": "t"`)
	if second, status := dispatch("First", "throttled", 2, `"throttleKey": "t"`); status != 200 || !second.Dropped || second.MessageID != first.MessageID {
		t.Errorf("throttle: %d %+v, want it dropped for %s", status, second, first.MessageID)
	}
	dispatch("Stale", "stale", 1, fmt.Sprintf(`"expiresAt": %q`, time.Now().Add(100*time.Millisecond).UTC().Format(time.RFC3339Nano)))
	until(t, "the stale message to expire", func() bool { return s.status().Queue.Failed == 1 })
	if c := s.status().Queue; c.Completed != 0 || c.Processing != 0 {
		t.Errorf("a paused transport handed out messages: %+v", c)
	}
	s.run("resume")
	began := time.Now()
	c := s.drained()
	if c.Completed != 122 || c.Failed != 1 {
		t.Errorf("status %+v, want 122 completed and one expired", c)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for key, want := range map[string]int{"three": 3, "one": 1, "ordered": 1} {
		if o.most[key] > want {
			t.Errorf("%d of %s were handled at the same time, want at most %d", o.most[key], key, want)
		}
	}
	if !slices.IsSorted(o.order["ordered"]) || len(o.order["ordered"]) != 30 {
		t.Errorf("the ordered group was handled as %v", o.order["ordered"])
	}
	if !slices.Equal(o.order["debounced"], []int{2}) || !slices.Equal(o.order["throttled"], []int{1}) || len(o.order["stale"]) != 0 {
		t.Errorf("debounced %v, throttled %v, stale %v", o.order["debounced"], o.order["throttled"], o.order["stale"])
	}
	if took := time.Since(began); took < 29*time.Second/20 {
		t.Errorf("30 messages at 20 a second took %s", took)
	}
	s.run("drain", "--queue", "default", "--wait")
	until(t, "dispatches to the draining queue to be refused", func() bool {
		r, status := dispatch("Three", "three", 0, "")
		return status == 409 && r.Code == "queue_draining"
	})
}

// Two nodes with the same schedules make one message for each occurrence; one of them dies in between.
func TestSchedulesOnSeveralNodes(t *testing.T) {
	onEachStorage(t, func(t *testing.T, database string) {
		const config = `
worker: {continuous: {queues: [nobody]}}
schedules:
  - {name: every-second, interval: 1s, missed: all, type: Tick}
`
		s := newServer(t, database, config)
		other := s
		if database != "" {
			other = newServer(t, database, config)
		}
		address := strings.TrimPrefix(other.url, "http://")
		for range 3 {
			tick := time.NewTimer(700 * time.Millisecond)
			<-tick.C
			other.kill()
			other.start(address)
		}
		var ticks struct {
			Messages []struct{ Headers map[string]string }
		}
		seen := make(map[string]int)
		until(t, "six occurrences", func() bool {
			if _, err := s.call("POST", "/api/symphony/receive", `{"max": 100, "lease": 600000}`, &ticks); err != nil {
				t.Fatal(err)
			}
			for _, m := range ticks.Messages {
				seen[m.Headers["symphony-occurrence"]]++
			}
			return len(seen) >= 6
		})
		var times []time.Time
		for at, n := range seen {
			occurrence, err := time.Parse(time.RFC3339, at)
			if err != nil || n != 1 {
				t.Errorf("occurrence %q has %d messages, %v", at, n, err)
			}
			times = append(times, occurrence)
		}
		slices.SortFunc(times, time.Time.Compare)
		for i := 1; i < len(times); i++ {
			if d := times[i].Sub(times[i-1]); d != time.Second {
				t.Errorf("%s between two occurrences", d)
			}
		}
	})
}
