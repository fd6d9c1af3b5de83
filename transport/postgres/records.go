package postgres

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/storage"
)

var recordColumns = columns[storage.Record]{
	{"id", func(r *storage.Record, v cell) { r.ID = v.text() }},
	{"data", func(r *storage.Record, v cell) { r.Data = bytes.Clone(v) }},
}

// recordRange selects the records of a kind with an id from a bound on, recordsBetween those before a second bound
// only.
const (
	recordRange    = ` FROM {schema}.messenger_records WHERE kind = $1::text AND id COLLATE "C" >= $2::text`
	recordsBetween = recordRange + ` AND id COLLATE "C" < $3::text`
)

var (
	recordsFrom = newQuery("records_from", `SELECT `+recordColumns.String()+recordRange+`
		ORDER BY id COLLATE "C" LIMIT $3::int4`)
	recordsFromTo = newQuery("records_from_to", `SELECT `+recordColumns.String()+recordsBetween+`
		ORDER BY id COLLATE "C" LIMIT $4::int4`)
	deleteFrom   = newQuery("delete_records_from", `DELETE`+recordRange+` RETURNING 1`)
	deleteFromTo = newQuery("delete_records_from_to", `DELETE`+recordsBetween+` RETURNING 1`)
	// Each of these gives back a row where the record was as expected.
	hasRecord = newQuery("has_record", `SELECT 1 FROM {schema}.messenger_records
		WHERE kind = $1::text AND id = $2::text`)
	makeRecord = newQuery("make_record", `INSERT INTO {schema}.messenger_records (kind, id, data)
		VALUES ($1::text, $2::text, $3::text) ON CONFLICT DO NOTHING RETURNING 1`)
	putRecord = newQuery("put_record", `INSERT INTO {schema}.messenger_records (kind, id, data)
		VALUES ($1::text, $2::text, $3::text) ON CONFLICT (kind, id) DO UPDATE SET data = excluded.data RETURNING 1`)
	swapRecord = newQuery("swap_record", `UPDATE {schema}.messenger_records SET data = $3::text
		WHERE kind = $1::text AND id = $2::text AND data = $4::text RETURNING 1`)
	dropRecord = newQuery("drop_record", `DELETE FROM {schema}.messenger_records
		WHERE kind = $1::text AND id = $2::text AND ($3::text IS NULL OR data = $3) RETURNING 1`)
)

// RangeRecords returns records by their ids.
func (t *Transport) RangeRecords(
	ctx context.Context, kind, from, to string, limit int,
) (list []storage.Record, err error) {
	c := call{query: recordsFrom, params: [][]byte{[]byte(cleanText(kind)), recordBound(from)}}
	c.row = func(v [][]byte) error {
		var one storage.Record
		recordColumns.read(&one, v)
		list = append(list, one)
		return nil
	}
	if to != "" {
		c.query, c.params = recordsFromTo, append(c.params, recordBound(to))
	}
	c.params = append(c.params, int4Param(limit))
	err = t.do(ctx, "read records", c)
	return list, err
}

// DeleteRecords deletes records by their ids.
func (t *Transport) DeleteRecords(ctx context.Context, kind, from, to string) (n int, err error) {
	c := call{query: deleteFrom, params: [][]byte{[]byte(cleanText(kind)), recordBound(from)}}
	c.row = func([][]byte) error {
		n++
		return nil
	}
	if to != "" {
		c.query, c.params = deleteFromTo, append(c.params, recordBound(to))
	}
	err = t.do(ctx, "delete records", c)
	return n, err
}

// SwapRecord replaces a record that still is old.
func (t *Transport) SwapRecord(ctx context.Context, kind, id string, old, new []byte) error {
	if new != nil {
		if err := storage.ValidateRecord(kind, id, new); err != nil {
			return err
		}
	}
	done := false
	c := call{params: [][]byte{[]byte(kind), []byte(id)}, row: func([][]byte) error {
		done = true
		return nil
	}}
	whatever := storage.IsAny(old)
	switch {
	case old == nil && new == nil:
		c.query = hasRecord
	case whatever && new == nil:
		c.query, c.params = dropRecord, append(c.params, nil)
	case new == nil:
		c.query, c.params = dropRecord, append(c.params, old)
	case whatever:
		c.query, c.params = putRecord, append(c.params, new)
	case old == nil:
		c.query, c.params = makeRecord, append(c.params, new)
	default:
		c.query, c.params = swapRecord, append(c.params, new, old)
	}
	var err error
	if symphony.ValidText(kind) && symphony.ValidText(id) { // else there is none
		err = t.do(ctx, "swap record", c)
	}
	if absent := old == nil && new == nil; err == nil && done == absent && !whatever {
		err = fmt.Errorf("record %s/%s: %w", kind, id, symphony.ErrConflict)
	}
	return err
}

// recordBound is a bound of ids as PostgreSQL takes it. Ids have no NUL, so that none is between a text with NUL behind
// it and the same with the next character.
func recordBound(id string) []byte {
	if before, _, found := strings.Cut(id, "\x00"); found {
		id = before + "\x01"
	}
	return []byte(cleanText(id))
}
