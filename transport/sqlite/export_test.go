package sqlite

import (
	"context"
	"testing"
)

// Tidy does at once what housekeeping does every few minutes.
func (t *Transport) Tidy(ctx context.Context) error { return t.purge(ctx) }

// Unmark takes from the messages up to an id their marks, as if an older release had stored them.
func (t *Transport) Unmark(tb testing.TB, id string) {
	tb.Helper()
	if err := t.do(context.Background(), unmarkOp(id)); err != nil {
		tb.Fatal(err)
	}
}

type unmarkOp string

func (unmarkOp) rows() int { return 1 }

func (id unmarkOp) apply(w *writer) error {
	if err := w.exec("DELETE FROM messenger_marks WHERE id<=?", string(id)); err != nil {
		return err
	}
	if err := w.exec("UPDATE messenger_marked SET after=max(after, ?)", string(id)); err != nil {
		return err
	}
	return w.loadMarks()
}
