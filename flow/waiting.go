package flow

import (
	"cmp"
	"fmt"
	"time"

	"github.com/symphony-messenger/symphony"
)

// The reasons of a pending message that waits neither before a gate nor for its time.
const (
	WaitsForWorker Reason = "worker" // it is ready: a worker that asks for its queue gets it in its turn
	WaitsForRetry  Reason = "retry"  // it is to be tried again at a time
)

// WaitOf says why a pending message waits, as far as is known: before a gate, for its time, for a pause, or for a
// worker. holds are what is stopped of its transport. ok is false for a message that is not pending.
func WaitOf(m *symphony.MessageInfo, holds []Hold, now time.Time) (w Wait, ok bool) {
	if m.Status != symphony.Pending {
		return Wait{}, false
	}
	if w, ok = Why(m.Gate, m.AvailableAt, now); ok {
		if n := len(m.Attempts); w.Reason == WaitsForTime && n > 0 && m.Attempts[n-1].RetryAt.Equal(m.AvailableAt) {
			w.Reason = WaitsForRetry
		}
		return ExplainHold(w, holds), true
	}
	for _, h := range holds {
		if h.Mode == Paused && (h.Queue == "" || h.Queue == m.Queue) &&
			(h.Type == "" || symphony.PatternMatches(h.Type, m.Type)) {
			return Wait{Reason: WaitsForHold, Type: h.Type, Transport: m.Transport, Queue: h.Queue,
				Until: h.Until, By: h.By}, true
		}
	}
	return Wait{Reason: WaitsForWorker, Transport: m.Transport, Queue: m.Queue, Pushed: m.Terms.Pushed()}, true
}

// Text is one sentence for people.
func (w Wait) Text() string {
	switch w.Reason {
	case WaitsForTime:
		return "It is not to be handled before its time."
	case WaitsForRetry:
		return "Its last attempt did not succeed, and its next one is not due yet."
	case WaitsForType:
		return fmt.Sprintf("The limit of type %q lets no more messages through at the moment.", w.Type)
	case WaitsForQueue:
		return fmt.Sprintf("The limit of queue %q lets no more messages through at the moment.", w.Queue)
	case WaitsForKey:
		return fmt.Sprintf("The limit of its concurrency key, of type %q, lets no more messages through at the moment.",
			cmp.Or(w.Type, "*"))
	case WaitsForHold:
		target := HoldTarget{Queue: w.Queue, Type: w.Type}
		return fmt.Sprintf("%s is paused.", capital(target.String()))
	case WaitsForTurn:
		return "As many messages of its group as may be are in line before it."
	case WaitsForOrder:
		return "A message before it in its ordered group is not finished."
	}
	if w.Pushed {
		return "It is pushed to a URL of its own, and waits for a worker of a server that does that: one whose " +
			"push.allowed_origins is set. No pull worker gets it."
	}
	return "It is ready, and waits for a worker to take it."
}

// capital has a text begin with a capital letter.
func capital(s string) string {
	if s == "" || s[0] < 'a' || s[0] > 'z' {
		return s
	}
	return string(s[0]-'a'+'A') + s[1:]
}
