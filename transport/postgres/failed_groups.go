package postgres

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/triage"
)

const hour = 3_600_000_000 // µs

var (
	ungrouped = newQuery("ungrouped", `SELECT id, type, error_class, error FROM {schema}.messenger_failed_messages
		WHERE failure_group IS NULL LIMIT $1::int4`)
	groupFailures = newQuery("group_failures", `UPDATE {schema}.messenger_failed_messages f SET failure_group = r.name
		FROM unnest($1::uuid[], $2::text[]) AS r(id, name) WHERE f.id = r.id AND f.id = ANY ($1)`)
)

// readGroup reads a group.
func readGroup(v [][]byte) triage.Group {
	return triage.Group{Name: string(v[0]), Type: string(v[1]), ErrorClass: string(v[2]), Sample: string(v[3]),
		Count: int8Column(v[4]), Attempts: int8Column(v[5]), Failures: int8Column(v[6]),
		FirstSeen: fromMicros(timeColumn(v[7])), LastSeen: fromMicros(timeColumn(v[8])),
		FailedID: uuidColumn(v[9]).String()}
}

// FailureGroups tells the groups of dead letters that a query selects.
func (t *Transport) FailureGroups(ctx context.Context, q triage.Query) (list []triage.Group, err error) {
	if err := t.usable(ctx); err != nil {
		return nil, err
	}
	if _, err := t.groupFailures(ctx); err != nil {
		return nil, err
	}
	since := t.storeNow()/hour - triage.SeriesHours + 1
	if q.Remembered() {
		return t.remembered(ctx, &q, since)
	}
	where := t.where(&symphony.MessageQuery{MessageFilter: q.MessageFilter, ByFailure: true})
	where.terms = append(where.terms, "failure_group IS NOT NULL")
	hours := &condition{terms: slices.Clone(where.terms), params: slices.Clone(where.params)}
	having := ""
	if q.After != "" {
		where.params = append(where.params, []byte(q.After))
		having = " HAVING max(id::text COLLATE \"C\") < $" + strconv.Itoa(len(where.params)) + "::text"
	}
	groups := fmt.Sprintf(`SELECT g.name, l.type, l.error_class, l.error, g.n, g.attempts, g.n,
			f.failed_at, l.failed_at, l.id
		FROM (SELECT failure_group AS name, count(*) AS n, sum(retry_count + 1)::int8 AS attempts,
			min(id::text COLLATE "C") AS first, max(id::text COLLATE "C") AS last
			FROM {schema}.messenger_failed_messages WHERE %s GROUP BY 1%s ORDER BY last DESC LIMIT %d) g
		JOIN {schema}.messenger_failed_messages l ON l.id = g.last::uuid
		JOIN {schema}.messenger_failed_messages f ON f.id = g.first::uuid ORDER BY g.last DESC`, where, having, q.Limit)
	hours.add("failed_at >= ?::timestamptz", timeParam(since*hour))
	series := fmt.Sprintf(`SELECT failure_group,
		floor(extract(epoch FROM failed_at - $%d::timestamptz) / 3600)::int8, count(*)
		FROM {schema}.messenger_failed_messages WHERE %s GROUP BY 1, 2`, len(hours.params), hours)
	at := make(map[string]int)
	err = t.doSearch(ctx, "group failed messages",
		call{query: &query{sql: groups}, params: where.params, row: func(v [][]byte) error {
			at[string(v[0])] = len(list)
			list = append(list, readGroup(v))
			return nil
		}},
		call{query: &query{sql: series}, params: hours.params, row: seriesOf(&list, at)})
	return list, err
}

// seriesOf reads the failures of groups by hour.
func seriesOf(list *[]triage.Group, at map[string]int) func([][]byte) error {
	return func(v [][]byte) error {
		i, known := at[string(v[0])]
		if n := int8Column(v[1]); known && n >= 0 && n < triage.SeriesHours {
			(*list)[i].Hours[n] = int8Column(v[2])
		}
		return nil
	}
}

// rememberedGroups are what is kept of groups, of all shards together. Those that have only lost dead letters, which
// another transaction is about to fold, are none.
// %s takes those off that are past their periods.
const rememberedGroups = `SELECT name, type, error_class, sample, n, attempts, failures, first_seen, last_seen, last::uuid
	FROM (SELECT name, (array_agg(type ORDER BY failed_id DESC))[1] AS type,
			(array_agg(error_class ORDER BY failed_id DESC))[1] AS error_class,
			(array_agg(sample ORDER BY failed_id DESC))[1] AS sample, greatest(sum(count)%s, 0)::int8 AS n,
			sum(attempts)::int8 AS attempts, sum(failures)::int8 AS failures, min(first_seen) AS first_seen,
			max(last_seen) AS last_seen, max(failed_id::text COLLATE "C") AS last
		FROM {schema}.messenger_failure_groups WHERE transport = $1::text AND ($2::text = '' OR name = $2)
		GROUP BY name HAVING sum(failures) > 0) g
	WHERE ($3::text = '' OR type = $3) AND left(type, length($4::text)) = $4 AND ($5::text = '' OR error_class = $5)
		AND ($6::text = '' OR last < $6) ORDER BY last DESC LIMIT $7::int4`

var (
	readGroups = newQuery("read_groups", fmt.Sprintf(rememberedGroups, ""))
	readHours  = newQuery("read_hours", `SELECT name, hour - $2::int8, sum(failures)::int8
		FROM {schema}.messenger_failure_hours
		WHERE transport = $1::text AND name = ANY ($3::text[]) AND hour >= $2 GROUP BY 1, 2`)
)

// readGroups is the query of what is kept of groups, without dead letters that are past their periods.
func (s *store) readGroups() *query {
	var parts []string
	for _, span := range s.kept.spans(symphony.Failed, s.purged.until.Load(), s.storeNow()) {
		parts = append(parts, "SELECT failure_group FROM {schema}.messenger_failed_messages WHERE transport = $1::text AND "+
			s.kept.aging(span))
	}
	if len(parts) == 0 {
		return readGroups
	}
	aged := " - (SELECT count(*) FROM (" + strings.Join(parts, " UNION ALL ") + ") a WHERE failure_group = name)"
	return &query{sql: fmt.Sprintf(rememberedGroups, aged)}
}

// remembered answers a query by what is kept of groups. since is the first hour of the series.
func (t *Transport) remembered(ctx context.Context, q *triage.Query, since int64) (list []triage.Group, err error) {
	typ := q.Type
	prefix, prefixed := q.TypePrefix()
	if prefixed {
		typ = ""
	}
	at := make(map[string]int)
	names := texts(0)
	params := [][]byte{[]byte(t.name), []byte(q.FailureGroup), []byte(typ), []byte(prefix), []byte(q.ErrorClass),
		[]byte(q.After), int4Param(q.Limit)}
	for i := range params[:6] {
		if params[i] == nil {
			params[i] = []byte{} // no text, not NULL
		}
	}
	err = t.do(ctx, "read groups of failures", call{query: t.readGroups(), params: params, row: func(v [][]byte) error {
		at[string(v[0])] = len(list)
		names.text(string(v[0]))
		list = append(list, readGroup(v))
		return nil
	}})
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return list, t.do(ctx, "read groups of failures", call{query: readHours,
		params: [][]byte{[]byte(t.name), int8Param(since), names.value()}, row: seriesOf(&list, at)})
}

// groupFailures gives groups to dead letters that have none, some at a time, and tells whether there may be more.
func (s *store) groupFailures(ctx context.Context) (more bool, err error) {
	ids, names := uuids(0), texts(0)
	err = s.do(ctx, "group failed messages", call{query: ungrouped,
		params: [][]byte{int4Param(triage.GroupedAtOnce)}, row: func(v [][]byte) error {
			ids.uuid(uuidColumn(v[0]))
			names.text(triage.Fingerprint(string(v[1]), string(v[2]), string(v[3])))
			return nil
		}})
	if err != nil || ids.n == 0 {
		return false, err
	}
	err = s.do(ctx, "group failed messages", call{query: groupFailures, params: [][]byte{ids.value(), names.value()}})
	return ids.n == triage.GroupedAtOnce, err
}

var (
	// foldGroups and foldHours add up what backends have written by themselves.
	foldGroups = newQuery("fold_groups", `WITH gone AS (
			DELETE FROM {schema}.messenger_failure_groups WHERE ctid = ANY (ARRAY(
				SELECT ctid FROM {schema}.messenger_failure_groups WHERE shard <> 0 LIMIT $1::int4 FOR UPDATE SKIP LOCKED))
			RETURNING *
		)
		INSERT INTO {schema}.messenger_failure_groups AS g
		SELECT 0, transport, name, (array_agg(type ORDER BY failed_id DESC))[1],
			(array_agg(error_class ORDER BY failed_id DESC))[1], (array_agg(sample ORDER BY failed_id DESC))[1],
			sum(count), sum(attempts), sum(failures), min(first_seen), max(last_seen),
			(array_agg(failed_id ORDER BY failed_id DESC))[1]
		FROM gone GROUP BY transport, name ORDER BY transport, name
		ON CONFLICT (transport, name, shard) DO UPDATE SET count = g.count + excluded.count,
			attempts = g.attempts + excluded.attempts, failures = g.failures + excluded.failures,
			type = CASE WHEN excluded.failed_id > g.failed_id THEN excluded.type ELSE g.type END,
			error_class = CASE WHEN excluded.failed_id > g.failed_id THEN excluded.error_class ELSE g.error_class END,
			sample = CASE WHEN excluded.failed_id > g.failed_id THEN excluded.sample ELSE g.sample END,
			first_seen = least(g.first_seen, excluded.first_seen),
			last_seen = greatest(g.last_seen, excluded.last_seen),
			failed_id = greatest(g.failed_id, excluded.failed_id)`)
	foldHours = newQuery("fold_hours", `WITH gone AS (
			DELETE FROM {schema}.messenger_failure_hours WHERE ctid = ANY (ARRAY(
				SELECT ctid FROM {schema}.messenger_failure_hours WHERE shard <> 0 LIMIT $1::int4 FOR UPDATE SKIP LOCKED))
			RETURNING *
		)
		INSERT INTO {schema}.messenger_failure_hours AS h
		SELECT 0, transport, name, hour, sum(failures) FROM gone GROUP BY 2, 3, 4 ORDER BY 2, 3, 4
		ON CONFLICT (transport, name, hour, shard) DO UPDATE SET failures = h.failures + excluded.failures`)

	// forgettable is a group that is too old, or one too many.
	forgettable = newQuery("forgettable", `SELECT transport, name FROM (
			SELECT transport, name, last_seen, row_number() OVER (ORDER BY last_seen DESC, transport, name) AS n
			FROM {schema}.messenger_failure_groups WHERE shard = 0 AND name <> $1::text) g
		WHERE last_seen < coalesce($2::timestamptz, now()) - $3::int8 * interval '1 microsecond' OR n > $4::int8
		ORDER BY last_seen LIMIT 1`)
	joinOthers = newQuery("join_others", `WITH moved AS (
			UPDATE {schema}.messenger_failed_messages SET failure_group = $3::text WHERE ctid = ANY (ARRAY(
				SELECT ctid FROM {schema}.messenger_failed_messages
				WHERE transport = $1::text AND failure_group = $2::text ORDER BY id LIMIT $4::int4 FOR UPDATE SKIP LOCKED))
			RETURNING 1
		) SELECT count(*) FROM moved`)
	// forgetGroup forgets a group that has no dead letters, unless it has failed or lost some that are not folded yet.
	forgetGroup = newQuery("forget_group", `WITH gone AS (
			DELETE FROM {schema}.messenger_failure_groups g WHERE g.transport = $1::text AND g.name = $2::text AND g.shard = 0
				AND g.count <= 0 AND NOT EXISTS (SELECT FROM {schema}.messenger_failure_groups o
					WHERE o.transport = $1 AND o.name = $2 AND o.shard <> 0)
			RETURNING 1
		), hours AS (
			DELETE FROM {schema}.messenger_failure_hours
			WHERE transport = $1 AND name = $2 AND EXISTS (SELECT FROM gone)
		) SELECT count(*) FROM gone`)
	forgetHours = newQuery("forget_hours", `DELETE FROM {schema}.messenger_failure_hours WHERE hour < $1::int8`)
)

// foldFailures adds up what is kept of groups.
func (s *store) foldFailures(ctx context.Context) error {
	n := int4Param(5 * houseRows)
	return s.do(ctx, "fold groups of failures", call{query: foldGroups, params: [][]byte{n}},
		call{query: foldHours, params: [][]byte{n}})
}

// keepGroups gives groups to all dead letters that have none, and forgets groups: their dead letters join the others.
func (s *store) keepGroups(ctx context.Context) error {
	for more := true; more; {
		var err error
		if more, err = s.groupFailures(ctx); err != nil {
			return err
		}
	}
	for {
		if err := s.foldFailures(ctx); err != nil {
			return err
		}
		var transport, name string
		find := call{query: forgettable, params: [][]byte{[]byte(triage.Other), s.nowParam(),
			int8Param(triage.RememberedFor.Microseconds()), int8Param(triage.MaxGroups)}, row: func(v [][]byte) error {
			transport, name = string(v[0]), string(v[1])
			return nil
		}}
		if err := s.do(ctx, "forget groups of failures", find); err != nil {
			return err
		}
		if name == "" {
			return s.do(ctx, "forget groups of failures", call{query: forgetHours,
				params: [][]byte{int8Param(s.storeNow()/hour - 2*triage.SeriesHours)}})
		}
		moved, forgotten := int64(0), int64(0)
		err := s.do(ctx, "forget groups of failures", call{query: joinOthers, params: [][]byte{[]byte(transport), []byte(name),
			[]byte(triage.Other), int4Param(houseRows)}, row: func(v [][]byte) error {
			moved = int8Column(v[0])
			return nil
		}})
		if err == nil && moved == 0 {
			err = s.do(ctx, "forget groups of failures", call{query: forgetGroup, params: [][]byte{[]byte(transport), []byte(name)},
				row: func(v [][]byte) error {
					forgotten = int8Column(v[0])
					return nil
				}})
		}
		if err != nil || moved+forgotten == 0 {
			return err // others are busy with it: the next round goes on
		}
	}
}
