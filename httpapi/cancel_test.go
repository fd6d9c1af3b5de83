package httpapi_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony"
)

// pulled receives messages and returns their receipts by id.
func (f *fixture) pulled(n int) (receipts map[string]string) {
	f.Helper()
	receipts = make(map[string]string)
	for _, m := range f.receive(fmt.Sprintf(`{"max":%d,"lease":60000}`, n)) {
		receipts[m["id"].(string)] = m["receipt"].(string)
	}
	if len(receipts) != n {
		f.Fatalf("received %d messages, want %d", len(receipts), n)
	}
	return receipts
}

func (f *fixture) cancel(id, body string) answer {
	f.Helper()
	return f.call("POST", messagesPath+"/"+id+"/cancel", body)
}

func TestCancel_of_a_message_that_waits(t *testing.T) {
	f := newFixture(t, nil)
	id := f.send("Order", `{}`, `{"scheduledAt":"2100-01-01T00:00:00Z"}`)
	a := f.cancel(id, `{"reason":"ordered twice"}`)
	if a.status != 200 || a.body["messageId"] != id || a.body["status"] != "cancelled" {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	m := f.call("GET", messagesPath+"/"+id, "").message()
	cancel, _ := m["cancel"].(map[string]any)
	if m["status"] != "cancelled" || cancel["reason"] != "ordered twice" || cancel["by"] == nil ||
		cancel["requestedAt"] != m["finishedAt"] {
		t.Errorf("it is shown as %v", m)
	}
	var kinds []string
	for _, e := range m["timeline"].([]any) {
		kinds = append(kinds, e.(map[string]any)["kind"].(string))
	}
	if got := strings.Join(kinds, " "); got != "dispatched scheduled cancelled" {
		t.Errorf("the timeline is %s", got)
	}
	if got := f.listed("?status=cancelled"); got != id {
		t.Errorf("listed %s", got)
	}
	queue := f.call("GET", "/api/symphony/status", "").body["queue"].(map[string]any)
	if words(queue["cancelled"], queue["pending"]) != "1 0" {
		t.Errorf("status %v", queue)
	}
	if a := f.call("GET", messagesPath+"/export?format=csv", ""); !strings.Contains(a.raw, "ordered twice") {
		t.Errorf("the export has no reason: %s", a.raw)
	}
}

func TestCancel_of_a_message_that_a_pull_worker_has(t *testing.T) {
	f := newFixture(t, nil)
	var list []string
	for range 6 {
		list = append(list, f.send("Order", `{}`, `{}`))
	}
	receipts := f.pulled(6)
	for _, id := range list[:3] {
		for range 2 { // the second changes nothing
			if a := f.cancel(id, ""); a.status != 202 || a.body["status"] != "cancelling" {
				t.Fatalf("%d %s", a.status, a.raw)
			}
		}
	}
	if m := f.call("GET", messagesPath+"/"+list[0], "").message(); m["status"] != "processing" || m["cancel"] == nil {
		t.Errorf("it is shown as %v", m)
	}
	f.call("POST", "/api/symphony/ack", fmt.Sprintf(`{"receipts":[%q]}`, receipts[list[5]])) // its lease is over

	codes := func(a answer) (out []string) {
		for _, d := range a.body["details"].([]any) {
			d := d.(map[string]any)
			at := -1
			for i, id := range list {
				if receipts[id] == d["receipt"] {
					at = i
				}
			}
			out = append(out, fmt.Sprint(at, " ", d["code"]))
		}
		return out
	}
	body := func(places ...int) string {
		var parts []string
		for _, i := range places {
			parts = append(parts, fmt.Sprintf("%q", receipts[list[i]]))
		}
		return `{"receipts":[` + strings.Join(parts, ",") + `]}`
	}
	a := f.call("POST", "/api/symphony/extend", body(0, 3, 4))
	want := "409 message_cancelled [0 message_cancelled]"
	if got := words(a.status, a.code(), codes(a)); got != want {
		t.Errorf("extend: %d %s", a.status, a.raw)
	}
	if a = f.call("POST", "/api/symphony/extend", body(0, 3, 5)); a.status != 409 || a.code() != "lease_lost" {
		t.Errorf("extend: %d %s", a.status, a.raw)
	}
	if got := fmt.Sprint(codes(a)); got != "[0 message_cancelled 5 lease_lost]" {
		t.Errorf("extend told %s", got)
	}
	a = f.call("POST", "/api/symphony/ack", body(0, 3))
	if got := words(a.status, a.code(), codes(a)); got != want {
		t.Errorf("ack: %d %s", a.status, a.raw)
	}
	for i, nack := range []string{`"error":"x"`, `"permanent":true`, `"release":true`} {
		if i == 0 {
			continue
		}
		a := f.call("POST", "/api/symphony/nack", fmt.Sprintf(`{"receipt":%q,%s}`, receipts[list[i]], nack))
		if a.status != 200 || a.body["outcome"] != "cancelled" {
			t.Errorf("nack: %d %s", a.status, a.raw)
		}
	}
	for i, want := range []string{"cancelled", "cancelled", "cancelled", "completed", "processing", "completed"} {
		if m := f.call("GET", messagesPath+"/"+list[i], "").message(); m["status"] != want {
			t.Errorf("message %d is %v, want %s", i, m["status"], want)
		}
	}
	s, err := f.tr.Stats(t.Context())
	if err != nil || s.Cancelled != 3 || s.Processing != 1 || s.Failed != 0 || s.Pending != 0 {
		t.Errorf("left %+v, %v", s.QueueStats, err)
	}
}

func TestCancel_refuses(t *testing.T) {
	f := newFixture(t, nil)
	done, failed := f.complete("C", `{}`, `{}`), f.send("B", `{}`, `{}`)
	f.settleNext(symphony.Settlement{Outcome: symphony.Fail, Error: "boom"})
	waits, elsewhere := f.send("A", `{}`, `{}`), f.send("A", `{}`, `{"transport":"email"}`)
	gone := f.send("A", `{}`, `{}`)
	if a := f.cancel(gone, `{}`); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	long := strings.Repeat("x", symphony.MaxReasonLength+1)
	for name, test := range map[string]struct {
		path, body, code string
		status           int
	}{
		"a completed message":            {done + "/cancel", ``, "message_final", 409},
		"a failed message":               {failed + "/cancel", ``, "message_final", 409},
		"a cancelled message":            {gone + "/cancel", `{}`, "message_final", 409},
		"an unknown message":             {symphony.NewID(time.Now()) + "/cancel", ``, "not_found", 404},
		"no id":                          {"nope/cancel", ``, "not_found", 404},
		"a message of another transport": {elsewhere + "/cancel?transport=default", ``, "not_found", 404},
		"an unknown transport":           {waits + "/cancel?transport=mars", ``, "validation_failed", 400},
		"a transport that keeps none":    {waits + "/cancel?transport=sync", ``, "not_supported", 501},
		"a reason that is too long":      {waits + "/cancel", `{"reason":"` + long + `"}`, "validation_failed", 400},
		"a reason that is no text":       {waits + "/cancel", `{"reason":7}`, "validation_failed", 400},
		"an unknown member":              {waits + "/cancel", `{"why":"x"}`, "validation_failed", 400},
		"a list":                         {waits + "/cancel", `[]`, "invalid_json", 400},
	} {
		a := f.call("POST", messagesPath+"/"+test.path, test.body)
		if a.status != test.status || a.code() != test.code {
			t.Errorf("%s: %d %s, want %d %s", name, a.status, a.raw, test.status, test.code)
		}
	}
	for _, id := range []string{waits, elsewhere} {
		if a := f.cancel(id, ``); a.status != 200 {
			t.Errorf("nothing was to change: %d %s", a.status, a.raw)
		}
	}
}
