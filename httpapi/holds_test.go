package httpapi_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/httpapi"
	"github.com/symphony-messenger/symphony/storage"
	"github.com/symphony-messenger/symphony/worker"
)

func TestFlowOptionsOfADispatch(t *testing.T) {
	f := newFixture(t, nil)
	before := time.Now()
	id := f.dispatch("Order", `{"delay":60000,"expiresAt":"2100-01-01T00:00:00Z","concurrencyKey":"c","groupKey":"g","ordered":true,"throttleKey":"t","correlationId":"story","causationId":"cause"}`)
	a := f.call("POST", dispatchPath, `{"message":{"type":"Order","payload":{}},"options":{"throttleKey":"t"}}`)
	if a.status != 200 || a.body["dropped"] != true || a.body["messageId"] != id {
		t.Errorf("throttled: %d %s", a.status, a.raw)
	}
	at, err := time.Parse(time.RFC3339Nano, a.body["scheduledAt"].(string))
	if err != nil || at.Before(before.Add(time.Minute)) || at.After(time.Now().Add(time.Minute)) {
		t.Errorf("scheduled at %s, want in a minute", at)
	}
	first := f.dispatch("Order", `{"debounceKey":"d"}`)
	a = f.call("POST", dispatchPath, `{"message":{"type":"Order","payload":{}},"options":{"debounceKey":"d","groupKey":"g2","correlationId":"story"}}`)
	if a.status != 201 || a.body["replaced"] != first {
		t.Errorf("debounced: %d %s, want it in place of %s", a.status, a.raw, first)
	}
	list := f.receive(`{}`)
	if len(list) != 1 || list[0]["correlationId"] != "story" || list[0]["groupKey"] != "g2" || list[0]["id"] != a.body["messageId"] {
		t.Errorf("received %v", list)
	}
}

func TestFlowOptionsAreChecked(t *testing.T) {
	f := newFixture(t, nil)
	tests := []struct {
		name, options string
		want          []string
	}{
		{"delay and time", `"delay":1,"scheduledAt":"2100-01-01T00:00:00Z"`, []string{"options.delay"}},
		{"negative delay", `"delay":-1`, []string{"options.delay"}},
		{"huge delay", `"delay":9223372036854775807`, []string{"options.delay"}},
		{"not a number", `"delay":"5s"`, []string{"options.delay"}},
		{"empty keys", `"concurrencyKey":"","groupKey":"","debounceKey":"","throttleKey":"","correlationId":"","causationId":""`,
			[]string{"options.concurrencyKey", "options.groupKey", "options.debounceKey", "options.throttleKey", "options.correlationId", "options.causationId"}},
		{"control characters", `"concurrencyKey":"a\u0001"`, []string{"options.concurrencyKey"}},
		{"ordered without a group", `"ordered":true`, []string{"options.ordered"}},
		{"debounce and throttle", `"debounceKey":"a","throttleKey":"b"`, []string{"options.debounceKey"}},
		{"expires before its time", `"expiresAt":"2030-01-01T00:00:00Z","scheduledAt":"2031-01-01T00:00:00Z"`, []string{"options.expiresAt"}},
		{"a transport without flow control", `"transport":"sync","concurrencyKey":"a"`, []string{"options"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a := f.call("POST", dispatchPath, `{"message":{"type":"Order","payload":{}},"options":{`+test.options+`}}`)
			if a.status != 400 {
				t.Fatalf("got %d %s", a.status, a.raw)
			}
			if diff := cmp.Diff(test.want, a.paths()); diff != "" {
				t.Errorf("paths (-want +got)\n%s", diff)
			}
		})
	}
}

func TestPauseDrainAndResume(t *testing.T) {
	f := newFixture(t, nil)
	f.dispatch("Order", `{"queue":"a"}`)
	a := f.call("POST", "/api/symphony/pause", `{"queue":"a","reason":"deploy"}`)
	holds := a.body["holds"].([]any)
	if a.status != 200 || a.body["transport"] != "default" || len(holds) != 1 {
		t.Fatalf("pause: %d %s", a.status, a.raw)
	}
	h := holds[0].(map[string]any)
	if h["mode"] != "paused" || h["queue"] != "a" || h["reason"] != "deploy" || h["by"] == "" || h["since"] == nil {
		t.Errorf("hold %v", h)
	}
	if list := f.receive(`{}`); len(list) != 0 {
		t.Errorf("a paused queue handed out %v", list)
	}
	if s := f.call("GET", "/api/symphony/status", ""); fmt.Sprint(s.body["holds"]) != fmt.Sprint(a.body["holds"]) {
		t.Errorf("status tells other holds: %s", s.raw)
	}
	if a := f.call("POST", "/api/symphony/resume", `{"queue":"a"}`); a.status != 200 || len(a.body["holds"].([]any)) != 0 {
		t.Errorf("resume: %d %s", a.status, a.raw)
	}
	if a := f.call("POST", "/api/symphony/resume", `{"queue":"a"}`); a.status != 404 {
		t.Errorf("resume again: %d %s", a.status, a.raw)
	}
	if list := f.receive(`{}`); len(list) != 1 {
		t.Errorf("a resumed queue handed out %v", list)
	}
	if a := f.call("POST", "/api/symphony/drain", ``); a.status != 200 {
		t.Errorf("drain: %d %s", a.status, a.raw)
	}
	a = f.call("POST", dispatchPath, `{"message":{"type":"Order","payload":{}}}`)
	if a.status != 409 || a.code() != "queue_draining" {
		t.Errorf("dispatch while draining: %d %s", a.status, a.raw)
	}
	for body, path := range map[string]string{
		`{"queue":""}`: "queue", `{"queue":"a","type":"B"}`: "type", `{"type":"a*b"}`: "type", `{"transport":"nope"}`: "transport", `{"queues":["a"]}`: "queues",
	} {
		if a := f.call("POST", "/api/symphony/pause", body); a.status != 400 || len(a.paths()) != 1 || a.paths()[0] != path {
			t.Errorf("pause %s: %d %s", body, a.status, a.raw)
		}
	}
	if a := f.call("POST", "/api/symphony/drain", `{"type":"B"}`); a.status != 400 {
		t.Errorf("drain a type: %d %s", a.status, a.raw)
	}
	if a := f.call("GET", "/api/symphony/holds?transport=sync", ""); a.status != 501 {
		t.Errorf("holds of a transport without flow control: %d %s", a.status, a.raw)
	}
}

func TestPurgeAsksForConfirmation(t *testing.T) {
	f := newFixture(t, nil)
	for range 3 {
		f.dispatch("Order", `{"queue":"a"}`)
	}
	f.dispatch("Other", `{"queue":"a","delay":60000}`)
	f.dispatch("Order", `{"queue":"b"}`)
	for _, body := range []string{`{}`, `{"queue":"a"}`, `{"queue":"a","confirm":"default"}`, `{"confirm":"a"}`} {
		if a := f.call("POST", "/api/symphony/purge", body); a.status != 400 || len(a.paths()) != 1 || a.paths()[0] != "confirm" {
			t.Errorf("purge %s: %d %s", body, a.status, a.raw)
		}
	}
	a := f.call("POST", "/api/symphony/purge", `{"queue":"a","type":"Order","confirm":"a"}`)
	if a.status != 200 || fmt.Sprintf("%v %v", a.body["count"], a.body["pending"]) != "3 2" {
		t.Errorf("purge of a type: %d %s", a.status, a.raw)
	}
	a = f.call("POST", "/api/symphony/purge", `{"confirm":"default"}`)
	if a.status != 200 || fmt.Sprintf("%v %v", a.body["count"], a.body["pending"]) != "2 0" {
		t.Errorf("purge of all: %d %s", a.status, a.raw)
	}
	if a := f.call("POST", "/api/symphony/purge", `{"confirm":"default"}`, "Authorization", "Bearer "+f.keys["consume"]); a.status != 403 {
		t.Errorf("purge by somebody who is no administrator: %d %s", a.status, a.raw)
	}
}

func TestStopWorkersEndsRunsInProgress(t *testing.T) {
	var records storage.Records
	f := newFixture(t, func(o *httpapi.Options) {
		o.ConsumeWorker = func(string) worker.Options { return worker.Options{StopRequests: records} }
	})
	records = f.tr
	started := make(chan struct{})
	f.mux.HandleFunc("Order", func(context.Context, *symphony.Delivery) error {
		close(started)
		return nil
	})
	f.dispatch("Order", `{}`)
	done := make(chan answer)
	go func() { done <- f.call("POST", "/api/symphony/consume", `{"waitForMessages":true,"timeLimit":30000}`) }()
	<-started
	if a := f.call("POST", "/api/symphony/workers/stop", ``); a.status != 200 {
		t.Fatalf("stop: %d %s", a.status, a.raw)
	}
	a := <-done
	health, _ := a.body["health"].(map[string]any)
	if a.status != 200 || health["stopReason"] != "stop_requested" {
		t.Errorf("the run ended with %d %s", a.status, a.raw)
	}
	if a := f.call("POST", "/api/symphony/consume", `{}`); a.body["health"].(map[string]any)["stopReason"] != "empty" {
		t.Errorf("a run that was started later: %s", a.raw)
	}
}
