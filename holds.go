package symphony

import (
	"context"
	"fmt"
	"time"
)

// HoldMode is what is stopped.
type HoldMode string

const (
	// Paused: messages are accepted, none is handed to workers. Those in workers' hands are finished.
	Paused HoldMode = "paused"
	// Draining: no further messages are accepted, those that are there are handled.
	Draining HoldMode = "draining"
)

// HoldTarget is a queue of a transport, the types of a pattern in it, or with neither the whole transport.
type HoldTarget struct {
	Queue string
	// Type is a pattern ("Mail", "Mail.*"). Types cannot be drained, and are not combined with a queue.
	Type string
}

func (t HoldTarget) String() string {
	switch {
	case t.Queue != "":
		return fmt.Sprintf("queue %q", t.Queue)
	case t.Type != "":
		return fmt.Sprintf("type %q", t.Type)
	}
	return "the transport"
}

// Hold stops a part of a transport until it is released. It outlives restarts.
type Hold struct {
	HoldTarget
	Mode  HoldMode
	Since time.Time // on the store's clock
	// By and Reason say who did it and why, for people.
	By     string
	Reason string
}

// Validate reports every problem of a target. Storages call it first.
func (t HoldTarget) Validate() error {
	var p problems
	t.validate(&p)
	return p.err()
}

func (t HoldTarget) validate(p *problems) {
	if t.Queue != "" {
		p.name("queue", t.Queue)
	}
	if t.Type != "" {
		if err := ValidatePattern(t.Type); err != nil {
			p.add("type", "%v", err)
		}
		if t.Queue != "" {
			p.add("type", "cannot be combined with a queue")
		}
	}
}

// Validate reports every problem of a hold. Storages call it first.
func (h Hold) Validate() error {
	var p problems
	h.validate(&p)
	if h.Type != "" && h.Mode == Draining {
		p.add("type", "cannot be drained; drain a queue or the transport")
	}
	if h.Mode != Paused && h.Mode != Draining {
		p.add("mode", "must be %q or %q", Paused, Draining)
	}
	if len(h.By) > MaxHoldText || len(h.Reason) > MaxHoldText {
		p.add("reason", "must have at most %d bytes", MaxHoldText)
	}
	return p.err()
}

// FlowControl is the part of a transport that steers the flow of its messages. It is optional; see Capabilities.Flow.
// Methods are safe for concurrent use. A change is seen by this process at once, by others within moments.
type FlowControl interface {
	// Hold stops a part of the transport, in place of an earlier hold of the same target.
	Hold(ctx context.Context, h Hold) error
	// Release ends a hold. ErrNotFound if there is none of that target.
	Release(ctx context.Context, t HoldTarget) error
	// Holds lists what is stopped, the oldest first.
	Holds(ctx context.Context) ([]Hold, error)
	// Purge deletes waiting messages, scheduled ones and those waiting for a retry included, in several transactions.
	// Those in workers' hands and the dead letter queue are left alone. progress, if not nil, is called with the count so
	// far. On an error the count says what was deleted before it. Messages sent after the call began may stay.
	Purge(ctx context.Context, f PurgeFilter, progress func(deleted int)) (int, error)
}

// HeldError refuses a dispatch to a queue or transport that drains. It matches ErrHeld.
type HeldError struct {
	Transport string
	HoldTarget
}

func (e *HeldError) Error() string {
	if e.Queue == "" {
		return fmt.Sprintf("transport %q is draining and accepts no messages", e.Transport)
	}
	return fmt.Sprintf("queue %q of transport %q is draining and accepts no messages", e.Queue, e.Transport)
}

// Is reports whether target is ErrHeld.
func (e *HeldError) Is(target error) bool { return target == ErrHeld }

// Held reports whether one of the holds pauses the messages of a type in a queue.
func Held(holds []Hold, queue, typ string) bool {
	for _, h := range holds {
		if h.Mode == Paused && (h.Queue == "" || h.Queue == queue) && (h.Type == "" || matches(h.Type, typ)) {
			return true
		}
	}
	return false
}

// Drained returns the hold that refuses messages for a queue, or nil.
func Drained(holds []Hold, transport, queue string) error {
	for _, h := range holds {
		if h.Mode == Draining && (h.Queue == "" || h.Queue == queue) {
			return &HeldError{transport, h.HoldTarget}
		}
	}
	return nil
}
