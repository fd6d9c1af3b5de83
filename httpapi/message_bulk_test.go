package httpapi_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/symphony-messenger/symphony"
)

// failMany puts many messages into the dead letter queue.
func (f *fixture) failMany(n int) {
	f.Helper()
	for left := n; left > 0; left -= symphony.MaxBatch {
		batch := make([]symphony.Outgoing, min(left, symphony.MaxBatch))
		for i := range batch {
			batch[i].Message = symphony.Message{Type: "Many", Payload: []byte(`{}`)}
			batch[i].Options.Queue = "many"
		}
		if _, err := f.bus.DispatchBatch(context.Background(), batch); err != nil {
			f.Fatal(err)
		}
	}
	for done := 0; done < n; {
		o := symphony.ReceiveOptions{Queues: []string{"many"}, Max: symphony.MaxReceive}
		got, err := f.tr.Receive(context.Background(), o)
		if err != nil || len(got) == 0 {
			f.Fatal(len(got), err)
		}
		list := make([]symphony.Settlement, len(got))
		for i, d := range got {
			list[i] = symphony.Settlement{Lease: d.Lease, Outcome: symphony.Fail, Error: "boom", ErrorClass: "test"}
		}
		if errs := f.tr.Settle(context.Background(), list); errs != nil {
			f.Fatal(errs)
		}
		done += len(got)
	}
}

func TestMessagesAreCancelledInBulk(t *testing.T) {
	f := newFixture(t, nil)
	for range 3 {
		f.send("Flood", `{}`, `{}`)
	}
	other := f.send("Other", `{}`, `{"queue":"others"}`)
	receipt := f.receive(`{"queues":["default"],"max":1}`)[0]["receipt"].(string)
	path := messagesPath + "/cancel"
	if a := f.call("POST", path, `{"filter":{"type":"Flood"},"dryRun":true}`); a.status != 200 ||
		fmt.Sprint(a.body["count"]) != "3" || a.body["atLeast"] != nil || f.listed("?status=cancelled") != "" {
		t.Errorf("preview: %d %s", a.status, a.raw)
	}
	op := f.ended(f.call("POST", path, `{"filter":{"type":"Flood"},"reason":"sold out"}`))
	if words(op["kind"], op["state"], op["total"], op["done"], op["skipped"], op["reason"]) !=
		"messages.cancel completed 3 3 0 sold out" {
		t.Errorf("cancelled: %v", op)
	}
	if n := len(strings.Fields(f.listed("?status=cancelled"))); n != 2 {
		t.Errorf("%d are cancelled, want 2", n)
	}
	if a := f.call("POST", "/api/symphony/ack", fmt.Sprintf(`{"receipts":[%q]}`, receipt)); a.status != 409 ||
		a.code() != "message_cancelled" {
		t.Errorf("the worker is told %d %s", a.status, a.raw)
	}
	if n := len(strings.Fields(f.listed("?status=cancelled"))); n != 3 || f.listed("?status=pending") != other {
		t.Errorf("%d are cancelled, %s waits", n, f.listed("?status=pending"))
	}
}

func TestMessagesAreEditedAndDeletedInBulk(t *testing.T) {
	f := newFixture(t, nil)
	for range 3 {
		f.send("Flood", `{}`, `{"scheduledAt":"2100-01-01T00:00:00Z","metadata":{"a":1}}`)
	}
	done := f.complete("Flood", `{}`, `{"queue":"done"}`)
	path := messagesPath + "/edit"
	if a := f.call("POST", path, `{"filter":{"type":"Flood"},"set":{"priority":1},"dryRun":true}`); a.status != 200 ||
		fmt.Sprint(a.body["count"]) != "3" {
		t.Errorf("preview: %d %s", a.status, a.raw)
	}
	op := f.ended(f.call("POST", path,
		`{"filter":{"type":"Flood"},"rate":1000,
			"set":{"priority":1,"scheduledAt":null,"metadata":null,"tags":["late"]}}`))
	if words(op["kind"], op["done"], op["skipped"], op["rate"], op["set"]) !=
		"messages.edit 3 0 1000 [metadata priority scheduledAt tags]" {
		t.Errorf("edited: %v", op)
	}
	for _, id := range strings.Fields(f.listed("?tag=late")) {
		m := f.call("GET", messagesPath+"/"+id, "").body["message"].(map[string]any)
		if words(m["priority"], m["scheduledAt"], m["message"].(map[string]any)["metadata"]) != "1 <nil> map[]" {
			t.Errorf("left is %v", m)
		}
	}
	path = messagesPath + "/delete"
	op = f.ended(f.call("POST", path, fmt.Sprintf(`{"ids":[%q,"nope"]}`, done)))
	if words(op["done"], op["skipped"]) != "0 2" {
		t.Errorf("deleted by id: %v", op)
	}
	if op := f.ended(f.call("POST", path, `{"filter":{},"all":true}`)); words(op["done"], op["skipped"]) != "3 0" {
		t.Errorf("deleted: %v", op)
	}
	if got := f.listed(""); got != done {
		t.Errorf("left are %s, want %s", got, done)
	}
}

// Failed messages are counted before they are moved, and moved at once or by an operation, as their number is.
func TestFailedMessagesAreMovedAtOnceOrInTheBackground(t *testing.T) {
	f := newFixture(t, nil)
	for i := range 4 {
		f.fail("Mend", fmt.Sprintf(`{"n":%d,"to":"wrong"}`, i))
	}
	path := "/api/symphony/failed/retry"
	a := f.call("POST", path, `{"filter":{"type":"Mend"},"patch":{"to":"right"},"dryRun":true}`)
	if a.status != 200 || words(a.body["count"], a.body["dryRun"], a.body["failed"]) != "4 true 4" {
		t.Fatalf("preview: %d %s", a.status, a.raw)
	}
	examples := a.body["examples"].([]any)
	if len(examples) != 3 {
		t.Fatalf("%d examples: %s", len(examples), a.raw)
	}
	for _, e := range examples {
		e := e.(map[string]any)
		before, after := e["before"].(map[string]any), e["after"].(map[string]any)
		if words(before["to"], after["to"]) != "wrong right" {
			t.Errorf("example: %v", e)
		}
	}
	a = f.call("POST", path, `{"filter":{"type":"Mend"},"patch":{"to":"right"}}`)
	if a.status != 200 || fmt.Sprint(a.body["count"]) != "4" {
		t.Errorf("at once: %d %s", a.status, a.raw)
	}
	if a := f.call("POST", "/api/symphony/failed/delete", `{"ids":["nope"],"dryRun":true}`); a.status != 200 ||
		words(a.body["count"], a.body["notFound"]) != "0 1" {
		t.Errorf("preview of ids: %d %s", a.status, a.raw)
	}
	if a := f.call("POST", "/api/symphony/failed/delete", `{"filter":{},"dryRun":true}`); a.status != 400 {
		t.Errorf("preview of everything: %d %s", a.status, a.raw)
	}
	f.failMany(10_001)
	a = f.call("POST", path, `{"filter":{"type":"Many"}}`)
	if op := f.ended(a); words(op["kind"], op["state"], op["done"]) != "failed.retry completed 10001" {
		t.Errorf("in the background: %v", op)
	}
}
