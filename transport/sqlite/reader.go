package sqlite

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/symphony-messenger/symphony"
	"zombiezen.com/go/sqlite"
)

// reader is a connection that only reads. It serves one goroutine at a time.
type reader struct {
	conn  *sqlite.Conn
	body  *sqlite.Stmt
	stmts map[string]*sqlite.Stmt // of query, by their text
	types map[string]string       // one copy of each type's name, however many messages have it
	// purged is the store's time until when what was past its period is deleted, as of before the snapshot, which
	// therefore has none of it.
	purged int64
	buf    []byte
}

// maxTypes bounds the copies of type names that a reader keeps.
const maxTypes = 1000

func newReader(conn *sqlite.Conn) *reader {
	return &reader{conn: conn, stmts: make(map[string]*sqlite.Stmt), types: make(map[string]string)}
}

// read runs f with a reader, which sees the database as it stands at one moment, and takes care that a query ends with
// ctx. Queries of several moments may miss what is moved between two of their tables, or say what never was.
func (s *store) read(ctx context.Context, doing string, f func(*reader) error) error {
	return s.readOn(ctx, s.readers, doing, f)
}

// readOn is read with one of some readers.
func (s *store) readOn(ctx context.Context, readers chan *reader, doing string, f func(*reader) error) error {
	select {
	case r, ok := <-readers:
		if !ok {
			return fmt.Errorf("sqlite: %w", symphony.ErrClosed)
		}
		defer func() { readers <- r }()
		r.conn.SetInterrupt(ctx.Done())
		defer r.conn.SetInterrupt(nil)
		r.purged = s.purged.until.Load()
		if err := r.snapshot(f); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if errors.Is(err, symphony.ErrNotFound) {
				return err
			}
			return s.storageError(doing, err)
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// snapshot runs f in a read transaction.
func (r *reader) snapshot(f func(*reader) error) (err error) {
	if err := r.query("BEGIN", nil); err != nil {
		return err
	}
	defer func() {
		r.conn.SetInterrupt(nil) // it must end
		if end := r.query("ROLLBACK", nil); err == nil {
			err = end
		}
	}()
	return f(r)
}

// query runs a statement and calls row for each of its rows, until row says false. The statement keeps the values of its
// last run until they are replaced: SQLite plans one anew whose values were cleared, or whose LIMIT is a plain parameter
// ("LIMIT +?" is none), which takes several times as long as to find a row.
func (r *reader) query(query string, row func(*sqlite.Stmt) bool, args ...any) error {
	s := r.stmts[query]
	if s == nil {
		var err error
		if s, err = r.conn.Prepare(query); err != nil {
			return err
		}
		r.stmts[query] = s
	} else if err := s.Reset(); err != nil {
		return err
	}
	return eachRow(s, row, args)
}

// message reads one message's body into d.
func (r *reader) message(seq int64, d *symphony.Delivery) (err error) {
	if r.body == nil {
		r.body, err = r.conn.Prepare(`SELECT id, type, priority, created_at, scheduled_at, idempotency_key, headers, metadata, done, payload, extras
			FROM messenger_messages WHERE seq=?`)
		if err != nil {
			return err
		}
	}
	s := r.body
	s.BindInt64(1, seq)
	found, err := s.Step()
	if err != nil {
		return err
	}
	if !found {
		return errors.Join(fmt.Errorf("message %d of a lease is missing: %w", seq, ErrCorrupt), s.Reset())
	}
	d.ID = s.ColumnText(0)
	d.Type = r.intern(s, 1)
	d.Priority = s.ColumnInt(2)
	d.CreatedAt = fromMicros(s.ColumnInt64(3))
	d.ScheduledAt = fromMicros(s.ColumnInt64(4))
	d.IdempotencyKey = s.ColumnText(5)
	d.DecodeErr = errors.Join(
		decode("headers", columnBytes(s, 6), &d.Headers),
		decode("metadata", columnBytes(s, 7), &d.Metadata),
		decode("done", columnBytes(s, 8), &d.Done),
		d.DecodeExtras(columnBytes(s, 10)))
	d.Payload = columnBytes(s, 9)
	return s.Reset()
}

// intern returns a text column, the same string for the same text.
func (r *reader) intern(s *sqlite.Stmt, col int) string {
	n := s.ColumnLen(col)
	if cap(r.buf) < n {
		r.buf = make([]byte, n)
	}
	b := r.buf[:n]
	s.ColumnBytes(col, b)
	if known, ok := r.types[string(b)]; ok {
		return known
	}
	if len(r.types) >= maxTypes {
		clear(r.types)
	}
	text := string(b)
	r.types[text] = text
	return text
}

// decode reads a JSON column, keeping every digit of numbers. An empty one leaves v as it is.
func decode(column string, raw []byte, v any) error {
	if len(raw) == 0 {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if err := dec.Decode(v); err != nil {
		return fmt.Errorf("%s: %w", column, err)
	}
	return nil
}
