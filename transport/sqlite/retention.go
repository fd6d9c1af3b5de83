package sqlite

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/retention"
	"zombiezen.com/go/sqlite"
)

// How long messages are kept follows from when they ended, by rules that can change from one start to the next, so no
// row has it. A message past its period is seen by nobody; its row goes with the next purge. What messages say
// themselves stands in a table of its own, which has a row for each that does.

// The rules as SQL: of messages m, and of rows of the dead letter queue.
const (
	inTransport = "m.lane IN (SELECT lane FROM messenger_lanes WHERE transport={transport})"
	inQueue     = "m.lane IN (SELECT lane FROM messenger_lanes WHERE transport={transport} AND queue={queue})"
)

// kept are the rules with what follows from them.
type kept struct {
	*retention.Rules
	past      string // of a message of the messages' table by its number: a row if it is past its period at a time
	failed    string // condition on dead letters: not past their period at a time; empty if none ever is
	failedFor string // the period of such a row, µs
	least     int64  // no completed or cancelled message is past its period before, µs, unless it says so itself

	keepsCompleted, keepsCancelled bool // any of them for any time
}

func newKept(rules *retention.Rules) *kept {
	const own = "coalesce((SELECT period FROM messenger_retained r WHERE r.seq = m.seq), "
	past := func(outcome symphony.Status, table, at string) string {
		return "SELECT " + at + " FROM messenger_messages m JOIN " + table +
			" c ON c.seq = m.seq WHERE m.seq=?1 AND c." + at +
			" + " + own + rules.SQL(outcome, "m.type", inTransport, inQueue) + ") <= ?2"
	}
	k := &kept{Rules: rules, least: never, past: past(symphony.Completed, "messenger_completed", "completed_at") +
		" UNION ALL " + past(symphony.Cancelled, "messenger_cancelled", "cancelled_at")}
	k.keepsCompleted, k.keepsCancelled = !rules.Nothing(symphony.Completed), !rules.Nothing(symphony.Cancelled)
	for _, outcome := range []symphony.Status{symphony.Completed, symphony.Cancelled} {
		for _, d := range rules.Ends(outcome) {
			k.least = min(k.least, d.Microseconds())
		}
	}
	if len(rules.Ends(symphony.Failed)) > 0 {
		k.failedFor = rules.SQL(symphony.Failed, "type", "transport={transport}",
			"(transport={transport} AND queue={queue})")
		k.failed = "failed_at + " + k.failedFor + " > ?"
	}
	return k
}

// andKept is the condition that a row of the dead letter queue is not past its period, with its parameter, to put
// behind others.
func (k *kept) andKept(now int64, args ...any) (string, []any) {
	if k.failed == "" {
		return "", args
	}
	return " AND " + k.failed, append(args, now)
}

// endOfPast reads the one column of kept.past.
func endOfPast(ended *int64) func(*sqlite.Stmt) bool {
	return func(s *sqlite.Stmt) bool {
		*ended = max(s.ColumnInt64(0), 1)
		return false
	}
}

// past tells when a message of the messages' table ended that is past its period; 0: it is not.
func (w *writer) past(seq, now int64) (ended int64, err error) {
	err = w.query(w.kept.past, endOfPast(&ended), seq, now)
	return ended, err
}

// idSkew is how much later than when it was stored a message may have been created by its own account.
var idSkew = symphony.MaxIDSkew.Microseconds()

// gone reports whether a message is past its period, which was created at a time.
func (v *view) gone(seq, created int64) (bool, error) {
	if !v.own && created > v.now-v.kept.least+idSkew {
		return false, nil // it cannot be: most are spared a look
	}
	ended := int64(0)
	err := v.query(v.kept.past, endOfPast(&ended), seq, v.now)
	return ended != 0, err
}

// keepOwn notes how long a message is to be kept that says so itself.
func (w *writer) keepOwn(seq int64, period time.Duration) error {
	w.own = true
	return w.exec("INSERT INTO messenger_retained (seq, period) VALUES (?, ?)", seq, period.Microseconds())
}

// dropOwn forgets what a message said that is deleted.
func (w *writer) dropOwn(seq int64) error {
	if !w.own {
		return nil
	}
	return w.exec("DELETE FROM messenger_retained WHERE seq=?", seq)
}

// loadOwn finds out whether any message says itself how long it is kept.
func (w *writer) loadOwn() error {
	return w.query("SELECT EXISTS (SELECT 1 FROM messenger_retained)", func(s *sqlite.Stmt) bool {
		w.own = s.ColumnInt(0) != 0
		return false
	})
}

// keeps reports whether a message is kept that ends now: false where it is known that it is not for any time.
func (w *writer) keeps(outcome symphony.Status, seq int64) (bool, error) {
	keeps := outcome == symphony.Completed && w.kept.keepsCompleted || outcome == symphony.Cancelled &&
		w.kept.keepsCancelled
	if !w.own {
		return keeps, nil
	}
	s, err := w.prepared("SELECT period FROM messenger_retained WHERE seq=?")
	if err != nil {
		return keeps, err
	}
	err = eachRow(s, func(s *sqlite.Stmt) bool {
		keeps = s.ColumnInt64(0) > 0
		return false
	}, []any{seq})
	return keeps, err
}

// A purge looks at what has come to the end of a period since the one before, for each period; the first of a process,
// and one a day, looks at all: the rules may be others, and clocks may have been set.
const (
	purgeAllEvery = 24 * time.Hour
	// failedSkew is how far the time in the id of a dead letter may be from that of its failure, in steady time.
	failedSkew = 2 * time.Hour
)

// purged is until when messages past their periods were looked for.
type purged struct {
	mu         sync.Mutex   // one purge at a time
	all, until atomic.Int64 // µs, times of day; 0: never
}

// span is a time in which messages ended.
type span struct{ period, after, until int64 }

// spans are when those ended that came to the end of a period in a time, one for each period. The ends of completed and
// cancelled messages are remembered for a while in any case, by their rows.
func (k *kept) spans(outcome symphony.Status, since, now int64) (list []span) {
	for _, d := range k.Ends(outcome) {
		p := d.Microseconds()
		if outcome != symphony.Failed {
			p = max(p, symphony.EndsRemembered.Microseconds())
		}
		if list = append(list, span{p, since - p, now - p}); since == 0 {
			list[len(list)-1].after = -never
		}
	}
	return list
}

func within(list []span, at int64) bool {
	for _, s := range list {
		if at > s.after && at <= s.until {
			return true
		}
	}
	return false
}

// purgeEnded deletes messages that are past their periods.
func (s *store) purgeEnded(ctx context.Context) error {
	s.purged.mu.Lock()
	defer s.purged.mu.Unlock()
	now, since := micros(s.clock.Now()), s.purged.until.Load()
	if now-s.purged.all.Load() >= purgeAllEvery.Microseconds() || now < since {
		since = 0
	}
	for _, purge := range []func(ctx context.Context, since, now int64) error{
		s.purgeFailed, s.purgeCancelled, s.purgeCompleted, s.purgeOwn,
	} {
		if err := purge(ctx, since, now); err != nil {
			return err
		}
	}
	if s.purged.until.Store(now); since == 0 {
		s.purged.all.Store(now)
	}
	return s.purgeWorkers(ctx, now)
}

// purgeCompleted reads the small rows of completed messages, in the order in which they are stored.
func (s *store) purgeCompleted(ctx context.Context, since, now int64) error {
	spans := s.kept.spans(symphony.Completed, since, now)
	for after, more := int64(-1), len(spans) > 0; more; {
		o := &purgeOp{outcome: symphony.Completed, now: now}
		n := 0
		err := s.read(ctx, "purge", func(r *reader) error {
			return r.query(`SELECT seq, completed_at, attempt FROM messenger_completed
				WHERE seq>? ORDER BY seq LIMIT ?`, func(q *sqlite.Stmt) bool {
				n++
				if after = q.ColumnInt64(0); within(spans, q.ColumnInt64(1)) {
					o.list = append(o.list, readyRow{seq: after, attempt: q.ColumnInt64(2)})
				}
				return true
			}, after, purgeWindow)
		})
		if err != nil {
			return err
		}
		if err := s.purgeAll(ctx, o); err != nil {
			return err
		}
		more = n == purgeWindow
	}
	return nil
}

// purgeCancelled goes through the index of their ends.
func (s *store) purgeCancelled(ctx context.Context, since, now int64) error {
	for _, p := range s.kept.spans(symphony.Cancelled, since, now) {
		for after, seq, more := p.after, int64(never), true; more; {
			o := &purgeOp{outcome: symphony.Cancelled, now: now}
			err := s.read(ctx, "purge", func(r *reader) error {
				const query = `SELECT seq, cancelled_at, attempt FROM messenger_cancelled
					WHERE (cancelled_at, seq)>(?, ?) AND cancelled_at<=? ORDER BY cancelled_at, seq LIMIT ?`
				return r.query(query, func(q *sqlite.Stmt) bool {
					seq, after = q.ColumnInt64(0), q.ColumnInt64(1)
					o.list = append(o.list, readyRow{seq: seq, attempt: q.ColumnInt64(2) + 1})
					return true
				}, after, seq, p.until, purgeWindow)
			})
			if err != nil {
				return err
			}
			more = len(o.list) == purgeWindow
			if err := s.purgeAll(ctx, o); err != nil {
				return err
			}
		}
	}
	return nil
}

// purgeOwn deletes messages that said themselves how long they are kept. Their periods are many, so it looks at all
// of them.
func (s *store) purgeOwn(ctx context.Context, _, now int64) error {
	for outcome, ended := range map[symphony.Status][2]string{
		symphony.Completed: {"messenger_completed", "completed_at"},
		symphony.Cancelled: {"messenger_cancelled", "cancelled_at"},
	} {
		o := &purgeOp{outcome: outcome, now: now}
		err := s.read(ctx, "purge", func(r *reader) error {
			return r.query("SELECT r.seq FROM messenger_retained r JOIN "+ended[0]+" c ON c.seq = r.seq"+
				" WHERE c."+ended[1]+
				" + max(r.period, ?) <= ? ORDER BY r.seq", func(q *sqlite.Stmt) bool {
				o.list = append(o.list, readyRow{seq: q.ColumnInt64(0), attempt: 2}) // there may have been others
				return true
			}, symphony.EndsRemembered.Microseconds(), now)
		})
		if err != nil {
			return err
		}
		if err := s.purgeAll(ctx, o); err != nil {
			return err
		}
	}
	return nil
}

// purgeAll purges in transactions that others need not wait for.
func (s *store) purgeAll(ctx context.Context, o *purgeOp) error {
	for part := range slices.Chunk(o.list, purgeRows) {
		if err := s.do(ctx, &purgeOp{o.outcome, part, o.now}); err != nil {
			return err
		}
	}
	return nil
}

// purgeOp deletes those of some messages of an outcome that are past their periods.
type purgeOp struct {
	outcome symphony.Status
	list    []readyRow
	now     int64
}

func (o *purgeOp) rows() int { return len(o.list) }

func (o *purgeOp) apply(w *writer) error {
	_, always := w.kept.Always(o.outcome)
	certain := always && !w.own // they were found by all that decides
	forget := "DELETE FROM messenger_completed WHERE seq=?"
	if o.outcome == symphony.Cancelled {
		forget = "DELETE FROM messenger_cancelled WHERE seq=?"
	}
	for _, r := range o.list {
		if !certain {
			if ended, err := w.past(r.seq, o.now); err != nil {
				return err
			} else if ended == 0 {
				continue
			}
		}
		if err := w.exec(forget, r.seq); err != nil {
			return err
		}
		if err := w.erase(r); err != nil {
			return err
		}
	}
	if o.outcome == symphony.Cancelled || len(o.list) == 0 {
		return nil
	}
	return w.dropOutputs(o.list[0].seq, o.list[len(o.list)-1].seq)
}

// purgeWorkers deletes the names of workers that no message has any more.
func (s *store) purgeWorkers(ctx context.Context, now int64) error {
	longest := s.kept.Longest(symphony.Completed).Microseconds()
	err := s.read(ctx, "purge", func(r *reader) error {
		return r.query("SELECT coalesce(max(period), 0) FROM messenger_retained", func(q *sqlite.Stmt) bool {
			longest = max(longest, q.ColumnInt64(0))
			return false
		})
	})
	if err != nil {
		return err
	}
	return s.do(ctx, &purgeWorkersOp{now - longest})
}
