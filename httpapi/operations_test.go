package httpapi_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/symphony-messenger/symphony/httpapi"
)

const operationsPath = "/api/symphony/operations"

// ended waits until an operation that an answer names runs no more, and returns it.
func (f *fixture) ended(a answer) map[string]any {
	f.Helper()
	if a.status != 202 {
		f.Fatalf("got %d %s", a.status, a.raw)
	}
	id := a.body["operation"].(map[string]any)["id"].(string)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); ; <-tick.C {
		op := f.call("GET", operationsPath+"/"+id, "").body["operation"].(map[string]any)
		if op["state"] != "running" {
			return op
		}
		if time.Now().After(deadline) {
			f.Fatalf("still %v", op)
		}
	}
}

func TestFailedMessagesAreRetriedAndDeletedInTheBackground(t *testing.T) {
	f := newFixture(t, nil)
	for range 3 {
		f.fail("Mend", `{}`)
	}
	f.fail("Drop", `{}`)
	op := f.ended(f.call("POST", "/api/symphony/failed/retry", `{"filter":{"type":"Mend"},"background":true,"rate":1000}`))
	if got := words(op["kind"], op["state"], op["total"], op["done"], op["skipped"], op["rate"]); got != "failed.retry completed 3 3 0 1000" {
		t.Errorf("retried: %s, %v", got, op)
	}
	if filter := op["filter"].(map[string]any); filter["type"] != "Mend" || filter["until"] == nil {
		t.Errorf("the filter is %v", filter)
	}
	id := f.call("GET", "/api/symphony/failed", "").body["messages"].([]any)[0].(map[string]any)["id"].(string)
	op = f.ended(f.call("POST", "/api/symphony/failed/delete", fmt.Sprintf(`{"ids":[%q,%q,"nope"],"background":true}`, id, id)))
	if got := fmt.Sprint(op["selected"], " ", op["done"], " ", op["skipped"], " ", op["by"] != ""); got != "2 1 1 true" {
		t.Errorf("deleted: %s, %v", got, op)
	}
	if n := f.call("GET", "/api/symphony/failed", "").body["pagination"].(map[string]any)["total"]; fmt.Sprint(n) != "0" {
		t.Errorf("%v failed messages are left", n)
	}
}

// An operation tells its filter as it was asked for, so that a list with the same filter shows what it selects.
func TestOperationsTellTheirWholeFilter(t *testing.T) {
	f := newFixture(t, nil)
	asked := map[string]any{
		"status": []any{"pending"}, "queue": "q", "type": "Mail.*", "priority": json.Number("3"), "q": "text",
		"since": "2026-01-01T00:00:00Z", "until": "2026-01-02T00:00:00Z", "tag": []any{"a", "b"}, "idempotencyKey": "i",
		"correlationId": "c", "causationId": "d", "groupKey": "g", "concurrencyKey": "k", "dispatchedBy": "user:1",
		"worker": "w", "metadata": map[string]any{"customer.id": "42", "vip": "true"},
	}
	body, err := json.Marshal(map[string]any{"filter": asked})
	if err != nil {
		t.Fatal(err)
	}
	op := f.ended(f.call("POST", "/api/symphony/messages/cancel", string(body)))
	if diff := cmp.Diff(any(asked), op["filter"]); diff != "" {
		t.Errorf("the filter (-asked +told):\n%s", diff)
	}
	ended := `{"endedSince":"2026-01-01T00:00:00Z","endedUntil":"2026-01-02T00:00:00Z","failureGroup":"1:ab","errorClass":"e",` +
		`"until":"2026-01-02T00:00:00Z"}`
	op = f.ended(f.call("POST", "/api/symphony/failed/retry", `{"background":true,"filter":`+ended+`}`))
	var want any
	if err := json.Unmarshal([]byte(ended), &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, op["filter"]); diff != "" {
		t.Errorf("the filter of dead letters (-asked +told):\n%s", diff)
	}
}

func TestMessagesAreReplayedInTheBackground(t *testing.T) {
	f := newFixture(t, nil)
	var ids []string
	for range 3 {
		ids = append(ids, f.complete("Order", `{}`, `{}`))
	}
	f.complete("Other", `{}`, `{}`)
	path := messagesPath + "/replay"
	if a := f.call("POST", path, `{"filter":{"type":"Order"},"dryRun":true}`); a.status != 200 || fmt.Sprint(a.body["count"]) != "3" || f.listed("?status=pending") != "" {
		t.Errorf("preview: %d %s", a.status, a.raw)
	}
	if a := f.call("POST", path, fmt.Sprintf(`{"ids":[%q,"nope"],"dryRun":true}`, ids[0])); a.status != 200 || fmt.Sprint(a.body["count"]) != "1" {
		t.Errorf("preview of ids: %d %s", a.status, a.raw)
	}
	if op := f.ended(f.call("POST", path, `{"filter":{"type":"Order"}}`)); words(op["done"], op["total"]) != "3 3" {
		t.Errorf("replayed: %v", op)
	}
	if n := len(strings.Fields(f.listed("?status=pending"))); n != 3 {
		t.Errorf("%d messages, want 3", n)
	}
	if op := f.ended(f.call("POST", path, fmt.Sprintf(`{"ids":[%q]}`, ids[1]))); words(op["done"], op["total"]) != "1 1" {
		t.Errorf("replayed: %v", op)
	}
}

func TestOperationsAreListedStoppedAndResumed(t *testing.T) {
	f := newFixture(t, nil)
	for range 3 {
		f.fail("Mend", `{}`)
	}
	a := f.call("POST", "/api/symphony/failed/retry", `{"filter":{},"background":true,"rate":1}`)
	id := a.body["operation"].(map[string]any)["id"].(string)
	path := operationsPath + "/" + id
	for range 2 {
		if a := f.call("POST", path+"/stop", ""); a.status != 200 || a.body["operation"].(map[string]any)["state"] != "stopped" {
			t.Fatalf("stop: %d %s", a.status, a.raw)
		}
	}
	if a := f.call("GET", operationsPath+"?state=stopped&limit=1", ""); a.status != 200 || len(a.body["operations"].([]any)) != 1 || a.body["hasMore"] != false {
		t.Errorf("list: %d %s", a.status, a.raw)
	}
	if a := f.call("POST", path+"/resume", ""); a.status != 200 || a.body["operation"].(map[string]any)["state"] != "running" {
		t.Errorf("resume: %d %s", a.status, a.raw)
	}
	done := f.ended(f.call("POST", "/api/symphony/failed/delete", `{"filter":{"type":"None"},"background":true}`))
	for _, c := range []struct {
		method, path, body, code string
		status                   int
	}{
		{"POST", operationsPath + "/" + done["id"].(string) + "/stop", "", "operation_ended", 409},
		{"POST", operationsPath + "/" + done["id"].(string) + "/resume", "", "operation_ended", 409},
		{"GET", operationsPath + "/nope", "", "not_found", 404},
		{"POST", operationsPath + "/nope/stop", "", "not_found", 404},
		{"GET", operationsPath + "?state=gone", "", "validation_failed", 400},
		{"GET", operationsPath + "?limit=0", "", "validation_failed", 400},
		{"POST", "/api/symphony/failed/retry", `{"filter":{},"background":false,"rate":5}`, "validation_failed", 400},
		{"POST", "/api/symphony/failed/retry", `{"filter":{},"background":true,"rate":0}`, "validation_failed", 400},
		{"POST", "/api/symphony/failed/retry", `{"background":true}`, "validation_failed", 400},
		{"POST", messagesPath + "/replay", `{}`, "validation_failed", 400},
		{"POST", messagesPath + "/replay", `{"ids":["a"],"filter":{}}`, "validation_failed", 400},
		{"POST", messagesPath + "/replay", `{"filter":{"status":"failed"}}`, "validation_failed", 400},
		{"POST", messagesPath + "/replay", `{"filter":{},"transport":"sync"}`, "not_supported", 501},
	} {
		if a := f.call(c.method, c.path, c.body); a.status != c.status || a.code() != c.code {
			t.Errorf("%s %s %s: %d %s", c.method, c.path, c.body, a.status, a.raw)
		}
	}
	without := newFixture(t, func(o *httpapi.Options) { o.Operations = nil })
	if a := without.call("GET", operationsPath, ""); a.status != 501 {
		t.Errorf("without operations: %d %s", a.status, a.raw)
	}
}
