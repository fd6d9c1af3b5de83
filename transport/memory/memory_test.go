package memory_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/transport/memory"
)

func open(t testing.TB) *memory.Transport {
	tr := memory.Open(memory.Options{})
	t.Cleanup(func() { tr.Close() })
	return tr
}

func envelope(change func(*symphony.Envelope)) *symphony.Envelope {
	now := time.Now()
	e := &symphony.Envelope{ID: symphony.NewID(now), Type: "t", Payload: json.RawMessage(`{}`), Transport: symphony.DefaultTransport, Queue: "q", Priority: 5, CreatedAt: now}
	if change != nil {
		change(e)
	}
	return e
}

func send(t testing.TB, tr *memory.Transport, e *symphony.Envelope) {
	t.Helper()
	if _, err := tr.Send(t.Context(), []*symphony.Envelope{e}); err != nil {
		t.Fatal(err)
	}
}

func receive(t testing.TB, tr *memory.Transport, o symphony.ReceiveOptions) *symphony.Delivery {
	t.Helper()
	got, err := tr.Receive(t.Context(), o)
	if err != nil || len(got) != 1 {
		t.Fatalf("got %d messages, %v", len(got), err)
	}
	return &got[0]
}

func settle(t testing.TB, tr *memory.Transport, s symphony.Settlement) {
	t.Helper()
	if errs := tr.Settle(t.Context(), []symphony.Settlement{s}); errs != nil {
		t.Fatal(errs)
	}
}

// parts are all that callers could change of a message.
type parts struct {
	Payload  string
	Metadata map[string]any
	Headers  map[string]any
}

func partsOf(e *symphony.Envelope) parts { return parts{string(e.Payload), e.Metadata, e.Headers} }

// scribble changes everything that an envelope refers to.
func scribble(e *symphony.Envelope) {
	e.Payload[0] = 'X'
	e.Headers["h"] = "changed"
	e.Metadata["object"].(map[string]any)["deep"] = "changed"
	e.Metadata["list"].([]any)[0] = "changed"
	e.Metadata["more"] = "changed"
}

func TestTransport_keeps_messages_to_itself(t *testing.T) {
	tr := open(t)
	metadata := func() map[string]any {
		return map[string]any{"object": map[string]any{"deep": "as sent"}, "list": []any{"as sent", json.Number("1.0")}}
	}
	want := parts{`{"a":1}`, metadata(), map[string]any{"h": "as sent"}}
	check := func(step string, e *symphony.Envelope) {
		t.Helper()
		if diff := cmp.Diff(want, partsOf(e)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step, diff)
		}
		scribble(e)
	}
	sent := envelope(func(e *symphony.Envelope) {
		e.Payload, e.Metadata, e.Headers = json.RawMessage(`{"a":1}`), metadata(), map[string]any{"h": "as sent"}
	})
	send(t, tr, sent)
	scribble(sent)
	d := receive(t, tr, symphony.ReceiveOptions{})
	check("received", &d.Envelope)
	settle(t, tr, symphony.Settlement{Lease: d.Lease, Outcome: symphony.Release})
	d = receive(t, tr, symphony.ReceiveOptions{})
	check("received again", &d.Envelope)
	settle(t, tr, symphony.Settlement{Lease: d.Lease, Outcome: symphony.Fail})
	page, err := tr.ListFailed(t.Context(), symphony.FailedQuery{Limit: 1})
	if err != nil || len(page.Messages) != 1 {
		t.Fatalf("got %+v, %v", page, err)
	}
	check("listed", &page.Messages[0].Envelope)
	f, err := tr.GetFailed(t.Context(), page.Messages[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	check("shown", &f.Envelope)
	corrected := []byte(`{"a":2}`)
	if done, err := tr.RetryFailed(t.Context(), []symphony.FailedRetry{{ID: f.ID, NewID: symphony.NewID(time.Now()), Payload: corrected}}); err != nil || len(done) != 1 {
		t.Fatalf("got %v, %v", done, err)
	}
	corrected[0] = 'X'
	want.Payload = `{"a":2}`
	check("retried", &receive(t, tr, symphony.ReceiveOptions{}).Envelope)
}

// Whatever Go values metadata is made of, it comes back as from a storage that writes JSON.
func TestSend_takes_metadata_as_JSON(t *testing.T) {
	tr := open(t)
	send(t, tr, envelope(func(e *symphony.Envelope) {
		e.Metadata = map[string]any{"int": 7, "big": uint64(1 << 63), "strings": []string{"a"}, "struct": struct{ A int }{1}, "nil": nil}
	}))
	got := receive(t, tr, symphony.ReceiveOptions{}).Metadata
	want := map[string]any{"int": json.Number("7"), "big": json.Number("9223372036854775808"), "strings": []any{"a"},
		"struct": map[string]any{"A": json.Number("1")}, "nil": nil}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestSend_stores_nothing_if_metadata_is_not_JSON(t *testing.T) {
	tr := open(t)
	bad := envelope(func(e *symphony.Envelope) { e.Metadata = map[string]any{"f": func() {}} })
	_, err := tr.Send(t.Context(), []*symphony.Envelope{envelope(nil), bad})
	if unsupported := (*json.UnsupportedTypeError)(nil); !errors.As(err, &unsupported) {
		t.Errorf("error = %v", err)
	}
	if s, err := tr.Stats(t.Context()); err != nil || s.Pending != 0 {
		t.Errorf("%d messages were stored, %v", s.Pending, err)
	}
}

// A receiver that waits gets a message when its lease is over, also where the lease was cut short meanwhile.
func TestExtend_to_less_is_seen_by_waiting_receivers(t *testing.T) {
	for _, extended := range []time.Duration{symphony.MinLease, 20 * time.Minute, 40 * time.Minute} {
		t.Run(extended.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := memory.Open(memory.Options{})
				defer tr.Close()
				send(t, tr, envelope(nil))
				d := receive(t, tr, symphony.ReceiveOptions{Lease: 30 * time.Minute})
				begin := time.Now()
				got := make(chan time.Duration)
				go func() {
					deliveries, err := tr.Receive(t.Context(), symphony.ReceiveOptions{Wait: time.Hour})
					if err != nil || len(deliveries) != 1 {
						t.Errorf("got %d messages, %v", len(deliveries), err)
					}
					got <- time.Since(begin)
				}()
				synctest.Wait() // the receiver waits
				if errs := tr.Extend(t.Context(), []symphony.Lease{d.Lease}, extended); errs != nil {
					t.Fatal(errs)
				}
				if after := <-got; after.Round(time.Millisecond) != extended {
					t.Errorf("received after %s, want %s", after, extended)
				}
			})
		})
	}
}

// The cost of a dispatch does not depend on how many keys are remembered.
func BenchmarkSend_beside_remembered_keys(b *testing.B) {
	for _, keys := range []int{0, 100_000} {
		b.Run(fmt.Sprint(keys), func(b *testing.B) {
			tr := open(b)
			for i := range keys {
				send(b, tr, envelope(func(e *symphony.Envelope) { e.IdempotencyKey, e.IdempotencyWindow = fmt.Sprint(i), time.Hour }))
			}
			e := envelope(nil)
			for b.Loop() {
				send(b, tr, e)
			}
		})
	}
}

// The cost of a claim does not depend on how many messages are leased.
func BenchmarkReceive_beside_leased(b *testing.B) {
	for _, leased := range []int{0, 100_000} {
		b.Run(fmt.Sprint(leased), func(b *testing.B) {
			tr := open(b)
			for range leased {
				send(b, tr, envelope(nil))
				receive(b, tr, symphony.ReceiveOptions{Lease: time.Hour, Max: 1})
			}
			send(b, tr, envelope(nil))
			for b.Loop() {
				d := receive(b, tr, symphony.ReceiveOptions{Max: 1})
				settle(b, tr, symphony.Settlement{Lease: d.Lease, Outcome: symphony.Release})
			}
		})
	}
}
