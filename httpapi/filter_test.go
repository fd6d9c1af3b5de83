package httpapi_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// Each filter is understood in the query of a list; what it selects is tested with the storages.
func TestFilters_of_lists(t *testing.T) {
	f := newFixture(t, nil)
	rich := f.complete("Shop.Order", `{"n":1}`, `{"metadata":{"customer":{"id":42.0,"vip":true}},"idempotencyKey":"k","correlationId":"story",
		"causationId":"cause","groupKey":"g","concurrencyKey":"c","tags":["a","b"]}`)
	poor := f.send("Job", `{"n":2}`, `{"queue":"slow","scheduledAt":"2100-01-01T00:00:00Z"}`)
	mail := f.send("Shop.Mail", `{}`, `{"transport":"email"}`)
	dead := f.send("Dead", `{}`, `{}`)
	f.settleNext(symphony.Settlement{Outcome: symphony.Fail, Error: "e", ErrorClass: "timeout", StartedAt: time.Now(), FinishedAt: time.Now()})
	for query, want := range map[string]string{
		"?type=Shop.*":                          mail + " " + rich,
		"?type=Shop.*&transport=default":        rich,
		"?status=pending":                       mail + " " + poor,
		"?status=pending&status=completed":      mail + " " + poor + " " + rich,
		"?idempotencyKey=k":                     rich,
		"?correlationId=story":                  rich,
		"?correlationId=" + poor:                poor,
		"?causationId=cause":                    rich,
		"?tag=a":                                rich,
		"?tag=b&tag=a":                          rich,
		"?tag=b&tag=c":                          "",
		"?groupKey=g":                           rich,
		"?concurrencyKey=c":                     rich,
		"?worker=w1":                            rich,
		"?worker=w":                             "",
		"?errorClass=timeout":                   dead,
		"?metadata.customer.id=42.0":            rich,
		"?metadata.customer.id=42":              "",
		"?metadata.customer.vip=true&q=%22n%22": rich,
		"?endedSince=2020-01-01T00:00:00Z":      dead + " " + rich,
		"?endedUntil=2020-01-01T00:00:00Z":      "",
		"?transport=email":                      mail,
		"?limit=1&sort=createdAt":               rich,
	} {
		if got := f.listed(query); got != want {
			t.Errorf("%s: got %s, want %s", query, got, want)
		}
	}
	for query, want := range map[string]string{
		"":                           "map[cancelled:0 completed:1 failed:1 pending:2 processing:0] 4 <nil>",
		"?type=Shop.*":               "map[cancelled:0 completed:1 failed:0 pending:1 processing:0] 2 <nil>",
		"?status=pending&exact=true": "map[cancelled:0 completed:0 failed:0 pending:2 processing:0] 2 <nil>",
		"?transport=email":           "map[cancelled:0 completed:0 failed:0 pending:1 processing:0] 1 <nil>",
		"?queue=slow":                "map[cancelled:0 completed:0 failed:0 pending:1 processing:0] 1 <nil>",
		"?errorClass=timeout":        "map[cancelled:0 completed:0 failed:1 pending:0 processing:0] 1 <nil>",
	} {
		a := f.call("GET", messagesPath+"/counts"+query, "")
		if got := fmt.Sprint(a.body["counts"], " ", a.body["total"], " ", a.body["atLeast"]); a.status != 200 || got != want {
			t.Errorf("counts%s: got %d %s, want %s", query, a.status, got, want)
		}
	}
	// One message is found wherever it is.
	for _, id := range []string{rich, poor, mail, dead} {
		if a := f.call("GET", messagesPath+"/"+id, ""); a.status != 200 {
			t.Errorf("%s: %d %s", id, a.status, a.raw)
		}
	}
	if a := f.call("GET", messagesPath+"/"+mail+"?transport=default", ""); a.status != 404 {
		t.Errorf("in another transport: %d %s", a.status, a.raw)
	}
	if a := f.call("DELETE", messagesPath+"/"+mail, ""); a.status != 200 || f.listed("?transport=email") != "" {
		t.Errorf("delete without a transport: %d %s", a.status, a.raw)
	}
	if a := f.call("GET", "/api/symphony/failed?errorClass=timeout&type=D*", ""); a.status != 200 || len(a.body["messages"].([]any)) != 0 {
		t.Errorf("a type that is no pattern: %d %s", a.status, a.raw)
	}
}

func TestFilters_that_are_refused(t *testing.T) {
	f := newFixture(t, nil)
	for query, want := range map[string]string{
		"?status=done":                     "status",
		"?status=failed&status=failed":     "status",
		"?status=":                         "status",
		"?errorClass=a&status=pending":     "errorClass",
		"?metadata=a":                      "metadata",
		"?metadata.=a":                     "metadata.",
		"?metadata.a=":                     "metadata.a",
		"?metadata.a..b=1":                 "metadata.a..b",
		"?metadata.a=1&metadata.a=2":       "metadata.a",
		"?queue=a&queue=b":                 "queue",
		"?endedSince=yesterday":            "endedSince",
		"?endedUntil=0001-01-01T00:00:00Z": "endedUntil",
		"?failureGroups=x":                 "failureGroups",
		"?priority=0":                      "priority",
	} {
		for _, path := range []string{"messages", "messages/counts", "messages/export"} {
			if a := f.call("GET", "/api/symphony/"+path+query, ""); a.status != 400 || !slices.Equal(a.paths(), []string{want}) {
				t.Errorf("%s%s: got %d %v, want a problem at %s", path, query, a.status, a.paths(), want)
			}
		}
	}
	for body, want := range map[string]string{
		`{"metadata":{}}`:                       "filter.metadata",
		`{"metadata":{"a.":"b"}}`:               "filter.metadata.a.",
		`{"metadata":null}`:                     "filter.metadata",
		`{"status":[]}`:                         "filter.status",
		`{"status":["pending"]}`:                "filter.status",
		`{"worker":""}`:                         "filter.worker",
		`{"groupKey":null}`:                     "filter.groupKey",
		`{"endedSince":null}`:                   "filter.endedSince",
		`{"endedSince":"0001-01-01T00:00:00Z"}`: "filter.endedSince",
	} {
		a := f.call("POST", "/api/symphony/messages/replay", `{"dryRun":true,"filter":`+body+`}`)
		if a.status != 400 || !slices.Equal(a.paths(), []string{want}) {
			t.Errorf("%s: got %d %v %s, want a problem at %s", body, a.status, a.paths(), a.raw, want)
		}
	}
}

func TestSearchID_finds_a_message_wherever_it_is(t *testing.T) {
	f := newFixture(t, nil)
	mail := f.send("Mail", `{}`, `{"transport":"email"}`)
	dead := f.send("Dead", `{}`, `{}`)
	f.settleNext(symphony.Settlement{Outcome: symphony.Fail, Error: "e", StartedAt: time.Now(), FinishedAt: time.Now()})
	failed := f.call("GET", "/api/symphony/search?id="+dead, "").body["failedId"]
	for id, want := range map[string]string{
		mail: mail + " email pending", dead: dead + " default failed", fmt.Sprint(failed): dead + " default failed",
	} {
		a := f.call("GET", "/api/symphony/search?id="+id, "")
		got := fmt.Sprint(a.body["messageId"], " ", a.body["transport"], " ", a.body["status"])
		if a.status != 200 || got != want {
			t.Errorf("%s: got %d %s, want %s", id, a.status, got, want)
		}
	}
	for query, want := range map[string]int{"": 400, "?id=": 400, "?id=a&transport=b": 400, "?id=a": 404,
		"?id=00000000-0000-7000-8000-000000000000": 404} {
		if a := f.call("GET", "/api/symphony/search"+query, ""); a.status != want {
			t.Errorf("%s: got %d %s, want %d", query, a.status, a.raw, want)
		}
	}
}

// To select everything is to give an empty filter. The client must not leave it out.
func TestFilter_that_is_empty_is_sent(t *testing.T) {
	for _, body := range []any{wire.BulkRequest{Filter: new(wire.FailedFilter)},
		wire.ReplayManyRequest{Filter: new(wire.MessageFilter)},
		wire.CancelManyRequest{Filter: new(wire.MessageFilter)},
		wire.EditManyRequest{Filter: new(wire.MessageFilter)},
		wire.DeleteManyRequest{Filter: new(wire.MessageFilter)}} {
		raw, err := json.Marshal(body)
		if err != nil || string(raw) != `{"filter":{}}` {
			t.Errorf("%T: %s, %v", body, raw, err)
		}
	}
}

// Of more messages than are looked at for one answer, counts and previews say that there may be more.
func TestCounts_say_where_there_may_be_more(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	const all = 2*symphony.MaxCounted + 1
	for sent := 0; sent < all; {
		batch := make([]symphony.Outgoing, min(1000, all-sent))
		for i := range batch {
			batch[i].Message = symphony.Message{Type: "Many", Payload: []byte(`{}`)}
			batch[i].Options.DispatchedBy = "ada"
		}
		if _, err := f.bus.DispatchBatch(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
		sent += len(batch)
	}
	// What is told of a number of messages, which is the right one, or with atLeast no more than that.
	check := func(what string, a answer, member string, exact bool) {
		t.Helper()
		var n int
		if _, err := fmt.Sscan(fmt.Sprint(a.body[member]), &n); err != nil || a.status != 200 {
			t.Fatalf("%s: %d %s", what, a.status, a.raw)
		}
		atLeast := a.body["atLeast"] == true
		if atLeast == exact || exact && n != all || n > all || n < symphony.MaxCounted {
			t.Errorf("%s: %d of %d, at least: %t; want exactly: %t", what, n, all, atLeast, exact)
		}
	}
	for query, exact := range map[string]bool{
		"":                              true,
		"?queue=default":                true,
		"?status=pending":               true,
		"?status=pending&queue=default": true,
		"?dispatchedBy=ada&exact=true":  true,
		"?type=Many":                    false,
		"?type=Many&exact=true":         false, // no index carries it
		"?dispatchedBy=ada":             false,
	} {
		check(query, f.call("GET", messagesPath+"/counts"+query, ""), "total", exact)
	}
	if a := f.call("GET", messagesPath+"/counts?type=Few", ""); a.status != 200 || a.body["atLeast"] != true {
		t.Errorf("of what is not among the first: %d %s", a.status, a.raw)
	}
	for filter, exact := range map[string]bool{`{"type":"Many"}`: false, `{"queue":"default"}`: true} {
		a := f.call("POST", messagesPath+"/cancel", `{"filter":`+filter+`,"dryRun":true}`)
		check("a preview of "+filter, a, "count", exact)
	}
	// What has ended is looked for by itself, so that it is known although much waits.
	f.settleNext(symphony.Settlement{Outcome: symphony.Ack, StartedAt: time.Now(), FinishedAt: time.Now()})
	a := f.call("GET", messagesPath+"/counts", "")
	if counts, _ := a.body["counts"].(map[string]any); counts == nil || fmt.Sprint(counts["completed"]) != "1" {
		t.Errorf("with one that is completed: %s", a.raw)
	}
	check("with one that is completed", a, "total", true)
}
