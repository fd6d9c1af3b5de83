package httpapi_test

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
)

func TestMessageIsEdited(t *testing.T) {
	f := newFixture(t, nil)
	id := f.send("Order", `{"n":1}`, `{"priority":2,"delay":3600000,"metadata":{"a":1}}`)
	path := messagesPath + "/" + id
	a := f.call("PATCH", path, `{"payload":{"n": 1.50},"metadata":null,"priority":null,
		"tags":["a","b","a"],"maxRetries":0,
		"scheduledAt":"2100-01-01T00:00:00Z","expiresAt":"2100-01-02T00:00:00Z"}`)
	if a.status != 200 {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	m := a.message()
	want := map[string]any{"status": "pending", "priority": "5", "tags": "[a b]", "maxRetries": "0",
		"scheduledAt": "2100-01-01T00:00:00Z", "expiresAt": "2100-01-02T00:00:00Z"}
	for name, value := range want {
		if fmt.Sprint(m[name]) != value {
			t.Errorf("%s is %v, want %v", name, m[name], value)
		}
	}
	for _, bad := range []struct{ body, path string }{
		{`{}`, ""}, {`{"payload":null}`, "payload"}, {`{"payload":[]}`, "payload"},
		{`{"queue":"x"}`, "queue"}, {`{"queue":null}`, "queue"},
		{`{"priority":0}`, "priority"}, {`{"priority":11}`, "priority"}, {`{"metadata":[]}`, "metadata"},
		{`{"tags":["a,b"]}`, "tags[0]"}, {`{"maxRetries":-1}`, "maxRetries"},
		{`{"scheduledAt":"0001-01-01T00:00:00Z"}`, "scheduledAt"},
		{`{"expiresAt":"1900-01-01T00:00:00Z"}`, "expiresAt"},
		{`{"scheduledAt":"2100-01-03T00:00:00Z"}`, "scheduledAt"}, {`{"expiresAt":"tomorrow"}`, "expiresAt"},
	} {
		a := f.call("PATCH", path, bad.body)
		if a.status != 400 || bad.path != "" && !slices.Contains(a.paths(), bad.path) {
			t.Errorf("%s: %d %s", bad.body, a.status, a.raw)
		}
	}
	after := f.call("GET", path, "")
	if fmt.Sprint(after.message()["priority"]) != "5" || after.message()["scheduledAt"] != "2100-01-01T00:00:00Z" {
		t.Errorf("a refused edit changed it: %s", after.raw)
	}
	done := f.complete("Order", `{}`, `{}`)
	const unknown = "0197a000-0000-7000-8000-000000000000"
	for path, want := range map[string]string{done: "409 message_not_pending", unknown: "404 not_found"} {
		if a := f.call("PATCH", messagesPath+"/"+path, `{"priority":1}`); strconv.Itoa(a.status)+" "+a.code() != want {
			t.Errorf("%s: %s, want %s", path, a.raw, want)
		}
	}
}
