package flow

import (
	"strconv"
	"strings"
	"time"

	"github.com/symphony-messenger/symphony"
)

// The names of gates begin with what they count. Where two names follow, the length of the first stands before it: both
// may have colons, and no two limits may share a gate.
const (
	typeGate  = "type:"
	keyGate   = "keyed:"
	queueGate = "queue:"
	holdGate  = "held:"
	setGate   = "set:"  // before the name of what is limited, of limits that are set at run time
	restGate  = "rest:" // before the names of keys, and which limits are set for some of their types
)

func gateName(kind, first, second string) string {
	return kind + strconv.Itoa(len(first)) + ":" + first + ":" + second
}

// cutGateName takes apart what gateName made of a kind.
func cutGateName(kind, name string) (first, second string, ok bool) {
	rest, ok := strings.CutPrefix(name, kind)
	if !ok {
		return "", "", false
	}
	length, rest, _ := strings.Cut(rest, ":")
	n, err := strconv.Atoi(length)
	if err != nil || n < 0 || n >= len(rest) || rest[n] != ':' {
		return "", "", false
	}
	return rest[:n], rest[n+1:], true
}

// holdGateOf is the name of the gate before which the messages of a transport wait whose types are paused by a pattern.
func holdGateOf(transport, pattern string) string { return gateName(holdGate, transport, pattern) }

// cutHoldGate takes the name of a holdGateOf apart. ok is false for any other name.
func cutHoldGate(name string) (transport, pattern string, ok bool) {
	return cutGateName(holdGate, name)
}

// Gate is a limit with its name. Storages keep a GateState for each and ask before a message passes.
type Gate struct {
	Name string
	Limit
	// Pressure is what endpoints asked for. Until then the gate is closed; At has the rate that is left.
	Pressure Pressure
}

// At is the gate as it is at a time, when its rate may be slower than the limit's.
func (g Gate) At(now time.Time) Gate {
	g.Rate = g.Pressure.slow(g.Rate, now)
	return g
}

// open reports whether the gate holds nobody up, now and later.
func (g Gate) open(now time.Time) bool { return g.Limit == (Limit{}) && !g.Pressure.Until.After(now) }

// GateState is what has passed a gate: how many messages hold a place behind it, and until when its rate is used up.
// The zero state is that of a gate nothing has passed.
type GateState struct {
	Used int
	// Next is when the rate's next start is due if starts are spread evenly (the theoretical arrival time of the
	// generic cell rate algorithm, ITU-T I.371).
	Next time.Time
}

// Room is how many messages may pass at a time.
func (g Gate) Room(s GateState, now time.Time) int {
	if g.Pressure.Until.After(now) {
		return 0
	}
	room := symphony.MaxReceive
	if g.Concurrency > 0 {
		room = min(room, max(g.Concurrency-s.Used, 0))
	}
	if every := g.Rate.every(); every > 0 {
		room = min(room, max(int(now.Add(g.Rate.slack()).Sub(s.Next)/every)+1, 0), g.Rate.burst())
		if now.Before(g.OpensAt(s)) {
			room = 0
		}
	}
	return room
}

// OpensAt is when the rate lets the next message pass, and no endpoint has asked for a pause, the zero time for at
// once. A gate whose concurrency is used up opens when a message leaves.
func (g Gate) OpensAt(s GateState) time.Time {
	at := g.Pressure.Until
	if g.Rate.Count == 0 || s.Next.IsZero() {
		return at
	}
	if next := s.Next.Add(-g.Rate.slack()); next.After(at) {
		at = next
	}
	return at
}

// Pass is the state after one message has passed at a time.
func (g Gate) Pass(s GateState, now time.Time) GateState {
	s.Used++
	if every := g.Rate.every(); every > 0 {
		if s.Next.Before(now) {
			s.Next = now
		}
		s.Next = s.Next.Add(every)
	}
	return s
}

// Leave is the state after a message has been settled or has lost its lease.
func (g Gate) Leave(s GateState) GateState {
	s.Used = max(s.Used-1, 0)
	return s
}

// targetOf is what the limit of a gate bounds. ok is false for a gate of anything else.
func targetOf(name string) (t LimitTarget, ok bool) {
	name = strings.TrimPrefix(name, setGate)
	if rest, found := strings.CutPrefix(name, restGate); found {
		_, name, _ = strings.Cut(rest, ":")
	}
	if pattern, found := strings.CutPrefix(name, typeGate); found {
		return LimitTarget{Type: pattern}, true
	}
	if queue, found := strings.CutPrefix(name, queueGate); found {
		t.Transport, t.Queue, _ = strings.Cut(queue, "/")
		return t, true
	}
	t.Type, t.Key, ok = cutGateName(keyGate, name)
	return t, ok
}
