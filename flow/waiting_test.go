package flow_test

import (
	"testing"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
)

func TestWaitOf_a_message(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	later := now.Add(time.Minute)
	tried := []symphony.Attempt{{Number: 1, RetryAt: later}}
	pause := func(target flow.HoldTarget) []flow.Hold {
		return []flow.Hold{{HoldTarget: target, Mode: flow.Paused, By: "ada", Until: later}}
	}
	const (
		ready, notYet = "It is ready, and waits for a worker to take it.", "It is not to be handled before its time."
		retried       = "Its last attempt did not succeed, and its next one is not due yet."
	)
	own := &symphony.Terms{URL: "https://a.test"}
	for name, test := range map[string]struct {
		m     symphony.MessageInfo
		holds []flow.Hold
		want  flow.Reason // empty: it does not wait
		text  string
	}{
		"in hand": {m: symphony.MessageInfo{Status: symphony.Processing}},
		"ready":   {want: flow.WaitsForWorker, text: ready},
		"ready, and pushed": {m: symphony.MessageInfo{Envelope: symphony.Envelope{Terms: own}},
			want: flow.WaitsForWorker, text: "It is pushed to a URL of its own, and waits for a worker of a server " +
				"that does that: one whose push.allowed_origins is set. No pull worker gets it."},
		"for later": {m: symphony.MessageInfo{AvailableAt: later}, want: flow.WaitsForTime, text: notYet},
		"to be retried": {m: symphony.MessageInfo{AvailableAt: later, Attempts: tried},
			want: flow.WaitsForRetry, text: retried},
		"released": {m: symphony.MessageInfo{AvailableAt: later.Add(1), Attempts: tried},
			want: flow.WaitsForTime, text: notYet},
		"paused queue": {holds: pause(flow.HoldTarget{Queue: "q"}),
			want: flow.WaitsForHold, text: "Queue \"q\" is paused."},
		"paused": {holds: pause(flow.HoldTarget{}),
			want: flow.WaitsForHold, text: "The transport is paused."},
		"paused type": {holds: pause(flow.HoldTarget{Type: "Jo.*"}), want: flow.WaitsForWorker, text: ready},
		"its type": {holds: pause(flow.HoldTarget{Type: "Job"}),
			want: flow.WaitsForHold, text: "Type \"Job\" is paused."},
		"another queue": {holds: pause(flow.HoldTarget{Queue: "r"}), want: flow.WaitsForWorker, text: ready},
		"draining":      {holds: []flow.Hold{{Mode: flow.Draining}}, want: flow.WaitsForWorker, text: ready},
		"a limit": {m: symphony.MessageInfo{Gate: "type:Job"},
			want: flow.WaitsForType, text: "The limit of type \"Job\" lets no more messages through at the moment."},
		"an ordered one": {m: symphony.MessageInfo{Gate: "order:1:g"},
			want: flow.WaitsForOrder, text: "A message before it in its ordered group is not finished."},
	} {
		m := test.m
		m.Type, m.Queue, m.Transport = "Job", "q", "default"
		if m.Status == "" {
			m.Status = symphony.Pending
		}
		w, ok := flow.WaitOf(&m, test.holds, now)
		if w.Reason != test.want || ok != (test.want != "") || ok && w.Text() != test.text {
			t.Errorf("%s: got %+v %q, %t; want %s", name, w, w.Text(), ok, test.want)
		}
	}
}
