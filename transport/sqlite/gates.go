package sqlite

import (
	"time"

	"github.com/symphony-messenger/symphony/flow"
	"zombiezen.com/go/sqlite"
)

// Gates are rows of messenger_gates. Limits have one each while anything is behind or before them, and so have the
// lines of groups and paused types.

const gateColumns = "SELECT name, used, next, parked, coalesce(wake_at, 0), gate FROM messenger_gates "

// readGate reads gateColumns.
func (f *flowTx) readGate(s *sqlite.Stmt) flow.StoredGate {
	g := flow.StoredGate{Name: s.ColumnText(0), Parked: s.ColumnInt(3), Wake: fromMicros(s.ColumnInt64(4))}
	g.Used = s.ColumnInt(1)
	if ns := s.ColumnInt64(2); ns != 0 {
		g.Next = time.Unix(0, ns)
	}
	f.gates[g.Name] = s.ColumnInt64(5)
	return g
}

// Gates reads gates by their names.
func (f *flowTx) Gates(names []string) (list []flow.StoredGate, err error) {
	for _, name := range names {
		err := f.query(gateColumns+"WHERE name=?", func(s *sqlite.Stmt) bool {
			list = append(list, f.readGate(s))
			return true
		}, name)
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

// DueGates reads gates whose time has come.
func (f *flowTx) DueGates(now time.Time, n int) (list []flow.StoredGate, err error) {
	err = f.query(gateColumns+"WHERE wake_at<=? ORDER BY wake_at LIMIT ?", func(s *sqlite.Stmt) bool {
		list = append(list, f.readGate(s))
		return true
	}, micros(now), n)
	return list, err
}

// SaveGates stores gates and deletes others.
func (f *flowTx) SaveGates(save []flow.StoredGate, drop []string) error {
	for i := range save {
		g := &save[i]
		next, wake := int64(0), int64(0)
		if !g.Next.IsZero() {
			next = g.Next.UnixNano()
		}
		if !g.Wake.IsZero() {
			wake = micros(g.Wake)
			f.nextControl = min(f.nextControl, wake)
		}
		var err error
		if id := f.gates[g.Name]; id != 0 {
			err = f.exec("UPDATE messenger_gates SET used=?, next=?, parked=?, wake_at=? WHERE gate=?",
				g.Used, next, g.Parked, nullable(wake), id)
		} else {
			err = f.addGate(g.Name, g.Used, next, g.Parked, wake)
		}
		if err != nil {
			return err
		}
	}
	for _, name := range drop {
		if err := f.exec("DELETE FROM messenger_gates WHERE gate=?", f.gates[name]); err != nil {
			return err
		}
		delete(f.gates, name)
	}
	return nil
}

func (f *flowTx) addGate(name string, used int, next int64, parked int, wake int64) error {
	err := f.exec("INSERT INTO messenger_gates (name, used, next, parked, wake_at) VALUES (?, ?, ?, ?, ?)",
		name, used, next, parked, nullable(wake))
	f.gates[name] = f.conn.LastInsertRowID()
	return err
}

// gateNumber is the number of a gate, which is stored if it is not yet: SaveGates follows.
func (f *flowTx) gateNumber(name string) (int64, error) {
	if id := f.gates[name]; id != 0 {
		return id, nil
	}
	err := f.addGate(name, 0, 0, 0, 0)
	return f.gates[name], err
}
