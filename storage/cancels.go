package storage

import "github.com/symphony-messenger/symphony"

// Cancels tells workers of messages that were cancelled while they have them in hand. It is optional: without it a
// worker learns of that when it extends its leases.
type Cancels interface {
	// WatchCancels has a worker told until stop is called: at once of what this process cancels, within about a second
	// of what others do. After stop has returned, none of its functions is called any more.
	WatchCancels(w CancelWatch) (stop func())
}

// CancelWatch is a worker that is told. Its functions are called concurrently, must return soon, and must not call
// stop.
type CancelWatch struct {
	// InHand reports whether the worker has anything in hand. While no worker has, what other processes cancel is not
	// looked for.
	InHand func() bool
	// Told is called with deliveries whose messages were cancelled. Those of others may be among them, and one may be
	// told more than once.
	Told func([]symphony.Lease)
}

// CancelsOf returns what tells a transport's workers of cancelled messages, nil where nothing does.
func CancelsOf(t symphony.Transport) Cancels {
	c, _ := t.(Cancels)
	return c
}
