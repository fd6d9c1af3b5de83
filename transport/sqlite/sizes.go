package sqlite

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/storage"
	"zombiezen.com/go/sqlite"
)

// What a database uses bytes for is estimated, since to know it all pages would have to be read: from what is counted
// anyway, from the numbers of small rows, and from the sizes of a few rows of each kind. The purge, which reads the
// small rows too, does so every now and then; who asks gets what it found.

const (
	// sizeSamples is how many rows of a kind are looked at.
	sizeSamples = 200
	// sizesEvery is the time between two looks.
	sizesEvery = 15 * time.Minute
	// rowOverhead is about what a row takes beside its texts: numbers, its entry in the index of ids, and pages that
	// are not full.
	rowOverhead = 140
)

// Bytes tells what the file and its log are used for, as the last look found it.
func (t *Transport) Bytes(context.Context) (storage.Bytes, error) {
	if b := t.sizes.Load(); b != nil {
		return *b, nil
	}
	return storage.Bytes{}, nil
}

// Measure tells what a database's file and its log are used for, which another process may have open. It only reads.
func Measure(ctx context.Context, path string) (b storage.Bytes, err error) {
	s := &store{path: path}
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadOnly)
	if err != nil {
		return b, s.storageError("open", err)
	}
	defer conn.Close() //nolint:errcheck // it has only read
	conn.SetInterrupt(ctx.Done())
	return newReader(conn).measure(path, symphony.SystemClock().Now())
}

// measureIfDue looks again where the last look is too long ago.
func (s *store) measureIfDue(ctx context.Context) error {
	now := s.clock.Now()
	if b := s.sizes.Load(); b != nil && now.Sub(b.At) < sizesEvery && !now.Before(b.At) {
		return nil
	}
	return s.readOn(ctx, s.searchers, "measure", func(r *reader) error {
		b, err := r.measure(s.path, now)
		if err == nil {
			s.sizes.Store(&b)
		}
		return err
	})
}

// The texts of the rows of tables, whose sizes are looked at.
const (
	bodyTexts = "octet_length(type) + octet_length(payload) + coalesce(octet_length(metadata), 0) + " +
		"coalesce(octet_length(headers), 0) + coalesce(octet_length(extras), 0)"
	messageTexts = "octet_length(id)*2 + " + bodyTexts
	failedTexts  = "octet_length(message_id)*4 + octet_length(error) + octet_length(attempts) + " + bodyTexts
	attemptTexts = `coalesce((SELECT sum(octet_length(error) + octet_length(worker) + 60)
			FROM messenger_attempts a WHERE a.seq = m.seq), 0)
		+ coalesce((SELECT sum(coalesce(octet_length(log), 0) + coalesce(octet_length(progress), 0) + 80)
			FROM messenger_notes n WHERE n.id = m.id), 0)`
	outputTexts = `coalesce((SELECT octet_length(output) + 12 FROM messenger_outputs o WHERE o.seq = m.seq), 0)`
)

// measure looks at the database.
func (r *reader) measure(path string, now time.Time) (b storage.Bytes, err error) {
	b = storage.Bytes{At: now, Kinds: make(map[string]int64), Approximate: true}
	one := func(query string, args ...any) (n int64) {
		err = errors.Join(err, r.query(query, func(s *sqlite.Stmt) bool {
			n = s.ColumnInt64(0)
			return false
		}, args...))
		return n
	}
	page := one("PRAGMA page_size")
	pages, free := one("PRAGMA page_count"), one("PRAGMA freelist_count")
	if info, err := os.Stat(path + "-wal"); err == nil {
		b.Kinds[storage.BytesLog] = info.Size()
	}
	b.Kinds[storage.BytesFree] = free * page
	used := (pages - free) * page
	b.Total = pages*page + b.Kinds[storage.BytesLog]

	waiting := one("SELECT coalesce(sum(pending + processing), 0) FROM messenger_lanes")
	ended := map[string]int64{
		storage.BytesCompleted: one("SELECT count(*) FROM messenger_completed"),
		storage.BytesCancelled: one("SELECT count(*) FROM messenger_cancelled"),
	}
	failed := one("SELECT coalesce(sum(failed), 0) FROM messenger_lanes")

	// The rows that wait are few among the others: those at the heads of their lanes stand for all.
	sample := "SELECT " + messageTexts + ", " + attemptTexts + ", 0 FROM messenger_messages m WHERE m.seq=?"
	seqs, e := r.seqsOf("SELECT seq FROM messenger_ready LIMIT ?", sizeSamples)
	err = errors.Join(err, e)
	r.addSample(&b, storage.BytesWaiting, waiting, sample, seqs, &err)
	sample = "SELECT " + messageTexts + ", " + attemptTexts + ", " + outputTexts +
		" FROM messenger_messages m WHERE m.seq=?"
	for kind, table := range map[string]string{
		storage.BytesCompleted: "messenger_completed", storage.BytesCancelled: "messenger_cancelled",
	} {
		seqs, e := r.spread(table, "seq")
		err = errors.Join(err, e)
		r.addSample(&b, kind, ended[kind], sample, seqs, &err)
	}
	seqs, e = r.spread("messenger_failed_messages", "rowid")
	err = errors.Join(err, e)
	r.addSample(&b, storage.BytesFailed, failed,
		"SELECT "+failedTexts+", 0, 0 FROM messenger_failed_messages WHERE rowid=?", seqs, &err)

	b.Kinds[storage.BytesSchedules] = one(`SELECT
		coalesce(sum(octet_length(definition) + octet_length(payload) + 200), 0) FROM messenger_schedules`) +
		100*one("SELECT count(*) FROM messenger_schedule_runs")
	entries := one(`SELECT coalesce(sum(1 + last -
		coalesce((SELECT min(seq) FROM messenger_log_entries e WHERE e.log = l.log), last + 1)), 0) FROM messenger_logs l`)
	width := one(`SELECT coalesce(avg(octet_length(data) + octet_length(kind)), 0) FROM
		(SELECT data, kind FROM messenger_log_entries ORDER BY log DESC, seq DESC LIMIT ?)`, sizeSamples)
	b.Kinds[storage.BytesEvents] = entries * (width + 60)
	if err != nil {
		return storage.Bytes{}, err
	}
	fit(&b, used)
	return b, nil
}

// addSample estimates a kind by the sizes of some of its messages.
func (r *reader) addSample(b *storage.Bytes, kind string, count int64, query string, seqs []int64, err *error) {
	var texts, attempts, outputs, n int64
	for _, seq := range seqs {
		*err = errors.Join(*err, r.query(query, func(s *sqlite.Stmt) bool {
			texts += s.ColumnInt64(0) + rowOverhead
			attempts += s.ColumnInt64(1)
			outputs += s.ColumnInt64(2)
			n++
			return false
		}, seq))
	}
	if n == 0 {
		b.Kinds[kind] = 0
		return
	}
	of := func(sum int64) int64 { return int64(float64(count) * float64(sum) / float64(n)) }
	b.Kinds[kind] = of(texts)
	b.Kinds[storage.BytesAttempts] += of(attempts)
	b.Kinds[storage.BytesOutputs] += of(outputs)
}

// seqsOf are the numbers that a query returns.
func (r *reader) seqsOf(query string, args ...any) (list []int64, err error) {
	err = r.query(query, func(s *sqlite.Stmt) bool {
		list = append(list, s.ColumnInt64(0))
		return true
	}, args...)
	return list, err
}

// spread are the numbers of rows that are spread evenly over a table.
func (r *reader) spread(table, seq string) (list []int64, err error) {
	var first, last int64
	err = r.query("SELECT coalesce(min("+seq+"), 0), coalesce(max("+seq+"), -1) FROM "+table,
		func(s *sqlite.Stmt) bool {
			first, last = s.ColumnInt64(0), s.ColumnInt64(1)
			return false
		})
	step := max((last-first+1)/sizeSamples, 1)
	for at := first; err == nil && at <= last && len(list) < sizeSamples; {
		next := last + 1
		err = r.query("SELECT "+seq+" FROM "+table+" WHERE "+seq+">=? LIMIT 1", func(s *sqlite.Stmt) bool {
			next = s.ColumnInt64(0)
			return false
		}, at)
		if next <= last {
			list = append(list, next)
		}
		at = max(next+1, at+step)
	}
	return list, err
}

// fit has the kinds add up to what is used: what they leave is other, and where estimates come to more, each is less.
func fit(b *storage.Bytes, used int64) {
	estimated := int64(0)
	for kind, n := range b.Kinds {
		if kind != storage.BytesLog && kind != storage.BytesFree {
			estimated += n
		}
	}
	if estimated > used {
		part := float64(used) / float64(estimated)
		estimated = 0
		for kind, n := range b.Kinds {
			if kind != storage.BytesLog && kind != storage.BytesFree {
				b.Kinds[kind] = int64(float64(n) * part)
				estimated += b.Kinds[kind]
			}
		}
	}
	b.Kinds[storage.BytesOther] = used - estimated
}
