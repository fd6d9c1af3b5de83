// Package breaker keeps a handler whose endpoint is down from using up the attempts of its messages.
//
// After some failures in a row the circuit opens: messages are given back without a call and without a counted attempt,
// until it is time for a probe. One message at a time probes, which costs it no attempt either. When a probe succeeds
// the circuit closes; when it fails the next one waits twice as long. A failure that no retry can mend
// (symphony.Permanent) says that the endpoint works.
//
// The state machine is our own: the circuit breakers that are libraries refuse calls, and do not tell when to try
// again, which is what a message that is given back needs to know.
package breaker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/symphony-messenger/symphony"
)

// Defaults of Options.
const (
	DefaultFailures = 5
	DefaultPause    = 5 * time.Second
	DefaultMaxPause = 5 * time.Minute
)

// ErrOpen is matched by the error of a message that was given back because the circuit is open.
var ErrOpen = errors.New("the circuit is open")

// Options are the optional settings of a Breaker.
type Options struct {
	// Name names the handler in logs and snapshots.
	Name string
	// Failures in a row open the circuit. Default DefaultFailures.
	Failures int
	// Pause is the time until the first probe, MaxPause the longest between two. Defaults DefaultPause,
	// DefaultMaxPause.
	Pause    time.Duration
	MaxPause time.Duration
	// Logger tells when the circuit opens and closes. Default slog.Default().
	Logger *slog.Logger
	// Clock times the probes. Default symphony.SystemClock.
	Clock symphony.Clock
	// Random spreads the return of messages; it returns numbers in [0, 1). Default rand.Float64.
	Random func() float64
}

// State is the state of a circuit.
type State string

// The states.
const (
	Closed   State = "closed"    // messages pass
	Open     State = "open"      // messages are given back
	HalfOpen State = "half_open" // one message probes, others are given back
)

// Breaker is a handler with a circuit breaker before it. Safe for concurrent use.
type Breaker struct {
	handler symphony.Handler
	o       Options

	mu       sync.Mutex
	state    State
	failures int // in a row
	pause    time.Duration
	probe    time.Duration // when the next message probes, in what has elapsed on the clock, as opened is
	opened   time.Duration
}

// New wraps a handler. It reports every option out of its range.
func New(h symphony.Handler, o Options) (*Breaker, error) {
	var errs []error
	if o.Failures < 0 {
		errs = append(errs, fmt.Errorf("failures %d: must be at least 1", o.Failures))
	}
	if o.Pause < 0 || o.MaxPause < 0 {
		errs = append(errs, errors.New("pauses must not be negative"))
	}
	if o.Failures == 0 {
		o.Failures = DefaultFailures
	}
	if o.Pause == 0 {
		o.Pause = DefaultPause
	}
	if o.MaxPause == 0 {
		o.MaxPause = max(DefaultMaxPause, o.Pause)
	}
	if o.MaxPause < o.Pause {
		errs = append(errs, fmt.Errorf("max pause %s: must be at least the pause of %s", o.MaxPause, o.Pause))
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
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("breaker: %w", err)
	}
	return &Breaker{handler: h, o: o, state: Closed}, nil
}

// Handle calls the handler, or gives the message back.
func (b *Breaker) Handle(ctx context.Context, d *symphony.Delivery) error {
	probe, err := b.enter()
	if err != nil {
		return err
	}
	settled := false
	defer func() {
		if !settled { // the handler panicked, which is a failure of its program
			b.leave(probe, outcomeFailed)
		}
	}()
	err = b.handler.Handle(ctx, d)
	settled = true
	switch cause := context.Cause(ctx); {
	case err == nil, symphony.IsPermanent(err), isDeferred(err): // an endpoint that asks for a pause works
		b.leave(probe, outcomeWorked)
	case errors.Is(cause, symphony.ErrInterrupted), errors.Is(cause, symphony.ErrLeaseLost),
		errors.Is(cause, symphony.ErrCancelled):
		b.leave(probe, outcomeUnknown) // it did not come to its end
	default:
		b.leave(probe, outcomeFailed)
		if probe { // that the endpoint is down is nothing that this message could have helped
			return b.back(err)
		}
	}
	return err
}

func isDeferred(err error) bool {
	_, is := symphony.DeferDelay(err)
	return is
}

// back gives a message back until after the next probe.
func (b *Breaker) back(err error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.backLocked(err)
}

func (b *Breaker) backLocked(err error) error {
	wait := b.probe - symphony.Elapsed(b.o.Clock)
	if b.state == HalfOpen { // beside a probe, messages wait as long as the next pause would be
		wait = b.pause
	}
	return symphony.Defer(err, wait+time.Duration(b.o.Random()*float64(b.o.Pause))) // not all at once
}

// enter decides whether a message may pass, and whether it probes.
func (b *Breaker) enter() (probe bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state == Closed {
		return false, nil
	}
	if b.state == Open && symphony.Elapsed(b.o.Clock) >= b.probe {
		b.state = HalfOpen
		return true, nil
	}
	return false, b.backLocked(fmt.Errorf("breaker: %s: %w", b.o.Name, ErrOpen))
}

type outcome int

const (
	outcomeWorked outcome = iota
	outcomeFailed
	outcomeUnknown
)

// leave takes note of what came of a message that has passed.
func (b *Breaker) leave(probe bool, what outcome) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := symphony.Elapsed(b.o.Clock)
	switch {
	case probe && what == outcomeUnknown:
		b.state = Open // the next message probes
	case what == outcomeUnknown, !probe && b.state != Closed:
		// What began before the circuit opened decides nothing about it.
	case what == outcomeWorked:
		if probe {
			b.o.Logger.Info("circuit closed: the handler works again", "handler", b.o.Name, "duration", now-b.opened)
		}
		b.state, b.failures = Closed, 0
	default:
		if b.failures++; !probe && b.failures < b.o.Failures {
			return
		}
		if probe {
			b.pause = min(2*b.pause, b.o.MaxPause)
		} else {
			b.pause, b.opened = b.o.Pause, now
			b.o.Logger.Warn("circuit opened: the handler keeps failing, its messages wait", "handler", b.o.Name, "failures", b.failures, "delay", b.pause)
		}
		b.state, b.probe = Open, now+b.pause
	}
}

// Snapshot is the state of a breaker at one moment.
type Snapshot struct {
	Name     string
	State    State
	Failures int // in a row
	// OpenedAt is since when the circuit has not been closed, ProbeAt when the next message probes. Zero while closed.
	OpenedAt time.Time
	ProbeAt  time.Time
}

// Snapshot returns the state.
func (b *Breaker) Snapshot() Snapshot {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := Snapshot{Name: b.o.Name, State: b.state, Failures: b.failures}
	if b.state != Closed {
		now, elapsed := b.o.Clock.Read()
		s.OpenedAt, s.ProbeAt = now.Add(b.opened-elapsed), now.Add(b.probe-elapsed)
	}
	return s
}
