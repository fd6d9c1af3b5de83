package symphony_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/codec"
	"github.com/symphony-messenger/symphony/symphonytest"
)

func aesgcm(t *testing.T) *codec.AESGCM {
	t.Helper()
	c, err := codec.NewAESGCM("k", map[string][]byte{"k": bytes.Repeat([]byte("k"), codec.KeySize)})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

type welcome struct{ To string }

// only checks that payloads are as the program gave them.
type only struct{}

func (only) CheckPayload(_ string, payload json.RawMessage) []symphony.Problem {
	if strings.Contains(string(payload), "nobody") {
		return []symphony.Problem{{Path: "To", Message: "is nobody"}}
	}
	if !strings.Contains(string(payload), "@") {
		return []symphony.Problem{{Message: "is not readable"}}
	}
	return nil
}

func TestCodec_hides_payloads_from_storage_and_not_from_handlers(t *testing.T) {
	q := symphonytest.New(t, symphonytest.Options{Bus: symphony.BusOptions{Codec: aesgcm(t), Schemas: only{}}})
	mail := symphony.Type[welcome]("mail")
	var got []string
	mail.Handle(q.Mux, func(ctx context.Context, w welcome) error {
		got = append(got, w.To, string(symphony.DeliveryFrom(ctx).Payload))
		return nil
	})
	q.Mux.Handle("mail", symphony.HandlerFunc(func(_ context.Context, d *symphony.Delivery) error {
		got = append(got, string(d.Payload[:9]))
		return nil
	}), symphony.HandlerOptions{StoredPayload: true})
	options := symphony.DispatchOptions{IdempotencyKey: "once"}
	receipt, err := mail.Dispatch(t.Context(), q.Bus, welcome{"ada@example.com"}, options)
	if err != nil {
		t.Fatal(err)
	}
	again, err := mail.Dispatch(t.Context(), q.Bus, welcome{"ada@example.com"}, options)
	if err != nil || !again.Duplicate {
		t.Errorf("the same message under its key is %+v (%v)", again, err)
	}
	messages, err := q.Bus.Messages(symphony.DefaultTransport)
	if err != nil {
		t.Fatal(err)
	}
	stored, err := messages.Get(t.Context(), receipt.ID)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(stored.Payload), "ada") {
		t.Errorf("stored is %s", stored.Payload)
	}
	if sent := symphonytest.RequireDispatched(q, mail); sent.To != "ada@example.com" {
		t.Errorf("dispatched was %+v", sent)
	}
	q.Drain()
	want := []string{"ada@example.com", `{"To":"ada@example.com"}`, `{"$codec"`}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("handlers got %q, want %q", got, want)
	}

	var invalid *symphony.ValidationError
	_, err = mail.Dispatch(t.Context(), q.Bus, welcome{"nobody@example.com"}, symphony.DispatchOptions{})
	if !errors.As(err, &invalid) || invalid.Problems[0].Path != "message.payload.To" {
		t.Errorf("a payload that the schema refuses is %v", err)
	}

	// What is dispatched again is checked, and encoded once.
	if _, err := messages.Replay(t.Context(), receipt.ID, symphony.ReplayOptions{}); err != nil {
		t.Fatal(err)
	}
	got = nil
	q.Drain()
	if len(got) != 3 || got[0] != "ada@example.com" {
		t.Errorf("dispatched again, handlers got %q", got)
	}
}

// broken is a codec that fails.
type broken struct {
	encode, decode error
	grows          int
}

func (b broken) Encode(_ context.Context, _ string, payload json.RawMessage) (json.RawMessage, error) {
	if b.grows > 0 {
		payload = []byte(`{"x":"` + strings.Repeat("x", b.grows) + `"}`)
	}
	return payload, b.encode
}

func (b broken) Decode(_ context.Context, _ string, stored json.RawMessage) (json.RawMessage, error) {
	return stored, b.decode
}

func TestCodec_that_fails_stores_nothing(t *testing.T) {
	away := errors.New("no key service")
	for name, c := range map[string]broken{"encode": {encode: away}, "decode": {decode: away}} {
		t.Run(name, func(t *testing.T) {
			q := symphonytest.New(t, symphonytest.Options{Bus: symphony.BusOptions{Codec: c}})
			_, err := q.Bus.Dispatch(t.Context(), "mail", welcome{}, symphony.DispatchOptions{})
			if !errors.Is(err, away) || errors.Is(err, symphony.ErrInvalid) {
				t.Errorf("dispatch: %v", err)
			}
			batch := []symphony.Outgoing{{Message: symphony.Message{Type: "mail", Payload: []byte("{}")}}}
			if _, err := q.Bus.DispatchBatch(t.Context(), batch); !errors.Is(err, away) {
				t.Errorf("dispatch of a batch: %v", err)
			}
			if pending := q.Pending(); len(pending) > 0 {
				t.Errorf("stored were %+v", pending)
			}
		})
	}
	options := symphony.BusOptions{Codec: broken{grows: 1000}, MaxMessageBytes: 500}
	q := symphonytest.New(t, symphonytest.Options{Bus: options})
	_, err := q.Bus.Dispatch(t.Context(), "mail", welcome{}, symphony.DispatchOptions{})
	if !errors.Is(err, symphony.ErrInvalid) {
		t.Errorf("an encoded payload that is too large: %v", err)
	}
}

func TestCodec_that_cannot_decode_fails_the_attempt(t *testing.T) {
	for name, test := range map[string]struct {
		err      error
		attempts int
	}{
		"for now":  {errors.New("no key service"), 4},
		"for good": {symphony.Permanent(errors.New("changed")), 1},
	} {
		t.Run(name, func(t *testing.T) {
			q := symphonytest.New(t, symphonytest.Options{})
			q.Mux.UseCodec(broken{decode: test.err})
			q.Mux.HandleFunc("mail", func(context.Context, *symphony.Delivery) error { t.Error("handled"); return nil })
			if _, err := q.Bus.Dispatch(t.Context(), "mail", welcome{}, symphony.DispatchOptions{}); err != nil {
				t.Fatal(err)
			}
			if got := q.Drain(); got.Attempts != test.attempts {
				t.Errorf("%d attempts, want %d", got.Attempts, test.attempts)
			}
			if failed := q.Failed(); len(failed) != 1 || !strings.Contains(failed[0].Error, "decode the payload") {
				t.Errorf("failed are %+v", failed)
			}
		})
	}
}

// What is corrected in the dead letter queue is checked and encoded like what is dispatched.
func TestCodec_encodes_corrections(t *testing.T) {
	q := symphonytest.New(t, symphonytest.Options{Bus: symphony.BusOptions{Codec: aesgcm(t), Schemas: only{}}})
	mail := symphony.Type[welcome]("mail")
	var got string
	mail.Handle(q.Mux, func(_ context.Context, w welcome) error {
		if got = w.To; got == "wrong@" {
			return symphony.Permanent(errors.New("no such address"))
		}
		return nil
	})
	if _, err := mail.Dispatch(t.Context(), q.Bus, welcome{"wrong@"}, symphony.DispatchOptions{}); err != nil {
		t.Fatal(err)
	}
	q.Drain()
	dead, err := q.Bus.Failed(symphony.DefaultTransport)
	if err != nil {
		t.Fatal(err)
	}
	failed := q.Failed()[0]
	plain, err := q.Bus.Payload(t.Context(), failed.Type, failed.Payload)
	if err != nil || string(plain) != `{"To":"wrong@"}` {
		t.Errorf("the failed message's payload is %s (%v)", plain, err)
	}
	var invalid *symphony.ValidationError
	_, err = dead.Retry(t.Context(), failed.ID, []byte(`{"To":"nobody@example.com"}`))
	if !errors.As(err, &invalid) || invalid.Problems[0].Path != "payload.To" {
		t.Errorf("a correction that the schema refuses: %v", err)
	}
	if _, err := dead.Retry(t.Context(), failed.ID, []byte(`{"To":"ada@example.com"}`)); err != nil {
		t.Fatal(err)
	}
	if stored := q.Pending()[0].Payload; !strings.HasPrefix(string(stored), `{"$codec"`) {
		t.Errorf("stored is %s", stored)
	}
	if q.Drain(); got != "ada@example.com" {
		t.Errorf("handled was %q", got)
	}
}
