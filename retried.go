package symphony

import (
	"context"
	"errors"
	"fmt"
)

// retried is the error for a message that was retried. Whose it was the new one tells, as long as there is one.
func (m *Messages) retried(ctx context.Context, id, newID string) error {
	if m.owner != "" {
		if _, err := m.one(ctx, MessageQuery{ID: newID}); err != nil && !errors.As(err, new(*RetriedError)) {
			return fmt.Errorf("message %s: %w", id, ErrNotFound)
		}
	}
	return &RetriedError{ID: id, NewID: newID}
}

// RetriedError says that a message is gone because it was retried out of the dead letter queue, and which one took its
// place, which may be gone as well. It matches ErrNotFound.
type RetriedError struct{ ID, NewID string }

func (e *RetriedError) Error() string {
	return fmt.Sprintf("message %s was retried: message %s took its place", e.ID, e.NewID)
}

// Is reports whether target is ErrNotFound.
func (e *RetriedError) Is(target error) bool { return target == ErrNotFound }

// RetryAs makes of a failed message the one that a move has in its place: storages give it the failed message's
// envelope. Its time to expire, and what it might have replaced, are over; see Flow.Again.
func (e *Envelope) RetryAs(move *FailedMove) {
	terms := Terms{}
	if e.Terms != nil {
		terms = *e.Terms
	}
	terms.RetryOf = &RetryOf{FailedID: move.ID, MessageID: e.ID}
	if move.Payload != nil {
		terms.RetryOf.Payload, e.Payload = e.Payload, move.Payload
	}
	e.ID, e.Flow, e.Terms = move.NewID, e.Flow.Again(), &terms
}
