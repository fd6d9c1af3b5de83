package sqlite

import (
	"fmt"
	"math"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/storage"
	"zombiezen.com/go/sqlite"
)

// find finds a message of the transport by its id.
func (v *view) find(id string) (f found, err error) {
	err = v.query("SELECT seq, lane FROM messenger_messages WHERE id=?", func(s *sqlite.Stmt) bool {
		if v.lanes[s.ColumnInt64(1)] != nil {
			f = found{id: id, seq: s.ColumnInt64(0)}
		}
		return false
	}, id)
	if err == nil && f.id == "" {
		err = v.query("SELECT id FROM messenger_failed_messages WHERE transport=? AND message_id=?", func(s *sqlite.Stmt) bool {
			f = found{id: id, failed: s.ColumnText(0)}
			return false
		}, v.transport, id)
	}
	if err == nil && f.id == "" {
		err = fmt.Errorf("message %s: %w", id, symphony.ErrNotFound)
	}
	return f, err
}

// row tells all about a message of a page, or where nothing is left of the page's bytes all but its body.
func (v *view) row(f found, bytes *storage.PageBytes) (m symphony.MessageInfo, err error) {
	if f.failed != "" {
		err = v.query("SELECT "+failedColumns+" FROM messenger_failed_messages WHERE id=?", func(s *sqlite.Stmt) bool {
			m = failedInfo(failedRow(s, v.transport, bytes))
			return false
		}, f.failed)
		return m, err
	}
	if bytes.Left() == 0 {
		return v.bare(f.seq)
	}
	if m, err = v.info(f); err == nil {
		bytes.Message(&m.Envelope, m.Attempts)
	}
	return m, err
}

// info tells all about a message that was found.
func (v *view) info(f found) (m symphony.MessageInfo, err error) {
	if f.failed != "" {
		err = v.query("SELECT "+failedColumns+" FROM messenger_failed_messages WHERE id=?", func(s *sqlite.Stmt) bool {
			m = failedInfo(failedMessage(s, v.transport))
			return false
		}, f.failed)
		return m, err
	}
	var delay int64 // microseconds to where it waits, or unknownDelay
	m, delay, err = v.envelope(f.seq)
	if err != nil {
		return m, err
	}
	if m.Attempts, err = v.attempts(f.seq); err != nil {
		return m, err
	}
	return m, v.state(&m, f.seq, delay)
}

// bare tells all about a message but its body and attempts, which it does not read.
func (v *view) bare(seq int64) (m symphony.MessageInfo, err error) {
	var delay, lane int64
	m.Omitted = &symphony.Omitted{}
	err = v.query(`SELECT id, type, priority, created_at, scheduled_at, idempotency_key, extras, lane, coalesce(delay, ?2),
			octet_length(payload), octet_length(metadata), octet_length(headers), (SELECT count(*) FROM messenger_attempts a WHERE a.seq = m.seq)
		FROM messenger_messages m WHERE seq=?1`, func(s *sqlite.Stmt) bool {
		m.ID, m.Type, m.Priority, m.CreatedAt, m.ScheduledAt = s.ColumnText(0), s.ColumnText(1), s.ColumnInt(2), fromMicros(s.ColumnInt64(3)), fromMicros(s.ColumnInt64(4))
		m.IdempotencyKey = s.ColumnText(5)
		m.DecodeErr = m.DecodeExtras(columnBytes(s, 6)) // a message is shown as far as it can be
		lane, delay = s.ColumnInt64(7), s.ColumnInt64(8)
		*m.Omitted = symphony.Omitted{Payload: s.ColumnInt(9), Metadata: s.ColumnInt(10), Headers: s.ColumnInt(11), Attempts: s.ColumnInt(12)}
		return false
	}, seq, int64(unknownDelay))
	if err != nil {
		return m, err
	}
	m.Transport = v.transport
	if l := v.lanes[lane]; l != nil {
		m.Queue = l.queue
	}
	// What the last attempt was tells where a message waits.
	err = v.query("SELECT attempt, finished_at, coalesce(retry_at, 0) FROM messenger_attempts WHERE seq=? ORDER BY attempt DESC LIMIT 1", func(s *sqlite.Stmt) bool {
		m.Attempts = []symphony.Attempt{{Number: s.ColumnInt(0), FinishedAt: fromMicros(s.ColumnInt64(1)), RetryAt: v.shown(s.ColumnInt64(2))}}
		return false
	}, seq)
	if err == nil {
		err = v.state(&m, seq, delay)
	}
	m.Attempts = nil
	return m, err
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
	case symphony.Completed:
		err = v.query(`SELECT c.attempt, c.completed_at, c.took, w.name FROM messenger_completed c LEFT JOIN messenger_workers w ON w.worker = c.worker WHERE c.seq=?`, func(s *sqlite.Stmt) bool {
			m.Deliveries, m.FinishedAt, m.Worker = s.ColumnInt(0), fromMicros(s.ColumnInt64(1)), s.ColumnText(3)
			if s.ColumnType(2) != sqlite.TypeNull { // older releases did not keep it
				m.StartedAt = fromMicros(s.ColumnInt64(1) - s.ColumnInt64(2))
			}
			return false
		}, seq)
	default:
		var w *waiting
		if w, err = v.waiting(m, seq, delay, searchedRows); w != nil {
			m.Deliveries, m.AvailableAt = int(w.attempt), v.shown(w.available)
		} else if n := len(m.Attempts); n > 0 {
			m.Deliveries = m.Attempts[n-1].Number
		}
	}
	return err
}

// attempts are the tries at a message that did not succeed.
func (v *view) attempts(seq int64) (list []symphony.Attempt, err error) {
	err = v.query("SELECT attempt, started_at, finished_at, worker, error, error_class, coalesce(retry_at, 0) FROM messenger_attempts WHERE seq=? ORDER BY attempt", func(s *sqlite.Stmt) bool {
		list = append(list, symphony.Attempt{Number: s.ColumnInt(0), StartedAt: fromMicros(s.ColumnInt64(1)), FinishedAt: fromMicros(s.ColumnInt64(2)),
			Worker: s.ColumnText(3), Error: s.ColumnText(4), ErrorClass: s.ColumnText(5), RetryAt: v.shown(s.ColumnInt64(6))})
		return true
	}, seq)
	return list, err
}

// failedInfo is a message of the dead letter queue.
func failedInfo(f symphony.FailedMessage) symphony.MessageInfo {
	m := symphony.MessageInfo{Envelope: f.Envelope, Status: symphony.Failed, FinishedAt: f.FailedAt, FailedID: f.ID, Error: f.Error, ErrorClass: f.ErrorClass, Attempts: f.Attempts, Omitted: f.Omitted, DecodeErr: f.DecodeErr}
	if len(f.Attempts) > 0 || f.Omitted != nil && f.Omitted.Attempts > 0 { // one that expired has none
		m.Deliveries = f.RetryCount + 1
	}
	return m
}

// envelope reads a message. What cannot be decoded is left out: a message is shown as far as it can be.
func (v *view) envelope(seq int64) (m symphony.MessageInfo, delay int64, err error) {
	var d symphony.Delivery
	if err := v.message(seq, &d); err != nil {
		return m, 0, err
	}
	m.Envelope, m.DecodeErr = d.Envelope, d.DecodeErr
	err = v.query("SELECT lane, coalesce(delay, ?2) FROM messenger_messages WHERE seq=?1", func(s *sqlite.Stmt) bool {
		m.Transport = v.transport
		if l := v.lanes[s.ColumnInt64(0)]; l != nil {
			m.Queue = l.queue
		}
		delay = s.ColumnInt64(1)
		return false
	}, seq, int64(unknownDelay))
	return m, delay, err
}

// unknownDelay is the delay of a message that an older release has stored. Others may be less than 0: steady time is behind
// the time of day after the machine's clock was set forward.
const unknownDelay = math.MinInt64

// searchedRows bounds the search for where a message waits that an older release has stored.
const searchedRows = 5000

const readyRowColumns = "SELECT 0, 0, lane, rank, available_at, attempt, lost, size FROM messenger_ready "

// waiting finds where a pending message waits, nil if that cannot be found among so many rows. Those under flow control are
// found by their number. The others' place follows from the last thing that put them there: the dispatch or a release
// (delay), or an attempt.
func (v *view) waiting(m *symphony.MessageInfo, seq, delay int64, most int64) (w *waiting, err error) {
	row := func(s *sqlite.Stmt) bool {
		l := v.lanes[s.ColumnInt64(2)]
		if l == nil {
			return false
		}
		w = &waiting{gate: s.ColumnInt64(0), place: s.ColumnInt64(1), readyRow: readyRow{seq: seq, lane: &lane{id: l.id}, rank: s.ColumnInt64(3),
			available: s.ColumnInt64(4), attempt: s.ColumnInt64(5), lost: s.ColumnInt64(6), size: s.ColumnInt64(7)}}
		return false
	}
	for _, query := range []string{
		readyRowColumns + "WHERE seq=? AND controlled IS NOT NULL",
		"SELECT gate, place, lane, rank, available_at, attempt, lost, size FROM messenger_parked WHERE seq=?",
	} {
		if err := v.query(query, row, seq); err != nil || w != nil {
			return w, err
		}
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
		if l.queue != m.Queue || l.controlled {
			continue
		}
		for _, at := range places {
			err := v.query(readyRowColumns+"WHERE lane=? AND rank=? AND available_at=? AND seq=?", row, l.id, rankOf(m.Priority), at, seq)
			if err != nil || w != nil {
				return w, err
			}
		}
		err := v.query(readyRowColumns+`WHERE seq=?4 AND (lane, rank, available_at, seq) IN
			(SELECT lane, rank, available_at, seq FROM messenger_ready WHERE lane=?1 AND rank=?2 AND available_at>=?3 ORDER BY available_at, seq LIMIT ?5)`,
			row, l.id, rankOf(m.Priority), created, seq, most)
		if err != nil || w != nil {
			return w, err
		}
	}
	return nil, nil
}
