package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/retention"
)

// How long messages are kept follows from when they ended, by rules that can change from one start to the next, so no
// row has it. A message past its period is seen by nobody, whether its row is there or not. Rows go in three ways:
//
//   - completed messages with their partition, a day after the longest period of its last row;
//   - those with a shorter period, once for each such period, when it is over for all of a partition;
//   - all others by an index: of messages that say themselves how long they are kept, cancelled and failed ones.

// The rules as SQL: of the tables that have lanes, and of the dead letter queue.
const (
	inTransport       = "lane = ANY (ARRAY(SELECT lane FROM {schema}.messenger_lanes WHERE transport = {transport}))"
	inQueue           = "lane = ANY (ARRAY(SELECT lane FROM {schema}.messenger_lanes WHERE " + failedInQueue + "))"
	failedInTransport = "transport = {transport}"
	failedInQueue     = "(transport = {transport} AND queue = {queue})"
)

// saysItself selects rows of messages that say themselves how long they are kept. It repeats the condition of indexes.
const saysItself = `strpos(extras, '"retention":') > 0`

// ownFor selects rows of messages that say themselves that they are kept for a time which now begins.
func ownFor(extras, now string) string {
	return strings.ReplaceAll(saysItself, "extras", extras) + " AND {schema}.messenger_kept_until(" + now + ", " +
		extras + ") > " + now
}

// keptFailed is a query of the dead letter queue by ids and a transport, without rows that are past their periods.
func (s *store) keptFailed(q *query) *query {
	if s.kept.failed == "" {
		return q
	}
	const of = "transport = $2::text"
	return &query{sql: strings.ReplaceAll(q.sql, of, of+s.kept.andFailed(s.nowLiteral()))}
}

// kept are the rules with what follows from them. Its conditions have {now} for a time.
type kept struct {
	*retention.Rules
	completed, cancelled string // of rows that are not past their periods
	failed               string // of such rows of the dead letter queue; empty if none ever is
	failedFor            string // the period of a row of it, µs

	readEnds, getMessage *query
	shorter              []time.Duration // of completed messages, than the longest
}

func newKept(rules *retention.Rules) *kept {
	k := &kept{Rules: rules}
	still := func(outcome symphony.Status, at string) string {
		byRule := at + " > {now} - (" + rules.SQL(outcome, "type", inTransport, inQueue) +
			")::int8 * interval '1 microsecond'"
		return "CASE WHEN " + saysItself + " THEN coalesce({schema}.messenger_kept_until(" + at +
			", extras) > {now}, " + byRule +
			") ELSE " + byRule + " END"
	}
	k.completed, k.cancelled = still(symphony.Completed, "completed_at"), still(symphony.Cancelled, "cancelled_at")
	if len(rules.Ends(symphony.Failed)) > 0 {
		k.failedFor = "(" + rules.SQL(symphony.Failed, "type", failedInTransport, failedInQueue) + ")::int8"
		k.failed = "failed_at > {now} - " + k.failedFor + " * interval '1 microsecond'"
	}
	longest := rules.Longest(symphony.Completed)
	k.shorter = slices.DeleteFunc(rules.Ends(symphony.Completed), func(d time.Duration) bool { return d == longest })
	k.readEnds, k.getMessage = k.endsQuery(), k.messageQuery()
	return k
}

// at puts the name of a time into a condition.
func at(condition, now string) string { return strings.ReplaceAll(condition, "{now}", now) }

// andFailed is the condition that a row of the dead letter queue is not past its period, to put behind others.
func (k *kept) andFailed(now string) string {
	if k.failed == "" {
		return ""
	}
	return " AND " + at(k.failed, now)
}

// nowLiteral is what the server's clock shows, as far as this process knows, for statements that are made for one call.
func (s *store) nowLiteral() string { return timeLiteral(s.storeNow()) }

// timeLiteral is a time, µs, as SQL.
func timeLiteral(us int64) string {
	return fmt.Sprintf("('epoch'::timestamptz + %d * interval '1 microsecond')", us)
}

// A purge looks at what has come to the end of a period since the one before; the first of a process, and one a day,
// looks at all: the rules may be others, and clocks may have been set.
const (
	purgeAllEvery = 24 * time.Hour
	// failedSkew is how far the time in the id of a dead letter may be from that of its failure.
	failedSkew = 2 * time.Hour
	// passRows is how many completed messages one statement of a pass looks at.
	passRows = 5000
)

// purged is until when messages past their periods were looked for.
type purged struct {
	mu     sync.Mutex
	all    int64            // µs; 0: never
	passed map[string]int64 // by day: when its partition was passed through
	until  atomic.Int64
}

// span is a time in which messages ended, with the period that is over for them.
type span struct{ period, after, until int64 }

// spans are when those ended that came to the end of a period in a time, one for each period. The ends of cancelled
// messages are remembered for a while in any case, by their rows.
func (k *kept) spans(outcome symphony.Status, since, now int64) (list []span) {
	for _, d := range k.Ends(outcome) {
		p := d.Microseconds()
		over := p
		if outcome != symphony.Failed {
			over = max(p, symphony.EndsRemembered.Microseconds())
		}
		s := span{p, since - over, now - over}
		if since == 0 {
			s.after = 0
		}
		list = append(list, s)
	}
	return list
}

// purgeEnded deletes messages that are past their periods, but for those that partitions take with them.
func (s *store) purgeEnded(ctx context.Context) error {
	s.purged.mu.Lock()
	defer s.purged.mu.Unlock()
	now, since := s.storeNow(), s.purged.until.Load()
	if now-s.purged.all >= purgeAllEvery.Microseconds() || now < since {
		since = 0
	}
	if err := s.purgeFailed(ctx, since, now); err != nil {
		return err
	}
	for _, span := range s.kept.spans(symphony.Cancelled, since, now) {
		bounds := "cancelled_at <= " + timeLiteral(span.until)
		if span.after > 0 {
			bounds += " AND cancelled_at > " + timeLiteral(span.after)
		}
		if err := s.purgeBy(ctx, "messenger_cancelled", "cancelled_at", bounds+" AND NOT ("+at(s.kept.cancelled,
			timeLiteral(now))+")"); err != nil {
			return err
		}
	}
	remembered := timeLiteral(now - symphony.EndsRemembered.Microseconds())
	for _, table := range [][2]string{{"messenger_completed", "completed_at"}, {"messenger_cancelled",
		"cancelled_at"}} {
		until := "{schema}.messenger_kept_until(" + table[1] + ", extras)"
		where := saysItself + " AND " + until + " <= " + timeLiteral(now) + " AND " + table[1] + " <= " + remembered
		if err := s.purgeBy(ctx, table[0], until, where); err != nil {
			return err
		}
	}
	where := "completed_at <= " + remembered + " AND NOT (" + at(s.kept.completed, timeLiteral(now)) + ")"
	if err := s.purgeBy(ctx, "messenger_completed_default", "completed_at", where); err != nil {
		return err
	}
	if err := s.passPartitions(ctx, now, s.passDue); err != nil {
		return err
	}
	if s.purged.until.Store(now); since == 0 {
		s.purged.all = now
	}
	return nil
}

// purgeBy deletes rows of a table in the order of an expression, each time from where the last one was.
func (s *store) purgeBy(ctx context.Context, table, order, where string) error {
	from := ""
	for more := true; more; {
		sql := fmt.Sprintf(`WITH old AS MATERIALIZED (
				SELECT tableoid, ctid, %[2]s AS place FROM {schema}.%[1]s WHERE %[3]s%[4]s
				ORDER BY %[2]s LIMIT %[5]d FOR UPDATE SKIP LOCKED
			), gone AS (
				DELETE FROM {schema}.%[1]s t WHERE ctid = ANY (ARRAY(SELECT ctid FROM old)) AND EXISTS (
					SELECT FROM old WHERE old.ctid = t.ctid AND old.tableoid = t.tableoid)
				RETURNING 1
			) SELECT (SELECT count(*) FROM gone), (SELECT max(place) FROM old)`, table, order, where, from, houseRows)
		err := s.do(ctx, "purge", call{query: &query{sql: sql}, row: func(v [][]byte) error {
			if more = int8Column(v[0]) == houseRows; more {
				from = " AND " + order + " >= " + timeLiteral(timeColumn(v[1]))
			}
			return nil
		}})
		if err != nil {
			return err
		}
	}
	return nil
}

var completedDays = newQuery("completed_days", `SELECT right(c.relname, 8)
	FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhrelid
	WHERE h.inhparent = '{schema}.messenger_completed'::regclass AND c.relname ~ '^messenger_completed_[0-9]{8}$'
	ORDER BY 1`)

// passPartitions deletes completed messages whose periods are shorter than the longest: of each partition once for
// each such period, when it is over for all of its day. So their rows go as soon as others', within a day.
func (s *store) passPartitions(ctx context.Context, now int64, due func(day string, over, now int64) bool) error {
	if len(s.kept.shorter) == 0 {
		return nil
	}
	var days []string
	err := s.do(ctx, "purge", call{query: completedDays, row: func(v [][]byte) error {
		days = append(days, string(v[0]))
		return nil
	}})
	if err != nil {
		return err
	}
	for _, day := range days {
		began, err := time.Parse("20060102", day)
		if err != nil {
			continue // not one of ours
		}
		over := micros(began.AddDate(0, 0, 1))
		if !due(day, over, now) {
			continue
		}
		if err := s.passPartition(ctx, micros(began), over, now); err != nil {
			return err
		}
		s.purged.passed[day] = now
	}
	return nil
}

// passDue reports whether a period came to its end for all of a day, over at a time, since its partition was passed
// through.
func (s *store) passDue(day string, over, now int64) bool {
	return slices.ContainsFunc(s.kept.shorter, func(d time.Duration) bool {
		end := over + max(d, symphony.EndsRemembered).Microseconds()
		return end <= now && end > s.purged.passed[day]
	})
}

// passPartition looks at the completed messages of a day in the order of their ids.
func (s *store) passPartition(ctx context.Context, began, over, now int64) error {
	within := "completed_at >= " + timeLiteral(began) + " AND completed_at < " + timeLiteral(over)
	after := uuid{}
	for more := true; more; {
		sql := fmt.Sprintf(`WITH page AS MATERIALIZED (
				SELECT id, completed_at > %[4]s OR %[2]s AS kept FROM {schema}.messenger_completed
				WHERE %[1]s AND id > $1::uuid ORDER BY id LIMIT %[3]d
			), gone AS (
				DELETE FROM {schema}.messenger_completed
				WHERE %[1]s AND id = ANY (ARRAY(SELECT id FROM page WHERE NOT kept))
			) SELECT count(*), (array_agg(id ORDER BY id DESC))[1] FROM page`, within,
			at(s.kept.completed, timeLiteral(now)), passRows,
			timeLiteral(now-symphony.EndsRemembered.Microseconds()))
		err := s.do(ctx, "purge", call{query: &query{sql: sql}, params: [][]byte{after[:]},
			row: func(v [][]byte) error {
				if more = int8Column(v[0]) == passRows; more {
					after = uuidColumn(v[1])
				}
				return nil
			}})
		if err != nil {
			return err
		}
	}
	return nil
}

// rollInterval is after how long a partition of completed messages goes, µs; nil for never.
func (k *kept) rollInterval() []byte {
	if longest := k.Longest(symphony.Completed); longest != retention.Forever {
		return int8Param(max(longest, symphony.EndsRemembered).Microseconds())
	}
	return nil
}
