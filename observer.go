package symphony

import (
	"slices"
	"time"
)

// Observer is notified of what happens to messages in this process, after it has been stored. Its methods are called
// concurrently for every message, so they must return quickly, and they must not keep or change their arguments.
type Observer interface {
	// MessagesDispatched is called after messages were stored. Receipts are in the order of the envelopes.
	MessagesDispatched(envelopes []*Envelope, receipts []Receipt)
	// AttemptsEnded is called after attempts were settled. Deliveries that were given back (Release) or whose messages
	// were cancelled (Cancel) are included, and messages that were cancelled while nobody had them.
	AttemptsEnded(ended []EndedAttempt)
}

// EndedAttempt is an attempt and its settlement.
type EndedAttempt struct {
	MessageID, Transport, Queue, Type string
	Attempt                           int
	// CreatedAt and ScheduledAt are the envelope's.
	CreatedAt, ScheduledAt time.Time
	Worker                 string
	DispatchedBy           string
	Settlement             Settlement
}

// Observers combines observers, which are called in that order. Nil observers are left out; the result is nil if none
// is left.
func Observers(list ...Observer) Observer {
	list = slices.DeleteFunc(slices.Clone(list), func(o Observer) bool { return o == nil })
	switch len(list) {
	case 0:
		return nil
	case 1:
		return list[0]
	}
	return observers(list)
}

// ObserversAs returns the observers combined in o that also implement T, an interface for what goes beyond Observer,
// such as flow.Observer.
func ObserversAs[T any](o Observer) []T {
	list, several := o.(observers)
	if !several {
		list = observers{o}
	}
	var found []T
	for _, o := range list {
		if t, ok := o.(T); ok {
			found = append(found, t)
		}
	}
	return found
}

type observers []Observer

func (list observers) MessagesDispatched(envelopes []*Envelope, receipts []Receipt) {
	for _, o := range list {
		o.MessagesDispatched(envelopes, receipts)
	}
}

func (list observers) AttemptsEnded(ended []EndedAttempt) {
	for _, o := range list {
		o.AttemptsEnded(ended)
	}
}
