package sqlite

import (
	"math"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/storage"
	"zombiezen.com/go/sqlite"
)

// one finds a message of the transport by its id; none is found where there is none.
func (v *view) one(id string) (f found, err error) {
	err = v.query("SELECT seq, lane FROM messenger_messages WHERE id=?", func(s *sqlite.Stmt) bool {
		if v.lanes[s.ColumnInt64(1)] != nil {
			f = found{id: id, seq: s.ColumnInt64(0)}
		}
		return false
	}, id)
	if err == nil && f.id == "" {
		kept, args := v.kept.andKept(v.now, append([]any{id}, v.named()...)...)
		err = v.query("SELECT id FROM messenger_failed_messages WHERE message_id=? AND "+v.of()+kept,
			func(s *sqlite.Stmt) bool {
				f = found{id: id, failed: s.ColumnText(0)}
				return false
			}, args...)
	}
	if err != nil || f.seq == 0 {
		return f, err
	}
	if gone, err := v.gone(f.seq, 0); gone || err != nil {
		return found{}, err
	}
	return f, nil
}

// row tells all about a message of a page, or where nothing is left of the page's bytes all but its body.
func (v *view) row(f found, bytes *storage.PageBytes) (m symphony.MessageInfo, err error) {
	if f.failed != "" {
		rows := failedReader{bytes, bytes.Left() > 0}
		err = v.query("SELECT "+rows.columns()+" FROM messenger_failed_messages WHERE id=?", func(s *sqlite.Stmt) bool {
			m = rows.row(s)
			return false
		}, f.failed)
		return m, err
	}
	if bytes.Left() == 0 {
		return v.bare(f.seq)
	}
	var delay int64 // microseconds to where it waits, or unknownDelay
	if m, delay, err = v.envelope(f.seq); err != nil {
		return m, err
	}
	if m.Attempts, err = v.attempts(f.seq); err != nil {
		return m, err
	}
	bytes.Message(&m.Envelope, m.Attempts)
	err = v.state(&m, f.seq, delay)
	bytes.Bytes(len(m.Output))
	return m, err
}

// bareRow is a message without its body and attempts.
type bareRow struct {
	symphony.MessageInfo
	lane, delay int64
	sizes       symphony.Omitted
}

// bareColumns are those of messenger_messages m, of which nothing large is read.
var bareColumns = columns[bareRow]{
	{"id", func(m *bareRow, v cell) { m.ID = v.text() }},
	{"type", func(m *bareRow, v cell) { m.Type = v.text() }},
	{"priority", func(m *bareRow, v cell) { m.Priority = v.int() }},
	{"created_at", func(m *bareRow, v cell) { m.CreatedAt = v.time() }},
	{"scheduled_at", func(m *bareRow, v cell) { m.ScheduledAt = v.time() }},
	{"idempotency_key", func(m *bareRow, v cell) { m.IdempotencyKey = v.text() }},
	{"extras", func(m *bareRow, v cell) { m.DecodeErr = m.DecodeExtras(v.bytes()) }}, // a message is shown as far as it can be
	{"lane", func(m *bareRow, v cell) { m.lane = v.int64() }},
	{"coalesce(delay, ?2)", func(m *bareRow, v cell) { m.delay = v.int64() }},
	{"octet_length(payload)", func(m *bareRow, v cell) { m.sizes.Payload = v.int() }},
	{"octet_length(metadata)", func(m *bareRow, v cell) { m.sizes.Metadata = v.int() }},
	{"octet_length(headers)", func(m *bareRow, v cell) { m.sizes.Headers = v.int() }},
	{"(SELECT count(*) FROM messenger_attempts a WHERE a.seq = m.seq)", func(m *bareRow, v cell) { m.sizes.Attempts = v.int() }},
}

// bare tells all about a message but its body and attempts, which it does not read.
func (v *view) bare(seq int64) (m symphony.MessageInfo, err error) {
	var row bareRow
	err = v.query("SELECT "+bareColumns.String()+" FROM messenger_messages m WHERE seq=?1", func(s *sqlite.Stmt) bool {
		bareColumns.read(&row, s, 0)
		return false
	}, seq, int64(unknownDelay))
	if err != nil {
		return m, err
	}
	m = row.MessageInfo
	m.Omitted = &row.sizes
	if l := v.lanes[row.lane]; l != nil {
		m.Transport, m.Queue = l.transport, l.queue
	}
	// What the last attempt was tells where a message waits.
	err = v.eachAttempt(seq, " DESC LIMIT 1", func(a symphony.Attempt) { m.Attempts = append(m.Attempts, a) })
	if err == nil {
		err = v.state(&m, seq, row.delay)
	}
	m.Attempts = nil
	return m, err
}

// completedColumns are those of messenger_completed c.
var completedColumns = columns[symphony.MessageInfo]{
	{"attempt", func(m *symphony.MessageInfo, v cell) { m.Deliveries = v.int() }},
	{"completed_at", func(m *symphony.MessageInfo, v cell) { m.FinishedAt = v.time() }},
	// Older releases did not keep how long it took.
	{"coalesce(completed_at - took, 0)", func(m *symphony.MessageInfo, v cell) { m.StartedAt = v.time() }},
	{"(SELECT name FROM messenger_workers w WHERE w.worker = c.worker)", func(m *symphony.MessageInfo, v cell) { m.Worker = v.text() }},
}

// cancelledColumns are those of messenger_cancelled.
var cancelledColumns = columns[symphony.MessageInfo]{
	{"attempt", func(m *symphony.MessageInfo, v cell) { m.Deliveries = v.int() }},
	{"cancelled_at", func(m *symphony.MessageInfo, v cell) { m.FinishedAt = v.time() }},
	{"started_at", func(m *symphony.MessageInfo, v cell) { m.StartedAt = v.time() }},
	{"worker", func(m *symphony.MessageInfo, v cell) { m.Worker = v.text() }},
	{"requested_at", func(m *symphony.MessageInfo, v cell) { m.Cancel.RequestedAt = v.time() }},
	{"by", func(m *symphony.MessageInfo, v cell) { m.Cancel.By = v.text() }},
	{"reason", func(m *symphony.MessageInfo, v cell) { m.Cancel.Reason = v.text() }},
}

// state tells where a message is, whose envelope and attempts are read.
func (v *view) state(m *symphony.MessageInfo, seq, delay int64) (err error) {
	if m.Status, err = v.status(seq); err != nil {
		return err
	}
	switch m.Status {
	case symphony.Processing:
		c := v.claims[seq]
		m.Deliveries, m.Worker, m.StartedAt, m.LeasedUntil = int(c.attempt), c.worker, fromMicros(c.claimed), v.shown(c.until)
		if c.cancel != nil {
			m.Cancel = c.cancel.request()
		}
	case symphony.Completed, symphony.Cancelled:
		err = v.ended(m, seq)
		if err == nil && m.Status == symphony.Completed {
			err = v.output(m, seq)
		}
	default:
		var w *located
		if w, err = v.waiting(m, seq, delay, searchedRows); w != nil {
			m.Deliveries, m.AvailableAt = int(w.attempt), v.shown(w.available)
			if w.gate != 0 {
				err = v.query("SELECT name FROM messenger_gates WHERE gate=?", func(s *sqlite.Stmt) bool {
					m.Gate = s.ColumnText(0)
					return false
				}, w.gate)
			}
		} else if n := len(m.Attempts); n > 0 {
			m.Deliveries = m.Attempts[n-1].Number
		}
	}
	return err
}

// ended tells how a message ended that is completed or cancelled.
func (v *view) ended(m *symphony.MessageInfo, seq int64) error {
	from, query := completedColumns, "SELECT "+completedColumns.String()+" FROM messenger_completed c WHERE seq=?"
	if m.Status == symphony.Cancelled {
		from, query = cancelledColumns, "SELECT "+cancelledColumns.String()+" FROM messenger_cancelled WHERE seq=?"
		m.Cancel = new(symphony.Cancellation)
	}
	return v.query(query, func(s *sqlite.Stmt) bool {
		from.read(m, s, 0)
		return false
	}, seq)
}

// attempts are the tries at a message that did not succeed.
func (v *view) attempts(seq int64) (list []symphony.Attempt, err error) {
	err = v.eachAttempt(seq, "", func(a symphony.Attempt) { list = append(list, a) })
	return list, err
}

// attemptRow is an attempt, with the time of its next one on the storage's clock.
type attemptRow struct {
	symphony.Attempt
	retryAt int64
}

var attemptColumns = columns[attemptRow]{
	{"attempt", func(a *attemptRow, v cell) { a.Number = v.int() }},
	{"started_at", func(a *attemptRow, v cell) { a.StartedAt = v.time() }},
	{"finished_at", func(a *attemptRow, v cell) { a.FinishedAt = v.time() }},
	{"worker", func(a *attemptRow, v cell) { a.Worker = v.text() }},
	{"error", func(a *attemptRow, v cell) { a.Error = v.text() }},
	{"error_class", func(a *attemptRow, v cell) { a.ErrorClass = v.text() }},
	{"coalesce(retry_at, 0)", func(a *attemptRow, v cell) { a.retryAt = v.int64() }},
}

// eachAttempt visits the attempts of a message, oldest first unless which says otherwise.
func (v *view) eachAttempt(seq int64, which string, visit func(symphony.Attempt)) error {
	return v.query("SELECT "+attemptColumns.String()+" FROM messenger_attempts WHERE seq=? ORDER BY attempt"+which, func(s *sqlite.Stmt) bool {
		var a attemptRow
		attemptColumns.read(&a, s, 0)
		a.RetryAt = v.shown(a.retryAt)
		visit(a.Attempt)
		return true
	}, seq)
}

// envelope reads a message. What cannot be decoded is left out: a message is shown as far as it can be.
func (v *view) envelope(seq int64) (m symphony.MessageInfo, delay int64, err error) {
	var d symphony.Delivery
	if err := v.message(seq, &d); err != nil {
		return m, 0, err
	}
	m.Envelope, m.DecodeErr = d.Envelope, d.DecodeErr
	err = v.query("SELECT lane, coalesce(delay, ?2) FROM messenger_messages WHERE seq=?1", func(s *sqlite.Stmt) bool {
		if l := v.lanes[s.ColumnInt64(0)]; l != nil {
			m.Transport, m.Queue = l.transport, l.queue
		}
		delay = s.ColumnInt64(1)
		return false
	}, seq, int64(unknownDelay))
	return m, delay, err
}

// unknownDelay is the delay of a message that an older release has stored. Others may be less than 0: steady time is
// behind the time of day after the machine's clock was set forward.
const unknownDelay = math.MinInt64

// searchedRows bounds the search for where a message waits that an older release has stored.
const searchedRows = 5000

// parkedColumns are where a message waits before a gate; in messenger_ready it is before none.
var parkedColumns = append(columns[located]{
	{"gate", func(w *located, v cell) { w.gate = v.int64() }},
	{"place", func(w *located, v cell) { w.place = v.int64() }},
}, locatedColumns...)

var locatedColumns = columns[located]{
	{"lane", func(w *located, v cell) { w.lane = &lane{id: v.int64()} }},
	{"rank", func(w *located, v cell) { w.rank = v.int64() }},
	{"available_at", func(w *located, v cell) { w.available = v.int64() }},
	{"attempt", func(w *located, v cell) { w.attempt = v.int64() }},
	{"lost", func(w *located, v cell) { w.lost = v.int64() }},
	{"size", func(w *located, v cell) { w.size = v.int64() }},
}

// waiting finds where a pending message waits, nil if that cannot be found among so many rows. Those under flow
// control are found by their number. The others' place follows from the last thing that put them there: the dispatch
// or a release (delay), or an attempt.
func (v *view) waiting(m *symphony.MessageInfo, seq, delay int64, most int64) (w *located, err error) {
	find := func(from columns[located], rest string, args ...any) error {
		return v.query("SELECT "+from.String()+" FROM "+rest, func(s *sqlite.Stmt) bool {
			at := located{readyRow: readyRow{seq: seq}}
			if from.read(&at, s, 0); v.lanes[at.lane.id] != nil {
				w = &at
			}
			return false
		}, args...)
	}
	if err = find(locatedColumns, "messenger_ready WHERE seq=? AND controlled IS NOT NULL", seq); err != nil || w != nil {
		return w, err
	}
	if err = find(parkedColumns, "messenger_parked WHERE seq=?", seq); err != nil || w != nil {
		return w, err
	}
	created := micros(m.CreatedAt)
	var places []int64
	if n := len(m.Attempts); n > 0 && !m.Attempts[n-1].RetryAt.IsZero() { // there it is a time of day, as it is shown
		err := v.query("SELECT retry_at FROM messenger_attempts WHERE seq=? ORDER BY attempt DESC LIMIT 1", func(s *sqlite.Stmt) bool {
			places = append(places, s.ColumnInt64(0))
			return false
		}, seq)
		if err != nil {
			return nil, err
		}
	}
	if delay != unknownDelay {
		places = append(places, created+delay)
	}
	for _, l := range v.lanes {
		if l.transport != m.Transport || l.queue != m.Queue || l.controlled {
			continue
		}
		for _, at := range places {
			const place = "messenger_ready WHERE lane=? AND rank=? AND available_at=? AND seq=?"
			err := find(locatedColumns, place, l.id, rankOf(m.Priority), at, seq)
			if err != nil || w != nil {
				return w, err
			}
		}
		err := find(locatedColumns, `messenger_ready WHERE seq=?4 AND (lane, rank, available_at, seq) IN
			(SELECT lane, rank, available_at, seq FROM messenger_ready WHERE lane=?1 AND rank=?2 AND available_at>=?3
			ORDER BY available_at, seq LIMIT ?5)`, l.id, rankOf(m.Priority), created, seq, most)
		if err != nil || w != nil {
			return w, err
		}
	}
	return nil, nil
}
