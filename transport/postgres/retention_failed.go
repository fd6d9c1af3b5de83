package postgres

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/retention"
)

// Dead letters are in the order of their failure, so that those that came to the end of a period in a time are next to
// each other.

// aging selects the dead letters of one period that is over, of those transports that it does not name itself.
func (k *kept) aging(s span) string {
	bound := func(us int64, while time.Duration) string {
		id := idAt(time.UnixMicro(max(us+while.Microseconds(), 0)))
		return "'" + id.String() + "'::uuid"
	}
	terms := []string{"id < " + bound(s.until, failedSkew), "failed_at <= " + timeLiteral(s.until),
		fmt.Sprintf("%s = %d", k.failedFor, s.period)}
	if s.after > 0 {
		terms = append(terms, "id >= "+bound(s.after, -failedSkew))
	}
	return strings.Join(terms, " AND ")
}

// agedText counts the dead letters of the transports of a parameter by lane that are past their periods and may not be
// deleted yet; empty where there can be none.
func (s *store) agedText(transports string) string {
	var parts []string
	for _, span := range s.kept.spans(symphony.Failed, s.purged.until.Load(), s.storeNow()) {
		parts = append(parts,
			"SELECT lane FROM {schema}.messenger_failed_messages WHERE transport = "+transports+
				" AND "+s.kept.aging(span))
	}
	if len(parts) == 0 {
		return ""
	}
	return "SELECT lane, count(*) AS n FROM (" + strings.Join(parts, " UNION ALL ") + ") x GROUP BY lane"
}

// countFailedQuery is countFailed without dead letters that are past their periods.
func (s *store) countFailedQuery() *query {
	aged := s.agedText("ANY ($1::text[])")
	if aged == "" {
		return countFailed
	}
	return &query{sql: "SELECT (" + countFailed.sql + ") - coalesce((SELECT sum(n) FROM (" + aged + ") a), 0)::int8"}
}

// countQuery is the query of Stats, without dead letters that are past their periods.
func (s *store) countQuery() *query {
	aged := s.agedText("$2::text")
	if aged == "" {
		return countQuery
	}
	sql := strings.Replace(countQuery.sql, "sum(c.failed)::int8", "(sum(c.failed) - coalesce(max(aged.n), 0))::int8", 1)
	return &query{sql: strings.Replace(sql, "WHERE l.transport",
		"LEFT JOIN ("+aged+") aged ON aged.lane = l.lane WHERE l.transport", 1)}
}

var failedTransports = newQuery("failed_transports", `SELECT DISTINCT transport
	FROM {schema}.messenger_lanes ORDER BY 1`)

// purgeFailed deletes dead letters that are past their periods, and tells of those that it deleted.
func (s *store) purgeFailed(ctx context.Context, since, now int64) error {
	spans := s.kept.spans(symphony.Failed, since, now)
	if len(spans) == 0 {
		return nil
	}
	var (
		transports []string
		all        retention.Aged
	)
	defer func() { // also of a run that did not come to its end
		if s.aged != nil && all.Total() > 0 {
			s.aged(ctx, all)
		}
	}()
	err := s.do(ctx, "purge", call{query: failedTransports, row: func(v [][]byte) error {
		transports = append(transports, string(v[0]))
		return nil
	}})
	for _, span := range spans {
		for _, transport := range transports {
			if err == nil {
				err = s.ageFailed(ctx, transport, s.kept.aging(span), &all)
			}
		}
	}
	return err
}

// ageFailed deletes dead letters of a transport, each part in a transaction with the counts.
func (s *store) ageFailed(ctx context.Context, transport, where string, all *retention.Aged) error {
	after := uuid{}
	for more := true; more; {
		var (
			aged retention.Aged
			last uuid
		)
		sql := fmt.Sprintf(`WITH gone AS (
				DELETE FROM {schema}.messenger_failed_messages WHERE id = ANY (ARRAY(
					SELECT id FROM {schema}.messenger_failed_messages
					WHERE transport = $1::text AND id > $2::uuid AND %s
					ORDER BY id LIMIT %d FOR UPDATE SKIP LOCKED))
				RETURNING id, lane, queue, type
			), counted AS (
				INSERT INTO {schema}.messenger_counters AS c
					(shard, lane, pending, processing, completed, failed, scheduled)
				SELECT $3::int8, lane, 0, 0, 0, -count(*), 0 FROM gone GROUP BY lane
				ON CONFLICT (shard, lane) DO UPDATE SET failed = c.failed + excluded.failed
			) SELECT queue, type, count(*), (array_agg(id ORDER BY id DESC))[1] FROM gone GROUP BY queue, type`,
			where, houseRows)
		err := s.with(ctx, "purge", func(ctx context.Context, l *link) error {
			aged, last = retention.Aged{}, after
			return l.transact(ctx, call{query: &query{sql: sql}, params: [][]byte{[]byte(transport), after[:],
				l.nextShard()},
				row: func(v [][]byte) error {
					aged.Add(retention.Place{Transport: transport, Queue: string(v[0]), Type: string(v[1])},
						int8Column(v[2]))
					if id := uuidColumn(v[3]); string(id[:]) > string(last[:]) {
						last = id
					}
					return nil
				}})
		})
		if err != nil {
			return err
		}
		all.AddAll(aged)
		after, more = last, aged.Total() == houseRows
	}
	return nil
}
