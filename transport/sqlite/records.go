package sqlite

import (
	"bytes"
	"context"
	"fmt"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/storage"
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
func (t *Transport) ListRecords(ctx context.Context, kind string) (list []storage.Record, err error) {
	err = t.read(ctx, "list records in", func(r *reader) error {
		return r.query("SELECT id, data FROM messenger_records WHERE kind=? ORDER BY id", func(s *sqlite.Stmt) bool {
			list = append(list, storage.Record{ID: s.ColumnText(0), Data: columnBytes(s, 1)})
			return true
		}, kind)
	})
	return list, err
}

// PutRecord creates or replaces a record.
func (t *Transport) PutRecord(ctx context.Context, kind, id string, data []byte) error {
	if err := storage.ValidateRecord(kind, id); err != nil {
		return err
	}
	return t.do(ctx, &recordOp{kind: kind, id: id, data: data})
}

// RangeRecords returns records by their ids.
func (t *Transport) RangeRecords(ctx context.Context, kind, from, to string, limit int) (list []storage.Record, err error) {
	err = t.read(ctx, "list records in", func(r *reader) error {
		return r.query("SELECT id, data FROM messenger_records WHERE kind=?1 AND id>=?2 AND (?3='' OR id<?3) ORDER BY id LIMIT ?4", func(s *sqlite.Stmt) bool {
			list = append(list, storage.Record{ID: s.ColumnText(0), Data: columnBytes(s, 1)})
			return true
		}, kind, from, to, limit)
	})
	return list, err
}

// DeleteRecords deletes records by their ids.
func (t *Transport) DeleteRecords(ctx context.Context, kind, from, to string) (int, error) {
	o := &recordRangeOp{kind: kind, from: from, to: to}
	err := t.do(ctx, o)
	return o.deleted, err
}

// SwapRecord replaces a record that still is old.
func (t *Transport) SwapRecord(ctx context.Context, kind, id string, old, new []byte) error {
	if err := storage.ValidateRecord(kind, id); err != nil && new != nil {
		return err
	}
	o := &swapRecordOp{recordOp: recordOp{kind: kind, id: id, data: new}, old: old}
	if err := t.do(ctx, o); err != nil {
		return err
	}
	if o.conflict {
		return fmt.Errorf("record %s/%s: %w", kind, id, symphony.ErrConflict)
	}
	return nil
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

// swapRecordOp is a recordOp for a record that must be as expected.
type swapRecordOp struct {
	recordOp
	old      []byte
	conflict bool
}

func (o *swapRecordOp) apply(w *writer) error {
	var data []byte
	found := false
	err := w.query("SELECT data FROM messenger_records WHERE kind=? AND id=?", func(s *sqlite.Stmt) bool {
		data, found = columnBytes(s, 0), true
		return false
	}, o.kind, o.id)
	if err != nil {
		return err
	}
	if o.conflict = found != (o.old != nil) || !bytes.Equal(data, o.old); o.conflict {
		return nil
	}
	return o.recordOp.apply(w)
}

// recordRangeOp deletes records.
type recordRangeOp struct {
	kind, from, to string
	deleted        int
}

func (*recordRangeOp) rows() int { return purgeRows }

func (o *recordRangeOp) apply(w *writer) error {
	err := w.exec("DELETE FROM messenger_records WHERE kind=?1 AND id>=?2 AND (?3='' OR id<?3)", o.kind, o.from, o.to)
	o.deleted = w.conn.Changes()
	return err
}
