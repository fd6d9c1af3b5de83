package flow

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/symphony-messenger/symphony"
)

// The reasons of a pending message that waits neither before a gate nor for its time.
const (
	WaitsForWorker  Reason = "worker"    // it is ready: a worker that asks for its queue gets it in its turn
	WaitsForRetry   Reason = "retry"     // it is to be tried again at a time
	WaitsForBreaker Reason = "breaker"   // its handler is not called, because it keeps failing
	WaitsForNobody  Reason = "no_worker" // no worker has asked for its queue for UnaskedFor
)

// UnaskedFor is for how long nobody may have asked for a queue before its messages are said to wait for nobody.
const UnaskedFor = time.Minute

// Explain says why a waiting message waits, as a claim at this moment finds it, and changes nothing. What it says of
// limits and holds is what Admit would decide.
func (e *Engine[R]) Explain(m *Message[R]) (Wait, error) {
	if m.Available.After(e.now) {
		return Wait{Reason: WaitsForTime, Gate: m.Gate, Until: m.Available}, nil
	}
	if err := e.ReadHolds(); err != nil {
		return Wait{}, err
	}
	holds := Live(e.holds[m.Transport], e.wall)
	for _, h := range holds {
		if h.Mode == Paused && h.Type == "" && (h.Queue == "" || h.Queue == m.Queue) {
			return ExplainHold(Wait{Reason: WaitsForHold, Transport: m.Transport, Queue: h.Queue}, holds), nil
		}
	}
	if isLine(m.Gate) {
		w, _ := waitBefore(m.Gate)
		return w, nil
	}
	if pattern := pausedBy(holds, m.Type); pattern != "" {
		w, _ := waitBefore(holdGateOf(m.Transport, pattern))
		return ExplainHold(w, holds), nil
	}
	closed, err := e.closed(m)
	if err != nil || closed == "" {
		return Wait{Reason: WaitsForWorker, Transport: m.Transport, Queue: m.Queue, Pushed: m.Terms.Pushed()}, err
	}
	g := e.gates[closed]
	w, _ := waitBefore(closed)
	w = e.limits.Explain(w, g.GateState, e.now)
	// Behind others that wait for the rate it does so, too, although the rate lets the first of them through just now.
	used := g.limit.Concurrency > 0 && g.Used+e.strays[closed] >= g.limit.Concurrency
	w.Rate = w.Rate || g.limit.Rate.Count > 0 && !used
	return w, nil
}

// closed is the gate of a limit that holds a message up: that before which it waits, unless it is not in force any
// more, or else the first that has no room.
func (e *Engine[R]) closed(m *Message[R]) (string, error) {
	if err := e.Look(m); err != nil {
		return "", err
	}
	if _, limited := targetOf(m.Gate); limited {
		if err := e.load([]string{m.Gate}); err != nil {
			return "", err
		}
		if !e.gates[m.Gate].letsGo(e.now) {
			return m.Gate, nil
		}
	}
	for _, limit := range m.limits {
		if e.room(e.gates[limit.Name]) == 0 {
			return limit.Name, nil
		}
	}
	return "", nil
}

// WaitOf says why a message of a transport waits. ok is false for one that does not wait, or no more.
func WaitOf(ctx context.Context, t symphony.Transport, m *symphony.MessageInfo) (w Wait, ok bool, err error) {
	control := Of(t)
	if m.Status != symphony.Pending || control == nil {
		return Wait{}, false, nil
	}
	w, err = control.Wait(ctx, m.ID)
	var moved *symphony.MessageStatusError
	if errors.As(err, &moved) || errors.Is(err, symphony.ErrNotFound) {
		return Wait{}, false, nil
	}
	if n := len(m.Attempts); err == nil && w.Reason == WaitsForTime && n > 0 &&
		m.Attempts[n-1].RetryAt.Equal(m.AvailableAt) {
		w.Reason = WaitsForRetry
	}
	return w, err == nil, err
}

// Stopped is a circuit breaker that does not let messages through to a handler, until a time.
type Stopped struct {
	Handler string
	Until   time.Time
}

// Amid says more of a wait by what is known of who works on the message's queue. everywhere are the breakers of its
// handlers that let nothing through on any node that has workers, anywhere those on some node.
func (w Wait) Amid(m *symphony.MessageInfo, q symphony.QueueStats, everywhere, anywhere []Stopped, now time.Time) Wait {
	if m.Terms.Pushed() { // to no handler that a breaker keeps from it
		everywhere, anywhere = nil, nil
	}
	if w.Reason == WaitsForTime && !m.ScheduledAt.Equal(m.AvailableAt) && len(anywhere) > 0 {
		// It was given back, for a time that nobody else has named.
		w.Reason, w.By = WaitsForBreaker, anywhere[0].Handler
		return w
	}
	if w.Reason != WaitsForWorker {
		return w
	}
	if len(everywhere) > 0 {
		first := slices.MinFunc(everywhere, func(a, b Stopped) int { return a.Until.Compare(b.Until) })
		w.Reason, w.By, w.Until = WaitsForBreaker, first.Handler, first.Until
		return w
	}
	s := q.UnaskedSince
	if m.Terms.Pushed() {
		s = q.UnpushedSince
	}
	if !s.IsZero() && now.Sub(s) >= UnaskedFor && q.Processing == 0 {
		w.Reason = WaitsForNobody
	}
	return w
}

// Text is one sentence for people.
func (w Wait) Text() string {
	switch w.Reason {
	case WaitsForTime:
		return "It is not to be handled before its time."
	case WaitsForRetry:
		return "Its last attempt did not succeed, and its next one is not due yet."
	case WaitsForType:
		return w.limitText(fmt.Sprintf("type %q", w.Type))
	case WaitsForQueue:
		return w.limitText(fmt.Sprintf("queue %q", w.Queue))
	case WaitsForKey:
		return w.limitText(fmt.Sprintf("its concurrency key, of type %q,", cmp.Or(w.Type, "*")))
	case WaitsForHold:
		target := HoldTarget{Queue: w.Queue, Type: w.Type}
		return fmt.Sprintf("%s is paused.", capital(target.String()))
	case WaitsForTurn:
		return "As many messages of its group as may be are in line before it."
	case WaitsForOrder:
		return "A message before it in its ordered group is not finished."
	case WaitsForBreaker:
		return fmt.Sprintf("Handler %q keeps failing, and is not called for a while.", w.By)
	case WaitsForNobody:
		if w.Pushed {
			return fmt.Sprintf("It is pushed to a URL of its own, and no worker of a server that does that, one whose "+
				"push.allowed_origins is set, is known to have asked for queue %q for a minute. "+
				"No pull worker gets it.", w.Queue)
		}
		return fmt.Sprintf("It is ready, and no worker is known to have asked for queue %q for a minute.", w.Queue)
	}
	if w.Pushed {
		return "It is pushed to a URL of its own, and waits for a worker of a server that does that: one whose " +
			"push.allowed_origins is set. No pull worker gets it."
	}
	return "It is ready, and waits for a worker to take it."
}

// limitText is the sentence of a limit.
func (w Wait) limitText(of string) string {
	if w.Rate {
		return fmt.Sprintf("The rate of %s holds it up.", of)
	}
	return fmt.Sprintf("The limit of %s holds it up.", of)
}

// capital has a text begin with a capital letter.
func capital(s string) string {
	if s == "" || s[0] < 'a' || s[0] > 'z' {
		return s
	}
	return string(s[0]-'a'+'A') + s[1:]
}
