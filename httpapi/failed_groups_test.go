package httpapi_test

import (
	"fmt"
	"net/url"
	"testing"
)

const groupsPath = "/api/symphony/failed/groups"

func TestFailureGroups(t *testing.T) {
	f := newFixture(t, nil)
	for i := range 3 {
		f.fail("Order", fmt.Sprintf(`{"n":%d}`, i))
	}
	f.fail("Mail", `{}`)
	a := f.call("GET", groupsPath+"?type=Order", "")
	groups, _ := a.body["groups"].([]any)
	if a.status != 200 || len(groups) != 1 {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	group := groups[0].(map[string]any)
	if fmt.Sprint(group["count"]) != "3" || group["type"] != "Order" || group["transport"] != "default" {
		t.Errorf("group %v", group)
	}
	name := group["group"].(string)
	if a := f.call("GET", "/api/symphony/failed?failureGroup="+url.QueryEscape(name), ""); a.body["messages"] == nil ||
		len(a.body["messages"].([]any)) != 3 {
		t.Errorf("of the group: %s", a.raw)
	}
	first := f.call("GET", groupsPath+"?limit=1", "")
	next, _ := first.body["nextCursor"].(string)
	second := f.call("GET", groupsPath+"?limit=1&cursor="+next, "")
	if first.body["hasMore"] != true || len(second.body["groups"].([]any)) != 1 || second.body["hasMore"] != false {
		t.Errorf("pages: %s %s", first.raw, second.raw)
	}
	retry := groupsPath + "/" + name + "/retry"
	a = f.call("POST", retry, `{"patch":{"to":"ada@example.com"},"dryRun":true}`)
	examples, _ := a.body["examples"].([]any)
	if a.status != 200 || fmt.Sprint(a.body["count"]) != "3" || len(examples) != 3 {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	if after := examples[0].(map[string]any)["after"].(map[string]any); after["to"] != "ada@example.com" {
		t.Errorf("example %v", examples[0])
	}
	op := f.ended(f.call("POST", retry, `{"patch":{"to":"ada@example.com"},"rate":1000}`))
	if fmt.Sprint(op["done"]) != "3" {
		t.Errorf("operation %v", op)
	}
	list := f.call("GET", "/api/symphony/messages?status=pending&type=Order&q=ada@example.com", "")
	if got, _ := list.body["messages"].([]any); len(got) != 3 {
		t.Errorf("dispatched again: %s", list.raw)
	}
	for _, bad := range []struct {
		path, body string
		status     int
	}{
		{retry, `{}`, 404}, {groupsPath + "/other/retry", `{}`, 404},
		{groupsPath + "/1:ff/retry", `{"dryRun":true}`, 404},
		{retry, `{"patch":[]}`, 400}, {retry, `{"patch":null}`, 400}, {retry, `{"rate":0}`, 400},
		{retry, `{"all":true}`, 400},
		{"/api/symphony/failed/retry", `{"filter":{},"patch":1}`, 400},
		{"/api/symphony/failed/delete", `{"filter":{},"all":true,"patch":{}}`, 400},
	} {
		if a := f.call("POST", bad.path, bad.body); a.status != bad.status {
			t.Errorf("%s %s: %d %s", bad.path, bad.body, a.status, a.raw)
		}
	}
	a = f.call("POST", "/api/symphony/failed/retry", `{"filter":{"type":"Mail"},"patch":{"fixed":1.50}}`)
	if a.status != 200 || fmt.Sprint(a.body["count"]) != "1" {
		t.Errorf("%d %s", a.status, a.raw)
	}
}
