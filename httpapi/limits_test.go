package httpapi_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// one is the only limit of an answer.
func (a answer) limit(t *testing.T) map[string]any {
	t.Helper()
	list, _ := a.body["limits"].([]any)
	if a.status != 200 || len(list) != 1 {
		t.Fatalf("%d %s, want one limit", a.status, a.raw)
	}
	return list[0].(map[string]any)
}

// A limit holds for what waits already, is told with its use, and is gone once it is deleted.
func TestLimitsAreSetAndDeleted(t *testing.T) {
	f := newFixture(t, nil)
	for range 3 {
		f.dispatch("Order.New", `{}`)
	}
	const path = "/api/symphony/limits/type/Order.*"
	until := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	set := f.call("PUT", path, `{"concurrency":2,"until":"`+until+`"}`).limit(t)
	of := set["set"].(map[string]any)
	if set["kind"] != "type" || fmt.Sprint(of["concurrency"]) != "2" || of["until"] != until || of["by"] == "" {
		t.Errorf("set: %v", set)
	}
	if list := f.receive(`{"max":10}`); len(list) != 2 {
		t.Errorf("%d were handed out, want 2", len(list))
	}
	used := f.call("GET", "/api/symphony/limits", "").limit(t)
	if fmt.Sprintf("%v %v", used["running"], used["waiting"]) != "2 1" {
		t.Errorf("used: %v, want 2 running and 1 waiting", used)
	}
	replaced := f.call("PUT", path, `{"rate":"5/10s","burst":2,"concurrency":null}`).limit(t)
	now := replaced["now"].(map[string]any)
	if now["rate"] != "5/10s" || fmt.Sprint(now["burst"]) != "2" || now["concurrency"] != nil ||
		replaced["tokens"] == nil {
		t.Errorf("replaced: %v", replaced)
	}
	if a := f.call("DELETE", path, ""); a.status != 200 || len(a.body["limits"].([]any)) != 0 {
		t.Errorf("deleted: %d %s", a.status, a.raw)
	}
	if list := f.receive(`{"max":10}`); len(list) != 1 {
		t.Errorf("%d were handed out, want the one that waited", len(list))
	}
}

// Who set which limit, to what, and what it was before, is in the audit trail.
func TestLimitsAreAudited(t *testing.T) {
	f := newFixture(t, nil)
	until := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	const of = "/api/symphony/limits/"
	operator := []string{"Authorization", "Bearer " + f.keys["operate"]}
	for _, c := range []struct {
		method, path, body string
		status             int
		headers            []string
	}{
		{"PUT", of + "type/Mail.*", `{"rate":"100/s","burst":5,"until":"` + until + `"}`, 200, operator},
		{"PUT", of + "type/Mail.*", `{"concurrency":2}`, 200, nil},
		{"DELETE", of + "type/Mail.*", "", 200, operator},
		{"DELETE", of + "type/Mail.*", "", 404, operator},
		{"PUT", of + "queue/default/Mail.*", `{"concurrency":0}`, 400, operator},
		{"PUT", of + "queue/default/bulk", `{}`, 200, operator},
		{"PUT", of + "key/tenant-7?type=Mail", `{"concurrency":1}`, 200, operator},
		{"PUT", of + "key/tenant-7?type=Mail", `{"concurrency":3}`, 200, operator},
	} {
		if a := f.call(c.method, c.path, c.body, c.headers...); a.status != c.status {
			t.Fatalf("%s %s: %d %s", c.method, c.path, a.status, a.raw)
		}
	}
	var got []string
	entries := f.call("GET", "/api/symphony/audit?action=limit.*", "").body["entries"].([]any)
	for _, e := range slices.Backward(entries) {
		e := e.(map[string]any)
		result, _ := e["result"].(map[string]any)
		if before, ok := result["before"].(map[string]any); ok {
			if before["since"] == nil || before["by"] == nil {
				t.Errorf("of what was set before: %v", before)
			}
			delete(before, "since")
			delete(before, "by")
		}
		got = append(got, words(e["who"].(map[string]any)["name"], e["action"], e["outcome"], e["target"], result))
	}
	want := []string{
		"operate limit.set ok map[burst:5 id:Mail.* rate:100/s until:" + until + "] map[limit:type \"Mail.*\"]",
		"admin limit.set ok map[concurrency:2 id:Mail.*] map[before:map[burst:5 rate:100/s until:" + until +
			"] limit:type \"Mail.*\"]",
		"operate limit.delete ok map[id:Mail.*] map[before:map[concurrency:2] limit:type \"Mail.*\"]",
		"operate limit.delete refused map[id:Mail.*] map[]",
		"operate limit.set refused map[concurrency:0 id:Mail.* transport:default] map[]",
		"operate limit.set ok map[id:bulk transport:default] map[limit:queue \"bulk\" of transport \"default\"]",
		"operate limit.set ok map[concurrency:1 id:tenant-7 type:Mail] map[limit:key \"tenant-7\" of type \"Mail\"]",
		"operate limit.set ok map[concurrency:3 id:tenant-7 type:Mail] map[before:map[concurrency:1] " +
			"limit:key \"tenant-7\" of type \"Mail\"]",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestLimitsOfQueuesAndKeys(t *testing.T) {
	f := newFixture(t, nil)
	q := f.call("PUT", "/api/symphony/limits/queue/default/a", `{"concurrency":1}`).limit(t)
	if q["kind"] != "queue" || q["transport"] != "default" || q["queue"] != "a" {
		t.Errorf("queue: %v", q)
	}
	f.call("DELETE", "/api/symphony/limits/queue/default/a", "")
	k := f.call("PUT", "/api/symphony/limits/key/tenant%201?type=Mail.*", `{"concurrency":3}`).limit(t)
	if k["kind"] != "key" || k["key"] != "tenant 1" || k["type"] != "Mail.*" {
		t.Errorf("key: %v", k)
	}
	if a := f.call("DELETE", "/api/symphony/limits/key/tenant%201", ""); a.status != 404 {
		t.Errorf("the key of other types: %d %s", a.status, a.raw)
	}
	if a := f.call("DELETE", "/api/symphony/limits/key/tenant%201?type=Mail.*", ""); a.status != 200 {
		t.Errorf("the key: %d %s", a.status, a.raw)
	}
}

func TestLimitsThatAreRefused(t *testing.T) {
	f := newFixture(t, nil)
	const of, ofType = "/api/symphony/limits/", "/api/symphony/limits/type/Mail"
	for name, test := range map[string]struct {
		method, path, body string
		status             int
		want               string
	}{
		"no concurrency":       {"PUT", ofType, `{"concurrency":0}`, 400, `"concurrency"`},
		"negative":             {"PUT", ofType, `{"concurrency":-1}`, 400, `"concurrency"`},
		"huge":                 {"PUT", ofType, `{"concurrency":4294967296}`, 400, `"concurrency"`},
		"no rate":              {"PUT", ofType, `{"rate":"fast"}`, 400, `"rate"`},
		"nothing in a time":    {"PUT", ofType, `{"rate":"0/s"}`, 400, `"rate"`},
		"a day too long":       {"PUT", ofType, `{"rate":"1/48h"}`, 400, `"rate"`},
		"burst without a rate": {"PUT", ofType, `{"burst":2}`, 400, `"burst"`},
		"burst beyond it":      {"PUT", ofType, `{"rate":"2/s","burst":3}`, 400, `"burst"`},
		"over already":         {"PUT", ofType, `{"concurrency":1,"until":"2020-01-01T00:00:00Z"}`, 400, `"until"`},
		"unknown member":       {"PUT", ofType, `{"concurrency":1,"limit":2}`, 400, `"limit"`},
		"not a body":           {"PUT", ofType, ``, 400, ``},
		"bad pattern":          {"PUT", of + "type/a*b", `{"concurrency":1}`, 400, `"type"`},
		"bad pattern of a key": {"PUT", of + "key/k?type=a*b", `{"concurrency":1}`, 400, `"type"`},
		"long key":             {"PUT", of + "key/" + strings.Repeat("k", 256), `{"concurrency":1}`, 400, `"key"`},
		"bad queue":            {"PUT", of + "queue/default/a%20b", `{"concurrency":1}`, 400, `"queue"`},
		"unknown transport":    {"PUT", of + "queue/nope/a", `{"concurrency":1}`, 400, `"transport"`},
		"unknown parameter":    {"PUT", ofType + "?kind=x", `{"concurrency":1}`, 400, `"kind"`},
		"no flow control":      {"PUT", of + "queue/sync/a", `{"concurrency":1}`, 501, ``},
		"nothing set":          {"DELETE", ofType, ``, 404, `not_found`},
		"a pause that is over": {"POST", "/api/symphony/pause", `{"until":"2020-01-01T00:00:00Z"}`, 400, `"until"`},
	} {
		t.Run(name, func(t *testing.T) {
			a := f.call(test.method, test.path, test.body)
			if a.status != test.status || !strings.Contains(a.raw, test.want) {
				t.Errorf("%d %s, want %d with %s", a.status, a.raw, test.status, test.want)
			}
		})
	}
	if a := f.call("GET", "/api/symphony/limits", ""); len(a.body["limits"].([]any)) != 0 {
		t.Errorf("something was set: %s", a.raw)
	}
	if a := f.call("GET", "/api/symphony/holds", ""); len(a.body["holds"].([]any)) != 0 {
		t.Errorf("something was paused: %s", a.raw)
	}
}

func TestAPauseTellsWhenItEnds(t *testing.T) {
	f := newFixture(t, nil)
	until := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	a := f.call("POST", "/api/symphony/pause", `{"queue":"a","reason":"deploy","until":"`+until+`"}`)
	holds, _ := a.body["holds"].([]any)
	if a.status != 200 || len(holds) != 1 || holds[0].(map[string]any)["until"] != until {
		t.Errorf("%d %s", a.status, a.raw)
	}
}
