package httpapi_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/auth"
	"github.com/symphony-messenger/symphony/event"
	"github.com/symphony-messenger/symphony/httpapi"
	"github.com/symphony-messenger/symphony/storage"
	"github.com/symphony-messenger/symphony/transport/transporttest"
)

// own is a server where users see their own messages.
type own struct {
	*fixture
	hub     *event.Hub
	store   storage.Log
	rec     *event.Recorder
	singles *event.Singles
}

func newOwn(t *testing.T) *own {
	w := &own{singles: event.NewSingles(event.SinglesOptions{})}
	rec := event.NewRecorder(event.RecorderOptions{})
	f := monitoredFixture(t, nil, func(o *httpapi.Options) {
		none := ""
		a, err := auth.New(auth.Options{Keys: o.Keys, Supabase: auth.Supabase{JWTSecrets: []string{jwtSecret}, Issuer: &none}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { a.Close(context.Background()) })
		o.Auth, o.OwnMessages, o.Observer = a, true, rec
		store := o.Records.(storage.Log)
		w.hub = event.NewHub(store, event.HubOptions{Poll: 10 * time.Millisecond, Singles: w.singles,
			Logger: slog.New(slog.DiscardHandler)})
		w.store, o.Events = store, w.hub
	})
	ctx, end := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { w.hub.Run(ctx) })
	running.Go(func() { rec.Run(ctx, w.store) })
	running.Go(func() { w.singles.Run(ctx, nil, nil) })
	t.Cleanup(func() { end(); running.Wait() })
	w.fixture, w.rec = f, rec
	return w
}

// user is the token of a user with some scopes, by default those of everybody.
func (w *own) user(name string, scopes ...string) string {
	claims := jwt.MapClaims{"sub": name, "role": "authenticated", "aud": "authenticated", "exp": time.Now().Add(time.Hour).Unix()}
	if len(scopes) > 0 {
		claims["app_metadata"] = map[string]any{"symphony_role": strings.Join(scopes, ",")}
	}
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(jwtSecret))
	if err != nil {
		w.Fatal(err)
	}
	return token
}

// as calls as a user.
func (w *own) as(token, method, path, body string) answer {
	w.Helper()
	return w.call(method, path, body, "Authorization", "Bearer "+token)
}

// send dispatches as a user and returns the message's id.
func (w *own) sendAs(token, typ, options string) string {
	w.Helper()
	a := w.as(token, "POST", dispatchPath, `{"message":{"type":"`+typ+`","payload":{"of":"canary"}},"options":`+options+`}`)
	if a.status != 201 {
		w.Fatalf("dispatch: %d %s", a.status, a.raw)
	}
	return a.body["messageId"].(string)
}

// canary is in everything of others. A user who owns nothing must not see it anywhere.
const canary = "canary"

// others makes messages of each status, schedules, holds, operations and events, of others: an API key and a user. It
// returns the ids of all.
func (w *own) others() map[string]string {
	w.Helper()
	ids := make(map[string]string)
	key, ada := w.keys["admin"], w.user("ada-canary", "admin")
	for i, token := range []string{key, ada} {
		for _, status := range []string{"failed", "completed", "processing", "pending"} {
			key0 := canary // the one that she will use too
			if len(ids) > 0 {
				key0 = fmt.Sprint("canary-", len(ids))
			}
			ids[fmt.Sprint(status, i)] = w.sendAs(token, "Canary.canary", `{"queue":"canary","idempotencyKey":"`+key0+`","correlationId":"canary","metadata":{"canary":true},"transport":"default"`+
				map[bool]string{true: `,"scheduledAt":"2100-01-01T00:00:00Z"`}[status == "pending"]+`}`)
			if status != "pending" {
				w.settleCanary(status)
			}
		}
	}
	page, err := transporttest.ListFailed(context.Background(), w.tr, symphony.MessageQuery{Limit: 10})
	if err != nil || len(page.Messages) != 2 {
		w.Fatalf("failed: %+v, %v", page, err)
	}
	ids["failedID0"], ids["failedID1"] = page.Messages[0].FailedID, page.Messages[1].FailedID
	must := func(a answer) map[string]any {
		w.Helper()
		if a.status >= 300 {
			w.Fatalf("%d %s", a.status, a.raw)
		}
		return a.body
	}
	sch := must(w.as(ada, "POST", "/api/symphony/schedules", `{"name":"canary","interval":60000,"message":{"type":"Canary.canary","payload":{"canary":1}}}`))
	ids["schedule"] = sch["schedule"].(map[string]any)["id"].(string)
	must(w.as(ada, "POST", "/api/symphony/pause", `{"queue":"canary-held","reason":"canary"}`))
	op := must(w.as(ada, "POST", "/api/symphony/failed/retry", `{"filter":{"queue":"canary-none"},"background":true}`))
	ids["operation"] = op["operation"].(map[string]any)["id"].(string)
	must(w.as(ada, "POST", "/api/symphony/keys", `{"name":"canary","scopes":["read"]}`))
	return ids
}

func (w *own) settleCanary(status string) {
	w.Helper()
	a := w.call("POST", receivePath, `{"queues":["canary"],"max":1,"lease":3600000,"worker":"canary"}`)
	list, _ := a.body["messages"].([]any)
	if len(list) != 1 {
		w.Fatalf("receive: %d %s", a.status, a.raw)
	}
	receipt := list[0].(map[string]any)["receipt"].(string)
	switch status {
	case "failed":
		a = w.call("POST", nackPath, `{"receipt":"`+receipt+`","permanent":true,"error":"canary","errorClass":"canary"}`)
	case "completed":
		a = w.call("POST", ackPath, `{"receipts":["`+receipt+`"]}`)
	}
	if a.status != 200 {
		w.Fatalf("%s: %d %s", status, a.status, a.raw)
	}
}

// A user who owns nothing walks every route, with the ids of everything there is, and finds nothing and changes
// nothing.
func TestVisibility_own_shows_nothing_of_others(t *testing.T) {
	w := newOwn(t)
	ids := w.others()
	eve := w.user("eve")
	everything := func() string {
		var b strings.Builder
		for _, path := range []string{"/api/symphony/messages?limit=200", "/api/symphony/failed", "/api/symphony/schedules", "/api/symphony/holds", "/api/symphony/keys"} {
			b.WriteString(w.call("GET", path, "").raw)
		}
		return b.String()
	}
	before := everything()
	doc, _ := document(t, w.fixture)
	allowed := map[string]bool{}
	for path, item := range doc["paths"].(map[string]any) {
		if !strings.HasPrefix(path, "/api/symphony/") && path != "/metrics" {
			continue
		}
		for method := range item.(map[string]any) {
			method = strings.ToUpper(method)
			if path == eventsPath { // it does not end; see below
				continue
			}
			for _, id := range append(slices.Sorted(maps.Values(ids)), "x") {
				body := ""
				if method == "POST" || method == "PATCH" {
					body = map[string]string{
						"/api/symphony/receive": `{}`, "/api/symphony/consume": `{"timeLimit":1000}`,
						"/api/symphony/dispatch":       `{"message":{"type":"Eve","payload":{}},"options":{"idempotencyKey":"canary","queue":"eves"}}`,
						"/api/symphony/dispatch/batch": `{"messages":[{"message":{"type":"Eve","payload":{}},"options":{"debounceKey":"canary","queue":"eves"}}]}`,
						"/api/symphony/failed/retry":   `{"ids":["` + id + `"]}`, "/api/symphony/failed/delete": `{"filter":{},"all":true}`,
						"/api/symphony/messages/replay": `{"filter":{}}`,
						"/api/symphony/messages/cancel": `{"filter":{}}`,
						"/api/symphony/messages/edit":   `{"filter":{},"set":{"priority":1}}`,
						"/api/symphony/messages/delete": `{"filter":{},"all":true}`,
					}[path]
				}
				a := w.as(eve, method, strings.ReplaceAll(path, "{id}", id), body)
				if strings.Contains(strings.ToLower(a.raw), canary) && !strings.Contains(a.raw, `"idempotencyKey":"canary"`) {
					t.Errorf("%s %s shows a canary: %d %s", method, path, a.status, a.raw)
				}
				for what, id := range ids {
					if strings.Contains(a.raw, id) {
						t.Errorf("%s %s shows the id of %s: %s", method, path, what, a.raw)
					}
				}
				if strings.Contains(path, "{id}") && a.status < 400 {
					t.Errorf("%s %s of %s: %d %s", method, path, id, a.status, a.raw)
				}
				if a.status < 400 {
					allowed[method+" "+path] = true
				}
				if !strings.Contains(path, "{id}") {
					break
				}
			}
		}
	}
	want := []string{"DELETE /api/symphony/session", "GET /api/symphony/failed", "GET /api/symphony/failed/export", "GET /api/symphony/messages",
		"GET /api/symphony/messages/counts", "GET /api/symphony/messages/export",
		"GET /api/symphony/session", "GET /api/symphony/session/ways", // who she is herself, and how users sign in
		"GET /api/symphony/status", "POST /api/symphony/dispatch", "POST /api/symphony/dispatch/batch"}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(allowed))); diff != "" {
		t.Errorf("what answers her (-want +got):\n%s", diff)
	}
	for _, route := range []string{"POST receive", "POST ack", "POST nack", "POST extend", "POST consume", "GET operations", "GET workers", "GET schedules", "GET holds", "GET metrics"} {
		method, path, _ := strings.Cut(route, " ")
		if a := w.as(eve, method, "/api/symphony/"+path, ""); a.status != 403 || a.code() != "own_messages_only" {
			t.Errorf("%s: %d %s", route, a.status, a.code())
		}
	}
	// She has two messages of her own now. All else is as it was.
	mine := w.as(eve, "GET", "/api/symphony/messages", "")
	if n := len(mine.body["messages"].([]any)); n != 2 {
		t.Errorf("she has %d messages: %s", n, mine.raw)
	}
	for _, m := range mine.body["messages"].([]any) {
		if a := w.as(eve, "DELETE", "/api/symphony/messages/"+m.(map[string]any)["id"].(string), ""); a.status != 200 {
			t.Errorf("she cannot delete her own: %d %s", a.status, a.raw)
		}
	}
	if after := everything(); after != before {
		t.Errorf("she has changed something:\n%s", cmp.Diff(before, after))
	}
}

// A user's counts are of his own messages, however they are asked for.
func TestVisibility_own_counts_a_user_his_own(t *testing.T) {
	w := newOwn(t)
	ann, bob := w.user("ann"), w.user("bob")
	for range 3 {
		w.sendAs(bob, "Job", `{"tags":["vip"],"queue":"q"}`)
	}
	w.sendAs(ann, "Job", `{"tags":["vip"],"queue":"q"}`)
	w.sendAs(ann, "Mail", `{}`)
	for query, want := range map[string][2]int{ // ann's and bob's
		"":                                {2, 3},
		"?exact=true":                     {2, 3},
		"?status=pending":                 {2, 3}, // which counters tell, of everybody's
		"?status=pending&exact=true":      {2, 3},
		"?queue=q":                        {1, 3},
		"?queue=q&status=pending":         {1, 3},
		"?tag=vip":                        {1, 3},
		"?type=Mail":                      {1, 0},
		"?status=completed&status=failed": {0, 0},
		"?dispatchedBy=user%3Abob":        {0, 3},
		"?dispatchedBy=user%3Aann":        {2, 0},
	} {
		for i, token := range []string{ann, bob} {
			a := w.as(token, "GET", "/api/symphony/messages/counts"+query, "")
			counts, _ := a.body["counts"].(map[string]any)
			got := words(a.status, a.body["total"], counts["pending"], a.body["atLeast"])
			if want := words(200, want[i], want[i], nil); got != want {
				t.Errorf("%s of the %d. user: got %s, want %s", query, i+1, got, want)
			}
		}
	}
}

// What a user has dispatched is his, wherever it goes: to see, to delete and to retry.
func TestVisibility_own_shows_a_user_his_own(t *testing.T) {
	w := newOwn(t)
	w.others()
	eve := w.user("eve")
	id := w.sendAs(eve, "Eve", `{"queue":"eves","idempotencyKey":"canary"}`)
	again := w.as(eve, "POST", dispatchPath, `{"message":{"type":"Eve","payload":{"of":"canary"}},"options":{"queue":"eves","idempotencyKey":"canary"}}`)
	if again.status != 200 || again.body["messageId"] != id || again.body["duplicate"] != true {
		t.Errorf("her own key: %d %s", again.status, again.raw)
	}
	other := w.sendAs(w.user("mallory"), "Mallory", `{"queue":"eves","idempotencyKey":"canary"}`)
	if other == id {
		t.Error("one key made one message of two users'")
	}
	a := w.as(eve, "GET", "/api/symphony/messages/"+id, "")
	if a.status != 200 || a.message()["dispatchedBy"] != "user:eve" {
		t.Errorf("her message: %d %s", a.status, a.raw)
	}
	status := func() string {
		a := w.as(eve, "GET", "/api/symphony/status", "")
		raw, err := json.Marshal(a.body["queue"])
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(string(raw), " ", slices.Sorted(maps.Keys(a.body["queues"].(map[string]any))))
	}
	if got, want := status(), `{"cancelled":0,"completed":0,"depth":1,"failed":0,"pending":1,"processing":0} [eves]`; got != want {
		t.Errorf("status %s, want %s", got, want)
	}
	got, err := w.tr.Receive(t.Context(), symphony.ReceiveOptions{Queues: []string{"eves"}, Max: 10})
	if err != nil || len(got) != 2 {
		t.Fatalf("got %v, %v", got, err)
	}
	for _, d := range got {
		w.tr.Settle(t.Context(), []symphony.Settlement{{Lease: d.Lease, Outcome: symphony.Fail, Error: "boom", ErrorClass: "test", StartedAt: time.Now(), FinishedAt: time.Now()}})
	}
	failed := w.as(eve, "GET", "/api/symphony/failed", "")
	list := failed.body["messages"].([]any)
	if len(list) != 1 || fmt.Sprint(failed.body["pagination"].(map[string]any)["total"]) != "1" {
		t.Fatalf("failed: %s", failed.raw)
	}
	failedID := list[0].(map[string]any)["id"].(string)
	mallory := w.user("mallory")
	for _, call := range []string{"GET failed/" + failedID, "POST failed/" + failedID + "/retry", "DELETE failed/" + failedID, "DELETE failed/" + id, "GET messages/" + id, "DELETE messages/" + id} {
		method, path, _ := strings.Cut(call, " ")
		if a := w.as(mallory, method, "/api/symphony/"+path, ""); a.status != 404 {
			t.Errorf("another's %s: %d %s", call, a.status, a.raw)
		}
	}
	if a := w.as(w.user("eve", "read"), "POST", "/api/symphony/failed/"+failedID+"/retry", ""); a.status != 403 || a.code() != "insufficient_scope" {
		t.Errorf("without dispatch: %d %s", a.status, a.raw)
	}
	retried := w.as(w.user("eve", "read", "dispatch"), "POST", "/api/symphony/failed/"+failedID+"/retry", "")
	newID, _ := retried.body["newMessageId"].(string)
	if a := w.as(eve, "GET", "/api/symphony/messages/"+newID, ""); retried.status != 200 || a.status != 200 || a.message()["dispatchedBy"] != "user:eve" {
		t.Errorf("retried: %d %s, %d %s", retried.status, retried.raw, a.status, a.raw)
	}
	if a := w.as(eve, "POST", "/api/symphony/messages/"+newID+"/run-now", ""); a.status != 403 {
		t.Errorf("run-now: %d %s", a.status, a.raw)
	}
	if a := w.as(eve, "DELETE", "/api/symphony/messages/"+newID, ""); a.status != 200 {
		t.Errorf("delete: %d %s", a.status, a.raw)
	}
	// Who may operate, and API keys, see all.
	for who, token := range map[string]string{"an operator": w.user("ada", "read", "operate"), "an API key": w.keys["read"]} {
		if a := w.as(token, "GET", "/api/symphony/messages?limit=200", ""); len(a.body["messages"].([]any)) < 8 {
			t.Errorf("%s sees %s", who, a.raw)
		}
	}
}

// A user's stream has the events of his own messages, also of those that pull workers have failed, and no others.
func TestVisibility_own_streams_a_users_own_events(t *testing.T) {
	w := newOwn(t)
	eve := w.user("eve")
	w.sendAs(w.keys["dispatch"], "Canary.canary", `{"queue":"canary"}`)
	w.settleCanary("failed")
	w.sendAs(eve, "Eve", `{"queue":"canary"}`)
	w.settleCanary("failed")
	w.rec.Publish(event.HoldChanged, map[string]string{"queue": canary})
	w.sendAs(w.user("mallory"), "Canary.canary", `{"queue":"canary"}`)
	w.settleCanary("failed")
	w.sendAs(eve, "Eve2", `{"queue":"canary"}`)
	w.settleCanary("failed")
	req, err := http.NewRequest(http.MethodGet, w.server.URL+eventsPath+"?after=0", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+eve)
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	r := bufio.NewReader(resp.Body)
	var types []string
	for len(types) < 2 {
		b, err := block(r)
		if err != nil {
			t.Fatalf("%v after %v", err, types)
		}
		_, data, found := strings.Cut(b, "data: ")
		var e struct {
			Type string
			Data struct{ Type, DispatchedBy string }
		}
		if !found || json.Unmarshal([]byte(data), &e) != nil || e.Type == event.Connected {
			continue
		}
		if e.Type != event.MessageFailed || e.Data.DispatchedBy != "user:eve" {
			t.Errorf("she gets %s", b)
		}
		types = append(types, e.Data.Type)
	}
	if diff := cmp.Diff([]string{"Eve", "Eve2"}, types); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// So has a stream of what happens to single messages, whatever it asks for, also by the id of another one's message.
func TestVisibility_own_streams_what_happens_to_a_users_own_messages(t *testing.T) {
	w := newOwn(t)
	eve := w.user("eve")
	of := func(id, by string) *symphony.Envelope {
		return &symphony.Envelope{ID: id, Queue: "mail", Type: "Mail", DispatchedBy: by,
			Terms: &symphony.Terms{Tags: []string{"vip"}}}
	}
	var ids []string
	for range 4 {
		ids = append(ids, symphony.NewID(time.Now()))
	}
	for _, query := range []string{"queue=mail", "type=Mail", "type=*", "tag=vip",
		"id=" + strings.Join(ids, "&id=")} {
		req, err := http.NewRequest(http.MethodGet, w.server.URL+eventsPath+"?types=message.*&"+query, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+eve)
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: %v, %v", query, resp, err)
		}
		r := bufio.NewReader(resp.Body)
		var got []string
		for len(got) < 2 {
			b, err := block(r)
			if err != nil {
				t.Fatalf("%s: %v after %v", query, err, got)
			}
			_, data, _ := strings.Cut(b, "data: ")
			var e struct {
				Type string
				Data struct{ MessageID string }
			}
			if json.Unmarshal([]byte(data), &e) != nil || e.Type == "" {
				continue
			}
			if e.Type == event.Connected {
				w.singles.MessagesDispatched([]*symphony.Envelope{of(ids[0], "user:mallory"),
					of(ids[1], "user:eve"), of(ids[2], ""), of(ids[3], "user:eve")}, nil)
				continue
			}
			got = append(got, e.Data.MessageID)
		}
		resp.Body.Close()
		if diff := cmp.Diff([]string{ids[1], ids[3]}, got); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", query, diff)
		}
	}
}

// Users are recorded with what they dispatch whatever is visible, API keys where that is one's own.
func TestDispatchedBy_is_recorded(t *testing.T) {
	w := newOwn(t)
	eve := w.user("eve", "dispatch", "operate", "read")
	shown := func(id string) any { return w.call("GET", "/api/symphony/messages/"+id, "").message()["dispatchedBy"] }
	if got := shown(w.sendAs(eve, "A", `{}`)); got != "user:eve" {
		t.Errorf("a user: %v", got)
	}
	if got, _ := shown(w.sendAs(w.keys["dispatch"], "A", `{}`)).(string); !strings.HasPrefix(got, "api_key:") {
		t.Errorf("an API key: %v", got)
	}
	plain := newFixture(t, nil)
	if got := plain.call("GET", "/api/symphony/messages/"+plain.send("A", `{}`, `{}`), "").message()["dispatchedBy"]; got != nil {
		t.Errorf("an API key where all is visible: %v", got)
	}
	// Schedules keep who has made them, whoever changes them; imports what the file says, or who imports.
	made := w.as(eve, "POST", "/api/symphony/schedules", `{"interval":60000,"message":{"type":"S","payload":{}}}`)
	path := "/api/symphony/schedules/" + made.body["schedule"].(map[string]any)["id"].(string)
	if a := w.as(w.user("ada", "operate"), "PATCH", path, `{"interval":90000}`); a.status != 200 {
		t.Fatalf("change: %d %s", a.status, a.raw)
	}
	run := w.as(w.user("ada", "operate"), "POST", path+"/run", "")
	if run.status != 200 {
		t.Fatalf("run: %d %s", run.status, run.raw)
	}
	for _, m := range w.call("GET", "/api/symphony/messages?type=S", "").body["messages"].([]any) {
		if got := m.(map[string]any)["dispatchedBy"]; got != "user:eve" {
			t.Errorf("a schedule's message: %v", got)
		}
	}
	a := w.call("POST", importPath, `{"id":"1","message":{"type":"I1","payload":{}},"dispatchedBy":"user:ada"}`+"\n"+`{"id":"2","message":{"type":"I2","payload":{}}}`+"\n",
		"Authorization", "Bearer "+eve, "Content-Type", jsonl)
	if a.status != 200 {
		t.Fatalf("import: %d %s", a.status, a.raw)
	}
	for typ, want := range map[string]string{"I1": "user:ada", "I2": "user:eve"} {
		list := w.call("GET", "/api/symphony/messages?type="+typ, "").body["messages"].([]any)
		if len(list) != 1 || list[0].(map[string]any)["dispatchedBy"] != want {
			t.Errorf("imported %s: %v, want %s", typ, list, want)
		}
	}
}
