package sqlite

import (
	"fmt"

	"github.com/symphony-messenger/symphony"
	"zombiezen.com/go/sqlite"
)

// waiting is a message under flow control that nobody has in hand: ready, or before a gate.
type waiting struct {
	readyRow
	gate  int64 // 0: ready
	place int64
}

// findWaiting finds a waiting message, or nil.
func (w *writer) findWaiting(seq int64) (*waiting, error) {
	var found *waiting
	row := func(s *sqlite.Stmt) bool {
		found = &waiting{gate: s.ColumnInt64(0), place: s.ColumnInt64(1), readyRow: readyRow{
			seq: seq, lane: w.byID[s.ColumnInt64(2)], rank: s.ColumnInt64(3), available: s.ColumnInt64(4),
			attempt: s.ColumnInt64(5), lost: s.ColumnInt64(6), size: s.ColumnInt64(7)}}
		return true
	}
	err := w.query("SELECT 0, 0, lane, rank, available_at, attempt, lost, size FROM messenger_ready WHERE seq=? AND controlled IS NOT NULL", row, seq)
	if err == nil && found == nil {
		err = w.query("SELECT gate, place, lane, rank, available_at, attempt, lost, size FROM messenger_parked WHERE seq=?", row, seq)
	}
	return found, err
}

// withdraw takes a waiting message out of its place and out of all that is known about waiting messages. The message
// itself stays. It is false if the message does not wait there.
func (w *writer) withdraw(m *waiting) (bool, error) {
	e, err := w.look(&m.readyRow)
	if err != nil {
		return false, err
	}
	if m.gate == 0 {
		err = w.exec("DELETE FROM messenger_ready WHERE lane=? AND rank=? AND available_at=? AND seq=?", m.lane.id, m.rank, m.available, m.seq)
	} else {
		err = w.exec("DELETE FROM messenger_parked WHERE gate=? AND place=? AND available_at=? AND seq=?", m.gate, m.place, m.available, m.seq)
	}
	if err != nil || w.conn.Changes() == 0 {
		return false, err
	}
	w.touch(m.lane).next.pending--
	line := ""
	if e.Flow != nil {
		line = lineName(&m.readyRow, e.Flow)
	}
	if m.gate != 0 {
		if line, err = w.unwait(m.gate, line); err != nil {
			return false, err
		}
	}
	// It leaves its group's line, unless it waited for that; a retry has left a line of turns before.
	if line != "" && (e.Flow.Ordered || m.attempt == 0) {
		if err := w.step(line, -1); err != nil {
			return false, err
		}
	}
	if err := w.unschedule(m); err != nil || e.Flow == nil {
		return true, err
	}
	return true, w.begun(m.lane.transport, e.Flow, m.seq)
}

// unwait counts a message out from before a gate. It returns the line that the message still stands in: none if it waited
// before that line.
func (w *writer) unwait(id int64, line string) (string, error) {
	g, err := w.gateByID(id)
	if err != nil {
		return "", err
	}
	g.parked--
	if g.name == line {
		return "", w.advance(&g)
	}
	return line, w.save(&g)
}

// gateByID returns the gate before which a message is parked.
func (w *writer) gateByID(id int64) (g gate, err error) {
	err = w.query(gateColumns+"WHERE gate=?", func(s *sqlite.Stmt) bool {
		g = readGate(s)
		return true
	}, id)
	if err == nil && g.id == 0 {
		err = fmt.Errorf("gate %d of a parked message is missing: %w", id, ErrCorrupt)
	}
	return g, err
}

// unschedule uncounts a message that was scheduled for later.
func (w *writer) unschedule(m *waiting) error {
	err := w.exec(`DELETE FROM messenger_scheduled WHERE (scheduled_at, seq) = (SELECT scheduled_at, seq FROM messenger_messages WHERE seq=?)`, m.seq)
	if err == nil && w.conn.Changes() > 0 {
		w.touch(m.lane).next.scheduled--
	}
	return err
}

// begun frees the debounce or throttle key of a message that does not wait any more.
func (w *writer) begun(transport string, f *symphony.Flow, seq int64) error {
	kind, key := f.Unique()
	if kind == "" {
		return nil
	}
	return w.exec("DELETE FROM messenger_unique WHERE transport=? AND kind=? AND key=? AND seq=?", transport, kind, key, seq)
}

// meet looks whether a message with the same debounce or throttle key waits. If so, it sets the receipt of the new one,
// and reports whether that is dropped, or takes the waiting one away.
func (w *writer) meet(row *messageRow, receipt *symphony.Receipt) (dropped bool, err error) {
	kind, key := row.Flow.Unique()
	if kind == "" {
		return false, nil
	}
	seq := int64(-1)
	err = w.query("SELECT seq FROM messenger_unique WHERE transport=? AND kind=? AND key=?", func(s *sqlite.Stmt) bool {
		seq = s.ColumnInt64(0)
		return true
	}, row.Transport, kind, key)
	if err != nil || seq < 0 {
		return false, err
	}
	var first symphony.Receipt
	err = w.query("SELECT m.id, l.queue, coalesce(m.scheduled_at, 0) FROM messenger_messages m JOIN messenger_lanes l ON l.lane = m.lane WHERE m.seq=?", func(s *sqlite.Stmt) bool {
		first = symphony.Receipt{ID: s.ColumnText(0), Transport: row.Transport, Queue: s.ColumnText(1), ScheduledAt: fromMicros(s.ColumnInt64(2)), Dropped: true}
		return true
	}, seq)
	if err != nil {
		return false, err
	}
	if kind == symphony.UniqueThrottle {
		*receipt = first
		return true, nil
	}
	m, err := w.findWaiting(seq)
	if err != nil || m == nil {
		return false, err
	}
	gone, err := w.withdraw(m)
	if err != nil || !gone {
		return false, err
	}
	receipt.Replaced = first.ID
	return false, w.exec("DELETE FROM messenger_messages WHERE seq=?", seq)
}

// register notes what a new message under flow control is known by while it waits.
func (w *writer) register(row *messageRow, seq int64) error {
	if at := row.Flow.ExpiresAt; !at.IsZero() {
		w.nextControl = min(w.nextControl, micros(at)+w.steady.Ahead())
		if err := w.exec("INSERT INTO messenger_expiring (expires_at, seq) VALUES (?, ?)", micros(at), seq); err != nil {
			return err
		}
	}
	if kind, key := row.Flow.Unique(); kind != "" {
		return w.exec("INSERT OR REPLACE INTO messenger_unique (transport, kind, key, seq) VALUES (?, ?, ?, ?)", row.Transport, kind, key, seq)
	}
	return nil
}

// expireWaiting fails messages that were not begun in time. It returns when the next one expires.
func (w *writer) expireWaiting() (next int64, err error) {
	type row struct{ at, seq int64 }
	var due []row
	err = w.query("SELECT expires_at, seq FROM messenger_expiring WHERE expires_at<=? ORDER BY expires_at, seq LIMIT ?", func(s *sqlite.Stmt) bool {
		due = append(due, row{s.ColumnInt64(0), s.ColumnInt64(1)})
		return true
	}, w.wall, purgeRows)
	if err != nil {
		return 0, err
	}
	for _, d := range due {
		if err := w.exec("DELETE FROM messenger_expiring WHERE expires_at=? AND seq=?", d.at, d.seq); err != nil {
			return 0, err
		}
		m, err := w.findWaiting(d.seq)
		if err != nil {
			return 0, err
		}
		if m == nil || m.attempt > 0 {
			continue // it was begun
		}
		e, err := w.look(&m.readyRow)
		if err != nil {
			return 0, err
		}
		if e.Flow == nil || micros(e.Flow.ExpiresAt) != d.at {
			continue // another message has the number of one that is long gone
		}
		if ok, err := w.withdraw(m); err != nil || !ok {
			return 0, err
		}
		cause := &symphony.ExpiredError{At: e.Flow.ExpiresAt}
		if err := w.bury(m.readyRow, &symphony.Settlement{Error: cause.Error(), ErrorClass: cause.ErrorClass()}); err != nil {
			return 0, err
		}
	}
	next = never
	err = w.query("SELECT expires_at FROM messenger_expiring ORDER BY expires_at LIMIT 1", func(s *sqlite.Stmt) bool {
		next = s.ColumnInt64(0) + w.steady.Ahead()
		return true
	})
	return next, err
}
