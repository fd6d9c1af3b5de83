package flow

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/symphony-messenger/symphony"
)

// MaxHoldText bounds, in bytes, what a Hold says about itself.
const MaxHoldText = 500

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
	// Until is when it ends by itself, on the store's clock. Zero: when it is released.
	Until time.Time
	// By and Reason say who did it and why, for people.
	By     string
	Reason string
}

// Validate reports every problem of a target. Storages call it first.
func (t HoldTarget) Validate() error {
	return t.problems().err()
}

func (t HoldTarget) problems() (p problems) {
	p.queue(t.Queue)
	if t.Type != "" {
		if err := symphony.ValidatePattern(t.Type); err != nil {
			p.add("type", "%v", err)
		}
		if t.Queue != "" {
			p.add("type", "cannot be combined with a queue")
		}
	}
	return p
}

// Validate reports every problem of a hold. Storages call it first.
func (h Hold) Validate() error {
	p := h.problems()
	if h.Type != "" && h.Mode == Draining {
		p.add("type", "cannot be drained; drain a queue or the transport")
	}
	if h.Mode != Paused && h.Mode != Draining {
		p.add("mode", "must be %q or %q", Paused, Draining)
	}
	if !h.Until.IsZero() && !symphony.StorableTime(h.Until) {
		p.add("until", "must be in the years 1970 to 9999")
	}
	if len(h.By) > MaxHoldText || len(h.Reason) > MaxHoldText {
		p.add("reason", "must have at most %d bytes", MaxHoldText)
	}
	return p.err()
}

// Control is the part of a transport that steers the flow of its messages. It is optional; see
// symphony.Capabilities.Flow. Methods are safe for concurrent use. A change is seen by this process at once, by others
// within moments.
type Control interface {
	// Hold stops a part of the transport, in place of an earlier hold of the same target.
	Hold(ctx context.Context, h Hold) error
	// Release ends a hold. symphony.ErrNotFound if there is none of that target.
	Release(ctx context.Context, t HoldTarget) error
	// Holds lists what is stopped, the oldest first.
	Holds(ctx context.Context) ([]Hold, error)
	// ChangeLimits changes what is set at run time, of all transports of the storage, as change says; see
	// Engine.ChangeLimits. change may be called again, and its error is returned.
	ChangeLimits(ctx context.Context, change LimitsChange) error
	// Wait says why a message waits, and where in line, by Engine.Explain. Errors: symphony.ErrNotFound, a
	// *symphony.MessageStatusError where it is not pending.
	Wait(ctx context.Context, id string) (Wait, error)
	// LimitStates tells what limits are configured and set in the storage, and how much of each is used.
	LimitStates(ctx context.Context) ([]LimitState, error)
	// Purge deletes waiting messages, scheduled ones and those waiting for a retry included, in several transactions.
	// Those in workers' hands and the dead letter queue are left alone. progress, if not nil, is called with the count
	// so far. On an error the count says what was deleted before it. Messages sent after the call began may stay.
	Purge(ctx context.Context, f PurgeFilter, progress func(deleted int)) (int, error)
}

// ControlOf returns the flow control of one of the bus's transports, whose observers are told of its holds. Errors: a
// *symphony.UnknownTransportError, or symphony.ErrUnsupported where the transport has none.
func ControlOf(bus *symphony.Bus, transport string) (*Controller, error) {
	t, err := bus.Transport(transport)
	if err != nil {
		return nil, err
	}
	if control := Of(t); control != nil {
		return &Controller{Control: control, transport: transport, observers: symphony.ObserversAs[Observer](bus.Observer())}, nil
	}
	return nil, fmt.Errorf("transport %q has no flow control: %w", transport, symphony.ErrUnsupported)
}

// Of returns the flow control of a transport, nil where it has none.
func Of(t symphony.Transport) Control {
	control, ok := t.(Control)
	if !ok || !t.Capabilities().Flow {
		return nil
	}
	return control
}

// ErrHeld is matched by every *HeldError.
var ErrHeld = errors.New("held")

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

// over reports whether the hold has ended by itself.
func (h Hold) over(now time.Time) bool { return !h.Until.IsZero() && !h.Until.After(now) }

// Live are those of a transport's holds that have not ended by themselves. The list that is given is not changed.
func Live(holds []Hold, now time.Time) []Hold {
	if !slices.ContainsFunc(holds, func(h Hold) bool { return h.over(now) }) {
		return holds
	}
	return slices.DeleteFunc(slices.Clone(holds), func(h Hold) bool { return h.over(now) })
}

// HoldsEnd is when the first of some holds ends by itself, zero for never.
func HoldsEnd(holds []Hold) (first time.Time) {
	for _, h := range holds {
		first = earlier(first, h.Until)
	}
	return first
}

// Held reports whether one of the holds pauses the messages of a type in a queue.
func Held(holds []Hold, queue, typ string) bool {
	for _, h := range holds {
		if h.Mode == Paused && (h.Queue == "" || h.Queue == queue) &&
			(h.Type == "" || symphony.PatternMatches(h.Type, typ)) {
			return true
		}
	}
	return false
}

// QueuePaused reports whether nothing of a queue may be handed out, whatever its type.
func QueuePaused(holds []Hold, queue string) bool {
	for _, h := range holds {
		if h.Mode == Paused && h.Type == "" && (h.Queue == "" || h.Queue == queue) {
			return true
		}
	}
	return false
}

// TypesPaused reports whether any types are paused, so that each message must be looked at before it is handed out.
func TypesPaused(holds []Hold) bool {
	return slices.ContainsFunc(holds, func(h Hold) bool { return h.Type != "" })
}

// pausedBy returns the pattern by which a type is paused, or nothing.
func pausedBy(holds []Hold, typ string) string {
	for _, h := range holds {
		if h.Type != "" && symphony.PatternMatches(h.Type, typ) {
			return h.Type
		}
	}
	return ""
}

// pauses reports whether the types of a pattern are paused.
func pauses(holds []Hold, pattern string) bool {
	return slices.ContainsFunc(holds, func(h Hold) bool { return h.Type == pattern })
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
