package flow_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
	"github.com/symphony-messenger/symphony/symphonytest"
	"github.com/symphony-messenger/symphony/transport/inline"
	"github.com/symphony-messenger/symphony/transport/sqlite"
)

func TestControlOf(t *testing.T) {
	tr := symphonytest.Storage(t, sqlite.Options{})
	transports := []symphony.Transport{tr, inline.Open(symphony.NewMux(), inline.Options{Name: "sync"})}
	bus, err := symphony.NewBus(transports, symphony.BusOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if control, err := flow.ControlOf(bus, symphony.DefaultTransport); control == nil || err != nil {
		t.Errorf("flow control of the default transport: %v, %v", control, err)
	}
	if _, err := flow.ControlOf(bus, "sync"); !errors.Is(err, symphony.ErrUnsupported) {
		t.Errorf("flow control of sync: %v, want ErrUnsupported", err)
	}
	if _, err := flow.ControlOf(bus, "nope"); !errors.Is(err, symphony.ErrUnknownTransport) {
		t.Errorf("flow control of nope: %v, want ErrUnknownTransport", err)
	}
}

func TestHolds(t *testing.T) {
	for name, test := range map[string]struct {
		hold flow.Hold
		want int // problems
	}{
		"all":                 {flow.Hold{Mode: flow.Paused}, 0},
		"a queue":             {flow.Hold{Mode: flow.Draining, HoldTarget: flow.HoldTarget{Queue: "a"}}, 0},
		"a type":              {flow.Hold{Mode: flow.Paused, HoldTarget: flow.HoldTarget{Type: "A.*"}}, 0},
		"no mode":             {flow.Hold{}, 1},
		"everything is wrong": {flow.Hold{Mode: flow.Draining, HoldTarget: flow.HoldTarget{Queue: "a b", Type: "a*b"}, Reason: strings.Repeat("x", flow.MaxHoldText+1)}, 5},
	} {
		t.Run(name, func(t *testing.T) {
			var invalid *symphony.ValidationError
			err := test.hold.Validate()
			if errors.As(err, &invalid); invalid == nil && test.want > 0 || invalid != nil && len(invalid.Problems) != test.want {
				t.Errorf("got %v, want %d problems", err, test.want)
			}
		})
	}
	holds := []flow.Hold{
		{Mode: flow.Paused, HoldTarget: flow.HoldTarget{Queue: "a"}}, {Mode: flow.Paused, HoldTarget: flow.HoldTarget{Type: "Mail.*"}},
		{Mode: flow.Draining, HoldTarget: flow.HoldTarget{Queue: "b"}},
	}
	for _, test := range []struct {
		queue, typ    string
		held, drained bool
	}{{"a", "Order", true, false}, {"b", "Order", false, true}, {"b", "Mail.New", true, true}, {"c", "Mail", false, false}} {
		if got := flow.Held(holds, test.queue, test.typ); got != test.held {
			t.Errorf("%s in %s held: %v", test.typ, test.queue, got)
		}
		if got := flow.Drained(holds, "default", test.queue); errors.Is(got, flow.ErrHeld) != test.drained {
			t.Errorf("%s drained: %v", test.queue, got)
		}
	}
}

func TestDraining_a_transport_drains_each_of_its_queues(t *testing.T) {
	holds := []flow.Hold{{Mode: flow.Draining}}
	if err := flow.Drained(holds, "default", "mails"); !errors.Is(err, flow.ErrHeld) {
		t.Errorf("got %v, want it refused", err)
	}
	holds[0].Queue = "others"
	if err := flow.Drained(holds, "default", "mails"); err != nil {
		t.Errorf("got %v, want it taken", err)
	}
}
