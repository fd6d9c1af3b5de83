package sqlite

import (
	"context"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/retention"
	"zombiezen.com/go/sqlite"
)

// Dead letters are in the order of their failure, so that those that came to the end of a period in a time are next to
// each other.

// aging are the dead letters of a transport with one period that is over, of which those that were over at since are
// deleted already.
func (k *kept) aging(transport string, s span) (condition string, args []any) {
	from := ""
	if s.after > 0 {
		from = idBound(s.after, -failedSkew)
	}
	return "transport=? AND id>=? AND id<? AND failed_at<=? AND " + k.failedFor + "=?",
		[]any{transport, from, idBound(s.until, failedSkew), s.until, s.period}
}

// idBound is no greater than the ids that are made from a time and a while on.
func idBound(us int64, while time.Duration) string {
	return symphony.NewID(time.UnixMicro(max(us+while.Microseconds(), 0)))[:13]
}

// countFailed counts the dead letters of a transport by queue anew where some may be past their periods that are not
// deleted yet: all that are counted, without those.
func (r *reader) countFailed(s *store, transport string, stats *symphony.Stats) (err error) {
	if s.kept.failed == "" {
		return nil
	}
	now := micros(s.clock.Now())
	failed := make(map[string]int64)
	err = r.query("SELECT queue, sum(failed) FROM messenger_lanes WHERE transport=? GROUP BY queue",
		func(q *sqlite.Stmt) bool {
			failed[q.ColumnText(0)] = q.ColumnInt64(1)
			return true
		}, transport)
	for _, span := range s.kept.spans(symphony.Failed, r.purged, now) {
		if err != nil {
			return err
		}
		condition, args := s.kept.aging(transport, span)
		err = r.query("SELECT queue, count(*) FROM messenger_failed_messages WHERE "+condition+" GROUP BY queue",
			func(q *sqlite.Stmt) bool {
				failed[q.ColumnText(0)] -= q.ColumnInt64(1)
				return true
			}, args...)
	}
	stats.Failed = 0
	for queue, q := range stats.Queues {
		q.Failed = failed[queue]
		stats.Failed += q.Failed
		stats.Queues[queue] = q
	}
	return err
}

// purgeFailed deletes dead letters that are past their periods, and tells of them.
func (s *store) purgeFailed(ctx context.Context, since, now int64) error {
	var all retention.Aged
	tell := func() {
		if s.aged != nil && all.Total() > 0 {
			s.aged(ctx, all)
		}
	}
	defer tell() // also of a run that did not come to its end
	for _, span := range s.kept.spans(symphony.Failed, since, now) {
		for _, transport := range s.transports() {
			condition, args := s.kept.aging(transport, span)
			for more := true; more; {
				o := &ageFailedOp{transport: transport, condition: condition, args: args}
				if err := s.do(ctx, o); err != nil {
					return err
				}
				all.AddAll(o.aged)
				more = o.aged.Total() == purgeRows
			}
		}
	}
	return nil
}

// transports are those that have lanes.
func (s *store) transports() (names []string) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for name := range s.lanes {
		names = append(names, name)
	}
	return names
}

// ageFailedOp deletes dead letters of a transport.
type ageFailedOp struct {
	transport, condition string
	args                 []any
	aged                 retention.Aged
}

func (*ageFailedOp) rows() int { return purgeRows }

func (o *ageFailedOp) apply(w *writer) error {
	o.aged = retention.Aged{}
	type row struct{ id, queue, typ string }
	var list []row
	err := w.query("SELECT id, queue, type FROM messenger_failed_messages WHERE "+o.condition+" ORDER BY id LIMIT ?",
		func(q *sqlite.Stmt) bool {
			list = append(list, row{q.ColumnText(0), q.ColumnText(1), q.ColumnText(2)})
			return true
		}, append(o.args[:len(o.args):len(o.args)], purgeRows)...)
	if err != nil {
		return err
	}
	for _, r := range list {
		l, err := w.lane(laneKey{transport: o.transport, queue: r.queue})
		if err != nil {
			return err
		}
		if err := w.deleteFailed(r.id, l); err != nil {
			return err
		}
		o.aged.Add(retention.Place{Transport: o.transport, Queue: r.queue, Type: r.typ}, 1)
	}
	return nil
}
