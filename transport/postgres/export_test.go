package postgres

import (
	"context"
	"errors"
)

// Tidy does at once what housekeeping does every few minutes.
func (t *Transport) Tidy(ctx context.Context) error {
	return errors.Join(t.purge(ctx), t.rollPartitions(ctx), t.rollPartitions(ctx))
}

// DoDuties does all that is due of this node's housekeeping, after what the node is just doing of it. Where a clock of the
// test's has moved on, housekeeping has caught up with it afterwards, however busy the machine is.
func (t *Transport) DoDuties() error { return t.doDuties() }
