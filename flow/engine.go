package flow

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/symphony-messenger/symphony"
)

const (
	// gateBackstop is how often a gate before which something waits is looked at, whatever happens: a limit may have
	// been raised.
	gateBackstop = 30 * time.Second
	// claimParks is how many messages one claim may park, so that others do not wait for it.
	claimParks = 1000
	// gatesAtOnce is how many gates one Wake looks at, and expiriesAtOnce how many messages one Expire fails.
	gatesAtOnce    = 500
	expiriesAtOnce = 500
	// strayEvery is how often a gate is looked at while deliveries are in hand that are bounded by its limit and hold
	// no place behind it: nobody says when they end.
	strayEvery = time.Second
)

// Engine decides what becomes of messages under flow control in one transaction of a storage. It reads gates as they
// are needed, many at once, decides on what it has read, and writes each of them once, in Finish. After an error the
// transaction must be undone. It is not safe for concurrent use.
type Engine[R any] struct {
	store  Store[R]
	limits *Limits
	now    time.Time
	wall   time.Time

	gates  map[string]*gate
	holds  map[string][]Hold // by transport, once ReadHolds has read them
	parks  []Parking[R]      // not told to the store yet
	parked int               // messages that Admit has parked
	left   map[string]int    // places given back, by gate
	lines  map[string]bool   // that are to advance
	wants  []Want            // of gates whose time has come
	free   []*Message[R]     // whose keys become free
	strays map[string]int    // deliveries that hold no place behind a limit which bounds them, once counted; by gate
	over   Over
}

// gate is a gate that was read.
type gate struct {
	StoredGate
	limit         Gate // of a limit's gate
	stored, dirty bool
	rearm         bool // when it is to be woken is to be decided anew
}

// NewEngine begins with nothing decided. now is the transaction's time on the storage's clock, and limits are those in
// force, nil for none.
func NewEngine[R any](store Store[R], limits *Limits, now time.Time) *Engine[R] {
	return &Engine[R]{store: store, limits: limits, now: now, wall: now, gates: make(map[string]*gate)}
}

// SetWall says what time of day it is, by which limits and holds end, where that is not the storage's time.
func (e *Engine[R]) SetWall(wall time.Time) { e.wall = wall }

// load reads gates that were not read yet.
func (e *Engine[R]) load(names []string) error {
	var missing []string
	for _, name := range names {
		if e.gates[name] == nil {
			e.add(StoredGate{Name: name})
			missing = append(missing, name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	list, err := e.store.Gates(missing)
	for _, g := range list {
		e.add(g).stored = true
	}
	return err
}

// add keeps what was read of a gate, or that nothing was.
func (e *Engine[R]) add(s StoredGate) *gate {
	if g := e.gates[s.Name]; g != nil {
		g.StoredGate = s
		return g
	}
	g := &gate{StoredGate: s}
	if !isLine(s.Name) {
		g.limit = e.limits.Gate(s.Name).At(e.now)
	}
	e.gates[s.Name] = g
	return g
}

// room is how many messages may pass the gate of a limit.
func (e *Engine[R]) room(g *gate) int {
	state := g.GateState
	state.Used += e.strays[g.Name]
	return g.limit.Room(state, e.now)
}

// park has a message wait before a gate, which was read.
func (e *Engine[R]) park(m *Message[R], g *gate, place int) {
	g.Parked++
	g.dirty = true
	e.parks = append(e.parks, Parking[R]{m.Row, g.Name, place})
}

// flush tells the store what was parked, so that it finds it.
func (e *Engine[R]) flush() error {
	if len(e.parks) == 0 {
		return nil
	}
	list := e.parks
	e.parks = nil
	return e.store.Park(list)
}

// leave gives back a place behind a limit. Somebody else takes it, in Finish.
func (e *Engine[R]) leave(name string) {
	g := e.gates[name]
	g.GateState, g.dirty = g.limit.Leave(g.GateState), true
	if e.left == nil {
		e.left = make(map[string]int)
	}
	e.left[name]++
}

// move changes the length of a line, which was read, by one that leaves or comes back. The line advances in Finish.
func (e *Engine[R]) move(line string, by int) {
	g := e.gates[line]
	g.Used = max(g.Used+by, 0)
	e.advance(line)
}

// advance moves up what waits before a line, which was read, in Finish.
func (e *Engine[R]) advance(line string) {
	e.gates[line].dirty = true
	if e.lines == nil {
		e.lines = make(map[string]bool)
	}
	e.lines[line] = true
}

// Finish lets in whom there is room for, and stores what was decided. The storage's commit must follow, and nothing
// else.
func (e *Engine[R]) Finish() error {
	if err := e.letIn(); err != nil {
		return err
	}
	if err := e.flush(); err != nil {
		return err
	}
	if len(e.free) > 0 {
		if err := e.store.Free(e.free); err != nil {
			return err
		}
	}
	return e.save()
}

// letIn takes as many messages from before limits as have left them, as far as there is room, and as many from before
// lines as have room there.
func (e *Engine[R]) letIn() error {
	wants := e.wants
	e.wants = nil
	for _, name := range slices.Sorted(maps.Keys(e.left)) {
		g := e.gates[name]
		if n := min(e.left[name], e.room(g), g.Parked); n > 0 {
			wants = append(wants, Want{Gate: name, N: n})
		}
		g.rearm = true
	}
	lines := slices.Sorted(maps.Keys(e.lines))
	for _, name := range lines {
		g := e.gates[name]
		if n := min(lineLength(name)-g.Used, g.Parked); n > 0 {
			// The next one of a group goes behind the groups that are in the lane already.
			wants = append(wants, Want{Gate: name, N: n, Behind: isTurnLine(name)})
		}
	}
	if err := e.unpark(wants); err != nil {
		return err
	}
	return e.awaitTimes(lines)
}

func (e *Engine[R]) unpark(wants []Want) error {
	if len(wants) == 0 {
		return nil
	}
	if err := e.flush(); err != nil {
		return err
	}
	counts, err := e.store.Unpark(wants)
	if err != nil {
		return err
	}
	for i, n := range counts {
		g := e.gates[wants[i].Gate]
		g.Parked -= n
		g.dirty = true
		if isLine(g.Name) {
			g.Used += n
		}
	}
	return nil
}

// awaitTimes has lines looked at when the next message has its time: where there is room and something waits, it waits
// for that.
func (e *Engine[R]) awaitTimes(lines []string) error {
	var waiting []string
	for _, name := range lines {
		g := e.gates[name]
		if g.Wake = (time.Time{}); g.Parked > 0 && g.Used < lineLength(name) {
			waiting = append(waiting, name)
		}
	}
	if len(waiting) == 0 {
		return nil
	}
	if err := e.flush(); err != nil {
		return err
	}
	times, err := e.store.NextBefore(waiting)
	for i, at := range times {
		e.gates[waiting[i]].Wake = at
	}
	return err
}

// save stores the gates that have changed, and drops those that have nothing to say.
func (e *Engine[R]) save() error {
	var (
		save []StoredGate
		drop []string
	)
	for _, name := range slices.Sorted(maps.Keys(e.gates)) {
		g := e.gates[name]
		if !g.dirty && !g.rearm {
			continue
		}
		if g.rearm {
			e.arm(g)
		}
		if g.Used == 0 && g.Parked == 0 {
			if !g.Next.After(e.now) {
				if g.stored {
					drop = append(drop, name)
				}
				continue
			}
			g.Wake = microsecondAfter(g.Next)
		}
		save = append(save, g.StoredGate)
	}
	if len(save) == 0 && len(drop) == 0 {
		return nil
	}
	return e.store.SaveGates(save, drop)
}

// arm says when to look at the gate of a limit or hold again.
func (e *Engine[R]) arm(g *gate) {
	switch at := g.limit.OpensAt(g.GateState); {
	case g.Parked == 0:
		g.Wake = time.Time{}
	case g.letsGo(e.now):
		g.Wake = e.now // the rest follow at once, in transactions of their own
	case at.After(e.now):
		g.Wake = microsecondAfter(at) // not before it opens
	case e.strays[g.Name] > 0:
		g.Wake = e.now.Add(strayEvery)
	default:
		g.Wake = e.now.Add(gateBackstop)
	}
}

// letsGo reports whether nothing may wait before a gate: that of a limit which is not in force any more.
func (g *gate) letsGo(now time.Time) bool {
	_, limited := targetOf(g.Name)
	return limited && g.limit.open(now)
}

// microsecondAfter is the next whole microsecond after a time, in which storages count.
func microsecondAfter(t time.Time) time.Time { return time.UnixMicro(t.UnixMicro() + 1) }

// begun frees the debounce or throttle key of a message that does not wait any more.
func (e *Engine[R]) begun(m *Message[R]) {
	if _, ok := m.key(); ok {
		e.free = append(e.free, m)
	}
}

// ReadHolds reads what is stopped, for Admit. Where no type is paused it is not needed.
func (e *Engine[R]) ReadHolds() (err error) {
	e.holds, err = e.store.Holds()
	return err
}

// inForce are the gates that a message must pass now.
func (e *Engine[R]) inForce(m *symphony.Envelope) []Gate {
	return slices.DeleteFunc(e.limits.Gates(m), func(g Gate) bool { return g.open(e.now) })
}

// Look reads the gates of messages that are next in their lanes, for Admit.
func (e *Engine[R]) Look(list ...*Message[R]) error {
	if err := e.countStrays(); err != nil {
		return err
	}
	var names []string
	for _, m := range list {
		m.hold, m.limits = pausedBy(e.holds[m.Transport], m.Type), e.inForce(m.Envelope)
		if m.hold != "" {
			names = append(names, holdGateOf(m.Transport, m.hold))
		}
		for _, limit := range m.limits {
			names = append(names, limit.Name)
		}
		if line := m.line(); line != "" {
			names = append(names, line)
		}
	}
	return e.load(names)
}

// Admit decides whether a message that is next in its lane may be handed out. It was looked at, and taken out of its
// lane. If it may, it passes all its gates and Admit returns what it holds from now on. Else it is parked before the
// first gate that is closed, and Admit returns nil and why.
func (e *Engine[R]) Admit(m *Message[R]) (*Pass, *Wait) {
	if m.hold != "" {
		return nil, e.refuse(m, holdGateOf(m.Transport, m.hold))
	}
	for _, limit := range m.limits {
		if e.room(e.gates[limit.Name]) == 0 {
			return nil, e.refuse(m, limit.Name)
		}
	}
	for _, limit := range m.limits {
		g := e.gates[limit.Name]
		g.GateState, g.dirty, g.rearm = g.limit.Pass(g.GateState, e.now), true, true
	}
	pass := m.pass()
	if pass.Turn != "" && m.Attempt == 0 { // a retry left the line before
		e.move(pass.Turn, -1)
	}
	e.begun(m)
	return pass, nil
}

func (e *Engine[R]) refuse(m *Message[R], name string) *Wait {
	g := e.gates[name]
	e.park(m, g, m.Rank)
	e.parked++
	g.rearm = true
	w, _ := waitBefore(name)
	if w.Reason == WaitsForHold {
		w = ExplainHold(w, e.holds[w.Transport])
	} else {
		w = e.limits.Explain(w, g.GateState, e.now)
	}
	return &w
}

// Full reports whether a claim has parked so many messages that it is to end.
func (e *Engine[R]) Full() bool { return e.parked >= claimParks }

// Regain gives a message that stayed in hand while its storage was closed the places behind limits back that it held. A
// rate is not used up twice.
func (e *Engine[R]) Regain(m *Message[R]) (*Pass, error) {
	if err := e.Look(m); err != nil {
		return nil, err
	}
	for _, limit := range m.limits {
		g := e.gates[limit.Name]
		g.Used++
		g.dirty, g.rearm = true, true
	}
	return m.pass(), nil
}

// Depart gives back the places that deliveries held. In Finish as many others are let in.
func (e *Engine[R]) Depart(list []Departure) error {
	var names []string
	for _, d := range list {
		if d.Pass == nil {
			continue
		}
		names = append(names, d.Pass.Gates...)
		if line := cmp.Or(d.Pass.Turn, d.Pass.Order); line != "" {
			names = append(names, line)
		}
	}
	if err := e.load(names); err != nil {
		return err
	}
	for _, d := range list {
		if d.Pass == nil {
			continue
		}
		for _, name := range d.Pass.Gates {
			e.leave(name)
		}
		switch ended := d.Outcome == symphony.Ack || d.Outcome == symphony.Fail || d.Outcome == symphony.Cancel; {
		case ended && d.Pass.Order != "":
			e.move(d.Pass.Order, -1)
		case d.Outcome == symphony.Release && d.Attempt == 1 && d.Pass.Turn != "":
			e.move(d.Pass.Turn, 1)
		}
	}
	return nil
}
