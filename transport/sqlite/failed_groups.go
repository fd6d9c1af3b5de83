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
	if _, err := t.groupFailures(ctx); err != nil {
		return nil, err
	}
	since := micros(t.clock.Now())/hour - triage.SeriesHours + 1
	if q.Remembered() {
		return t.remembered(ctx, &q, since)
	}
	where, args := t.where(&symphony.MessageQuery{MessageFilter: q.MessageFilter, ByFailure: true})
	where += " AND failure_group IS NOT NULL"
	err = t.readOn(ctx, t.searchers, "group failed messages in", func(r *reader) error {
		list = nil
		having, bounds := "", []any{}
		if q.After != "" {
			having, bounds = " HAVING max(id)<?", []any{q.After}
		}
		err := r.query(`SELECT g.name, l.type, l.error_class, l.error, g.n, g.attempts, g.n, f.failed_at, l.failed_at, l.id
			FROM (SELECT failure_group AS name, count(*) AS n, sum(retry_count + 1) AS attempts, min(id) AS first,
				max(id) AS last FROM messenger_failed_messages WHERE `+where+` GROUP BY 1`+having+`
				ORDER BY last DESC LIMIT ?) g
			JOIN messenger_failed_messages l ON l.id = g.last JOIN messenger_failed_messages f ON f.id = g.first
			ORDER BY g.last DESC`, func(s *sqlite.Stmt) bool {
			list = append(list, readGroup(s))
			return true
		}, slices.Concat(args, bounds, []any{q.Limit})...)
		if err != nil || len(list) == 0 {
			return err
		}
		at := make(map[string]int)
		for i := range list {
			at[list[i].Name] = i
		}
		return r.query(`SELECT failure_group, failed_at / ? - ?, count(*)
			FROM messenger_failed_messages WHERE `+where+` AND id >= ? AND failed_at >= ? GROUP BY 1, 2`,
			func(s *sqlite.Stmt) bool {
				i, known := at[s.ColumnText(0)]
				if n := s.ColumnInt(1); known && n < triage.SeriesHours {
					list[i].Hours[n] = s.ColumnInt64(2)
				}
				return true
			}, slices.Concat([]any{int64(hour), since}, args, []any{earliestID(since * hour), since * hour})...)
	})
	return list, err
}

// readGroup reads a group.
func readGroup(s *sqlite.Stmt) triage.Group {
	return triage.Group{Name: s.ColumnText(0), Type: s.ColumnText(1), ErrorClass: s.ColumnText(2),
		Sample: s.ColumnText(3), Count: s.ColumnInt64(4), Attempts: s.ColumnInt64(5), Failures: s.ColumnInt64(6),
		FirstSeen: fromMicros(s.ColumnInt64(7)), LastSeen: fromMicros(s.ColumnInt64(8)), FailedID: s.ColumnText(9)}
}

// remembered answers a query by what is kept of groups. since is the first hour of the series.
func (t *Transport) remembered(ctx context.Context, q *triage.Query, since int64) (list []triage.Group, err error) {
	where, args := "transport=?", []any{t.name}
	add := func(given bool, condition string, arg ...any) {
		if given {
			where, args = where+" AND "+condition, append(args, arg...)
		}
	}
	prefix, prefixed := q.TypePrefix()
	add(q.FailureGroup != "", "name=?", q.FailureGroup)
	add(q.Type != "" && !prefixed, "type=?", q.Type)
	add(prefixed, "substr(type, 1, length(?))=?", prefix, prefix)
	add(q.ErrorClass != "", "error_class=?", q.ErrorClass)
	add(q.After != "", "failed_id<?", q.After)
	err = t.readOn(ctx, t.readers, "read groups of failures in", func(r *reader) (err error) {
		list = nil
		spans := t.kept.spans(symphony.Failed, r.purged, micros(t.clock.Now()))
		err = r.query(`SELECT name, type, error_class, sample, count, attempts, failures, first_seen, last_seen, failed_id
			FROM messenger_failure_groups WHERE `+where+` ORDER BY failed_id DESC LIMIT ?`, func(s *sqlite.Stmt) bool {
			list = append(list, readGroup(s))
			return true
		}, append(args, q.Limit)...)
		for i := 0; err == nil && i < len(list); i++ {
			err = r.query(`SELECT hour - ?, failures FROM messenger_failure_hours
				WHERE transport=? AND name=? AND hour BETWEEN ? AND ?`, func(s *sqlite.Stmt) bool {
				list[i].Hours[s.ColumnInt(0)] = s.ColumnInt64(1)
				return true
			}, since, t.name, list[i].Name, since, since+triage.SeriesHours-1)
		}
		for _, span := range spans { // those that are past their periods, and not deleted yet
			condition, args := t.kept.aging(t.name, span)
			for i := 0; err == nil && i < len(list); i++ {
				err = r.query("SELECT count(*) FROM messenger_failed_messages WHERE failure_group=? AND "+condition,
					func(s *sqlite.Stmt) bool {
						list[i].Count -= s.ColumnInt64(0)
						return true
					}, append([]any{list[i].Name}, args...)...)
			}
		}
		return err
	})
	return list, err
}

// earliestID is no greater than the id of any failure since a time.
func earliestID(us int64) string { return symphony.NewID(fromMicros(us - hour))[:13] }

// groupFailures gives groups to dead letters that have none, some at a time, and tells whether there may be more.
func (s *store) groupFailures(ctx context.Context) (more bool, err error) {
	o := &groupFailuresOp{groups: make(map[string]string)}
	err = s.read(ctx, "group failed messages in", func(r *reader) error {
		return r.query(`SELECT id, type, error_class, error FROM messenger_failed_messages
			WHERE failure_group IS NULL LIMIT ?`, func(s *sqlite.Stmt) bool {
			o.groups[s.ColumnText(0)] = triage.Fingerprint(s.ColumnText(1), s.ColumnText(2), s.ColumnText(3))
			return true
		}, triage.GroupedAtOnce)
	})
	if err != nil || len(o.groups) == 0 {
		return false, err
	}
	return len(o.groups) == triage.GroupedAtOnce, s.do(ctx, o)
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

// keepGroups gives groups to all dead letters that have none, and forgets groups.
func (s *store) keepGroups(ctx context.Context) error {
	for more := true; more; {
		var err error
		if more, err = s.groupFailures(ctx); err != nil {
			return err
		}
	}
	for {
		o := &forgetGroupsOp{before: micros(s.clock.Now().Add(-triage.RememberedFor))}
		if err := s.do(ctx, o); err != nil || !o.more {
			return err
		}
	}
}

// forgetGroupsOp has the dead letters of a group that is too old, or one too many, join the others, some at a time, and
// then forgets it. Hours that are told no more go, too.
type forgetGroupsOp struct {
	before int64
	more   bool
}

func (*forgetGroupsOp) rows() int { return purgeRows }

func (o *forgetGroupsOp) apply(w *writer) error {
	transport, name := "", ""
	err := w.query(`SELECT transport, name FROM messenger_failure_groups WHERE name<>? AND (last_seen<? OR
			(SELECT count(*) FROM messenger_failure_groups WHERE name<>?)>?) ORDER BY last_seen LIMIT 1`,
		func(s *sqlite.Stmt) bool {
			transport, name = s.ColumnText(0), s.ColumnText(1)
			return true
		}, triage.Other, o.before, triage.Other, triage.MaxGroups)
	if o.more = name != ""; err != nil || !o.more {
		if err == nil {
			err = w.exec("DELETE FROM messenger_failure_hours WHERE hour<?", w.wall/hour-2*triage.SeriesHours)
		}
		return err
	}
	err = w.exec(`UPDATE messenger_failed_messages SET failure_group=? WHERE id IN
		(SELECT id FROM messenger_failed_messages WHERE transport=? AND failure_group=? ORDER BY id LIMIT ?)`,
		triage.Other, transport, name, purgeRows)
	if err != nil || w.conn.Changes() == purgeRows {
		return err
	}
	if err := w.exec("DELETE FROM messenger_failure_hours WHERE transport=? AND name=?", transport, name); err != nil {
		return err
	}
	return w.exec("DELETE FROM messenger_failure_groups WHERE transport=? AND name=?", transport, name)
}
