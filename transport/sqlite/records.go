package sqlite

import (
	"bytes"
	"context"
	"fmt"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/storage"
	"zombiezen.com/go/sqlite"
)

var recordColumns = columns[storage.Record]{
	{"id", func(r *storage.Record, v cell) { r.ID = v.text() }},
	{"data", func(r *storage.Record, v cell) { r.Data = v.bytes() }},
}

// recordRange selects the records of a kind with an id in [from, to).
func recordRange(kind, from, to string) (where string, args []any) {
	where, args = "kind=? AND id>=?", []any{kind, from}
	if to != "" {
		where, args = where+" AND id<?", append(args, to)
	}
	return where, args
}

// RangeRecords returns records by their ids.
func (t *Transport) RangeRecords(
	ctx context.Context, kind, from, to string, limit int,
) (list []storage.Record, err error) {
	where, args := recordRange(kind, from, to)
	query := "SELECT " + recordColumns.String() + " FROM messenger_records WHERE " + where + " ORDER BY id LIMIT +?"
	err = t.read(ctx, "read records in", func(r *reader) error {
		return r.query(query, func(row *sqlite.Stmt) bool {
			var one storage.Record
			recordColumns.read(&one, row, 0)
			list = append(list, one)
			return true
		}, append(args, limit)...)
	})
	return list, err
}

// SwapRecord replaces a record that still is old.
func (t *Transport) SwapRecord(ctx context.Context, kind, id string, old, new []byte) error {
	if new != nil {
		if err := storage.ValidateRecord(kind, id, new); err != nil {
			return err
		}
	}
	o := &swapRecordOp{kind: kind, id: id, old: old, new: new}
	if err := t.do(ctx, o); err != nil {
		return err
	}
	if o.conflict {
		return fmt.Errorf("record %s/%s: %w", kind, id, symphony.ErrConflict)
	}
	return nil
}

type swapRecordOp struct {
	kind, id string
	old, new []byte
	conflict bool
}

func (o *swapRecordOp) rows() int { return 1 }

func (o *swapRecordOp) apply(w *writer) error {
	if o.conflict = false; !storage.IsAny(o.old) {
		data, err := w.record(o.kind, o.id)
		if o.conflict = (data == nil) != (o.old == nil) || !bytes.Equal(data, o.old); err != nil || o.conflict {
			return err
		}
	}
	if o.new == nil {
		return w.exec("DELETE FROM messenger_records WHERE kind=? AND id=?", o.kind, o.id)
	}
	return w.exec("INSERT OR REPLACE INTO messenger_records (kind, id, data) VALUES (?, ?, ?)", o.kind, o.id, o.new)
}

// record returns a record, nil where there is none: records are never empty.
func (w *writer) record(kind, id string) (data []byte, err error) {
	err = w.query("SELECT data FROM messenger_records WHERE kind=? AND id=?", func(s *sqlite.Stmt) bool {
		data = columnBytes(s, 0)
		return false
	}, kind, id)
	return data, err
}

// DeleteRecords deletes records by their ids.
func (t *Transport) DeleteRecords(ctx context.Context, kind, from, to string) (int, error) {
	o := &deleteRecordsOp{kind: kind, from: from, to: to}
	err := t.do(ctx, o)
	return o.deleted, err
}

type deleteRecordsOp struct {
	kind, from, to string
	deleted        int
}

func (*deleteRecordsOp) rows() int { return purgeRows }

func (o *deleteRecordsOp) apply(w *writer) error {
	where, args := recordRange(o.kind, o.from, o.to)
	err := w.exec("DELETE FROM messenger_records WHERE "+where, args...)
	o.deleted = w.conn.Changes()
	return err
}
