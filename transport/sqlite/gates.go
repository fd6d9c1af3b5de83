package sqlite

import (
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
	"zombiezen.com/go/sqlite"
)

// gate is a row of messenger_gates. Limits have one each while anything is behind or before them, and so have groups
// (see line.go) and paused types.
type gate struct {
	id     int64 // 0: not stored
	name   string
	used   int
	next   int64 // ns, 0 for none
	parked int
	wake   int64 // µs, 0 for none
}

const (
	// gateBackstop is how often a gate before which something waits is looked at, whatever happens: a limit may have been
	// raised.
	gateBackstop = 30 * 1_000_000
	// claimParks is how many messages one claim may park, so that other calls do not wait for it.
	claimParks = 1000
	// gatesAtOnce is how many gates one round of housekeeping looks at.
	gatesAtOnce = 500
)

// passes are the gates that a delivery holds a place behind.
type passes struct {
	gates []string
	turn  string // the group's line that it left, and enters again if it is given back untouched
	order string // the group's line in which it stays until it is finished
}

// through notes the line that a delivery came through, if it is of a group.
func (p *passes) through(line string, ordered bool) {
	if ordered {
		p.order = line
	} else {
		p.turn = line
	}
}

const gateColumns = "SELECT gate, name, used, next, parked, coalesce(wake_at, 0) FROM messenger_gates "

func readGate(s *sqlite.Stmt) gate {
	return gate{s.ColumnInt64(0), s.ColumnText(1), s.ColumnInt(2), s.ColumnInt64(3), s.ColumnInt(4), s.ColumnInt64(5)}
}

// gate returns the gate of a name, which is stored by save.
func (w *writer) gate(name string) (g gate, err error) {
	g.name = name
	err = w.query(gateColumns+"WHERE name=?", func(s *sqlite.Stmt) bool {
		g = readGate(s)
		return true
	}, name)
	return g, err
}

// save stores a gate, or deletes it if it has nothing to say.
func (w *writer) save(g *gate) error {
	if g.used == 0 && g.parked == 0 {
		if g.next <= w.now*1000 {
			if g.id == 0 {
				return nil
			}
			return w.exec("DELETE FROM messenger_gates WHERE gate=?", g.id)
		}
		g.wake = g.next/1000 + 1
	}
	if g.wake != 0 {
		w.nextControl = min(w.nextControl, g.wake)
	}
	if g.id != 0 {
		return w.exec("UPDATE messenger_gates SET used=?, next=?, parked=?, wake_at=? WHERE gate=?", g.used, g.next, g.parked, nullable(g.wake), g.id)
	}
	err := w.exec("INSERT INTO messenger_gates (name, used, next, parked, wake_at) VALUES (?, ?, ?, ?, ?)", g.name, g.used, g.next, g.parked, nullable(g.wake))
	g.id = w.conn.LastInsertRowID()
	return err
}

func (g *gate) state() flow.GateState {
	s := flow.GateState{Used: g.used}
	if g.next != 0 {
		s.Next = time.Unix(0, g.next)
	}
	return s
}

func (g *gate) set(s flow.GateState) {
	g.used, g.next = s.Used, 0
	if !s.Next.IsZero() {
		g.next = s.Next.UnixNano()
	}
}

// arm says when to look at a limit's gate again.
func (g *gate) arm(w *writer, limit flow.Gate) {
	switch at := limit.OpensAt(g.state()); {
	case g.parked == 0:
		g.wake = 0
	case at.After(time.UnixMicro(w.now)):
		g.wake = at.UnixMicro() + 1 // not before it opens
	default:
		g.wake = w.now + gateBackstop
	}
}

// admit decides whether a message that is next in line may be handed out. If so, it passes all its gates; if not, it
// waits before the first that is closed.
func (o *claimOp) admit(w *writer, r *readyRow) (bool, error) {
	e, err := w.look(r)
	if err != nil {
		return false, err
	}
	if pattern := w.pausedType(o.transport, e.Type); pattern != "" {
		return false, w.park(*r, flow.HoldGate(o.transport, pattern), flow.Gate{})
	}
	now := time.UnixMicro(w.now)
	limits := w.limits.Gates(e)
	gates := make([]gate, len(limits))
	for i, limit := range limits {
		if gates[i], err = w.gate(limit.Name); err != nil {
			return false, err
		}
		if limit.Room(gates[i].state(), now) == 0 {
			return false, w.park(*r, limit.Name, limit)
		}
	}
	r.passes = &passes{}
	for i, limit := range limits {
		g := &gates[i]
		g.set(limit.Pass(g.state(), now))
		g.arm(w, limit)
		if err := w.save(g); err != nil {
			return false, err
		}
		r.passes.gates = append(r.passes.gates, g.name)
	}
	if e.Flow == nil {
		return true, nil
	}
	r.passes.through(lineName(r, e.Flow), e.Flow.Ordered)
	if r.passes.turn != "" && r.attempt == 0 {
		o.turns = append(o.turns, r.passes.turn)
	}
	return true, w.begun(o.transport, e.Flow, r.seq)
}

// look reads what decides about a message's way.
func (w *writer) look(r *readyRow) (*symphony.Envelope, error) {
	e := &symphony.Envelope{Transport: r.lane.transport, Queue: r.lane.queue}
	err := w.query("SELECT type, extras FROM messenger_messages WHERE seq=?", func(s *sqlite.Stmt) bool {
		e.Type = s.ColumnText(0)
		// What cannot be read limits nothing: the delivery has the error, and fails.
		_ = e.DecodeExtras(columnBytes(s, 1))
		return true
	}, r.seq)
	return e, err
}

// park lets a message wait before the gate of a name. It was taken out of its lane.
func (w *writer) park(r readyRow, name string, limit flow.Gate) error {
	g, err := w.gate(name)
	if err != nil {
		return err
	}
	g.parked++
	g.arm(w, limit)
	if err := w.save(&g); err != nil {
		return err
	}
	return w.insertParked(g.id, r.rank, r)
}

func (w *writer) insertParked(gate, place int64, r readyRow) error {
	return w.exec("INSERT INTO messenger_parked (gate, place, available_at, seq, lane, rank, attempt, lost, size) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
		gate, place, r.available, r.seq, r.lane.id, r.rank, r.attempt, r.lost, r.size)
}

// unpark takes up to n messages from before a gate that are available now, and puts them back into their lanes, each
// after f has seen it. The caller saves the gate.
func (w *writer) unpark(g *gate, n int, f func(*readyRow)) error {
	var rows []readyRow
	var places []int64
	err := w.query(`SELECT place, available_at, seq, lane, rank, attempt, lost, size FROM messenger_parked
		WHERE gate=? AND available_at<=? ORDER BY place, available_at, seq LIMIT ?`, func(s *sqlite.Stmt) bool {
		places = append(places, s.ColumnInt64(0))
		rows = append(rows, readyRow{available: s.ColumnInt64(1), seq: s.ColumnInt64(2), lane: w.byID[s.ColumnInt64(3)],
			rank: s.ColumnInt64(4), attempt: s.ColumnInt64(5), lost: s.ColumnInt64(6), size: s.ColumnInt64(7)})
		return true
	}, g.id, w.now, n)
	if err != nil {
		return err
	}
	for i := range rows {
		r := &rows[i]
		if err := w.exec("DELETE FROM messenger_parked WHERE gate=? AND place=? AND available_at=? AND seq=?", g.id, places[i], r.available, r.seq); err != nil {
			return err
		}
		g.parked--
		if f != nil {
			f(r)
		}
		if err := w.enqueue(*r); err != nil {
			return err
		}
	}
	return nil
}

// leave gives up the places that a delivery held behind limits, and lets in as many others.
func (w *writer) leave(p *passes) error {
	for _, name := range p.gates {
		g, err := w.gate(name)
		if err != nil {
			return err
		}
		limit := w.limits.Gate(name)
		g.set(limit.Leave(g.state()))
		if g.parked > 0 && limit.Room(g.state(), time.UnixMicro(w.now)) > 0 {
			if err := w.unpark(&g, 1, nil); err != nil {
				return err
			}
		}
		g.arm(w, limit)
		if err := w.save(&g); err != nil {
			return err
		}
	}
	return nil
}

// wakeGates looks at the gates whose time has come. It returns when the next one's comes.
func (w *writer) wakeGates() (next int64, err error) {
	var due []gate
	err = w.query(gateColumns+"WHERE wake_at<=? ORDER BY wake_at LIMIT ?", func(s *sqlite.Stmt) bool {
		due = append(due, readGate(s))
		return true
	}, w.now, gatesAtOnce)
	if err != nil {
		return 0, err
	}
	for i := range due {
		if err := w.wakeGate(&due[i]); err != nil {
			return 0, err
		}
	}
	next = never
	err = w.query("SELECT wake_at FROM messenger_gates WHERE wake_at IS NOT NULL ORDER BY wake_at LIMIT 1", func(s *sqlite.Stmt) bool {
		next = s.ColumnInt64(0)
		return true
	})
	return next, err
}

func (w *writer) wakeGate(g *gate) error {
	if isLine(g.name) {
		return w.advance(g)
	}
	if transport, pattern, ok := flow.CutHoldGate(g.name); ok {
		if w.holding(transport, pattern) {
			g.wake = w.now + gateBackstop
			return w.save(g)
		}
		if err := w.unpark(g, claimParks, nil); err != nil {
			return err
		}
		g.wake = w.now // the rest at once, in a transaction of its own
		return w.save(g)
	}
	limit := w.limits.Gate(g.name)
	if room := limit.Room(g.state(), time.UnixMicro(w.now)); room > 0 {
		if err := w.unpark(g, room, nil); err != nil {
			return err
		}
	}
	g.arm(w, limit)
	return w.save(g)
}

// recoverGates runs at Open: nobody holds a place behind a limit any more, and the limits may have changed.
func (w *writer) recoverGates() error {
	return w.exec(`UPDATE messenger_gates SET used=CASE WHEN name GLOB '`+turnLine+`*' OR name GLOB '`+orderLine+`*' THEN used ELSE 0 END, wake_at=?`, w.now)
}
