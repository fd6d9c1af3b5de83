package httpapi_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Nothing of a query is left out in silence: what cannot be read is named.
func TestQueriesAreReadStrictly(t *testing.T) {
	f := newFixture(t, nil)
	id := f.fail("Order.paid", `{"n":1}`)
	for _, test := range []struct {
		method, path string
		paths        []string
	}{
		{"POST", "/api/symphony/messages/import?dryRun=true;", []string{"dryRun=true;"}},
		{"GET", "/api/symphony/messages?type=100%", []string{"type=100%"}},
		{"GET", "/api/symphony/messages?%zz=1&type=%g0", []string{"%zz=1", "type=%g0"}},
		{"DELETE", "/api/symphony/failed/" + id + "?transport=x%zz", []string{"transport=x%zz"}},
		{"GET", "/api/symphony/failed?type=", []string{"type"}},
		{"GET", "/api/symphony/failed?type", []string{"type"}},
		{"GET", "/api/symphony/failed?type=a&type=b", []string{"type"}},
		{"GET", "/api/symphony/failed?=a", []string{""}},
		{"GET", "/api/symphony/failed?since=0001-01-01T00:00:00Z", []string{"since"}},
		{"GET", "/api/symphony/messages?until=0001-01-01T00:00:00Z", []string{"until"}},
		{"GET", "/healthz?a=b;c=d", []string{"a=b;c=d"}},
	} {
		a := f.call(test.method, test.path, "")
		if diff := cmp.Diff(test.paths, a.paths()); a.status != 400 || a.code() != "validation_failed" || diff != "" {
			t.Errorf("%s %s: got %d %s (-want +got):\n%s", test.method, test.path, a.status, a.raw, diff)
		}
	}
	if a := f.call("GET", "/api/symphony/failed/"+id, ""); a.status != 200 {
		t.Errorf("the failed message is gone: %s", a.raw)
	}
	// Pairs that say nothing are none, and a value may have anything that is escaped.
	for _, path := range []string{"/api/symphony/failed?&limit=5&", "/api/symphony/failed?type=a%3Bb%25+%26"} {
		if a := f.call("GET", path, ""); a.status != 200 {
			t.Errorf("%s: got %d %s", path, a.status, a.raw)
		}
	}
}

// A cursor that a list cannot have made is refused, not taken for the beginning.
func TestCursorsThatNoListMade(t *testing.T) {
	f := newFixture(t, nil)
	schedule := f.call("POST", "/api/symphony/schedules", `{"interval":60000,"message":{"type":"a","payload":{}}}`)
	id, _ := schedule.body["schedule"].(map[string]any)["id"].(string)
	for _, list := range []string{"messages", "failed", "operations", "schedules", "schedules/" + id + "/runs", "audit"} {
		for _, cursor := range []string{"garbage", "-1", "0197", "%F0%9F%98%80", "zzzzzzzz-zzzz-7zzz-zzzz-zzzzzzzzzzzz", "1%3Bdrop"} {
			a := f.call("GET", "/api/symphony/"+list+"?cursor="+cursor, "")
			if list != "messages" && list != "failed" && list != "operations" && list != "schedules" && cursor == "0197" {
				continue // the number of an entry
			}
			if a.status != 400 || !slices.Equal(a.paths(), []string{"cursor"}) {
				t.Errorf("%s?cursor=%s: got %d %s", list, cursor, a.status, a.raw)
			}
		}
	}
}

// What no storage can keep is in no path, query or body: 400 or 404, on every route.
func TestTextThatCannotBeKept(t *testing.T) {
	f := newFixture(t, nil)
	for _, rt := range f.api.Routes() {
		for _, bad := range []string{"%00", "%FF", "a%00b", "%C0%80", "%ED%A0%80"} {
			if strings.Contains(rt.Path, "{id}") {
				path := strings.ReplaceAll(rt.Path, "{id}", bad)
				if a := f.call(rt.Method, path, bodyOf(rt.Method), cronHeaders(path)...); a.status != 400 && a.status != 404 {
					t.Errorf("%s %s: got %d %s", rt.Method, path, a.status, a.raw)
				}
			}
			for _, name := range rt.Query {
				path := strings.ReplaceAll(rt.Path, "{id}", "019a0f6e-0000-7000-8000-000000000000") + "?" + name + "=" + bad
				if a := f.call(rt.Method, path, bodyOf(rt.Method), cronHeaders(path)...); a.status != 400 {
					t.Errorf("%s %s: got %d %s", rt.Method, path, a.status, a.raw)
				}
			}
			path := strings.ReplaceAll(rt.Path, "{id}", "019a0f6e-0000-7000-8000-000000000000") + "?" + bad + "=1"
			if a := f.call(rt.Method, path, bodyOf(rt.Method), cronHeaders(path)...); a.status != 400 && !strings.HasPrefix(rt.Path, "/docs") {
				t.Errorf("%s %s: got %d %s", rt.Method, path, a.status, a.raw)
			}
		}
	}
	const nul, lone = `\u0000`, `\ud800`
	for _, text := range []string{nul, "a" + nul, lone} {
		for _, request := range [][2]string{
			{dispatchPath, `{"message":{"type":"` + text + `","payload":{}}}`},
			{dispatchPath, `{"message":{"type":"a","payload":{}},"options":{"queue":"` + text + `"}}`},
			{dispatchPath, `{"message":{"type":"a","payload":{}},"options":{"transport":"` + text + `"}}`},
			{dispatchPath, `{"message":{"type":"a","payload":{}},"options":{"idempotencyKey":"` + text + `"}}`},
			{dispatchPath, `{"message":{"type":"a","payload":{}},"options":{"concurrencyKey":"` + text + `"}}`},
			{dispatchPath, `{"message":{"type":"a","payload":{}},"options":{"correlationId":"` + text + `"}}`},
			{dispatchPath, `{"message":{"type":"a","payload":{}},"options":{"headers":{"` + text + `":"a"}}}`},
			{"/api/symphony/consume", `{"transport":"` + text + `"}`},
			{"/api/symphony/consume", `{"queues":["` + text + `"]}`},
			{"/api/symphony/receive", `{"queues":["` + text + `"]}`},
			{"/api/symphony/receive", `{"worker":"` + text + `"}`},
			{"/api/symphony/ack", `{"receipts":["` + text + `"]}`},
			{"/api/symphony/pause", `{"queue":"` + text + `"}`},
			{"/api/symphony/pause", `{"type":"` + text + `"}`},
			{"/api/symphony/resume", `{"queue":"` + text + `"}`},
			{"/api/symphony/resume", `{"type":"` + text + `"}`},
			{"/api/symphony/purge", `{"queue":"` + text + `","confirm":"` + text + `"}`},
			{"/api/symphony/purge", `{"type":"` + text + `","confirm":"default"}`},
			{"/api/symphony/failed/delete", `{"filter":{"type":"` + text + `"}}`},
			{"/api/symphony/failed/retry", `{"filter":{"q":"` + text + `"}}`},
			{"/api/symphony/failed/delete", `{"filter":{"errorClass":"` + text + `"},"background":true}`},
			{"/api/symphony/messages/replay", `{"filter":{"queue":"` + text + `"}}`},
			{"/api/symphony/keys", `{"name":"` + text + `","scopes":["read"]}`},
			{"/api/symphony/schedules", `{"name":"` + text + `","interval":60000,"message":{"type":"a","payload":{}}}`},
			{"/api/symphony/schedules", `{"cron":"* * * * *","timezone":"` + text + `","message":{"type":"a","payload":{}}}`},
		} {
			if a := f.call("POST", request[0], request[1]); a.status != 400 && a.status != 404 {
				t.Errorf("%s %s: got %d %s", request[0], request[1], a.status, a.raw)
			}
		}
		// Ids that are looked for are there or not.
		if a := f.call("POST", "/api/symphony/failed/delete", `{"ids":["`+text+`"]}`); a.status != 200 && a.status != 400 {
			t.Errorf("ids of %q: got %d %s", text, a.status, a.raw)
		}
	}
}

func bodyOf(method string) string {
	if method == http.MethodPatch {
		return "{}"
	}
	return ""
}

func cronHeaders(path string) []string {
	if strings.HasPrefix(path, "/api/cron/") {
		return []string{"Authorization", "Bearer " + cronSecret}
	}
	return nil
}

// Empty and null members of filters and targets are refused; what is left out means all.
func TestNothingIsWidenedInSilence(t *testing.T) {
	f := newFixture(t, nil)
	f.fail("Order.paid", `{"n":1}`)
	f.fail("Order.sent", `{"n":2}`)
	const zero = "0001-01-01T00:00:00Z"
	for _, path := range []string{"/api/symphony/failed/delete", "/api/symphony/failed/retry", "/api/symphony/messages/replay"} {
		for _, extra := range []string{"", `,"background":true`, `,"dryRun":true`} {
			if strings.Contains(path, "replay") == strings.Contains(extra, "background") {
				continue
			}
			for _, filter := range []string{
				`{"type":""}`, `{"type":null}`, `{"queue":""}`, `{"queue":null}`, `{"q":""}`, `{"q":null}`, `{"since":null}`, `{"until":null}`,
				`{"since":"` + zero + `"}`, `{"until":"` + zero + `"}`, `{"until":""}`, `{"type":"a","queue":null}`, `null`, `[]`, `"all"`,
			} {
				if a := f.call("POST", path, `{"filter":`+filter+extra+`}`); a.status != 400 || len(a.paths()) == 0 || !strings.HasPrefix(a.paths()[0], "filter") {
					t.Errorf("%s %s%s: got %d %s", path, filter, extra, a.status, a.raw)
				}
			}
		}
	}
	for _, request := range [][3]string{
		{"/api/symphony/messages/replay", `{"filter":{"priority":0}}`, "filter.priority"},
		{"/api/symphony/messages/replay", `{"filter":{"priority":null}}`, "filter.priority"},
		{"/api/symphony/failed/delete", `{"filter":{}}`, "all"},
		{"/api/symphony/messages/delete", `{"filter":{}}`, "all"},
		{"/api/symphony/messages/delete", `{"filter":{},"dryRun":true}`, "all"},
		{"/api/symphony/messages/delete", `{"filter":{"queue":"a"},"all":true}`, "all"},
		{"/api/symphony/messages/cancel", `{"filter":{"status":"completed"}}`, "filter.status"},
		{"/api/symphony/messages/cancel", `{"filter":{"queue":null}}`, "filter.queue"},
		{"/api/symphony/messages/cancel", `{"filter":{"metadata":{"a":null}}}`, "filter.metadata"},
		{"/api/symphony/failed/retry", `{"filter":{"metadata":{"a":null}}}`, "filter.metadata"},
		{"/api/symphony/messages/cancel", `{}`, "ids"},
		{"/api/symphony/messages/edit", `{"filter":{}}`, "set"},
		{"/api/symphony/messages/edit", `{"filter":{},"set":{}}`, "set"},
		{"/api/symphony/messages/edit", `{"filter":{},"set":null}`, "set"},
		{"/api/symphony/messages/edit", `{"filter":{},"set":[]}`, "set"},
		{"/api/symphony/messages/edit", `{"filter":{},"set":{"payload":null}}`, "set.payload"},
		{"/api/symphony/messages/edit", `{"filter":{},"set":{"priority":11}}`, "set.priority"},
		{"/api/symphony/messages/edit", `{"filter":{},"set":{"queue":"b"}}`, "set.queue"},
		{"/api/symphony/messages/edit", `{"filter":{"status":"processing"},"set":{"priority":1}}`, "filter.status"},
		{"/api/symphony/failed/delete", `{"filter":{},"all":false}`, "all"},
		{"/api/symphony/failed/delete", `{"filter":{},"background":true}`, "all"},
		{"/api/symphony/failed/delete", `{"filter":{"type":"a"},"all":true}`, "all"},
		{"/api/symphony/failed/delete", `{"ids":["a"],"all":true}`, "all"},
		{"/api/symphony/failed/delete", `{"all":true}`, "ids"},
		{"/api/symphony/failed/delete", `{"ids":null}`, "ids"},
		{"/api/symphony/pause", `{"queue":null}`, "queue"},
		{"/api/symphony/pause", `{"queue":""}`, "queue"},
		{"/api/symphony/pause", `{"transport":null}`, "transport"},
		{"/api/symphony/drain", `{"queue":null}`, "queue"},
		{"/api/symphony/resume", `{"type":null}`, "type"},
		{"/api/symphony/purge", `{"queue":null,"confirm":"default"}`, "queue"},
		{"/api/symphony/purge", `{"type":"","confirm":"default"}`, "type"},
		{"/api/symphony/receive", `{"queues":[]}`, "queues"},
		{"/api/symphony/receive", `{"queues":null}`, "queues"},
		{"/api/symphony/consume", `{"queues":[]}`, "queues"},
	} {
		if a := f.call("POST", request[0], request[1]); a.status != 400 || !slices.Contains(a.paths(), request[2]) {
			t.Errorf("%s %s: got %d %s, want a problem at %s", request[0], request[1], a.status, a.raw, request[2])
		}
	}
	if a := f.call("GET", "/api/symphony/failed", ""); len(a.body["messages"].([]any)) != 2 {
		t.Fatalf("failed messages are gone: %s", a.raw)
	}
	if a := f.call("POST", "/api/symphony/failed/delete", `{"filter":{"type":"Order.paid"}}`); a.status != 200 || words(a.body["count"]) != "1" {
		t.Errorf("a filter: %d %s", a.status, a.raw)
	}
	if a := f.call("POST", "/api/symphony/failed/delete", `{"filter":{},"all":true}`); a.status != 200 || words(a.body["count"]) != "1" {
		t.Errorf("all: %d %s", a.status, a.raw)
	}
}

// A field that is not known does not make those of an embedded struct unknown.
func TestUnknownFieldBesideEmbeddedOnes(t *testing.T) {
	f := newFixture(t, nil)
	for _, request := range [][2]string{
		{"/api/symphony/pause", `{"queue":"a","reason":"b","queues":1}`},
		{"/api/symphony/drain", `{"queue":"a","queues":1}`},
		{"/api/symphony/schedules/preview", `{"cron":"* * * * *","next":2,"queues":1}`},
	} {
		if a := f.call("POST", request[0], request[1]); a.status != 400 || !slices.Equal(a.paths(), []string{"queues"}) {
			t.Errorf("%s: got %d %s", request[0], a.status, a.raw)
		}
	}
}
