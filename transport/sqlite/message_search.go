package sqlite

import (
	"cmp"
	"errors"
	"slices"

	"github.com/symphony-messenger/symphony"
	"zombiezen.com/go/sqlite"
)

// A search takes the shorter of two ways. Where the counts say that no more than fewMessages have the status asked
// for, all of them are looked at and sorted. Else messages are walked through in the order of their ids, those of the
// dead letter queue among them, until the page is full or has looked at as many as it may.

// found is a message that a search has found: by its number, or in the dead letter queue by its id there.
type found struct {
	id     string
	seq    int64
	failed string

	created int64 // where it is known
}

// lastID is greater than every id.
const lastID = "\U0010FFFF"

// idRange returns the bounds of the ids that a query may find: from the first to before the second.
func idRange(q *symphony.MessageQuery) (from, to string) {
	from, to = symphony.IDRange(q.Since, q.Until)
	if to == "" {
		to = lastID
	}
	switch {
	case q.After == "":
	case q.Oldest:
		from = max(from, q.After+" ") // what comes behind it
	default:
		to = min(to, q.After)
	}
	return from, to
}

// search returns up to limit messages, and where it goes on.
func (v *view) search(q *symphony.MessageQuery, limit int) ([]found, string, error) {
	f := v.filter(q)
	narrowed := *q // to the one status that can be
	switch list := q.AllStatuses(); {
	case len(f.class) > 0 || len(f.group) > 0:
		narrowed.Status = symphony.Failed
	case len(list) == 1:
		narrowed.Status = list[0]
	default:
		narrowed.Status = ""
	}
	q = &narrowed
	if f.by != "" {
		return v.walkOwn(q, f, limit)
	}
	if few, err := v.few(q, f); err != nil || few != nil {
		slices.SortFunc(few, func(a, b found) int {
			if q.Oldest {
				return cmp.Compare(a.id, b.id)
			}
			return cmp.Compare(b.id, a.id)
		})
		if len(few) > limit {
			return few[:limit], few[limit-1].id, err
		}
		return few, "", err
	}
	if v.marks.use {
		return v.walkMarked(q, f, limit)
	}
	if q.Status == "" || q.Status == symphony.Failed {
		return v.walk(q, f, limit)
	}
	return v.walkStatus(q, f, limit)
}

// fewMessages is how many messages may be looked up by their numbers, each of which may be on a page of the file of
// its own, and fewerMessages how many where there are marks by which they are found.
const (
	fewMessages   = 5000
	fewerMessages = 500
)

// errMany says that more messages have a status than that.
var errMany = errors.New("many messages")

// few returns all messages that match a query, in no order, if so few have its status that all can be looked at; else
// nil.
func (v *view) few(q *symphony.MessageQuery, f *filter) ([]found, error) {
	var sum laneView
	for id := range f.lanes {
		l := v.lanes[id]
		sum.pending += l.pending
		sum.processing += l.processing
	}
	for _, l := range v.lanes {
		sum.completed += l.completed
		sum.cancelled += l.cancelled
	}
	var (
		seqs []int64
		err  error
	)
	few := min(q.Scan, fewMessages)
	if v.marks.use {
		few = min(few, fewerMessages)
	}
	most, kept := int64(few), true
	if q.CountOnly && !v.marks.use {
		// What is kept is counted, however many there were.
		few = min(q.Scan, symphony.MaxCounted+1)
	} else {
		kept = q.Status == symphony.Completed && sum.completed <= most ||
			q.Status == symphony.Cancelled && sum.cancelled <= most
	}
	switch {
	case q.Status == symphony.Pending && sum.pending <= most:
		seqs, err = v.pendingSeqs(f, few)
	case q.Status == symphony.Processing && sum.processing <= most:
		for seq := range v.claims {
			seqs = append(seqs, seq)
		}
		slices.Sort(seqs)
	case q.Status == symphony.Completed && kept:
		// Those of other transports are among them.
		seqs, err = v.seqs(nil, few, "SELECT seq FROM messenger_completed LIMIT ?", few+1)
	case q.Status == symphony.Cancelled && kept:
		seqs, err = v.seqs(nil, few, "SELECT seq FROM messenger_cancelled LIMIT ?", few+1)
	default:
		return nil, nil
	}
	if errors.Is(err, errMany) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	from, to := v.idRange(q)
	list := []found{}
	for _, seq := range seqs {
		err := v.query("SELECT id, lane, "+f.columns("id")+" FROM messenger_messages WHERE seq=?", func(s *sqlite.Stmt) bool {
			if f.lanes[s.ColumnInt64(1)] && v.matches(f, s, 2) {
				if id := s.ColumnText(0); id >= from && id < to {
					list = append(list, found{id: id, seq: seq, created: s.ColumnInt64(2 + createdColumn)})
				}
			}
			return false
		}, seq)
		if err != nil {
			return nil, err
		}
	}
	list = slices.DeleteFunc(list, func(m found) bool {
		fits, ferr := v.fits(f, m.seq, m.created)
		if q.Status == symphony.Processing && fits { // leases may still list what was completed
			var status symphony.Status
			status, ferr = v.status(m.seq)
			fits = status == symphony.Processing
		}
		err = errors.Join(err, ferr)
		return !fits
	})
	return list, err
}

// pendingSeqs returns the messages that wait in some lanes or on the way to them.
func (v *view) pendingSeqs(f *filter, most int) (seqs []int64, err error) {
	for id := range f.lanes {
		if v.lanes[id].pending == 0 {
			continue
		}
		query, args := "SELECT seq FROM messenger_ready WHERE lane=? LIMIT ?", []any{id, most + 1}
		if f.priority != 0 {
			query, args = "SELECT seq FROM messenger_ready WHERE lane=? AND rank=? LIMIT ?", []any{id, rankOf(f.priority), most + 1}
		}
		if seqs, err = v.seqs(seqs, most, query, args...); err != nil {
			return nil, err
		}
	}
	n := 0
	err = v.query("SELECT seq, lane FROM messenger_parked LIMIT ?", func(s *sqlite.Stmt) bool {
		if n++; f.lanes[s.ColumnInt64(1)] {
			seqs = append(seqs, s.ColumnInt64(0))
		}
		return true
	}, most+1)
	if n > most { // of other transports or queues
		return nil, errMany
	}
	slices.Sort(seqs) // the order in which they are stored
	return seqs, err
}

// seqs appends what a query returns.
func (v *view) seqs(to []int64, most int, query string, args ...any) ([]int64, error) {
	err := v.query(query, func(s *sqlite.Stmt) bool {
		to = append(to, s.ColumnInt64(0))
		return true
	}, args...)
	if err == nil && len(to) > most {
		return nil, errMany
	}
	return to, err
}

// walkQuery reads the messages' table by id, those of a status if one is asked for: then its first four arguments are
// the least and the greatest number of a completed and of a cancelled message, so that most others need not be looked
// up, and the bounds of ids follow. Messages in hand are among the pending.
func (f *filter) walkQuery(q *symphony.MessageQuery) string {
	const (
		completed = "+seq BETWEEN ?1 AND ?2 AND EXISTS (SELECT 1 FROM messenger_completed c WHERE c.seq = m.seq)"
		cancelled = "+seq BETWEEN ?3 AND ?4 AND EXISTS (SELECT 1 FROM messenger_cancelled c WHERE c.seq = m.seq)"
	)
	bounds := "id>=? AND id<?"
	switch q.Status {
	case symphony.Completed:
		bounds = completed + " AND id>=?5 AND id<?6"
	case symphony.Cancelled:
		bounds = cancelled + " AND id>=?5 AND id<?6"
	case symphony.Pending, symphony.Processing:
		bounds = "NOT (" + completed + ") AND NOT (" + cancelled + ") AND id>=?5 AND id<?6"
	}
	return "SELECT seq, id, lane, " + f.columns("id") + " FROM messenger_messages m WHERE " + bounds +
		" ORDER BY id" + direction(q)
}

// endQuery reads the last id that may be looked at, and the one behind it.
func endQuery(q *symphony.MessageQuery) string {
	return "SELECT id FROM messenger_messages WHERE id>=? AND id<? ORDER BY id" + direction(q) + " LIMIT 2 OFFSET ?"
}

// walkFailedQuery reads the dead letter queue by the messages' ids.
func (v *view) walkFailedQuery(f *filter, q *symphony.MessageQuery) string {
	return "SELECT id, message_id, queue, " + f.failedColumns() + " FROM " + v.failedRows(f) +
		" AND message_id>=? AND message_id<? ORDER BY message_id" + direction(q)
}

func direction(q *symphony.MessageQuery) string {
	if q.Oldest {
		return ""
	}
	return " DESC"
}

// walkStatus goes through the messages that have a status: at first through few, since most pages are full soon.
func (v *view) walkStatus(q *symphony.MessageQuery, f *filter, limit int) (list []found, next string, err error) {
	var ended [4]any
	err = v.query(`SELECT coalesce((SELECT min(seq) FROM messenger_completed), 0),
		coalesce((SELECT max(seq) FROM messenger_completed), 0),
		coalesce((SELECT min(seq) FROM messenger_cancelled), 0),
		coalesce((SELECT max(seq) FROM messenger_cancelled), 0)`, func(s *sqlite.Stmt) bool {
		for i := range ended {
			ended[i] = s.ColumnInt64(i)
		}
		return false
	})
	rest := *q
	for _, most := range []int{min(q.Scan, v.carefully), q.Scan - v.carefully} {
		if most <= 0 || err != nil {
			return list, next, err
		}
		from, to := idRange(&rest)
		var end []string
		err = v.query(endQuery(q), func(s *sqlite.Stmt) bool {
			end = append(end, s.ColumnText(0))
			return true
		}, from, to, most-1)
		if err != nil {
			return nil, "", err
		}
		next = ""
		if len(end) == 2 { // there is more than may be looked at
			next = end[0]
			if q.Oldest {
				to = end[1]
			} else {
				from = end[0]
			}
		}
		more := false
		var unfit error
		err = v.query(f.walkQuery(q), func(s *sqlite.Stmt) bool {
			_, claimed := v.claims[s.ColumnInt64(0)]
			inHand := q.Status == symphony.Processing
			if (inHand || q.Status == symphony.Pending) && claimed != inHand || !f.lanes[s.ColumnInt64(2)] || !v.matches(f, s, 3) {
				return true
			}
			if fits, err := v.fits(f, s.ColumnInt64(0), s.ColumnInt64(3+createdColumn)); err != nil || !fits {
				unfit = errors.Join(unfit, err)
				return err == nil
			}
			if more = len(list) == limit; !more {
				list = append(list, found{id: s.ColumnText(1), seq: s.ColumnInt64(0)})
			}
			return !more
		}, append(ended[:], from, to)...)
		if err = errors.Join(err, unfit); err != nil {
			return nil, "", err
		}
		if more {
			return list, list[limit-1].id, nil
		}
		if next == "" || len(list) == limit {
			return list, next, err
		}
		rest.After = next
	}
	return list, next, err
}
