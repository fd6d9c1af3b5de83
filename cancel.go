package symphony

import (
	"context"
	"fmt"
	"time"
)

// MaxReasonLength limits the reason of a cancellation, in bytes.
const MaxReasonLength = 500

// Cancellation is who wanted a message to be cancelled, when and why.
type Cancellation struct {
	RequestedAt time.Time // on the storage's clock
	By          string
	Reason      string
}

// Cancel cancels a message, whichever worker has it, and says what it is then. A pending one is Cancelled at once, and
// kept as long as a completed one. One in hand is still Processing: its worker is told, nothing that the worker comes
// up with counts any more, and the message is cancelled when the worker has ended, or with its lease. To cancel such a
// message once more changes nothing.
//
// by names who wants that, up to MaxCallerLength characters, and reason says why, up to MaxReasonLength bytes; both may
// be empty. Errors: a *ValidationError, ErrNotFound, and a *MessageStatusError where the message is completed, failed
// or cancelled already.
func (m *Messages) Cancel(ctx context.Context, id, by, reason string) (Status, error) {
	var p problems
	if len(reason) > MaxReasonLength {
		p.add("reason", "must have at most %d bytes, has %d", MaxReasonLength, len(reason))
	}
	p.text("reason", reason)
	if n := len([]rune(by)); n > MaxCallerLength {
		p.add("by", "must have at most %d characters, has %d", MaxCallerLength, n)
	}
	p.text("by", by)
	if err := p.err(); err != nil {
		return "", err
	}
	if !ValidID(id) {
		return "", fmt.Errorf("message %s: %w", id, ErrNotFound)
	}
	at, err := m.at(ctx, id)
	if err != nil {
		return "", err
	}
	status, err := at.store.CancelMessage(ctx, id, Cancellation{By: by, Reason: reason})
	if err == nil && status == Cancelled {
		at.observeCancel(ctx, id)
	}
	return status, err
}

// observeCancel tells the observer of a message that was cancelled while it waited. One in hand is told of by its
// worker.
func (m *Messages) observeCancel(ctx context.Context, id string) {
	if m.bus.Observer() == nil {
		return
	}
	info, err := m.Get(ctx, id)
	if err != nil {
		return // it is not kept
	}
	m.bus.Observer().AttemptsEnded([]EndedAttempt{{
		MessageID: id, Transport: info.Transport, Queue: info.Queue, Type: info.Type, Attempt: info.Deliveries,
		CreatedAt: info.CreatedAt, ScheduledAt: info.ScheduledAt, DispatchedBy: info.DispatchedBy,
		Settlement: Settlement{Outcome: Cancel, Lease: Lease{MessageID: id}},
	}})
}
