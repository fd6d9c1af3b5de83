package httpapi_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
	"github.com/symphony-messenger/symphony/httpapi"
	"github.com/symphony-messenger/symphony/monitor"
	"github.com/symphony-messenger/symphony/symphonytest"
	"github.com/symphony-messenger/symphony/symphonytest/testclock"
	"github.com/symphony-messenger/symphony/transport/sqlite"
)

// A pending message says why it waits.
func TestWaiting_is_told(t *testing.T) {
	f := newFixture(t, nil)
	ready := f.send("Job", `{}`, `{}`)
	later := f.send("Job", `{}`, `{"scheduledAt":"2100-01-01T00:00:00Z"}`)
	first := f.send("Job", `{}`, `{"groupKey":"g","ordered":true,"queue":"line"}`)
	second := f.send("Job", `{}`, `{"groupKey":"g","ordered":true,"queue":"line"}`)
	reason := func(id string) any {
		t.Helper()
		a := f.call("GET", messagesPath+"/"+id, "")
		w, _ := a.body["message"].(map[string]any)["waiting"].(map[string]any)
		if w != nil && w["text"] == "" {
			t.Errorf("%s: no text: %s", id, a.raw)
		}
		return w["reason"]
	}
	for id, want := range map[string]any{ready: "worker", later: "scheduled", first: "worker", second: "order"} {
		if got := reason(id); got != want {
			t.Errorf("%s: got %v, want %v", id, got, want)
		}
	}
	if a := f.call("POST", "/api/symphony/pause", `{"queue":"default","reason":"tea"}`); a.status != 200 {
		t.Fatal(a.raw)
	}
	if got := reason(ready); got != "hold" {
		t.Errorf("paused: got %v", got)
	}
	f.call("POST", "/api/symphony/resume", `{"queue":"default"}`)
	a := f.call("GET", messagesPath+"/"+ready, "")
	if w := a.message()["waiting"].(map[string]any); fmt.Sprint(w["position"]) != "1" {
		t.Errorf("position: %s", a.raw)
	}
	f.call("PUT", "/api/symphony/limits/type/Slow", `{"rate":"1/m"}`)
	f.send("Slow", `{}`, `{"queue":"slow"}`)
	slow := f.send("Slow", `{}`, `{"queue":"slow"}`)
	f.call("POST", "/api/symphony/receive", `{"queues":["slow"],"max":10}`)
	if got := reason(slow); got != "rate" {
		t.Errorf("slowed: got %v", got)
	}
	f.call("PUT", "/api/symphony/limits/type/Slow", `{"concurrency":1}`)
	if got := reason(slow); got != "limit" {
		t.Errorf("limited: got %v", got)
	}
	f.settleNext(symphony.Settlement{Outcome: symphony.Ack, StartedAt: time.Now(), FinishedAt: time.Now()})
	if got := reason(ready); got != nil {
		t.Errorf("completed: got %v", got)
	}
}

// waits is the reason, text and by of why a message waits.
func (f *fixture) waits(id string) string {
	f.Helper()
	a := f.call("GET", messagesPath+"/"+id, "")
	w, _ := a.message()["waiting"].(map[string]any)
	if a.status != 200 || w == nil {
		f.Fatalf("%d %s", a.status, a.raw)
	}
	return fmt.Sprint(w["reason"], " ", w["by"])
}

func TestWaiting_for_a_worker_says_whether_there_is_one(t *testing.T) {
	clock := testclock.New(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))
	tr := symphonytest.Storage(t, sqlite.Options{Clock: clock})
	info := monitor.NodeInfo{}
	f := newFixture(t, func(o *httpapi.Options) {
		bus, err := symphony.NewBus([]symphony.Transport{tr}, symphony.BusOptions{Clock: clock})
		if err != nil {
			t.Fatal(err)
		}
		o.Bus, o.Clock = bus, clock
		o.Mux.HandleFunc("Job", func(context.Context, *symphony.Delivery) error { return nil })
		monitored(t, o, &info)
	})
	want := func(id, want string) {
		t.Helper()
		if got := f.waits(id); got != want {
			t.Errorf("it waits for %s, want %s", got, want)
		}
	}
	id := f.send("Job", `{}`, `{"queue":"a"}`)
	want(id, "worker <nil>")
	clock.Advance(flow.UnaskedFor)
	want(id, "no_worker <nil>")
	f.call("POST", "/api/symphony/receive", `{"queues":["b"]}`)
	want(id, "no_worker <nil>")
	f.call("POST", "/api/symphony/receive", `{"queues":["b"]}`)
	other := f.send("Job", `{}`, `{"queue":"b"}`)
	want(other, "worker <nil>")

	// Who pulls does not get what is pushed to a URL.
	for queue, reason := range map[string]string{"pulled": "no_worker <nil>", "pushed": "worker <nil>"} {
		o := symphony.ReceiveOptions{Queues: []string{queue}, Pushes: queue == "pushed"}
		if _, err := tr.Receive(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		e := symphony.Envelope{ID: symphony.NewID(clock.Now()), Type: "Job", Payload: []byte(`{}`),
			Transport: tr.Name(), Queue: queue, Priority: 5, CreatedAt: clock.Now(),
			Terms: &symphony.Terms{URL: "https://example.com/hook"}}
		if _, err := tr.Send(t.Context(), []*symphony.Envelope{&e}); err != nil {
			t.Fatal(err)
		}
		want(e.ID, reason)
	}

	// A breaker that is open where somebody works.
	probe := clock.Now().Add(time.Minute)
	info.Breakers = []monitor.OpenBreaker{{Handler: "Job", State: "open", ProbeAt: probe}}
	want(other, "worker <nil>") // nobody works there
	info.Workers = []monitor.NodeWorker{{Transport: tr.Name(), Running: true}}
	want(other, "breaker Job")
	info.Breakers[0].Handler = "Other"
	want(other, "worker <nil>")
	info.Breakers[0].Handler, info.Breakers[0].ProbeAt = "Job", clock.Now() // the next message probes
	want(other, "worker <nil>")

	// It gives messages back until it is closed again.
	got, err := tr.Receive(t.Context(), symphony.ReceiveOptions{Queues: []string{"b"}})
	if err != nil || len(got) != 1 {
		t.Fatal(got, err)
	}
	tr.Settle(t.Context(), []symphony.Settlement{{Lease: got[0].Lease, Outcome: symphony.Release, Delay: time.Minute}})
	want(other, "breaker Job")
	info.Breakers = nil
	want(other, "scheduled <nil>")
}
