package httpapi_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// What a message asks for of its own is checked whole, told with its paths, and changes nothing where it is wrong.
func TestTerms_that_are_refused(t *testing.T) {
	f := newFixture(t, nil)
	for name, c := range map[string]struct {
		options string
		paths   string
	}{
		"all at once": {
			`"maxRetries":101, "retryDelay":[0,-1,86400001], "timeout":99, "retention":-1,
			"tags":["","a,b"], "url":"ftp://x",
			"onSuccess":{"type":"","payload":{"source":1},"queue":""}, "onFailure":{"type":"b","payload":[]}`,
			`options.maxRetries options.onFailure.payload options.onSuccess.payload.source options.onSuccess.queue
			options.onSuccess.type options.retention options.retryDelay[1] options.retryDelay[2] options.tags[0]
			options.tags[1] options.timeout options.url`,
		},
		"their shapes": {
			`"maxRetries":-1, "retryDelay":[1.5], "timeout":0, "tags":"a", "onSuccess":"b", "onFailure":{"typ":"c"}`,
			`options.maxRetries options.onFailure.typ options.onFailure.type options.onSuccess options.retryDelay[0]
			options.tags options.timeout`,
		},
		"a delay that is a text":       {`"retryDelay":"1s"`, "options.retryDelay"},
		"a delay that is a fraction":   {`"retryDelay":1.5`, "options.retryDelay"},
		"no delay in a list":           {`"retryDelay":[]`, "options.retryDelay"},
		"too many delays":              {`"retryDelay":[` + strings.Repeat("1,", 100) + `1]`, "options.retryDelay"},
		"too long a timeout":           {`"timeout":86400001`, "options.timeout"},
		"too long a retention":         {`"retention":315360000001`, "options.retention"},
		"a retention that is a text":   {`"retention":"1h"`, "options.retention"},
		"too many tags":                {`"tags":[` + strings.Repeat(`"a",`, 20) + `"b"]`, "options.tags"},
		"too long a tag":               {`"tags":["` + strings.Repeat("ä", 65) + `"]`, "options.tags[0]"},
		"a tag that is not printable":  {`"tags":["a\u0007"]`, "options.tags[0]"},
		"a URL that no setting allows": {`"url":"https://example.com"`, "options.url"},
		"a URL with a password":        {`"url":"https://a:b@example.com"`, "options.url"},
		"a URL without a host":         {`"url":"https:///hook"`, "options.url"},
		"a URL with a fragment":        {`"url":"https://example.com/#a"`, "options.url"},
		"too long a URL": {`"url":"https://example.com/` + strings.Repeat("a", 2048) + `"`,
			"options.url"},
		"a callback without a type": {`"onFailure":{}`, "options.onFailure.type"},
		"a source in other letters": {`"onFailure":{"type":"b","payload":{"\u0073ource":1}}`,
			"options.onFailure.payload.source"},
		"a callback to nowhere": {`"onSuccess":{"type":"b","transport":"nope"}`,
			"options.onSuccess.transport"},
		"a callback in another storage": {`"onFailure":{"type":"b","transport":"sync"}`,
			"options.onFailure.transport"},
		"a callback to a queue of no name": {`"onFailure":{"type":"b","queue":"a b"}`, "options.onFailure.queue"},
		"where no messages are kept":       {`"transport":"sync","tags":["a"]`, "options"},
	} {
		t.Run(name, func(t *testing.T) {
			a := f.call("POST", dispatchPath, `{"message":{"type":"a","payload":{}},"options":{`+c.options+`}}`)
			var paths []string
			details, _ := a.body["details"].([]any)
			for _, d := range details {
				paths = append(paths, d.(map[string]any)["path"].(string))
			}
			slices.Sort(paths)
			if want := strings.Join(strings.Fields(c.paths), " "); a.status != 400 || strings.Join(paths, " ") != want {
				t.Errorf("got %d %s\nwant problems of %s", a.status, a.raw, want)
			}
		})
	}
	if s, err := f.tr.Stats(context.Background()); err != nil || s.Depth() != 0 {
		t.Errorf("bad requests left %+v, %v", s, err)
	}
}

// What was asked for is told as it was asked for.
func TestTerms_are_told(t *testing.T) {
	f := newFixture(t, nil)
	const terms = `"maxRetries":0,"retryDelay":1500,"timeout":60000,"tags":["b","a"],` +
		`"onSuccess":{"type":"Done","payload":{"n":1.50},"queue":"q","transport":"email"}`
	a := f.call("POST", dispatchPath,
		`{"message":{"type":"a","payload":{}},"options":{`+terms+`,"onFailure":{"type":"Undone"}}}`)
	id, _ := a.body["messageId"].(string)
	got := f.call("GET", "/api/symphony/messages/"+id, "").raw
	for _, want := range []string{terms,
		`"onFailure":{"type":"Undone","payload":{},"queue":"default","transport":"default"}`} {
		if !strings.Contains(strings.ReplaceAll(got, "\n", ""), want) {
			t.Errorf("got %s\nwant %s", got, want)
		}
	}
}

// Whoever asks for a failed message that was retried is told which one took its place, unless it is none of his.
func TestRetried_message_leads_to_the_one_in_its_place(t *testing.T) {
	f := newFixture(t, nil)
	f.call("POST", dispatchPath, `{"message":{"type":"a","payload":{}}}`)
	m := f.receive(`{}`)[0]
	f.call("POST", nackPath, `{"permanent":true,"receipt":"`+m["receipt"].(string)+`"}`)
	failed := f.call("GET", "/api/symphony/failed", "").body["messages"].([]any)[0].(map[string]any)["id"].(string)
	a := f.call("POST", "/api/symphony/failed/"+failed+"/retry", `{"payload":{"n":1}}`)
	newID, _ := a.body["newMessageId"].(string)
	for _, path := range []string{"messages/" + m["id"].(string), "failed/" + failed, "failed/" + m["id"].(string)} {
		got := f.call("GET", "/api/symphony/"+path, "")
		if got.status != 404 || got.code() != "retried" ||
			!strings.Contains(got.raw, `"details":{"newMessageId":"`+newID+`"}`) {
			t.Errorf("GET %s: %d %s", path, got.status, got.raw)
		}
	}
	// Who waits for it waits for that one, on one transport and over all.
	for _, transport := range []string{"", "&transport=default"} {
		got := f.call("GET", messagesPath+"/"+m["id"].(string)+"?wait=20"+transport, "")
		if got.status != 200 || got.message()["id"] != newID || got.message()["status"] != "pending" {
			t.Errorf("waiting (%s): %d %s", transport, got.status, got.raw)
		}
	}
	want := `"retryOf":{"failedId":"` + failed + `","messageId":"` + m["id"].(string) + `","payload":{}}`
	if got := f.call("GET", "/api/symphony/messages/"+newID, ""); !strings.Contains(got.raw, want) {
		t.Errorf("got %s, want %s", got.raw, want)
	}
	if a := f.call("POST", "/api/symphony/failed/"+failed+"/retry", ``); a.status != 404 || a.code() != "not_found" {
		t.Errorf("a second retry: %d %s", a.status, a.raw)
	}
}

// A message that is not to be kept is gone with its end, which is told to those who wait; one that is to be kept says
// so.
func TestRetention_of_one_message(t *testing.T) {
	f := newFixture(t, nil)
	send := func(retention string) string {
		a := f.call("POST", dispatchPath,
			`{"message":{"type":"a","payload":{"b":1}},"options":{"retention":`+retention+`}}`)
		if a.status != 201 {
			t.Fatalf("answered %d: %s", a.status, a.raw)
		}
		return a.body["messageId"].(string)
	}
	forgotten, kept := send("0"), send("3600000")
	a := f.call("POST", "/api/symphony/receive", `{"max":2}`)
	for _, m := range a.body["messages"].([]any) {
		f.call("POST", "/api/symphony/ack", `{"receipts":["`+m.(map[string]any)["receipt"].(string)+`"]}`)
	}
	a = f.call("GET", "/api/symphony/messages/"+kept, "")
	if m := a.body["message"].(map[string]any); m["status"] != "completed" || fmt.Sprint(m["retention"]) != "3600000" {
		t.Errorf("the one that is kept: %v", m)
	}
	a = f.call("GET", "/api/symphony/messages/"+forgotten+"?wait=1000", "")
	m, _ := a.body["message"].(map[string]any)
	payload, _ := m["payload"].(map[string]any)
	if a.status != 200 || m["status"] != "completed" || len(payload) > 0 {
		t.Errorf("the one that is not: %d, %s", a.status, a.raw)
	}
	a = f.call("GET", "/api/symphony/messages?status=completed", "")
	if list := a.body["messages"].([]any); len(list) != 1 || list[0].(map[string]any)["id"] != kept {
		t.Errorf("listed %s", a.raw)
	}
}
