package postgres

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/symphony-messenger/symphony"
)

// Rows are locked in the order of their ids, so that two calls never wait for each other.
const lockFailed = `ARRAY(SELECT id FROM {schema}.messenger_failed_messages WHERE id = ANY ($1::uuid[]) AND transport = $2::text ORDER BY id FOR UPDATE)`

// againRow is a failed message that is dispatched again.
type againRow struct {
	messageRow
	failed     uuid
	failedLane int // in which it is counted
}

// againColumns are what such a message keeps. They are given to the message behind the row as they are stored.
var againColumns = columns[againRow]{
	{"id", func(r *againRow, v cell) { r.failed = v.uuid() }},
	{"message_id", func(r *againRow, v cell) { r.ID = v.id() }},
	{"lane", func(r *againRow, v cell) { r.failedLane = v.int4() }},
	{"queue", func(r *againRow, v cell) { r.Queue = v.text() }},
	{"type", func(r *againRow, v cell) { r.Type = v.text() }},
	{"priority", func(r *againRow, v cell) { r.Priority = v.int2() }},
	{"idempotency_key", func(r *againRow, v cell) { r.IdempotencyKey = v.text() }},
	{"headers", func(r *againRow, v cell) { r.headers = bytes.Clone(v) }},
	{"metadata", func(r *againRow, v cell) { r.metadata = bytes.Clone(v) }},
	{"done", func(r *againRow, v cell) { r.done = bytes.Clone(v) }},
	{"payload", func(r *againRow, v cell) { r.Payload = bytes.Clone(v) }},
	{"extras", func(r *againRow, v cell) { _ = r.DecodeExtras(v) }}, // what cannot be read limits nothing
	{"coalesce($3::timestamptz, now())", func(r *againRow, v cell) { r.CreatedAt = v.time() }},
}

var takeFailed = newQuery("take_failed", `DELETE FROM {schema}.messenger_failed_messages WHERE id = ANY (`+lockFailed+`)
	RETURNING `+againColumns.String())

var deleteFailed = newQuery("delete_failed", `WITH gone AS (
		DELETE FROM {schema}.messenger_failed_messages WHERE id = ANY (`+lockFailed+`) RETURNING lane
	), counted AS (
		INSERT INTO {schema}.messenger_counters AS c (shard, lane, pending, processing, completed, failed, scheduled)
		SELECT $3::int8, lane, 0, 0, 0, -count(*), 0 FROM gone GROUP BY lane
		ON CONFLICT (shard, lane) DO UPDATE SET failed = c.failed + excluded.failed
	)
	SELECT count(*) FROM gone`)

// MoveFailed takes messages out of the dead letter queue.
func (t *Transport) MoveFailed(ctx context.Context, moves []symphony.FailedMove) (int, error) {
	if err := t.usable(ctx); err != nil {
		return 0, err
	}
	done, err := t.moveFailed(moves, nil)
	return done, t.storageError("move failed messages", err)
}

// failedMoves are failed messages to move.
type failedMoves struct {
	deletes []uuid
	retries []uuid // that are there
	byID    map[uuid]*symphony.FailedMove
	lanes   map[uuid]*lane // where those that are dispatched again go
	// controlled says that some of these are under flow control.
	controlled bool
}

// moveFailed moves failed messages in one transaction: with the record of a step, unless that is nil.
func (t *Transport) moveFailed(moves []symphony.FailedMove, step *recordStep) (done int, err error) {
	m := failedMoves{byID: make(map[uuid]*symphony.FailedMove)}
	for i := range moves {
		move := &moves[i]
		id, ok := parseUUID(move.ID)
		switch {
		case !ok: // is no id
		case move.NewID == "":
			m.deletes = append(m.deletes, id)
		default:
			if _, ok := parseUUID(move.NewID); !ok {
				return 0, fmt.Errorf("postgres: retry failed message %s: the new id %q is not a UUID", move.ID, move.NewID)
			}
			m.byID[id] = move
		}
	}
	if err := t.findFailed(&m); err != nil {
		return 0, err
	}
	if len(m.deletes)+len(m.retries) == 0 && step == nil {
		return 0, nil
	}
	var list []added
	err = t.retrying(func(ctx context.Context, l *link) (err error) {
		done, list, err = t.move(ctx, l, &m, step)
		return err
	})
	if err != nil {
		return 0, err
	}
	t.arrived(list)
	return done, nil
}

// wayRow is what tells where a failed message goes when it is dispatched again.
type wayRow struct {
	symphony.Envelope
	id uuid
}

var wayColumns = columns[wayRow]{
	{"id", func(r *wayRow, v cell) { r.id = v.uuid() }},
	{"queue", func(r *wayRow, v cell) { r.Queue = v.text() }},
	{"type", func(r *wayRow, v cell) { r.Type = v.text() }},
	{"extras", func(r *wayRow, v cell) { _ = r.DecodeExtras(v) }}, // what cannot be read limits nothing
}

var failedWays = newQuery("failed_ways", `SELECT `+wayColumns.String()+` FROM {schema}.messenger_failed_messages
	WHERE id = ANY ($1::uuid[]) AND transport = $2::text`)

// findFailed finds the lanes of the failed messages that are to be dispatched again.
func (t *Transport) findFailed(m *failedMoves) error {
	if len(m.byID) == 0 {
		return nil
	}
	wanted := slices.Collect(maps.Keys(m.byID))
	return t.retrying(func(ctx context.Context, l *link) error {
		m.retries, m.lanes, m.controlled = nil, make(map[uuid]*lane), false
		names := make(map[uuid]laneName)
		err := l.transact(ctx, call{query: t.keptFailed(failedWays), params: [][]byte{uuidArray(wanted),
			[]byte(t.name)}, row: func(v [][]byte) error {
			var r wayRow
			wayColumns.read(&r, v)
			r.Transport, r.Flow = t.name, r.Flow.Again()
			name := laneOf(&r.Envelope, t.limits.Covers(&r.Envelope))
			names[r.id], m.controlled = name, m.controlled || name.controlled
			m.retries = append(m.retries, r.id)
			return nil
		}})
		for id, name := range names {
			if err == nil {
				m.lanes[id], err = t.lane(ctx, l, name)
			}
		}
		return err
	})
}

// move moves failed messages, with the record of a step unless that is nil.
func (t *Transport) move(ctx context.Context, l *link, m *failedMoves, step *recordStep) (done int, list []added, err error) {
	var (
		rows   []*messageRow
		counts = make(deltas)
		begin  []call
	)
	if step != nil {
		begin = append(begin, step.look())
	}
	if len(m.deletes) > 0 {
		remove := call{query: t.keptFailed(deleteFailed), params: [][]byte{uuidArray(m.deletes), []byte(t.name),
			l.nextShard()}, row: func(v [][]byte) error {
			done = int(int8Column(v[0]))
			return nil
		}}
		if step == nil && len(m.retries) == 0 {
			err = l.transact(ctx, remove)
			return done, nil, err
		}
		begin = append(begin, remove)
	}
	if len(m.retries) > 0 {
		begin = append(begin, call{query: t.keptFailed(takeFailed), params: [][]byte{uuidArray(m.retries),
			[]byte(t.name), t.nowParam()}, row: func(v [][]byte) error {
			row, err := t.again(m, v, counts)
			rows = append(rows, row)
			return err
		}})
	}
	var f *flowTx
	if m.controlled {
		f, err = t.beginFlow(ctx, l, begin...)
	} else {
		err = l.begin(ctx, begin...)
	}
	if err != nil {
		return 0, nil, err
	}
	done += len(rows)
	var last []call
	if step != nil {
		if !step.same {
			l.rollback(ctx)
			return 0, nil, errStepTaken
		}
		last = append(last, step.save(done))
	}
	if len(rows) == 0 {
		return done, nil, l.finish(ctx, last...)
	}
	last = append(last, t.noteRetries(rows), counts.call(l))
	if !m.controlled {
		calls, list := t.insert(l, rows, t.nowParam())
		return done, list, l.finish(ctx, append(calls, last...)...)
	}
	if err := f.enter(rows); err != nil {
		return 0, nil, err
	}
	calls, list := t.insert(l, rows, f.nowParam())
	f.calls = append(append(calls, f.calls...), last...)
	return done, list, f.finish()
}

// again makes the message that takes the place of a failed one, which it takes out of the counts.
func (t *Transport) again(m *failedMoves, v [][]byte, counts deltas) (*messageRow, error) {
	r := againRow{messageRow: messageRow{Envelope: &symphony.Envelope{Transport: t.name}}}
	againColumns.read(&r, v)
	row, move, ln := &r.messageRow, m.byID[r.failed], m.lanes[r.failed]
	row.lane, row.controlled = ln.id, ln.controlled
	row.RetryAs(move)
	row.uuid, _ = parseUUID(move.NewID) // was looked at before
	counts.of(r.failedLane).Failed--
	var err error
	row.extras, err = row.EncodeExtras()
	return row, err
}
