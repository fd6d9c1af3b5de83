package symphony

import (
	"context"
	"fmt"
)

// Step is one step of work in bulk: messages that are sent, retried or deleted, and the record that says how far the work
// has come. Both happen in one transaction or not at all, so the work can be carried on by anybody at any time: nothing is
// done twice, nothing left out, and whoever works on by mistake changes nothing once another has taken a step.
type Step struct {
	// Kind and ID name the record, which must still be Old, byte for byte.
	Kind, ID string
	Old      []byte
	// Of these at most one is given. Envelopes to send are of the storage's transports and have neither an idempotency key
	// nor a debounce or throttle key. Failed messages that are not there any more are left out.
	Send   []*Envelope
	Retry  []FailedRetry
	Delete []string
	// New returns what the record becomes, by how many messages were sent, retried or deleted. It is called within the
	// transaction, possibly several times: it must only compute.
	New func(done int) []byte
}

// StepStore is the part of a transport that takes steps. It is optional; see Capabilities.Steps. It goes with RecordStore,
// and for failed messages with FailedStore. Work in bulk uses it through Bus.Step. Methods are safe for concurrent use.
type StepStore interface {
	// TakeStep takes a step, all or nothing and durably, and returns how many messages were sent, retried or deleted.
	// ErrConflict if the record is another one, or is not there. Other errors are those of Send.
	TakeStep(ctx context.Context, s Step) (done int, err error)
}

// Step takes a step on a transport. Errors: an *UnknownTransportError, ErrUnsupported where the transport cannot, and those
// of StepStore.
func (b *Bus) Step(ctx context.Context, transport string, s Step) (int, error) {
	t, err := b.Transport(transport)
	if err != nil {
		return 0, err
	}
	store, ok := t.(StepStore)
	if !ok || !t.Capabilities().Steps {
		return 0, fmt.Errorf("transport %q does no work in bulk in the background: %w", transport, ErrUnsupported)
	}
	done, err := store.TakeStep(ctx, s)
	if err == nil && len(s.Send) > 0 && b.opts.Observer != nil {
		receipts := make([]Receipt, len(s.Send))
		for i, e := range s.Send {
			receipts[i] = Receipt{ID: e.ID, Transport: e.Transport, Queue: e.Queue, ScheduledAt: e.ScheduledAt}
		}
		b.opts.Observer.MessagesDispatched(s.Send, receipts)
	}
	return done, err
}
