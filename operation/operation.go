// Package operation does work in bulk in the background: failed messages that are retried or deleted by the thousand,
// completed ones that are dispatched again, waiting ones that are cancelled, edited or deleted, with progress, a rate,
// and a way to stop.
//
//	ops, err := operation.New(bus, operation.Options{})
//	op, err := ops.Start(ctx, operation.Request{Kind: operation.FailedRetry, Transport: "default", Filter: &operation.Filter{Type: "Mail"}})
//	err = ops.Run(ctx) // until ctx ends
//
// # Exactly once
//
// An operation is one record beside the messages of its transport. It is done in steps, each of which moves some
// messages and says so in the record, in one transaction (storage.Step). So an operation that is interrupted between
// any two moments is carried on from the step before: no message is moved twice, none is left out, and its counts are
// right.
//
// One process at a time works on an operation, under a lease that it renews. A process that is gone is noticed when the
// lease is over by the clock of whoever looks, or when the record has not changed while that one watched for as long.
// It does no harm to be wrong about it, or to have clocks that disagree: a step changes nothing where anybody else has
// changed the record since. For the same reason an operation is at a stand the moment Stop returns.
//
// Messages that have not ended are cancelled, edited and deleted some at a time, each in a transaction of its own, to
// which twice is like once: what was under way when a process died is done again, and counted once. Of those, up to 100
// may still be under way when Stop returns, if another process works on the operation.
//
// Messages that come, or fail, after an operation began are left alone. It ends when it has seen all others.
//
// # At once
//
// Do retries or deletes failed messages before it returns, by the same selections and steps, but keeps no record: what
// it has not done when its process ends is left undone.
package operation

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/triage"
)

// Kind is what an operation does.
type Kind string

// The kinds.
const (
	FailedRetry    Kind = "failed.retry"    // dispatches failed messages again
	FailedDelete   Kind = "failed.delete"   // deletes failed messages
	MessagesReplay Kind = "messages.replay" // dispatches completed messages again
	MessagesCancel Kind = "messages.cancel" // cancels messages that wait or are in hand
	MessagesEdit   Kind = "messages.edit"   // changes messages that wait
	MessagesDelete Kind = "messages.delete" // deletes messages that wait
)

// Kinds are all kinds.
func Kinds() []Kind {
	return []Kind{FailedRetry, FailedDelete, MessagesReplay, MessagesCancel, MessagesEdit, MessagesDelete}
}

// OfMessages reports whether a kind selects messages in the order of their dispatch, not dead letters.
func (k Kind) OfMessages() bool { return k == MessagesReplay || k.steers() }

// State is where an operation is.
type State string

// The states.
const (
	Running   State = "running" // or waiting for a process that works on it
	Stopped   State = "stopped" // by Stop; Resume goes on
	Completed State = "completed"
	Failed    State = "failed" // cannot go on; Resume tries again
)

// Limits and defaults.
const (
	// MaxIDs bounds the ids of one operation.
	MaxIDs = 10_000
	// MaxRate bounds Request.Rate.
	MaxRate = 100_000
	// MaxPage is the most operations that one page may hold; DefaultPage is what it holds unasked.
	MaxPage     = 200
	DefaultPage = 50
	// DefaultRetention is how long an operation that is not running any more is remembered, unless more than
	// maxFinished are.
	DefaultRetention = 7 * 24 * time.Hour
	maxFinished      = 1000
	// DefaultLease is how long a process that is gone is waited for.
	DefaultLease = 5 * time.Second
	// DefaultPoll is how often a process looks for operations while there are any that run. While there are none, it
	// looks after each DefaultLease.
	DefaultPoll = time.Second
	// concurrency is how many operations one process works on at a time.
	concurrency = 8
	// stepMessages is how many messages one step moves at most: enough to be fast, few enough that dispatches and
	// workers are not held up.
	stepMessages = 500
)

// Operation is work in bulk, as it stands.
type Operation struct {
	ID        string `json:"id"`
	Kind      Kind   `json:"kind"`
	State     State  `json:"state"`
	Transport string `json:"transport"`
	// Filter is nil for an operation on Selected ids.
	Filter   *symphony.MessageFilter `json:"filter,omitempty"`
	Selected int                     `json:"selected,omitempty"`
	// Ahead is how many failed messages, which a clock that was set back had dated ahead, are moved after those that
	// Filter selects.
	Ahead int `json:"ahead,omitempty"`
	Rate  int `json:"rate,omitempty"`
	// Patch corrects the payloads of a FailedRetry; nil for none.
	Patch json.RawMessage `json:"patch,omitempty"`
	// Set is what a MessagesEdit changes, Reason why a MessagesCancel cancels.
	Set    *Set   `json:"set,omitempty"`
	Reason string `json:"reason,omitempty"`
	// Total is how many messages there were at the beginning, nil while they are counted; never less than Done and
	// Skipped together.
	Total *int64 `json:"total,omitempty"`
	// Done counts the messages moved, Skipped those that were not there any more, not completed, or refused.
	Done    int64 `json:"done"`
	Skipped int64 `json:"skipped"`
	// Cursor is how far it has come: an id of a message, or how many of the ids.
	Cursor string `json:"cursor,omitempty"`
	// InHand are the messages that it is about to cancel, edit or delete, or may have, and has not counted yet.
	InHand []string `json:"inHand,omitempty"`
	// Error is what holds it up or ended it, Refused why the latest message that was refused was.
	Error   string `json:"error,omitempty"`
	Refused string `json:"refused,omitempty"`
	By      string `json:"by,omitempty"`
	// CreatedAt is when it was asked for, StartedAt when the first step was begun, UpdatedAt the latest change,
	// FinishedAt when it was stopped, completed or failed. They are on the clock of whoever made the change.
	CreatedAt  time.Time `json:"createdAt"`
	StartedAt  time.Time `json:"startedAt,omitzero"`
	UpdatedAt  time.Time `json:"updatedAt"`
	FinishedAt time.Time `json:"finishedAt,omitzero"`
	// Owner is the process that works on it and Node its name for people, empty for none; LeasedUntil is when to give
	// it up.
	Owner       string    `json:"owner,omitempty"`
	Node        string    `json:"node,omitempty"`
	LeasedUntil time.Time `json:"leasedUntil,omitzero"`
	// Version counts the changes, so that no two states of the record are alike.
	Version int64 `json:"version"`
	// DecodeErr is set in a list for an operation whose record cannot be read, be it damaged or of a release to come.
	// Then only ID is known.
	DecodeErr error `json:"-"`
}

// Request asks for an operation.
type Request struct {
	Kind      Kind
	Transport string
	// IDs, 1 to MaxIDs, are those of failed messages, or for the other kinds of messages; or Filter selects them. One
	// of the two is given. The status that the kind means need not be given.
	IDs    []string
	Filter *symphony.MessageFilter
	// All confirms that a zero filter is meant, which selects everything. FailedDelete and MessagesDelete need it, so
	// that a filter that was made of nothing by mistake deletes nothing.
	All bool
	// Rate bounds how many messages are moved in a second, 1 to MaxRate. 0: as many as storage takes.
	Rate int
	By   string // who asks
	// Patch is a JSON merge patch (RFC 7396) of the payloads, of a FailedRetry only. Messages whose payload would be
	// refused with it stay in the dead letter queue and count as skipped.
	Patch json.RawMessage
	// Edit is what a MessagesEdit changes. It is checked with each message as at its dispatch: those that it would
	// spoil stay as they are and count as skipped.
	Edit *symphony.MessageEdit
	// Reason says why a MessagesCancel cancels, up to symphony.MaxReasonLength bytes.
	Reason string
}

// query selects what an operation of a kind is about.
func query(kind Kind, f symphony.MessageFilter) symphony.MessageQuery {
	q := symphony.MessageQuery{MessageFilter: f, ByFailure: !kind.OfMessages()}
	if q.AllStatuses() == nil {
		if q.Statuses = kind.statuses(); len(q.Statuses) == 1 {
			q.Status, q.Statuses = q.Statuses[0], nil
		}
	}
	return q.WithDefaults()
}

// Problems returns every problem of a request.
func (r *Request) Problems() (list []symphony.Problem) {
	bad := func(path, format string, args ...any) {
		list = append(list, symphony.Problem{Path: path, Message: fmt.Sprintf(format, args...)})
	}
	if !slices.Contains(Kinds(), r.Kind) {
		bad("kind", "must be one of %v", Kinds())
	}
	switch {
	case r.IDs != nil && r.Filter != nil:
		bad("filter", "must not be given with ids")
	case r.IDs == nil && r.Filter == nil:
		bad("ids", "ids or filter is required; an empty filter selects everything")
	case r.Filter == nil && (len(r.IDs) == 0 || len(r.IDs) > MaxIDs):
		bad("ids", "must have 1 to %d entries", MaxIDs)
	}
	if r.IDs == nil && r.Filter != nil && r.Filter.SelectsAll() && !r.All {
		switch r.Kind {
		case FailedDelete:
			bad("all", "must be true to delete every failed message: the filter is empty")
		case MessagesDelete:
			bad("all", "must be true to delete every message that waits: the filter is empty")
		}
	}
	if f := r.Filter; f != nil {
		q := query(r.Kind, *f)
		list = append(list, q.Problems("filter.")...)
		for _, s := range q.AllStatuses() {
			if r.Kind.OfMessages() && !slices.Contains(r.Kind.statuses(), s) {
				bad("filter.status", "must be %s for %s, is %s", either(r.Kind.statuses()), r.Kind, s)
			}
		}
	}
	if r.Patch != nil {
		if _, err := triage.ParsePatch(r.Patch); err != nil {
			bad("patch", "%v", err)
		} else if r.Kind != FailedRetry {
			bad("patch", "is for a retry")
		}
	}
	r.steerProblems(bad)
	if r.Rate < 0 || r.Rate > MaxRate {
		bad("rate", "must be 1 to %d", MaxRate)
	}
	return list
}

// either has statuses as a sentence has them.
func either(list []symphony.Status) string {
	texts := make([]string, len(list))
	for i, s := range list {
		texts[i] = string(s)
	}
	return strings.Join(texts, " or ")
}

func (r *Request) validate() error {
	if list := r.Problems(); len(list) > 0 {
		return &symphony.ValidationError{Problems: list}
	}
	return nil
}

// StateError says that an operation is not in a state in which it could be stopped or resumed. It matches
// symphony.ErrConflict.
type StateError struct {
	ID    string
	State State
}

func (e *StateError) Error() string { return fmt.Sprintf("operation %s is %s", e.ID, e.State) }

// Is reports whether target is symphony.ErrConflict.
func (e *StateError) Is(target error) bool { return target == symphony.ErrConflict }
