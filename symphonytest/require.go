package symphonytest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/symphony-messenger/symphony"
)

// Dispatched returns the messages of a type that were dispatched since the queue was made, in that order; "" stands for
// all types. Those that were not stored because of their idempotency key are not among them. Payloads are as handlers
// get them.
func (q *Queue) Dispatched(typ string) []symphony.Envelope {
	q.t.Helper()
	list := q.dispatched.of(typ)
	if q.o.Bus.Codec == nil {
		return list
	}
	for i, e := range list {
		payload, err := q.o.Bus.Codec.Decode(q.t.Context(), e.Type, e.Payload)
		if err != nil {
			q.t.Fatalf("symphonytest: decode the payload of a message of type %q: %v", e.Type, err)
		}
		list[i].Payload = payload
	}
	return list
}

// RequireDispatched returns the payload of the one message of a type that was dispatched. It fails the test if there is
// none, or more than one, and says what there is.
func RequireDispatched[T any](q *Queue, typ symphony.Type[T]) T {
	q.t.Helper()
	return RequireAllDispatched(q, typ, 1)[0]
}

// RequireAllDispatched returns the payloads of the messages of a type that were dispatched, in that order. It fails the
// test if there are not n of them.
func RequireAllDispatched[T any](q *Queue, typ symphony.Type[T], n int) []T {
	q.t.Helper()
	sent := q.Dispatched(typ.Name())
	if len(sent) != n {
		q.t.Fatalf("symphonytest: %d messages of type %q were dispatched, not %d; dispatched were %s", len(sent), typ.Name(), n, q.seen())
	}
	list := make([]T, n)
	for i, e := range sent {
		if err := json.Unmarshal(e.Payload, &list[i]); err != nil {
			q.t.Fatalf("symphonytest: the payload of a message of type %q is no %T: %v\n%s", typ.Name(), list[i], err, e.Payload)
		}
	}
	return list
}

// RequireNotDispatched fails the test if a message of the type was dispatched.
func (q *Queue) RequireNotDispatched(typ string) {
	q.t.Helper()
	if sent := q.Dispatched(typ); len(sent) > 0 {
		q.t.Fatalf("symphonytest: %d messages of type %q were dispatched; the first is %s", len(sent), typ, sent[0].Payload)
	}
}

// RequireNoFailed fails the test if a message is in the dead letter queue, with the errors that brought them there.
func (q *Queue) RequireNoFailed() {
	q.t.Helper()
	failed := q.Failed()
	if len(failed) == 0 {
		return
	}
	var b strings.Builder
	for _, m := range failed {
		fmt.Fprintf(&b, "\n%s after %d deliveries: %s", m.Type, m.Deliveries, m.Error)
	}
	q.t.Fatalf("symphonytest: %d messages failed for good:%s", len(failed), b.String())
}

// seen lists how many messages of each type were dispatched.
func (q *Queue) seen() string {
	var order []string
	counts := make(map[string]int)
	for _, e := range q.Dispatched("") {
		if counts[e.Type]++; counts[e.Type] == 1 {
			order = append(order, e.Type)
		}
	}
	if len(order) == 0 {
		return "none at all"
	}
	for i, typ := range order {
		order[i] = fmt.Sprintf("%d of %q", counts[typ], typ)
	}
	return strings.Join(order, ", ")
}

// NewDelivery makes a delivery as a worker gets it, for tests that call a handler or middleware by itself: the first
// attempt at a message that was dispatched a moment ago to the default transport and queue. The test may change it.
func NewDelivery(t testing.TB, typ string, payload any) *symphony.Delivery {
	t.Helper()
	m, err := symphony.NewMessage(typ, payload)
	if err != nil {
		t.Fatalf("symphonytest: %v", err)
	}
	now := symphony.SystemClock().Now().UTC()
	id := symphony.NewID(now)
	return &symphony.Delivery{
		Envelope: symphony.Envelope{
			ID: id, Type: m.Type, Payload: m.Payload, Transport: symphony.DefaultTransport, Queue: symphony.DefaultQueue,
			Priority: symphony.DefaultPriority, CreatedAt: now,
		},
		Attempt: 1, ClaimedAt: now, Lease: symphony.Lease{MessageID: id, Token: symphony.NewID(now)},
	}
}
