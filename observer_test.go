package symphony_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/symphony-messenger/symphony"
)

// notes is an observer that writes down what it is told.
type notes struct{ list *[]string }

func (n notes) MessagesDispatched(envelopes []*symphony.Envelope, receipts []symphony.Receipt) {
	for i, e := range envelopes {
		*n.list = append(*n.list, fmt.Sprintf("%s %t", e.Type, receipts[i].Duplicate))
	}
}

func (n notes) AttemptsEnded(ended []symphony.EndedAttempt) {
	*n.list = append(*n.list, fmt.Sprintf("%d ended", len(ended)))
}

func TestObservers_are_told_in_order(t *testing.T) {
	var told []string
	o := symphony.Observers(nil, notes{&told}, nil, notes{&told})
	o.AttemptsEnded(make([]symphony.EndedAttempt, 3))
	o.MessagesDispatched([]*symphony.Envelope{{Type: "a"}}, []symphony.Receipt{{}})
	if diff := cmp.Diff([]string{"3 ended", "3 ended", "a false", "a false"}, told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	if symphony.Observers(nil, nil) != nil {
		t.Error("observers of nobody are somebody")
	}
}

func TestBus_tells_its_observer_of_what_was_sent(t *testing.T) {
	var told []string
	bus := newBus(t, symphony.BusOptions{Observer: notes{&told}}, open(t, newClock(0), "default")...)
	send := func(typ string, o symphony.DispatchOptions) error {
		_, err := bus.Dispatch(t.Context(), typ, struct{}{}, o)
		return err
	}
	for _, err := range []error{
		send("a", symphony.DispatchOptions{IdempotencyKey: "k"}),
		send("a", symphony.DispatchOptions{IdempotencyKey: "k"}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if send("b", symphony.DispatchOptions{IdempotencyKey: "k"}) == nil || send("", symphony.DispatchOptions{}) == nil {
		t.Fatal("a bad dispatch went through")
	}
	if _, err := bus.DispatchBatch(t.Context(), []symphony.Outgoing{{Message: symphony.Message{Type: "c", Payload: []byte(`{}`)}}, {Message: symphony.Message{Type: "d", Payload: []byte(`{}`)}}}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a false", "a true", "c false", "d false"}, told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}
