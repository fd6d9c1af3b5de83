package symphony

import (
	"cmp"
	"context"
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
)

// MessageInfo is everything that a storage knows about one message.
type MessageInfo struct {
	Envelope
	Status Status
	// Deliveries counts how often the message was handed to a worker, the time that it is in hand included. Those from which
	// it was given back (Release) are not counted.
	Deliveries int
	// AvailableAt is when a pending message is ready: in the past for one that waits for a worker or before a gate. Zero
	// for others.
	AvailableAt time.Time
	// Worker has the message in hand, or has completed it. StartedAt is when it got, or for a completed message began, it;
	// if that was not told, when it got it. Both are zero for pending and failed messages.
	Worker    string
	StartedAt time.Time
	// LeasedUntil is when the lease of a message in hand ends.
	LeasedUntil time.Time
	// FinishedAt is when the message was completed or failed for good.
	FinishedAt time.Time
	// FailedID is the id of a failed message in the dead letter queue, Error and ErrorClass say why it is there.
	FailedID   string
	Error      string
	ErrorClass string
	// Attempts are those that did not succeed, oldest first.
	Attempts []Attempt
	// DecodeErr is set where part of what is stored could not be read, and is left out.
	DecodeErr error
	// Omitted is nil unless a page has left out payload, metadata, headers and attempts.
	Omitted *Omitted
}

// Omitted says what a page has left out of one row: how many bytes of payload, metadata and headers, each as it is stored,
// and how many attempts.
type Omitted struct {
	Payload, Metadata, Headers, Attempts int
}

// MessageFilter selects messages of one transport. Zero fields select everything.
type MessageFilter struct {
	Status   Status
	Queue    string
	Type     string // exact
	Priority int
	// Since and Until, unless zero, select messages with a CreatedAt at or after, and before. Messages with an id that tells
	// another time than their CreatedAt, by more than MaxIDSkew, may be left out; a Bus makes none.
	Since time.Time
	Until time.Time
	// Text is searched for, ignoring ASCII case, in type, payload, metadata and headers, each as it is stored. Every
	// character is literal.
	Text string
	// DispatchedBy is who had the message dispatched, exact. Storages have an index of it: only his are looked at.
	DispatchedBy string
	// ScheduledAfter, unless zero, selects messages with a ScheduledAt after it.
	ScheduledAfter time.Time
}

// MessageQuery asks for a page of messages, in the order of their ids, which is that of their dispatch.
type MessageQuery struct {
	MessageFilter
	// Oldest has the oldest message first. Default: the newest.
	Oldest bool
	// Limit is 1 to MaxMessagePage, default DefaultMessagePage.
	Limit int
	// After continues behind the message with this id, which need not exist any more. Empty: from the first.
	After string
	// Scan bounds how many messages are looked at, so that a page costs the same however many messages there are and
	// however few match. 1 to MaxMessageScan, default that.
	Scan int
	// Bytes is what the bodies of the page may have before further messages come without; see MessageInfo.Omitted.
	// Default MaxPageBytes.
	Bytes int
}

// MessagePage is one page of messages.
type MessagePage struct {
	Messages []MessageInfo
	// Next is the After of the next page, empty where the last message has been looked at. A page may have fewer messages
	// than its limit, or none, and a Next: then nothing more was found in as many messages as may be looked at.
	Next string
}

// NextLimit is how many messages, at most limit, the next page should have so that its payloads do not fill the memory, if
// they are as large as this page's.
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

// MessageCount is how many of the messages looked at match a query.
type MessageCount struct {
	Count int64
	// Next is the After of the query that goes on, empty where the last message has been looked at.
	Next string
}

// MessageStore is the part of a transport that shows its messages. It is optional; see Capabilities.Messages.
// Applications use it through Bus.Messages. Each answer is of one moment: a message that moves while it is given is in it
// once. Methods are safe for concurrent use and hold up neither dispatches nor workers.
type MessageStore interface {
	// ListMessages returns a page. Messages has checked the query.
	ListMessages(ctx context.Context, q MessageQuery) (MessagePage, error)
	// CountMessages counts the messages that match q among the next q.Scan. It takes no account of q.Limit.
	CountMessages(ctx context.Context, q MessageQuery) (MessageCount, error)
	// GetMessage returns ErrNotFound for an unknown id, also that of a message that is no longer kept.
	GetMessage(ctx context.Context, id string) (MessageInfo, error)
	// DeleteMessage deletes a pending message. Errors: ErrNotFound, *MessageStatusError where it is not pending. Its
	// idempotency key stays known.
	DeleteMessage(ctx context.Context, id string) error
	// RunMessageNow makes a pending message that waits for its time ready, be it scheduled or to be retried. One that is
	// ready, or waits before a gate or in its group's line, is left as it is. Errors: ErrNotFound, *MessageStatusError
	// where it is not pending.
	RunMessageNow(ctx context.Context, id string) error
}

// MessageStatusError says that a message has not the status that was asked for. It matches ErrConflict.
type MessageStatusError struct {
	ID     string
	Status Status // that it has
	Want   Status // that it should have; empty means Pending
}

func (e *MessageStatusError) Error() string {
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

// TimelineKind is what happened to a message.
type TimelineKind string

// The kinds.
const (
	TimelineDispatched TimelineKind = "dispatched"
	TimelineScheduled  TimelineKind = "scheduled" // when it was to be ready
	TimelineStarted    TimelineKind = "started"   // an attempt
	TimelineFailed     TimelineKind = "failed"    // an attempt
	TimelineRetry      TimelineKind = "retry"     // when it is, or was, to be tried again
	TimelineCompleted  TimelineKind = "completed"
	TimelineDead       TimelineKind = "dead" // went to the dead letter queue
)

// TimelineEntry is one thing that happened, or will, to a message.
type TimelineEntry struct {
	At         time.Time
	Kind       TimelineKind
	Attempt    int    // 0 where the entry is not of an attempt
	Worker     string // of started, failed, completed
	Error      string // of failed, dead
	ErrorClass string
}

// Timeline tells the message's story so far, in its order: dispatched, each attempt with its worker, start, end, error and
// next try, and how it was settled.
func (m *MessageInfo) Timeline() []TimelineEntry {
	list := []TimelineEntry{{At: m.CreatedAt, Kind: TimelineDispatched}}
	if m.ScheduledAt.After(m.CreatedAt) {
		list = append(list, TimelineEntry{At: m.ScheduledAt, Kind: TimelineScheduled})
	}
	last := 0
	for _, a := range m.Attempts {
		last = a.Number
		if !a.StartedAt.IsZero() {
			list = append(list, TimelineEntry{At: a.StartedAt, Kind: TimelineStarted, Attempt: a.Number, Worker: a.Worker})
		}
		list = append(list, TimelineEntry{At: a.FinishedAt, Kind: TimelineFailed, Attempt: a.Number, Worker: a.Worker, Error: a.Error, ErrorClass: a.ErrorClass})
		if !a.RetryAt.IsZero() {
			list = append(list, TimelineEntry{At: a.RetryAt, Kind: TimelineRetry, Attempt: a.Number})
		}
	}
	switch m.Status {
	case Processing:
		list = append(list, TimelineEntry{At: m.StartedAt, Kind: TimelineStarted, Attempt: m.Deliveries, Worker: m.Worker})
	case Completed:
		if !m.StartedAt.IsZero() {
			list = append(list, TimelineEntry{At: m.StartedAt, Kind: TimelineStarted, Attempt: m.Deliveries, Worker: m.Worker})
		}
		list = append(list, TimelineEntry{At: m.FinishedAt, Kind: TimelineCompleted, Attempt: m.Deliveries, Worker: m.Worker})
	case Failed:
		list = append(list, TimelineEntry{At: m.FinishedAt, Kind: TimelineDead, Attempt: last, Error: m.Error, ErrorClass: m.ErrorClass})
	}
	return list
}

// Messages looks after the messages of one transport: all that are waiting, in hand, completed and kept, or failed. Safe
// for concurrent use.
type Messages struct {
	bus   *Bus
	store MessageStore
	owner string // whose messages these are; empty: all
}

// Of returns the messages that carry a DispatchedBy, which must not be empty, as if there were no others: those are not
// listed, counted or found.
func (m *Messages) Of(dispatchedBy string) *Messages {
	return &Messages{bus: m.bus, store: m.store, owner: dispatchedBy}
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

// check is ErrNotFound for the id of a message that is not one of these. Whose a message is never changes.
func (m *Messages) check(ctx context.Context, id string) error {
	if m.owner == "" {
		return nil
	}
	_, err := m.Get(ctx, id)
	return err
}

// Messages returns the messages of a transport, an *UnknownTransportError, or ErrUnsupported where the transport does not
// show them.
func (b *Bus) Messages(transport string) (*Messages, error) {
	t, err := b.Transport(transport)
	if err != nil {
		return nil, err
	}
	store, ok := t.(MessageStore)
	if !ok || !t.Capabilities().Messages {
		return nil, fmt.Errorf("transport %q does not show its messages: %w", transport, ErrUnsupported)
	}
	return &Messages{bus: b, store: store}, nil
}

// List returns a page. What is out of range is a *ValidationError; the path of After is "cursor", of Text "q".
func (m *Messages) List(ctx context.Context, q MessageQuery) (MessagePage, error) {
	q = q.WithDefaults()
	if err := q.validate(); err != nil {
		return MessagePage{}, err
	}
	var none bool
	if q.MessageFilter, none = m.own(q.MessageFilter); none {
		return MessagePage{}, nil
	}
	return m.store.ListMessages(ctx, q)
}

// Count counts all messages that match a filter. It looks at every message that the filter's times and status leave, in
// several steps, and ends early with ctx: then the error is ctx's, and the count that of the messages looked at so far.
func (m *Messages) Count(ctx context.Context, f MessageFilter) (int64, error) {
	q := MessageQuery{MessageFilter: f}.WithDefaults()
	if err := q.validate(); err != nil {
		return 0, err
	}
	var none bool
	if q.MessageFilter, none = m.own(q.MessageFilter); none {
		return 0, nil
	}
	var total int64
	for {
		c, err := m.store.CountMessages(ctx, q)
		if err != nil {
			return total, err
		}
		total += c.Count
		if c.Next == "" {
			return total, nil
		}
		q.After = c.Next
	}
}

// Get returns one message, or ErrNotFound.
func (m *Messages) Get(ctx context.Context, id string) (MessageInfo, error) {
	info, err := m.store.GetMessage(ctx, id)
	if err == nil && m.owner != "" && info.DispatchedBy != m.owner {
		return MessageInfo{}, fmt.Errorf("message %s: %w", id, ErrNotFound)
	}
	return info, err
}

// Delete deletes a pending message. Errors: ErrNotFound, *MessageStatusError.
func (m *Messages) Delete(ctx context.Context, id string) error {
	if err := m.check(ctx, id); err != nil {
		return err
	}
	return m.store.DeleteMessage(ctx, id)
}

// RunNow drops the delay of a pending message. Errors: ErrNotFound, *MessageStatusError.
func (m *Messages) RunNow(ctx context.Context, id string) error {
	if err := m.check(ctx, id); err != nil {
		return err
	}
	return m.store.RunMessageNow(ctx, id)
}

// validate reports every problem of a query, which has its defaults.
func (q *MessageQuery) validate() error {
	var p problems
	if q.Limit < 1 || q.Limit > MaxMessagePage {
		p.add("limit", "must be 1 to %d", MaxMessagePage)
	}
	if q.Scan < 1 || q.Scan > MaxMessageScan {
		p.add("scan", "must be 1 to %d", MaxMessageScan)
	}
	if q.Bytes < 1 {
		p.add("bytes", "must be at least 1")
	}
	switch q.Status {
	case "", Pending, Processing, Completed, Failed:
	default:
		p.add("status", "must be %s, %s, %s or %s", Pending, Processing, Completed, Failed)
	}
	if q.Priority != 0 && (q.Priority < MinPriority || q.Priority > MaxPriority) {
		p.add("priority", "must be %d to %d", MinPriority, MaxPriority)
	}
	p.list = append(p.list, RangeProblems("", q.Since, q.Until)...)
	for _, text := range []struct{ path, value string }{{"queue", q.Queue}, {"type", q.Type}, {"q", q.Text}, {"dispatchedBy", q.DispatchedBy}} {
		p.filter(text.path, text.value)
	}
	if q.After != "" && !ValidID(q.After) {
		p.add("cursor", "must be the id of a message")
	}
	if len(p.list) > 0 {
		return &ValidationError{p.list}
	}
	return nil
}

// Whole cuts a page before the first message that came without its body; its Next goes on there. The first message of a
// page always has its body.
func (p *MessagePage) Whole() {
	for i := 1; i < len(p.Messages); i++ {
		if p.Messages[i].Omitted != nil {
			p.Messages, p.Next = p.Messages[:i], p.Messages[i-1].ID
			return
		}
	}
}
