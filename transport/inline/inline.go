// Package inline is the transport that handles each message during the dispatch itself, once, and stores nothing. In
// configuration it is called "sync". A handler's failure is the dispatcher's error; there is no retry, no queue and no
// dead letter.
package inline

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/symphony-messenger/symphony"
)

// Options are the optional settings of a Transport.
type Options struct {
	// Name is the transport's name. Default "sync".
	Name string
	// Timeout bounds each handler that has none of its own. Default: the dispatcher's context alone.
	Timeout time.Duration
	// Observer is told of each message that was handled, or whose handler failed: then with outcome Fail, for it is not
	// tried again, though no dead letter queue has it. Default: nobody.
	Observer symphony.Observer
	// Clock tells whether a message is scheduled for later, which cannot be done here. Default symphony.SystemClock.
	Clock symphony.Clock
}

// Transport handles messages at once. Safe for concurrent use.
type Transport struct {
	mux  *symphony.Mux
	o    Options
	done atomic.Bool // closed

	mu     sync.Mutex
	counts map[string]symphony.QueueStats
}

var _ symphony.Transport = (*Transport)(nil)

// HandlerError is the failure of the handler of a dispatched message. It matches symphony.ErrHandlerFailed and wraps
// the handler's error.
type HandlerError struct {
	MessageID string
	Err       error
}

func (e *HandlerError) Error() string {
	return fmt.Sprintf("inline: handle message %s: %v", e.MessageID, e.Err)
}
func (e *HandlerError) Unwrap() []error { return []error{symphony.ErrHandlerFailed, e.Err} }

// Open makes a transport that handles messages with mux.
func Open(mux *symphony.Mux, o Options) *Transport {
	if o.Name == "" {
		o.Name = "sync"
	}
	if o.Clock == nil {
		o.Clock = symphony.SystemClock()
	}
	return &Transport{mux: mux, o: o, counts: make(map[string]symphony.QueueStats)}
}

// Name is the transport's name.
func (t *Transport) Name() string { return t.o.Name }

// Capabilities says that messages are handled, and nothing else.
func (t *Transport) Capabilities() symphony.Capabilities { return symphony.Capabilities{} }

// Close refuses further messages.
func (t *Transport) Close() error {
	t.done.Store(true)
	return nil
}

// Send handles the envelopes in their order, and stops at the first whose handler fails: the error is a *HandlerError,
// and those before it were handled. A message scheduled for later, or with an idempotency key, is refused with
// symphony.ErrUnsupported before any is handled.
func (t *Transport) Send(ctx context.Context, envelopes []*symphony.Envelope) ([]symphony.Receipt, error) {
	switch {
	case t.done.Load():
		return nil, fmt.Errorf("inline: %w", symphony.ErrClosed)
	case ctx.Err() != nil:
		return nil, ctx.Err()
	}
	now := t.o.Clock.Now()
	for _, e := range envelopes {
		switch {
		case e.ScheduledAt.After(now):
			return nil, fmt.Errorf("inline: messages are handled at once, so none can be scheduled for later: %w", symphony.ErrUnsupported)
		case e.IdempotencyKey != "":
			return nil, fmt.Errorf("inline: nothing is stored, so no idempotency key can be remembered: %w", symphony.ErrUnsupported)
		}
	}
	receipts := make([]symphony.Receipt, len(envelopes))
	for i, e := range envelopes {
		began := now
		if t.o.Observer != nil {
			began = t.o.Clock.Now()
		}
		d := &symphony.Delivery{Envelope: *e, Attempt: 1, ClaimedAt: now}
		res := t.mux.Run(ctx, d, t.o.Timeout)
		if t.o.Observer != nil {
			t.tell(e, began, res.Err)
		}
		t.count(e.Queue, res.Err)
		if res.Err != nil {
			return nil, &HandlerError{e.ID, res.Err}
		}
		receipts[i] = symphony.Receipt{ID: e.ID, Transport: e.Transport, Queue: e.Queue, ScheduledAt: e.ScheduledAt}
	}
	return receipts, nil
}

// tell tells the observer how a message ended.
func (t *Transport) tell(e *symphony.Envelope, began time.Time, err error) {
	st := symphony.Settlement{Lease: symphony.Lease{MessageID: e.ID}, Outcome: symphony.Ack, StartedAt: began, FinishedAt: t.o.Clock.Now()}
	if err != nil {
		st.Outcome, st.Error, st.ErrorClass = symphony.Fail, err.Error(), symphony.ErrorClass(err)
	}
	t.o.Observer.AttemptsEnded([]symphony.EndedAttempt{{
		MessageID: e.ID, Transport: e.Transport, Queue: e.Queue, Type: e.Type, Attempt: 1,
		CreatedAt: e.CreatedAt, ScheduledAt: e.ScheduledAt, DispatchedBy: e.DispatchedBy, Settlement: st,
	}})
}

func (t *Transport) count(queue string, err error) {
	if err != nil {
		return // the dispatcher has the error; nothing failed that anybody could look at here
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	q := t.counts[queue]
	q.Completed++
	t.counts[queue] = q
}

// Receive has nothing to hand out.
func (t *Transport) Receive(context.Context, symphony.ReceiveOptions) ([]symphony.Delivery, error) {
	return nil, fmt.Errorf("inline: no message waits here: %w", symphony.ErrUnsupported)
}

// Settle settles nothing: no delivery was made.
func (t *Transport) Settle(_ context.Context, settlements []symphony.Settlement) []error {
	return refuse(len(settlements))
}

// Extend extends nothing: no delivery was made.
func (t *Transport) Extend(_ context.Context, leases []symphony.Lease, _ time.Duration) []error {
	return refuse(len(leases))
}

func refuse(n int) []error {
	errs := make([]error, n)
	for i := range errs {
		errs[i] = fmt.Errorf("inline: no message is leased here: %w", symphony.ErrUnsupported)
	}
	return errs
}

// Stats counts the messages handled since the process started.
func (t *Transport) Stats(ctx context.Context) (symphony.Stats, error) {
	switch {
	case t.done.Load():
		return symphony.Stats{}, fmt.Errorf("inline: %w", symphony.ErrClosed)
	case ctx.Err() != nil:
		return symphony.Stats{}, ctx.Err()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	out := symphony.Stats{Queues: make(map[string]symphony.QueueStats, len(t.counts))}
	for name, q := range t.counts {
		out.Queues[name] = q
		out.Add(q)
	}
	return out, nil
}
