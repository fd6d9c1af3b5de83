package httpapi_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/symphony-messenger/symphony/event"
	"github.com/symphony-messenger/symphony/httpapi"
	"github.com/symphony-messenger/symphony/redact"
	"github.com/symphony-messenger/symphony/storage"
)

const ofMessages = "/api/symphony/messages/"

// public are the headers of a caller who has a token and nothing else.
func public(token string) []string { return []string{"Authorization", "Bearer " + token} }

// withEvents has the API tell of single messages, as long as the test runs.
func withEvents(t *testing.T, o *httpapi.Options, log event.HubOptions) {
	singles := event.NewSingles(event.SinglesOptions{})
	log.Singles = singles
	store, ok := o.Records.(storage.Log)
	if !ok {
		t.Fatal("there is no log")
	}
	hub := event.NewHub(store, log)
	o.Events, o.Observer = hub, singles
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = hub.Run(ctx) })
	running.Go(func() { singles.Run(ctx, nil, nil) })
	t.Cleanup(func() { stop(); running.Wait() })
}

func TestTokens_show_one_message(t *testing.T) {
	rules, err := redact.New(map[string][]string{"export": {"secret"}})
	if err != nil {
		t.Fatal(err)
	}
	f := newFixture(t, func(o *httpapi.Options) {
		o.PublicOutput = func(typ string) bool { return typ == "export" }
		o.Redact = rules
	})
	a := f.call("POST", dispatchPath, `{"message":{"type":"export","payload":{"canary":1},"metadata":{"canary":1}},`+
		`"options":{"token":true,"tags":["canary"]}}`)
	id, _ := a.body["messageId"].(string)
	token, _ := a.body["token"].(string)
	if a.status != 201 || !strings.HasPrefix(token, "smt_") {
		t.Fatalf("dispatch: %d %s", a.status, a.raw)
	}
	shown := func() (answer, map[string]any) {
		t.Helper()
		a := f.call("GET", ofMessages+id+"/public", "", public(token)...)
		if a.status != 200 || strings.Contains(a.raw, "canary") {
			t.Fatalf("shown: %d %s", a.status, a.raw)
		}
		h := a.header
		if h.Get("Access-Control-Allow-Origin") != "*" || h.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("headers: %v", a.header)
		}
		return a, a.message()
	}
	if _, m := shown(); m["status"] != "pending" || m["id"] != id || m["createdAt"] == nil || m["type"] != nil {
		t.Errorf("pending: %v", m)
	}
	receipt := f.receive(`{}`)[0]["receipt"].(string)
	f.call("POST", "/api/symphony/extend", `{"receipts":["`+receipt+`"],"progress":{"done":1,"total":3,"text":"one"}}`)
	if _, m := shown(); m["status"] != "processing" || words(m["progress"].(map[string]any)["text"]) != "one" {
		t.Errorf("in hand: %v", m)
	}
	f.call("POST", "/api/symphony/ack", `{"items":[{"receipt":"`+receipt+`","output":{"url":"u","secret":"canary"}}]}`)
	_, m := shown()
	if m["status"] != "completed" || m["output"].(map[string]any)["url"] != "u" || m["finishedAt"] == nil {
		t.Errorf("completed: %v", m)
	}
	other := f.complete("mail", `{}`, `{}`)
	made := f.call("POST", ofMessages+other+"/token", `{"ttl":60}`)
	if made.status != 201 || made.body["expiresAt"] == nil {
		t.Fatalf("made: %d %s", made.status, made.raw)
	}
	b := f.call("GET", ofMessages+other+"/public", "", public(made.body["token"].(string))...)
	if b.status != 200 || b.message()["output"] != nil {
		t.Errorf("of another type: %d %s", b.status, b.raw)
	}
	// Whoever operates may show any message to somebody, without a right to dispatch.
	a = f.call("POST", ofMessages+other+"/token", "", "Authorization", "Bearer "+f.keys["operate"])
	if a.status != 201 {
		t.Errorf("with operate alone: %d %s", a.status, a.raw)
	}
	if strings.Contains(f.log.String(), "smt_") {
		t.Error("a token is in the log")
	}
}

// A token goes on with the message that has taken the place of its own.
func TestTokens_follow_retries(t *testing.T) {
	f := newFixture(t, nil)
	f.fail("mail", `{}`)
	failed := f.call("GET", "/api/symphony/failed", "").body["messages"].([]any)[0].(map[string]any)
	id := failed["messageId"].(string)
	token := f.call("POST", ofMessages+id+"/token", "").body["token"].(string)
	f.call("POST", "/api/symphony/failed/"+failed["id"].(string)+"/retry", "")
	a := f.call("GET", ofMessages+id+"/public", "", public(token)...)
	if m := a.message(); a.status != 200 || m["id"] != id || m["status"] != "pending" || m["retried"] != true {
		t.Errorf("retried: %d %s", a.status, a.raw)
	}
}

func TestTokens_refuse(t *testing.T) {
	f := newFixture(t, nil)
	id, other := f.send("mail", `{}`, `{}`), f.send("mail", `{}`, `{}`)
	token := f.call("POST", ofMessages+id+"/token", "").body["token"].(string)
	gone := "01a20846-fe04-7000-90d0-4989796f46c5"
	for _, c := range []struct {
		path    string
		headers []string
		status  int
		code    string
	}{
		{id + "/public", []string{"Authorization", ""}, 401, "missing_credentials"},
		{id + "/public", public("smt_x"), 401, "token_invalid"},
		{id + "/public", nil, 401, "token_invalid"}, // not even an administrator's key
		{other + "/public", public(token), 401, "token_invalid"},
		{gone + "/public", public(token), 401, "token_invalid"},
		{id + "/public?token=" + token, []string{"Authorization", ""}, 400, "validation_failed"},
		{id + "/public/events?token=" + token, public(token), 401, "credentials_conflict"},
		{id + "/public/events?token=" + token + "%zz", nil, 400, "validation_failed"},
		{id + "/public/events?token=" + token, []string{"Authorization", ""}, 501, "not_supported"},
		{id, public(token), 401, "credentials_malformed"}, // nor does it open anything else
	} {
		a := f.call("GET", ofMessages+c.path, "", c.headers...)
		if a.status != c.status || c.code != "credentials_malformed" && a.code() != c.code {
			t.Errorf("%s: %d %s, want %d %s", c.path, a.status, a.raw, c.status, c.code)
		}
		if strings.Contains(a.raw, token) {
			t.Errorf("%s: the answer repeats the token: %s", c.path, a.raw)
		}
	}
	f.call("DELETE", ofMessages+id, "")
	if a := f.call("GET", ofMessages+id+"/public", "", public(token)...); a.status != 404 {
		t.Errorf("forgotten: %d %s", a.status, a.raw)
	}
	for _, body := range []string{`{"ttl":59}`, `{"ttl":86401}`, `{"ttl":0}`} {
		if a := f.call("POST", ofMessages+other+"/token", body); a.status != 400 || fmt.Sprint(a.paths()) != "[ttl]" {
			t.Errorf("%s: %d %s", body, a.status, a.raw)
		}
	}
	if a := f.call("POST", ofMessages+gone+"/token", ""); a.status != 404 {
		t.Errorf("of no message: %d %s", a.status, a.raw)
	}
	a := f.call("POST", ofMessages+other+"/token", "", "Authorization", "Bearer "+f.keys["dispatch"])
	if a.status != 403 || a.code() != "insufficient_scope" {
		t.Errorf("of somebody else's: %d %s", a.status, a.raw)
	}
	if strings.Contains(f.log.String(), "smt_") {
		t.Error("a token is in the log")
	}
}

// Any page may ask, and no other route is open to it.
func TestTokens_are_open_to_every_origin(t *testing.T) {
	f := newFixture(t, nil)
	preflight := []string{"Authorization", "", "Origin", "https://a.test", "Access-Control-Request-Method", "GET",
		"Access-Control-Request-Headers", "authorization"}
	for path, want := range map[string]string{"x/public": "*", "x/public/events": "*", "x": "", "x/token": ""} {
		a := f.call("OPTIONS", ofMessages+path, "", preflight...)
		if got := a.header.Get("Access-Control-Allow-Origin"); got != want || (a.status == 204) != (want != "") {
			t.Errorf("%s: %d, origin %q, want %q", path, a.status, got, want)
		}
	}
}

func TestTokens_stream(t *testing.T) {
	f := newFixture(t, func(o *httpapi.Options) { withEvents(t, o, event.HubOptions{}) })
	a := f.call("POST", dispatchPath, `{"message":{"type":"export","payload":{}},"options":{"token":true}}`)
	at := f.server.URL + ofMessages + a.body["messageId"].(string) + "/public/events?token=" + a.body["token"].(string)
	open := func(last string) *http.Response {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at, nil)
		if err != nil {
			t.Fatal(err)
		}
		if last != "" {
			req.Header.Set("Last-Event-ID", last)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { resp.Body.Close() })
		return resp
	}
	var streams []*http.Response
	for range 5 {
		streams = append(streams, open(""))
	}
	if resp := open(""); resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("Retry-After") == "" {
		t.Errorf("a sixth stream: %s", resp.Status)
	}
	r := bufio.NewReader(streams[0].Body)
	next := func() (id, status string) {
		t.Helper()
		for {
			b, err := block(r)
			if err != nil {
				t.Fatal(err)
			}
			var m struct{ Status string }
			for line := range strings.Lines(b + "\n") {
				line = strings.TrimSpace(line)
				if rest, ok := strings.CutPrefix(line, "data: "); ok && json.Unmarshal([]byte(rest), &m) != nil {
					t.Fatalf("data %q", rest)
				}
				if rest, ok := strings.CutPrefix(line, "id: "); ok {
					id = rest
				}
			}
			if m.Status != "" {
				return id, m.Status
			}
		}
	}
	if id, status := next(); id != "" || status != "pending" {
		t.Errorf("at first: %s %s", id, status)
	}
	receipt := f.receive(`{}`)[0]["receipt"].(string)
	f.call("POST", "/api/symphony/ack", `{"receipts":["`+receipt+`"]}`)
	id, status := next()
	for status != "completed" {
		id, status = next()
	}
	if id != "last" {
		t.Errorf("the last event has the id %q", id)
	}
	if b, err := block(r); err == nil {
		t.Errorf("behind the end: %q", b)
	}
	if resp := open("last"); resp.StatusCode != http.StatusNoContent {
		t.Errorf("connected again: %s", resp.Status)
	}
}
