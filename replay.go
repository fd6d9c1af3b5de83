package symphony

import (
	"context"
	"encoding/json"
	"maps"
	"time"
)

// A replay dispatches what was completed once more: a new message with a fresh id, the type, payload, metadata,
// headers, transport, queue, priority, groups, terms, correlation and DispatchedBy of the first, whose id is its
// CausationID. Its time to expire, and its idempotency key, are over: it is to be handled again, and its handlers must
// be able to tell that from a second delivery.

// HeaderOperation is a header of messages that were replayed in bulk: the id of the operation.
const HeaderOperation = "symphony-operation"

// ReplayOptions are the optional settings of one replay.
type ReplayOptions struct {
	// Payload replaces the message's payload, unless nil.
	Payload json.RawMessage
	// IdempotencyKey makes one message of all replays, and dispatches, with the same key, as in DispatchOptions.
	IdempotencyKey string
}

// Replay dispatches a completed message again. Errors: ErrNotFound, also for a message that is no longer kept, a
// *MessageStatusError where it is not completed, and those of Bus.Dispatch.
func (m *Messages) Replay(ctx context.Context, id string, o ReplayOptions) (Receipt, error) {
	info, err := m.Get(ctx, id)
	if err != nil {
		return Receipt{}, err
	}
	if info.Status != Completed {
		return Receipt{}, &MessageStatusError{ID: id, Status: info.Status, Want: Completed}
	}
	out := again(&info)
	if o.Payload != nil {
		out.Message.Payload = o.Payload
	}
	out.Options.IdempotencyKey = o.IdempotencyKey
	return m.bus.DispatchMessage(ctx, out.Message, out.Options)
}

// Refused is a message that cannot be dispatched again, and why.
type Refused struct {
	ID  string
	Err error // a *ValidationError, or of the bus's codec
}

// Again makes the envelopes of messages that an operation dispatches again, in their order, for a Step. Left out are
// those that the operation has made itself, which a clock that is behind may have put among the messages to replay, and
// those that would be refused, such as by a schema that is newer than they.
func (m *Messages) Again(ctx context.Context, list []MessageInfo, operation string) (envelopes []*Envelope, refused []Refused) {
	var now time.Time
	for i := range list {
		if list[i].Header(HeaderOperation) == operation {
			continue
		}
		out := again(&list[i])
		headers := make(map[string]any, len(out.Options.Headers)+1)
		maps.Copy(headers, out.Options.Headers)
		if headers[HeaderOperation] != nil || len(headers) < MaxHeaders {
			headers[HeaderOperation] = operation
		}
		out.Options.Headers = headers
		var p problems
		if envelopes = m.bus.envelopes(ctx, &p, envelopes, &out, nil, &now); p.err() != nil {
			refused = append(refused, Refused{list[i].ID, p.err()})
		}
	}
	return envelopes, refused
}

// again is a message as it is dispatched again.
func again(m *MessageInfo) Outgoing {
	out := Outgoing{
		Message: Message{Type: m.Type, Payload: m.Payload, Metadata: m.Metadata},
		Options: DispatchOptions{Transport: m.Transport, Queue: m.Queue, Priority: m.Priority, Headers: m.Headers,
			CorrelationID: m.Correlation(), CausationID: m.ID, DispatchedBy: m.DispatchedBy},
	}
	out.Options.setFlow(m.Flow.Again())
	out.Options.setTerms(m.Terms.Again())
	return out
}
