package flow

import (
	"time"

	"github.com/symphony-messenger/symphony"
)

// Store is what an Engine asks of a storage, all within one transaction in which nobody else changes gates, lines, keys
// or parked messages. It keeps numbers and moves rows; it knows no rule. R is how it knows a message: what it needs to
// find the message's row and to move it.
//
// Methods take and return lists, so that a storage at a distance asks once for many. A list that is returned has an
// element for each of the list that was given, unless it says otherwise. What only writes may be put off until the
// transaction ends, as long as later calls see it.
type Store[R any] interface {
	// Gates reads gates by their names, in any order. Those that are not stored are left out.
	Gates(names []string) ([]StoredGate, error)
	// DueGates reads up to n gates that are to be woken by now, the first due first.
	DueGates(now time.Time, n int) ([]StoredGate, error)
	// SaveGates stores gates, in place of those of their names, and deletes others.
	SaveGates(save []StoredGate, drop []string) error

	// Park puts messages before gates. They are in no lane.
	Park(list []Parking[R]) error
	// Unpark takes messages from before gates that are available now, the first by place, time and order of dispatch,
	// and makes them ready in their lanes. It tells how many there were for each gate.
	Unpark(wants []Want) ([]int, error)
	// Ready makes messages ready that are in no lane and before no gate, behind what is ready now.
	Ready(rows []R) error
	// NextBefore tells when the first message before each gate is available, zero where there is none.
	NextBefore(gates []string) ([]time.Time, error)

	// Holds reads what is stopped, by transport. EndHold deletes one of them.
	Holds() (map[string][]Hold, error)
	EndHold(transport string, t HoldTarget) error

	// SaveLimits stores limits that are set, in place of those of their targets, and deletes others, by their names.
	// From then on deliveries may hold no place behind a limit that bounds them, until Counted says that they all do.
	SaveLimits(save []SetLimit, drop []string) error
	Counted() error
	// InHand lists the open deliveries.
	InHand() ([]InHand, error)

	// Find finds waiting messages of controlled lanes of which a row says no more than which one it is. Those that do
	// not wait are nil.
	Find(rows []R) ([]*Message[R], error)
	// Remove takes waiting messages out of their lanes and from before gates, and out of the counts of waiting and
	// scheduled ones. It returns those that were there.
	Remove(list []*Message[R]) ([]*Message[R], error)
	// Delete deletes messages that were removed.
	Delete(list []*Message[R]) error
	// Cancel keeps messages that were removed as cancelled ones.
	Cancel(list []*Message[R], c symphony.Cancellation) error
	// Bury moves messages that were removed to the dead letter queue.
	Bury(list []*Message[R], causes []*symphony.ExpiredError) error
	// Hurry makes a waiting message available now, behind what is ready now, and uncounts it as a scheduled one. It is
	// false if the message does not wait there.
	Hurry(m *Message[R]) (bool, error)

	// Holders finds the waiting messages that have debounce or throttle keys, nil where there is none.
	Holders(keys []Key) ([]*Holder[R], error)
	// Note keeps until when new messages are to be begun, and which debounce or throttle keys are theirs from now on.
	Note(list []*Message[R]) error
	// Free frees the debounce or throttle keys of messages, unless they are another's by now.
	Free(list []*Message[R]) error
	// Expired takes up to n notes of messages that were to be begun by now.
	Expired(n int) ([]Expiry[R], error)
}

// Message is a message as the rules see it: new, waiting, or next in its lane.
type Message[R any] struct {
	Row R
	*symphony.Envelope
	Lane      int64     // the storage's number of its lane
	Rank      int       // of its priority, 0 is the most urgent
	Attempt   int       // deliveries so far
	Available time.Time // when it may be claimed
	Gate      string    // before which it waits; empty for one that is ready or new

	named   bool
	theLine string // once named
	hold    string // once looked at: the pattern by which its type is paused
	limits  []Gate // once looked at
}

// line is the name of the message's line, empty without a group.
func (m *Message[R]) line() string {
	if !m.named {
		m.named, m.theLine = true, lineName(m.Lane, m.Rank, m.Flow)
	}
	return m.theLine
}

// pass is what a delivery of the message holds, which was looked at.
func (m *Message[R]) pass() *Pass {
	pass := &Pass{Follows: m.Terms.Follows()}
	for _, limit := range m.limits {
		pass.Gates = append(pass.Gates, limit.Name)
	}
	switch line := m.line(); {
	case line == "":
	case m.Flow.Ordered:
		pass.Order = line
	default:
		pass.Turn = line
	}
	return pass
}

// key is the message's debounce or throttle key. ok is false without one.
func (m *Message[R]) key() (k Key, ok bool) {
	k.Transport = m.Transport
	k.Kind, k.Name = m.Flow.Unique()
	return k, k.Kind != ""
}

// Key is a debounce or throttle key: one message that waits has it.
type Key struct{ Transport, Kind, Name string }

// Holder is the waiting message that has a key.
type Holder[R any] struct {
	Row     R
	Receipt symphony.Receipt // ID, Transport, Queue and ScheduledAt
}

// Expiry is the note of a message that was to be begun by a time.
type Expiry[R any] struct {
	Row R
	At  time.Time
}

// Parking is a message that is put before a gate. Those with a lower place are let through first.
type Parking[R any] struct {
	Row   R
	Gate  string
	Place int
}

// Want is how many messages are to be taken from before a gate. Behind says that they are ready from now on, behind
// what is ready now; else they have the places in their lanes that they had.
type Want struct {
	Gate   string
	N      int
	Behind bool
}

// StoredGate is a gate as storages keep it.
type StoredGate struct {
	Name      string
	GateState           // of a line, Used is its length
	Parked    int       // messages before it
	Wake      time.Time // when it is to be looked at, in whole microseconds; zero: not by itself
}

// Pass is what a delivery holds. Storages keep it with the delivery, where that is kept as JSON.
type Pass struct {
	Gates []string `json:"gates,omitempty"` // limits behind which it has a place
	Turn  string   `json:"turn,omitempty"`  // the line that it left, and enters again if it is given back untouched
	Order string   `json:"order,omitempty"` // the line in which it stays until it is finished
	// Follows says that another message may be dispatched when it ends; see symphony.Envelope.Follow.
	Follows bool `json:"follows,omitempty"`
}

// InHand is a message in a worker's hands, and what its delivery holds.
type InHand struct {
	*symphony.Envelope // Transport, Queue, Type and Flow
	Pass               *Pass
}

// Departure is a delivery that ends.
type Departure struct {
	Pass    *Pass // nil of a message that is under no flow control
	Outcome symphony.Outcome
	Attempt int // which delivery it was, from 1
}
