package postgres

import (
	"context"
	"fmt"

	"github.com/symphony-messenger/symphony"
)

// Messages that end where nothing is kept leave their ids for a while, all of a transaction in one row for each lane
// and status. So that costs a row by the transaction, and whoever asks for one of them reads all of the last minute.

// endsQuery reads the ends of messages that are kept. Completed and cancelled ones that are past their periods are
// remembered for a while like those that are not kept at all, and then unknown.
func (k *kept) endsQuery() *query {
	const now = "$3::timestamptz"
	ended := func(place int, table, ended, condition string) string {
		return fmt.Sprintf(`SELECT id, lane, %d::int2, %s, NOT (%s) FROM {schema}.%s WHERE id = ANY ($1::uuid[])`,
			place, ended, at(condition, now), table)
	}
	return newQuery("read_ends", `SELECT e.id, l.queue, e.place, e.at, e.past FROM (
		SELECT id, lane, 0::int2 AS place, NULL::timestamptz AS at, false AS past FROM {schema}.messenger_messages
			WHERE id = ANY ($1::uuid[])
		UNION ALL
		`+ended(inCompleted, "messenger_completed", "completed_at", k.completed)+`
		UNION ALL
		`+ended(inCancelled, "messenger_cancelled", "cancelled_at", k.cancelled)+`
		UNION ALL
		SELECT message_id, lane, 2::int2, failed_at, false FROM {schema}.messenger_failed_messages
			WHERE message_id = ANY ($1::uuid[])`+k.andFailed(now)+`
	) e JOIN {schema}.messenger_lanes l ON l.lane = e.lane AND l.transport = $2::text
	WHERE NOT e.past OR e.at >= `+now+` - $4::int8 * interval '1 microsecond'`)
}

var rememberedEnds = newQuery("remembered_ends", `SELECT u.id, l.queue, e.at, e.status FROM {schema}.messenger_ended e
	CROSS JOIN LATERAL unnest(e.ids) u(id) JOIN {schema}.messenger_lanes l ON l.lane = e.lane AND l.transport = $2::text
	WHERE e.at >= coalesce($3::timestamptz, now()) - $4::int8 * interval '1 microsecond' AND u.id = ANY ($1::uuid[])`)

var trimEnded = newQuery("trim_ended", `DELETE FROM {schema}.messenger_ended
	WHERE at < coalesce($1::timestamptz, now()) - $2::int8 * interval '1 microsecond'`)

// endedCTE notes those of the messages that a statement has deleted which it does not keep, by their ids and lanes.
func endedCTE(status symphony.Status, now, gone, forgotten string) string {
	return `, ended AS (
			INSERT INTO {schema}.messenger_ended (at, lane, status, ids)
			SELECT coalesce($1::timestamptz, ` + now + `), lane, '` + string(status) + `', array_agg(id)
				FROM ` + gone + ` WHERE ` + forgotten + ` GROUP BY lane
		)`
}

// MessageEnds tells which of some messages are known, and which of them have ended.
func (t *Transport) MessageEnds(ctx context.Context, ids []string) (list []symphony.MessageEnd, err error) {
	if err := t.catchUp(ctx); err != nil {
		return nil, err
	}
	missing := make(map[uuid]bool, len(ids))
	wanted := uuids(len(ids))
	for _, s := range ids {
		if id, ok := messageID(s); ok {
			missing[id] = true
			wanted.uuid(id)
		}
	}
	if len(missing) == 0 {
		return nil, nil
	}
	err = t.do(ctx, "read ends", call{query: t.kept.readEnds, params: [][]byte{wanted.value(), []byte(t.name),
		timeParam(t.storeNow()), int8Param(symphony.EndsRemembered.Microseconds())}, row: func(v [][]byte) error {
		id := uuidColumn(v[0])
		if !missing[id] {
			return nil
		}
		delete(missing, id)
		end := symphony.MessageEnd{ID: id.String(), Queue: string(v[1]), FinishedAt: fromMicros(timeColumn(v[3])),
			Forgotten: boolColumn(v[4])}
		switch int2Column(v[2]) {
		case inCompleted:
			end.Status = symphony.Completed
		case inFailed:
			end.Status = symphony.Failed
		case inCancelled:
			end.Status = symphony.Cancelled
		}
		list = append(list, end)
		return nil
	}})
	if err != nil || len(missing) == 0 {
		return list, err
	}
	gone := uuids(len(missing))
	for id := range missing {
		gone.uuid(id)
	}
	params := [][]byte{gone.value(), []byte(t.name), t.nowParam(), int8Param(symphony.EndsRemembered.Microseconds())}
	err = t.do(ctx, "read ends", call{query: rememberedEnds, params: params, row: func(v [][]byte) error {
		list = append(list, symphony.MessageEnd{ID: uuidColumn(v[0]).String(), Queue: string(v[1]),
			Status:     symphony.Status(v[3]),
			FinishedAt: fromMicros(timeColumn(v[2])), Forgotten: true})
		return nil
	}})
	return list, err
}
