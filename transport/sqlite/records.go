package sqlite

import (
	"context"
	"fmt"

	"github.com/symphony-messenger/symphony"
	"zombiezen.com/go/sqlite"
)

// GetRecord returns one record.
func (t *Transport) GetRecord(ctx context.Context, kind, id string) (data []byte, err error) {
	err = t.read(ctx, "read record in", func(r *reader) error {
		found := false
		err := r.query("SELECT data FROM messenger_records WHERE kind=? AND id=?", func(s *sqlite.Stmt) bool {
			data, found = columnBytes(s, 0), true
			return false
		}, kind, id)
		if err == nil && !found {
			return fmt.Errorf("record %s/%s: %w", kind, id, symphony.ErrNotFound)
		}
		return err
	})
	return data, err
}

// ListRecords returns all records of a kind.
func (t *Transport) ListRecords(ctx context.Context, kind string) (list []symphony.Record, err error) {
	err = t.read(ctx, "list records in", func(r *reader) error {
		return r.query("SELECT id, data FROM messenger_records WHERE kind=? ORDER BY id", func(s *sqlite.Stmt) bool {
			list = append(list, symphony.Record{ID: s.ColumnText(0), Data: columnBytes(s, 1)})
			return true
		}, kind)
	})
	return list, err
}

// PutRecord creates or replaces a record.
func (t *Transport) PutRecord(ctx context.Context, kind, id string, data []byte) error {
	return t.do(ctx, &recordOp{kind: kind, id: id, data: data})
}

// DeleteRecord deletes a record.
func (t *Transport) DeleteRecord(ctx context.Context, kind, id string) error {
	o := &recordOp{kind: kind, id: id}
	if err := t.do(ctx, o); err != nil {
		return err
	}
	if !o.found {
		return fmt.Errorf("record %s/%s: %w", kind, id, symphony.ErrNotFound)
	}
	return nil
}

// recordOp stores a record, or deletes it where there is no data.
type recordOp struct {
	kind, id string
	data     []byte
	found    bool
}

func (o *recordOp) rows() int { return 1 }

func (o *recordOp) apply(w *writer) error {
	if o.data != nil {
		return w.exec("INSERT OR REPLACE INTO messenger_records (kind, id, data) VALUES (?, ?, ?)", o.kind, o.id, o.data)
	}
	err := w.exec("DELETE FROM messenger_records WHERE kind=? AND id=?", o.kind, o.id)
	o.found = w.conn.Changes() > 0
	return err
}
