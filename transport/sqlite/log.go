package sqlite

import (
	"context"
	"strings"
	"time"

	"github.com/symphony-messenger/symphony/storage"
	"zombiezen.com/go/sqlite"
)

// AppendLog adds entries to a log. There is one writer, so they can be read in the order of their numbers.
func (t *Transport) AppendLog(ctx context.Context, log string, entries []storage.Entry) (int64, error) {
	o := &appendLogOp{log: log, entries: entries}
	if err := t.do(ctx, o); err != nil {
		return 0, err
	}
	return o.last, nil
}

type appendLogOp struct {
	log     string
	entries []storage.Entry
	last    int64
}

func (o *appendLogOp) rows() int { return len(o.entries) }

func (o *appendLogOp) apply(w *writer) error {
	o.last = 0
	log, at := int64(0), w.wall
	err := w.query("SELECT log, last, last_at FROM messenger_logs WHERE name=?", func(s *sqlite.Stmt) bool {
		log, o.last, at = s.ColumnInt64(0), s.ColumnInt64(1), max(at, s.ColumnInt64(2))
		return false
	}, o.log)
	if err != nil || len(o.entries) == 0 {
		return err
	}
	if log == 0 {
		if err := w.exec("INSERT INTO messenger_logs (name, last, last_at) VALUES (?, 0, 0)", o.log); err != nil {
			return err
		}
		log = w.conn.LastInsertRowID()
	}
	for _, e := range o.entries {
		o.last++
		err := w.insertRow("messenger_log_entries", []value{
			{"log", log}, {"seq", o.last}, {"at", at}, {"kind", e.Kind}, {"data", string(e.Data)},
		})
		if err != nil {
			return err
		}
	}
	return w.exec("UPDATE messenger_logs SET last=?, last_at=? WHERE log=?", o.last, at, log)
}

var entryColumns = columns[storage.Entry]{
	{"seq", func(e *storage.Entry, v cell) { e.Seq = v.int64() }},
	{"at", func(e *storage.Entry, v cell) { e.At = v.time() }},
	{"kind", func(e *storage.Entry, v cell) { e.Kind = v.text() }},
	{"data", func(e *storage.Entry, v cell) { e.Data = v.bytes() }},
}

// ReadLog returns entries of a log, and its end. Times become numbers first: the entries of a time stand together.
func (t *Transport) ReadLog(ctx context.Context, q storage.LogQuery) (page storage.LogPage, err error) {
	q = q.WithDefaults()
	const log = "log=(SELECT log FROM messenger_logs WHERE name=?)"
	conditions, args := []string{log, "seq>?"}, []any{q.Log, q.After}
	add := func(condition string, a ...any) {
		conditions = append(conditions, condition)
		args = append(args, a...)
	}
	const firstAt = "(SELECT seq FROM messenger_log_entries WHERE " + log + " AND at>=? ORDER BY at, seq LIMIT 1)"
	if !q.Since.IsZero() {
		add("seq>="+firstAt, q.Log, microsUp(q.Since)) // none is as young: NULL, which is not true
	}
	if !q.Until.IsZero() {
		add("seq<coalesce("+firstAt+", 9223372036854775807)", q.Log, microsUp(q.Until))
	}
	order := " ORDER BY seq"
	if q.Newest {
		order = " ORDER BY seq DESC"
		if q.Before != 0 {
			add("seq<?", q.Before)
		}
	}
	if len(q.Kinds) > 0 {
		conditions = append(conditions, "kind IN (?"+strings.Repeat(", ?", len(q.Kinds)-1)+")")
		for _, kind := range q.Kinds {
			args = append(args, kind)
		}
	}
	query := "SELECT " + entryColumns.String() + " FROM messenger_log_entries WHERE " + strings.Join(conditions, " AND ") +
		order + " LIMIT +?"
	err = t.read(ctx, "read log in", func(r *reader) error {
		err := r.query(query, func(row *sqlite.Stmt) bool {
			var one storage.Entry
			entryColumns.read(&one, row, 0)
			page.Entries = append(page.Entries, one)
			return true
		}, append(args, q.Limit)...)
		if err != nil {
			return err
		}
		return r.query("SELECT last FROM messenger_logs WHERE name=?", func(s *sqlite.Stmt) bool {
			page.End = s.ColumnInt64(0)
			return false
		}, q.Log)
	})
	return page, err
}

// TrimLog deletes old entries of a log, some at a time.
func (t *Transport) TrimLog(ctx context.Context, log string, before time.Time, keep int64) (int, error) {
	total := 0
	for {
		o := &trimLogOp{log: log, before: microsUp(before), keep: keep}
		if err := t.do(ctx, o); err != nil || o.deleted == 0 {
			return total, err
		}
		total += o.deleted
	}
}

type trimLogOp struct {
	log          string
	before, keep int64
	deleted      int
}

func (o *trimLogOp) rows() int { return purgeRows }

func (o *trimLogOp) apply(w *writer) error {
	o.deleted = 0
	log, through := int64(0), int64(0) // the last number to delete because of its place
	err := w.query("SELECT log, last FROM messenger_logs WHERE name=?", func(s *sqlite.Stmt) bool {
		log = s.ColumnInt64(0)
		if o.keep > 0 {
			through = s.ColumnInt64(1) - o.keep
		}
		return false
	}, o.log)
	if err != nil || log == 0 {
		return err
	}
	err = w.exec(`DELETE FROM messenger_log_entries WHERE log=?1 AND seq IN
		(SELECT seq FROM messenger_log_entries WHERE log=?1 ORDER BY seq LIMIT ?4) AND (at<?2 OR seq<=?3)`,
		log, o.before, through, purgeRows)
	o.deleted = w.conn.Changes()
	return err
}
