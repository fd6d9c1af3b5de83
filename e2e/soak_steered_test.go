//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/symphony-messenger/symphony/handler"
)

// callback notes what a callback says of its source. e.mu is held.
func (e *endpoint) callback(b *handler.Body) {
	var payload struct {
		Source struct{ MessageID, Status string }
	}
	if json.Unmarshal(b.Payload, &payload) != nil {
		return // which is told by its missing
	}
	source := payload.Source.MessageID
	if one := (called{b.ID, payload.Source.Status}); !slices.Contains(e.after[source], one) {
		e.after[source] = append(e.after[source], one)
	}
}

// steering does to messages, and to what lets them through, what people do: it cancels those of the types later and
// slow, corrects those of the type edited and has them run, waits for those of the type plain, cancels the swept and
// hurries the hurried in bulk, and sets and takes away limits and pauses.
type steering struct {
	nodes []*server
	ids   chan acceptance
	end   chan struct{}
	all   sync.WaitGroup

	mu       sync.Mutex
	answers  map[string]int // how often each answer was given, by what was asked for
	problems []string
}

// acceptance is a message that was accepted.
type acceptance struct{ id, typ string }

func startSteering(nodes []*server) *steering {
	s := &steering{nodes: nodes, ids: make(chan acceptance, 100_000), end: make(chan struct{}),
		answers: make(map[string]int)}
	for range 2 {
		s.all.Go(func() {
			for m := range s.ids {
				s.steer(m)
			}
		})
	}
	s.all.Go(s.limit)
	s.all.Go(s.sweep)
	return s
}

// take has a message steered, if its type is one of those.
func (s *steering) take(m acceptance) {
	switch m.typ {
	case "later", "slow", "edited":
		s.ids <- m
	case "plain":
		if rand.IntN(8) == 0 {
			s.ids <- m
		}
	}
}

// stop ends the steering when all that was taken is done.
func (s *steering) stop() {
	close(s.ids)
	close(s.end)
	s.all.Wait()
}

func (s *steering) steer(m acceptance) {
	switch m.typ {
	case "plain":
		s.ask("wait", "GET", "/api/symphony/messages/"+m.id+"?wait=200", "", 200)
	case "edited":
		s.ask(m.typ, "PATCH", "/api/symphony/messages/"+m.id, `{"payload":{"edited":true},"scheduledAt":null}`, 200)
	case "slow":
		if rand.IntN(2) == 0 {
			return
		}
		// Perhaps it is over by then.
		s.ask(m.typ, "POST", "/api/symphony/messages/"+m.id+"/cancel", `{"reason":"soak"}`, 200, 202, 409)
	default:
		// The second of two answers, of which the first was cut off, finds it cancelled.
		s.ask(m.typ, "POST", "/api/symphony/messages/"+m.id+"/cancel", `{"reason":"soak"}`, 200, 409)
	}
}

// ask asks until there is an answer, which must be one of those that are right.
func (s *steering) ask(what, method, path, body string, right ...int) {
	s.askAnew(what, method, path, func() string { return body }, right...)
}

// askAnew is ask with a body that is made for each call.
func (s *steering) askAnew(what, method, path string, body func() string, right ...int) {
	pause := time.NewTicker(20 * time.Millisecond)
	defer pause.Stop()
	last := ""
	for end := time.Now().Add(deadline); time.Now().Before(end); <-pause.C {
		var answer struct{ Error, Code string }
		began := time.Now()
		status, err := s.nodes[rand.IntN(len(s.nodes))].call(method, path, body(), &answer)
		if err != nil || status == 503 {
			last = fmt.Sprintf("%d %s (%v) after %v", status, answer.Error, err, time.Since(began))
			continue
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.answers[fmt.Sprint(what, " ", status)]++
		if !slices.Contains(right, status) && (what != "edited" || answer.Code != "message_not_pending") {
			s.problems = append(s.problems, fmt.Sprintf("%s %s: %d %s", method, path, status, answer.Error))
		}
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.problems = append(s.problems, fmt.Sprintf("%s %s was never answered, at last: %s", method, path, last))
}

// limit sets limits and pauses again and again, and takes them away in the end.
func (s *steering) limit() {
	tick := time.NewTicker(700 * time.Millisecond)
	defer tick.Stop()
	for {
		switch rand.IntN(4) {
		case 0:
			s.ask("limit", "PUT", "/api/symphony/limits/type/plain",
				fmt.Sprintf(`{"concurrency":%d,"rate":"500/s"}`, 1+rand.IntN(8)), 200)
		case 1:
			s.ask("limit", "PUT", "/api/symphony/limits/queue/default/b", `{"rate":"200/s"}`, 200)
		case 2:
			s.askAnew("pause", "POST", "/api/symphony/pause", func() string {
				// Ahead of the node's clock, however that was set.
				until := time.Now().Add(maxClockStep + time.Duration(rand.IntN(1500))*time.Millisecond)
				return `{"queue":"a","reason":"soak","until":"` + until.UTC().Format(time.RFC3339Nano) + `"}`
			}, 200)
		default:
			s.unlimit()
		}
		select {
		case <-s.end:
			s.unlimit()
			return
		case <-tick.C:
		}
	}
}

// sweep cancels and hurries in bulk again and again, the last time when all is sent.
func (s *steering) sweep() {
	tick := time.NewTicker(1500 * time.Millisecond)
	defer tick.Stop()
	for more := true; more; {
		select {
		case <-s.end:
			more = false
		case <-tick.C:
		}
		s.ask("sweep", "POST", "/api/symphony/messages/cancel", `{"filter":{"tag":["swept"]},"reason":"soak"}`, 202)
		s.ask("hurry", "POST", "/api/symphony/messages/edit",
			`{"filter":{"tag":["hurried"]},"set":{"scheduledAt":null}}`, 202)
	}
}

func (s *steering) unlimit() {
	s.ask("unlimit", "DELETE", "/api/symphony/limits/type/plain", "", 200, 404)
	s.ask("unlimit", "DELETE", "/api/symphony/limits/queue/default/b", "", 200, 404)
}

// checkEnds holds that each accepted message ended once, as it should, and that each that asked for a callback had one.
func checkEnds(t *testing.T, database string, accepted map[string]string, asked map[string]bool, e *endpoint) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	ends, outputs := make(map[string][]string), make(map[string]string)
	rows, err := conn.Query(t.Context(), `
		SELECT id::text, 'completed', coalesce(output, '') FROM symphony.messenger_completed
		UNION ALL SELECT message_id::text, 'failed', '' FROM symphony.messenger_failed_messages
		UNION ALL SELECT id::text, 'cancelled', '' FROM symphony.messenger_cancelled`)
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		var id, end, output string
		if err := rows.Scan(&id, &end, &output); err != nil {
			t.Fatal(err)
		}
		ends[id], outputs[id] = append(ends[id], end), output
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"doomed": "failed", "later": "cancelled", "slow": "completed cancelled",
		"edited": "completed", "plain": "completed", "flaky": "completed", "swept": "cancelled", "hurried": "completed"}
	tally := make(map[string]int)
	for id, typ := range accepted {
		end := strings.Join(ends[id], " and ")
		if !slices.Contains(strings.Fields(want[typ]), end) {
			t.Errorf("message %s of type %s ended as %q", id, typ, end)
		}
		if want := fmt.Sprintf(`{"was":%q}`, id); end == "completed" && outputs[id] != want {
			t.Errorf("message %s left %q, want %q", id, outputs[id], want)
		}
		tally[typ+" "+end]++
		switch after := e.after[id]; {
		case asked[id] && (len(after) != 1 || after[0].status != end):
			t.Errorf("message %s of type %s, which ended as %q, had the callbacks %v", id, typ, end, after)
		case !asked[id] && len(after) > 0:
			t.Errorf("message %s of type %s had callbacks that it did not ask for: %v", id, typ, after)
		}
	}
	t.Logf("ends: %v", tally)
}

// checkFound looks some of the messages up by their metadata, whichever nodes were killed while they were stored. What is
// not deleted or retried on the way is found, by its own id.
func checkFound(t *testing.T, api *server, l *load) {
	t.Helper()
	looked := 0
	for name, id := range l.byKey {
		if looked == 200 {
			break
		}
		if typ := l.accepted[id]; typ != "plain" && typ != "flaky" {
			continue
		}
		looked++
		var page struct {
			Messages []struct{ ID string }
		}
		status, err := api.call("GET", "/api/symphony/messages?metadata.name="+name, "", &page)
		if err != nil || status != 200 || len(page.Messages) != 1 || page.Messages[0].ID != id {
			t.Errorf("%s is message %s, found %d %+v, %v", name, id, status, page.Messages, err)
		}
	}
	if looked == 0 {
		t.Error("nothing was looked up")
	}
}
