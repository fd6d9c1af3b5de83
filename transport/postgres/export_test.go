package postgres

import (
	"context"
	"errors"
	"maps"
	"testing"
)

// Tidy does at once what housekeeping does every few minutes, or for each day when it is over.
func (t *Transport) Tidy(ctx context.Context) error {
	return errors.Join(t.purge(ctx), t.passAll(ctx), t.rollPartitions(ctx), t.rollPartitions(ctx))
}

// Unmark takes from the messages up to an id their marks, as if an older release had stored them.
func (t *Transport) Unmark(tb testing.TB, id string) {
	tb.Helper()
	key, _ := parseUUID(id)
	forget := &query{sql: "WITH gone AS (DELETE FROM {schema}.messenger_marks WHERE id <= $1::uuid) " +
		"UPDATE {schema}.messenger_marked SET after = greatest(after, $1::uuid)"}
	err := t.do(context.Background(), "unmark", call{query: forget, params: [][]byte{key[:]}})
	if err != nil {
		tb.Fatal(err)
	}
	t.allMarked.Store(false)
	t.markAt.Store(0)
}

// passAll deletes completed messages that are past their periods without waiting for the others of their day.
func (t *Transport) passAll(ctx context.Context) error {
	t.purged.mu.Lock()
	defer t.purged.mu.Unlock()
	before := maps.Clone(t.purged.passed)
	defer func() { t.purged.passed = before }()
	return t.passPartitions(ctx, t.storeNow(), func(string, int64, int64) bool { return true })
}

// DoDuties does all that is due of this node's housekeeping, after what the node is just doing of it. Where a clock of
// the test's has moved on, housekeeping has caught up with it afterwards, however busy the machine is.
func (t *Transport) DoDuties() error { return t.doDuties() }

// Fold adds the counts of all connections up.
func (t *Transport) Fold(ctx context.Context) error { return t.fold(ctx) }
