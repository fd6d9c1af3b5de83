package sqlite

import (
	"fmt"

	"github.com/symphony-messenger/symphony/flow"
	"zombiezen.com/go/sqlite"
)

// recoverOp runs at Open. What workers of the last process had in hand is returned: they are gone with it. Leases of
// workers elsewhere go on with the time that remained when the last process was last heard of, so that nobody else gets
// their messages before, and their receipts are good.
type recoverOp struct{}

func (recoverOp) rows() int { return 0 }

// claimRow is a lease as its row has it.
type claimRow struct {
	id, claimed, until int64
	worker, token      string
	list               []byte
	cancel             []byte
}

func (recoverOp) apply(w *writer) error {
	var claims []claimRow
	err := w.query("SELECT lease, worker, claimed_at, coalesce(until, 0), coalesce(token, ''), deliveries, cancel FROM messenger_leases ORDER BY lease", func(s *sqlite.Stmt) bool {
		claims = append(claims, claimRow{id: s.ColumnInt64(0), worker: s.ColumnText(1), claimed: s.ColumnInt64(2), until: s.ColumnInt64(3), token: s.ColumnText(4), list: columnBytes(s, 5), cancel: columnBytes(s, 6)})
		return true
	})
	if err != nil {
		return err
	}
	var kept []*lease
	for _, c := range claims {
		list, err := decodeLease(c.list, c.token != "")
		if err != nil {
			return fmt.Errorf("lease of worker %s: %w", c.worker, err)
		}
		if c.token == "" && c.cancel == nil {
			err = w.recoverLost(c, list)
		} else {
			var l *lease
			if l, err = w.recoverLease(c, list); err == nil && l.open > 0 {
				kept = append(kept, l)
			}
		}
		if err != nil {
			return err
		}
	}
	// Numbers of messages are given again when those with the highest are gone, so no row may list what was settled.
	if err := w.exec("DELETE FROM messenger_leases"); err != nil {
		return err
	}
	err = w.query("SELECT coalesce(max(seq), 0) FROM messenger_messages", func(s *sqlite.Stmt) bool {
		w.nextSeq = s.ColumnInt64(0) + 1
		return true
	})
	if err != nil {
		return err
	}
	if err := w.recoverGates(); err != nil {
		return err
	}
	f := w.beginFlow()
	for _, l := range kept {
		if err := w.addLease(l); err != nil {
			return err
		}
		for i := range l.items {
			if it := &l.items[i]; !it.settled && (it.lane.controlled || w.looks(it.lane)) {
				m, err := f.look(located{readyRow: it.readyRow})
				if err == nil {
					it.pass, err = f.engine.Regain(m)
				}
				if err != nil {
					return err
				}
			}
		}
	}
	if err := f.finish(); err != nil {
		return err
	}
	if err := w.endOrphans(kept); err != nil {
		return err
	}
	if err := w.placeScheduled(); err != nil {
		return err
	}
	if err := w.saveClock(); err != nil {
		return err
	}
	return w.sweep()
}

// endOrphans cancels the messages that were to be cancelled while workers of the last process had them.
func (w *writer) endOrphans(kept []*lease) error {
	var ends []flow.Departure
	for _, l := range kept {
		if l.cancel == nil || l.apart {
			continue
		}
		gone, err := w.endCancelling(l)
		if err != nil {
			return err
		}
		ends = append(ends, gone...)
	}
	return w.depart(ends)
}

// recoverLost returns what a claim of the last process had in hand.
func (w *writer) recoverLost(c claimRow, list []listed) error {
	for _, d := range list {
		r, err := w.claimed(d)
		if err != nil {
			return err
		}
		if r.lane == nil {
			continue
		}
		w.touch(r.lane).next.processing--
		if err := w.lose(r, c.worker, c.claimed, w.now); err != nil {
			return err
		}
	}
	return nil
}

// recoverLease makes a lease of a claim by a worker elsewhere, or of a message that is to be cancelled. What it had in
// hand and still has is open.
func (w *writer) recoverLease(c claimRow, list []listed) (*lease, error) {
	gone := w.now - w.stood // since the last process was last heard of; that time does not count
	l := &lease{token: c.token, worker: c.worker, claimed: c.claimed, items: make([]leased, len(list)), next: never,
		apart: c.token != ""}
	var err error
	if l.cancel, err = decodeCancelling(c.cancel); err != nil {
		return nil, err
	}
	if l.cancel != nil {
		l.token = l.cancel.own()
	}
	for i, d := range list {
		it := &l.items[i]
		it.settled = true
		if d.seq == 0 {
			continue
		}
		r, err := w.claimed(d)
		if err != nil {
			return nil, err
		}
		if r.lane == nil {
			continue
		}
		*it = leased{readyRow: r, expires: c.until + d.end + gone}
		l.open++
		l.next = min(l.next, it.expires)
	}
	return l, nil
}

// claimed reads a message that a claim lists. It has no lane if it was completed or failed since.
func (w *writer) claimed(d listed) (r readyRow, err error) {
	r = readyRow{seq: d.seq, attempt: d.attempt, lost: d.lost}
	err = w.query(`SELECT lane, priority, length(CAST(payload AS BLOB)) + coalesce(length(metadata), 0) + coalesce(length(headers), 0)
		FROM messenger_messages m WHERE seq=? AND NOT EXISTS (SELECT 1 FROM messenger_completed c WHERE c.seq = m.seq)`,
		func(s *sqlite.Stmt) bool {
			r.lane, r.rank, r.size = w.byID[s.ColumnInt64(0)], rankOf(s.ColumnInt(1)), s.ColumnInt64(2)
			return true
		}, d.seq)
	return r, err
}
