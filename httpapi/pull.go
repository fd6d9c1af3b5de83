package httpapi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/auth"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// Limits of pull workers, beside those of the domain.
const (
	// maxWaiting bounds the receive calls in progress on a node.
	maxWaiting = 10_000
	// answerGrace is how long an answer may take to be written.
	answerGrace = 30 * time.Second
	// pulledClass is the class of failures that pull workers give none.
	pulledClass = "nack"
)

// receive hands messages to a pull worker, which settles them by their receipts.
func receive(c *call) error {
	var (
		req wire.ReceiveRequest
		o   symphony.ReceiveOptions
		t   symphony.Transport
	)
	seal, err := c.api.seals.get(c.Context())
	if err != nil {
		return err
	}
	err = c.accept(&req, func(bool) (list []symphony.Problem) {
		t, o, list = c.receiveOptions(&req)
		return list
	})
	if err == nil {
		err = c.boundQueues(o.Queues)
	}
	if err != nil {
		return err
	}
	ctx, stop, err := c.whileServing()
	if err != nil {
		return err
	}
	defer stop()
	who := callerOf(c.principal)
	if err := c.api.receivers.take(who); err != nil {
		return err
	}
	defer c.api.receivers.leave(who)
	c.lasts(o.Wait)
	began := c.api.o.Clock.Now()
	if end := c.ends(); o.Wait > 0 && !end.IsZero() {
		o.Wait = min(o.Wait, max(end.Sub(began), 0))
	}
	got, err := c.pull(ctx, t, o)
	if err != nil && (c.api.o.Draining.Err() == nil || c.Context().Err() != nil) {
		return err
	}
	if len(got) > 0 && c.api.o.Clock.Now().Sub(began) > auth.KeyCacheTTL {
		if err := c.stillAllowed(c.Request); err != nil {
			c.giveBack(t, o.Worker, got)
			return err
		}
	}
	return c.handOver(t, seal, o.Worker, got)
}

// lasts gives a call more time than the server's deadlines, which are for requests that are answered at once.
func (c *call) lasts(wait time.Duration) { c.deadline(time.Now().Add(wait + answerGrace)) }

// receiveOptions are what a request asks for, or every problem with it.
func (c *call) receiveOptions(req *wire.ReceiveRequest) (t symphony.Transport, o symphony.ReceiveOptions, list []symphony.Problem) {
	o = symphony.ReceiveOptions{
		Queues: req.Queues,
		Max:    consumeSetting{"max", req.Max, 1, wire.MaxPull, wire.DefaultPull}.get(&list),
		Wait:   millis(consumeSetting{"wait", req.Wait, 0, int(wire.MaxPullWait.Milliseconds()), 0}.get(&list)),
		Lease:  millis(consumeSetting{"lease", req.Lease, int(symphony.MinLease.Milliseconds()), int(symphony.MaxLease.Milliseconds()), int(symphony.DefaultLease.Milliseconds())}.get(&list)),
		Worker: value(req.Worker), Apart: true,
	}
	for i, q := range req.Queues {
		if err := symphony.ValidateName(q); err != nil {
			list = append(list, symphony.Problem{Path: fmt.Sprintf("queues[%d]", i), Message: err.Error()})
		}
	}
	if req.Worker != nil {
		if err := symphony.ValidateName(*req.Worker); err != nil {
			list = append(list, symphony.Problem{Path: "worker", Message: err.Error()})
		}
	}
	t, err := c.api.o.Bus.Transport(c.transportOr(value(req.Transport)))
	if err != nil {
		list = append(list, symphony.Problem{Path: "transport", Message: err.Error()})
	}
	o.Worker = cmp.Or(o.Worker, c.principal.ID)
	return t, o, list
}

// pull claims messages that may be handed out. What may not is settled.
func (c *call) pull(ctx context.Context, t symphony.Transport, o symphony.ReceiveOptions) ([]symphony.Delivery, error) {
	clock, store := c.api.o.Clock, c.storeClock(t)
	for until := clock.Now().Add(o.Wait); ; o.Wait = max(until.Sub(clock.Now()), 0) {
		got, err := t.Receive(ctx, o)
		if err != nil || len(got) == 0 {
			return nil, err
		}
		var (
			fit      = got[:0]
			refused  []symphony.Settlement
			receipts []receipt
		)
		for i := range got {
			d := &got[i]
			policy := c.policy(t.Name(), d.Type).For(d.Terms)
			err := policy.Admit(d, store.Now())
			if err == nil && d.DecodeErr != nil {
				err = &symphony.DecodeError{Err: d.DecodeErr}
			}
			if err == nil {
				fit = append(fit, *d)
				continue
			}
			st := symphony.Settlement{Lease: d.Lease, StartedAt: d.ClaimedAt, FinishedAt: store.Now()}
			policy.Settle(&st, d.Attempt, err, rand.Float64())
			refused, receipts = append(refused, st), append(receipts, receiptOf(t.Name(), o.Worker, d))
		}
		if len(refused) > 0 {
			// Where this does not succeed, the lease runs out and the next claim decides again.
			if err := unsettled(c.settle(context.WithoutCancel(ctx), t, receipts, refused)); err != nil {
				c.api.o.Logger.Warn("settling messages that may not be handed out", "transport", t.Name(), "error", err)
			}
		}
		if len(fit) > 0 {
			return fit, nil
		}
	}
}

// handOver answers with the messages. If the caller is gone, or there is no answer for another reason, they go back to
// their queues at once, as if never claimed. A message that cannot be written as JSON fails for good, and holds up no
// other.
func (c *call) handOver(t symphony.Transport, seal *seal, worker string, got []symphony.Delivery) error {
	answer := wire.ReceiveResponse{Success: true, Messages: make([]wire.Pulled, len(got))}
	for i := range got {
		r := receiptOf(t.Name(), worker, &got[i])
		answer.Messages[i] = pulled(r.text(seal), &got[i])
	}
	err := c.Context().Err()
	if err == nil {
		// Once it is written the caller may have it, also one that closes its connection at once.
		if err = c.answer(http.StatusOK, answer); err != nil && c.w.status == 0 {
			got = c.failUnreadable(t, worker, got, &answer)
			err = c.answer(http.StatusOK, answer)
		}
		if err == nil {
			// Where nothing is buffered, as in the process of a command, there is nothing to flush: it has the answer.
			if err = http.NewResponseController(c.w).Flush(); errors.Is(err, http.ErrNotSupported) {
				err = nil
			}
		}
	}
	if err == nil {
		return nil
	}
	if len(got) > 0 {
		c.giveBack(t, worker, got)
	}
	if c.Context().Err() == nil && c.w.status == 0 {
		return err // there is still somebody to tell
	}
	return nil
}

// giveBack returns messages to their queues, as if never claimed. What cannot be given back returns when its lease runs
// out.
func (c *call) giveBack(t symphony.Transport, worker string, got []symphony.Delivery) {
	receipts := make([]receipt, len(got))
	back := make([]symphony.Settlement, len(got))
	for i := range got {
		receipts[i] = receiptOf(t.Name(), worker, &got[i])
		back[i] = symphony.Settlement{Lease: got[i].Lease, Outcome: symphony.Release}
	}
	if err := unsettled(c.settle(context.WithoutCancel(c.Context()), t, receipts, back)); err != nil {
		c.api.o.Logger.Warn("giving back messages that nobody has taken", "transport", t.Name(), "error", err)
	}
}

func pulled(receipt string, d *symphony.Delivery) wire.Pulled {
	p := wire.Pulled{
		Receipt: receipt, ID: d.ID, Type: d.Type, Payload: payload(d.Payload), Metadata: metadata(d.Metadata), Headers: headers(d.Headers),
		Transport: d.Transport, Queue: d.Queue, Priority: d.Priority, Attempt: d.Attempt, IdempotencyKey: d.IdempotencyKey,
		CreatedAt: d.CreatedAt.UTC(), ScheduledAt: optional(d.ScheduledAt), LeasedUntil: d.LeasedUntil.UTC(),
		Flow: flowOf(&d.Envelope),
	}
	return p
}

// policy is the retry policy of a type on a transport, as for the server's own workers.
func (c *call) policy(transport, typ string) symphony.Policy {
	return c.api.o.Mux.Policy(typ, c.api.o.ConsumeWorker(transport).Policy)
}

// storeClock is the clock of a transport's storage.
func (c *call) storeClock(t symphony.Transport) symphony.Clock {
	return symphony.StoreClock(t, c.api.o.Clock)
}

// ack settles messages that were handled.
func ack(c *call) error {
	var (
		req      wire.AckRequest
		receipts []receipt
		outputs  []symphony.Settlement
		large    []undone
	)
	seal, err := c.api.seals.get(c.Context())
	if err != nil {
		return err
	}
	err = c.accept(&req, func(bool) (list []symphony.Problem) {
		receipts, outputs, large, list = c.acks(seal, &req)
		return list
	})
	if err == nil {
		err = c.boundReceipts(receipts, req.Path)
	}
	if err != nil {
		return err
	}
	texts := make([]string, len(receipts))
	for i := range receipts {
		texts[i] = req.Text(i)
		receipts[i].at = i
	}
	receipts = slices.DeleteFunc(receipts, func(r receipt) bool {
		return slices.ContainsFunc(large, func(u undone) bool { return u.at == r.at })
	})
	undone, err := c.byTransport(receipts, func(t symphony.Transport, list []receipt) []error {
		settlements, now := make([]symphony.Settlement, len(list)), c.storeClock(t).Now()
		for i, r := range list {
			settlements[i] = symphony.Settlement{Lease: r.lease, Outcome: symphony.Ack, StartedAt: r.claimed,
				FinishedAt: now,
				Output:     outputs[r.at].Output}
		}
		return c.settle(c.Context(), t, list, settlements)
	})
	for i := range undone {
		undone[i].at = receipts[undone[i].at].at
	}
	return c.settled(texts, req.Path, append(undone, large...), err, "acked")
}

// extend moves the end of leases.
func extend(c *call) error {
	var (
		req      wire.ExtendRequest
		receipts []receipt
		lease    time.Duration
		note     *symphony.Note
	)
	seal, err := c.api.seals.get(c.Context())
	if err != nil {
		return err
	}
	err = c.accept(&req, func(bool) (list []symphony.Problem) {
		lease = millis(consumeSetting{"lease", req.Lease, int(symphony.MinLease.Milliseconds()), int(symphony.MaxLease.Milliseconds()), int(symphony.DefaultLease.Milliseconds())}.get(&list))
		var more, bad []symphony.Problem
		receipts, more = c.receipts(seal, req.Receipts)
		if note, bad = reported(&req); len(more) == 0 {
			bad = append(bad, c.extending(&req, receipts, note)...)
		}
		return append(append(list, more...), bad...)
	})
	if err == nil {
		err = c.byReceipt(receipts)
	}
	if err == nil {
		err = c.boundReceipts(receipts, receiptsPath)
	}
	if err != nil {
		return err
	}
	undone, err := c.byTransport(receipts, func(t symphony.Transport, list []receipt) []error {
		if list[0].push {
			return c.tell(c.Context(), t, &list[0], note)
		}
		leases := make([]symphony.Lease, len(list))
		for i, r := range list {
			leases[i] = r.lease
		}
		errs := t.Extend(c.Context(), leases, lease)
		if note != nil && errs == nil {
			errs = c.tell(c.Context(), t, &list[0], note)
		}
		return errs
	})
	return c.settled(req.Receipts, receiptsPath, undone, err, "extended")
}

// nack settles a message that was not handled: it is retried or fails by its type's policy, or is given back.
func nack(c *call) error {
	var (
		req        wire.NackRequest
		r          receipt
		retryAfter time.Duration
	)
	seal, err := c.api.seals.get(c.Context())
	if err != nil {
		return err
	}
	err = c.accept(&req, func(bool) (list []symphony.Problem) {
		r, retryAfter, list = c.nacked(seal, &req)
		return list
	})
	if err == nil {
		err = c.boundReceipts([]receipt{r}, func(int) string { return "receipt" })
	}
	if err != nil {
		return err
	}
	st := symphony.Settlement{Lease: r.lease, Outcome: symphony.Release, StartedAt: r.claimed}
	if !value(req.Release) {
		var cause error = &pullError{text: cmp.Or(value(req.Error), "the worker refused the message"), class: cmp.Or(symphony.CleanClass(value(req.ErrorClass)), pulledClass)}
		if value(req.Permanent) {
			cause = symphony.Permanent(cause)
		}
		if retryAfter >= 0 {
			cause = symphony.RetryAfter(cause, retryAfter)
		}
		c.policy(r.transport, r.typ).For(r.terms).Settle(&st, r.attempt, cause, rand.Float64())
	}
	undone, err := c.byTransport([]receipt{r}, func(t symphony.Transport, list []receipt) []error {
		st.FinishedAt = c.storeClock(t).Now()
		return c.settle(c.Context(), t, list, []symphony.Settlement{st})
	})
	if err == nil && len(undone) == 1 && undone[0].code == codeMessageCancelled {
		return c.answer(http.StatusOK, wire.NackResponse{Success: true, Outcome: string(symphony.Cancelled)})
	}
	if err != nil || len(undone) > 0 {
		return c.settled([]string{req.Receipt}, receiptsPath, undone, err, "")
	}
	answer := wire.NackResponse{Success: true, Outcome: st.Outcome.String()}
	if st.Outcome == symphony.Retry {
		delay := st.Delay.Milliseconds()
		answer.RetryIn = &delay
	}
	return c.answer(http.StatusOK, answer)
}

// settle settles deliveries of one transport, whose receipts stand in the same order, and tells the observer of those
// that are stored.
func (c *call) settle(ctx context.Context, t symphony.Transport, receipts []receipt, list []symphony.Settlement) []error {
	errs := t.Settle(ctx, list)
	if c.api.o.Observer == nil {
		return errs
	}
	ended := make([]symphony.EndedAttempt, 0, len(list))
	for i, r := range receipts {
		cancelled := errs != nil && errors.Is(errs[i], symphony.ErrCancelled)
		if st := list[i]; errs == nil || errs[i] == nil || cancelled {
			if cancelled {
				st.Outcome = symphony.Cancel
			}
			ended = append(ended, symphony.EndedAttempt{
				MessageID: r.lease.MessageID, Transport: r.transport, Queue: r.queue, Type: r.typ, Attempt: r.attempt,
				CreatedAt: r.created, ScheduledAt: r.scheduled, Worker: r.worker, DispatchedBy: r.by, Settlement: st,
			})
		}
	}
	if len(ended) > 0 {
		c.api.o.Observer.AttemptsEnded(ended)
	}
	return errs
}

// unsettled joins the errors of settlements but those of messages that were cancelled: they need none any more.
func unsettled(errs []error) error {
	return errors.Join(slices.DeleteFunc(errs, func(err error) bool {
		return errors.Is(err, symphony.ErrCancelled)
	})...)
}

// nacked are the receipt of a request and its retryAfter, negative without one, or every problem with it.
func (c *call) nacked(seal *seal, req *wire.NackRequest) (r receipt, retryAfter time.Duration, list []symphony.Problem) {
	retryAfter = -1
	if req.RetryAfter != nil {
		retryAfter = millis(consumeSetting{"retryAfter", req.RetryAfter, 0, int(symphony.MaxRetryDelay.Milliseconds()), 0}.get(&list))
	}
	if value(req.Permanent) && req.RetryAfter != nil {
		list = append(list, symphony.Problem{Path: "retryAfter", Message: "cannot be combined with permanent"})
	}
	if value(req.Release) && (value(req.Permanent) || req.RetryAfter != nil || req.Error != nil || req.ErrorClass != nil) {
		list = append(list, symphony.Problem{Path: "release", Message: "cannot be combined with anything but the receipt"})
	}
	var err error
	if r, err = c.receipt(seal, req.Receipt); err == nil && r.push {
		err = errPushReceipt
	}
	if err != nil {
		list = append(list, symphony.Problem{Path: "receipt", Message: err.Error()})
	}
	return r, retryAfter, list
}

// pullError is what a pull worker says about a failure.
type pullError struct{ text, class string }

func (e *pullError) Error() string      { return e.text }
func (e *pullError) ErrorClass() string { return e.class }

// receipt parses a receipt. One of another installation or version has no transport: it is well formed, and nothing can
// be done with it here.
func (c *call) receipt(seal *seal, text string) (receipt, error) {
	r, err := parseReceipt(text, seal)
	switch {
	case errors.Is(err, errForeignReceipt):
		return receipt{}, nil
	case err == nil:
		_, err = c.api.o.Bus.Transport(r.transport)
	}
	return r, err
}

// receipts parses a list of receipts, or tells every one that is none.
func (c *call) receipts(seal *seal, texts []string) (receipts []receipt, list []symphony.Problem) {
	if len(texts) == 0 || len(texts) > wire.MaxReceipts {
		return nil, []symphony.Problem{{Path: "receipts", Message: fmt.Sprintf("must have 1 to %d entries, has %d", wire.MaxReceipts, len(texts))}}
	}
	receipts = make([]receipt, len(texts))
	for i, s := range texts {
		var err error
		if receipts[i], err = c.receipt(seal, s); err != nil {
			list = append(list, symphony.Problem{Path: fmt.Sprintf("receipts[%d]", i), Message: err.Error()})
		}
	}
	return receipts, list
}

func millis(n int) time.Duration { return time.Duration(n) * time.Millisecond }

// Waiting is how many receive calls are in progress.
func (a *API) Waiting() int { return a.receivers.count() }
