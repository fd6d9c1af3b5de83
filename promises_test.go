package symphony_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony/symphonytest"

	"github.com/google/go-cmp/cmp"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/transport/sqlite"
)

// What is easily wrong by one: last moments, last places, and what must be left out.

func TestFlow_of_a_message_dispatched_again(t *testing.T) {
	for name, test := range map[string]struct{ flow, want *symphony.Flow }{
		"none":        {nil, nil},
		"expiry only": {&symphony.Flow{ExpiresAt: time.Unix(1, 0), ThrottleKey: "t"}, nil},
		"groups and keys stay": {
			&symphony.Flow{ExpiresAt: time.Unix(1, 0), ConcurrencyKey: "c", GroupKey: "g", Ordered: true, DebounceKey: "d"},
			&symphony.Flow{ConcurrencyKey: "c", GroupKey: "g", Ordered: true},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, test.flow.Again()); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestStorableTime_up_to_the_last_second(t *testing.T) {
	for seconds, want := range map[int64]bool{-1: false, 0: true, symphony.MaxTime: true, symphony.MaxTime + 1: false} {
		if got := symphony.StorableTime(time.Unix(seconds, 0)); got != want {
			t.Errorf("%d s after 1970: %t, want %t", seconds, got, want)
		}
	}
}

func TestReplay_takes_completed_messages_only(t *testing.T) {
	tr := symphonytest.Storage(t, sqlite.Options{})
	bus, err := symphony.NewBus([]symphony.Transport{tr}, symphony.BusOptions{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := bus.Dispatch(t.Context(), "Order", json.RawMessage(`{}`), symphony.DispatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
	messages, err := bus.Messages("default")
	if err != nil {
		t.Fatal(err)
	}
	var status *symphony.MessageStatusError
	if _, err := messages.Replay(t.Context(), r.ID, symphony.ReplayOptions{}); !errors.As(err, &status) || status.Status != symphony.Pending {
		t.Errorf("got %v, want a refusal: it is pending", err)
	}
}

func TestAgain_leaves_out_what_the_operation_has_made(t *testing.T) {
	tr := symphonytest.Storage(t, sqlite.Options{})
	bus, err := symphony.NewBus([]symphony.Transport{tr}, symphony.BusOptions{})
	if err != nil {
		t.Fatal(err)
	}
	messages, err := bus.Messages("default")
	if err != nil {
		t.Fatal(err)
	}
	list := make([]symphony.MessageInfo, 2)
	for i, operation := range []string{"this", "another"} {
		list[i].Envelope = symphony.Envelope{ID: symphony.NewID(time.Now()), Type: "Order", Payload: json.RawMessage(`{}`), Transport: "default",
			Queue: "default", Priority: 5, Headers: map[string]any{symphony.HeaderOperation: operation}}
	}
	envelopes, refused := messages.Again(t.Context(), list, "this")
	if len(envelopes) != 1 || len(refused) != 0 || envelopes[0].CausationID != list[1].ID {
		t.Errorf("%d envelopes, refused %v; want that of the other operation's message alone", len(envelopes), refused)
	}
}
