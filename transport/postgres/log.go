package postgres

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/symphony-messenger/symphony/storage"
)

// logRows bounds the entries that one transaction of a trim deletes.
const logRows = 2000

var (
	// appendLog moves the log's end first, and holds its row until the commit. So entries get their numbers in the
	// order in which they can be read: who finds one finds all before it.
	appendLog = newQuery("append_log", `WITH ends AS (
			INSERT INTO {schema}.messenger_log_ends AS e (log, seq, at)
			VALUES ($2::text, cardinality($3::text[]), coalesce($1::timestamptz, clock_timestamp()))
			ON CONFLICT (log) DO UPDATE
			SET seq = e.seq + excluded.seq, at = greatest(e.at, coalesce($1, clock_timestamp()))
			RETURNING seq, at
		), added AS (
			INSERT INTO {schema}.messenger_log_entries (log, seq, at, kind, data)
			SELECT $2, ends.seq - cardinality($3) + r.n, ends.at, r.kind, r.data
			FROM ends CROSS JOIN unnest($3, $4::text[]) WITH ORDINALITY AS r(kind, data, n)
		)
		SELECT seq FROM ends`)
	logEnd   = newQuery("log_end", `SELECT seq FROM {schema}.messenger_log_ends WHERE log = $1::text`)
	trimLogs = [2]*query{
		newQuery("trim_log_before", `DELETE FROM {schema}.messenger_log_entries WHERE ctid = ANY (ARRAY(
			SELECT ctid FROM {schema}.messenger_log_entries WHERE log = $1::text AND at < $2::timestamptz
			ORDER BY at LIMIT $3::int4 FOR UPDATE SKIP LOCKED)) RETURNING 1`),
		newQuery("trim_log_but", `DELETE FROM {schema}.messenger_log_entries WHERE ctid = ANY (ARRAY(
			SELECT ctid FROM {schema}.messenger_log_entries
			WHERE log = $1::text AND seq <= (SELECT seq FROM {schema}.messenger_log_ends WHERE log = $1) - $2::int8
			ORDER BY seq LIMIT $3::int4 FOR UPDATE SKIP LOCKED)) RETURNING 1`),
	}
)

var entryColumns = columns[storage.Entry]{
	{"seq", func(e *storage.Entry, v cell) { e.Seq = int8Column(v) }},
	{"at", func(e *storage.Entry, v cell) { e.At = v.time() }},
	{"kind", func(e *storage.Entry, v cell) { e.Kind = v.text() }},
	{"data", func(e *storage.Entry, v cell) { e.Data = bytes.Clone(v) }},
}

// AppendLog adds entries to a log.
func (t *Transport) AppendLog(ctx context.Context, log string, entries []storage.Entry) (last int64, err error) {
	if len(entries) == 0 {
		return storage.LogEnd(ctx, t, log)
	}
	if err := t.usable(ctx); err != nil {
		return 0, err
	}
	kinds, data := texts(len(entries)), texts(len(entries))
	for i := range entries {
		kinds.text(cleanText(entries[i].Kind))
		data.text(cleanText(string(entries[i].Data)))
	}
	params := [][]byte{t.nowParam(), []byte(cleanText(log)), kinds.value(), data.value()}
	err = t.retrying(func(ctx context.Context, l *link) error {
		return l.transact(ctx, call{query: appendLog, params: params, row: func(v [][]byte) error {
			last = int8Column(v[0])
			return nil
		}})
	})
	return last, t.storageError("write to log "+log, err)
}

// ReadLog returns entries of a log, and its end.
func (t *Transport) ReadLog(ctx context.Context, q storage.LogQuery) (page storage.LogPage, err error) {
	q = q.WithDefaults()
	c := &condition{}
	c.add("log = ?::text", []byte(cleanText(q.Log)))
	c.add("seq > ?::int8", int8Param(q.After))
	order := "ASC"
	if q.Newest {
		order = "DESC"
		if q.Before != 0 {
			c.add("seq < ?::int8", int8Param(q.Before))
		}
	}
	if len(q.Kinds) > 0 {
		kinds := texts(len(q.Kinds))
		for _, kind := range q.Kinds {
			kinds.text(cleanText(kind))
		}
		c.add("kind = ANY (?::text[])", kinds.value())
	}
	// Times become numbers first: the entries of a time stand together.
	const firstAt = `(SELECT seq FROM {schema}.messenger_log_entries
		WHERE log = $1 AND at >= ?::timestamptz ORDER BY at, seq LIMIT 1)`
	if !q.Since.IsZero() {
		c.add("seq >= "+firstAt, timestamp(q.Since)) // none is as young: NULL, which is not true
	}
	if !q.Until.IsZero() {
		c.add("seq < coalesce("+firstAt+", 9223372036854775807)", timestamp(q.Until))
	}
	sql := fmt.Sprintf("SELECT %s FROM {schema}.messenger_log_entries WHERE %s ORDER BY seq %s LIMIT %d",
		entryColumns, c, order, q.Limit)
	entries := call{query: &query{sql: sql}, params: c.params, row: func(v [][]byte) error {
		var one storage.Entry
		entryColumns.read(&one, v)
		page.Entries = append(page.Entries, one)
		return nil
	}}
	end := call{query: logEnd, params: [][]byte{[]byte(cleanText(q.Log))}, row: func(v [][]byte) error {
		page.End = int8Column(v[0])
		return nil
	}}
	err = t.do(ctx, "read log "+q.Log, entries, end)
	return page, err
}

// TrimLog deletes old entries of a log.
func (t *Transport) TrimLog(ctx context.Context, log string, before time.Time, keep int64) (deleted int, err error) {
	trim := func(q *query, bound []byte) error {
		for more := true; more; {
			n := 0
			params := [][]byte{[]byte(cleanText(log)), bound, int4Param(logRows)}
			if err := t.do(ctx, "trim log "+log, call{query: q, params: params, row: func([][]byte) error {
				n++
				return nil
			}}); err != nil {
				return err
			}
			deleted += n
			more = n == logRows
		}
		return nil
	}
	if !before.IsZero() {
		err = trim(trimLogs[0], timestamp(before))
	}
	if err == nil && keep > 0 {
		err = trim(trimLogs[1], int8Param(keep))
	}
	return deleted, err
}
