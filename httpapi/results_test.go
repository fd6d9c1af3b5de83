package httpapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony"
)

// pull receives one message and returns its id and receipt.
func (f *fixture) pull() (id, receipt string) {
	f.Helper()
	a := f.call("POST", "/api/symphony/receive", `{"max":1}`)
	list, _ := a.body["messages"].([]any)
	if a.status != 200 || len(list) != 1 {
		f.Fatalf("receive: %d %s", a.status, a.raw)
	}
	m := list[0].(map[string]any)
	return m["id"].(string), m["receipt"].(string)
}

func (f *fixture) shown(id string) map[string]any {
	f.Helper()
	a := f.call("GET", messagesPath+"/"+id, "")
	if a.status != 200 {
		f.Fatalf("%d %s", a.status, a.raw)
	}
	return a.message()
}

func TestAck_keeps_outputs(t *testing.T) {
	f := newFixture(t, nil)
	var ids, receipts []string
	for range 4 {
		f.send("Export", `{}`, `{}`)
		id, receipt := f.pull()
		ids, receipts = append(ids, id), append(receipts, receipt)
	}
	large := `"` + strings.Repeat("x", symphony.DefaultMaxOutputBytes) + `"`
	body := fmt.Sprintf(`{"receipts":[%q],"items":[{"receipt":%q,"output":{"rows":12345678901234567890.10}},`+
		`{"receipt":%q,"output":%s},{"receipt":%q}]}`,
		receipts[0], receipts[1], receipts[2], large, receipts[3])
	a := f.call("POST", "/api/symphony/ack", body)
	if a.status != 413 || a.code() != "output_too_large" {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	details := a.body["details"].([]any)
	d := details[0].(map[string]any)
	if len(details) != 1 || d["receipt"] != receipts[2] || d["code"] != "output_too_large" ||
		d["path"] != "items[1].receipt" {
		t.Errorf("details %v", details)
	}
	for i, want := range []string{"completed", "completed", "processing", "completed"} {
		if got := f.shown(ids[i])["status"]; got != want {
			t.Errorf("message %d is %v, want %s", i, got, want)
		}
	}
	if raw := f.call("GET", messagesPath+"/"+ids[1], "").raw; !strings.Contains(raw,
		`"output":{"rows":12345678901234567890.10}`) {
		t.Error(raw)
	}
	if f.shown(ids[0])["output"] != nil {
		t.Error("one without an output has one")
	}
	if a := f.call("POST", "/api/symphony/ack", fmt.Sprintf(`{"receipts":[%q]}`, receipts[2])); a.status != 200 {
		t.Errorf("acked without: %d %s", a.status, a.raw)
	}
	if a := f.call("POST", "/api/symphony/ack", fmt.Sprintf(`{"items":[{"receipt":%q,"output":1}]}`,
		receipts[1])); a.status != 409 || a.code() != "lease_lost" {
		t.Errorf("acked twice: %d %s", a.status, a.raw)
	}
}

func TestExtend_tells_progress_and_log(t *testing.T) {
	f := newFixture(t, nil)
	f.send("Export", `{}`, `{}`)
	id, receipt := f.pull()
	a := f.call("POST", "/api/symphony/extend", fmt.Sprintf(`{"receipts":[%q],`+
		`"progress":{"done":3,"total":10,"text":"rows"},"log":["a","b\nc"]}`, receipt))
	if a.status != 200 {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	m := f.shown(id)
	p, _ := m["progress"].(map[string]any)
	if fmt.Sprintf("%v %v %v %v", p["done"], p["total"], p["text"], m["log"]) != "3 10 rows [a b c]" {
		t.Errorf("got %v %v", p, m["log"])
	}
	f.call("POST", "/api/symphony/nack", fmt.Sprintf(`{"receipt":%q,"error":"no"}`, receipt))
	m = f.shown(id)
	attempts := m["attempts"].([]any)
	if got := fmt.Sprint(attempts[0].(map[string]any)["log"]); got != "[a b c]" || m["log"] != nil {
		t.Errorf("after it failed: %v, %v", got, m["log"])
	}
}

func TestExtend_refuses_what_is_wrong_with_a_report(t *testing.T) {
	f := newFixture(t, nil)
	f.send("Export", `{}`, `{}`)
	f.send("Export", `{}`, `{}`)
	_, first := f.pull()
	_, second := f.pull()
	for body, want := range map[string]string{
		`{"receipts":[%q,%q],"progress":{"done":1}}`:                         "[receipts]",
		`{"receipts":[%q,%q],"log":["a"]}`:                                   "[receipts]",
		`{"receipts":[%q],"progress":{}}`:                                    "[progress.done]",
		`{"receipts":[%q],"progress":{"done":-1,"total":0}}`:                 "[progress.total progress.done]",
		`{"receipts":[%q],"progress":{"done":1,"text":"` + long(201) + `"}}`: "[progress.text]",
		`{"receipts":[%q],"progress":{"done":1,"percent":3}}`:                "[progress.percent]",
		`{"receipts":[%q],"log":[1]}`:                                        "[log[0]]",
	} {
		args := []any{first, second}[:strings.Count(body, "%q")]
		a := f.call("POST", "/api/symphony/extend", fmt.Sprintf(body, args...))
		if got := fmt.Sprint(a.paths()); a.status != 400 || got != want {
			t.Errorf("%s: %d %s, want %s", body, a.status, got, want)
		}
	}
}

func long(n int) string { return strings.Repeat("x", n) }

func TestReceipt_of_a_push_tells_and_does_nothing_else(t *testing.T) {
	f := newFixture(t, nil)
	id := f.send("Export", `{}`, `{}`)
	got, err := f.tr.Receive(context.Background(), symphony.ReceiveOptions{Max: 1, Worker: "w1"})
	if err != nil || len(got) != 1 {
		t.Fatal(got, err)
	}
	receipt := f.api.PushReceipt(context.Background(), "w1", &got[0])
	anonymous := func(path, body string) answer { return f.call("POST", path, body, "Authorization", "") }
	if a := anonymous("/api/symphony/extend", fmt.Sprintf(`{"receipts":[%q],`+
		`"progress":{"done":1},"log":["line"]}`, receipt)); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	if m := f.shown(id); fmt.Sprint(m["log"]) != "[line]" {
		t.Errorf("got %v", m)
	}
	for path, body := range map[string]string{
		"/api/symphony/ack":    fmt.Sprintf(`{"receipts":[%q]}`, receipt),
		"/api/symphony/nack":   fmt.Sprintf(`{"receipt":%q}`, receipt),
		"/api/symphony/extend": fmt.Sprintf(`{"receipts":[%q],"lease":60000}`, receipt),
	} {
		if a := f.call("POST", path, body); a.status != 400 {
			t.Errorf("%s: %d %s", path, a.status, a.raw)
		}
	}
	for _, body := range []string{fmt.Sprintf(`{"receipts":[%q]}`, receipt), `{"receipts":["x"],"log":["a"]}`} {
		if a := anonymous("/api/symphony/extend", body); a.status != 400 {
			t.Errorf("%s: %d %s", body, a.status, a.raw)
		}
	}
	for _, path := range []string{"/api/symphony/ack", "/api/symphony/nack"} {
		if a := anonymous(path, `{}`); a.status != 401 {
			t.Errorf("%s: %d %s", path, a.status, a.raw)
		}
	}
	if errs := f.tr.Settle(context.Background(), []symphony.Settlement{{Lease: got[0].Lease,
		Outcome: symphony.Ack}}); errs != nil {
		t.Fatal(errs)
	}
	if a := anonymous("/api/symphony/extend", fmt.Sprintf(`{"receipts":[%q],"log":["late"]}`,
		receipt)); a.status != 409 || a.code() != "lease_lost" {
		t.Errorf("after the push: %d %s", a.status, a.raw)
	}
	f.send("Export", `{}`, `{}`)
	_, pulled := f.pull()
	if a := anonymous("/api/symphony/extend", fmt.Sprintf(`{"receipts":[%q],"log":["a"]}`, pulled)); a.status != 401 {
		t.Errorf("a pull worker's receipt as a credential: %d %s", a.status, a.raw)
	}
}

func TestMessage_is_waited_for(t *testing.T) {
	f := newFixture(t, nil)
	id := f.send("Export", `{}`, `{}`)
	if a := f.call("GET", messagesPath+"/"+id+"?wait=20", ""); a.status != 200 || a.message()["status"] != "pending" {
		t.Errorf("when the time is over: %d %s", a.status, a.raw)
	}
	done := make(chan answer, 1)
	go func() { done <- f.call("GET", messagesPath+"/"+id+"?wait=30000", "") }()
	f.settleNext(symphony.Settlement{Outcome: symphony.Ack, Output: json.RawMessage(`{"url":"x"}`)})
	select {
	case a := <-done:
		if out, _ := a.message()["output"].(map[string]any); a.status != 200 ||
			a.message()["status"] != "completed" || out["url"] != "x" {
			t.Errorf("%d %s", a.status, a.raw)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("it did not end")
	}
	// Calls that wait are long polls, of which there are so many.
	leave := f.api.TakeReceivers()
	if a := f.call("GET", messagesPath+"/"+id+"?wait=20", ""); a.status != 429 || a.header.Get("Retry-After") == "" {
		t.Errorf("when all places are taken: %d %s", a.status, a.raw)
	}
	leave()
	if a := f.call("GET", messagesPath+"/"+id, ""); a.status != 200 {
		t.Errorf("without waiting: %d %s", a.status, a.raw)
	}
	// A caller who holds more than are left for others waits no more, and others do.
	var me string
	for _, k := range f.call("GET", "/api/symphony/keys", "").body["keys"].([]any) {
		if key := k.(map[string]any); key["name"] == "admin" {
			me = key["id"].(string)
		}
	}
	leave = f.api.TakeShare(me)
	if a := f.call("GET", messagesPath+"/"+id+"?wait=20", ""); a.status != 429 || a.code() != "rate_limited" ||
		a.header.Get("Retry-After") == "" {
		t.Errorf("beyond the share: %d %s", a.status, a.raw)
	}
	other := f.call("GET", messagesPath+"/"+id+"?wait=20", "", "Authorization", "Bearer "+f.keys["read"])
	if other.status != 200 {
		t.Errorf("another caller: %d %s", other.status, other.raw)
	}
	leave()
	if a := f.call("GET", messagesPath+"/"+id+"?wait=20", ""); a.status != 200 {
		t.Errorf("when the share is free again: %d %s", a.status, a.raw)
	}
	for _, wait := range []string{"0", "30001", "x", "-1"} {
		if a := f.call("GET", messagesPath+"/"+id+"?wait="+wait, ""); a.status != 400 ||
			fmt.Sprint(a.paths()) != "[wait]" {
			t.Errorf("wait=%s: %d %s", wait, a.status, a.raw)
		}
	}
	if a := f.call("GET", messagesPath+"/"+symphony.NewID(time.Now())+"?wait=1000", ""); a.status != 404 {
		t.Errorf("unknown: %d %s", a.status, a.raw)
	}
}
