package httpapi_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
)

// A search of the dead letter queue tells the total of its first page on every page, and finds each message once.
func TestFailedSearchGoesOnByItsCursor(t *testing.T) {
	f := newFixture(t, nil)
	want := make(map[string]bool)
	for i := range 5 {
		id := f.fail("Order", fmt.Sprintf(`{"text":"Needle %d"}`, i))
		want[id] = true
		f.fail("Order", `{"text":"hay"}`)
	}
	query, pages := "?q=needle&limit=2", 0
	for got := 0; ; pages++ {
		a := f.call("GET", "/api/symphony/failed"+query, "")
		if a.status != 200 {
			t.Fatalf("%s: %d %s", query, a.status, a.raw)
		}
		for _, m := range a.body["messages"].([]any) {
			if id := m.(map[string]any)["id"].(string); !want[id] {
				t.Errorf("%s was not searched for, or came twice", id)
			} else {
				delete(want, id)
			}
			got++
		}
		page := a.body["pagination"].(map[string]any)
		if fmt.Sprint(page["total"]) != "5" {
			t.Errorf("page %d tells a total of %v, want 5", pages, page["total"])
		}
		if page["hasMore"] != true {
			break
		}
		query = "?q=needle&limit=2&cursor=" + url.QueryEscape(page["nextCursor"].(string))
	}
	if len(want) > 0 || pages != 2 {
		t.Errorf("%d messages were not found on %d pages", len(want), pages+1)
	}
	for _, cursor := range []string{"x", "x.5", "01a20846-fe00-7000-8654-cef8ed21797f.x", "01a20846-fe00-7000-8654-cef8ed21797f.-1"} {
		if a := f.call("GET", "/api/symphony/failed?q=needle&cursor="+cursor, ""); a.status != 400 || fmt.Sprint(a.paths()) != "[cursor]" {
			t.Errorf("cursor %s: %d %s, want 400 for it", cursor, a.status, a.raw)
		}
	}
}

// A message that a patch would spoil stays in the dead letter queue: it was found, and is not retried.
func TestRetry_counts_what_a_patch_would_spoil_as_found(t *testing.T) {
	f := newFixture(t, nil)
	id := f.fail("Order", `{"a":1}`)
	ids := `{"ids":["` + id + `","01a22a70-e618-7972-a00e-a2d1a0a8d68c"],"patch":`
	large := strings.Repeat("x", 1<<20)
	for _, c := range []struct {
		patch          string
		count, missing int
	}{{`{"b":"` + large + `"}`, 0, 1}, {`{"b":2}`, 1, 1}, {`{"b":2}`, 0, 2}} {
		a := f.call("POST", "/api/symphony/failed/retry", ids+c.patch+`}`)
		if a.status != 200 || words(a.body["count"], a.body["notFound"]) != words(c.count, c.missing) {
			t.Errorf("patch %.20s: %d %s, want %v and %v not found", c.patch, a.status, a.raw, c.count, c.missing)
		}
	}
}
