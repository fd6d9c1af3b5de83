package postgres

import (
	"context"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/storage"
)

// waitingLanes has how much waits in each lane of some transports.
var waitingLanes = newQuery("waiting_lanes", `SELECT l.lane, sum(c.pending)::int8
	FROM {schema}.messenger_lanes l JOIN {schema}.messenger_counters c ON c.lane = l.lane
	WHERE l.transport = ANY ($1::text[]) GROUP BY l.lane HAVING sum(c.pending) > 0`)

// typesQuery counts by type the messages that $4 leases and the lanes $2 have, at most $3 of each lane and $4 of all
// that wait. The first row has no type: it says how much waits, and whether more is in hand than may be looked at. Each
// message is looked up by itself: the planner, who does not know how few are looked at, would rather read the table.
var typesQuery = newQuery("count_types", `WITH hand AS MATERIALIZED (
		SELECT u.id FROM {schema}.messenger_leases l CROSS JOIN LATERAL unnest(l.ids) WITH ORDINALITY u(id, n)
		WHERE l.transport = ANY ($1::text[]) AND NOT (u.n - 1)::int4 = ANY (l.settled) LIMIT $4::int8 + 1
	), looked AS (
		(SELECT id, true AS held FROM hand LIMIT $4)
		UNION ALL
		(SELECT w.id, false FROM unnest($2::int4[]) lanes(lane) CROSS JOIN LATERAL (
			(SELECT r.id FROM {schema}.messenger_ready r WHERE r.lane = lanes.lane
				ORDER BY r.lane, r.rank, r.available_at, r.ord LIMIT $3::int8)
			UNION ALL
			(SELECT p.id FROM {schema}.messenger_parked p WHERE p.lane = lanes.lane ORDER BY p.lane, p.id LIMIT $3)
			LIMIT $3) w LIMIT $4)
	)
	SELECT NULL, coalesce(sum(c.pending), 0)::int8, (SELECT count(*) FROM hand)
		FROM {schema}.messenger_lanes l JOIN {schema}.messenger_counters c ON c.lane = l.lane
		WHERE l.transport = ANY ($1)
	UNION ALL
	SELECT m.type, count(*) FILTER (WHERE NOT held), count(*) FILTER (WHERE held) FROM looked
		CROSS JOIN LATERAL (SELECT type FROM {schema}.messenger_messages m WHERE m.id = looked.id LIMIT 1) m
		GROUP BY m.type`)

// CountTypes counts messages that wait and that are in hand by type.
func (t *Transport) CountTypes(
	ctx context.Context, transports []string, most int,
) (counts storage.TypeCounts, err error) {
	counts.Types = make(map[string]storage.Live)
	if err := t.catchUp(ctx); err != nil {
		return counts, err
	}
	var (
		lanes   []int
		waiting []int64
	)
	names := t.transportsOf(&symphony.MessageQuery{Transports: transports})
	err = t.do(ctx, "count types", call{query: waitingLanes, params: [][]byte{names}, row: func(v [][]byte) error {
		lanes, waiting = append(lanes, int4Column(v[0])), append(waiting, int8Column(v[1]))
		return nil
	}})
	if err != nil {
		return counts, err
	}
	counted, all := int64(0), int64(0)
	params := [][]byte{names, int4Array(lanes...), int8Param(storage.Share(waiting, most)), int8Param(int64(most))}
	err = t.inspect(ctx, "count types", call{query: typesQuery, params: params, row: func(v [][]byte) error {
		pending, processing := int8Column(v[1]), int8Column(v[2])
		if v[0] == nil {
			all, counts.MoreProcessing = pending, processing > int64(most)
			return nil
		}
		counts.Add(t.types.text(v[0]), storage.Live{Pending: pending, Processing: processing})
		counted += pending
		return nil
	}})
	counts.MorePending = counted < all
	return counts, err
}
