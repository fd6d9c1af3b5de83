package memory

import (
	"container/heap"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
)

// gate is a limit, a group's line, or a paused type: what holds places behind it, and what waits before it. used of a
// line is its length: the messages of the group that are in their lane.
type gate struct {
	name   string
	used   int
	next   time.Time // of a rate
	parked sorted[*message]
	kind   gateKind
}

type gateKind int

const (
	limitGate gateKind = iota
	holdGate           // messages of a paused type wait before it
	turnLine           // up to flow.GroupTurn messages of a group are in their lane
	orderLine          // one message of an ordered group is in its lane, or in hand
)

// length is how many messages a line may have in its lane.
func (g *gate) length() int {
	if g.kind == orderLine {
		return 1
	}
	return flow.GroupTurn
}

func (g *gate) isLine() bool { return g.kind == turnLine || g.kind == orderLine }

func (g *gate) state() flow.GateState { return flow.GateState{Used: g.used, Next: g.next} }

func (g *gate) set(s flow.GateState) { g.used, g.next = s.Used, s.Next }

// gate returns the gate of a name, made if there is none.
func (s *store) gate(kind gateKind, name string) *gate {
	name = fmt.Sprintf("%d:%s", kind, name)
	g := s.gates[name]
	if g == nil {
		g = &gate{name: name, kind: kind}
		g.parked.moved = moved
		g.parked.before = before
		if !g.isLine() {
			g.parked.before = func(a, b *message) bool {
				if a.Priority != b.Priority {
					return a.Priority > b.Priority
				}
				return before(a, b)
			}
		}
		s.gates[name] = g
	}
	return g
}

// moved keeps a message's place in the heap in which it waits.
func moved(m *message, place int) { m.place = place }

// line returns the line of a message's group, nil without one.
func (s *store) line(m *message) *gate {
	switch f := m.Flow; {
	case f == nil || f.GroupKey == "":
		return nil
	case f.Ordered:
		return s.gate(orderLine, fmt.Sprintf("%q %q %q", m.lane.transport, m.lane.queue, f.GroupKey))
	default:
		return s.gate(turnLine, fmt.Sprintf("%q %q %d %q", m.lane.transport, m.lane.queue, m.Priority, f.GroupKey))
	}
}

// park lets a message wait before a gate.
func (s *store) park(m *message, g *gate) {
	m.gate = g
	heap.Push(&g.parked, m)
	m.lane.counts.Pending++
}

// flow fails what expired, and moves up what gates let pass by now.
func (s *store) flow(now time.Time) {
	for len(s.expiring.list) > 0 && !s.expiring.list[0].Flow.ExpiresAt.After(s.shown(now)) {
		m := heap.Pop(&s.expiring).(*message)
		if m.place < 0 || m.attempt > 0 {
			continue // it was begun
		}
		s.withdraw(m)
		cause := &symphony.ExpiredError{At: m.Flow.ExpiresAt}
		s.bury(m, &symphony.Settlement{Error: cause.Error(), ErrorClass: cause.ErrorClass()}, now)
	}
	for name, g := range s.gates {
		for n := s.room(g, now); n > 0 && len(g.parked.list) > 0 && !g.parked.list[0].available.After(now); n-- {
			m := heap.Pop(&g.parked).(*message)
			m.gate = nil
			m.lane.counts.Pending--
			if g.isLine() {
				g.used++
			}
			if g.kind == turnLine {
				m.available = now // behind the groups that are in line already
			}
			s.put(m)
		}
		if len(g.parked.list) == 0 && g.used == 0 && !g.next.After(now) {
			delete(s.gates, name)
		}
	}
}

// room is how many messages a gate lets pass now.
func (s *store) room(g *gate, now time.Time) int {
	switch g.kind {
	case turnLine, orderLine:
		return g.length() - g.used
	case holdGate:
		if m := g.parked.list; len(m) > 0 && s.pausedBy(m[0]) != "" {
			return 0
		}
		return len(g.parked.list)
	}
	return s.limit(g).Room(g.state(), now)
}

func (s *store) limit(g *gate) flow.Gate {
	_, name, _ := strings.Cut(g.name, ":")
	return s.limits.Gate(name)
}

// nextFlow is when a message expires or a gate may let something pass.
func (s *store) nextFlow(now time.Time) time.Duration {
	next := time.Hour
	at := func(t time.Time) {
		if d := t.Sub(now); d > 0 {
			next = min(next, d)
		}
	}
	if len(s.expiring.list) > 0 {
		at(s.placed(s.expiring.list[0].Flow.ExpiresAt))
	}
	for _, g := range s.gates {
		if len(g.parked.list) > 0 {
			at(g.parked.list[0].available)
			if g.kind == limitGate {
				at(s.limit(g).OpensAt(g.state()))
			}
		}
	}
	return next
}

// admit decides whether a message that is next in line may be handed out. If not, it parks it.
func (s *store) admit(m *message, now time.Time) bool {
	if pattern := s.pausedBy(m); pattern != "" {
		s.park(m, s.gate(holdGate, flow.HoldGate(m.lane.transport, pattern)))
		return false
	}
	limits := s.limits.Gates(&m.Envelope)
	for _, l := range limits {
		if g := s.gate(limitGate, l.Name); l.Room(g.state(), now) == 0 {
			s.park(m, g)
			return false
		}
	}
	m.passed = nil
	for _, l := range limits {
		g := s.gate(limitGate, l.Name)
		g.set(l.Pass(g.state(), now))
		m.passed = append(m.passed, g)
	}
	if line := s.line(m); line != nil && line.kind == turnLine && m.attempt == 0 {
		line.used--
	}
	s.begun(m)
	return true
}

// depart gives up the places that a delivery held, when it ends with an outcome. The message's attempt is still counted.
func (s *store) depart(m *message, outcome symphony.Outcome) {
	for _, g := range m.passed {
		g.set(s.limit(g).Leave(g.state()))
	}
	m.passed = nil
	switch line := s.line(m); {
	case line == nil:
	case line.kind == orderLine && (outcome == symphony.Ack || outcome == symphony.Fail):
		line.used--
	case line.kind == turnLine && outcome == symphony.Release && m.attempt == 1:
		line.used++
	}
}

// withdraw takes a waiting message out of its place.
func (s *store) withdraw(m *message) {
	line := s.line(m)
	if m.gate != nil {
		heap.Remove(&m.gate.parked, m.place)
		if m.gate == line {
			line = nil // it waited before its line
		}
		m.gate = nil
	} else {
		heap.Remove(&m.lane.ready[m.Priority], m.place)
	}
	m.lane.counts.Pending--
	if line != nil && (line.kind == orderLine || m.attempt == 0) {
		line.used--
	}
	s.unschedule(m)
	s.begun(m)
}

// unschedule uncounts a message that was scheduled for later.
func (s *store) unschedule(m *message) {
	if i := slices.Index(m.lane.scheduled.list, m); i >= 0 {
		heap.Remove(&m.lane.scheduled, i)
		m.lane.counts.Scheduled--
	}
}

type uniqueKey struct{ transport, kind, key string }

// unique returns the key by which a message is one of its kind, if it has one.
func unique(e *symphony.Envelope) (k uniqueKey, ok bool) {
	kind, name := e.Flow.Unique()
	return uniqueKey{e.Transport, kind, name}, kind != ""
}

// begun frees the debounce or throttle key of a message that does not wait any more.
func (s *store) begun(m *message) {
	if k, ok := unique(&m.Envelope); ok && s.waiting[k] == m {
		delete(s.waiting, k)
	}
}

// meet looks whether a message with the same debounce or throttle key waits. If so, it sets the receipt of the new one,
// and reports whether that is dropped, or takes the waiting one away.
func (s *store) meet(e *symphony.Envelope, receipt *symphony.Receipt) (dropped bool) {
	k, ok := unique(e)
	first := s.waiting[k]
	if !ok || first == nil {
		return false
	}
	if k.kind == "throttle" {
		*receipt = symphony.Receipt{ID: first.ID, Transport: first.Transport, Queue: first.Queue, ScheduledAt: first.ScheduledAt, Dropped: true}
		return true
	}
	s.withdraw(first)
	receipt.Replaced = first.ID
	s.drop(first)
	return false
}
