package postgres

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
)

// Messages under flow control are in lanes of their own. Whatever changes their state does so in a flow: a transaction
// that locks the one row of messenger_flow before anything else. So flows follow one another, on all nodes, and what one
// of them reads of gates, lines and waiting messages stays true until it has decided. Nothing is locked by others before
// that row and wanted by a flow after it, so nobody waits in a circle. All other messages are not concerned: they are
// sent, claimed and settled as if there were no flow control.

// gate is a row of messenger_gates. Limits have one each while anything is behind or before them, and so have groups
// (see line.go) and paused types.
type gate struct {
	name   string
	used   int
	next   int64 // ns, 0 for none
	parked int
	wake   int64 // µs, 0 for none
	stored bool
	dirty  bool
}

const (
	// gateBackstop is how often a gate before which something waits is looked at, whatever happens: a limit may have been
	// raised.
	gateBackstop = 30_000_000
	// claimParks is how many messages one claim may park, so that other flows do not wait for it.
	claimParks = 1000
	// gatesAtOnce is how many gates one round of housekeeping looks at.
	gatesAtOnce = 500
)

func (g *gate) state() flow.GateState {
	s := flow.GateState{Used: g.used}
	if g.next != 0 {
		s.Next = time.Unix(0, g.next)
	}
	return s
}

func (g *gate) set(s flow.GateState) {
	g.used, g.next, g.dirty = s.Used, 0, true
	if !s.Next.IsZero() {
		g.next = s.Next.UnixNano()
	}
}

// arm says when to look at a limit's gate again.
func (g *gate) arm(now int64, limit flow.Gate) {
	g.dirty = true
	switch at := limit.OpensAt(g.state()); {
	case g.parked == 0:
		g.wake = 0
	case at.After(time.UnixMicro(now)):
		g.wake = at.UnixMicro() + 1 // not before it opens
	default:
		g.wake = now + gateBackstop
	}
}

// passes are the gates that a delivery holds a place behind.
type passes struct {
	Gates []string `json:"gates,omitempty"`
	Turn  string   `json:"turn,omitempty"`  // the group's line that it left, and enters again if it is given back untouched
	Order string   `json:"order,omitempty"` // the group's line in which it stays until it is finished
}

func (p *passes) names() []string {
	if p == nil {
		return nil
	}
	names := slices.Clone(p.Gates)
	for _, line := range []string{p.Turn, p.Order} {
		if line != "" {
			names = append(names, line)
		}
	}
	return names
}

func (p *passes) encode() string {
	raw, _ := json.Marshal(p) // cannot fail
	return string(raw)
}

// flowTx is one such transaction. What it decides is gathered, and written by finish.
type flowTx struct {
	*store
	ctx   context.Context
	l     *link
	now   int64 // of the server's clock, since the row is locked; µs
	gates map[string]*gate
	holds map[string][]flow.Hold // what is stopped, by transport, once readHolds has read it

	back   *readyRows // messages that become ready
	parked *parkedRows
	counts deltas
	calls  []call
}

var (
	lockFlow = newQuery("lock_flow", `SELECT 1 FROM {schema}.messenger_flow FOR UPDATE`)
	// flowClock is a statement of its own, so that it is executed when the lock is held.
	flowClock = newQuery("flow_clock", `SELECT coalesce($1::timestamptz, clock_timestamp())`)
)

// begin starts a flow, together with further calls.
func (s *store) beginFlow(ctx context.Context, l *link, calls ...call) (*flowTx, error) {
	f := &flowTx{store: s, ctx: ctx, l: l, gates: make(map[string]*gate), back: newReadyRows(0), parked: newParkedRows(), counts: make(deltas)}
	first := []call{{query: lockFlow, row: func([][]byte) error { return nil }}, {query: flowClock, params: [][]byte{s.nowParam()}, row: func(v [][]byte) error {
		f.now = timeColumn(v[0])
		return nil
	}}}
	return f, l.begin(ctx, append(first, calls...)...)
}

// readHolds reads what is stopped. A pause is begun and ended by others at any time, and a message that is parked because
// of it stays parked for long: the copy in this process's memory is not good enough to decide that.
func (f *flowTx) readHolds() error {
	holds, read := holdsCall()
	if err := f.ask(read); err != nil {
		return err
	}
	f.holds = holds
	return nil
}

// nowParam is the flow's time, for statements that others call with a time of their own.
func (f *flowTx) nowParam() []byte { return timeParam(f.now) }

func (f *flowTx) ask(calls ...call) error {
	if len(calls) == 0 {
		return nil
	}
	return f.l.proceed(f.ctx, calls...)
}

var readGates = newQuery("read_gates", `SELECT name, used, next, parked, wake_at FROM {schema}.messenger_gates WHERE name = ANY ($1::text[])`)

// load reads gates, so that gate has them.
func (f *flowTx) load(names []string) error {
	var missing []string
	for _, name := range names {
		if f.gates[name] == nil {
			f.gates[name] = &gate{name: name}
			missing = append(missing, name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return f.ask(call{query: readGates, params: [][]byte{textArray(missing)}, row: f.addGate})
}

func (f *flowTx) addGate(v [][]byte) error {
	f.gates[string(v[0])] = &gate{name: string(v[0]), used: int4Column(v[1]), next: int8Column(v[2]), parked: int4Column(v[3]), wake: timeColumn(v[4]), stored: true}
	return nil
}

var (
	saveGates = newQuery("save_gates", `INSERT INTO {schema}.messenger_gates AS g (name, used, next, parked, wake_at)
		SELECT * FROM unnest($1::text[], $2::int4[], $3::int8[], $4::int4[], $5::timestamptz[])
		ON CONFLICT (name) DO UPDATE SET used = excluded.used, next = excluded.next, parked = excluded.parked, wake_at = excluded.wake_at`)
	dropGates = newQuery("drop_gates", `DELETE FROM {schema}.messenger_gates WHERE name = ANY ($1::text[])`)
)

// finish writes what was decided and commits. Then it tells receivers.
func (f *flowTx) finish() error {
	calls := f.calls
	if len(f.counts) > 0 {
		calls = append(calls, f.counts.call(f.l))
	}
	if f.parked.ids.n > 0 {
		calls = append(calls, f.parked.call())
	}
	if f.back.ids.n > 0 {
		calls = append(calls, f.back.call(true))
	}
	names, used, next, parked, wake := texts(0), int4s(0), int8s(0), int4s(0), times(0)
	var gone []string
	soonest := int64(never)
	for _, name := range slices.Sorted(maps.Keys(f.gates)) {
		g := f.gates[name]
		if !g.dirty {
			continue
		}
		if g.used == 0 && g.parked == 0 {
			if g.next <= f.now*1000 {
				if g.stored {
					gone = append(gone, name)
				}
				continue
			}
			g.wake = g.next/1000 + 1
		}
		names.text(g.name)
		used.int4(g.used)
		next.int8(g.next)
		parked.int4(g.parked)
		wake.time(g.wake)
		if g.wake != 0 {
			soonest = min(soonest, g.wake)
		}
	}
	if names.n > 0 {
		calls = append(calls, call{query: saveGates, params: [][]byte{names.value(), used.value(), next.value(), parked.value(), wake.value()}})
	}
	if len(gone) > 0 {
		calls = append(calls, call{query: dropGates, params: [][]byte{textArray(gone)}})
	}
	if err := f.l.finish(f.ctx, calls...); err != nil {
		return err
	}
	if soonest != never {
		f.house.controlling(soonest - f.ahead())
	}
	f.arrived(f.back.added)
	return nil
}

// want is how many messages may be taken from before a gate.
type want struct {
	gate *gate
	n    int
}

var unparkQuery = newQuery("unpark", `DELETE FROM {schema}.messenger_parked WHERE ctid = ANY (ARRAY(
		SELECT ctid FROM {schema}.messenger_parked WHERE gate = $1::text AND available_at <= $2::timestamptz
		ORDER BY gate, place, available_at, ord, id LIMIT $3::int4))
	RETURNING place, lane, rank, ord, available_at, id, attempt, lost, size`)

// unpark takes messages that are available now from before gates, and makes them ready, each after see has seen it.
func (f *flowTx) unpark(wants []want, see func(*gate, *item)) error {
	if err := f.flush(); err != nil {
		return err
	}
	type placed struct {
		item
		place int
	}
	found := make([][]placed, len(wants))
	calls := make([]call, len(wants))
	for i, w := range wants {
		calls[i] = call{query: unparkQuery, params: [][]byte{[]byte(w.gate.name), f.nowParam(), int4Param(w.n)}, row: func(v [][]byte) error {
			found[i] = append(found[i], placed{place: int2Column(v[0]), item: readItem(v[1:])})
			return nil
		}}
	}
	if err := f.ask(calls...); err != nil {
		return err
	}
	for i, w := range wants {
		slices.SortFunc(found[i], func(a, b placed) int {
			if a.place != b.place {
				return a.place - b.place
			}
			if a.available != b.available {
				return int(max(min(a.available-b.available, 1), -1))
			}
			return a.ord - b.ord
		})
		for j := range found[i] {
			it := &found[i][j].item
			w.gate.parked--
			w.gate.dirty = true
			if see != nil {
				see(w.gate, it)
			}
			f.back.add(*it)
		}
	}
	return nil
}

// readItem reads lane, rank, ord, available_at, id, attempt, lost, size.
func readItem(v [][]byte) item {
	return item{lane: int4Column(v[0]), rank: int2Column(v[1]), ord: int4Column(v[2]), available: timeColumn(v[3]), id: uuidColumn(v[4]),
		attempt: int4Column(v[5]), lost: int4Column(v[6]), size: int4Column(v[7])}
}

// departure is a delivery that ends.
type departure struct {
	passes  *passes
	outcome symphony.Outcome
	attempt int
}

// depart gives up the places that deliveries held, and lets in as many others.
func (f *flowTx) depart(list []departure) error {
	var names []string
	for _, d := range list {
		names = append(names, d.passes.names()...)
	}
	if len(names) == 0 {
		return nil
	}
	if err := f.load(names); err != nil {
		return err
	}
	left := make(map[string]int)
	lines := make(map[string]bool)
	for _, d := range list {
		if d.passes == nil {
			continue
		}
		for _, name := range d.passes.Gates {
			g := f.gates[name]
			g.set(f.limits.Gate(name).Leave(g.state()))
			left[name]++
		}
		switch ended := d.outcome == symphony.Ack || d.outcome == symphony.Fail; {
		case ended && d.passes.Order != "":
			f.step(d.passes.Order, -1)
			lines[d.passes.Order] = true
		case d.outcome == symphony.Release && d.attempt == 1 && d.passes.Turn != "":
			f.step(d.passes.Turn, 1)
			lines[d.passes.Turn] = true
		}
	}
	var wants []want
	for _, name := range slices.Sorted(maps.Keys(left)) {
		g := f.gates[name]
		room := f.limits.Gate(name).Room(g.state(), time.UnixMicro(f.now))
		if n := min(left[name], room, g.parked); n > 0 {
			wants = append(wants, want{g, n})
		}
	}
	if err := f.unpark(wants, nil); err != nil {
		return err
	}
	for name := range left {
		f.gates[name].arm(f.now, f.limits.Gate(name))
	}
	return f.advance(slices.Sorted(maps.Keys(lines)))
}

// control fails messages that expired and looks at gates whose time has come, if there are any.
func (s *store) control(ctx context.Context) error {
	if err := s.loadHolds(ctx); err != nil {
		return err
	}
	for {
		// What others store meanwhile may not be seen, so the next look is reckoned from before this one.
		before, next, now := s.now(), int64(never), int64(0)
		more := false
		err := s.withAgain(ctx, "control flow", func(ctx context.Context, l *link) error {
			next, more = never, false
			if err := l.transact(ctx, call{query: nextControl, params: [][]byte{s.nowParam()}, row: func(v [][]byte) error {
				now = timeColumn(v[0])
				for _, at := range v[1:] {
					if at != nil {
						next = min(next, timeColumn(at))
					}
				}
				return nil
			}}); err != nil || next > now {
				return err
			}
			more = true
			f, err := s.beginFlow(ctx, l)
			if err != nil {
				return err
			}
			if err := f.expireWaiting(); err != nil {
				return err
			}
			if err := f.wakeGates(); err != nil {
				return err
			}
			return f.finish()
		})
		if err != nil {
			return err
		}
		if !more {
			if next != never {
				next -= s.ahead()
			}
			s.house.controlAt.Store(min(next, before+controlEvery))
			return nil
		}
	}
}

var nextControl = newQuery("next_control", `SELECT coalesce($1::timestamptz, now()),
	(SELECT expires_at FROM {schema}.messenger_expiring ORDER BY expires_at LIMIT 1),
	(SELECT wake_at FROM {schema}.messenger_gates WHERE wake_at IS NOT NULL ORDER BY wake_at LIMIT 1)`)

var dueGates = newQuery("due_gates", `SELECT name, used, next, parked, wake_at FROM {schema}.messenger_gates
	WHERE wake_at <= $1::timestamptz ORDER BY wake_at LIMIT $2::int4`)

// wakeGates looks at the gates whose time has come.
func (f *flowTx) wakeGates() error {
	var due []string
	err := f.ask(call{query: dueGates, params: [][]byte{f.nowParam(), int4Param(gatesAtOnce)}, row: func(v [][]byte) error {
		name := string(v[0])
		due = append(due, name)
		if f.gates[name] == nil { // what this flow has changed is newer
			return f.addGate(v)
		}
		return nil
	}})
	if err != nil {
		return err
	}
	if slices.ContainsFunc(due, func(name string) bool { _, _, held := flow.CutHoldGate(name); return held }) {
		if err := f.readHolds(); err != nil {
			return err
		}
	}
	var (
		lines, limits []string
		wants         []want
	)
	for _, name := range due {
		g := f.gates[name]
		g.dirty = true
		transport, pattern, held := flow.CutHoldGate(name)
		switch {
		case isLine(name):
			lines = append(lines, name)
		case held && holding(f.holds[transport], pattern):
			g.wake = f.now + gateBackstop
		case held:
			wants = append(wants, want{g, claimParks})
			g.wake = f.now // the rest at once, in a flow of its own
		default:
			limits = append(limits, name)
			if room := f.limits.Gate(name).Room(g.state(), time.UnixMicro(f.now)); room > 0 {
				wants = append(wants, want{g, room})
			}
		}
	}
	if err := f.unpark(wants, nil); err != nil {
		return err
	}
	for _, name := range limits {
		f.gates[name].arm(f.now, f.limits.Gate(name))
	}
	return f.advance(lines)
}

// controlIfDue controls flow at once where housekeeping would do it in a moment.
func (s *store) controlIfDue(ctx context.Context) error {
	if s.now() < s.house.controlAt.Load() {
		return nil
	}
	s.house.control.Lock()
	defer s.house.control.Unlock()
	if s.now() < s.house.controlAt.Load() {
		return nil
	}
	return s.control(ctx)
}
