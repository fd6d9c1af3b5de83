package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
)

// EditMessage changes a pending message.
//
// The row by which a message waits outside of flow control is always made anew: a claim whose statement began before
// this transaction's end then finds it gone, while it would deliver what the message was before if it found it changed.
func (t *Transport) EditMessage(ctx context.Context, id string, edit func(*symphony.Envelope) error) error {
	var refused error
	err := t.steer(ctx, "edit message", id, func(f *flowTx, w *waiting) error {
		return f.edit(w, edit, &refused)
	})
	if err == nil {
		err = refused
	}
	return err
}

// editedColumns are what of a message can be edited, and what the editor looks at.
var editedColumns = columns[messageRow]{
	{"type", func(r *messageRow, v cell) { r.Type = v.text() }},
	{"priority", func(r *messageRow, v cell) { r.Priority = v.int2() }},
	{"created_at", func(r *messageRow, v cell) { r.CreatedAt = v.time() }},
	{"scheduled_at", func(r *messageRow, v cell) { r.ScheduledAt = v.time() }},
	{"idempotency_key", func(r *messageRow, v cell) { r.IdempotencyKey = v.text() }},
	{"headers", func(r *messageRow, v cell) { r.headers = bytes.Clone(v) }},
	{"metadata", func(r *messageRow, v cell) { r.metadata = bytes.Clone(v) }},
	{"extras", func(r *messageRow, v cell) { r.extras = bytes.Clone(v) }},
	{"payload", func(r *messageRow, v cell) { r.Payload = bytes.Clone(v) }},
}

var (
	readMessage = newQuery("read_message", `SELECT `+editedColumns.String()+`
		FROM {schema}.messenger_messages WHERE id = $1::uuid`)
	rewriteMessage = newQuery("rewrite_message", `UPDATE {schema}.messenger_messages SET lane = $2::int4,
		priority = $3::int2, scheduled_at = $4::timestamptz, metadata = $5::text, payload = $6::text, extras = $7::text,
		ready_at = $8::timestamptz WHERE id = $1::uuid`)
	insertScheduledOne = newQuery("insert_scheduled_one", `INSERT INTO {schema}.messenger_scheduled
		(scheduled_at, id, lane) VALUES ($1::timestamptz, $2::uuid, $3::int4)`)
)

// stored reads a waiting message as it is kept.
func (f *flowTx) stored(w *waiting) (row messageRow, err error) {
	row.Envelope, row.uuid = &symphony.Envelope{ID: w.ID, Transport: w.Transport, Queue: w.Queue}, w.Row.id
	err = f.ask(call{query: readMessage, params: [][]byte{w.Row.id[:]}, row: func(v [][]byte) error {
		editedColumns.read(&row, v)
		return nil
	}})
	return row, err
}

// edit changes a waiting message. What the editor refuses changes nothing.
func (f *flowTx) edit(w *waiting, edit func(*symphony.Envelope) error, refused *error) error {
	*refused = nil
	row, err := f.stored(w)
	if err != nil {
		return err
	}
	err = errors.Join(decode("headers", row.headers, &row.Headers), decode("metadata", row.metadata, &row.Metadata),
		row.DecodeExtras(row.extras))
	if err != nil {
		*refused = fmt.Errorf("postgres: edit message %s: %w", w.ID, &symphony.DecodeError{Err: err})
		return nil
	}
	before := *row.Envelope
	if before.Flow != nil { // the editor may write into it
		own := *before.Flow
		row.Flow = &own
	}
	if *refused = edit(row.Envelope); *refused != nil {
		return nil
	}
	if row.metadata, err = encode(len(row.Metadata), row.Metadata); err == nil {
		row.extras, err = row.EncodeExtras()
	}
	if err != nil {
		*refused = fmt.Errorf("postgres: edit message %s: %w", w.ID, err)
		return nil
	}
	_, err = f.engine.Change(w, flow.Moves(&before, row.Envelope, f.limits), func() (*waiting, error) {
		return f.rewrite(w, &row, !before.ScheduledAt.Equal(row.ScheduledAt))
	})
	return err
}

// rewrite stores a message that was edited, and taken out of its place, and says where it waits from now on. retimed
// says that it is to be delivered at another time than before.
func (f *flowTx) rewrite(w *waiting, row *messageRow, retimed bool) (*waiting, error) {
	lane, err := f.laneOf(laneOf(row.Envelope, f.limits.Covers(row.Envelope)))
	if err != nil {
		return nil, err
	}
	if !row.ScheduledAt.IsZero() {
		row.scheduled = micros(row.ScheduledAt)
	}
	it := w.Row.item
	it.lane, it.rank, it.size = lane, rankOf(row.Priority), len(row.Payload)+len(row.metadata)+len(row.headers)
	if retimed {
		it.available, it.ord = max(f.now, row.scheduled), f.nextOrd(1)
	}
	f.later(rewriteMessage, row.uuid[:], int4Param(lane), int2Param(row.Priority), timeParam(row.scheduled),
		row.metadata, row.Payload, row.extras, timeParam(it.available))
	counts := f.counts.of(lane)
	counts.Pending++
	if row.scheduled > f.now && it.available > f.now {
		counts.Scheduled++
		f.later(insertScheduledOne, timeParam(row.scheduled), row.uuid[:], int4Param(lane))
	}
	return f.newWaiting(row.Envelope, located{item: it}), nil
}

// laneOf is the number of a lane, which this transaction makes if there is none. It is known once that is committed.
func (f *flowTx) laneOf(name laneName) (id int, err error) {
	if known := f.lanes.named(name); known != nil {
		return known.id, nil
	}
	err = f.ask(name.making(func(v [][]byte) error {
		made := readLane(v)
		id, f.lanesMade = made.id, append(f.lanesMade, made)
		return nil
	})...)
	return id, err
}
