package memory

import (
	"bytes"
	"context"
	"fmt"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/storage"
)

// TakeStep takes a step of work in bulk.
func (t *Transport) TakeStep(ctx context.Context, s storage.Step) (done int, err error) {
	if err := t.enter(ctx); err != nil {
		return 0, err
	}
	defer t.mu.Unlock()
	if data, ok := t.records[s.Kind][s.ID]; !ok || !bytes.Equal(data, s.Old) {
		return 0, fmt.Errorf("record %s/%s: %w", s.Kind, s.ID, symphony.ErrConflict)
	}
	switch {
	case len(s.Send) > 0:
		if _, err := t.send(s.Send); err != nil {
			return 0, err
		}
		done = len(s.Send)
	case len(s.Retry) > 0:
		done = len(t.retryFailed(s.Retry))
	case len(s.Delete) > 0:
		done = t.deleteFailed(s.Delete)
	}
	t.records[s.Kind][s.ID] = bytes.Clone(s.New(done))
	return done, nil
}
