package symphony_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/symphony-messenger/symphony"
)

type paidOrder struct{ ID int }

const orderPaid = symphony.Type[paidOrder]("order.paid")

func TestType_goes_from_dispatch_to_handler(t *testing.T) {
	transports := open(t, newClock(0), "default")
	bus := newBus(t, symphony.BusOptions{}, transports...)
	mux := symphony.NewMux()
	var got []paidOrder
	orderPaid.Handle(mux, func(_ context.Context, o paidOrder) error {
		got = append(got, o)
		return nil
	})
	if _, err := orderPaid.Dispatch(t.Context(), bus, paidOrder{1}, symphony.DispatchOptions{Priority: 9}); err != nil {
		t.Fatal(err)
	}
	out, err := orderPaid.Outgoing(paidOrder{2}, symphony.DispatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bus.DispatchBatch(t.Context(), []symphony.Outgoing{out}); err != nil {
		t.Fatal(err)
	}
	for _, d := range receive(t, transports[0]) {
		if d.Type != orderPaid.Name() {
			t.Errorf("the type is %q", d.Type)
		}
		if r := mux.Run(t.Context(), &d, 0); r.Err != nil {
			t.Error(r.Err)
		}
	}
	if diff := cmp.Diff([]paidOrder{{1}, {2}}, got); diff != "" {
		t.Errorf("handled (-want +got):\n%s", diff)
	}
}

func TestType_refuses_a_payload_that_cannot_be_marshalled(t *testing.T) {
	var invalid *symphony.ValidationError
	_, err := symphony.Type[chan int]("t").Outgoing(make(chan int), symphony.DispatchOptions{})
	if !errors.As(err, &invalid) || invalid.Problems[0].Path != "message.payload" {
		t.Errorf("got %v", err)
	}
}

func TestBus_refuses_types_that_it_was_not_told(t *testing.T) {
	transports := open(t, newClock(0), "default")
	bus := newBus(t, symphony.BusOptions{Types: []string{"order.paid", "mail.*"}}, transports...)
	for typ, want := range map[string]bool{"order.paid": true, "mail.welcome": true, "order.piad": false, "mail": false} {
		_, err := bus.DispatchMessage(t.Context(), symphony.Message{Type: typ, Payload: json.RawMessage(`{}`)}, symphony.DispatchOptions{})
		var invalid *symphony.ValidationError
		if got := err == nil; got != want || !want && (!errors.As(err, &invalid) || invalid.Problems[0].Path != "message.type") {
			t.Errorf("%s: got %v", typ, err)
		}
	}
	if got := receive(t, transports[0]); len(got) != 2 {
		t.Errorf("%d messages are stored", len(got))
	}
	if _, err := symphony.NewBus(transports, symphony.BusOptions{Types: []string{"a*b"}}); err == nil {
		t.Error("a pattern that is none is taken")
	}
}

func TestHandlerFrom_tells_middleware_which_handler_it_wraps(t *testing.T) {
	type seen struct {
		Pattern, Name string
		Batch         bool
	}
	var got []seen
	mux := symphony.NewMux()
	mux.Use(func(h symphony.Handler) symphony.Handler {
		return symphony.HandlerFunc(func(ctx context.Context, d *symphony.Delivery) error {
			pattern, name, ok := symphony.HandlerFrom(ctx)
			if !ok || symphony.DeliveryFrom(ctx) != d {
				t.Errorf("%t, delivery %v", ok, symphony.DeliveryFrom(ctx))
			}
			got = append(got, seen{pattern, name, false})
			return h.Handle(ctx, d)
		})
	})
	nothing := func(context.Context, struct{}) error { return nil }
	symphony.HandleWith(mux, "mail.*", symphony.HandlerOptions{Name: "archive"}, nothing)
	symphony.Handle(mux, "mail.*", nothing)
	symphony.HandleBatchOf(mux, "batch", symphony.BatchOptions{Size: 1}, func(ctx context.Context, _ []struct{}) []error {
		pattern, name, _ := symphony.HandlerFrom(ctx)
		got = append(got, seen{pattern, name, symphony.DeliveryFrom(ctx) == nil})
		return nil
	})
	for _, typ := range []string{"mail.welcome", "batch"} {
		d := &symphony.Delivery{Envelope: symphony.Envelope{Type: typ, Payload: json.RawMessage(`{}`)}}
		if r := mux.Run(t.Context(), d, 0); r.Err != nil {
			t.Error(r.Err)
		}
	}
	want := []seen{{"mail.*", "archive", false}, {"mail.*", "2", false}, {"batch", "1", false}, {"batch", "1", true}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("seen (-want +got):\n%s", diff)
	}
	if _, _, ok := symphony.HandlerFrom(t.Context()); ok {
		t.Error("there is a handler outside of one")
	}
}
