package worker

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"slices"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/storage"
)

// Defaults and bounds of Options.
const (
	DefaultConcurrency      = 10
	MaxConcurrency          = 10_000
	DefaultPollInterval     = time.Second
	DefaultHandlerTimeout   = 5 * time.Minute
	DefaultGrace            = 20 * time.Second
	DefaultMaxBufferedBytes = 16 << 20
)

// Values that switch an option off, where zero means the default.
const (
	NoTimeout = time.Duration(-1) // handlers may take for ever
	NoGrace   = time.Duration(-1) // handlers are interrupted as soon as the worker stops
)

// Options are the optional settings of a Worker. Zero values mean the defaults.
type Options struct {
	// Queues limits the worker to these queues; none means all of the transport.
	Queues []string
	// Concurrency is how many handlers run at once, 1 to MaxConcurrency. Default DefaultConcurrency.
	Concurrency int
	// BatchSize is the most messages of one claim, 1 to symphony.MaxReceive. Default: what the handlers get through in
	// a few milliseconds.
	BatchSize int
	// MaxBufferedBytes bounds the messages that were claimed and have not started, as symphony.Envelope.Size counts
	// them. One message larger than that is still handled. With eight times as many at work, nothing more is claimed
	// until a handler has ended. Default DefaultMaxBufferedBytes.
	MaxBufferedBytes int
	// PollInterval is how long the worker waits for a message before it asks again. Transports wake it earlier, so
	// this is a fallback only. Default DefaultPollInterval.
	PollInterval time.Duration
	// HandlerTimeout ends the context of handlers that have no timeout of their own. Default DefaultHandlerTimeout;
	// NoTimeout for none.
	HandlerTimeout time.Duration
	// Lease is how long claimed messages belong to the worker between two heartbeats, symphony.MinLease to
	// symphony.MaxLease. Default symphony.DefaultLease.
	Lease time.Duration
	// Grace is how long running handlers may go on once the worker stops. Default DefaultGrace; NoGrace for none.
	Grace time.Duration
	// MessageLimit stops the worker after exactly that many messages. Default: none.
	MessageLimit int64
	// FailureLimit stops the worker after that many failed attempts. Handlers that run at that moment finish, so with
	// a Concurrency above 1 there may be more. Default: none.
	FailureLimit int64
	// TimeLimit stops the worker after that time; running handlers have their grace beyond it. Default: none.
	TimeLimit time.Duration
	// MemoryLimit stops the worker when the process holds more bytes of memory (see ProcessMemory). Default: none.
	MemoryLimit uint64
	// StopWhenEmpty stops the worker when nothing is ready and nothing is in hand that may come back.
	StopWhenEmpty bool
	// StopRequests is where the worker looks for StopAll and StopNode, once a second. Default: nowhere.
	StopRequests storage.Records
	// Asked is what was asked before the worker was made, so that it stops for what is asked between then and its
	// start; see Join. Default: what is asked when it starts.
	Asked *Requests
	// Node names the process for StopNode. Default: it has no name.
	Node string
	// MaxOutput is how many bytes the output of a message may have, 1 to symphony.MaxOutputBytes. Default
	// symphony.DefaultMaxOutputBytes.
	MaxOutput int
	// Observer is told of each attempt that was settled. Default: nobody.
	Observer symphony.Observer
	// Policy is the retry policy of types for which the Mux has none.
	Policy symphony.Policy
	// Name names the worker in the history of attempts. Default: host, process and a random part.
	Name string
	// Logger reports what an operator must know. Default slog.Default().
	Logger *slog.Logger
	// Clock is the worker's clock; the timeouts of handlers are on the system's, and when attempts began, and whether
	// messages have expired, is told by the clock of the storage where it has one. Default symphony.SystemClock.
	Clock symphony.Clock
	// Random spreads delays; it returns numbers in [0, 1) and is safe for concurrent use. Default rand.Float64.
	Random func() float64
}

// validate reports every value out of its range.
func (o Options) validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	for _, q := range o.Queues {
		if err := symphony.ValidateName(q); err != nil {
			check(false, "queue %q %w", q, err)
		}
	}
	check(o.Concurrency >= 0 && o.Concurrency <= MaxConcurrency, "concurrency %d: must be 1 to %d", o.Concurrency, MaxConcurrency)
	check(o.BatchSize >= 0 && o.BatchSize <= symphony.MaxReceive, "batch size %d: must be 1 to %d", o.BatchSize, symphony.MaxReceive)
	check(o.MaxBufferedBytes >= 0, "buffered bytes %d: must be at least 1", o.MaxBufferedBytes)
	check(o.MaxOutput >= 0 && o.MaxOutput <= symphony.MaxOutputBytes, "output of %d bytes: must be 1 to %d",
		o.MaxOutput, symphony.MaxOutputBytes)
	check(o.PollInterval >= 0, "poll interval %s: must not be negative", o.PollInterval)
	check(o.HandlerTimeout >= 0 || o.HandlerTimeout == NoTimeout, "handler timeout %s: must not be negative", o.HandlerTimeout)
	check(o.Lease == 0 || o.Lease >= symphony.MinLease && o.Lease <= symphony.MaxLease, "lease %s: must be %s to %s", o.Lease, symphony.MinLease, symphony.MaxLease)
	check(o.Grace >= 0 || o.Grace == NoGrace, "grace %s: must not be negative", o.Grace)
	check(o.MessageLimit >= 0, "message limit %d: must be at least 1", o.MessageLimit)
	check(o.FailureLimit >= 0, "failure limit %d: must be at least 1", o.FailureLimit)
	check(o.TimeLimit >= 0, "time limit %s: must not be negative", o.TimeLimit)
	if err := o.Policy.Validate(); err != nil {
		check(false, "policy: %w", err)
	}
	return errors.Join(errs...)
}

// withDefaults replaces every zero value by its default, and every "off" by what it means.
func (o Options) withDefaults() Options {
	o.Queues = slices.Clone(o.Queues)
	o.Concurrency = cmp.Or(o.Concurrency, DefaultConcurrency)
	o.BatchSize = cmp.Or(o.BatchSize, symphony.MaxReceive)
	o.MaxBufferedBytes = cmp.Or(o.MaxBufferedBytes, DefaultMaxBufferedBytes)
	o.MaxOutput = cmp.Or(o.MaxOutput, symphony.DefaultMaxOutputBytes)
	o.PollInterval = cmp.Or(o.PollInterval, DefaultPollInterval)
	o.HandlerTimeout = max(cmp.Or(o.HandlerTimeout, DefaultHandlerTimeout), 0)
	o.Lease = cmp.Or(o.Lease, symphony.DefaultLease)
	o.Grace = max(cmp.Or(o.Grace, DefaultGrace), 0)
	if o.Name == "" {
		host, err := os.Hostname()
		if err != nil {
			host = "unknown"
		}
		o.Name = fmt.Sprintf("%s:%d:%06x", host, os.Getpid(), rand.Uint32N(1<<24))
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Clock == nil {
		o.Clock = symphony.SystemClock()
	}
	if o.Random == nil {
		o.Random = rand.Float64
	}
	return o
}
