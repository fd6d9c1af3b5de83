package httpapi_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/auth"
	"github.com/symphony-messenger/symphony/transport/transporttest"
)

const outside = "outside_binding"

// bound is the secret of a key that is made by a request.
func (f *fixture) bound(request string) string {
	f.Helper()
	a := f.call("POST", "/api/symphony/keys", request)
	if a.status != 201 {
		f.Fatalf("%s: %d %s", request, a.status, a.raw)
	}
	return a.body["secret"].(string)
}

// as calls as the holder of a key.
func (f *fixture) as(key, method, path, body string) answer {
	f.Helper()
	return f.call(method, path, body, "Authorization", "Bearer "+key)
}

// refused checks that something is outside of what the caller is bound to, at these paths.
func (f *fixture) refused(what string, a answer, paths ...string) {
	f.Helper()
	if a.status != 403 || a.code() != outside {
		f.Errorf("%s: %d %s", what, a.status, a.raw)
	}
	if diff := cmp.Diff(paths, a.paths()); diff != "" {
		f.Errorf("%s: paths (-want +got):\n%s", what, diff)
	}
}

// total is how many messages there are.
func (f *fixture) total() string {
	f.Helper()
	return words(f.call("GET", "/api/symphony/messages/counts", "").body["total"])
}

const (
	boundSender = `{"name":"form","scopes":["dispatch"],"types":["signup.*","Both"],"queues":["web"]}`
	boundWorker = `{"name":"mailer","scopes":["dispatch","consume"],"queues":["mail"]}`
)

// Every route refuses who is bound, unless the table says that it heeds what a key is bound to.
func TestBinding_is_heeded_or_the_route_is_refused(t *testing.T) {
	f := newFixture(t, nil)
	heeds := map[string]bool{}
	for _, key := range []string{f.bound(boundSender), f.bound(boundWorker)} {
		for _, rt := range f.api.Routes() {
			name := rt.Method + " " + strings.TrimPrefix(rt.Path, "/api/symphony/")
			if rt.Open {
				continue // nobody is asked who he is
			}
			if rt.Binding {
				heeds[name] = true
				continue
			}
			path := strings.NewReplacer("{id}", symphony.NewID(time.Now()), "{transport}", "default").Replace(rt.Path)
			a := f.as(key, rt.Method, path, "")
			if rt.Cron {
				if a.status != http.StatusUnauthorized {
					t.Errorf("%s: %d %s", name, a.status, a.raw)
				}
				continue
			}
			if a.status != 403 || a.code() != outside || !strings.Contains(a.raw, "bound to") {
				t.Errorf("%s: %d %s", name, a.status, a.raw)
			}
		}
	}
	want := map[string]bool{"POST dispatch": true, "POST dispatch/batch": true, "POST messages/{id}/token": true,
		"POST consume": true, "POST receive": true, "POST ack": true, "POST nack": true, "POST extend": true,
		"POST failed/{id}/retry": true, "DELETE failed/{id}": true, "GET session": true}
	if diff := cmp.Diff(want, heeds); diff != "" {
		t.Errorf("what heeds a binding (-want +got):\n%s", diff)
	}
}

func TestBinding_keys_are_made_and_shown(t *testing.T) {
	f := newFixture(t, nil)
	a := f.call("POST", "/api/symphony/keys", boundSender)
	made, _ := a.body["key"].(map[string]any)
	want := words([]any{"dispatch"}, []any{"signup.*", "Both"}, []any{"web"})
	if got := words(made["scopes"], made["types"], made["queues"]); a.status != 201 || got != want {
		t.Errorf("made: %d %s", a.status, a.raw)
	}
	a = f.call("GET", "/api/symphony/keys", "")
	for _, k := range a.body["keys"].([]any) {
		k := k.(map[string]any)
		got := words(k["scopes"], k["types"], k["queues"])
		if k["id"] == made["id"] && got != want {
			t.Errorf("listed: %s", got)
		}
		if _, bound := k["types"]; bound != (k["id"] == made["id"]) {
			t.Errorf("bound: %v", k)
		}
	}
	if a = f.call("GET", "/api/symphony/audit?action=key.create", ""); !strings.Contains(a.raw, `"signup.*"`) {
		t.Errorf("audit: %s", a.raw)
	}
	a = f.as(f.bound(boundWorker), "GET", "/api/symphony/session", "")
	if a.status != 200 || words(a.body["queues"], a.body["types"]) != "[mail] <nil>" {
		t.Errorf("who am I: %d %s", a.status, a.raw)
	}
	many := strings.TrimSuffix(strings.Repeat(`"a",`, auth.MaxBound+1), ",")
	for members, paths := range map[string][]string{
		`"scopes":["dispatch"],"types":[]`:                                       {"types"},
		`"scopes":["dispatch"],"queues":[]`:                                      {"queues"},
		`"scopes":["dispatch"],"types":null`:                                     {"types"},
		`"scopes":["dispatch"],"queues":null`:                                    {"queues"},
		`"scopes":["dispatch"],"types":["order*"]`:                               {"types[0]"},
		`"scopes":["dispatch"],"queues":["a","b c"]`:                             {"queues[1]"},
		`"scopes":["dispatch"],"types":[` + many + `]`:                           {"types"},
		`"scopes":["dispatch"],"queues":[` + many + `]`:                          {"queues"},
		`"scopes":["consume"],"types":["a"]`:                                     {"types"},
		`"scopes":["dispatch","consume"],"types":["a"]`:                          {"types"},
		`"scopes":["dispatch","read"],"queues":["a"]`:                            {"scopes"},
		`"scopes":["admin"],"types":["a"]`:                                       {"scopes"},
		`"scopes":["operate"],"queues":["a"],"expiresAt":"1999-01-01T00:00:00Z"`: {"expiresAt", "scopes"},
	} {
		a := f.call("POST", "/api/symphony/keys", `{"name":"x",`+members+`}`)
		if diff := cmp.Diff(paths, a.paths()); a.status != 400 || diff != "" {
			t.Errorf("%s: %d %s", members, a.status, a.raw)
		}
	}
}

func TestBinding_of_a_dispatch(t *testing.T) {
	f := newFixture(t, nil)
	key := f.bound(boundSender)
	send := func(typ, options string) answer {
		body := fmt.Sprintf(`{"message":{"type":%q,"payload":{}},"options":%s}`, typ, options)
		return f.as(key, "POST", dispatchPath, body)
	}
	for _, options := range []string{
		`{"queue":"web"}`, `{"queue":"web","transport":"email"}`, `{"queue":"web","token":true,"delay":60000}`,
		`{"queue":"web","onSuccess":{"type":"signup.done","queue":"web"},
			"onFailure":{"type":"Both","queue":"web","transport":"default"}}`,
	} {
		if a := send("signup.started", options); a.status != 201 {
			t.Errorf("%s: %d %s", options, a.status, a.raw)
		}
	}
	if a := send("Both", `{"queue":"web"}`); a.status != 201 || a.body["also"] == nil {
		t.Errorf("with two transports: %d %s", a.status, a.raw)
	}
	before := f.total()
	for _, tc := range []struct {
		typ, options string
		paths        []string
	}{
		{"order.made", `{"queue":"web"}`, []string{"message.type"}},
		{"signup", `{"queue":"web"}`, []string{"message.type"}},
		{"signup.started", `{"queue":"mail"}`, []string{"options.queue"}},
		{"signup.started", `{}`, []string{"options.queue"}}, // it goes to the queue default
		{"Both", `{}`, []string{"options.queue"}},
		{"signup.started", `{"transport":"email"}`, []string{"options.queue"}},
		{"order.made", `{"queue":"mail"}`, []string{"message.type"}},
		{"signup.a", `{"queue":"web","onSuccess":{"type":"order.made","queue":"web"}}`,
			[]string{"options.onSuccess.type"}},
		{"signup.a", `{"queue":"web","onFailure":{"type":"signup.b","queue":"mail"}}`,
			[]string{"options.onFailure.queue"}},
		{"signup.a", `{"queue":"web","onFailure":{"type":"signup.b"}}`, []string{"options.onFailure.queue"}},
		{"signup.a", `{"queue":"web","onSuccess":{"type":"a","queue":"web"},"onFailure":{"type":"b","queue":"web"}}`,
			[]string{"options.onSuccess.type", "options.onFailure.type"}},
		{"order.made", `{"queue":"web","idempotencyKey":"k"}`, []string{"message.type"}},
	} {
		a := send(tc.typ, tc.options)
		f.refused(tc.typ+" "+tc.options, a, tc.paths...)
		if !strings.Contains(a.raw, "bound to types signup.*, Both and queue web") {
			t.Errorf("it is not told what the key is bound to: %s", a.raw)
		}
	}
	// A batch is stored wholly or not at all, and nothing else is told of it.
	entry := func(typ, queue string) string {
		return fmt.Sprintf(`{"message":{"type":%q,"payload":{}},"options":{"queue":%q}}`, typ, queue)
	}
	batch := func(entries ...string) answer {
		return f.as(key, "POST", dispatchPath+"/batch", `{"messages":[`+strings.Join(entries, ",")+`]}`)
	}
	f.refused("a batch", batch(entry("signup.a", "web"), entry("order.made", "web"), entry("signup.a", "mail")),
		"messages[1].message.type", "messages[2].options.queue")
	f.refused("a batch with problems", batch(entry("order.made", "web"), entry("", "web")), "messages[0].message.type")
	if after := f.total(); after != before {
		t.Errorf("there are %s messages, %s before", after, before)
	}
	if a := batch(entry("signup.a", "web"), entry("Both", "web")); a.status != 201 {
		t.Errorf("a batch within: %d %s", a.status, a.raw)
	}
}

// Keys by which messages are told apart are the caller's own: none takes the place of another one's message, or tells
// of it.
func TestBinding_keys_of_messages_are_ones_own(t *testing.T) {
	f := newFixture(t, nil)
	key := f.bound(boundSender)
	for _, option := range []string{"idempotencyKey", "debounceKey", "throttleKey"} {
		theirs := f.send("order.made", `{}`, `{"delay":60000,"`+option+`":"k"}`)
		body := `{"message":{"type":"signup.a","payload":{"a":1}},
			"options":{"queue":"web","delay":60000,"` + option + `":"k"}}`
		a := f.as(key, "POST", dispatchPath, body)
		if a.status != 201 || strings.Contains(a.raw, theirs) {
			t.Errorf("%s: %d %s", option, a.status, a.raw)
		}
		if a := f.call("GET", "/api/symphony/messages/"+theirs, ""); a.status != 200 {
			t.Errorf("%s: theirs: %d %s", option, a.status, a.raw)
		}
		if a := f.as(key, "POST", dispatchPath, body); option != "debounceKey" && a.status != 200 {
			t.Errorf("%s again: %d %s", option, a.status, a.raw)
		}
	}
}

func TestBinding_of_tokens(t *testing.T) {
	f := newFixture(t, nil)
	key := f.bound(boundSender)
	a := f.as(key, "POST", dispatchPath, `{"message":{"type":"signup.a","payload":{}},"options":{"queue":"web"}}`)
	mine, _ := a.body["messageId"].(string)
	if a := f.as(key, "POST", "/api/symphony/messages/"+mine+"/token", ""); a.status != 201 {
		t.Errorf("mine: %d %s", a.status, a.raw)
	}
	for _, theirs := range []string{f.send("order.made", `{}`, `{}`), f.send("signup.a", `{}`, `{"queue":"web"}`)} {
		if a := f.as(key, "POST", "/api/symphony/messages/"+theirs+"/token", ""); a.status != 404 {
			t.Errorf("theirs: %d %s", a.status, a.raw)
		}
	}
}

func TestBinding_of_work(t *testing.T) {
	f := newFixture(t, nil)
	key := f.bound(boundWorker)
	for range 4 {
		f.send("Mail", `{}`, `{"queue":"mail"}`)
		f.send("Order", `{}`, `{"queue":"orders"}`)
	}
	for _, path := range []string{receivePath, "/api/symphony/consume"} {
		f.refused("all queues", f.as(key, "POST", path, ``), "queues")
		f.refused("all queues", f.as(key, "POST", path, `{}`), "queues")
		f.refused("another queue", f.as(key, "POST", path, `{"queues":["mail","orders"]}`), "queues[1]")
		f.refused("of a transport", f.as(key, "POST", path, `{"transport":"email","queues":["orders"]}`), "queues[0]")
	}
	a := f.as(key, "POST", receivePath, `{"queues":["mail"],"max":3}`)
	list, _ := a.body["messages"].([]any)
	if a.status != 200 || len(list) != 3 {
		t.Fatalf("receive: %d %s", a.status, a.raw)
	}
	mine := make([]string, len(list))
	for i, m := range list {
		mine[i] = m.(map[string]any)["receipt"].(string)
	}
	theirs := f.receive(`{"queues":["orders"]}`)[0]["receipt"].(string)
	for what, call := range map[string][2]string{
		"ack":     {ackPath, `{"receipts":["` + mine[0] + `","` + theirs + `"]}`},
		"extend":  {extendPath, `{"receipts":["` + mine[0] + `","` + theirs + `"]}`},
		"an item": {ackPath, `{"items":[{"receipt":"` + mine[0] + `"},{"receipt":"` + theirs + `","output":{}}]}`},
		"nack":    {nackPath, `{"receipt":"` + theirs + `"}`},
	} {
		path := map[string]string{"an item": "items[1].receipt", "nack": "receipt"}[what]
		if path == "" {
			path = "receipts[1]"
		}
		f.refused(what, f.as(key, "POST", call[0], call[1]), path)
	}
	for path, body := range map[string]string{
		extendPath: `{"receipts":["` + mine[0] + `"],"lease":60000}`,
		nackPath:   `{"receipt":"` + mine[1] + `","permanent":true}`,
	} {
		if a := f.as(key, "POST", path, body); a.status != 200 {
			t.Errorf("%s: %d %s", path, a.status, a.raw)
		}
	}
	if a := f.as(key, "POST", ackPath, `{"receipts":["`+mine[0]+`","`+mine[2]+`"]}`); a.status != 200 {
		t.Errorf("ack, after what was refused: %d %s", a.status, a.raw)
	}
	if a := f.call("POST", ackPath, `{"receipts":["`+theirs+`"]}`); a.status != 200 {
		t.Errorf("theirs is still good: %d %s", a.status, a.raw)
	}
	a = f.as(key, "POST", "/api/symphony/consume", `{"queues":["mail"],"messageLimit":1}`)
	if a.status != 200 || words(a.body["stats"].(map[string]any)["totalProcessed"]) != "1" {
		t.Errorf("consume: %d %s", a.status, a.raw)
	}
	// A key without the scope for it does not get it by being bound.
	if a := f.as(f.bound(boundSender), "POST", receivePath, `{"queues":["web"]}`); a.code() != "insufficient_scope" {
		t.Errorf("without consume: %d %s", a.status, a.raw)
	}
}

func TestBinding_of_failed_messages(t *testing.T) {
	f := newFixture(t, nil)
	key := f.bound(boundWorker)
	fail := func(queue string) (failedID, id string) {
		id = f.send("Mail", `{}`, `{"queue":"`+queue+`"}`)
		f.settleNext(symphony.Settlement{Outcome: symphony.Fail, Error: "boom", ErrorClass: "test",
			StartedAt: time.Now(), FinishedAt: time.Now()})
		page, err := transporttest.ListFailed(context.Background(), f.tr, symphony.MessageQuery{Limit: 1})
		if err != nil || len(page.Messages) != 1 || page.Messages[0].ID != id {
			t.Fatalf("got %+v, %v", page, err)
		}
		return page.Messages[0].FailedID, id
	}
	for _, byMessage := range []bool{false, true} {
		theirs, other := fail("orders")
		if byMessage {
			theirs = other
		}
		for _, call := range []string{"POST /retry", "DELETE "} {
			method, rest, _ := strings.Cut(call, " ")
			a := f.as(key, method, "/api/symphony/failed/"+theirs+rest, "")
			if a.status != 404 || a.code() != "not_found" {
				t.Errorf("theirs: %s: %d %s", call, a.status, a.raw)
			}
			mine, id := fail("mail")
			if byMessage {
				mine = id
			}
			if a := f.as(key, method, "/api/symphony/failed/"+mine+rest, ""); a.status != 200 {
				t.Errorf("mine: %s: %d %s", call, a.status, a.raw)
			}
			for range strings.Count(call, "retry") { // so that fail finds its own
				f.settleNext(symphony.Settlement{Outcome: symphony.Ack, StartedAt: time.Now(), FinishedAt: time.Now()})
			}
		}
		if a := f.call("GET", "/api/symphony/failed/"+theirs, ""); a.status != 200 {
			t.Errorf("theirs is gone: %d %s", a.status, a.raw)
		}
		// What became of it is not told either.
		f.call("POST", "/api/symphony/failed/"+theirs+"/retry", "")
		f.settleNext(symphony.Settlement{Outcome: symphony.Ack, StartedAt: time.Now(), FinishedAt: time.Now()})
		a := f.as(key, "POST", "/api/symphony/failed/"+theirs+"/retry", "")
		if a.status != 404 || a.code() != "not_found" {
			t.Errorf("theirs, retried: %d %s", a.status, a.raw)
		}
	}
}

// A key that is bound begins no session, and none is begun for it.
func TestBinding_has_no_sessions(t *testing.T) {
	f := newFixture(t, nil)
	key := f.bound(boundWorker)
	for _, path := range []string{"/api/symphony/session", "/api/symphony/session/code"} {
		a := f.as(key, "POST", path, "")
		f.refused(path, a)
		if len(a.header.Values("Set-Cookie")) > 0 {
			t.Errorf("%s sets a cookie", path)
		}
	}
}
