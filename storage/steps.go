package storage

import (
	"context"

	"github.com/symphony-messenger/symphony"
)

// Step is one step of work in bulk: messages that are sent, or failed messages that are moved, and the record that says
// how far the work has come. Both happen in one transaction or not at all, so the work can be carried on by anybody at
// any time: nothing is done twice, nothing left out, and whoever works on by mistake changes nothing once another has
// taken a step.
type Step struct {
	// Kind and ID name the record, which must still be Old, byte for byte.
	Kind, ID string
	Old      []byte
	// Of these at most one is given. Envelopes to send are of the storage's transports and have neither an idempotency
	// key nor a debounce or throttle key. Failed messages that are not there any more are left out.
	Send []*symphony.Envelope
	Move []symphony.FailedMove
	// New returns what the record becomes, by how many messages were sent or moved. It is called within the
	// transaction, possibly several times: it must only compute.
	New func(done int) []byte
}

// Steps is the part of a transport that takes steps. It is optional; see symphony.Capabilities.Steps. It goes with
// Records, and for failed messages with symphony.MessageStore. Work in bulk uses it through TakeStep. Methods are safe
// for concurrent use.
type Steps interface {
	// TakeStep takes a step, all or nothing and durably, and returns how many messages were sent or moved.
	// symphony.ErrConflict if the record is another one, or is not there. Other errors are those of Send.
	TakeStep(ctx context.Context, s Step) (done int, err error)
}

// StepsOf returns the part of a transport that takes steps, or symphony.ErrUnsupported where it has none.
func StepsOf(t symphony.Transport) (Steps, error) {
	return Part[Steps](t, t.Capabilities().Steps, "does no work in bulk in the background")
}

// TakeStep takes a step on a transport of a bus, whose observer is told of the messages that were sent. Errors: a
// *symphony.UnknownTransportError, symphony.ErrUnsupported where the transport cannot, and those of Steps.
func TakeStep(ctx context.Context, b *symphony.Bus, transport string, s Step) (int, error) {
	t, err := b.Transport(transport)
	if err != nil {
		return 0, err
	}
	steps, err := StepsOf(t)
	if err != nil {
		return 0, err
	}
	done, err := steps.TakeStep(ctx, s)
	if observer := b.Observer(); err == nil && len(s.Send) > 0 && observer != nil {
		receipts := make([]symphony.Receipt, len(s.Send))
		for i, e := range s.Send {
			receipts[i] = symphony.Receipt{ID: e.ID, Transport: e.Transport, Queue: e.Queue, ScheduledAt: e.ScheduledAt}
		}
		observer.MessagesDispatched(s.Send, receipts)
	}
	return done, err
}
