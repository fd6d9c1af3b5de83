package httpapi_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony"
)

const messagesPath = "/api/symphony/messages"

// complete dispatches a message and has it completed, and returns its id.
func (f *fixture) complete(typ, payload, options string) string {
	f.Helper()
	id := f.send(typ, payload, options)
	f.settleNext(symphony.Settlement{Outcome: symphony.Ack, StartedAt: time.Now(), FinishedAt: time.Now()})
	return id
}

// send dispatches a message and returns its id.
func (f *fixture) send(typ, payload, options string) string {
	f.Helper()
	a := f.call("POST", "/api/symphony/dispatch", fmt.Sprintf(`{"message":{"type":%q,"payload":%s},"options":%s}`, typ, payload, options))
	if a.status != 201 {
		f.Fatalf("dispatch: %d %s", a.status, a.raw)
	}
	return a.body["messageId"].(string)
}

// settleNext receives one message and settles it.
func (f *fixture) settleNext(s symphony.Settlement) {
	f.Helper()
	got, err := f.tr.Receive(context.Background(), symphony.ReceiveOptions{Max: 1, Worker: "w1"})
	if err != nil || len(got) != 1 {
		f.Fatalf("got %d messages, %v", len(got), err)
	}
	s.Lease = got[0].Lease
	if errs := f.tr.Settle(context.Background(), []symphony.Settlement{s}); errs != nil {
		f.Fatal(errs)
	}
}

// listed are the ids that a search finds.
func (f *fixture) listed(query string) string {
	f.Helper()
	a := f.call("GET", messagesPath+query, "")
	if a.status != 200 {
		f.Fatalf("%s: %d %s", query, a.status, a.raw)
	}
	var ids []string
	for _, m := range a.body["messages"].([]any) {
		ids = append(ids, m.(map[string]any)["id"].(string))
	}
	return strings.Join(ids, " ")
}

func TestMessagesAreSearched(t *testing.T) {
	f := newFixture(t, nil)
	done := f.complete("Order", `{"note":"50% off_"}`, `{"priority":7}`)
	failed := f.send("Order", `{"n":2}`, `{}`)
	f.settleNext(symphony.Settlement{Outcome: symphony.Fail, Error: "boom", ErrorClass: "test", StartedAt: time.Now(), FinishedAt: time.Now()})
	waiting := f.send("Invoice", `{"n":3}`, `{"queue":"slow","headers":{"tenant":"Zürich"},"scheduledAt":"2100-01-01T00:00:00Z"}`)
	for query, want := range map[string]string{
		"":                            waiting + " " + failed + " " + done,
		"?sort=createdAt":             done + " " + failed + " " + waiting,
		"?sort=-createdAt&limit=1":    waiting,
		"?status=completed":           done,
		"?status=failed":              failed,
		"?status=processing":          "",
		"?type=Order":                 failed + " " + done,
		"?queue=slow":                 waiting,
		"?priority=7":                 done,
		"?q=" + "50%25+OFF_":          done,
		"?q=5%25":                     "",
		"?q=Z%C3%BCrich":              waiting,
		"?until=2020-01-01T00:00:00Z": "",
		"?since=2020-01-01T00:00:00Z&type=Invoice&transport=default": waiting,
		"?transport=email": "",
	} {
		if got := f.listed(query); got != want {
			t.Errorf("%s: got %s, want %s", query, got, want)
		}
	}
	a := f.call("GET", messagesPath+"?limit=2", "")
	pages := a.body["pagination"].(map[string]any)
	if pages["hasMore"] != true || f.listed("?cursor="+pages["nextCursor"].(string)) != done {
		t.Errorf("the second page is wrong: %v", pages)
	}
	if a := f.call("GET", messagesPath+"?type=Order&queue=default", ""); a.body["pagination"].(map[string]any)["hasMore"] != false {
		t.Errorf("the last page has more: %s", a.raw)
	}
}

func TestMessagesSearchIsChecked(t *testing.T) {
	f := newFixture(t, nil)
	a := f.call("GET", messagesPath+"?status=done&sort=id&priority=11&limit=0&since=yesterday", "")
	if got := fmt.Sprint(a.paths()); a.status != 400 || got != "[status priority since limit sort]" {
		t.Errorf("%d %s", a.status, got)
	}
	for _, query := range []string{"?limit=201", "?cursor=nope", "?offset=1", "?q=", "?transport=mars"} {
		if a := f.call("GET", messagesPath+query, ""); a.status != 400 {
			t.Errorf("%s: %d %s", query, a.status, a.raw)
		}
	}
	if a := f.call("GET", messagesPath+"?transport=sync", ""); a.status != 501 {
		t.Errorf("%d %s", a.status, a.raw)
	}
}

func TestMessageIsShownWithItsTimeline(t *testing.T) {
	f := newFixture(t, nil)
	id := f.send("Order", `{"big":12345678901234567890.10}`, `{"metadata":{"a":1.50},"headers":{"h":"v"},"idempotencyKey":"k","groupKey":"g"}`)
	at := time.Now()
	f.settleNext(symphony.Settlement{Outcome: symphony.Retry, Error: "first", ErrorClass: "test", StartedAt: at, FinishedAt: at})
	f.settleNext(symphony.Settlement{Outcome: symphony.Ack, StartedAt: at, FinishedAt: at})
	a := f.call("GET", messagesPath+"/"+id, "")
	if a.status != 200 || !strings.Contains(a.raw, `"payload":{"big":12345678901234567890.10}`) || !strings.Contains(a.raw, `"metadata":{"a":1.50}`) {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	for name, want := range map[string]any{"id": id, "status": "completed", "queue": "default", "idempotencyKey": "k", "groupKey": "g", "worker": "w1", "correlationId": id} {
		if a.message()[name] != want {
			t.Errorf("%s is %v, want %v", name, a.message()[name], want)
		}
	}
	var kinds []string
	for _, e := range a.message()["timeline"].([]any) {
		kinds = append(kinds, e.(map[string]any)["kind"].(string))
	}
	if got := strings.Join(kinds, " "); got != "dispatched started failed retry started completed" {
		t.Errorf("the timeline is %s", got)
	}
	if attempts := a.message()["attempts"].([]any); len(attempts) != 1 || attempts[0].(map[string]any)["error"] != "first" || attempts[0].(map[string]any)["retryAt"] == nil {
		t.Errorf("attempts %v", attempts)
	}
	if a := f.call("GET", messagesPath+"/nope", ""); a.status != 404 {
		t.Errorf("unknown: %d %s", a.status, a.raw)
	}
}

func TestMessageIsDeletedOrRunNowWhilePending(t *testing.T) {
	f := newFixture(t, nil)
	later := `{"scheduledAt":"2100-01-01T00:00:00Z"}`
	first, second, done := f.send("A", `{}`, later), f.send("B", `{}`, later), f.complete("C", `{}`, `{}`)
	if a := f.call("POST", messagesPath+"/"+first+"/run-now", ""); a.status != 200 {
		t.Fatalf("run now: %d %s", a.status, a.raw)
	}
	got, err := f.tr.Receive(context.Background(), symphony.ReceiveOptions{})
	if err != nil || len(got) != 1 || got[0].ID != first {
		t.Errorf("received %v, %v", got, err)
	}
	if a := f.call("DELETE", messagesPath+"/"+second, ""); a.status != 200 {
		t.Errorf("delete: %d %s", a.status, a.raw)
	}
	for _, call := range []struct {
		method, path, code string
		status             int
	}{
		{"DELETE", second, "not_found", 404}, {"POST", second + "/run-now", "not_found", 404},
		{"DELETE", first, "message_not_pending", 409}, {"DELETE", done, "message_not_pending", 409}, {"POST", done + "/run-now", "message_not_pending", 409},
	} {
		if a := f.call(call.method, messagesPath+"/"+call.path, ""); a.status != call.status || a.code() != call.code {
			t.Errorf("%s %s: %d %s", call.method, call.path, a.status, a.raw)
		}
	}
}

func TestMessageIsReplayed(t *testing.T) {
	f := newFixture(t, nil)
	id := f.complete("Order", `{"n":1}`, `{"queue":"fast","priority":8,"metadata":{"a":1},"headers":{"h":"v"},"idempotencyKey":"k","concurrencyKey":"c","expiresAt":"2100-01-01T00:00:00Z","correlationId":"story"}`)
	a := f.call("POST", messagesPath+"/"+id+"/replay", "")
	if a.status != 200 || a.body["originalMessageId"] != id || a.body["newMessageId"] == id {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	m := f.call("GET", messagesPath+"/"+a.body["newMessageId"].(string), "").message()
	want := map[string]any{"status": "pending", "queue": "fast", "concurrencyKey": "c", "correlationId": "story", "causationId": id, "idempotencyKey": nil, "expiresAt": nil}
	for name, value := range want {
		if m[name] != value {
			t.Errorf("%s is %v, want %v", name, m[name], value)
		}
	}
	if got := fmt.Sprint(m["message"], m["headers"], m["priority"]); got != "map[metadata:map[a:1] payload:map[n:1] type:Order] map[h:v]8" {
		t.Errorf("the new message is %s", got)
	}
	f.settleNext(symphony.Settlement{Outcome: symphony.Ack})

	for range 2 {
		a := f.call("POST", messagesPath+"/"+id+"/replay", `{"payload":{"n":1.0},"idempotencyKey":"again"}`)
		if a.status != 200 {
			t.Fatalf("%d %s", a.status, a.raw)
		}
	}
	if got := f.listed("?status=pending"); strings.Contains(got, " ") || !strings.Contains(f.call("GET", messagesPath+"/"+got, "").raw, `"payload":{"n":1.0}`) {
		t.Errorf("two replays with one key made %s", got)
	}
	for name, c := range map[string]struct {
		id, body, code string
		status         int
	}{
		"pending":        {f.listed("?status=pending"), "", "message_not_completed", 409},
		"unknown":        {"nope", "", "not_found", 404},
		"no object":      {id, `{"payload":[1]}`, "validation_failed", 400},
		"an unknown one": {id, `{"body":{}}`, "validation_failed", 400},
		"an empty key":   {id, `{"idempotencyKey":""}`, "validation_failed", 400},
	} {
		if a := f.call("POST", messagesPath+"/"+c.id+"/replay", c.body); a.status != c.status || a.code() != c.code {
			t.Errorf("%s: %d %s", name, a.status, a.raw)
		}
	}
}
