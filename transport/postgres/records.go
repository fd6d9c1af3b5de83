package postgres

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/storage"
)

var (
	getRecord    = newQuery("get_record", `SELECT data FROM {schema}.messenger_records WHERE kind = $1::text AND id = $2::text`)
	listRecords  = newQuery("list_records", `SELECT id, data FROM {schema}.messenger_records WHERE kind = $1::text ORDER BY id COLLATE "C"`)
	rangeRecords = newQuery("range_records", `SELECT id, data FROM {schema}.messenger_records
		WHERE kind = $1::text AND id COLLATE "C" >= $2::text AND ($3::text = '' OR id COLLATE "C" < $3::text) ORDER BY id COLLATE "C" LIMIT $4::int4`)
	deleteRecords = newQuery("delete_records", `DELETE FROM {schema}.messenger_records
		WHERE kind = $1::text AND id COLLATE "C" >= $2::text AND ($3::text = '' OR id COLLATE "C" < $3::text) RETURNING 1`)
	// Each of these gives back a row where the record was as expected.
	makeRecord   = newQuery("make_record", `INSERT INTO {schema}.messenger_records (kind, id, data) VALUES ($1::text, $2::text, $3::text) ON CONFLICT DO NOTHING RETURNING id`)
	swapRecord   = newQuery("swap_record", `UPDATE {schema}.messenger_records SET data = $3::text WHERE kind = $1::text AND id = $2::text AND data = $4::text RETURNING id`)
	dropRecord   = newQuery("drop_record", `DELETE FROM {schema}.messenger_records WHERE kind = $1::text AND id = $2::text AND data = $3::text RETURNING id`)
	hasRecord    = newQuery("has_record", `SELECT id FROM {schema}.messenger_records WHERE kind = $1::text AND id = $2::text`)
	putRecord    = newQuery("put_record", `INSERT INTO {schema}.messenger_records (kind, id, data) VALUES ($1::text, $2::text, $3::text) ON CONFLICT (kind, id) DO UPDATE SET data = excluded.data`)
	deleteRecord = newQuery("delete_record", `DELETE FROM {schema}.messenger_records WHERE kind = $1::text AND id = $2::text RETURNING id`)
)

// GetRecord returns one record.
func (t *Transport) GetRecord(ctx context.Context, kind, id string) (data []byte, err error) {
	found := false
	if storage.ValidateRecord(kind, id) == nil {
		err = t.do(ctx, "read record", call{query: getRecord, params: [][]byte{[]byte(kind), []byte(id)}, row: func(v [][]byte) error {
			data, found = bytes.Clone(v[0]), true
			return nil
		}})
	}
	if err == nil && !found {
		err = fmt.Errorf("record %s/%s: %w", kind, id, symphony.ErrNotFound)
	}
	return data, err
}

// ListRecords returns all records of a kind.
func (t *Transport) ListRecords(ctx context.Context, kind string) (list []storage.Record, err error) {
	err = t.do(ctx, "list records", call{query: listRecords, params: [][]byte{[]byte(cleanText(kind))}, row: func(v [][]byte) error {
		list = append(list, storage.Record{ID: string(v[0]), Data: bytes.Clone(v[1])})
		return nil
	}})
	return list, err
}

// PutRecord creates or replaces a record.
func (t *Transport) PutRecord(ctx context.Context, kind, id string, data []byte) error {
	if err := storage.ValidateRecord(kind, id); err != nil {
		return err
	}
	return t.do(ctx, "store record", call{query: putRecord, params: [][]byte{[]byte(kind), []byte(id), data}})
}

// DeleteRecord deletes a record.
func (t *Transport) DeleteRecord(ctx context.Context, kind, id string) error {
	found := false
	var err error
	if storage.ValidateRecord(kind, id) == nil {
		err = t.do(ctx, "delete record", call{query: deleteRecord, params: [][]byte{[]byte(kind), []byte(id)}, row: func([][]byte) error {
			found = true
			return nil
		}})
	}
	if err == nil && !found {
		err = fmt.Errorf("record %s/%s: %w", kind, id, symphony.ErrNotFound)
	}
	return err
}

// RangeRecords returns records by their ids.
func (t *Transport) RangeRecords(ctx context.Context, kind, from, to string, limit int) (list []storage.Record, err error) {
	params := [][]byte{[]byte(cleanText(kind)), recordBound(from), recordBound(to), int4Param(limit)}
	err = t.do(ctx, "list records", call{query: rangeRecords, params: params, row: func(v [][]byte) error {
		list = append(list, storage.Record{ID: string(v[0]), Data: bytes.Clone(v[1])})
		return nil
	}})
	return list, err
}

// DeleteRecords deletes records by their ids.
func (t *Transport) DeleteRecords(ctx context.Context, kind, from, to string) (n int, err error) {
	err = t.do(ctx, "delete records", call{query: deleteRecords, params: [][]byte{[]byte(cleanText(kind)), recordBound(from), recordBound(to)}, row: func([][]byte) error {
		n++
		return nil
	}})
	return n, err
}

// SwapRecord replaces a record that still is old.
func (t *Transport) SwapRecord(ctx context.Context, kind, id string, old, new []byte) error {
	if err := storage.ValidateRecord(kind, id); err != nil && new != nil {
		return err
	}
	done := false
	c := call{params: [][]byte{[]byte(kind), []byte(id)}, row: func([][]byte) error {
		done = true
		return nil
	}}
	switch {
	case old == nil && new == nil:
		c.query = hasRecord
	case old == nil:
		c.query, c.params = makeRecord, append(c.params, new)
	case new == nil:
		c.query, c.params = dropRecord, append(c.params, old)
	default:
		c.query, c.params = swapRecord, append(c.params, new, old)
	}
	var err error
	if storage.ValidateRecord(kind, id) == nil { // else there is none
		err = t.do(ctx, "swap record", c)
	}
	if err == nil && done == (old == nil && new == nil) {
		err = fmt.Errorf("record %s/%s: %w", kind, id, symphony.ErrConflict)
	}
	return err
}

// recordBound is a bound of ids as PostgreSQL takes it. Ids have no NUL, so that none is between a text with NUL behind it
// and the same with the next character.
func recordBound(id string) []byte {
	if before, _, found := strings.Cut(id, "\x00"); found {
		id = before + "\x01"
	}
	return []byte(cleanText(id))
}
