package flow

import (
	"github.com/symphony-messenger/symphony"
)

// Moves reports whether a message that is changed so waits elsewhere than before: in another lane or rank, or for
// another time.
func Moves(before, after *symphony.Envelope, limits *Limits) bool {
	return before.Priority != after.Priority || !before.ScheduledAt.Equal(after.ScheduledAt) ||
		limits.Covers(before) != limits.Covers(after)
}

// Change has a waiting message wait as it is changed. store keeps the change and returns the message as it is then,
// with the Row that it shall have; it is called once the message is out of its place. moves is what Moves says: one
// that does not move stays where it is among the others. It is false if the message does not wait where it was found;
// then nothing was stored.
//
// A message keeps its debounce or throttle key if it has it, and takes none. One that was begun has left its line of
// turns, and does not stand in line again.
func (e *Engine[R]) Change(m *Message[R], moves bool, store func() (*Message[R], error)) (bool, error) {
	if !moves && m.Gate != "" {
		if err := e.load([]string{m.Gate}); err != nil {
			return false, err
		}
	}
	take := e.store.Remove
	if moves {
		take = e.withdraw
	}
	freed := len(e.free)
	gone, err := take([]*Message[R]{m})
	if err != nil || len(gone) == 0 {
		return false, err
	}
	e.free = e.free[:freed]
	next, err := store()
	if err != nil {
		return false, err
	}
	next.Envelope = keyless(next.Envelope)
	stands := moves && next.line() != "" && (next.Flow.Ordered || next.Attempt == 0)
	switch {
	case stands:
		return true, e.Enter([]*Message[R]{next}) // which notes its expiry
	case !moves && m.Gate != "":
		place := m.Rank
		if isLine(m.Gate) {
			place = 0
		}
		err = e.store.Park([]Parking[R]{{next.Row, m.Gate, place}})
	default:
		err = e.store.Ready([]R{next.Row})
	}
	if err == nil && next.Flow != nil && !next.Flow.ExpiresAt.IsZero() {
		err = e.store.Note([]*Message[R]{next})
	}
	return true, err
}

// keyless is an envelope without its debounce and throttle keys.
func keyless(e *symphony.Envelope) *symphony.Envelope {
	if kind, _ := e.Flow.Unique(); kind == "" {
		return e
	}
	without, flow := *e, *e.Flow
	flow.DebounceKey, flow.ThrottleKey = "", ""
	without.Flow = &flow
	return &without
}
