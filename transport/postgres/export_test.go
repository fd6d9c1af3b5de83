package postgres

import (
	"context"
	"errors"
)

// Tidy does at once what housekeeping does every few minutes.
func (t *Transport) Tidy(ctx context.Context) error {
	return errors.Join(t.purge(ctx), t.rollPartitions(ctx), t.rollPartitions(ctx))
}
