package postgres

import (
	"context"

	"github.com/symphony-messenger/symphony"
)

var insertRetried = newQuery("insert_retried", `INSERT INTO {schema}.messenger_retried (id, new_id, retried_at)
	SELECT id, new_id, coalesce($1::timestamptz, now()) FROM unnest($2::uuid[], $3::uuid[]) AS r(id, new_id)
	ON CONFLICT (id) DO UPDATE SET new_id = excluded.new_id, retried_at = excluded.retried_at`)

// noteRetries keeps, for those who ask for failed messages that are gone, which ones took their place.
func (t *Transport) noteRetries(rows []*messageRow) call {
	ids, as := uuids(2*len(rows)), uuids(2*len(rows))
	for _, row := range rows {
		for _, was := range [...]string{row.Terms.RetryOf.MessageID, row.Terms.RetryOf.FailedID} {
			id, _ := parseUUID(was) // is one
			ids.uuid(id)
			as.uuid(row.uuid)
		}
	}
	return call{query: insertRetried, params: [][]byte{t.nowParam(), ids.value(), as.value()}}
}

var findRetried = newQuery("find_retried", `SELECT new_id FROM {schema}.messenger_retried WHERE id = $1::uuid`)

// retriedAs adds to a page without the message that was asked for which one took its place.
func (t *Transport) retriedAs(ctx context.Context, page *symphony.MessagePage, text string) error {
	id, ok := parseUUID(text)
	if !ok || len(page.Messages) > 0 {
		return nil
	}
	return t.do(ctx, "look for the retry of a message", call{query: findRetried, params: [][]byte{id[:]},
		row: func(v [][]byte) error {
			page.RetriedAs = uuidColumn(v[0]).String()
			return nil
		}})
}

var purgeRetried = newQuery("purge_retried", `WITH gone AS (
		DELETE FROM {schema}.messenger_retried WHERE ctid = ANY (ARRAY(
			SELECT ctid FROM {schema}.messenger_retried
			WHERE retried_at <= coalesce($1::timestamptz, now()) - $3::int8 * interval '1 microsecond'
			ORDER BY retried_at LIMIT $2::int4 FOR UPDATE SKIP LOCKED))
		RETURNING 1
	) SELECT count(*) FROM gone`)
