package sqlite

import "context"

// Tidy does at once what housekeeping does every few minutes.
func (t *Transport) Tidy(ctx context.Context) error { return t.purge(ctx) }
