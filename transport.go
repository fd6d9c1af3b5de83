package symphony

import (
	"context"
	"encoding/json"
	"time"
)

// Transport stores messages of one name ("default", "email") and hands them to workers. It is batch-native and plain:
// the Bus owns ids, defaults, routing and validation, the worker owns retry, timeouts and batching. Several transports
// may share one storage and are told apart by name.
//
// All methods are safe for concurrent use, and after Close return ErrClosed. Every transport passes the suite in
// transport/transporttest, which states the behaviour in executable form.
type Transport interface {
	// Name is the name that envelopes carry as Transport.
	Name() string

	// Send stores the envelopes, all or nothing, and returns when they are as durable as the transport gets. Receipts
	// stand in the order of the envelopes. The envelopes may be for any transport of the same Capabilities.Storage. An
	// envelope whose idempotency key is already known gets the receipt of the first message, marked Duplicate; if its
	// fingerprint differs, nothing is stored and the error is an *IdempotencyConflictError. Send keeps no reference to
	// the envelopes. The end of ctx is obeyed until the transaction begins, and then nothing was stored; later it is
	// not, so that the outcome is told. ErrOutcomeUnknown where the storage itself does not tell it; the envelopes are
	// never half stored.
	Send(ctx context.Context, envelopes []*Envelope) ([]Receipt, error)

	// Receive claims up to Max ready messages, counts the attempt and leases them to the caller. With nothing ready
	// it waits up to Wait and then returns none, without an error. Messages that were claimed are returned even if
	// ctx ends at that moment.
	Receive(ctx context.Context, o ReceiveOptions) ([]Delivery, error)

	// Settle ends deliveries. The result is nil if all were settled, else it has one entry for each settlement: nil,
	// ErrLeaseLost where the lease is gone (nothing changed), ErrCancelled where the message was cancelled meanwhile
	// (it is Cancelled by then, whatever the settlement says), or the storage's error: try again. After
	// ErrOutcomeUnknown a repeated Settle answers ErrLeaseLost where the first one took effect.
	Settle(ctx context.Context, settlements []Settlement) []error

	// Extend sets the leases to end d from now, d in [MinLease, MaxLease]. Errors as in Settle.
	Extend(ctx context.Context, leases []Lease, d time.Duration) []error

	// Stats counts this transport's messages. Its cost does not depend on how many there are.
	Stats(ctx context.Context) (Stats, error)

	// Capabilities says what the transport can do. It never changes.
	Capabilities() Capabilities

	// Close releases what the transport holds. Waiting receivers return ErrClosed. Transports that share a storage
	// are closed together.
	Close() error
}

// Capabilities are what a transport can do beyond taking messages. What is missing is refused with ErrUnsupported.
type Capabilities struct {
	// Storage identifies what holds the messages: transports with equal ones (compared with ==) take part in one
	// all-or-nothing Send. Nil: none does but this.
	Storage     any
	Durable     bool // survives the process
	Receive     bool // messages wait and are leased to workers
	Idempotency bool // keys are remembered
	Records     bool // implements storage.Records
	Flow        bool // heeds Envelope.Flow and limits, and implements flow.Control
	Terms       bool // heeds Envelope.Terms
	Schedules   bool // implements schedule.Store
	Messages    bool // keeps failed messages, and implements MessageStore
	Log         bool // implements storage.Log
	Steps       bool // implements storage.Steps
}

// Receipt tells what became of one dispatched message.
type Receipt struct {
	ID             string
	Transport      string
	Queue          string
	ScheduledAt    time.Time // zero: at once
	IdempotencyKey string
	// Duplicate says that the idempotency key was known: ID, Queue and ScheduledAt are those of the first message.
	Duplicate bool
	// Dropped says that a message with the same throttle key waits: ID, Queue and ScheduledAt are that one's.
	Dropped bool
	// Replaced is the id of the waiting message with the same debounce key that this one has taken the place of.
	Replaced string
	// Also holds the receipts of the further transports that the message's route names.
	Also []Receipt
}

// ReceiveOptions say what to claim. Zero values mean the defaults in limits.go.
type ReceiveOptions struct {
	// Queues limits the claim to these queues; none means all of the transport.
	Queues []string
	// Pushes says that the caller pushes messages to URLs of their own (Terms.URL). Without it those are left to others:
	// whoever cannot push them would handle them as what they are not.
	Pushes bool
	// Max is the most messages to return, 1 to MaxReceive, default DefaultReceiveMax.
	Max int
	// MaxBytes stops the claim before the payloads exceed it; one message is always returned. Default
	// DefaultReceiveBytes.
	MaxBytes int
	// MaxLost is the most messages to return of those that lost a worker before (Delivery.Lost > 0), so that a
	// message that kills its worker takes few others with it. Default 1.
	MaxLost int
	// Lease is how long the messages belong to the caller unless extended, MinLease to MaxLease, default DefaultLease.
	Lease time.Duration
	// Apart says that the worker is another process, which goes on when this one ends: the leases go on, too, and end
	// when their time is over. Else a transport on which one process works may give the messages back when that has
	// ended.
	Apart bool
	// Wait is how long to wait for a message when there is none. Default: not at all.
	Wait time.Duration
	// Worker names the caller in the attempts' history.
	Worker string
}

// WithDefaults returns o with every zero value replaced by its default and every value brought into its range.
// Transports call it first.
func (o ReceiveOptions) WithDefaults() ReceiveOptions {
	if o.Max == 0 {
		o.Max = DefaultReceiveMax
	}
	o.Max = min(max(o.Max, 1), MaxReceive)
	if o.MaxBytes <= 0 {
		o.MaxBytes = DefaultReceiveBytes
	}
	o.MaxLost = max(o.MaxLost, 1)
	if o.Lease == 0 {
		o.Lease = DefaultLease
	}
	o.Lease = min(max(o.Lease, MinLease), MaxLease)
	o.Wait = max(o.Wait, 0)
	return o
}

// Lease is the right to settle one delivery. It is opaque: only the transport that issued it understands it.
type Lease struct {
	MessageID string
	Token     string // fences: no two claims ever share one
	Index     int    // the delivery's place in its claim
}

// Delivery is a message in a worker's hands.
type Delivery struct {
	Envelope
	Lease Lease
	// Attempt counts deliveries, this one included: 1 is the first.
	Attempt int
	// Lost counts the earlier deliveries that ended without a word from their worker.
	Lost int
	// ClaimedAt and LeasedUntil are on the store's clock.
	ClaimedAt   time.Time
	LeasedUntil time.Time
	// Done names the handlers that succeeded in earlier attempts and must not run again.
	Done []string
	// DecodeErr is set when the stored message could not be decoded in full. Such a delivery can only be failed.
	DecodeErr error
}

// Outcome is how a delivery ends.
type Outcome int

const (
	// Ack: handled. The message is completed.
	Ack Outcome = iota + 1
	// Retry: back to its queue, ready after Settlement.Delay.
	Retry
	// Fail: to the dead letter queue.
	Fail
	// Release: back to its queue at its old place as if never claimed, or ready after Settlement.Delay; the attempt is
	// not counted.
	Release
	// Cancel is how a delivery ended whose message was cancelled meanwhile, as Observers are told. It settles nothing:
	// a message is cancelled by MessageStore.CancelMessage.
	Cancel
)

func (o Outcome) String() string {
	switch o {
	case Ack:
		return "ack"
	case Retry:
		return "retry"
	case Fail:
		return "fail"
	case Release:
		return "release"
	case Cancel:
		return "cancel"
	}
	return "unknown"
}

// Settlement ends one delivery.
type Settlement struct {
	Lease   Lease
	Outcome Outcome
	// Delay is how long a Retry, or a Release where it is not 0, waits from now, on the store's clock.
	Delay time.Duration
	// StartedAt and FinishedAt bound the attempt; Error and ErrorClass say why a Retry or Fail did not succeed.
	StartedAt  time.Time
	FinishedAt time.Time
	Error      string
	ErrorClass string
	// Done names the handlers that succeeded so far, unless all did.
	Done []string
	// Output is kept with a message that is acked, where it is kept itself: JSON that CheckOutput takes. OutputError
	// says in its place why there is none although there should be, such as OutputTooLarge.
	Output      json.RawMessage
	OutputError string
	// MaxRetries is what the policy allowed, kept with a Fail.
	MaxRetries int
	// Untried says that no handler was begun. A Fail is then no attempt: none is noted, and the message fails for what
	// Reason tells.
	Untried bool
}

// Reason is why a message fails whose last attempt was last, nil if there was none: for what Error says, or where the
// message was not tried again, for what its last attempt ended with, unless that lost its worker.
func (s *Settlement) Reason(last *Attempt) (text, class string) {
	if s.Untried && last != nil && last.ErrorClass != LostClass {
		return last.Error, last.ErrorClass
	}
	return s.Error, s.ErrorClass
}

// Retries is how many attempts a message has had after its first one, where this settles a delivery that was counted as
// an attempt.
func (s *Settlement) Retries(attempt int) int {
	if s.Untried {
		attempt--
	}
	return max(attempt-1, 0)
}

// Stats counts a transport's messages, in total and by queue.
type Stats struct {
	QueueStats
	Queues map[string]QueueStats
}

// QueueStats counts the messages of one queue. Every message is pending, processing, completed, failed or cancelled.
type QueueStats struct {
	Pending    int64 // ready, scheduled for later, or waiting for a retry
	Processing int64 // leased to a worker
	Completed  int64 // since the transport was created, also those no longer kept
	Failed     int64 // in the dead letter queue now
	Cancelled  int64 // since the transport was created, also those no longer kept
	Scheduled  int64 // those pending whose ScheduledAt is still ahead
	// OldestPendingAge is how long the oldest ready message has been ready.
	OldestPendingAge time.Duration
	// UnaskedSince is since when nobody has asked for messages of the queue by Receive, or since when that is known: of
	// other processes up to about ten seconds late. Zero where it is not known. It is told by queue only.
	UnaskedSince time.Time
	// UnpushedSince is the same of those who push messages to URLs of their own; see ReceiveOptions.Pushes.
	UnpushedSince time.Time
}

// Depth is what is not finished: pending and processing.
func (q QueueStats) Depth() int64 { return q.Pending + q.Processing }

// Add adds o's counts and keeps the greater age.
func (q *QueueStats) Add(o QueueStats) {
	q.Pending += o.Pending
	q.Processing += o.Processing
	q.Completed += o.Completed
	q.Failed += o.Failed
	q.Cancelled += o.Cancelled
	q.Scheduled += o.Scheduled
	q.OldestPendingAge = max(q.OldestPendingAge, o.OldestPendingAge)
}
