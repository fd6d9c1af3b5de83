package sqlite

import (
	"context"

	"github.com/symphony-messenger/symphony/flow"
	"zombiezen.com/go/sqlite"
)

// Purge deletes waiting messages. It reads aside of the writer and deletes what it finds there again.
func (t *Transport) Purge(ctx context.Context, f flow.PurgeFilter, progress func(deleted int)) (int, error) {
	if err := f.Validate(); err != nil {
		return 0, err
	}
	_, lanes := t.stats(t.name)
	total := 0
	for _, l := range lanes {
		if f.Queue != "" && l.queue != f.Queue {
			continue
		}
		for _, parked := range []bool{true, false} { // what is let through meanwhile is met in its lane
			n, err := t.purgeLane(ctx, l, f.Type, parked, func(n int) {
				if progress != nil {
					progress(total + n)
				}
			})
			total += n
			if err != nil {
				return total, err
			}
		}
	}
	return total, nil
}

// purgeLane deletes what is in a lane, or before gates on the way to it.
func (t *Transport) purgeLane(ctx context.Context, l *lane, typ string, parked bool, progress func(int)) (int, error) {
	query := `SELECT 0, 0, r.lane, r.rank, r.available_at, r.attempt, r.lost, r.size, r.seq, m.type, ''
		FROM messenger_ready r JOIN messenger_messages m ON m.seq = r.seq
		WHERE r.lane=? AND (r.rank, r.available_at, r.seq)>(?, ?, ?) ORDER BY r.rank, r.available_at, r.seq LIMIT ?`
	if parked {
		query = `SELECT r.gate, r.place, r.lane, r.rank, r.available_at, r.attempt, r.lost, r.size, r.seq, m.type, coalesce(g.name, '')
			FROM messenger_parked r JOIN messenger_messages m ON m.seq = r.seq LEFT JOIN messenger_gates g ON g.gate = r.gate
			WHERE r.lane=? AND r.seq>? ORDER BY r.seq LIMIT ?`
	}
	var (
		total int
		last  readyRow
	)
	last.rank, last.seq = -1, -1
	for {
		var list []located
		read := 0
		args := []any{l.id, last.rank, last.available, last.seq, purgeRows}
		if parked {
			args = []any{l.id, last.seq, purgeRows}
		}
		err := t.read(ctx, "purge", func(r *reader) error {
			return r.query(query, func(s *sqlite.Stmt) bool {
				p := located{gate: s.ColumnInt64(0), place: s.ColumnInt64(1), name: s.ColumnText(10), readyRow: readyRow{lane: l, rank: s.ColumnInt64(3),
					available: s.ColumnInt64(4), attempt: s.ColumnInt64(5), lost: s.ColumnInt64(6), size: s.ColumnInt64(7), seq: s.ColumnInt64(8)}}
				last = p.readyRow
				read++
				if typ == "" || typ == s.ColumnText(9) {
					list = append(list, p)
				}
				return true
			}, args...)
		})
		if err != nil {
			return total, err
		}
		if len(list) > 0 {
			o := &purgeWaitingOp{list: list}
			if err := t.do(ctx, o); err != nil {
				return total, err
			}
			total += o.deleted
			progress(total)
		}
		if read < purgeRows {
			return total, nil
		}
	}
}

type purgeWaitingOp struct {
	list    []located
	deleted int
}

func (o *purgeWaitingOp) rows() int { return len(o.list) }

func (o *purgeWaitingOp) apply(w *writer) (err error) {
	f, list := w.beginFlow(), make([]*waiting, len(o.list))
	for i, p := range o.list {
		if list[i], err = f.look(p); err != nil {
			return err
		}
	}
	if o.deleted, err = f.engine.Delete(list); err != nil {
		return err
	}
	return f.finish()
}
