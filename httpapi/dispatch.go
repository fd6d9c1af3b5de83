package httpapi

import (
	"fmt"
	"net/http"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

func dispatch(c *call) error {
	var in struct {
		req wire.DispatchRequest
		out symphony.Outgoing
	}
	err := c.accept(&in.req, func(wrong bool) (list []symphony.Problem) {
		if in.out, list = c.outgoing(&in.req, ""); wrong || len(list) > 0 {
			return c.check(&in.req, "")
		}
		return nil
	})
	if err != nil {
		return err
	}
	receipt, err := c.api.o.Bus.DispatchMessage(c.traced(), in.out.Message, in.out.Options)
	if err != nil {
		return err
	}
	status := http.StatusCreated
	if receipt.Duplicate || receipt.Dropped {
		status = http.StatusOK
	}
	return c.answer(status, &wire.DispatchResponse{Success: true, Receipt: wireReceipt(&receipt)})
}

func dispatchBatch(c *call) error {
	var (
		req   wire.BatchRequest
		batch []symphony.Outgoing
	)
	err := c.accept(&req, func(wrong bool) []symphony.Problem {
		batch = make([]symphony.Outgoing, len(req.Messages))
		for i := range req.Messages {
			var list []symphony.Problem
			if batch[i], list = c.outgoing(&req.Messages[i], ""); wrong || len(list) > 0 {
				return c.checkBatch(&req)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	receipts, err := c.api.o.Bus.DispatchBatch(c.traced(), batch)
	if err != nil {
		return err
	}
	results := make([]wire.Receipt, len(receipts))
	for i := range receipts {
		results[i] = wireReceipt(&receipts[i])
	}
	return c.answer(http.StatusCreated, wire.BatchResponse{Success: true, Results: results})
}

// check returns every problem of a request that fits its shape.
func (c *call) check(req *wire.DispatchRequest, prefix string) []symphony.Problem {
	out, list := c.outgoing(req, prefix)
	return append(list, c.api.o.Bus.Check(out, prefix)...)
}

// checkBatch returns every problem of a batch that fits its shape, or some where nobody waits for them any more.
func (c *call) checkBatch(req *wire.BatchRequest) (list []symphony.Problem) {
	for i := range req.Messages {
		if c.Context().Err() != nil {
			break
		}
		list = append(list, c.check(&req.Messages[i], fmt.Sprintf("messages[%d].", i))...)
	}
	return list
}

// outgoing makes a message of a request. It notes what the domain cannot see: that something was given, and empty.
func (c *call) outgoing(req *wire.DispatchRequest, prefix string) (symphony.Outgoing, []symphony.Problem) {
	var list []symphony.Problem
	o := &req.Options
	out := symphony.Outgoing{
		Message: symphony.Message{Type: req.Message.Type, Payload: []byte(req.Message.Payload), Metadata: object(req.Message.Metadata, prefix+"message.metadata", &list)},
		Options: symphony.DispatchOptions{
			Transport: value(o.Transport), Queue: value(o.Queue), Priority: value(o.Priority), ScheduledAt: instant(o.ScheduledAt, prefix+"options.scheduledAt", &list),
			IdempotencyKey: value(o.IdempotencyKey), Metadata: object(o.Metadata, prefix+"options.metadata", &list), Headers: freeHeaders(o.Headers),
			ExpiresAt: instant(o.ExpiresAt, prefix+"options.expiresAt", &list), ConcurrencyKey: value(o.ConcurrencyKey), GroupKey: value(o.GroupKey), Ordered: value(o.Ordered),
			DebounceKey: value(o.DebounceKey), ThrottleKey: value(o.ThrottleKey), CorrelationID: value(o.CorrelationID), CausationID: value(o.CausationID),
			DispatchedBy: c.dispatcher(), KeysOf: c.owner(),
		},
	}
	for _, given := range [...]struct {
		path string
		text *string
	}{{"options.transport", o.Transport}, {"options.queue", o.Queue}, {"options.idempotencyKey", o.IdempotencyKey},
		{"options.concurrencyKey", o.ConcurrencyKey}, {"options.groupKey", o.GroupKey}, {"options.debounceKey", o.DebounceKey},
		{"options.throttleKey", o.ThrottleKey}, {"options.correlationId", o.CorrelationID}, {"options.causationId", o.CausationID}} {
		if given.text != nil && *given.text == "" {
			list = append(list, symphony.Problem{Path: prefix + given.path, Message: "must not be empty"})
		}
	}
	if ms := int64(value(o.Delay)); ms > symphony.MaxDelay.Milliseconds() || ms < 0 {
		out.Options.Delay = -1 // is refused, whatever a multiplication would make of it
		if ms > 0 {
			out.Options.Delay = symphony.MaxDelay + 1
		}
	} else {
		out.Options.Delay = time.Duration(ms) * time.Millisecond
	}
	if o.Priority != nil && *o.Priority == 0 {
		out.Options.Priority = -1 // to the domain 0 means the default; here it was asked for, and is out of range
	}
	return out, list
}

func wireReceipt(r *symphony.Receipt) wire.Receipt {
	w := wire.Receipt{MessageID: r.ID, Transport: r.Transport, Queue: r.Queue, ScheduledAt: optional(r.ScheduledAt), IdempotencyKey: r.IdempotencyKey, Duplicate: r.Duplicate, Dropped: r.Dropped, Replaced: r.Replaced}
	for i := range r.Also {
		w.Also = append(w.Also, wireReceipt(&r.Also[i]))
	}
	return w
}

// optional returns nil for the zero time.
func optional(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
