package postgres

import (
	"bytes"
	"context"
	"fmt"

	"github.com/symphony-messenger/symphony"
)

var (
	getRecord    = newQuery("get_record", `SELECT data FROM {schema}.messenger_records WHERE kind = $1::text AND id = $2::text`)
	listRecords  = newQuery("list_records", `SELECT id, data FROM {schema}.messenger_records WHERE kind = $1::text ORDER BY id COLLATE "C"`)
	putRecord    = newQuery("put_record", `INSERT INTO {schema}.messenger_records (kind, id, data) VALUES ($1::text, $2::text, $3::text) ON CONFLICT (kind, id) DO UPDATE SET data = excluded.data`)
	deleteRecord = newQuery("delete_record", `DELETE FROM {schema}.messenger_records WHERE kind = $1::text AND id = $2::text RETURNING id`)
)

// GetRecord returns one record.
func (t *Transport) GetRecord(ctx context.Context, kind, id string) (data []byte, err error) {
	found := false
	err = t.do(ctx, "read record", call{query: getRecord, params: [][]byte{[]byte(kind), []byte(id)}, row: func(v [][]byte) error {
		data, found = bytes.Clone(v[0]), true
		return nil
	}})
	if err == nil && !found {
		err = fmt.Errorf("record %s/%s: %w", kind, id, symphony.ErrNotFound)
	}
	return data, err
}

// ListRecords returns all records of a kind.
func (t *Transport) ListRecords(ctx context.Context, kind string) (list []symphony.Record, err error) {
	err = t.do(ctx, "list records", call{query: listRecords, params: [][]byte{[]byte(kind)}, row: func(v [][]byte) error {
		list = append(list, symphony.Record{ID: string(v[0]), Data: bytes.Clone(v[1])})
		return nil
	}})
	return list, err
}

// PutRecord creates or replaces a record.
func (t *Transport) PutRecord(ctx context.Context, kind, id string, data []byte) error {
	return t.do(ctx, "store record", call{query: putRecord, params: [][]byte{[]byte(kind), []byte(id), data}})
}

// DeleteRecord deletes a record.
func (t *Transport) DeleteRecord(ctx context.Context, kind, id string) error {
	found := false
	err := t.do(ctx, "delete record", call{query: deleteRecord, params: [][]byte{[]byte(kind), []byte(id)}, row: func([][]byte) error {
		found = true
		return nil
	}})
	if err == nil && !found {
		err = fmt.Errorf("record %s/%s: %w", kind, id, symphony.ErrNotFound)
	}
	return err
}
