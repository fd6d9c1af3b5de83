package postgres

import (
	"context"
	"time"

	"github.com/symphony-messenger/symphony"
)

// countQuery adds up the counts of a transport's lanes. Scheduled messages whose time has come count as such until
// housekeeping has noted it, so they are subtracted.
var countQuery = newQuery("count", `SELECT coalesce($1::timestamptz, now()), `+laneColumns+`,
		sum(c.pending)::int8, sum(c.processing)::int8, sum(c.completed)::int8, sum(c.failed)::int8, (sum(c.scheduled) - coalesce(max(d.n), 0))::int8,
		sum(c.cancelled)::int8
	FROM {schema}.messenger_lanes l
	JOIN {schema}.messenger_counters c ON c.lane = l.lane
	LEFT JOIN (
		SELECT lane, count(*) AS n FROM {schema}.messenger_scheduled
		WHERE scheduled_at >= coalesce($3::timestamptz, '-infinity') AND scheduled_at <= coalesce($1, now()) GROUP BY lane) d ON d.lane = l.lane
	WHERE l.transport = $2::text GROUP BY l.lane`)

// Stats adds up counts that are kept as messages move, and finds the age of the oldest at the head of each stream.
func (t *Transport) Stats(ctx context.Context) (symphony.Stats, error) {
	stats := symphony.Stats{Queues: make(map[string]symphony.QueueStats)}
	if err := t.usable(ctx); err != nil {
		return stats, err
	}
	if err := t.expireIfDue(ctx); err != nil {
		return stats, err
	}
	if err := t.controlIfDue(ctx); err != nil {
		return stats, err
	}
	if err := t.sweepIfDue(ctx, true); err != nil {
		return stats, err
	}
	var now int64
	calls := []call{{
		query:  t.countQuery(),
		params: [][]byte{t.nowParam(), []byte(t.name), t.house.dueFloor.param(t.storeNow())},
		row: func(v [][]byte) error {
			now = timeColumn(v[0])
			if err := t.addLane(v[1:7]); err != nil {
				return err
			}
			q := stats.Queues[string(v[3])]
			q.Add(symphony.QueueStats{Pending: int8Column(v[7]), Processing: int8Column(v[8]),
				Completed: int8Column(v[9]), Failed: int8Column(v[10]), Scheduled: int8Column(v[11]),
				Cancelled: int8Column(v[12])})
			stats.Queues[string(v[3])] = q
			return nil
		},
	}}
	unasked, asked := t.unasked()
	calls = append(calls, asked)
	probes := t.heads.ready(t.wanted(nil, true), t.storeNow()+clockSlack)
	defer t.heads.done(probes)
	oldest := make(map[int]int64) // by lane
	if len(probes) > 0 {
		c := &claim{Transport: t}
		calls = append(calls, call{query: peekQuery, params: c.streams(probes, repeat(1, len(probes)), 0), row: func(v [][]byte) error {
			lane, at := probes[int8Column(v[0])-1].lane, timeColumn(v[1])
			if before, ok := oldest[lane]; !ok || at < before {
				oldest[lane] = at
			}
			return nil
		}})
	}
	if err := t.do(ctx, "stats", calls...); err != nil {
		return symphony.Stats{}, err
	}
	for lane, at := range oldest {
		queue := t.lanes.numbered(lane).queue
		q := stats.Queues[queue]
		q.OldestPendingAge = max(q.OldestPendingAge, time.Duration(max(now-at, 0))*time.Microsecond)
		stats.Queues[queue] = q
	}
	for name, q := range stats.Queues {
		stats.Add(q)
		q.UnaskedSince, q.UnpushedSince = fromMicros(unasked(name, false)), fromMicros(unasked(name, true))
		stats.Queues[name] = q
	}
	return stats, nil
}
