package sqlite

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/symphony-messenger/symphony"
	"zombiezen.com/go/sqlite"
)

// NoteMessages keeps what is told of messages in hand, in one transaction that is shared with concurrent calls.
func (t *Transport) NoteMessages(ctx context.Context, notes []symphony.Note) []error {
	o := &noteOp{list: notes}
	if err := t.do(ctx, o); err != nil {
		return allFailed(len(notes), err)
	}
	return o.errs
}

type noteOp struct {
	list []symphony.Note
	errs []error
}

func (o *noteOp) rows() int { return len(o.list) }

func (o *noteOp) apply(w *writer) error {
	o.errs = nil
	for i := range o.list {
		n := &o.list[i]
		if l, it := w.item(n.Lease); l == nil {
			_, why, err := w.lostFor(n.Lease)
			if err != nil {
				return err
			}
			o.errs = failed(o.errs, len(o.list), i, why)
		} else if err := w.note(it, n); err != nil {
			return fmt.Errorf("note %s: %w", n.Lease.MessageID, err)
		}
	}
	return nil
}

// note adds to what is known of an attempt.
func (w *writer) note(it *leased, n *symphony.Note) error {
	var (
		known         bool
		progress, log any
		lines         []string
	)
	err := w.query("SELECT progress, log FROM messenger_notes WHERE id=? AND attempt=? AND lease=?",
		func(s *sqlite.Stmt) bool {
			known = true
			if raw := columnBytes(s, 0); len(raw) > 0 {
				progress = raw
			}
			if raw := columnBytes(s, 1); len(raw) > 0 && json.Unmarshal(raw, &lines) == nil {
				log = raw
			}
			return false
		}, n.Lease.MessageID, it.attempt, n.Lease.Token)
	if err != nil {
		return err
	}
	if n.Progress != nil {
		raw, err := json.Marshal(n.Progress)
		if err != nil {
			return err
		}
		progress = raw
	}
	if len(n.Log) > 0 {
		raw, err := json.Marshal(symphony.AppendLog(lines, n.Log...))
		if err != nil {
			return err
		}
		log = raw
	}
	keep := 0
	if n.KeepLog {
		keep = 1
	}
	if known {
		return w.exec("UPDATE messenger_notes SET at=?, keep=?, progress=?, log=? WHERE id=? AND attempt=?",
			w.wall, keep, progress, log, n.Lease.MessageID, it.attempt)
	}
	return w.exec(`INSERT OR REPLACE INTO messenger_notes (id, attempt, lease, at, keep, progress, log)
		VALUES (?, ?, ?, ?, ?, ?, ?)`,
		n.Lease.MessageID, it.attempt, n.Lease.Token, w.wall, keep, progress, log)
}

// notes adds to a message what its attempts have told.
func (r *reader) notes(m *symphony.MessageInfo) error {
	return r.query("SELECT attempt, at, keep, progress, log FROM messenger_notes WHERE id=? ORDER BY attempt",
		func(s *sqlite.Stmt) bool {
			var (
				progress *symphony.ProgressState
				log      []string
			)
			// What cannot be read is left out, as everywhere.
			if raw := columnBytes(s, 3); len(raw) > 0 && json.Unmarshal(raw, &progress) != nil {
				progress = nil
			}
			if raw := columnBytes(s, 4); len(raw) > 0 && json.Unmarshal(raw, &log) != nil {
				log = nil
			}
			m.AddNote(s.ColumnInt(0), fromMicros(s.ColumnInt64(1)), s.ColumnBool(2), progress, log)
			return true
		}, m.ID)
}

// forgetNotes deletes what was told of messages that are nowhere any more.
func (s *store) forgetNotes(ctx context.Context) error {
	for after := ""; ; {
		o := &forgetNotesOp{after: after}
		if err := s.do(ctx, o); err != nil || !o.more {
			return err
		}
		after = o.after
	}
}

// forgetNotesOp looks at the notes of some messages behind one.
type forgetNotesOp struct {
	after string
	more  bool
}

func (*forgetNotesOp) rows() int { return purgeRows }

func (o *forgetNotesOp) apply(w *writer) error {
	after, last, n := o.after, "", 0
	err := w.query("SELECT DISTINCT id FROM messenger_notes WHERE id>? ORDER BY id LIMIT ?", func(s *sqlite.Stmt) bool {
		last = s.ColumnText(0)
		n++
		return true
	}, after, purgeRows)
	if err != nil || n == 0 {
		return err
	}
	o.after, o.more = last, n == purgeRows
	return w.exec(`DELETE FROM messenger_notes WHERE id>? AND id<=? AND NOT EXISTS (SELECT 1
		FROM messenger_messages m WHERE m.id = messenger_notes.id)
		AND NOT EXISTS (SELECT 1 FROM messenger_lanes l CROSS
			JOIN messenger_failed_messages f ON f.transport = l.transport
				AND f.message_id = messenger_notes.id)`, after, last)
}
