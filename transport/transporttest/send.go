package transporttest

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/symphony-messenger/symphony"
)

var sendTests = []test{
	{"a message arrives as it was sent", func(s *suite) {
		if !s.def.Capabilities().Receive {
			s.Skip("transport has no messages to receive")
		}
		payload := json.RawMessage(`{ "big": 123456789012345678901234567890.0100, "text": "\u00e4ß \"\\", "list": [1, 2.50, null] }`)
		m := symphony.Message{Type: "Órder.created", Payload: payload, Metadata: map[string]any{"n": json.Number("12345678901234567890.10"), "s": "é", "o": map[string]any{"x": true}}}
		o := symphony.DispatchOptions{Queue: "fast", Priority: 9, IdempotencyKey: "kéy", Headers: map[string]any{
			"traceparent": "00-abc", "x": "ü", "line": "a\nb\x00", "none": nil, "yes": true, "many": json.Number("123456789012345678901234567"),
			"precise": json.Number("1.500e3"), "list": []any{json.Number("1"), map[string]any{"a": nil}}},
			ScheduledAt: s.clock.Now().Add(-time.Hour)}
		r, err := s.bus.DispatchMessage(ctx, m, o)
		if err != nil {
			s.Fatal(err)
		}
		want := symphony.Receipt{ID: r.ID, Transport: s.def.Name(), Queue: "fast", ScheduledAt: o.ScheduledAt, IdempotencyKey: "kéy"}
		if diff := cmp.Diff(want, r); diff != "" {
			s.Errorf("receipt (-want +got):\n%s", diff)
		}
		d := s.one()
		wantEnvelope := symphony.Envelope{ID: r.ID, Type: m.Type, Payload: payload, Metadata: m.Metadata, Headers: o.Headers, Transport: s.def.Name(), Queue: "fast",
			Priority: 9, CreatedAt: s.clock.Now(), ScheduledAt: o.ScheduledAt, IdempotencyKey: "kéy"}
		if diff := cmp.Diff(wantEnvelope, d.Envelope); diff != "" {
			s.Errorf("envelope (-want +got):\n%s", diff)
		}
		if d.Attempt != 1 || d.Lost != 0 || d.Lease.MessageID != r.ID || !d.ClaimedAt.Equal(s.clock.Now()) || !d.LeasedUntil.Equal(s.clock.Now().Add(symphony.DefaultLease)) || d.Done != nil || d.DecodeErr != nil {
			s.Errorf("delivery %+v", d)
		}
	}},
	{"a payload of a mebibyte arrives whole", func(s *suite) {
		if !s.def.Capabilities().Receive {
			s.Skip("transport has no messages to receive")
		}
		payload := json.RawMessage(`{"x":"` + strings.Repeat("0123456789abcdef", 65535) + `"}`)
		if _, err := s.bus.Dispatch(ctx, "Large", payload, symphony.DispatchOptions{}); err != nil {
			s.Fatal(err)
		}
		if d := s.one(); string(d.Payload) != string(payload) {
			s.Errorf("got %d bytes, want %d as sent", len(d.Payload), len(payload))
		}
	}},
	{"a batch is stored in its order, across transports of one storage", func(s *suite) {
		if s.Email == nil {
			s.Skip("transport has no second name")
		}
		batch := make([]symphony.Outgoing, 50)
		for i := range batch {
			batch[i].Message = symphony.Message{Type: "Order", Payload: json.RawMessage(fmt.Sprintf(`{"n":%d}`, i))}
			if i%2 == 1 {
				batch[i].Options.Transport = s.Email.Name()
			}
		}
		receipts, err := s.bus.DispatchBatch(ctx, batch)
		if err != nil {
			s.Fatal(err)
		}
		for i, tr := range []symphony.Transport{s.def, s.Email} {
			got, err := tr.Receive(ctx, all)
			if err != nil || len(got) != 25 {
				s.Fatalf("%s: got %d messages, %v", tr.Name(), len(got), err)
			}
			for j, d := range got {
				if n := 2*j + i; d.ID != receipts[n].ID || string(d.Payload) != string(batch[n].Message.Payload) || d.Transport != tr.Name() {
					s.Errorf("%s: message %d is %s %s", tr.Name(), j, d.ID, d.Payload)
				}
			}
		}
	}},
	{"a batch with a conflict stores nothing", func(s *suite) {
		if !s.def.Capabilities().Idempotency || s.Email == nil {
			s.Skip("transport remembers no idempotency keys")
		}
		s.dispatch(symphony.DispatchOptions{IdempotencyKey: "taken"})
		batch := []symphony.Outgoing{
			{Message: symphony.Message{Type: "Order", Payload: json.RawMessage(`{}`)}, Options: symphony.DispatchOptions{Queue: "new", IdempotencyKey: "fresh"}},
			{Message: symphony.Message{Type: "Order", Payload: json.RawMessage(`{}`)}, Options: symphony.DispatchOptions{Transport: s.Email.Name()}},
			{Message: symphony.Message{Type: "Other", Payload: json.RawMessage(`{}`)}, Options: symphony.DispatchOptions{IdempotencyKey: "taken"}},
		}
		if _, err := s.bus.DispatchBatch(ctx, batch); !errors.Is(err, symphony.ErrConflict) {
			s.Fatalf("got %v, want ErrConflict", err)
		}
		s.wantCounts(1, 0, 0, 0, 0)
		if st, err := s.Email.Stats(ctx); err != nil || st.Depth() != 0 {
			s.Errorf("the other transport has %+v, %v", st, err)
		}
		if r, err := s.bus.DispatchBatch(ctx, batch[:1]); err != nil || r[0].Duplicate {
			s.Errorf("the key of the batch that failed was remembered: %+v, %v", r, err)
		}
	}},
	{"an acknowledged message survives a crash", func(s *suite) {
		var want []string
		for range 20 {
			want = append(want, s.dispatch(symphony.DispatchOptions{}).ID)
		}
		s.reopen()
		s.wantIDs(s.receive(all), want...)
	}},
}

var refusalTests = []test{
	{"what is not supported is refused", func(s *suite) {
		if _, err := s.def.Receive(ctx, all); !errors.Is(err, symphony.ErrUnsupported) {
			s.Errorf("Receive: got %v, want ErrUnsupported", err)
		}
		if err := first(s.def.Settle(ctx, []symphony.Settlement{{Outcome: symphony.Ack}})); !errors.Is(err, symphony.ErrUnsupported) {
			s.Errorf("Settle: got %v, want ErrUnsupported", err)
		}
		if err := first(s.def.Extend(ctx, []symphony.Lease{{}}, symphony.MinLease)); !errors.Is(err, symphony.ErrUnsupported) {
			s.Errorf("Extend: got %v, want ErrUnsupported", err)
		}
		for name, o := range map[string]symphony.DispatchOptions{"a key": {IdempotencyKey: "k"}, "a schedule": {ScheduledAt: s.clock.Now().Add(time.Hour)}} {
			if _, err := s.bus.Dispatch(ctx, "Order", struct{}{}, o); !errors.Is(err, symphony.ErrUnsupported) {
				s.Errorf("dispatch with %s: got %v, want ErrUnsupported", name, err)
			}
		}
	}},
	{"after Close everything answers ErrClosed", func(s *suite) {
		if err := s.def.Close(); err != nil {
			s.Fatal(err)
		}
		if _, err := s.bus.Dispatch(ctx, "Order", struct{}{}, symphony.DispatchOptions{}); !errors.Is(err, symphony.ErrClosed) {
			s.Errorf("Send: got %v, want ErrClosed", err)
		}
		if _, err := s.def.Stats(ctx); !errors.Is(err, symphony.ErrClosed) {
			s.Errorf("Stats: got %v, want ErrClosed", err)
		}
	}},
}
