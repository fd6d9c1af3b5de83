package sqlite

import (
	"time"

	"github.com/symphony-messenger/symphony/flow"
	"zombiezen.com/go/sqlite"
)

// Park has messages wait before gates.
func (f *flowTx) Park(list []flow.Parking[located]) error {
	for i := range list {
		p, r := &list[i], &list[i].Row.readyRow
		gate, err := f.gateNumber(p.Gate)
		if err != nil {
			return err
		}
		err = f.exec(`INSERT INTO messenger_parked (gate, place, available_at, seq, lane, rank, attempt, lost, size)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`, gate, p.Place, r.available, r.seq, r.lane.id, r.rank, r.attempt, r.lost, r.size)
		if err != nil {
			return err
		}
	}
	return nil
}

// Unpark takes messages that are available now from before gates, and makes them ready.
func (f *flowTx) Unpark(wants []flow.Want) ([]int, error) {
	counts := make([]int, len(wants))
	for i, w := range wants {
		var rows []located
		err := f.query(`SELECT gate, place, lane, rank, available_at, attempt, lost, size, seq FROM messenger_parked
			WHERE gate=? AND available_at<=? ORDER BY gate, place, available_at, seq LIMIT ?`, func(s *sqlite.Stmt) bool {
			rows = append(rows, f.readLocated(s, s.ColumnInt64(8)))
			return true
		}, f.gates[w.Gate], f.now, w.N)
		if err != nil {
			return nil, err
		}
		for j := range rows {
			r := &rows[j]
			if err := f.dropParked(r); err != nil {
				return nil, err
			}
			if w.Behind {
				r.available = f.now
			}
			f.enqueue(r.readyRow)
		}
		counts[i] = len(rows)
	}
	return counts, nil
}

func (f *flowTx) dropParked(p *located) error {
	return f.exec("DELETE FROM messenger_parked WHERE gate=? AND place=? AND available_at=? AND seq=?",
		p.gate, p.place, p.available, p.seq)
}

// readLocated reads gate, place, lane, rank, available_at, attempt, lost, size of a message.
func (w *writer) readLocated(s *sqlite.Stmt, seq int64) located {
	return located{gate: s.ColumnInt64(0), place: s.ColumnInt64(1), readyRow: readyRow{seq: seq,
		lane: w.byID[s.ColumnInt64(2)], rank: s.ColumnInt64(3), available: s.ColumnInt64(4),
		attempt: s.ColumnInt64(5), lost: s.ColumnInt64(6), size: s.ColumnInt64(7)}}
}

// Ready makes messages ready.
func (f *flowTx) Ready(rows []located) error {
	for i := range rows {
		f.enqueue(rows[i].readyRow)
	}
	return nil
}

// NextBefore tells when the first message before each line is available. There all have the place 0.
func (f *flowTx) NextBefore(gates []string) ([]time.Time, error) {
	times := make([]time.Time, len(gates))
	for i, name := range gates {
		err := f.query("SELECT available_at FROM messenger_parked WHERE gate=? AND place=0 ORDER BY available_at LIMIT 1", func(s *sqlite.Stmt) bool {
			times[i] = fromMicros(s.ColumnInt64(0))
			return true
		}, f.gates[name])
		if err != nil {
			return nil, err
		}
	}
	return times, nil
}
