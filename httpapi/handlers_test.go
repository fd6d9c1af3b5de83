package httpapi_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/handler/dynamic"
	"github.com/symphony-messenger/symphony/handler/httppush"
	"github.com/symphony-messenger/symphony/httpapi"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

const ofHandlers = "/api/symphony/handlers/"

// A server that was started without handlers works from the moment at which one is set.
func TestHandlers_are_set_and_handle(t *testing.T) {
	pushed := make(chan string, 10)
	app := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		pushed <- r.URL.Path + " " + fmt.Sprint(r.Header.Get("Webhook-Signature") != "")
	}))
	defer app.Close()
	f := newFixture(t, func(o *httpapi.Options) {
		origins, err := httppush.NewOrigins([]string{app.URL}, true)
		if err != nil {
			t.Fatal(err)
		}
		of := dynamic.Options{Records: o.Records, Mux: o.Mux, Origins: origins}
		if o.Handlers, err = dynamic.New(of); err != nil {
			t.Fatal(err)
		}
	})
	set := f.call("PUT", ofHandlers+"order.*",
		`{"url":"`+app.URL+`/api/symphony","timeout":5000,"queues":["a","default"]}`)
	secret, _ := set.body["secret"].(string)
	if set.status != 201 || !strings.HasPrefix(secret, "whsec_") {
		t.Fatalf("set: %d %s", set.status, set.raw)
	}
	if strings.Count(set.raw, "whsec_") != 1 {
		t.Errorf("the secret is told more than once: %s", set.raw)
	}
	f.dispatch("order.paid", `{}`)
	a := f.call("POST", "/api/symphony/consume", "")
	if a.status != 200 || len(pushed) != 1 || <-pushed != "/api/symphony true" {
		t.Errorf("consume: %d %s", a.status, a.raw)
	}
	again := f.call("PUT", ofHandlers+"order.*", `{"url":"`+app.URL+`/other"}`)
	if again.status != 200 || again.body["secret"] != nil {
		t.Errorf("set again: %d %s", again.status, again.raw)
	}
	h := f.call("GET", ofHandlers+"order.*", "").body["handler"].(map[string]any)
	if h["url"] != app.URL+"/other" || h["source"] != "api" || h["kind"] != "http" || fmt.Sprint(h["secrets"]) != "1" ||
		h["timeout"] != nil || h["queues"] != nil || h["by"] == "" || h["createdAt"] == nil {
		t.Errorf("shown: %v", h)
	}
	types := f.call("GET", "/api/symphony/types?type=order.*", "").body["types"].([]any)[0].(map[string]any)
	if words(types["handler"]) != "map[names:[1] pattern:order.* source:api]" {
		t.Errorf("type: %v", types)
	}
	f.dispatch("order.paid", `{}`)
	f.call("POST", "/api/symphony/consume", "")
	if got := <-pushed; got != "/other true" {
		t.Errorf("pushed to %s", got)
	}
	rotated := f.call("POST", ofHandlers+"order.*/rotate", "")
	next, _ := rotated.body["secret"].(string)
	if rotated.status != 200 || next == "" || next == secret {
		t.Errorf("rotated: %d %s", rotated.status, rotated.raw)
	}
	if a := f.call("POST", ofHandlers+"order.*/retire", ""); a.status != 200 || strings.Contains(a.raw, "whsec_") {
		t.Errorf("retired: %d %s", a.status, a.raw)
	}
	if a := f.call("DELETE", ofHandlers+"order.*", ""); a.status != 200 {
		t.Errorf("deleted: %d %s", a.status, a.raw)
	}
	f.dispatch("order.paid", `{}`)
	f.call("POST", "/api/symphony/consume", "")
	failed := f.call("GET", "/api/symphony/failed", "").body["messages"].([]any)
	if len(failed) != 1 || failed[0].(map[string]any)["errorClass"] != "no_handler" {
		t.Errorf("failed: %v", failed)
	}
	if log := f.log.String(); strings.Contains(log, secret) || strings.Contains(log, next) {
		t.Error("the log has a secret")
	}
}

func TestHandlers_refuse(t *testing.T) {
	f := newFixture(t, nil)
	f.mux.HandleFunc("mail.*", func(context.Context, *symphony.Delivery) error { return nil })
	const url = `{"url":"https://app.example.com/"}`
	for _, c := range []struct {
		method, path, body string
		status             int
		code               string
		paths              []string
	}{
		{"PUT", "order", ``, 400, "invalid_json", []string{""}},
		{"PUT", "order", `{}`, 400, "validation_failed", []string{"url"}},
		{"PUT", "order", `{"url":"https://example.com/"}`, 400, "validation_failed", []string{"url"}},
		{"PUT", "order", `{"url":"https://app.example.com/","timeout":99,"concurrency":10001}`, 400,
			"validation_failed", []string{"timeout", "concurrency"}},
		{"PUT", "order", `{"url":"https://app.example.com/","timeout":0,"concurrency":0,"secret":"","x":1}`, 400,
			"validation_failed", []string{"timeout", "concurrency", "secret", "x"}},
		{"PUT", "order", `{"url":"https://app.example.com/","retry":{"maxRetries":101}}`, 400, "validation_failed",
			[]string{"retry.maxRetries"}},
		{"PUT", "order", `{"url":"https://app.example.com/","retry":{"retryDelay":[]}}`, 400, "validation_failed",
			[]string{"retry.retryDelay"}},
		{"PUT", "order", `{"url":"https://app.example.com/","retry":{"retryDelay":86400001}}`, 400,
			"validation_failed", []string{"retry.retryDelay[0]"}},
		{"PUT", "order", `{"url":"https://app.example.com/","secret":"hunter2"}`, 400, "validation_failed",
			[]string{"secret"}},
		{"PUT", "order", `{"url":"https://app.example.com/a b"}`, 400, "validation_failed", []string{"url"}},
		{"PUT", "order", `{"url":"https://ada@app.example.com/"}`, 400, "validation_failed", []string{"url"}},
		{"PUT", "order", `{"url":"https://app.example.com/#a"}`, 400, "validation_failed", []string{"url"}},
		{"PUT", "order", `{"url":"https://app.example.com/","queues":[]}`, 400, "validation_failed", []string{"queues"}},
		{"PUT", "or*der", url, 400, "validation_failed", []string{"pattern"}},
		{"PUT", "order?queue=a%20b", url, 400, "validation_failed", []string{"queue"}},
		{"PUT", "order?queue=", url, 400, "validation_failed", []string{"queue"}},
		{"PUT", "mail.new", url, 409, "handler_configured", nil},
		{"GET", "order", "", 404, "not_found", nil},
		{"DELETE", "order", "", 404, "not_found", nil},
		{"POST", "order/rotate", "", 404, "not_found", nil},
		{"POST", "order/retire", "", 404, "not_found", nil},
	} {
		a := f.call(c.method, ofHandlers+c.path, c.body)
		if a.status != c.status || a.code() != c.code {
			t.Errorf("%s %s %s: %d %s", c.method, c.path, c.body, a.status, a.raw)
		} else if got := a.paths(); c.code == "validation_failed" && !cmp.Equal(sorted(c.paths), sorted(got)) {
			t.Errorf("%s %s: problems of %q, want %q", c.path, c.body, got, c.paths)
		}
		for _, path := range a.paths() { // whoever is refused a number is told the range
			ranges := map[string]string{"timeout": "must be 100 to 86400000", "concurrency": "must be 1 to 10000"}
			if text := ranges[path]; !strings.Contains(a.raw, text) {
				t.Errorf("%s %s: %s does not say %q", c.path, c.body, a.raw, text)
			}
		}
		if strings.Contains(a.raw, "hunter") {
			t.Errorf("the secret is repeated: %s", a.raw)
		}
	}
	if list := f.call("GET", "/api/symphony/handlers", "").body["handlers"].([]any); len(list) != 0 {
		t.Errorf("set all the same: %v", list)
	}
	without := newFixture(t, func(o *httpapi.Options) { o.Handlers = nil })
	paths := map[string]string{"GET": "order", "PUT": "order", "DELETE": "order", "POST": "order/rotate"}
	for method, path := range paths {
		if a := without.call(method, ofHandlers+path, map[string]string{"PUT": url}[method]); a.status != 501 {
			t.Errorf("%s without handlers: %d %s", method, a.status, a.raw)
		}
	}
}

func sorted(list []string) []string { return slices.Sorted(slices.Values(list)) }

// Configured handlers stand beside those that are set; of their URLs only the host is told.
func TestHandlers_list_what_is_configured(t *testing.T) {
	f := newFixture(t, func(o *httpapi.Options) {
		o.Mux.HandleFunc("mail.new", func(context.Context, *symphony.Delivery) error { return nil })
		o.Configured = []wire.Handler{{Pattern: "mail.new", Source: "config", Kind: "command"}}
	})
	for _, pattern := range []string{"mail.*", "mail.*?queue=a", "a"} {
		if a := f.call("PUT", ofHandlers+pattern, `{"url":"https://app.example.com/x"}`); a.status != 201 {
			t.Fatalf("%s: %d %s", pattern, a.status, a.raw)
		}
	}
	var got []string
	for _, h := range f.call("GET", "/api/symphony/handlers", "").body["handlers"].([]any) {
		h := h.(map[string]any)
		got = append(got, words(h["pattern"], h["queue"], h["source"]))
	}
	want := []string{"a <nil> api", "mail.* <nil> api", "mail.* a api", "mail.new <nil> config"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestHandlers_are_audited_without_URLs_and_secrets(t *testing.T) {
	f := newFixture(t, nil)
	const of = ofHandlers + "order.*"
	secret := httppush.NewSecret()
	f.call("PUT", of, `{"url":"https://app.example.com/token-hunter2","timeout":100,"secret":"`+secret+`"}`)
	f.call("POST", of+"/rotate", "")
	f.call("POST", of+"/retire", "")
	f.call("DELETE", of+"?queue=a", "")
	f.call("DELETE", of, "")
	a := f.call("GET", "/api/symphony/audit?action=handler.*", "")
	var got []string
	for _, e := range slices.Backward(a.body["entries"].([]any)) {
		e := e.(map[string]any)
		got = append(got, words(e["action"], e["outcome"], e["target"]))
	}
	want := []string{
		"handler.set ok map[id:order.* secretGiven:true timeout:100 urlGiven:true]",
		"handler.rotate ok map[id:order.*]",
		"handler.retire ok map[id:order.*]",
		"handler.delete refused map[id:order.* queue:a]",
		"handler.delete ok map[id:order.*]",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if strings.Contains(a.raw, "hunter2") || strings.Contains(a.raw, "whsec_") {
		t.Errorf("the trail has what is secret: %s", a.raw)
	}
}
