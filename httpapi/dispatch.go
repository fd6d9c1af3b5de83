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
	receipt, err := c.bus().DispatchMessage(c.traced(), in.out.Message, in.out.Options)
	if err != nil {
		return err
	}
	told := wireReceipt(&receipt)
	c.addToken(&in.req, &told)
	status := http.StatusCreated
	if receipt.Duplicate || receipt.Dropped {
		status = http.StatusOK
	}
	return c.answer(status, &wire.DispatchResponse{Success: true, Receipt: told})
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
	receipts, err := c.bus().DispatchBatch(c.traced(), batch)
	if err != nil {
		return err
	}
	results := make([]wire.Receipt, len(receipts))
	for i := range receipts {
		results[i] = wireReceipt(&receipts[i])
		c.addToken(&req.Messages[i], &results[i])
	}
	return c.answer(http.StatusCreated, wire.BatchResponse{Success: true, Results: results})
}

// addToken adds the token that a dispatch asks for. The message is stored by then: where there can be none now, the
// answer is without, and another one is made by the route for it.
func (c *call) addToken(req *wire.DispatchRequest, to *wire.Receipt) {
	if !value(req.Options.Token) {
		return
	}
	token, _, err := c.tokenFor(to.MessageID, wire.DefaultTokenTTL*time.Second)
	if err != nil {
		c.api.o.Logger.Warn("no token can be made for a message that was dispatched", "message_id", to.MessageID,
			"error", err)
		return
	}
	to.Token = token
}

// check returns every problem of a request that fits its shape.
func (c *call) check(req *wire.DispatchRequest, prefix string) []symphony.Problem {
	out, list := c.outgoing(req, prefix)
	return append(list, c.bus().Check(out, prefix)...)
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

// outgoing makes a message of a request.
func (c *call) outgoing(req *wire.DispatchRequest, prefix string) (symphony.Outgoing, []symphony.Problem) {
	var list []symphony.Problem
	m := &req.Message
	out := symphony.Outgoing{
		Message: symphony.Message{Type: m.Type, Payload: []byte(m.Payload),
			Metadata: object(m.Metadata, prefix+"message.metadata", &list)},
		Options: symphony.DispatchOptions{DispatchedBy: c.dispatcher(), KeysOf: c.owner()},
	}
	askedOptions.ask(&req.Options.DispatchOptions, &out.Options, prefix+"options.", &list)
	return out, list
}

func wireReceipt(r *symphony.Receipt) wire.Receipt {
	w := wire.Receipt{
		MessageID: r.ID, Transport: r.Transport, Queue: r.Queue, ScheduledAt: optional(r.ScheduledAt),
		IdempotencyKey: r.IdempotencyKey, Duplicate: r.Duplicate, Dropped: r.Dropped, Replaced: r.Replaced,
	}
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
