package postgres

import (
	"context"
	"encoding/json"

	"github.com/symphony-messenger/symphony"
)

// leasesAsTheyAre is lockLeases without a lock: what is told of a message when its delivery ends at that moment may be
// kept or not.
var leasesAsTheyAre = newQuery("leases_as_they_are", `SELECT coalesce($1::timestamptz, now()), `+leaseColumns+`
	FROM {schema}.messenger_leases WHERE token = ANY ($2::uuid[])`)

var lockNotes = newQuery("lock_notes", `SELECT n.lease, n.id, n.progress, n.log FROM {schema}.messenger_notes n
	JOIN unnest($1::uuid[], $2::uuid[]) AS r(id, lease) ON r.id = n.id AND r.lease = n.lease ORDER BY n.id
		FOR UPDATE OF n`)

var putNotes = newQuery("put_notes", `INSERT INTO {schema}.messenger_notes AS n (id, attempt, lease, at, keep,
	progress, log)
	SELECT id, attempt, lease, coalesce($1::timestamptz, now()), keep, progress, log
	FROM unnest($2::uuid[], $3::int4[], $4::uuid[], $5::bool[], $6::text[], $7::text[]) AS r(id, attempt, lease,
		keep, progress, log) ORDER BY id, attempt
	ON CONFLICT (id, attempt) DO UPDATE SET lease = excluded.lease, at = excluded.at, keep = excluded.keep,
		progress = excluded.progress, log = excluded.log`)

// told is what is known of one attempt.
type told struct {
	attempt  int
	keep     bool
	progress []byte
	log      []string
}

type toldKey struct{ id, lease uuid }

// NoteMessages keeps what is told of messages in hand.
func (t *Transport) NoteMessages(ctx context.Context, notes []symphony.Note) []error {
	if len(notes) == 0 {
		return nil
	}
	var (
		errs []error
		gone []int // the places of those that are lost
	)
	err := t.with(ctx, "note messages", func(ctx context.Context, l *link) (err error) {
		errs, gone, err = t.note(ctx, l, notes)
		return err
	})
	if err != nil {
		return allFailed(len(notes), err)
	}
	if len(gone) > 0 {
		leases := make([]symphony.Lease, len(notes))
		for i := range notes {
			leases[i] = notes[i].Lease
		}
		t.lostFor(ctx, leases, errs, gone, false)
	}
	return errs
}

func (s *store) note(ctx context.Context, l *link, notes []symphony.Note) (errs []error, gone []int, err error) {
	var (
		k      = newLocked()
		tokens = uuidArray(tokensOf(notes, func(n symphony.Note) symphony.Lease { return n.Lease }))
		known  = make(map[toldKey]*told)

		keyIDs, keyLeases = uuids(len(notes)), uuids(len(notes))
	)
	for i := range notes {
		token, ok := parseUUID(notes[i].Lease.Token)
		if id, ok2 := parseUUID(notes[i].Lease.MessageID); ok && ok2 {
			keyIDs.uuid(id)
			keyLeases.uuid(token)
		}
	}
	if err := l.begin(ctx,
		call{query: leasesAsTheyAre, params: [][]byte{s.nowParam(), tokens}, row: k.addLease},
		call{query: findItems, params: [][]byte{tokens}, row: k.addMessage},
		call{query: lockNotes, params: [][]byte{keyIDs.value(), keyLeases.value()}, row: func(v [][]byte) error {
			was := &told{progress: append([]byte(nil), v[2]...)}
			if json.Unmarshal(v[3], &was.log) != nil {
				was.log = nil // there was none, or it cannot be read
			}
			known[toldKey{uuidColumn(v[1]), uuidColumn(v[0])}] = was
			return nil
		}}); err != nil {
		return nil, nil, err
	}
	var (
		order []toldKey
		seen  = make(map[toldKey]bool)
	)
	for i := range notes {
		n := &notes[i]
		token, ok := parseUUID(n.Lease.Token)
		id, ok2 := parseUUID(n.Lease.MessageID)
		r := k.held(token, n.Lease.Index, id)
		if !ok || !ok2 || r == nil {
			errs, gone = lost(errs, len(notes), i), append(gone, i)
			continue
		}
		key := toldKey{id, token}
		now := known[key]
		if now == nil {
			now = &told{}
			known[key] = now
		}
		now.attempt, now.keep = r.items[n.Lease.Index].attempt, n.KeepLog
		if n.Progress != nil {
			raw, err := json.Marshal(n.Progress)
			if err != nil {
				return nil, nil, err
			}
			now.progress = raw
		}
		if len(n.Log) > 0 {
			now.log = symphony.AppendLog(now.log, n.Log...)
		}
		if !seen[key] {
			seen[key], order = true, append(order, key)
		}
	}
	if len(order) == 0 {
		return errs, gone, l.finish(ctx)
	}
	put, err := putNotesCall(s.nowParam(), order, known)
	if err != nil {
		return nil, nil, err
	}
	return errs, gone, l.finish(ctx, put)
}

func putNotesCall(now []byte, order []toldKey, known map[toldKey]*told) (call, error) {
	n := len(order)
	ids, attempts, leases, keep, progress, logs := uuids(n), int4s(n), uuids(n), bools(n), texts(n), texts(n)
	for _, key := range order {
		what := known[key]
		var log []byte
		if len(what.log) > 0 {
			var err error
			if log, err = json.Marshal(what.log); err != nil {
				return call{}, err
			}
		}
		ids.uuid(key.id)
		attempts.int4(what.attempt)
		leases.uuid(key.lease)
		keep.bool(what.keep)
		progress.bytes(what.progress)
		logs.bytes(log)
	}
	return call{query: putNotes, params: [][]byte{now, ids.value(), attempts.value(), leases.value(),
		keep.value(), progress.value(), logs.value()}}, nil
}

var readNotes = newQuery("read_notes", `SELECT attempt, at, keep, progress, log FROM {schema}.messenger_notes
	WHERE id = $1::uuid ORDER BY attempt`)

// notesCall adds to the message that a page has got by then what its attempts have told.
func notesCall(id []byte, page *symphony.MessagePage) call {
	return call{query: readNotes, params: [][]byte{id}, row: func(v [][]byte) error {
		var (
			progress *symphony.ProgressState
			log      []string
		)
		// What cannot be read is left out, as everywhere.
		if len(v[3]) > 0 && json.Unmarshal(v[3], &progress) != nil {
			progress = nil
		}
		if len(v[4]) > 0 && json.Unmarshal(v[4], &log) != nil {
			log = nil
		}
		for i := range page.Messages {
			page.Messages[i].AddNote(int4Column(v[0]), fromMicros(timeColumn(v[1])), boolColumn(v[2]), progress, log)
		}
		return nil
	}}
}

// forgetNotes deletes what was told of messages that are nowhere any more, of some that come behind one in their order.
// The result is the last that it has looked at, and how many.
var forgetNotes = newQuery("forget_notes", `WITH looked AS MATERIALIZED (
		SELECT DISTINCT id FROM {schema}.messenger_notes WHERE id > $1::uuid ORDER BY id LIMIT $2::int4
	), gone AS (
		DELETE FROM {schema}.messenger_notes n USING looked s WHERE n.id = s.id
			AND NOT EXISTS (SELECT FROM {schema}.messenger_messages m WHERE m.id = s.id)
			AND NOT EXISTS (SELECT FROM {schema}.messenger_completed c WHERE c.id = s.id)
			AND NOT EXISTS (SELECT FROM {schema}.messenger_cancelled x WHERE x.id = s.id)
			AND NOT EXISTS (SELECT FROM {schema}.messenger_failed_messages f WHERE f.message_id = s.id)
	)
	SELECT max(id::text), count(*) FROM looked`)

// forgetOldNotes goes through all notes.
func (s *store) forgetOldNotes(ctx context.Context) error {
	for after, more := (uuid{}), true; more; {
		err := s.do(ctx, "forget notes", call{query: forgetNotes, params: [][]byte{after[:],
			int4Param(houseRows)}, row: func(v [][]byte) error {
			more = int8Column(v[1]) == houseRows
			after, _ = parseUUID(string(v[0]))
			return nil
		}})
		if err != nil {
			return err
		}
	}
	return nil
}
