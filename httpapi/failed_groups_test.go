package httpapi_test

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/httpapi"
	"github.com/symphony-messenger/symphony/redact"
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
		{retry, `{}`, 202}, {groupsPath + "/other/retry", `{}`, 404},
		{groupsPath + "/1:ff/retry", `{"dryRun":true}`, 404},
		{retry, `{"patch":[]}`, 400}, {retry, `{"patch":null}`, 400}, {retry, `{"rate":0}`, 400},
		{retry, `{"all":true}`, 400},
		{groupsPath + "/1:ff/ignore", ``, 404}, {groupsPath + "/other/resolve", ``, 404},
		{groupsPath + "/1:ff/delete", ``, 404}, {groupsPath + "/" + name + "/delete", `{"rate":0}`, 400},
		{groupsPath + "/" + name + "/ignore", `{"count":0}`, 400},
		{groupsPath + "/" + name + "/ignore", `{"until":"2001-01-01T00:00:00Z"}`, 400},
		{groupsPath + "/" + name + "/ignore", `{"count":1,"until":"2100-01-01T00:00:00Z"}`, 400},
		{groupsPath + "/" + name + "/ignore", `{"note":"` + strings.Repeat("x", 1001) + `"}`, 400},
		{groupsPath + "/" + name + "/resolve", `{"note":null,"until":1}`, 400},
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

// group is the one group of a type.
func (f *fixture) group(typ string) map[string]any {
	f.Helper()
	a := f.call("GET", groupsPath+"?type="+typ, "")
	groups, _ := a.body["groups"].([]any)
	if a.status != 200 || len(groups) != 1 {
		f.Fatalf("%d %s", a.status, a.raw)
	}
	return groups[0].(map[string]any)
}

func TestFailureGroups_are_ignored_resolved_and_deleted(t *testing.T) {
	f := newFixture(t, nil)
	f.fail("Order", `{}`)
	told := func() string {
		g := f.group("Order")
		return words(g["state"], g["note"], g["count"], g["failures"], g["regressed"])
	}
	path := groupsPath + "/" + f.group("Order")["group"].(string)
	if got := told(); got != "open  1 1 <nil>" {
		t.Errorf("at first: %s", got)
	}
	a := f.call("POST", path+"/ignore", `{"count":2,"note":"known"}`)
	if a.status != 200 || words(a.body["group"].(map[string]any)["state"]) != "ignored" {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	f.fail("Order", `{}`)
	if got := told(); got != "ignored known 2 2 <nil>" {
		t.Errorf("ignored: %s", got)
	}
	f.fail("Order", `{}`)
	if got := told(); got != "open known 3 3 <nil>" {
		t.Errorf("after two more: %s", got)
	}
	a = f.call("POST", path+"/ignore", `{"until":"2100-01-01T00:00:00Z"}`)
	if words(a.body["group"].(map[string]any)["until"]) != "2100-01-01T00:00:00Z" {
		t.Errorf("until: %s", a.raw)
	}
	f.call("POST", path+"/resolve", `{"note":"fixed in 1.4.2"}`)
	if got := told(); got != "resolved fixed in 1.4.2 3 3 <nil>" {
		t.Errorf("resolved: %s", got)
	}
	f.fail("Order", `{}`)
	if got := told(); got != "open fixed in 1.4.2 4 4 true" {
		t.Errorf("failed again: %s", got)
	}
	if a := f.call("POST", path+"/delete", `{"dryRun":true}`); a.status != 200 || words(a.body["count"]) != "4" {
		t.Errorf("preview: %d %s", a.status, a.raw)
	}
	if op := f.ended(f.call("POST", path+"/delete", "")); words(op["kind"], op["done"]) != "failed.delete 4" {
		t.Errorf("deleted: %v", op)
	}
	if got := told(); got != "open fixed in 1.4.2 0 4 true" {
		t.Errorf("remembered: %s", got)
	}
	trail := f.trail("")
	for _, action := range []string{"failed.ignore_group ok", "failed.resolve_group ok", "failed.delete_group ok"} {
		if !slices.ContainsFunc(trail, func(line string) bool { return strings.HasPrefix(line, action) }) {
			t.Errorf("no entry of %s in %v", action, trail)
		}
	}
	if strings.Contains(strings.Join(trail, ""), "fixed in 1.4.2") {
		t.Error("the trail has a note")
	}
}

func TestFailureGroups_by_what_was_decided(t *testing.T) {
	f := newFixture(t, nil)
	for _, typ := range []string{"Open", "Ignored", "Resolved", "Regressed", "Gone"} {
		f.fail(typ, `{}`)
	}
	decide := func(typ, what, body string) {
		t.Helper()
		a := f.call("POST", groupsPath+"/"+f.group(typ)["group"].(string)+"/"+what, body)
		if a.status >= 300 {
			t.Fatalf("%s %s: %d %s", what, typ, a.status, a.raw)
		}
		if what == "delete" {
			f.ended(a)
		}
	}
	decide("Ignored", "ignore", "")
	decide("Resolved", "resolve", "")
	decide("Regressed", "resolve", "")
	decide("Gone", "delete", "")
	f.fail("Regressed", `{}`)
	for query, want := range map[string]string{
		"?state=open":                   "Regressed Gone Open",
		"?state=open&left=true":         "Regressed Open",
		"?state=ignored":                "Ignored",
		"?state=resolved":               "Resolved",
		"?state=regressed":              "Regressed",
		"?left=true":                    "Regressed Resolved Ignored Open",
		"?left=false&limit=2":           "Regressed Gone …",
		"?state=open&limit=2":           "Regressed Gone …",
		"?state=open&left=true&limit=2": "Regressed Open",
		"?state=ignored&q=Resolved":     "",
		"?state=resolved&q=Resolved":    "Resolved",
	} {
		a := f.call("GET", groupsPath+query, "")
		var got []string
		for _, g := range a.body["groups"].([]any) {
			got = append(got, g.(map[string]any)["type"].(string))
		}
		if a.body["hasMore"] == true {
			got = append(got, "…")
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", query, got, want)
		}
	}
	for _, bad := range []string{"?state=closed", "?state=", "?left=yes"} {
		if a := f.call("GET", groupsPath+bad, ""); a.status != 400 {
			t.Errorf("%s: %d %s", bad, a.status, a.raw)
		}
	}
}

// Groups are listed over all transports, and found wherever they are.
func TestFailureGroups_of_all_transports(t *testing.T) {
	f := newFixture(t, nil)
	f.fail("Order", `{}`)
	f.send("Order", `{}`, `{"transport":"email"}`)
	email := f.tr.Named("email")
	got, err := email.Receive(context.Background(), symphony.ReceiveOptions{})
	if err != nil || len(got) != 1 {
		t.Fatal(len(got), err)
	}
	email.Settle(context.Background(), []symphony.Settlement{{Lease: got[0].Lease, Outcome: symphony.Fail,
		Error: "boom Order", ErrorClass: "test"}})
	all, _ := f.call("GET", groupsPath, "").body["groups"].([]any)
	if len(all) != 2 || all[0].(map[string]any)["transport"] != "email" ||
		all[1].(map[string]any)["transport"] != "default" {
		t.Fatalf("groups: %v", all)
	}
	first := f.call("GET", groupsPath+"?limit=1", "")
	second := f.call("GET", groupsPath+"?limit=1&cursor="+first.body["nextCursor"].(string), "")
	if rest, _ := second.body["groups"].([]any); len(rest) != 1 || rest[0].(map[string]any)["transport"] != "default" ||
		second.body["hasMore"] != false {
		t.Errorf("second page: %s", second.raw)
	}
	path := groupsPath + "/" + all[0].(map[string]any)["group"].(string)
	if a := f.call("POST", path+"/resolve", ""); a.status != 400 || !slices.Equal(a.paths(), []string{"transport"}) {
		t.Errorf("of two transports: %d %s", a.status, a.raw)
	}
	a := f.call("POST", path+"/resolve?transport=email", "")
	if a.status != 200 || words(a.body["group"].(map[string]any)["transport"]) != "email" {
		t.Errorf("of one: %d %s", a.status, a.raw)
	}
}

// A dry run shows what a type redacts to nobody who may not see it.
func TestFailureGroups_examples_are_masked(t *testing.T) {
	rules, err := redact.New(map[string][]string{"Card": {"card.number"}})
	if err != nil {
		t.Fatal(err)
	}
	f := newFixture(t, func(o *httpapi.Options) { o.Redact = rules })
	f.fail("Card", `{"card":{"number":"canary-4711","owner":"ada"}}`)
	path := groupsPath + "/" + f.group("Card")["group"].(string) + "/retry"
	for _, route := range []string{path, "/api/symphony/failed/retry"} {
		body := `{"patch":{"fixed":true},"dryRun":true}`
		if route != path {
			body = `{"filter":{"type":"Card"},"patch":{"fixed":true},"dryRun":true}`
		}
		a := f.call("POST", route, body, "Authorization", "Bearer "+f.keys["operate"])
		if a.status != 200 || strings.Contains(a.raw, "canary") || !strings.Contains(a.raw, `"redacted":true`) {
			t.Errorf("%s: %d %s", route, a.status, a.raw)
		}
	}
}
