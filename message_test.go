package symphony_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/symphony-messenger/symphony"
)

func TestNewMessage(t *testing.T) {
	for name, test := range map[string]struct {
		payload any
		want    string
	}{
		"a struct":        {order{7, "1.10"}, `{"id":7,"total":1.10}`},
		"a map":           {map[string]any{"b": 1, "a": nil}, `{"a":null,"b":1}`},
		"JSON as it is":   {json.RawMessage("{ \"a\" :\n1.0 }"), "{ \"a\" :\n1.0 }"},
		"JSON, unchecked": {json.RawMessage(`nonsense`), `nonsense`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := symphony.NewMessage("order.paid", test.payload)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(symphony.Message{Type: "order.paid", Payload: json.RawMessage(test.want)}, got); diff != "" {
				t.Errorf("message (-want +got):\n%s", diff)
			}
		})
	}
	if _, err := symphony.NewMessage("t", make(chan int)); err == nil {
		t.Error("a channel is made a message")
	}
}

func TestEnvelope_Size(t *testing.T) {
	for name, test := range map[string]struct {
		envelope symphony.Envelope
		want     int
	}{
		"empty":              {symphony.Envelope{Type: "not counted"}, 0},
		"a payload":          {symphony.Envelope{Payload: json.RawMessage(`{"a":1}`)}, 7},
		"metadata":           {symphony.Envelope{Metadata: map[string]any{"a": "b"}}, len(`{"a":"b"}`)},
		"headers as JSON":    {symphony.Envelope{Headers: map[string]any{"ab": "c", "d": "efg"}}, len(`{"ab":"c","d":"efg"}`) - 1},
		"all that is stored": {symphony.Envelope{Payload: json.RawMessage(`{}`), Metadata: map[string]any{"a": 1}, Headers: map[string]any{"a": "b"}}, 2 + 7 + 8},
	} {
		t.Run(name, func(t *testing.T) {
			if got := test.envelope.Size(); got != test.want {
				t.Errorf("size = %d, want %d", got, test.want)
			}
		})
	}
}
