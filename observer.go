package symphony

import (
	"slices"
	"time"
)

// Observer is told what becomes of messages in this process, once storage has it. It counts and reports; it can change
// nothing. Its methods are called on the way of every message: they must return at once and keep nothing of what they are
// given. They are called concurrently.
type Observer interface {
	// MessagesDispatched tells of messages that were sent; receipts stand in the order of the envelopes.
	MessagesDispatched(envelopes []*Envelope, receipts []Receipt)
	// AttemptsEnded tells of attempts whose settlement is stored. Deliveries that were given back (Release) are among them.
	AttemptsEnded(ended []EndedAttempt)
}

// EndedAttempt is an attempt with what came of it.
type EndedAttempt struct {
	MessageID, Transport, Queue, Type string
	Attempt                           int
	// CreatedAt and ScheduledAt are those of the envelope.
	CreatedAt, ScheduledAt time.Time
	Worker                 string
	DispatchedBy           string
	Settlement             Settlement
}

// Observers makes one observer of several, which are told in that order. Nil ones are left out; the result is nil where
// none is left.
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

// ObserversAs returns those of the observers in o, which may be of Observers, that are a T as well: what they are told beyond
// an Observer's own.
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
