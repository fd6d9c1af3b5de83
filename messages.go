package symphony

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Status is where a message is. It is in exactly one of these at a time.
type Status string

// The statuses.
const (
	Pending    Status = "pending"    // ready, scheduled for later, waiting for a retry or before a gate
	Processing Status = "processing" // leased to a worker
	Completed  Status = "completed"  // handled, and still kept
	Failed     Status = "failed"     // in the dead letter queue
	Cancelled  Status = "cancelled"  // by request, and still kept
)

// Statuses are all statuses, in the order of a message's life.
func Statuses() []Status { return []Status{Pending, Processing, Completed, Failed, Cancelled} }

// MessageInfo is everything that a storage knows about one message, whatever its status.
type MessageInfo struct {
	Envelope
	Status Status
	// Deliveries counts how often the message was handed to a worker, the time that it is in hand included. Those
	// from which it was given back (Release) are not counted.
	Deliveries int
	// AvailableAt is when a pending message is ready: in the past for one that waits for a worker or before a gate.
	// Zero for others.
	AvailableAt time.Time
	// Gate is before what a pending message waits: a limit, the pause of its type, or its group's line. Empty for one
	// that is ready or waits for its time alone. Package flow says what it means.
	Gate string
	// Worker has the message in hand, has completed it, or had it when it was cancelled. StartedAt is when it got, or
	// for a completed message began, it; if that was not told, when it got it. Both are zero for other messages.
	Worker    string
	StartedAt time.Time
	// LeasedUntil is when the lease of a message in hand ends.
	LeasedUntil time.Time
	// FinishedAt is when the message was completed, was cancelled or failed for good.
	FinishedAt time.Time
	// Cancel is the request to cancel the message: of one that is cancelled, and of one in hand whose worker has not
	// ended yet.
	Cancel *Cancellation
	// FailedID is the id of a failed message in the dead letter queue. Error and ErrorClass say why it is there,
	// MaxRetries is how many retries its policy allowed, and Done names the handlers that had succeeded: a retry does
	// not run them again. All five are zero for messages that have not failed.
	FailedID   string
	Error      string
	ErrorClass string
	MaxRetries int
	Done       []string
	// FailureGroup is the group of the failure; see package triage. Empty where it is not known yet.
	FailureGroup string
	// Output is what the handlers of a completed message have left. OutputError says why there is none although there
	// should be, such as OutputTooLarge.
	Output      json.RawMessage
	OutputError string
	// Progress is what the latest attempt has told of itself, nil where it has told nothing. Only what is asked for by
	// ID has it, and logs.
	Progress *ProgressState
	// Log is what the attempt has kept that is under way or was cancelled, or where logs are kept of every attempt, the
	// one that completed the message.
	Log []string
	// Attempts are those that did not succeed, oldest first.
	Attempts []Attempt
	// DecodeErr is set where part of what is stored could not be read, and is left out.
	DecodeErr error
	// Omitted is nil unless a page has left out payload, metadata, headers, output and attempts.
	Omitted *Omitted
}

// Omitted says what a page has left out of one row: how many bytes of payload, metadata, headers and output, each as it
// is stored, and how many attempts.
type Omitted struct {
	Payload, Metadata, Headers, Output, Attempts int
}

// Retries is how many attempts the message has had after its first one.
func (m *MessageInfo) Retries() int { return max(m.Deliveries-1, 0) }

// Attempt is one try at a message that did not succeed.
type Attempt struct {
	Number     int
	StartedAt  time.Time
	FinishedAt time.Time
	Worker     string
	Error      string
	ErrorClass string
	// RetryAt is when it was to be tried again; zero where it was not.
	RetryAt time.Time
	// Log is what it has kept with symphony.Logger or its like: its last lines.
	Log []string
}

// LostClass and LostText describe, in the history, an attempt whose lease ran out without a word from its worker.
const (
	LostClass = "worker_lost"
	LostText  = "the worker stopped without settling the message"
)

// EndsRemembered is how long it is remembered that a message has ended which is not kept.
const EndsRemembered = time.Minute

// MessageEnd is what is known of the end of a message.
type MessageEnd struct {
	ID, Queue string
	// Status is one that is final, or empty while the message has not ended.
	Status     Status
	FinishedAt time.Time // zero while it has not ended
	// Forgotten says that the message itself is not kept: this is all that is known of it.
	Forgotten bool
}

// MessageQuery asks for messages: in the order of their ids, which is that of their dispatch, or those that failed in
// the order of their failure.
type MessageQuery struct {
	MessageFilter
	// ByFailure asks for failed messages, in the order of their failure.
	ByFailure bool
	// Oldest lists the oldest message, or failure, first. Default: the newest.
	Oldest bool
	// ID asks for one message, which always has its body, and makes all else of the query void: by the message's id,
	// or with ByFailure by its FailedID.
	ID string
	// Transports, unless empty, are those whose messages are asked for, in place of the one that is asked. They have
	// the same Capabilities.Storage. Messages sets it.
	Transports []string
	// Limit is 1 to MaxMessagePage, default DefaultMessagePage.
	Limit int
	// Offset skips that many, ByFailure only. Deep lists are read faster with After, which wins over it.
	Offset int
	// After continues behind the message with this id, or with ByFailure this FailedID, which need not exist any more.
	// Empty: from the first.
	After string
	// Scan bounds how many messages are looked at, so that a page costs the same however many messages there are and
	// however few match. 1 to MaxMessageScan, default that. ByFailure, it bounds searches for a text without Total.
	Scan int
	// Bytes is what the bodies of the page may have before further messages come without; see MessageInfo.Omitted.
	// Default MaxPageBytes. With NoBodies no message has its body.
	Bytes int
	// Total has the page's Total counted, too, which may take longer than the page. ByFailure only.
	Total bool
	// CountOnly has the messages counted that match among the next Scan, by status, and none listed. Not with
	// ByFailure.
	CountOnly bool
}

// NoBodies is the Bytes of a query whose messages come without payload, metadata, headers and attempts.
const NoBodies = -1

// MessagePage is one page of messages.
type MessagePage struct {
	Messages []MessageInfo
	// Total is, with MessageQuery.Total, how many messages match the filter; with CountOnly, how many of those looked
	// at do.
	Total int64
	// Counts is, with CountOnly, Total by status.
	Counts map[Status]int64
	// Next is the After of the next page, empty where the last message has been looked at. A page may have fewer
	// messages than its limit, or none, and a Next: then nothing more was found in as many messages as may be looked
	// at.
	Next string
	// Indexed says that an index carries the query which Mark does not tell: of metadata that is configured.
	Indexed bool
	// RetriedAs is, for a query by ID that finds none, the id of the message that took its place when it was retried
	// out of the dead letter queue, for RetriedFor.
	RetriedAs string
}

// NextLimit is how many messages, at most limit, the next page should have so that its payloads do not fill the
// memory, if they are as large as this page's.
func (p *MessagePage) NextLimit(limit int) int {
	if len(p.Messages) == 0 {
		return limit
	}
	size := 0
	for i := range p.Messages {
		size += p.Messages[i].Size() + 1
	}
	return min(max(DefaultReceiveBytes/(size/len(p.Messages)+1), 1), limit)
}

// FailedMove takes one failed message out of the dead letter queue: for good, or to dispatch it again.
type FailedMove struct {
	ID string // the FailedID of the message
	// NewID is the id of the message that takes its place. Empty: none does, it is deleted.
	NewID string
	// Payload replaces that message's payload, unless nil.
	Payload json.RawMessage
}

// MessageStore is the part of a transport that shows and steers its messages, whatever their status. It is optional;
// see Capabilities.Messages. Applications use it through Bus.Messages and Bus.Failed. Methods are safe for concurrent
// use; those that read hold up neither dispatches nor workers.
type MessageStore interface {
	// ListMessages answers a query, which has been checked. Each answer is of one moment: a message that moves while
	// it is given is in it once. An unknown ID, also that of a message that is no longer kept, is an empty page.
	ListMessages(ctx context.Context, q MessageQuery) (MessagePage, error)
	// DeleteMessage deletes a pending message. Errors: ErrNotFound, *MessageStatusError where it is not pending. Its
	// idempotency key stays known.
	DeleteMessage(ctx context.Context, id string) error
	// CancelMessage cancels a message. A pending one leaves all that is known of waiting ones and is Cancelled, with
	// its idempotency key still known. One in hand stays Processing, with its places behind limits and in its group's
	// line, and is taken out of its delivery: whatever settles that ends the message as Cancelled and answers
	// ErrCancelled, Extend answers ErrCancelled and extends nothing, and at the end of the lease it is Cancelled, too.
	// Another call for it changes nothing. Where the storage implements storage.Cancels, workers are told. The error
	// is ErrNotFound, or a *MessageStatusError that wants Processing where the message is final.
	CancelMessage(ctx context.Context, id string, c Cancellation) (Status, error)
	// RunMessageNow makes a pending message that waits for its time ready, be it scheduled or to be retried. One that
	// is ready, or waits before a gate or in its group's line, is left as it is. Errors: ErrNotFound,
	// *MessageStatusError where it is not pending.
	RunMessageNow(ctx context.Context, id string) error
	// EditMessage changes a pending message, in one transaction: edit is given what is stored of it and changes
	// payload, metadata, priority, ScheduledAt, Flow.ExpiresAt, and what EncodeExtras keeps; all else must stay. It
	// only computes, may be called several times, and what it refuses is the error. The message waits for the time that
	// it had, or its new ScheduledAt; what was tried stays counted. Errors: ErrNotFound, *MessageStatusError where it
	// is not pending.
	EditMessage(ctx context.Context, id string, edit func(*Envelope) error) error
	// MoveFailed takes messages out of the dead letter queue, in one transaction, and returns how many. One with a
	// NewID leaves a new message in its place, with the same type, payload, metadata, headers, queue, priority and
	// idempotency key, ready now, with no attempts counted and the same handlers done; idempotency keys are not
	// checked. Unknown ids are left out.
	MoveFailed(ctx context.Context, moves []FailedMove) (done int, err error)
	// NoteMessages keeps what is told of messages in hand with their attempts, until the messages are forgotten, and
	// shows it by MessageInfo.AddNote. The result is as that of Transport.Settle. What is kept of a log is AppendLog's.
	NoteMessages(ctx context.Context, notes []Note) []error
	// MessageEnds tells which of some messages are known, and which of them have ended. It is asked a few times a
	// second for all that are waited for together, so it looks at these alone, and in one go. Unknown ids are left out.
	// Where completed messages are not kept, that they have ended is remembered for EndsRemembered.
	MessageEnds(ctx context.Context, ids []string) ([]MessageEnd, error)
}

// MessageStatusError says that a message has not the status that was asked for. It matches ErrConflict.
type MessageStatusError struct {
	ID     string
	Status Status // that it has
	Want   Status // that it should have; empty means Pending, Processing that or Pending
}

func (e *MessageStatusError) Error() string {
	if e.Want == Processing {
		return fmt.Sprintf("message %s is %s, which is final", e.ID, e.Status)
	}
	return fmt.Sprintf("message %s is %s, not %s", e.ID, e.Status, cmp.Or(e.Want, Pending))
}

// Is reports whether target is ErrConflict.
func (e *MessageStatusError) Is(target error) bool { return target == ErrConflict }

// WithDefaults returns q with the defaults for what it does not give. Storages call it first.
func (q MessageQuery) WithDefaults() MessageQuery {
	if q.Limit == 0 {
		q.Limit = DefaultMessagePage
	}
	if q.Scan == 0 {
		q.Scan = MaxMessageScan
	}
	if q.Bytes == 0 {
		q.Bytes = MaxPageBytes
	}
	return q
}

// Messages looks after the messages of one transport, or of all: those that are waiting, in hand, completed and kept,
// or failed. Safe for concurrent use.
type Messages struct {
	bus        *Bus
	store      MessageStore
	transports []string // of the store, whose messages these are
	clock      Clock    // the storage's
	owner      string   // whose messages these are; empty: all
	// parts are the messages of all transports, by storage; then there is no store.
	parts []*Messages
	waits *waits // of the one transport, for the ends of messages
}

// Of returns the messages that carry a DispatchedBy, which must not be empty, as if there were no others: those are not
// listed, counted or found.
func (m *Messages) Of(dispatchedBy string) *Messages {
	of := *m
	of.owner, of.parts = dispatchedBy, nil
	for _, part := range m.parts {
		of.parts = append(of.parts, part.Of(dispatchedBy))
	}
	return &of
}

// own narrows a filter to the messages that these are.
func (m *Messages) own(f MessageFilter) (own MessageFilter, none bool) {
	if m.owner == "" {
		return f, false
	}
	none = f.DispatchedBy != "" && f.DispatchedBy != m.owner
	f.DispatchedBy = m.owner
	return f, none
}

// at returns the messages of the one transport that has a message, which must be one of these. Whose a message is, and
// where, never changes.
func (m *Messages) at(ctx context.Context, id string) (*Messages, error) {
	one := len(m.transports) == 1
	if one && m.owner == "" {
		return m, nil
	}
	info, err := m.Get(ctx, id)
	if err != nil || one {
		return m, err
	}
	at, err := m.bus.Messages(info.Transport)
	if err == nil && m.owner != "" {
		at = at.Of(m.owner)
	}
	return at, err
}

// Messages returns the messages of a transport, or with an empty name those of all transports that show them, in one
// order. Errors: an *UnknownTransportError, or ErrUnsupported where the transport does not show them.
func (b *Bus) Messages(transport string) (*Messages, error) {
	if transport == "" {
		return b.allMessages()
	}
	t, err := b.Transport(transport)
	if err != nil {
		return nil, err
	}
	store, ok := t.(MessageStore)
	if !ok || !t.Capabilities().Messages {
		return nil, fmt.Errorf("transport %q does not show its messages: %w", transport, ErrUnsupported)
	}
	return &Messages{bus: b, store: store, transports: []string{transport}, clock: b.clocks[transport],
		waits: b.waits[transport]}, nil
}

// allMessages returns the messages of all transports that show them, a part for each storage.
func (b *Bus) allMessages() (*Messages, error) {
	all := &Messages{bus: b}
	byStorage := make(map[any]*Messages)
	for _, name := range b.Names() {
		m, err := b.Messages(name)
		if errors.Is(err, ErrUnsupported) {
			continue
		}
		if err != nil {
			return nil, err
		}
		storage := m.store.(Transport).Capabilities().Storage
		if part := byStorage[storage]; part != nil && storage != nil {
			part.transports = append(part.transports, name)
			continue
		}
		byStorage[storage] = m
		all.parts = append(all.parts, m)
	}
	switch len(all.parts) {
	case 0:
		return nil, fmt.Errorf("no transport shows its messages: %w", ErrUnsupported)
	case 1:
		return all.parts[0], nil
	}
	return all, nil
}

// List returns a page. What is out of range is a *ValidationError; the path of After is "cursor", of Text "q".
func (m *Messages) List(ctx context.Context, q MessageQuery) (MessagePage, error) {
	q = q.WithDefaults()
	if problems := q.Problems(""); len(problems) > 0 {
		return MessagePage{}, &ValidationError{problems}
	}
	var none bool
	if q.MessageFilter, none = m.own(q.MessageFilter); none {
		return MessagePage{}, nil
	}
	return m.list(ctx, q)
}

// list answers a query, which has been checked.
func (m *Messages) list(ctx context.Context, q MessageQuery) (MessagePage, error) {
	if m.parts != nil {
		return m.merged(ctx, q)
	}
	if len(m.transports) > 1 {
		q.Transports = m.transports
	}
	return m.store.ListMessages(ctx, q)
}

// Count counts all messages that match a filter. It looks at every message that the filter's times and status leave, in
// several steps, and ends early with ctx: then the error is ctx's, and the count that of the messages looked at so far.
func (m *Messages) Count(ctx context.Context, f MessageFilter) (int64, error) {
	var total int64
	for _, part := range m.parts {
		n, err := part.Count(ctx, f)
		if total += n; err != nil {
			return total, err
		}
	}
	if m.parts != nil {
		return total, nil
	}
	for q := (MessageQuery{MessageFilter: f, CountOnly: true}); ; {
		page, err := m.List(ctx, q)
		if total += page.Total; err != nil || page.Next == "" {
			return total, err
		}
		q.After = page.Next
	}
}

// Get returns one message, ErrNotFound, or a *RetriedError.
func (m *Messages) Get(ctx context.Context, id string) (MessageInfo, error) {
	return m.one(ctx, MessageQuery{ID: id})
}

// one returns the message that a query by ID finds, or ErrNotFound.
func (m *Messages) one(ctx context.Context, q MessageQuery) (MessageInfo, error) {
	var page MessagePage
	if ValidID(q.ID) {
		var err error
		if page, err = m.list(ctx, q.WithDefaults()); err != nil {
			return MessageInfo{}, err
		}
	}
	if len(page.Messages) == 0 && page.RetriedAs != "" {
		return MessageInfo{}, m.retried(ctx, q.ID, page.RetriedAs)
	}
	if len(page.Messages) == 0 || m.owner != "" && page.Messages[0].DispatchedBy != m.owner {
		return MessageInfo{}, fmt.Errorf("message %s: %w", q.ID, ErrNotFound)
	}
	return page.Messages[0], nil
}

// Delete deletes a pending message. Errors: ErrNotFound, *MessageStatusError.
func (m *Messages) Delete(ctx context.Context, id string) error {
	at, err := m.at(ctx, id)
	if err != nil {
		return err
	}
	return at.store.DeleteMessage(ctx, id)
}

// RunNow drops the delay of a pending message. Errors: ErrNotFound, *MessageStatusError.
func (m *Messages) RunNow(ctx context.Context, id string) error {
	at, err := m.at(ctx, id)
	if err != nil {
		return err
	}
	return at.store.RunMessageNow(ctx, id)
}

// Problems returns what is wrong with a query, which has its defaults. Paths begin with prefix; that of After is
// "cursor", of Text "q".
func (q *MessageQuery) Problems(prefix string) []Problem {
	p := problems{prefix: prefix}
	if q.Limit < 1 || q.Limit > MaxMessagePage {
		p.add("limit", "must be 1 to %d", MaxMessagePage)
	}
	if q.Scan < 1 || q.Scan > MaxMessageScan {
		p.add("scan", "must be 1 to %d", MaxMessageScan)
	}
	if q.Bytes < 1 && q.Bytes != NoBodies {
		p.add("bytes", "must be at least 1")
	}
	if q.Offset < 0 {
		p.add("offset", "must be at least 0")
	}
	if !q.ByFailure && (q.Offset != 0 || q.Total) || q.ByFailure && q.CountOnly {
		p.add("order", "offset and total are for the order of failure, a count alone is for the order of dispatch")
	}
	q.problems(&p, q.ByFailure)
	if q.After != "" && !ValidID(q.After) {
		what := "a message"
		if q.ByFailure {
			what = "a failed message"
		}
		p.add("cursor", "must be the id of %s", what)
	}
	return p.list
}

// Whole cuts the page of a query before the first message that came without its body; its Next goes on there. The first
// message of a page always has its body, unless the query says NoBodies.
func (p *MessagePage) Whole(q *MessageQuery) {
	for i := 1; i < len(p.Messages); i++ {
		if p.Messages[i].Omitted == nil {
			continue
		}
		last := p.Messages[i-1]
		if p.Messages, p.Next = p.Messages[:i], last.ID; q.ByFailure {
			p.Next = last.FailedID
		}
		return
	}
}
