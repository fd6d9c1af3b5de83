package sqlite

import (
	"context"
	"encoding/hex"
	"strings"
	"time"

	"github.com/symphony-messenger/symphony"
	"zombiezen.com/go/sqlite"
)

// Messages that end where nothing is kept leave their ids for a while, all of a transaction in one row for each lane
// and status. So that costs a row by the transaction, and whoever asks for one of them reads all of the last minute.

// trimEnded is how often those are deleted that are remembered no longer.
const trimEnded = 10 * time.Second

// noteEnd has the transaction remember the end of a message that is not kept.
func (w *writer) noteEnd(lane *lane, status symphony.Status, id string) {
	if raw, ok := idBytes(id); ok {
		of := endedOf{lane.id, status}
		w.ended[of] = append(w.ended[of], raw[:]...)
	}
}

// endedOf is what the messages of one row of messenger_ended have in common.
type endedOf struct {
	lane   int64
	status symphony.Status
}

// saveEnded writes what is to be remembered of the transaction.
func (w *writer) saveEnded() error {
	if len(w.ended) == 0 {
		return nil
	}
	for of, ids := range w.ended {
		const row = "INSERT INTO messenger_ended (at, lane, status, ids) VALUES (?, ?, ?, ?)"
		if err := w.exec(row, w.wall, of.lane, string(of.status), blob(ids)); err != nil {
			return err
		}
	}
	if w.wall-w.trimmed < trimEnded.Microseconds() && w.wall >= w.trimmed {
		return nil
	}
	before := w.trimmed
	w.trimmed = w.wall
	w.undo = append(w.undo, func() { w.trimmed = before })
	return w.dropEnded()
}

func (w *writer) dropEnded() error {
	return w.exec("DELETE FROM messenger_ended WHERE at<?", w.wall-symphony.EndsRemembered.Microseconds())
}

// idBytes are the bytes of an id.
func idBytes(id string) (raw [16]byte, ok bool) {
	digits := strings.ReplaceAll(id, "-", "")
	if len(digits) != 2*len(raw) {
		return raw, false
	}
	_, err := hex.Decode(raw[:], []byte(digits))
	return raw, err == nil
}

// MessageEnds tells which of some messages are known, and which of them have ended.
func (t *Transport) MessageEnds(ctx context.Context, ids []string) (list []symphony.MessageEnd, err error) {
	if t.due() {
		_ = t.do(ctx, &houseOp{}) // as for view
	}
	err = t.readOn(ctx, t.readers, "read ends in", func(r *reader) error {
		lanes, err := r.lanesOf(t.name)
		if err != nil {
			return err
		}
		var missing []string
		for _, id := range ids {
			end, err := r.end(t.store, t.name, id, lanes)
			if err != nil {
				return err
			}
			if end == nil {
				missing = append(missing, id)
				continue
			}
			list = append(list, *end)
		}
		if len(missing) == 0 {
			return nil
		}
		return r.remembered(missing, lanes, micros(t.clock.Now().Add(-symphony.EndsRemembered)), &list)
	})
	return list, err
}

// lanesOf are the queues of a transport by the numbers of their lanes.
func (r *reader) lanesOf(transport string) (map[int64]string, error) {
	lanes := make(map[int64]string)
	err := r.query("SELECT lane, queue FROM messenger_lanes WHERE transport=?", func(s *sqlite.Stmt) bool {
		lanes[s.ColumnInt64(0)] = s.ColumnText(1)
		return true
	}, transport)
	return lanes, err
}

// end is what is known of the end of a message that is kept; nil where none is.
func (r *reader) end(s *store, transport, id string, lanes map[int64]string) (end *symphony.MessageEnd, err error) {
	seq, now := int64(0), micros(s.clock.Now())
	err = r.query(`SELECT m.lane, coalesce(c.completed_at, 0), coalesce(x.cancelled_at, 0), m.seq FROM messenger_messages m
		LEFT JOIN messenger_completed c ON c.seq = m.seq LEFT JOIN messenger_cancelled x ON x.seq = m.seq WHERE m.id=?`,
		func(s *sqlite.Stmt) bool {
			queue, ours := lanes[s.ColumnInt64(0)]
			if !ours {
				return false
			}
			end, seq = &symphony.MessageEnd{ID: id, Queue: queue}, s.ColumnInt64(3)
			if at := s.ColumnInt64(1); at != 0 {
				end.Status, end.FinishedAt = symphony.Completed, fromMicros(at)
			} else if at := s.ColumnInt64(2); at != 0 {
				end.Status, end.FinishedAt = symphony.Cancelled, fromMicros(at)
			}
			return false
		}, id)
	if err == nil && end != nil && end.Status != "" {
		return r.orForgotten(s.kept, end, seq, now)
	}
	if err != nil || end != nil {
		return end, err
	}
	kept, args := s.kept.andKept(now, transport, id)
	err = r.query("SELECT queue, failed_at FROM messenger_failed_messages WHERE transport=? AND message_id=?"+kept,
		func(s *sqlite.Stmt) bool {
			end = &symphony.MessageEnd{ID: id, Queue: s.ColumnText(0), Status: symphony.Failed,
				FinishedAt: fromMicros(s.ColumnInt64(1))}
			return false
		}, args...)
	return end, err
}

// orForgotten is the end of a message that is kept. One that is past its period is remembered like those that are not
// kept at all, and then unknown.
func (r *reader) orForgotten(k *kept, end *symphony.MessageEnd, seq, now int64) (*symphony.MessageEnd, error) {
	ended := int64(0)
	if err := r.query(k.past, endOfPast(&ended), seq, now); err != nil || ended == 0 {
		return end, err
	}
	if ended < now-symphony.EndsRemembered.Microseconds() {
		return nil, nil
	}
	end.Forgotten = true
	return end, nil
}

// remembered looks for messages among those that are not kept.
func (r *reader) remembered(ids []string, lanes map[int64]string, since int64, list *[]symphony.MessageEnd) error {
	wanted := make(map[[16]byte]string, len(ids))
	for _, id := range ids {
		if raw, ok := idBytes(id); ok {
			wanted[raw] = id
		}
	}
	return r.query("SELECT at, lane, status, ids FROM messenger_ended WHERE at>=?", func(s *sqlite.Stmt) bool {
		queue, ours := lanes[s.ColumnInt64(1)]
		for all := columnBytes(s, 3); ours && len(all) >= 16; all = all[16:] {
			if id, ok := wanted[[16]byte(all)]; ok {
				*list = append(*list, symphony.MessageEnd{ID: id, Queue: queue,
					Status:     symphony.Status(s.ColumnText(2)),
					FinishedAt: fromMicros(s.ColumnInt64(0)), Forgotten: true})
				delete(wanted, [16]byte(all))
			}
		}
		return len(wanted) > 0
	}, since)
}
