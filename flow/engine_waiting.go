package flow

import (
	"slices"
	"time"

	"github.com/symphony-messenger/symphony"
)

// What befalls messages that nobody has in hand: they arrive, enter, expire, are withdrawn or hurried, and are let in
// by time.

// Arrival is a new message with its receipt, which Meet changes.
type Arrival[R any] struct {
	*Message[R]
	Receipt *symphony.Receipt
	Fate    Fate // set by Meet
}

// Fate is what becomes of a new message.
type Fate int

const (
	Stored     Fate = iota // it is to be stored
	Dropped                // another with its throttle key waits, whose receipt is its own
	Superseded             // another one of the same call has taken its place by their debounce key
)

// Meet looks for messages that wait by the debounce and throttle keys of new ones. A new message that is throttled is
// dropped. One that is debounced takes the place of the waiting one, which is deleted, and its receipt says so. Of
// several in one call with the same key, the first are as if they had been dispatched before the others.
func (e *Engine[R]) Meet(list []*Arrival[R]) error {
	var (
		keys     []Key
		arrivals []*Arrival[R] // with these keys
	)
	for _, a := range list {
		if k, ok := a.key(); ok {
			keys, arrivals = append(keys, k), append(arrivals, a)
		}
	}
	if len(keys) == 0 {
		return nil
	}
	holders, err := e.store.Holders(keys)
	if err != nil {
		return err
	}
	var (
		first = make(map[Key]*Arrival[R]) // of this call
		rows  []R                         // of waiting messages that are replaced
		by    []*Arrival[R]               // and by whom
	)
	for i, a := range arrivals {
		k, before := keys[i], holders[i]
		earlier := first[k]
		switch {
		case k.Kind == symphony.UniqueThrottle && earlier != nil:
			*a.Receipt, a.Fate = droppedFor(receiptOf(earlier.Envelope)), Dropped
			continue
		case k.Kind == symphony.UniqueThrottle && before != nil:
			*a.Receipt, a.Fate = droppedFor(before.Receipt), Dropped
			continue
		case earlier != nil:
			earlier.Fate = Superseded
			a.Receipt.Replaced = earlier.ID
		case before != nil:
			rows, by = append(rows, before.Row), append(by, a)
		}
		first[k] = a
	}
	if len(rows) == 0 {
		return nil
	}
	found, err := e.store.Find(rows)
	if err != nil {
		return err
	}
	var replaced []*Message[R]
	for i, m := range found {
		if m != nil {
			by[i].Receipt.Replaced = m.ID
			replaced = append(replaced, m)
		}
	}
	_, err = e.Delete(replaced)
	return err
}

func receiptOf(m *symphony.Envelope) symphony.Receipt {
	return symphony.Receipt{ID: m.ID, Transport: m.Transport, Queue: m.Queue, ScheduledAt: m.ScheduledAt}
}

func droppedFor(r symphony.Receipt) symphony.Receipt {
	r.Dropped = true
	return r
}

// Enter has new messages begin to wait. Those of groups go to their lines, or wait before them. All others are made
// ready by the storage, as messages without flow control are.
func (e *Engine[R]) Enter(list []*Message[R]) error {
	var (
		lines []string
		noted []*Message[R]
	)
	for _, m := range list {
		if m.Flow == nil {
			continue
		}
		if line := m.line(); line != "" {
			lines = append(lines, line)
		}
		if _, ok := m.key(); ok || !m.Flow.ExpiresAt.IsZero() {
			noted = append(noted, m)
		}
	}
	if len(noted) > 0 {
		if err := e.store.Note(noted); err != nil {
			return err
		}
	}
	if err := e.load(lines); err != nil {
		return err
	}
	var ready []R
	for _, m := range list {
		line := m.line()
		if line == "" {
			continue
		}
		g := e.gates[line]
		if g.Parked == 0 && g.Used < lineLength(line) && !m.Available.After(e.now) {
			ready = append(ready, m.Row)
			g.Used++
			g.dirty = true
			continue
		}
		e.park(m, g, 0)
		e.advance(line)
	}
	if len(ready) == 0 {
		return nil
	}
	return e.store.Ready(ready)
}

// withdraw takes waiting messages out of their places and out of all that is known about waiting messages. The messages
// themselves stay. It returns those that waited.
func (e *Engine[R]) withdraw(list []*Message[R]) ([]*Message[R], error) {
	var names []string
	for _, m := range list {
		if m.Gate != "" {
			names = append(names, m.Gate)
		}
		if line := m.line(); line != "" {
			names = append(names, line)
		}
	}
	if err := e.load(names); err != nil {
		return nil, err
	}
	gone, err := e.store.Remove(list)
	for _, m := range gone {
		if m.Gate != "" {
			g := e.gates[m.Gate]
			g.Parked--
			g.dirty = true
		}
		switch line := m.line(); {
		case line == "":
		// It leaves its group's line, unless it waited for that; a retry has left a line of turns before.
		case m.Gate != line && (m.Flow.Ordered || m.Attempt == 0):
			e.move(line, -1)
		default:
			e.advance(line)
		}
		e.begun(m)
	}
	return gone, err
}

// Delete withdraws waiting messages and deletes them. It returns how many waited.
func (e *Engine[R]) Delete(list []*Message[R]) (int, error) {
	if len(list) == 0 {
		return 0, nil
	}
	gone, err := e.withdraw(list)
	if err != nil || len(gone) == 0 {
		return 0, err
	}
	return len(gone), e.store.Delete(gone)
}

// Cancel withdraws waiting messages and cancels them. It returns how many waited.
func (e *Engine[R]) Cancel(list []*Message[R], c symphony.Cancellation) (int, error) {
	gone, err := e.withdraw(list)
	if err != nil || len(gone) == 0 {
		return 0, err
	}
	return len(gone), e.store.Cancel(gone, c)
}

// RunNow makes a waiting message available whose time has not come. One that waits for anything else goes on waiting.
// It is false if the message does not wait where it was found.
func (e *Engine[R]) RunNow(m *Message[R]) (bool, error) {
	if !m.Available.After(e.now) || m.Gate != "" && !isLine(m.Gate) {
		return true, nil
	}
	done, err := e.store.Hurry(m)
	if err != nil || !done || m.Gate == "" {
		return done, err
	}
	return true, e.Retimed([]string{m.Gate})
}

// Retimed says that messages before gates have other times than they had.
func (e *Engine[R]) Retimed(gates []string) error {
	lines := slices.DeleteFunc(slices.Clone(gates), func(name string) bool { return !isLine(name) })
	if err := e.load(lines); err != nil {
		return err
	}
	for _, line := range lines {
		e.advance(line)
	}
	return nil
}

// Expire fails messages that were not begun in time.
func (e *Engine[R]) Expire() error {
	notes, err := e.store.Expired(expiriesAtOnce)
	if err != nil || len(notes) == 0 {
		return err
	}
	rows := make([]R, len(notes))
	for i, n := range notes {
		rows[i] = n.Row
	}
	found, err := e.store.Find(rows)
	if err != nil {
		return err
	}
	var late []*Message[R]
	for i, m := range found {
		if m != nil && overdue(m, notes[i].At) {
			late = append(late, m)
		}
	}
	if len(late) == 0 {
		return nil
	}
	if late, err = e.withdraw(late); err != nil {
		return err
	}
	causes := make([]*symphony.ExpiredError, len(late))
	for i, m := range late {
		causes[i] = &symphony.ExpiredError{At: m.Flow.ExpiresAt}
	}
	return e.store.Bury(late, causes)
}

// overdue reports whether a message was to be begun by a time, in whole microseconds, and was not. One that was tried
// was begun in time; one with a later time has the number of a message that is gone.
func overdue[R any](m *Message[R], at time.Time) bool {
	return m.Attempt == 0 && m.Flow != nil && !m.Flow.ExpiresAt.IsZero() && m.Flow.ExpiresAt.Sub(at) < time.Microsecond
}

// Wake looks at the gates whose time has come, as many as one transaction should.
func (e *Engine[R]) Wake() error {
	due, err := e.store.DueGates(e.now, gatesAtOnce)
	if err != nil {
		return err
	}
	if len(due) > 0 {
		if err := e.countStrays(); err != nil {
			return err
		}
	}
	for _, s := range due {
		g := e.gates[s.Name] // what this transaction has changed is newer
		if g == nil {
			g = e.add(s)
			g.stored = true
		}
		transport, pattern, held := cutHoldGate(g.Name)
		switch {
		case isLine(g.Name):
			e.advance(g.Name)
		case held:
			if e.holds == nil {
				if err := e.ReadHolds(); err != nil {
					return err
				}
			}
			if pauses(e.holds[transport], pattern) {
				g.Wake, g.dirty = e.now.Add(gateBackstop), true
				continue
			}
			e.reopen(g)
		default:
			e.reconsider(g)
		}
	}
	return nil
}

// reconsider lets in whom the gate of a limit has room for.
func (e *Engine[R]) reconsider(g *gate) {
	if g.rearm = true; g.letsGo(e.now) {
		e.reopen(g)
	} else if room := e.room(g); room > 0 {
		e.wants = append(e.wants, Want{Gate: g.Name, N: room})
	}
}

// reopen has the first of those before a gate let in that holds nobody any more. The rest follow at once, in
// transactions of their own.
func (e *Engine[R]) reopen(g *gate) {
	g.Wake, g.dirty = e.now, true
	e.wants = append(e.wants, Want{Gate: g.Name, N: claimParks})
}

// Release lets in what waited because types of a transport were paused by a pattern. The pause is over.
func (e *Engine[R]) Release(transport, pattern string) error {
	name := holdGateOf(transport, pattern)
	if err := e.load([]string{name}); err != nil {
		return err
	}
	if g := e.gates[name]; g.Parked > 0 {
		e.reopen(g)
	}
	return nil
}
