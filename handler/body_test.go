package handler_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/handler"
)

func TestEncode(t *testing.T) {
	created := time.Date(2026, 12, 1, 10, 0, 0, 500_000_000, time.FixedZone("CET", 3600))
	for name, test := range map[string]struct {
		delivery symphony.Delivery
		want     string
	}{
		"everything set": {
			delivery: symphony.Delivery{
				Envelope: symphony.Envelope{
					ID: "m1", Type: "order.paid", Payload: json.RawMessage("{ \"a\" : 1.50,\n\"a<b\": \"\\u0041\" }"),
					Metadata: map[string]any{"n": json.Number("12345678901234567890.10")}, Headers: map[string]any{"traceparent": "00-1"},
					Transport: "email", Queue: "bulk", Priority: 7, CreatedAt: created, ScheduledAt: created.Add(time.Hour),
					IdempotencyKey: "order-42",
				},
				Attempt: 3,
			},
			want: `{"id":"m1","type":"order.paid","transport":"email","queue":"bulk","priority":7,"attempt":3,` +
				`"createdAt":"2026-12-01T09:00:00.5Z","scheduledAt":"2026-12-01T10:00:00.5Z","idempotencyKey":"order-42","correlationId":"m1",` +
				`"metadata":{"n":12345678901234567890.10},"headers":{"traceparent":"00-1"},` +
				"\"payload\":{ \"a\" : 1.50,\n\"a<b\": \"\\u0041\" }}",
		},
		"empty parts are objects or left out": {
			delivery: symphony.Delivery{
				Envelope: symphony.Envelope{ID: "m2", Type: "t", Payload: json.RawMessage(`{}`), Transport: "default", Queue: "default", Priority: 5, CreatedAt: created},
				Attempt:  1,
			},
			want: `{"id":"m2","type":"t","transport":"default","queue":"default","priority":5,"attempt":1,` +
				`"createdAt":"2026-12-01T09:00:00.5Z","correlationId":"m2","metadata":{},"headers":{},"payload":{}}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := handler.Encode(&test.delivery)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, string(got)); diff != "" {
				t.Fatalf("body (-want +got):\n%s", diff)
			}
			var decoded handler.Body
			if err := json.Unmarshal(got, &decoded); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(decoded.Payload, test.delivery.Payload) {
				t.Errorf("decoded payload = %s, want %s", decoded.Payload, test.delivery.Payload)
			}
			if !decoded.CreatedAt.Equal(created) || decoded.ID != test.delivery.ID || decoded.Attempt != test.delivery.Attempt {
				t.Errorf("decoded = %+v", decoded)
			}
		})
	}
}

func TestEncode_reports_metadata_that_is_not_JSON(t *testing.T) {
	d := symphony.Delivery{Envelope: symphony.Envelope{ID: "m1", Metadata: map[string]any{"f": func() {}}}}
	if _, err := handler.Encode(&d); err == nil {
		t.Fatal("Encode succeeded, want an error")
	}
}

// FuzzEncode checks that whatever payload a message may have, and whatever text stands around it, arrives unchanged.
func FuzzEncode(f *testing.F) {
	f.Add(`{"a": 1}`, "order.paid", "k")
	f.Add("{\"<&>\":\n\t[1.0, -0, 1e400]}", "\"}", "\\\u2028")
	f.Fuzz(func(t *testing.T, payload, typ, key string) {
		if !json.Valid([]byte(payload)) {
			t.Skip("validation refuses such a payload")
		}
		d := symphony.Delivery{Envelope: symphony.Envelope{Type: typ, IdempotencyKey: key, Payload: json.RawMessage(payload)}}
		got, err := handler.Encode(&d)
		if err != nil {
			t.Fatal(err)
		}
		var decoded struct {
			Payload json.RawMessage `json:"payload"`
		}
		if err := json.Unmarshal(got, &decoded); err != nil {
			t.Fatalf("body is not JSON: %v\n%s", err, got)
		}
		if want := bytes.Trim([]byte(payload), " \t\r\n"); !bytes.Equal(decoded.Payload, want) {
			t.Errorf("payload = %s, want %s", decoded.Payload, want)
		}
		if !bytes.Contains(got, []byte(payload)) {
			t.Errorf("the body does not hold the payload byte for byte")
		}
	})
}
