package flow

import (
	"strings"
	"time"
)

// Reason is why a message waits.
type Reason string

const (
	WaitsForTime  Reason = "scheduled"   // it is scheduled, delayed or retried for a later time
	WaitsForType  Reason = "type_limit"  // as many messages of its type as may be are in hand, or were started
	WaitsForQueue Reason = "queue_limit" // the same of its queue
	WaitsForKey   Reason = "key_limit"   // the same of its concurrency key
	WaitsForHold  Reason = "hold"        // its type, queue or transport is paused
	WaitsForTurn  Reason = "group_turn"  // its group has its share in line
	WaitsForOrder Reason = "group_order" // the one before it in its ordered group is not finished
)

// Wait says why a message waits, and for what.
type Wait struct {
	Reason Reason
	// Gate is the gate before which the message waits. Empty for a message that waits for its time alone.
	Gate string

	// What the gate is about, as far as the reason has one.
	Type             string // the pattern of the limit or hold; empty for WaitsForKey where no limit is configured
	Transport, Queue string
	Key              string
	Group            string

	// Until is when the message can go on at the earliest: its time, that of the rate, the end of the pause. Zero where
	// nobody knows, or at once.
	Until time.Time
	// Rate says that it is the rate of a limit, or the pause that an endpoint asked for, and not how many are in hand.
	Rate bool
	// Pushed says that the message has a URL of its own: only a worker that pushes takes it.
	Pushed bool
	// By is who set the limit or the hold, which endpoint asked for a pause, or which handler is not called. Empty for
	// what is configured.
	By string
	// Position is the message's place among those that wait for the same: 1 is the next one. 0 where it has none, or
	// one behind MaxPosition.
	Position int
}

// MaxPosition is the last place in line that is told.
const MaxPosition = 1000

// Explain says more of a wait before the gate of a limit, of which state is known: until when, whether it is the rate,
// and who set it.
func (l *Limits) Explain(w Wait, state GateState, now time.Time) Wait {
	g := l.Gate(w.Gate).At(now)
	if at := g.OpensAt(state); at.After(now) {
		w.Until, w.Rate = at, true
	}
	if target, ok := strings.CutPrefix(w.Gate, setGate); ok && l != nil {
		s, _ := l.set.named(target)
		if w.By = s.By; s.Pressure.Until.After(now) {
			w.By = s.Pressure.From
		}
	}
	return w
}

// ExplainHold says more of a wait for a hold: until when, and who set it.
func ExplainHold(w Wait, holds []Hold) Wait {
	for _, h := range holds {
		if w.Reason == WaitsForHold && h.Type == w.Type && h.Queue == w.Queue && h.Mode == Paused {
			w.Until, w.By = h.Until, h.By
		}
	}
	return w
}

// waitBefore is the wait of a message before a gate.
func waitBefore(gate string) (w Wait, ok bool) {
	w.Gate = gate
	gate = strings.TrimPrefix(gate, setGate)
	if rest, found := strings.CutPrefix(gate, restGate); found {
		_, gate, _ = strings.Cut(rest, ":")
	}
	switch {
	case isTurnLine(gate):
		w.Reason, w.Group = WaitsForTurn, lineGroup(gate)
	case isLine(gate):
		w.Reason, w.Group = WaitsForOrder, lineGroup(gate)
	case strings.HasPrefix(gate, typeGate):
		w.Reason, w.Type = WaitsForType, strings.TrimPrefix(gate, typeGate)
	case strings.HasPrefix(gate, queueGate):
		w.Reason = WaitsForQueue
		w.Transport, w.Queue, _ = strings.Cut(strings.TrimPrefix(gate, queueGate), "/")
	default:
		if pattern, key, ok := cutGateName(keyGate, gate); ok {
			w.Reason, w.Type, w.Key = WaitsForKey, pattern, key
			break
		}
		transport, pattern, ok := cutGateName(holdGate, gate)
		if !ok {
			return Wait{}, false
		}
		w.Reason, w.Transport, w.Type = WaitsForHold, transport, pattern
	}
	return w, true
}
