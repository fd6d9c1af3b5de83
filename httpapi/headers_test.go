package httpapi_test

import (
	"encoding/json"
	"strings"
	"testing"
)

// oddHeaders has a value of each kind, in the order in which they are written.
const oddHeaders = `{"list":[1,{"a":null},"x"],"many":123456789012345678901234567,"no":false,"none":null,"object":{"n":1.500e3},"text":"a\nb\u0000<é>"}`

func TestHeaders_of_any_value_are_handed_on_as_given(t *testing.T) {
	f := newFixture(t, nil)
	without := func(raw json.RawMessage) string {
		var m map[string]json.RawMessage
		if err := json.Unmarshal(raw, &m); err != nil {
			t.Fatalf("headers %s: %v", raw, err)
		}
		for name := range m {
			if strings.HasPrefix(name, "symphony-") || name == "traceparent" {
				delete(m, name)
			}
		}
		var out strings.Builder
		enc := json.NewEncoder(&out)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(m); err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(out.String())
	}
	look := func(what, raw string, path ...string) {
		t.Helper()
		var v any = json.RawMessage(raw)
		for _, name := range path {
			m := map[string]json.RawMessage{}
			if err := json.Unmarshal(v.(json.RawMessage), &m); err != nil {
				var list []json.RawMessage
				if err := json.Unmarshal(v.(json.RawMessage), &list); err != nil || len(list) == 0 {
					t.Fatalf("%s: %s", what, raw)
				}
				if err := json.Unmarshal(list[0], &m); err != nil {
					t.Fatal(err)
				}
			}
			v = m[name]
		}
		raws, _ := v.(json.RawMessage)
		if got := without(raws); got != oddHeaders {
			t.Errorf("%s has the headers %s, want %s", what, got, oddHeaders)
		}
	}
	a := f.call("POST", dispatchPath, `{"message":{"type":"T","payload":{}},"options":{"headers":`+oddHeaders+`}}`)
	if a.status != 201 {
		t.Fatalf("got %d %s", a.status, a.raw)
	}
	id, _ := a.body["messageId"].(string)
	look("the list", f.call("GET", "/api/symphony/messages", "").raw, "messages", "headers")
	look("the message", f.call("GET", "/api/symphony/messages/"+id, "").raw, "message", "headers")
	look("an export", f.call("GET", "/api/symphony/messages/export", "").raw, "headers")
	received := f.call("POST", "/api/symphony/receive", `{}`)
	look("a delivery", received.raw, "messages", "headers")
	receipt := received.body["messages"].([]any)[0].(map[string]any)["receipt"].(string)
	if a := f.call("POST", "/api/symphony/nack", `{"receipt":"`+receipt+`","permanent":true}`); a.status != 200 {
		t.Fatalf("got %d %s", a.status, a.raw)
	}
	look("the dead letters", f.call("GET", "/api/symphony/failed", "").raw, "messages", "headers")
	exported := f.call("GET", "/api/symphony/failed/export", "").raw
	look("their export", exported, "headers")
	if a := f.call("POST", "/api/symphony/messages/import?status=all", exported, "Content-Type", "application/x-ndjson"); a.status != 200 || a.body["imported"] != json.Number("1") {
		t.Fatalf("got %d %s", a.status, a.raw)
	}
	look("what was imported", f.call("POST", "/api/symphony/receive", `{}`).raw, "messages", "headers")

	a = f.call("POST", "/api/symphony/schedules", `{"interval":60000,"message":{"type":"T","payload":{}},"options":{"headers":`+oddHeaders+`}}`)
	look("a schedule", a.raw, "schedule", "options", "headers")
	scheduled, _ := a.body["schedule"].(map[string]any)["id"].(string)
	a = f.call("PATCH", "/api/symphony/schedules/"+scheduled, `{"options":{"priority":7}}`)
	look("a schedule that was changed", a.raw, "schedule", "options", "headers")
	if a := f.call("POST", "/api/symphony/schedules/"+scheduled+"/run", ""); a.status != 200 {
		t.Fatalf("got %d %s", a.status, a.raw)
	}
	look("its message", f.call("POST", "/api/symphony/receive", `{}`).raw, "messages", "headers")
}
