package sqlite

import (
	"context"
	"slices"
	"strings"

	"github.com/symphony-messenger/symphony"
	"zombiezen.com/go/sqlite"
)

// What few messages carry is in messenger_marks, by symphony.Envelope.Marks and the messages' ids. Marks are written in
// the transaction that stores what they say and deleted in the one that deletes it, so that those of all messages
// behind the id in messenger_marked are exactly what is stored. While no message has any, nothing is looked for.

// markRow is a mark to be inserted.
type markRow struct{ mark, id string }

func bindMark(p *params, m *markRow) {
	p.text(m.mark)
	p.text(m.id)
}

// loadMarks finds out whether any message has marks, and which have none yet.
func (w *writer) loadMarks() error {
	after := ""
	err := w.query("SELECT EXISTS (SELECT 1 FROM messenger_marks), after FROM messenger_marked",
		func(s *sqlite.Stmt) bool {
			w.marks, after = s.ColumnInt(0) != 0, s.ColumnText(1)
			return false
		})
	w.marked.Store(&after)
	return err
}

// mark has a message found by its marks.
func (w *writer) mark(id string, marks []string) {
	for _, mark := range marks {
		w.marks = true
		w.inserts.marks.list = append(w.inserts.marks.list, markRow{mark, id})
	}
}

// unmark deletes marks of a message.
func (w *writer) unmark(id string, marks []string) error {
	for _, mark := range marks {
		if err := w.exec("DELETE FROM messenger_marks WHERE mark=? AND id=?", mark, id); err != nil {
			return err
		}
	}
	return nil
}

// remark replaces the marks of a message.
func (w *writer) remark(id string, before, after []string) error {
	without := func(list, without []string) (rest []string) {
		for _, mark := range list {
			if !slices.Contains(without, mark) {
				rest = append(rest, mark)
			}
		}
		return rest
	}
	w.mark(id, without(after, before))
	return w.unmark(id, without(before, after))
}

// The rows of a message by which its marks are known. One is in one of the tables.
const (
	marksOf       = "SELECT id, idempotency_key, extras FROM messenger_messages WHERE seq=?"
	marksOfFailed = "SELECT message_id, idempotency_key, extras FROM messenger_failed_messages WHERE id=?"
	marksOfID     = `SELECT id, idempotency_key, extras FROM messenger_messages WHERE id=?1
		UNION ALL SELECT message_id, idempotency_key, extras FROM messenger_failed_messages WHERE message_id=?1`
)

// marksIn reads the marks of the message that a query finds by a key.
func (w *writer) marksIn(query string, key any) (id string, marks []string, err error) {
	indexed := len(w.indexed) > 0
	if indexed {
		query = strings.ReplaceAll(query, ", extras FROM", ", extras, type, metadata FROM")
	}
	s, err := w.stmt(query)
	if err != nil {
		return "", nil, err
	}
	err = eachRow(s, func(s *sqlite.Stmt) bool {
		if indexed {
			id, marks = s.ColumnText(0), metadataMarks(w.indexed, s.ColumnText(3), columnBytes(s, 4))
		}
		if s.ColumnType(1) == sqlite.TypeNull && s.ColumnType(2) == sqlite.TypeNull {
			return false // as most have
		}
		e := symphony.Envelope{ID: s.ColumnText(0), IdempotencyKey: s.ColumnText(1)}
		_ = e.DecodeExtras(columnBytes(s, 2)) // what cannot be read has no marks
		id, marks = e.ID, append(marks, e.Marks()...)
		return false
	}, []any{key})
	return id, marks, err
}

// dropMarks deletes the marks of the message that a query finds by a key, which is about to be deleted.
func (w *writer) dropMarks(query string, key any) error {
	if !w.marks {
		return nil
	}
	id, marks, err := w.marksIn(query, key)
	if err != nil {
		return err
	}
	return w.unmark(id, marks)
}

const (
	// fillRows is how many messages one step of housekeeping looks at that have no marks yet, and fillEvery the time
	// between two steps, µs: few enough that others hardly notice, and ten million within five minutes.
	fillRows  = 2000
	fillEvery = 50_000
	// fillSteps is how many steps one call of Housekeep takes.
	fillSteps = 50
)

// unmarked reports whether there are messages that have no marks yet.
func (s *store) unmarked() bool { return *s.marked.Load() != "" }

// fillMarks gives marks to the next messages that an earlier release has stored, the newest first.
func (s *store) fillMarks(ctx context.Context, rows int) error {
	before := s.marked.Load()
	if *before == "" {
		return nil
	}
	o := &fillMarksOp{before: *before}
	carries := "idempotency_key IS NOT NULL OR extras IS NOT NULL"
	if len(s.indexes) > 0 {
		carries += " OR metadata IS NOT NULL"
	}
	// A message that fails meanwhile goes from the first of the tables to the second, so it is in one of the lists.
	err := s.readOn(ctx, s.searchers, "look for marks in", func(r *reader) error {
		for _, query := range []string{
			"SELECT id, " + carries + " FROM messenger_messages" +
				" WHERE id<=? ORDER BY id DESC LIMIT ?",
			"SELECT message_id, " + carries + " FROM messenger_failed_messages" +
				" INDEXED BY messenger_failed_messages_by_message WHERE message_id<=? ORDER BY message_id DESC LIMIT ?",
		} {
			n, last := 0, ""
			err := r.query(query, func(s *sqlite.Stmt) bool {
				n++
				if last = s.ColumnText(0); s.ColumnBool(1) {
					o.ids = append(o.ids, last)
				}
				return true
			}, *before, rows)
			if err != nil {
				return err
			}
			if n == rows { // there may be others
				o.after = max(o.after, last)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := s.do(ctx, o); err != nil {
		return err
	}
	s.marked.CompareAndSwap(before, &o.after)
	return nil
}

// fillMarksOp gives marks to messages, with which all behind after have theirs, where all behind before had.
type fillMarksOp struct {
	ids           []string
	before, after string
}

func (o *fillMarksOp) rows() int { return len(o.ids) }

func (o *fillMarksOp) apply(w *writer) error {
	for _, id := range o.ids {
		// What is gone by now, or was edited, must leave no mark that nobody deletes.
		at, marks, err := w.marksIn(marksOfID, id)
		if err != nil {
			return err
		}
		w.mark(at, marks)
	}
	return w.exec("UPDATE messenger_marked SET after=? WHERE after=?", o.after, o.before)
}
