// Package event tells what is noteworthy as it happens: messages that fail, workers that start and stop, what is
// paused, and the like. A [Recorder] writes events to a log of the storage, and a [Hub] follows that log for readers,
// so that a reader at one node sees what happens at all of them, and can go on where it stopped.
//
// Events are for people who watch and for programs that react; they are no queue. They are kept for a short time, and
// where too much happens at once some are left out, which an event of its own tells. None holds a payload.
package event

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/storage"
)

// LogName is the log of the storage that holds the events.
const LogName = "events"

// What is kept: the newest Keep events that are not older than KeepFor. It is deleted in arrears of up to trimInterval.
const (
	Keep         = 10_000
	KeepFor      = 24 * time.Hour
	trimInterval = 5 * time.Minute
)

// The types of events.
const (
	MessageFailed   = "message.failed"   // a message went to the dead letter queue
	MessageRetrying = "message.retrying" // an attempt failed and another one follows
	// These, and all of the two above, are told to readers who say of which messages; see Singles. They have no number.
	MessageDispatched = "message.dispatched"
	MessageProgress   = "message.progress"
	MessageCompleted  = "message.completed"
	MessageCancelled  = "message.cancelled"
	WorkerStarted     = "worker.started"
	WorkerStopped     = "worker.stopped"
	NodeStarted       = "node.started"
	NodeStopped       = "node.stopped"
	HoldChanged       = "hold.changed"      // something was paused, drained or resumed
	LimitChanged      = "limit.changed"     // a limit was set at run time, was deleted, or ended by itself
	OperationChanged  = "operation.changed" // work in bulk began, went on, or ended
	ScheduleFailed    = "schedule.failed"   // a schedule could not fire
	AlertFiring       = "alert.firing"
	AlertResolved     = "alert.resolved"
	Audit             = "audit"          // somebody did something; see package audit
	Dropped           = "events.dropped" // events that were left out, by type
)

// The types of events that readers get and that are not stored, and have no number.
const (
	Connected = "connected" // the first event of each connection, with the number that it continues behind
	Reset     = "reset"     // events were missed, because they are not kept any more
	Stats     = "stats"     // how many messages there are, every few seconds
)

// Types are all types, in the order in which the documentation has them.
func Types() []string {
	return []string{MessageFailed, MessageRetrying, MessageDispatched, MessageProgress, MessageCompleted, MessageCancelled,
		WorkerStarted, WorkerStopped, NodeStarted, NodeStopped, HoldChanged, LimitChanged, OperationChanged,
		ScheduleFailed, AlertFiring, AlertResolved, Audit, Dropped, Stats}
}

// MessageTypes are the types of events of single messages.
func MessageTypes() []string {
	return []string{
		MessageDispatched, MessageProgress, MessageRetrying, MessageCompleted, MessageFailed, MessageCancelled,
	}
}

// Event is one event.
type Event struct {
	Seq  int64 // 1, 2, 3, …; 0 of those that are not stored
	At   time.Time
	Type string
	Data json.RawMessage // an object
}

// Filter selects types. The zero value selects all.
type Filter struct {
	patterns []string
	of       string
}

// Of selects, of the events of f, those of messages that carry a DispatchedBy, and no others.
func (f Filter) Of(dispatchedBy string) Filter {
	f.of = dispatchedBy
	return f
}

// selects reports whether an event, encoded, is wanted.
func (f Filter) selects(e *Frame) bool { return f.Selects(e.Type) && (f.of == "" || f.of == e.By) }

// ParseFilter reads types, or patterns of them such as message.*, separated by commas. The error of one that selects
// nothing names the types there are.
func ParseFilter(s string) (Filter, error) {
	var f Filter
	if s == "" {
		return f, nil
	}
	for p := range strings.SplitSeq(s, ",") {
		p = strings.TrimSpace(p)
		one := Filter{patterns: []string{p}}
		if symphony.ValidatePattern(p) != nil || !slices.ContainsFunc(Types(), one.Selects) {
			return Filter{}, fmt.Errorf("%q is no type of event, nor a pattern of some; there are %s", p, strings.Join(Types(), ", "))
		}
		f.patterns = append(f.patterns, p)
	}
	return f, nil
}

// LogTypes are the types of events that readers without a filter of messages get.
func LogTypes() []string {
	return slices.DeleteFunc(Types(), func(typ string) bool {
		return typ != MessageFailed && typ != MessageRetrying && slices.Contains(MessageTypes(), typ)
	})
}

// SelectsAny reports whether events of one of some types are wanted.
func (f Filter) SelectsAny(types ...string) bool { return slices.ContainsFunc(types, f.Selects) }

// Patterns are the types, or patterns of them, that are wanted; none means all.
func (f Filter) Patterns() []string { return f.patterns }

// Selects reports whether events of a type are wanted. Connected and Reset always are.
func (f Filter) Selects(typ string) bool {
	if f.patterns == nil || typ == Connected || typ == Reset {
		return true
	}
	return slices.ContainsFunc(f.patterns, func(p string) bool {
		prefix, isPrefix := strings.CutSuffix(p, "*")
		return p == typ || isPrefix && strings.HasPrefix(typ, prefix)
	})
}

func (f Filter) String() string { return strings.Join(f.patterns, ",") }

func of(e storage.Entry) Event { return Event{Seq: e.Seq, At: e.At, Type: e.Kind, Data: e.Data} }
