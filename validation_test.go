package symphony_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/symphony-messenger/symphony"
)

// nested are lists within each other, so many levels.
func nested(levels int) string { return strings.Repeat("[", levels) + strings.Repeat("]", levels) }

func TestTooDeep_counts_levels_outside_of_texts(t *testing.T) {
	for text, want := range map[string]bool{
		"": false, nested(1000): false, nested(1001): true, `"` + nested(2000) + `"`: false, `["\"` + nested(2000) + `"]`: false,
		`["\\",` + nested(999) + `]`: false, `["\\",` + nested(1000) + `]`: true,
		"[" + strings.Repeat(`{"a":[]},`, 2000) + "1]": false, strings.Repeat(`{"a":`, 1001): true,
	} {
		if got := symphony.TooDeep([]byte(text)); got != want {
			t.Errorf("TooDeep of %d bytes that begin with %.20s: got %v, want %v", len(text), text, got, want)
		}
	}
}

func TestDispatch_validates(t *testing.T) {
	bus := newBus(t, symphony.BusOptions{MaxMessageBytes: 1000}, open(t, symphony.SystemClock(), "default", "email")...)
	manyHeaders := make(map[string]any)
	for i := range symphony.MaxHeaders + 1 {
		manyHeaders[fmt.Sprint("h", i)] = "v"
	}
	object := json.RawMessage(`{}`)
	for name, test := range map[string]struct {
		message symphony.Message
		options symphony.DispatchOptions
		want    []symphony.Problem
	}{
		"nothing wrong": {
			message: symphony.Message{Type: "order.paid", Payload: json.RawMessage(" {\"n\": 1e400} "), Metadata: map[string]any{"a": 1}},
			options: symphony.DispatchOptions{
				Transport: "email", Queue: strings.Repeat("q", 100), Priority: 10, IdempotencyKey: strings.Repeat("é", 255),
				Headers: map[string]any{"traceparent": strings.Repeat("é", 2048)},
			},
		},
		"limits reached":         {message: symphony.Message{Type: strings.Repeat("é", 255), Payload: json.RawMessage(`{"a":"` + strings.Repeat("x", 992) + `"}`)}},
		"no type":                {message: symphony.Message{Payload: object}, want: []symphony.Problem{{"message.type", "is required"}}},
		"a long type":            {message: symphony.Message{Type: strings.Repeat("é", 256), Payload: object}, want: []symphony.Problem{{"message.type", "must have at most 255 characters, has 256"}}},
		"a type with a newline":  {message: symphony.Message{Type: "a\nb", Payload: object}, want: []symphony.Problem{{"message.type", "must consist of printable characters"}}},
		"a type that is no text": {message: symphony.Message{Type: "a\xff", Payload: object}, want: []symphony.Problem{{"message.type", "must consist of printable characters"}}},
		"no payload":             {message: symphony.Message{Type: "t"}, want: []symphony.Problem{{"message.payload", "is required"}}},
		"a list as payload":      {message: symphony.Message{Type: "t", Payload: json.RawMessage(`[]`)}, want: []symphony.Problem{{"message.payload", "must be a JSON object"}}},
		"white space as payload": {message: symphony.Message{Type: "t", Payload: json.RawMessage("  ")}, want: []symphony.Problem{{"message.payload", "must be a JSON object"}}},
		"a broken payload":       {message: symphony.Message{Type: "t", Payload: json.RawMessage(`{"a":}`)}, want: []symphony.Problem{{"message.payload", "must be valid JSON in UTF-8"}}},
		"two payloads":           {message: symphony.Message{Type: "t", Payload: json.RawMessage(`{} {}`)}, want: []symphony.Problem{{"message.payload", "must be valid JSON in UTF-8"}}},
		"a payload not in UTF-8": {message: symphony.Message{Type: "t", Payload: json.RawMessage("{\"a\":\"\xff\"}")}, want: []symphony.Problem{{"message.payload", "must be valid JSON in UTF-8"}}},
		"a large payload":        {message: symphony.Message{Type: "t", Payload: json.RawMessage(`{"a":"` + strings.Repeat("x", 993) + `"}`)}, want: []symphony.Problem{{"message.payload", "payload and metadata must have at most 1000 bytes together, have 1001"}}},
		"large metadata":         {message: symphony.Message{Type: "t", Payload: object, Metadata: map[string]any{"a": strings.Repeat("x", 500)}}, options: symphony.DispatchOptions{Metadata: map[string]any{"b": strings.Repeat("x", 500)}}, want: []symphony.Problem{{"message.payload", "payload and metadata must have at most 1000 bytes together, have 1018"}}},
		"metadata not for JSON":  {message: symphony.Message{Type: "t", Payload: object, Metadata: map[string]any{"a": math.Inf(1)}}, want: []symphony.Problem{{"message.metadata", "must be representable as JSON: json: unsupported value: +Inf"}}},
		"a queue's name":         {message: symphony.Message{Type: "t", Payload: object}, options: symphony.DispatchOptions{Queue: "a b"}, want: []symphony.Problem{{"options.queue", "must consist of letters, digits and . _ - : only"}}},
		"an unknown transport":   {message: symphony.Message{Type: "t", Payload: object}, options: symphony.DispatchOptions{Transport: "emial"}, want: []symphony.Problem{{"options.transport", `unknown transport "emial" (known: default, email)`}}},
		"priority 11":            {message: symphony.Message{Type: "t", Payload: object}, options: symphony.DispatchOptions{Priority: 11}, want: []symphony.Problem{{"options.priority", "must be 1 to 10"}}},
		"priority -1":            {message: symphony.Message{Type: "t", Payload: object}, options: symphony.DispatchOptions{Priority: -1}, want: []symphony.Problem{{"options.priority", "must be 1 to 10"}}},
		"the year 10000":         {message: symphony.Message{Type: "t", Payload: object}, options: symphony.DispatchOptions{ScheduledAt: time.Date(9999, 12, 31, 23, 0, 0, 0, time.FixedZone("", -3600*2))}, want: []symphony.Problem{{"options.scheduledAt", "must be in the years 1970 to 9999 (UTC)"}}},
		"the year 1969":          {message: symphony.Message{Type: "t", Payload: object}, options: symphony.DispatchOptions{ScheduledAt: time.Date(1970, 1, 1, 0, 0, 0, 0, time.FixedZone("", 1))}, want: []symphony.Problem{{"options.scheduledAt", "must be in the years 1970 to 9999 (UTC)"}}},
		"the year -1":            {message: symphony.Message{Type: "t", Payload: object}, options: symphony.DispatchOptions{ExpiresAt: time.Date(0, 1, 1, 0, 0, 0, 0, time.FixedZone("", 12*3600))}, want: []symphony.Problem{{"options.expiresAt", "must be in the years 1970 to 9999 (UTC)"}}},
		"a thousand levels":      {message: symphony.Message{Type: "t", Payload: json.RawMessage(`{"a":[` + strings.TrimSuffix(strings.Repeat("[],", 100), ",") + `]}`), Metadata: map[string]any{"a": json.RawMessage(`"[[[[[["`)}}},
		"a level more":           {message: symphony.Message{Type: "t", Payload: json.RawMessage(`{"a":` + nested(1000) + `}`), Metadata: map[string]any{"a": json.RawMessage(nested(1000))}}, want: []symphony.Problem{{"message.payload", "must have at most 1000 levels"}, {"message.metadata", "must have at most 1000 levels"}, {"message.payload", "payload and metadata must have at most 1000 bytes together, have 4012"}}},
		"a long key":             {message: symphony.Message{Type: "t", Payload: object}, options: symphony.DispatchOptions{IdempotencyKey: strings.Repeat("k", 256)}, want: []symphony.Problem{{"options.idempotencyKey", "must have at most 255 characters, has 256"}}},
		"a key with a tab":       {message: symphony.Message{Type: "t", Payload: object}, options: symphony.DispatchOptions{IdempotencyKey: "a\tb"}, want: []symphony.Problem{{"options.idempotencyKey", "must consist of printable characters"}}},
		"too many headers":       {message: symphony.Message{Type: "t", Payload: object}, options: symphony.DispatchOptions{Headers: manyHeaders}, want: []symphony.Problem{{"options.headers", "must have at most 64 entries, has 65"}}},
		"odd headers": {
			message: symphony.Message{Type: "t", Payload: object},
			options: symphony.DispatchOptions{Headers: map[string]any{"": "v", "a": "x\r\ny", "b": strings.Repeat("x", 4097), "c": "\xff", strings.Repeat("d", 129): "v",
				"e": func() {}, "f": []string{strings.Repeat("x", 4093)}, "g": json.RawMessage(nested(1001)), "i": nil, "j": 1.5, "k": []any{true, map[string]any{}}}},
			want: []symphony.Problem{
				{"options.headers", "names must be 1 to 128 printable characters"},
				{"options.headers.b", "must have at most 4096 bytes, has 4097"},
				{"options.headers.c", "must be valid UTF-8"},
				{"options.headers", "names must be 1 to 128 printable characters"},
				{"options.headers.e", "must be representable as JSON: json: unsupported type: func()"},
				{"options.headers.f", "must have at most 4096 bytes, has 4097"},
				{"options.headers.g", "must have at most 1000 levels"},
			},
		},
		"everything at once": {
			message: symphony.Message{Type: "", Payload: json.RawMessage(`1`), Metadata: map[string]any{"a": func() {}}},
			options: symphony.DispatchOptions{
				Transport: "a/b", Queue: strings.Repeat("q", 101), Priority: 42, IdempotencyKey: "\x00", Metadata: map[string]any{"b": make(chan int)},
				ScheduledAt: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), Headers: map[string]any{"a": math.NaN()},
			},
			want: []symphony.Problem{
				{"message.type", "is required"},
				{"message.payload", "must be a JSON object"},
				{"message.metadata", "must be representable as JSON: json: unsupported type: func()"},
				{"options.metadata", "must be representable as JSON: json: unsupported type: chan int"},
				{"options.transport", "must consist of letters, digits and . _ - : only"},
				{"options.queue", "must have 1 to 100 characters"},
				{"options.priority", "must be 1 to 10"},
				{"options.scheduledAt", "must be in the years 1970 to 9999 (UTC)"},
				{"options.idempotencyKey", "must consist of printable characters"},
				{"options.headers.a", "must be representable as JSON: json: unsupported value: NaN"},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			checked := bus.Check(symphony.Outgoing{Message: test.message, Options: test.options}, "")
			if diff := cmp.Diff(test.want, checked); diff != "" {
				t.Errorf("checked (-want +got):\n%s", diff)
			}
			_, err := bus.DispatchMessage(t.Context(), test.message, test.options)
			if test.want == nil {
				if err != nil {
					t.Errorf("error = %v, want none", err)
				}
				return
			}
			if diff := cmp.Diff(test.want, problemsOf(t, err)); diff != "" {
				t.Errorf("dispatched (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDispatch_stores_nothing_of_an_invalid_message(t *testing.T) {
	transports := open(t, symphony.SystemClock(), "default")
	bus := newBus(t, symphony.BusOptions{}, transports...)
	if _, err := bus.Dispatch(t.Context(), "t", struct{}{}, symphony.DispatchOptions{Priority: 11}); !errors.Is(err, symphony.ErrInvalid) {
		t.Fatalf("error = %v, want ErrInvalid", err)
	}
	if got := receive(t, transports[0]); len(got) != 0 {
		t.Errorf("%d messages were stored", len(got))
	}
}

func TestDispatch_reports_a_value_that_is_not_JSON(t *testing.T) {
	bus := newBus(t, symphony.BusOptions{}, open(t, symphony.SystemClock(), "default")...)
	_, err := bus.Dispatch(t.Context(), "t", func() {}, symphony.DispatchOptions{})
	got := problemsOf(t, err)
	if len(got) != 1 || got[0].Path != "message.payload" {
		t.Errorf("problems = %v", got)
	}
}

func TestValidateName(t *testing.T) {
	for name, valid := range map[string]bool{
		"default": true, "a.b_c-d:9": true, strings.Repeat("x", 100): true,
		"": false, strings.Repeat("x", 101): false, "a b": false, "a/b": false, "é": false, "a\n": false, "*": false,
	} {
		if err := symphony.ValidateName(name); (err == nil) != valid {
			t.Errorf("ValidateName(%q) = %v, want valid: %v", name, err, valid)
		}
	}
}

// FuzzDispatch checks that whatever passes validation is what the documentation says, is stored, and comes back
// unchanged, and that whatever does not is refused with paths.
func FuzzDispatch(f *testing.F) {
	f.Add("order.paid", `{"a": 1}`, "default", 5, "order-42", "traceparent", "00-1")
	f.Add("", `{"a": 1`, "a b", 11, "\x00", "", "\r\n")
	f.Add("é", "{\"a\": \"\xff\"}", "q:1", 0, "", "h", "\xff")
	f.Fuzz(func(t *testing.T, typ, payload, queue string, priority int, key, header, value string) {
		transports := open(t, symphony.SystemClock(), "default")
		bus := newBus(t, symphony.BusOptions{}, transports...)
		_, err := bus.Dispatch(t.Context(), typ, json.RawMessage(payload), symphony.DispatchOptions{
			Queue: queue, Priority: priority, IdempotencyKey: key, Headers: map[string]any{header: value},
		})
		got := receive(t, transports[0])
		if err != nil {
			for _, p := range problemsOf(t, err) {
				if p.Path == "" || p.Message == "" {
					t.Errorf("problem %+v says too little", p)
				}
			}
			if len(got) != 0 {
				t.Errorf("a refused message was stored")
			}
			return
		}
		if len(got) != 1 {
			t.Fatalf("%d messages were stored, want 1", len(got))
		}
		d := got[0]
		if d.Type != typ || string(d.Payload) != payload || d.IdempotencyKey != key || d.Header(header) != value {
			t.Errorf("stored %+v", d.Envelope)
		}
		if queue != "" && d.Queue != queue || priority != 0 && d.Priority != priority {
			t.Errorf("stored with queue %q and priority %d", d.Queue, d.Priority)
		}
		if n := utf8.RuneCountInString(typ); n < 1 || n > symphony.MaxTypeLength || !utf8.ValidString(typ) || strings.ContainsAny(typ, "\r\n\t\x00\x7f") {
			t.Errorf("type %q was accepted", typ)
		}
		var object map[string]any
		if err := json.Unmarshal([]byte(payload), &object); err != nil || object == nil || !utf8.ValidString(payload) {
			t.Errorf("payload %q was accepted: %v", payload, err)
		}
		if d.Priority < symphony.MinPriority || d.Priority > symphony.MaxPriority {
			t.Errorf("priority %d was accepted", d.Priority)
		}
		if header == "" || strings.ContainsAny(header+value, "\r\n\x00") || !utf8.ValidString(header+value) {
			t.Errorf("header %q: %q was accepted", header, value)
		}
	})
}
