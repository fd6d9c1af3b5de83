package sqlite

import (
	"errors"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/storage"
)

// A search by a mark goes through the messages that have it, in the order of their ids, and looks at each where it is.

// markedScan is how many of them one page looks at, each at the cost of several that are walked through in one go.
const markedScan = 10_000

// byMarks says how a query by what few messages carry is answered: by their marks, which all have with ids behind one,
// or by a walk.
type byMarks struct {
	use   bool
	after string
	mark  string
}

// markedQuery reads the messages with a mark. One that is not in the messages' table is looked for elsewhere.
func (f *filter) markedQuery(q *symphony.MessageQuery) string {
	return "SELECT m.seq, k.id, m.lane, " + f.columns("m.id") + " FROM messenger_marks k" +
		" LEFT JOIN messenger_messages m ON m.id = k.id WHERE k.mark=? AND k.id>=? AND k.id<? ORDER BY k.id" +
		direction(q)
}

// storyQuery reads the message with an id.
func (f *filter) storyQuery() string {
	return "SELECT seq, id, lane, " + f.columns("id") + " FROM messenger_messages WHERE id=? AND id>=? AND id<?"
}

// oneFailedQuery is walkFailedQuery for one message.
func (v *view) oneFailedQuery(f *filter) string {
	return "SELECT id, message_id, queue, " + f.failedColumns() +
		" FROM messenger_failed_messages INDEXED BY messenger_failed_messages_by_message WHERE " + v.of() +
		" AND message_id=?"
}

// idRange is that of a query, without the messages that are found otherwise.
func (v *view) idRange(q *symphony.MessageQuery) (from, to string) {
	if from, to = idRange(q); v.marks.use && v.marks.after != "" {
		from = max(from, v.marks.after+" ")
	}
	return from, to
}

// markOf is the mark by which a query is answered, and whether it is one of metadata. Empty: there is none.
func (s *store) markOf(q *symphony.MessageQuery) (mark string, indexed bool) {
	if mark = q.Mark(); mark == "" && q.DispatchedBy == "" {
		mark = storage.MetadataMark(s.indexes, &q.MessageFilter)
		return mark, mark != ""
	}
	return mark, false
}

// walkMarked goes through the messages with the mark of a query, and the one that began the story, if that is asked
// for.
func (v *view) walkMarked(q *symphony.MessageQuery, f *filter, limit int) (list []found, next string, err error) {
	from, to := v.idRange(q)
	var sources []*source
	defer func() {
		for _, s := range sources {
			err = errors.Join(err, s.stmt.Reset())
		}
	}()
	err = v.source(&sources, false, f.markedQuery(q), v.marks.mark, from, to)
	if story := q.Story(); story != "" && err == nil {
		err = v.source(&sources, false, f.storyQuery(), story, from, to)
		if err == nil {
			err = v.source(&sources, true, v.oneFailedQuery(f)+" AND message_id>=? AND message_id<?",
				v.named(story, from, to)...)
		}
	}
	if err != nil {
		return nil, "", err
	}
	return v.mergeSources(sources, q, f, limit, min(q.Scan, markedScan))
}

// failedAt is a message of the dead letter queue that matches; ok is false where there is none with this id.
func (v *view) failedAt(f *filter, id string) (m found, ok bool, err error) {
	if !f.Wants(symphony.Failed) {
		return m, false, nil
	}
	s, err := v.conn.Prepare(v.oneFailedQuery(f))
	if err != nil {
		return m, false, err
	}
	bind(s, v.named(id))
	if ok, err = s.Step(); ok {
		m, ok = found{id: id, failed: s.ColumnText(0)}, v.failedMatches(f, s)
	}
	return m, ok, errors.Join(err, s.Reset())
}
