package sqlite

import (
	"context"
	"errors"
	"fmt"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
	"zombiezen.com/go/sqlite"
)

// EditMessage changes a pending message.
func (t *Transport) EditMessage(ctx context.Context, id string, edit func(*symphony.Envelope) error) error {
	var refused error
	err := t.steer(ctx, id, func(f *flowTx, m *waiting) (done bool, err error) {
		refused = nil
		done, err = f.edit(m, edit, &refused)
		return done || refused != nil, err
	})
	if err == nil {
		err = refused
	}
	return err
}

// editedColumns are what of a message can be edited, and what the editor looks at.
var editedColumns = columns[messageRow]{
	{"type", func(m *messageRow, v cell) { m.Type = v.text() }},
	{"priority", func(m *messageRow, v cell) { m.Priority = v.int() }},
	{"created_at", func(m *messageRow, v cell) { m.CreatedAt = v.time() }},
	{"scheduled_at", func(m *messageRow, v cell) { m.ScheduledAt = v.time() }},
	{"idempotency_key", func(m *messageRow, v cell) { m.IdempotencyKey = v.text() }},
	{"headers", func(m *messageRow, v cell) { m.headers = v.bytes() }},
	{"metadata", func(m *messageRow, v cell) { m.metadata = v.bytes() }},
	{"extras", func(m *messageRow, v cell) { m.extras = v.bytes() }},
	{"payload", func(m *messageRow, v cell) { m.Payload = v.bytes() }},
}

// stored reads a waiting message as it is kept.
func (f *flowTx) stored(m *waiting) (row messageRow, err error) {
	row.Envelope = &symphony.Envelope{ID: m.ID, Transport: m.Transport, Queue: m.Queue}
	err = f.query("SELECT "+editedColumns.String()+" FROM messenger_messages WHERE seq=?", func(s *sqlite.Stmt) bool {
		editedColumns.read(&row, s, 0)
		return false
	}, m.Row.seq)
	return row, err
}

// edit changes a waiting message. What the editor refuses changes nothing.
func (f *flowTx) edit(m *waiting, edit func(*symphony.Envelope) error, refused *error) (bool, error) {
	row, err := f.stored(m)
	if err != nil {
		return false, err
	}
	err = errors.Join(decode("headers", row.headers, &row.Headers), decode("metadata", row.metadata, &row.Metadata),
		row.DecodeExtras(row.extras))
	if err != nil {
		*refused = fmt.Errorf("sqlite: edit message %s: %w", m.ID, &symphony.DecodeError{Err: err})
		return false, nil
	}
	before, marks := *row.Envelope, row.Marks()
	marks = append(marks, metadataMarks(f.indexed, row.Type, row.metadata)...)
	if before.Flow != nil { // the editor may write into it
		own := *before.Flow
		row.Flow = &own
	}
	if *refused = edit(row.Envelope); *refused != nil {
		return false, nil
	}
	if row.metadata, err = encode(len(row.Metadata), row.Metadata); err == nil {
		row.extras, err = row.EncodeExtras()
	}
	if err != nil {
		*refused = fmt.Errorf("sqlite: edit message %s: %w", m.ID, err)
		return false, nil
	}
	return f.engine.Change(m, flow.Moves(&before, row.Envelope, f.limits), func() (*waiting, error) {
		now := append(row.Marks(), metadataMarks(f.indexes, row.Type, row.metadata)...)
		if err := f.remark(m.ID, marks, now); err != nil {
			return nil, err
		}
		return f.rewrite(m, &row, !before.ScheduledAt.Equal(row.ScheduledAt))
	})
}

// rewrite stores a message that was edited, and taken out of its place, and says where it waits from now on. retimed
// says that it is to be delivered at another time than before.
func (f *flowTx) rewrite(m *waiting, row *messageRow, retimed bool) (*waiting, error) {
	l, err := f.laneFor(row.Envelope)
	if err != nil {
		return nil, err
	}
	if !row.ScheduledAt.IsZero() {
		row.scheduledAt = micros(row.ScheduledAt)
	}
	p := m.Row
	p.lane, p.rank = l, rankOf(row.Priority)
	p.size = int64(len(row.Payload) + len(row.metadata) + len(row.headers))
	if retimed {
		if p.available = f.now; row.scheduledAt > f.wall {
			p.available = row.scheduledAt + f.steady.Ahead()
		}
	}
	err = f.exec(`UPDATE messenger_messages
		SET lane=?, priority=?, scheduled_at=?, metadata=?, payload=?, extras=?, delay=?-created_at WHERE seq=?`,
		l.id, row.Priority, nullable(row.scheduledAt), row.metadata, []byte(row.Payload), row.extras,
		p.available, p.seq)
	if err != nil {
		return nil, err
	}
	l.next.pending++
	if row.scheduledAt > f.wall && p.available > f.now {
		l.next.scheduled++
		f.nextDue = min(f.nextDue, p.available)
		err = f.exec("INSERT INTO messenger_scheduled (scheduled_at, seq, lane) VALUES (?, ?, ?)",
			row.scheduledAt, p.seq, l.id)
	}
	return newWaiting(row.Envelope, p), err
}
