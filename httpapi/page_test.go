package httpapi_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/symphony-messenger/symphony/httpapi"
)

// A page has all its rows, but no more bodies than fit; what is left out can be had, and exports have all.
func TestPagesAreBoundedInBytes(t *testing.T) {
	f := newFixture(t, func(o *httpapi.Options) { o.MaxBodyBytes = 2 << 20 })
	const n, size, most = 7, 900_000, 4<<20 + 2*900_000
	payload := `{"x":"` + strings.Repeat("x", size-8) + `"}`
	for range n {
		f.fail("Large", payload)
	}
	for range n {
		if a := f.call("POST", dispatchPath, `{"message":{"type":"Large","payload":`+payload+`},"options":{"queue":"waits","headers":{"h":"v"}}}`); a.status != 201 {
			t.Fatal(a.raw)
		}
		if a := f.call("POST", "/api/symphony/schedules", `{"interval":60000,"enabled":false,"message":{"type":"Large","payload":`+payload+`}}`); a.status != 201 {
			t.Fatal(a.raw)
		}
	}
	for _, test := range []struct{ list, member, one string }{
		{"failed?limit=200", "messages", "failed"}, {"failed?limit=200&offset=1", "messages", "failed"},
		{"messages?queue=waits&limit=200", "messages", "messages"}, {"messages?status=failed&limit=200", "messages", "messages"},
		{"schedules?limit=200", "schedules", "schedules"},
	} {
		a := f.call("GET", "/api/symphony/"+test.list, "")
		rows, _ := a.body[test.member].([]any)
		want := n
		if strings.Contains(test.list, "offset") {
			want--
		}
		if a.status != 200 || len(rows) != want || len(a.raw) > most {
			t.Errorf("%s: got %d with %d rows and %d bytes", test.list, a.status, len(rows), len(a.raw))
			continue
		}
		first, last := rows[0].(map[string]any), rows[want-1].(map[string]any)
		left, _ := last["omitted"].(map[string]any)
		if first["omitted"] != nil || fmt.Sprint(left["payload"]) != fmt.Sprint(size) || fmt.Sprint(last["message"].(map[string]any)["payload"]) != "map[]" {
			t.Errorf("%s: the first leaves out %v, the last %v", test.list, first["omitted"], left)
		}
		if whole := f.call("GET", fmt.Sprintf("/api/symphony/%s/%s", test.one, last["id"]), ""); whole.status != 200 || len(whole.raw) < size || whole.body["omitted"] != nil {
			t.Errorf("%s: the last by itself: %d with %d bytes", test.list, whole.status, len(whole.raw))
		}
	}
	for _, export := range []string{"messages/export?queue=waits", "failed/export"} {
		a := f.call("GET", "/api/symphony/"+export, "")
		if lines := strings.Count(a.raw, "\n"); lines != n || len(a.raw) < n*size || strings.Contains(a.raw, `"omitted"`) {
			t.Errorf("%s: %d lines and %d bytes", export, lines, len(a.raw))
		}
	}
}
