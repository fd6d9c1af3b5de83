package sqlite

import (
	"context"
	"slices"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/triage"
	"zombiezen.com/go/sqlite"
)

// hour is one in microseconds.
const hour = 3_600_000_000

// FailureGroups tells the groups of dead letters that a query selects.
func (t *Transport) FailureGroups(ctx context.Context, q triage.Query) (list []triage.Group, err error) {
	if err := t.groupFailures(ctx); err != nil {
		return nil, err
	}
	where, args := t.where(&symphony.MessageQuery{MessageFilter: q.MessageFilter, ByFailure: true})
	now := micros(t.clock.Now())
	err = t.readOn(ctx, t.searchers, "group failed messages in", func(r *reader) error {
		list = nil
		having, bounds := "", []any{}
		if q.After != "" {
			having, bounds = " HAVING max(id)<?", []any{q.After}
		}
		err := r.query(`SELECT g.name, g.n, g.attempts, l.type, l.error_class, l.error, f.failed_at, l.failed_at, l.id
			FROM (SELECT coalesce(failure_group, '`+triage.Other+`') AS name, count(*) AS n,
				sum(retry_count + 1) AS attempts, min(id) AS first, max(id) AS last
				FROM messenger_failed_messages WHERE `+where+` GROUP BY 1`+having+`
				ORDER BY last DESC LIMIT ?) g
			JOIN messenger_failed_messages l ON l.id = g.last JOIN messenger_failed_messages f ON f.id = g.first
			ORDER BY g.last DESC`, func(s *sqlite.Stmt) bool {
			list = append(list, triage.Group{Name: s.ColumnText(0), Count: s.ColumnInt64(1), Attempts: s.ColumnInt64(2),
				Type: s.ColumnText(3), ErrorClass: s.ColumnText(4), Sample: s.ColumnText(5),
				FirstSeen: fromMicros(s.ColumnInt64(6)), LastSeen: fromMicros(s.ColumnInt64(7)),
				FailedID: s.ColumnText(8)})
			return true
		}, slices.Concat(args, bounds, []any{q.Limit})...)
		if err != nil || len(list) == 0 {
			return err
		}
		at := make(map[string]int)
		for i := range list {
			at[list[i].Name] = i
		}
		since := (now/hour - triage.SeriesHours + 1) * hour
		return r.query(`SELECT coalesce(failure_group, '`+triage.Other+`'), (failed_at - ?) / ?, count(*)
			FROM messenger_failed_messages WHERE `+where+` AND id >= ? AND failed_at >= ? GROUP BY 1, 2`,
			func(s *sqlite.Stmt) bool {
				i, known := at[s.ColumnText(0)]
				if n := s.ColumnInt(1); known && n < triage.SeriesHours {
					list[i].Hours[n] = s.ColumnInt64(2)
				}
				return true
			}, slices.Concat([]any{since, int64(hour)}, args, []any{earliestID(since), since})...)
	})
	return list, err
}

// earliestID is no greater than the id of any failure since a time.
func earliestID(us int64) string { return symphony.NewID(fromMicros(us - hour))[:13] }

// groupFailures gives groups to dead letters that have none.
func (t *Transport) groupFailures(ctx context.Context) error {
	o := &groupFailuresOp{groups: make(map[string]string)}
	err := t.read(ctx, "group failed messages in", func(r *reader) error {
		return r.query(`SELECT id, type, error_class, error FROM messenger_failed_messages
			WHERE transport=? AND failure_group IS NULL ORDER BY id LIMIT ?`, func(s *sqlite.Stmt) bool {
			o.groups[s.ColumnText(0)] = triage.Fingerprint(s.ColumnText(1), s.ColumnText(2), s.ColumnText(3))
			return true
		}, t.name, triage.GroupedAtOnce)
	})
	if err != nil || len(o.groups) == 0 {
		return err
	}
	return t.do(ctx, o)
}

type groupFailuresOp struct{ groups map[string]string } // by FailedID

func (o *groupFailuresOp) rows() int { return len(o.groups) }

func (o *groupFailuresOp) apply(w *writer) error {
	for id, group := range o.groups {
		if err := w.exec("UPDATE messenger_failed_messages SET failure_group=? WHERE id=?", group, id); err != nil {
			return err
		}
	}
	return nil
}
