package httpapi_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/httpapi"
)

const (
	receivePath = "/api/symphony/receive"
	ackPath     = "/api/symphony/ack"
	nackPath    = "/api/symphony/nack"
	extendPath  = "/api/symphony/extend"
)

func (f *fixture) dispatch(typ, options string) string {
	f.Helper()
	a := f.call("POST", dispatchPath, `{"message":{"type":"`+typ+`","payload":{"n": 1.50},"metadata":{"big":12345678901234567890}},"options":`+options+`}`)
	if a.status != 201 {
		f.Fatalf("dispatch: %d %s", a.status, a.raw)
	}
	return a.body["messageId"].(string)
}

// receive returns the messages of an answer.
func (f *fixture) receive(body string) []map[string]any {
	f.Helper()
	a := f.call("POST", receivePath, body)
	if a.status != 200 {
		f.Fatalf("receive: %d %s", a.status, a.raw)
	}
	var list []map[string]any
	for _, m := range a.body["messages"].([]any) {
		list = append(list, m.(map[string]any))
	}
	return list
}

func receiptsOf(list []map[string]any) string {
	var receipts []string
	for _, m := range list {
		receipts = append(receipts, m["receipt"].(string))
	}
	raw, _ := json.Marshal(receipts)
	return string(raw)
}

func TestPullWorkerGetsAllOfAMessage(t *testing.T) {
	f := newFixture(t, nil)
	id := f.dispatch("Order", `{"queue":"fast","priority":7,"headers":{"a":"b"},"idempotencyKey":"k","scheduledAt":"2020-01-01T00:00:00Z"}`)
	a := f.call("POST", receivePath, `{"queues":["fast"],"worker":"me","lease":60000}`)
	m := a.body["messages"].([]any)[0].(map[string]any)
	for _, name := range []string{"receipt", "createdAt", "leasedUntil"} {
		if s, _ := m[name].(string); s == "" {
			t.Errorf("no %s in %s", name, a.raw)
		}
		delete(m, name)
	}
	want := map[string]any{"id": id, "type": "Order", "payload": map[string]any{"n": json.Number("1.50")}, "metadata": map[string]any{"big": json.Number("12345678901234567890")},
		"headers": map[string]any{"a": "b"}, "transport": "default", "queue": "fast", "priority": json.Number("7"), "attempt": json.Number("1"),
		"idempotencyKey": "k", "scheduledAt": "2020-01-01T00:00:00Z", "correlationId": id}
	if diff := cmp.Diff(want, m); diff != "" {
		t.Errorf("message (-want +got)\n%s", diff)
	}
	if !strings.Contains(a.raw, `"payload":{"n": 1.50}`) && !strings.Contains(a.raw, `"payload":{"n":1.50}`) {
		t.Errorf("the payload lost a digit: %s", a.raw)
	}
	if again := f.receive(`{}`); len(again) != 0 {
		t.Errorf("a leased message was handed out again: %v", again)
	}
}

func TestPullRequestsAreChecked(t *testing.T) {
	f := newFixture(t, nil)
	f.dispatch("Order", `{}`)
	good := f.receive(`{}`)[0]["receipt"].(string)
	tests := []struct {
		name, path, body string
		want             []string // paths
	}{
		{"receive", receivePath, `{"max":101,"wait":30001,"lease":999,"transport":"nope","queues":["a b"],"worker":"x y"}`, []string{"max", "wait", "lease", "queues[0]", "worker", "transport"}},
		{"receive below", receivePath, `{"max":0,"wait":-1,"lease":3600001}`, []string{"max", "wait", "lease"}},
		{"unknown field", receivePath, `{"limit":1,"max":0,"wait":"1s"}`, []string{"limit", "wait", "max"}},
		{"unknown field of an ack", ackPath, `{"receipt":"nope","receipts":["nope"]}`, []string{"receipt", "receipts[0]"}},
		{"unknown field of an extension", extendPath, `{"wait":1,"receipts":["nope"],"lease":1}`, []string{"wait", "lease", "receipts[0]"}},
		{"unknown field of a nack", nackPath, `{"retry":1,"receipt":"nope","retryAfter":-1}`, []string{"retry", "retryAfter", "receipt"}},
		{"unknown field of a pause", "/api/symphony/pause", `{"queues":["a"],"queue":""}`, []string{"queues", "queue"}},
		{"unknown field of a purge", "/api/symphony/purge", `{"all":true,"queue":"","confirm":"x"}`, []string{"all", "queue"}},
		{"no receipts", ackPath, `{"receipts":[]}`, []string{"receipts"}},
		{"no body", ackPath, ``, nil},
		{"one is none", ackPath, `{"receipts":["` + good + `","nope"]}`, []string{"receipts[1]"}},
		{"extend", extendPath, `{"receipts":["nope"],"lease":1}`, []string{"lease", "receipts[0]"}},
		{"nack", nackPath, `{"receipt":"nope","retryAfter":86400001,"errorClass":"a b"}`, []string{"retryAfter", "receipt"}},
		{"permanent and later", nackPath, `{"receipt":"` + good + `","retryAfter":1,"permanent":true}`, []string{"retryAfter"}},
		{"release and an error", nackPath, `{"receipt":"` + good + `","error":"e","release":true}`, []string{"release"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a := f.call("POST", test.path, test.body, "Content-Type", "application/json")
			if a.status != 400 {
				t.Fatalf("got %d %s", a.status, a.raw)
			}
			if test.want != nil {
				if diff := cmp.Diff(test.want, a.paths()); diff != "" {
					t.Errorf("paths (-want +got)\n%s", diff)
				}
			}
		})
	}
	if a := f.call("POST", ackPath, `{"receipts":["`+good+`"]}`); a.status != 200 {
		t.Errorf("after all that the message could not be acked: %d %s", a.status, a.raw)
	}
	if a := f.call("POST", receivePath, `{"transport":"sync"}`); a.status != 501 {
		t.Errorf("a transport without messages: got %d %s", a.status, a.raw)
	}
}

func TestAckAndExtendTellLostLeasesApart(t *testing.T) {
	for _, path := range []string{ackPath, extendPath} {
		t.Run(path, func(t *testing.T) {
			f := newFixture(t, nil)
			for range 3 {
				f.dispatch("Order", `{}`)
			}
			list := f.receive(`{}`)
			if a := f.call("POST", ackPath, `{"receipts":`+receiptsOf(list[1:2])+`}`); a.status != 200 || fmt.Sprint(a.body["count"]) != "1" {
				t.Fatalf("ack: %d %s", a.status, a.raw)
			}
			a := f.call("POST", path, `{"receipts":`+receiptsOf(list)+`}`)
			details, _ := a.body["details"].([]any)
			if a.status != 409 || a.code() != "lease_lost" || len(details) != 1 {
				t.Fatalf("got %d %s", a.status, a.raw)
			}
			lost := details[0].(map[string]any)
			if lost["path"] != "receipts[1]" || lost["receipt"] != list[1]["receipt"] {
				t.Errorf("details %v", lost)
			}
			stats, err := f.tr.Stats(context.Background())
			want := map[string]int64{ackPath: 3, extendPath: 1}[path]
			if err != nil || stats.Completed != want {
				t.Errorf("%d completed, want %d", stats.Completed, want)
			}
		})
	}
}

// What a message says of its retries goes with its receipt, and what it says of its time is told.
func TestNackFollowsTheMessage(t *testing.T) {
	f := newFixture(t, nil)
	f.mux.Retry("Order", symphony.Policy{MaxRetries: 9, Jitter: symphony.NoJitter})
	a := f.call("POST", dispatchPath,
		`{"message":{"type":"Order","payload":{}},"options":{"maxRetries":2,"retryDelay":[0,1500],"timeout":700}}`)
	if a.status != 201 {
		t.Fatalf("got %d %s", a.status, a.raw)
	}
	for _, want := range []string{`"outcome":"retry","retryIn":0`, `"outcome":"retry","retryIn":1500`,
		`"outcome":"fail"`} {
		m := f.receive(`{"wait":5000}`)[0]
		if m["timeout"] != json.Number("700") {
			t.Errorf("timeout is %v", m["timeout"])
		}
		if a := f.call("POST", nackPath, `{"receipt":"`+m["receipt"].(string)+`"}`); !strings.Contains(a.raw, want) {
			t.Errorf("got %d %s, want %s", a.status, a.raw, want)
		}
	}
	if a := f.call("GET", "/api/symphony/failed", ""); !strings.Contains(a.raw, `"maxRetries":2`) {
		t.Errorf("failed: %s", a.raw)
	}
}

func TestNackFollowsThePolicy(t *testing.T) {
	tests := []struct {
		name, body  string
		attempts    int // made before
		wantOutcome string
		wantRetryIn any
	}{
		{"a first failure", `"error":"boom"`, 0, "retry", json.Number("5000")},
		{"in a time of its own", `"retryAfter":123`, 0, "retry", json.Number("123")},
		{"for good", `"permanent":true,"error":"boom","errorClass":"bad_input"`, 0, "fail", nil},
		{"the last allowed", `"error":"boom"`, 1, "fail", nil},
		{"given back", `"release":true`, 0, "release", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := newFixture(t, nil)
			f.mux.Retry("Order", symphony.Policy{MaxRetries: 1, InitialDelay: 5 * time.Second, Jitter: symphony.NoJitter})
			f.dispatch("Order", `{}`)
			for range test.attempts {
				if a := f.call("POST", nackPath, `{"retryAfter":0,"receipt":"`+f.receive(`{}`)[0]["receipt"].(string)+`"}`); a.status != 200 {
					t.Fatalf("nack: %d %s", a.status, a.raw)
				}
			}
			receipt := f.receive(`{}`)[0]["receipt"].(string)
			a := f.call("POST", nackPath, `{`+test.body+`,"receipt":"`+receipt+`"}`)
			if a.status != 200 || a.body["outcome"] != test.wantOutcome || a.body["retryIn"] != test.wantRetryIn {
				t.Fatalf("got %d %s", a.status, a.raw)
			}
			if a := f.call("POST", nackPath, `{"receipt":"`+receipt+`"}`); a.status != 409 || a.code() != "lease_lost" {
				t.Errorf("again: %d %s", a.status, a.raw)
			}
			failed := f.call("GET", "/api/symphony/failed", "")
			list := failed.body["messages"].([]any)
			if (len(list) == 1) != (test.wantOutcome == "fail") {
				t.Fatalf("failed messages: %s", failed.raw)
			}
			if len(list) == 1 {
				m := list[0].(map[string]any)
				class := "nack"
				if strings.Contains(test.body, "bad_input") {
					class = "bad_input"
				}
				if m["error"] != "boom" || m["errorClass"] != class || len(m["attempts"].([]any)) != test.attempts+1 {
					t.Errorf("failed message %v", m)
				}
			}
			if test.wantOutcome == "release" {
				if m := f.receive(`{}`)[0]; fmt.Sprint(m["attempt"]) != "1" {
					t.Errorf("the attempt was counted: %v", m["attempt"])
				}
			}
		})
	}
}

func TestMessagesThatMayNotRunAreNotHandedOut(t *testing.T) {
	f := newFixture(t, nil)
	f.mux.Retry("Order", symphony.Policy{MaxRetries: 5})
	f.dispatch("Order", `{}`)
	for range 3 {
		f.call("POST", nackPath, `{"retryAfter":0,"receipt":"`+f.receive(`{}`)[0]["receipt"].(string)+`"}`)
	}
	f.mux.Retry("Order", symphony.Policy{MaxRetries: 1}) // it became tighter
	good := f.dispatch("Mail", `{"transport":"default"}`)
	list := f.receive(`{"max":1,"wait":1000}`)
	if len(list) != 1 || list[0]["id"] != good {
		t.Errorf("got %v, want the other message", list)
	}
	if stats, err := f.tr.Stats(context.Background()); err != nil || stats.Failed != 1 {
		t.Errorf("stats %+v, %v: want one failed", stats, err)
	}
}

func TestReceiveWaitsForAMessage(t *testing.T) {
	f := newFixture(t, nil)
	done := make(chan []map[string]any)
	go func() { done <- f.receive(`{"wait":30000}`) }()
	id := f.dispatch("Order", `{}`)
	if list := <-done; len(list) != 1 || list[0]["id"] != id {
		t.Errorf("got %v", list)
	}
	if list := f.receive(`{"wait":1}`); len(list) != 0 {
		t.Errorf("got %v after the wait was over", list)
	}
}

// waiting opens a connection and sends a receive that waits.
func (f *fixture) waiting() net.Conn {
	f.Helper()
	conn, err := net.Dial("tcp", f.server.Listener.Addr().String())
	if err != nil {
		f.Fatal(err)
	}
	body := `{"wait":30000,"max":1}`
	fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", receivePath, f.keys["consume"], len(body), body)
	return conn
}

// settleDown waits until n receive calls wait on the server.
func (f *fixture) settleDown(n int) {
	f.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); f.api.Waiting() != n; <-tick.C {
		if time.Now().After(deadline) {
			f.Fatalf("%d receive calls wait, want %d", f.api.Waiting(), n)
		}
	}
}

func TestCallersThatAreGoneTakeNothingWithThem(t *testing.T) {
	f := newFixture(t, nil)
	for range 20 {
		conn := f.waiting()
		f.settleDown(1)
		// The caller leaves and a message comes, in no particular order.
		var both sync.WaitGroup
		both.Go(func() { conn.Close() })
		both.Go(func() { f.dispatch("Order", `{}`) })
		both.Wait()
		f.settleDown(0)
		list := f.receive(`{"wait":1000}`)
		if len(list) == 0 {
			// The answer was under way when the caller left: nobody can know that it did not arrive, but its lease
			// ends.
			stats, err := f.tr.Stats(context.Background())
			if err != nil || stats.Processing != 1 {
				t.Fatalf("the message is gone: %+v, %v", stats, err)
			}
			return
		}
		if fmt.Sprint(list[0]["attempt"]) != "1" {
			t.Errorf("attempt %v was counted for a caller that was gone", list[0]["attempt"])
		}
		f.call("POST", ackPath, `{"receipts":`+receiptsOf(list)+`}`)
	}
}

func TestAThousandCallersWait(t *testing.T) {
	const n = 1000
	f := newFixture(t, nil)
	var all sync.WaitGroup
	got := make(chan string, n)
	for range n {
		conn := f.waiting()
		all.Go(func() {
			defer conn.Close()
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			var body struct{ Messages []struct{ ID string } }
			if err := json.NewDecoder(resp.Body).Decode(&body); err != nil || resp.StatusCode != http.StatusOK || len(body.Messages) != 1 {
				t.Errorf("got %d %+v, %v", resp.StatusCode, body, err)
				return
			}
			got <- body.Messages[0].ID
		})
	}
	f.settleDown(n)
	batch := make([]symphony.Outgoing, n)
	for i := range batch {
		batch[i].Message = symphony.Message{Type: "Order", Payload: json.RawMessage(`{}`)}
	}
	if _, err := f.bus.DispatchBatch(context.Background(), batch); err != nil {
		t.Fatal(err)
	}
	all.Wait()
	close(got)
	seen := make(map[string]bool)
	for id := range got {
		seen[id] = true
	}
	if len(seen) != n {
		t.Errorf("%d messages were handed out, want %d", len(seen), n)
	}
}

func TestAServerThatDrainsEndsWaits(t *testing.T) {
	draining, drain := context.WithCancel(context.Background())
	defer drain()
	f := newFixture(t, func(o *httpapi.Options) { o.Draining = draining })
	done := make(chan []map[string]any)
	go func() { done <- f.receive(`{"wait":30000}`) }()
	f.settleDown(1)
	drain()
	if list := <-done; len(list) != 0 {
		t.Errorf("got %v", list)
	}
	if a := f.call("POST", receivePath, ``); a.status != 503 || a.header.Get("Retry-After") == "" {
		t.Errorf("afterwards: %d %s", a.status, a.raw)
	}
}

// witness keeps what an observer is told.
type witness struct {
	mu    sync.Mutex
	ended []symphony.EndedAttempt
}

func (w *witness) MessagesDispatched([]*symphony.Envelope, []symphony.Receipt) {}

func (w *witness) AttemptsEnded(ended []symphony.EndedAttempt) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = append(w.ended, ended...)
}

func TestTheObserverIsToldOfAttemptsOfPullWorkers(t *testing.T) {
	seen := &witness{}
	f := newFixture(t, func(o *httpapi.Options) { o.Observer = seen })
	id := f.dispatch("Order", `{"queue":"fast","scheduledAt":"2020-01-01T00:00:00Z"}`)
	for _, body := range []string{`"release":true`, `"errorClass":"busy","retryAfter":0`} {
		f.call("POST", nackPath, `{"receipt":"`+f.receive(`{"worker":"me"}`)[0]["receipt"].(string)+`",`+body+`}`)
	}
	receipts := receiptsOf(f.receive(`{}`))
	for _, want := range []int{200, 409} {
		if a := f.call("POST", ackPath, `{"receipts":`+receipts+`}`); a.status != want {
			t.Errorf("ack: %d %s, want %d", a.status, a.raw, want)
		}
	}
	var got []string
	for _, e := range seen.ended {
		if e.MessageID != id || e.Transport != "default" || time.Since(e.CreatedAt) > time.Minute || e.ScheduledAt.Year() != 2020 || e.Settlement.StartedAt.IsZero() {
			t.Errorf("told %+v", e)
		}
		worker := e.Worker
		if worker != "me" && worker != "" { // its API key
			worker = "key"
		}
		got = append(got, words(e.Type, e.Queue, e.Attempt, worker, e.Settlement.Outcome, e.Settlement.ErrorClass))
	}
	if diff := cmp.Diff([]string{"Order fast 1 me release", "Order fast 1 me retry busy", "Order fast 2 key ack"}, got); diff != "" {
		t.Errorf("told (-want +got)\n%s", diff)
	}
}

// No byte of a receipt can be changed: nothing is settled by it, and the dead letter queue stays readable.
func TestReceiptsCannotBeForged(t *testing.T) {
	f := newFixture(t, nil)
	f.dispatch("Order", `{}`)
	receipt := f.receive(`{}`)[0]["receipt"].(string)
	raw, err := base64.RawURLEncoding.DecodeString(receipt)
	if err != nil {
		t.Fatal(err)
	}
	const head = 5 // version and id of the key: others are those of other installations
	for at := range raw {
		forged := bytes.Clone(raw)
		forged[at] ^= 0x80
		text := base64.RawURLEncoding.EncodeToString(forged)
		want := "400 validation_failed"
		if at > 0 && at < head {
			want = "409 foreign_receipt"
		}
		for path, body := range map[string]string{
			ackPath: `{"receipts":["` + text + `"]}`, extendPath: `{"receipts":["` + text + `"],"lease":60000}`, nackPath: `{"receipt":"` + text + `","permanent":true}`,
		} {
			if a := f.call("POST", path, body); fmt.Sprint(a.status, " ", a.code()) != want {
				t.Fatalf("%s with byte %d changed: got %d %s, want %s", path, at, a.status, a.raw, want)
			}
		}
	}
	if a := f.call("GET", "/api/symphony/failed", ""); a.status != 200 {
		t.Errorf("failed: %d %s", a.status, a.raw)
	}
	if a := f.call("POST", ackPath, `{"receipts":["`+receipt+`"]}`); a.status != 200 {
		t.Errorf("the receipt itself: %d %s", a.status, a.raw)
	}
}

// A receipt of another installation is told apart, and what was asked for the others is done.
func TestReceiptsOfOtherInstallations(t *testing.T) {
	f, other := newFixture(t, nil), newFixture(t, nil)
	other.dispatch("Order", `{}`)
	foreign := other.receive(`{}`)[0]["receipt"].(string)
	for range 3 {
		f.dispatch("Order", `{}`)
	}
	list := f.receive(`{}`)
	own, lost := list[0]["receipt"].(string), list[1]["receipt"].(string)
	if a := f.call("POST", ackPath, `{"receipts":["`+lost+`"]}`); a.status != 200 {
		t.Fatalf("ack: %d %s", a.status, a.raw)
	}
	details := func(a answer) string {
		var told []string
		for _, d := range a.body["details"].([]any) {
			m := d.(map[string]any)
			told = append(told, fmt.Sprint(m["path"], " ", m["code"], " ", m["receipt"] == foreign))
		}
		return fmt.Sprint(a.status, " ", a.code(), " ", strings.Join(told, ", "))
	}
	for _, c := range []struct{ receipts, want string }{
		{`"` + foreign + `","` + own + `"`, "409 foreign_receipt receipts[0] foreign_receipt true"},
		{`"` + foreign + `","` + lost + `","` + list[2]["receipt"].(string) + `"`, "409 lease_lost receipts[0] foreign_receipt true, receipts[1] lease_lost false"},
	} {
		if got := details(f.call("POST", ackPath, `{"receipts":[`+c.receipts+`]}`)); got != c.want {
			t.Errorf("ack: got %s, want %s", got, c.want)
		}
	}
	if stats, err := f.tr.Stats(context.Background()); err != nil || stats.Completed != 3 {
		t.Errorf("%d completed, %v; want 3", stats.Completed, err)
	}
	if a := f.call("POST", nackPath, `{"receipt":"`+foreign+`"}`); a.status != 409 || a.code() != "foreign_receipt" {
		t.Errorf("nack: %d %s", a.status, a.raw)
	}
}
