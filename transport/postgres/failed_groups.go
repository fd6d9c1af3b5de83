package postgres

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/triage"
)

const hour = 3_600_000_000 // µs

var (
	ungrouped = newQuery("ungrouped", `SELECT id, type, error_class, error FROM {schema}.messenger_failed_messages
		WHERE transport = $1::text AND failure_group IS NULL ORDER BY id LIMIT $2::int4`)
	groupFailures = newQuery("group_failures", `UPDATE {schema}.messenger_failed_messages f SET failure_group = r.name
		FROM unnest($1::uuid[], $2::text[]) AS r(id, name) WHERE f.id = r.id AND f.id = ANY ($1)`)
)

// FailureGroups tells the groups of dead letters that a query selects.
func (t *Transport) FailureGroups(ctx context.Context, q triage.Query) (list []triage.Group, err error) {
	if err := t.usable(ctx); err != nil {
		return nil, err
	}
	if err := t.groupFailures(ctx); err != nil {
		return nil, err
	}
	where := t.where(&symphony.MessageQuery{MessageFilter: q.MessageFilter, ByFailure: true})
	hours := &condition{terms: slices.Clone(where.terms), params: slices.Clone(where.params)}
	having := ""
	if q.After != "" {
		where.params = append(where.params, []byte(q.After))
		having = " HAVING max(id::text COLLATE \"C\") < $" + strconv.Itoa(len(where.params)) + "::text"
	}
	groups := fmt.Sprintf(`SELECT g.name, g.n, g.attempts, l.type, l.error_class, l.error,
			f.failed_at, l.failed_at, l.id
		FROM (SELECT coalesce(failure_group, '%s') AS name, count(*) AS n, sum(retry_count + 1)::int8 AS attempts,
			min(id::text COLLATE "C") AS first, max(id::text COLLATE "C") AS last
			FROM {schema}.messenger_failed_messages WHERE %s GROUP BY 1%s ORDER BY last DESC LIMIT %d) g
		JOIN {schema}.messenger_failed_messages l ON l.id = g.last::uuid
		JOIN {schema}.messenger_failed_messages f ON f.id = g.first::uuid ORDER BY g.last DESC`,
		triage.Other, where, having, q.Limit)
	since := (t.storeNow()/hour - triage.SeriesHours + 1) * hour
	hours.add("failed_at >= ?::timestamptz", timeParam(since))
	series := fmt.Sprintf(`SELECT coalesce(failure_group, '%s'),
		floor(extract(epoch FROM failed_at - $%d::timestamptz) / 3600)::int8, count(*)
		FROM {schema}.messenger_failed_messages WHERE %s GROUP BY 1, 2`, triage.Other, len(hours.params), hours)
	at := make(map[string]int)
	err = t.doSearch(ctx, "group failed messages",
		call{query: &query{sql: groups}, params: where.params, row: func(v [][]byte) error {
			at[string(v[0])] = len(list)
			list = append(list, triage.Group{Name: string(v[0]), Count: int8Column(v[1]), Attempts: int8Column(v[2]),
				Type: string(v[3]), ErrorClass: string(v[4]), Sample: string(v[5]),
				FirstSeen: fromMicros(timeColumn(v[6])), LastSeen: fromMicros(timeColumn(v[7])),
				FailedID: uuidColumn(v[8]).String()})
			return nil
		}},
		call{query: &query{sql: series}, params: hours.params, row: func(v [][]byte) error {
			i, known := at[string(v[0])]
			if n := int8Column(v[1]); known && n >= 0 && n < triage.SeriesHours {
				list[i].Hours[n] = int8Column(v[2])
			}
			return nil
		}})
	return list, err
}

// groupFailures gives groups to dead letters that have none.
func (t *Transport) groupFailures(ctx context.Context) error {
	ids, names := uuids(0), texts(0)
	err := t.do(ctx, "group failed messages", call{query: ungrouped,
		params: [][]byte{[]byte(t.name), int4Param(triage.GroupedAtOnce)}, row: func(v [][]byte) error {
			ids.uuid(uuidColumn(v[0]))
			names.text(triage.Fingerprint(string(v[1]), string(v[2]), string(v[3])))
			return nil
		}})
	if err != nil || ids.n == 0 {
		return err
	}
	return t.do(ctx, "group failed messages", call{query: groupFailures, params: [][]byte{ids.value(), names.value()}})
}
