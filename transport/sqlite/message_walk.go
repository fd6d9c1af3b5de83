package sqlite

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"github.com/symphony-messenger/symphony"
	"zombiezen.com/go/sqlite"
)

// carefully is how many messages a search looks at one by one before it goes on in bulk.
const carefully = 500

// walk goes through messages of every status, or of the dead letter queue: at first one by one, since most pages are
// full soon, then in bulk.
func (v *view) walk(q *symphony.MessageQuery, f *filter, limit int) ([]found, string, error) {
	list, next, err := v.merge(q, f, limit, min(q.Scan, v.carefully))
	if err != nil || next == "" || len(list) == limit || q.Scan <= v.carefully {
		return list, next, err
	}
	rest := *q
	rest.After, rest.Scan = next, q.Scan-v.carefully
	more, next, err := v.sweep(&rest, f, limit-len(list))
	return append(list, more...), next, err
}

// merge reads both tables in the order of the messages' ids.
func (v *view) merge(q *symphony.MessageQuery, f *filter, limit, most int) (list []found, next string, err error) {
	from, to := idRange(q)
	var sources []*source
	defer func() {
		for _, s := range sources {
			err = errors.Join(err, s.stmt.Reset())
		}
	}()
	if q.Status != symphony.Failed {
		err = v.source(&sources, false, f.walkQuery(q), from, to)
	}
	if err == nil && (q.Status == "" || q.Status == symphony.Failed) {
		err = v.source(&sources, true, v.walkFailedQuery(f, q), v.failedArgs(f, from, to)...)
	}
	if err != nil {
		return nil, "", err
	}
	return v.mergeSources(sources, q, f, limit, most)
}

// source adds a table that is read by a query.
func (v *view) source(to *[]*source, failed bool, query string, args ...any) error {
	stmt, err := v.conn.Prepare(query)
	if err != nil {
		return err
	}
	bind(stmt, args)
	s := &source{stmt: stmt, failed: failed}
	*to = append(*to, s)
	return s.step()
}

// mergeSources looks at so many messages of tables, in the order of their ids, until limit match.
func (v *view) mergeSources(sources []*source, q *symphony.MessageQuery, f *filter, limit, most int) (list []found, next string, err error) {
	for looked := 0; ; looked++ {
		s := head(sources, q.Oldest)
		if s == nil {
			return list, "", nil
		}
		if looked == most || len(list) == limit {
			return list, next, nil
		}
		next = s.id
		m, ok, err := v.selects(q, f, s)
		if err != nil {
			return nil, "", err
		}
		if ok {
			list = append(list, m)
		}
		if err := s.step(); err != nil {
			return nil, "", err
		}
	}
}

// selects returns the message at which a source stands, and whether it matches.
func (v *view) selects(q *symphony.MessageQuery, f *filter, s *source) (m found, ok bool, err error) {
	if s.failed {
		return found{id: s.id, failed: s.stmt.ColumnText(0)}, v.failedMatches(f, s.stmt), nil
	}
	if s.stmt.ColumnType(0) == sqlite.TypeNull { // of its mark alone
		return v.failedAt(f, s.id)
	}
	if !f.lanes[s.stmt.ColumnInt64(2)] || !v.matches(f, s.stmt, 3) {
		return m, false, nil
	}
	m = found{id: s.id, seq: s.stmt.ColumnInt64(0)}
	if fits, err := v.fits(f, m.seq, s.stmt.ColumnInt64(3+createdColumn)); err != nil || !fits {
		return m, false, err
	}
	if q.Status == "" || f.by == "" && !v.marks.use {
		return m, true, nil // a walk for a status other than failed is another one
	}
	status, err := v.status(m.seq)
	return m, status == q.Status, err
}

// source is a table that is read in the order of the messages' ids, which are in its second column.
type source struct {
	stmt   *sqlite.Stmt
	failed bool
	id     string // at which it stands
	more   bool
}

func (s *source) step() (err error) {
	if s.more, err = s.stmt.Step(); s.more {
		s.id = s.stmt.ColumnText(1)
	}
	return err
}

// head is the source whose message comes next, nil if there is none.
func head(sources []*source, oldest bool) *source {
	var first *source
	for _, s := range sources {
		if s.more && (first == nil || oldest == (strings.Compare(s.id, first.id) < 0)) {
			first = s
		}
	}
	return first
}

// stretch is what the next messages of a table are: how many, and their first and last ids and numbers.
type stretch struct {
	n                 int
	first, last       string
	firstSeq, lastSeq int64
}

const stretchQuery = "SELECT count(*), coalesce(min(id), ''), coalesce(max(id), ''), coalesce(min(seq), 0), coalesce(max(seq), 0) FROM (SELECT id, seq FROM messenger_messages WHERE id>=? AND id<? ORDER BY id"

func (v *view) failedStretchQuery(f *filter) string {
	return "SELECT count(*), coalesce(min(message_id), ''), coalesce(max(message_id), ''), 0, 0 FROM (SELECT message_id FROM " +
		v.failedRows(f) + " AND message_id>=? AND message_id<? ORDER BY message_id"
}

func (v *view) stretch(query string, args ...any) (t stretch, err error) {
	err = v.query(query, func(s *sqlite.Stmt) bool {
		t = stretch{s.ColumnInt(0), s.ColumnText(1), s.ColumnText(2), s.ColumnInt64(3), s.ColumnInt64(4)}
		return true
	}, args...)
	return t, err
}

// sweep looks at messages stretch by stretch, each longer than the one before. The index of ids tells where a stretch
// ends and which numbers it has. Messages are nearly always numbered in the order of their ids, so its part of the
// table is then read in one go, at a third of the cost of looking up each by its id, and what matches is sorted.
func (v *view) sweep(q *symphony.MessageQuery, f *filter, limit int) (list []found, next string, err error) {
	from, to := idRange(q)
	next = q.After
	for most, size := q.Scan, 4000; most > q.Scan/20+1; size *= 4 {
		per := min(size, most)
		if q.Status == "" {
			per = min(size, (most+1)/2) // of each table
		}
		// A stretch ends where one of the tables has been looked at as far as it may be.
		lo, hi, end := from, to, ""
		bound := func(t stretch) {
			switch {
			case t.n < per:
			case q.Oldest:
				hi, end = t.last+" ", t.last
			default:
				lo, end = t.first, t.first
			}
		}
		var live, failed stretch
		if q.Status == "" {
			if live, err = v.stretch(stretchQuery+direction(q)+" LIMIT ?)", lo, hi, per); err != nil {
				return nil, "", err
			}
			bound(live)
		}
		if failed, err = v.stretch(v.failedStretchQuery(f)+direction(q)+" LIMIT ?)", v.failedArgs(f, lo, hi, per)...); err != nil {
			return nil, "", err
		}
		if failed.n == per {
			bound(failed)
			if q.Status == "" {
				if live, err = v.stretch(stretchQuery+direction(q)+" LIMIT ?)", lo, hi, per); err != nil {
					return nil, "", err
				}
			}
		}
		most -= live.n + failed.n
		matched, err := v.between(q, f, live, failed, lo, hi)
		if err != nil {
			return nil, "", err
		}
		if need := limit - len(list); len(matched) > need {
			list = append(list, matched[:need]...)
			return list, list[limit-1].id, nil
		}
		list = append(list, matched...)
		if q.Oldest {
			from = hi
		} else {
			to = lo
		}
		if next = end; end == "" {
			return list, "", nil
		}
		if len(list) == limit {
			break
		}
	}
	// The last stretch may have been the end.
	live, err := v.stretch(stretchQuery+direction(q)+" LIMIT ?)", from, to, 1)
	if err != nil {
		return nil, "", err
	}
	failed, err := v.stretch(v.failedStretchQuery(f)+direction(q)+" LIMIT ?)", v.failedArgs(f, from, to, 1)...)
	if q.Status != "" {
		live.n = 0
	}
	if live.n+failed.n == 0 {
		next = ""
	}
	return list, next, err
}

// between returns what matches in a stretch, in the order of the query.
func (v *view) between(q *symphony.MessageQuery, f *filter, live, failed stretch, lo, hi string) (list []found, err error) {
	var unfit error
	if live.n > 0 {
		query, args := f.walkQuery(q), []any{lo, hi}
		if live.lastSeq-live.firstSeq < 4*int64(live.n) {
			query, args = f.stretchRowsQuery(), []any{live.firstSeq, live.lastSeq, lo, hi}
			if len(f.typ) > 0 {
				query, args = query+" AND type=?", append(args, string(f.typ))
			}
		}
		err = v.query(query, func(s *sqlite.Stmt) bool {
			if !f.lanes[s.ColumnInt64(2)] || !v.matches(f, s, 3) {
				return true
			}
			fits, err := v.fits(f, s.ColumnInt64(0), s.ColumnInt64(3+createdColumn))
			if unfit = errors.Join(unfit, err); fits {
				list = append(list, found{id: s.ColumnText(1), seq: s.ColumnInt64(0)})
			}
			return err == nil
		}, args...)
		err = errors.Join(err, unfit)
	}
	if err == nil && failed.n > 0 {
		err = v.query(v.walkFailedQuery(f, q), func(s *sqlite.Stmt) bool {
			if v.failedMatches(f, s) {
				list = append(list, found{id: s.ColumnText(1), failed: s.ColumnText(0)})
			}
			return true
		}, v.named(lo, hi)...)
	}
	slices.SortFunc(list, func(a, b found) int {
		if q.Oldest {
			return cmp.Compare(a.id, b.id)
		}
		return cmp.Compare(b.id, a.id)
	})
	return list, err
}

// stretchRowsQuery reads the messages' table by number.
func (f *filter) stretchRowsQuery() string {
	return "SELECT seq, id, lane, " + f.columns("id") + " FROM messenger_messages NOT INDEXED WHERE seq>=? AND seq<=? AND id>=? AND id<?"
}
