package sqlite

import (
	"slices"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/internal/waitlist"
	"zombiezen.com/go/sqlite"
)

type laneKey struct {
	transport, queue string
	controlled       bool
	pushed           bool
}

// lane is one queue of one transport and the counts of its messages. Messages under flow control are in a second lane of
// their queue. Those that are pushed to URLs of their own are in two further ones: whoever does not push claims from the
// first two alone, so that no claim looks at a message to leave it, and a queue without such messages has no trace of
// them.
type lane struct {
	id int64
	laneKey
	counts  counts // committed; guarded by store.mu
	next    counts // as of the transaction in progress; the writer's
	touched bool   // next may differ from counts
	visible bool   // committed at least once
	line    int64  // the lane by which the lines of groups are named, 0 for this one
}

type counts struct{ pending, processing, completed, failed, scheduled, cancelled int64 }

// loadLanes reads all lanes at Open.
func (w *writer) loadLanes() error {
	err := w.query("SELECT lane, transport, queue, controlled, pushed, pending, processing, completed, failed, scheduled, cancelled FROM messenger_lanes", func(s *sqlite.Stmt) bool {
		l := &lane{
			id: s.ColumnInt64(0), laneKey: laneKey{s.ColumnText(1), s.ColumnText(2), s.ColumnInt64(3) != 0, s.ColumnInt64(4) != 0}, visible: true,
			counts: counts{s.ColumnInt64(5), s.ColumnInt64(6), s.ColumnInt64(7), s.ColumnInt64(8),
				s.ColumnInt64(9), s.ColumnInt64(10)},
		}
		l.next = l.counts
		w.byName[l.laneKey] = l
		w.byID[l.id] = l
		w.lanes[l.transport] = append(w.lanes[l.transport], l)
		return true
	})
	for key, l := range w.byName {
		if first := w.byName[key.inLine()]; key.pushed && first != nil {
			l.line = first.id
		}
	}
	return err
}

// inLine is the lane by which the lines of groups are named: the messages of a group follow one another, whether they
// are pushed or not.
func (k laneKey) inLine() laneKey {
	return laneKey{transport: k.transport, queue: k.queue, controlled: true}
}

// lineID names the lines of the lane's groups.
func (l *lane) lineID() int64 {
	if l.line != 0 {
		return l.line
	}
	return l.id
}

// receivers are those who take the lane's messages.
func (l *lane) receivers() waitlist.Lane {
	return waitlist.Lane{Transport: l.transport, Queue: l.queue, Pushed: l.pushed}
}

// laneFor returns the lane in which a message waits, for a change of its counts.
func (w *writer) laneFor(e *symphony.Envelope) (*lane, error) {
	return w.lane(laneKey{e.Transport, e.Queue, w.limits.Covers(e), e.Terms.Pushed()})
}

// lane returns a lane, making it if there is none, for a change of its counts.
func (w *writer) lane(key laneKey) (*lane, error) {
	if l := w.byName[key]; l != nil {
		return w.touch(l), nil
	}
	line := int64(0)
	if key.pushed && key.controlled {
		first, err := w.lane(key.inLine())
		if err != nil {
			return nil, err
		}
		line = first.id
	}
	err := w.exec("INSERT INTO messenger_lanes (transport, queue, controlled, pushed) VALUES (?, ?, ?, ?)",
		key.transport, key.queue, flag(key.controlled), flag(key.pushed))
	if err != nil {
		return nil, err
	}
	l := &lane{id: w.conn.LastInsertRowID(), laneKey: key, line: line}
	w.byName[key], w.byID[l.id] = l, l
	w.undo = append(w.undo, func() {
		delete(w.byName, key)
		delete(w.byID, l.id)
	})
	return w.touch(l), nil
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// touch marks that the transaction changes a lane's counts.
func (w *writer) touch(l *lane) *lane {
	if !l.touched {
		l.touched = true
		w.touched = append(w.touched, l)
	}
	return l
}

// saveCounts writes the counts that the transaction changed.
func (w *writer) saveCounts() error {
	for _, l := range w.touched {
		n := l.next
		if n == l.counts {
			continue
		}
		s, err := w.stmt("UPDATE messenger_lanes SET pending=?, processing=?, completed=?, failed=?, scheduled=?, at=? WHERE lane=?")
		if err != nil {
			return err
		}
		for i, v := range [...]int64{n.pending, n.processing, n.completed, n.failed, n.scheduled, w.now, l.id} {
			s.BindInt64(i+1, v)
		}
		if err := stepOnce(s); err != nil {
			return err
		}
		if n.cancelled != l.counts.cancelled {
			if err := w.exec("UPDATE messenger_lanes SET cancelled=? WHERE lane=?", n.cancelled, l.id); err != nil {
				return err
			}
		}
	}
	return nil
}

// lanesOf returns a transport's lanes, or those of the given queues, as the transaction in progress sees them.
func (w *writer) lanesOf(transport string, queues []string) []*lane {
	if len(queues) > 0 {
		var some []*lane
		for _, q := range queues {
			for kind := range 4 {
				l := w.byName[laneKey{transport, q, kind&1 != 0, kind&2 != 0}]
				if l != nil && !slices.Contains(some, l) {
					some = append(some, l)
				}
			}
		}
		return some
	}
	all := w.lanes[transport] // only the writer appends to it, so it may read without the lock
	for _, l := range w.touched {
		if !l.visible && l.transport == transport {
			all = append(slices.Clip(all), l)
		}
	}
	return all
}

// stats adds up the committed counts of a transport, and returns the lanes in which messages wait.
func (s *store) stats(transport string) (symphony.Stats, []*lane) {
	out := symphony.Stats{Queues: make(map[string]symphony.QueueStats)}
	s.mu.RLock()
	defer s.mu.RUnlock()
	var waiting []*lane
	for _, l := range s.lanes[transport] {
		n := l.counts
		if n.pending > 0 {
			waiting = append(waiting, l)
		}
		q := symphony.QueueStats{Pending: n.pending, Processing: n.processing, Completed: n.completed, Failed: n.failed, Cancelled: n.cancelled, Scheduled: n.scheduled}
		out.Add(q)
		q.Add(out.Queues[l.queue])
		out.Queues[l.queue] = q
	}
	return out, waiting
}
