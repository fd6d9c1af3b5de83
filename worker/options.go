package worker

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"time"

	"github.com/symphony-messenger/symphony"
)

// Defaults of Options.
const (
	DefaultConcurrency    = 10
	DefaultPollInterval   = time.Second
	DefaultHandlerTimeout = 5 * time.Minute
	DefaultGrace          = 20 * time.Second
	// NoTimeout as Options.HandlerTimeout lets handlers run for ever.
	NoTimeout = time.Duration(-1)
)

// Options are the optional settings of a Worker. Zero values mean the defaults.
type Options struct {
	// Queues limits the worker to these queues; none means all of the transport.
	Queues []string
	// Concurrency is how many handlers run at once. Default DefaultConcurrency.
	Concurrency int
	// BatchSize is the most messages of one claim. Default: adapted to how fast handlers are.
	BatchSize int
	// PollInterval is how long the worker waits for a message before it asks again. Transports wake it earlier, so
	// this is a fallback only. Default DefaultPollInterval.
	PollInterval time.Duration
	// HandlerTimeout ends the context of handlers that have no timeout of their own. Default DefaultHandlerTimeout;
	// NoTimeout for none.
	HandlerTimeout time.Duration
	// Lease is how long claimed messages belong to the worker between two heartbeats. Default symphony.DefaultLease.
	Lease time.Duration
	// Grace is how long running handlers may go on once the worker stops. Default DefaultGrace.
	Grace time.Duration
	// MessageLimit stops the worker after exactly that many attempts. Default: none.
	MessageLimit int64
	// FailureLimit stops the worker after that many failed attempts. Default: none.
	FailureLimit int64
	// TimeLimit stops the worker after that time; running handlers have their grace beyond it. Default: none.
	TimeLimit time.Duration
	// MemoryLimit stops the worker when the process holds more than that many bytes. Default: none.
	MemoryLimit uint64
	// StopWhenEmpty stops the worker when nothing is ready.
	StopWhenEmpty bool
	// Policy is the retry policy of types for which the Mux has none.
	Policy symphony.Policy
	// Name names the worker in attempts. Default: host, process and a random part.
	Name string
	// Logger reports what an operator must know. Default: slog.Default.
	Logger *slog.Logger
	// Clock is the worker's clock. Default symphony.SystemClock.
	Clock symphony.Clock
	// Random spreads delays; it returns numbers in [0, 1) and is safe for concurrent use. Default rand.Float64.
	Random func() float64
}

// withDefaults validates o and fills in its defaults.
func (o Options) withDefaults() (Options, error) {
	var errs []error
	check := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	for _, q := range o.Queues {
		if err := symphony.ValidateName(q); err != nil {
			errs = append(errs, fmt.Errorf("queue %q %w", q, err))
		}
	}
	check(o.Concurrency < 0, "concurrency %d: must be at least 1", o.Concurrency)
	check(o.BatchSize < 0 || o.BatchSize > symphony.MaxReceive, "batch size %d: must be 1 to %d", o.BatchSize, symphony.MaxReceive)
	check(o.PollInterval < 0, "poll interval %s: must be positive", o.PollInterval)
	check(o.Lease != 0 && (o.Lease < symphony.MinLease || o.Lease > symphony.MaxLease), "lease %s: must be %s to %s", o.Lease, symphony.MinLease, symphony.MaxLease)
	check(o.Grace < 0, "grace %s: must not be negative", o.Grace)
	check(o.MessageLimit < 0 || o.FailureLimit < 0 || o.TimeLimit < 0, "limits must not be negative")
	if err := o.Policy.Validate(); err != nil {
		errs = append(errs, fmt.Errorf("policy: %w", err))
	}
	o.Concurrency = cmp.Or(o.Concurrency, DefaultConcurrency)
	o.PollInterval = cmp.Or(o.PollInterval, DefaultPollInterval)
	o.HandlerTimeout = cmp.Or(o.HandlerTimeout, DefaultHandlerTimeout)
	o.Lease = cmp.Or(o.Lease, symphony.DefaultLease)
	o.Grace = cmp.Or(o.Grace, DefaultGrace)
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
	return o, errors.Join(errs...)
}
