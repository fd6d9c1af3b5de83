package sqlite

import (
	"fmt"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
	"zombiezen.com/go/sqlite"
)

// waiting is a message that nobody has in hand: ready, or before a gate.
type waiting = flow.Message[located]

// newWaiting is a message of an envelope.
func newWaiting(e *symphony.Envelope, p located) *waiting {
	m := &waiting{Envelope: e}
	locate(m, p)
	return m
}

// locate says where a message waits.
func locate(m *waiting, p located) {
	m.Row, m.Lane, m.Rank, m.Attempt = p, p.lane.lineID(), int(p.rank), int(p.attempt)
	m.Available, m.Gate = fromMicros(p.available), p.name
}

// look reads what decides about a message's way.
func (f *flowTx) look(p located) (*waiting, error) {
	var both struct { // one allocation for each message that is claimed
		waiting
		envelope symphony.Envelope
	}
	e := &both.envelope
	e.Transport, e.Queue = p.lane.transport, p.lane.queue
	err := f.query("SELECT id, type, extras FROM messenger_messages WHERE seq=?", func(s *sqlite.Stmt) bool {
		e.ID, e.Type = s.ColumnText(0), s.ColumnText(1)
		// What cannot be read limits nothing: the delivery has the error, and fails.
		_ = e.DecodeExtras(columnBytes(s, 2))
		return true
	}, p.seq)
	if err == nil && p.gate != 0 && p.name == "" {
		err = fmt.Errorf("gate %d of the parked message %s is missing: %w", p.gate, e.ID, ErrCorrupt)
	}
	both.Envelope = e
	locate(&both.waiting, p)
	return &both.waiting, err
}

const readyRowColumns = "SELECT 0, 0, lane, rank, available_at, attempt, lost, size FROM messenger_ready "

// findWaiting finds where a message under flow control waits, or nil.
func (w *writer) findWaiting(seq int64) (*located, error) {
	var found *located
	err := w.query(readyRowColumns+"WHERE seq=? AND controlled IS NOT NULL", func(s *sqlite.Stmt) bool {
		p := w.readLocated(s, seq)
		found = &p
		return true
	}, seq)
	if err != nil || found != nil {
		return found, err
	}
	err = w.query(`SELECT p.gate, p.place, p.lane, p.rank, p.available_at, p.attempt, p.lost, p.size,
		coalesce(g.name, '') FROM messenger_parked p LEFT JOIN messenger_gates g ON g.gate = p.gate WHERE p.seq=?`, func(s *sqlite.Stmt) bool {
		p := w.readLocated(s, seq)
		p.name = s.ColumnText(8)
		found = &p
		return true
	}, seq)
	return found, err
}

// Find finds waiting messages by their numbers.
func (f *flowTx) Find(rows []located) ([]*waiting, error) {
	list := make([]*waiting, len(rows))
	for i := range rows {
		p, err := f.findWaiting(rows[i].seq)
		if err == nil && p != nil {
			list[i], err = f.look(*p)
		}
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

// Remove takes waiting messages out of their places. It leaves out those that are not there any more.
func (f *flowTx) Remove(list []*waiting) (gone []*waiting, err error) {
	for _, m := range list {
		p := &m.Row
		if p.gate == 0 {
			err = f.exec("DELETE FROM messenger_ready WHERE lane=? AND rank=? AND available_at=? AND seq=?",
				p.lane.id, p.rank, p.available, p.seq)
		} else {
			err = f.dropParked(p)
		}
		if err != nil {
			return nil, err
		}
		if f.conn.Changes() == 0 {
			continue
		}
		f.touch(p.lane).next.pending--
		if err := f.unschedule(p); err != nil {
			return nil, err
		}
		gone = append(gone, m)
	}
	return gone, nil
}

// unschedule uncounts a message that was scheduled for later.
func (f *flowTx) unschedule(p *located) error {
	err := f.exec(`DELETE FROM messenger_scheduled
		WHERE (scheduled_at, seq) = (SELECT scheduled_at, seq FROM messenger_messages WHERE seq=?)`, p.seq)
	if err == nil && f.conn.Changes() > 0 {
		f.touch(p.lane).next.scheduled--
	}
	return err
}

// Delete deletes messages that were removed.
func (f *flowTx) Delete(list []*waiting) error {
	for _, m := range list {
		if err := f.discard(m.Row.seq); err != nil {
			return err
		}
	}
	return nil
}

// discard deletes a message and its attempts.
func (w *writer) discard(seq int64) error {
	if err := w.dropMarks(marksOf, seq); err != nil {
		return err
	}
	return w.takeOut(seq)
}

// takeOut is discard for a message that has gone to the dead letter queue, and is found there by its marks.
func (w *writer) takeOut(seq int64) error {
	if err := w.dropOwn(seq); err != nil {
		return err
	}
	if err := w.exec("DELETE FROM messenger_messages WHERE seq=?", seq); err != nil {
		return err
	}
	return w.exec("DELETE FROM messenger_attempts WHERE seq=?", seq)
}

// Bury fails messages that were removed.
func (f *flowTx) Bury(list []*waiting, causes []*symphony.ExpiredError) error {
	for i, m := range list {
		st := &symphony.Settlement{Error: causes[i].Error(), ErrorClass: causes[i].ErrorClass()}
		if err := f.bury(m.Row.readyRow, st); err != nil {
			return err
		}
	}
	return nil
}

// Hurry makes a waiting message available now.
func (f *flowTx) Hurry(m *waiting) (bool, error) {
	p := &m.Row
	query := "UPDATE messenger_ready SET available_at=? WHERE lane=? AND rank=? AND available_at=? AND seq=?"
	args := []any{f.now, p.lane.id, p.rank, p.available, p.seq}
	if p.gate != 0 {
		query = "UPDATE messenger_parked SET available_at=? WHERE gate=? AND place=? AND available_at=? AND seq=?"
		args[1], args[2] = p.gate, p.place
	}
	if err := f.exec(query, args...); err != nil || f.conn.Changes() == 0 {
		return false, err
	}
	if err := f.exec("UPDATE messenger_messages SET delay=?-created_at WHERE seq=?", f.now, p.seq); err != nil {
		return false, err
	}
	f.wakes[p.lane]++
	return true, f.unschedule(p)
}

// Holders finds the messages that have debounce or throttle keys. Mostly there are none, so what is to be told of them
// is looked for only then.
func (f *flowTx) Holders(keys []flow.Key) ([]*flow.Holder[located], error) {
	list := make([]*flow.Holder[located], len(keys))
	for i, k := range keys {
		seq := int64(-1)
		read := func(s *sqlite.Stmt) bool {
			seq = s.ColumnInt64(0)
			return true
		}
		err := f.query("SELECT seq FROM messenger_unique WHERE transport=? AND kind=? AND key=?", read,
			k.Transport, k.Kind, k.Name)
		if err == nil && seq >= 0 {
			err = f.query(`SELECT m.id, l.queue, coalesce(m.scheduled_at, 0) FROM messenger_messages m
				JOIN messenger_lanes l ON l.lane = m.lane WHERE m.seq=?`, func(s *sqlite.Stmt) bool {
				list[i] = &flow.Holder[located]{Receipt: symphony.Receipt{ID: s.ColumnText(0), Transport: k.Transport,
					Queue: s.ColumnText(1), ScheduledAt: fromMicros(s.ColumnInt64(2))}}
				list[i].Row.seq = seq
				return true
			}, seq)
		}
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

// Note keeps by what new messages are known while they wait.
func (f *flowTx) Note(list []*waiting) error {
	for _, m := range list {
		if at := m.Flow.ExpiresAt; !at.IsZero() {
			f.nextControl = min(f.nextControl, micros(at)+f.steady.Ahead())
			err := f.exec("INSERT OR IGNORE INTO messenger_expiring (expires_at, seq) VALUES (?, ?)", micros(at), m.Row.seq)
			if err != nil {
				return err
			}
		}
		if kind, key := m.Flow.Unique(); kind != "" {
			err := f.exec("INSERT OR REPLACE INTO messenger_unique (transport, kind, key, seq) VALUES (?, ?, ?, ?)",
				m.Transport, kind, key, m.Row.seq)
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// Free frees the debounce or throttle keys of messages.
func (f *flowTx) Free(list []*waiting) error {
	for _, m := range list {
		kind, key := m.Flow.Unique()
		err := f.exec("DELETE FROM messenger_unique WHERE transport=? AND kind=? AND key=? AND seq=?",
			m.Transport, kind, key, m.Row.seq)
		if err != nil {
			return err
		}
	}
	return nil
}

// Expired takes notes of messages that expired.
func (f *flowTx) Expired(n int) (list []flow.Expiry[located], err error) {
	err = f.query(`SELECT expires_at, seq FROM messenger_expiring
		WHERE expires_at<=? ORDER BY expires_at, seq LIMIT ?`, func(s *sqlite.Stmt) bool {
		e := flow.Expiry[located]{At: fromMicros(s.ColumnInt64(0))}
		e.Row.seq = s.ColumnInt64(1)
		list = append(list, e)
		return true
	}, f.wall, n)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	last := list[len(list)-1]
	return list, f.exec("DELETE FROM messenger_expiring WHERE (expires_at, seq)<=(?, ?)", micros(last.At), last.Row.seq)
}
