package httpapi

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// failUnreadable fails the messages of an answer that cannot be written as JSON, takes them out of it, and returns the
// others. They are in the dead letter queue then, where they can be looked at, as far as they can be shown, and
// deleted.
func (c *call) failUnreadable(t symphony.Transport, worker string, got []symphony.Delivery, answer *wire.ReceiveResponse) (fit []symphony.Delivery) {
	var (
		messages    = []wire.Pulled{}
		refused     []receipt
		settlements []symphony.Settlement
	)
	for i := range got {
		d := &got[i]
		_, err := wire.Encode(new(bytes.Buffer), answer.Messages[i])
		if err == nil {
			fit, messages = append(fit, *d), append(messages, answer.Messages[i])
			continue
		}
		st := symphony.Settlement{Lease: d.Lease, StartedAt: d.ClaimedAt, FinishedAt: c.storeClock(t).Now()}
		policy := c.policy(t.Name(), d.Type)
		policy.Settle(&st, d.Attempt, &symphony.DecodeError{Err: err}, rand.Float64())
		refused, settlements = append(refused, receiptOf(t.Name(), worker, d)), append(settlements, st)
	}
	answer.Messages = messages
	if len(refused) > 0 {
		// Where this does not succeed, the lease runs out and the next claim decides again.
		if err := errors.Join(c.settle(context.WithoutCancel(c.Context()), t, refused, settlements)...); err != nil {
			c.api.o.Logger.Warn("settling messages that cannot be handed out", "transport", t.Name(), "error", err)
		}
	}
	return fit
}
