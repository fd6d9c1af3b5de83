package symphony

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strconv"
	"time"
)

// Handler handles a delivered message. A nil error acks it; any other is a failed attempt, retried by the policy,
// unless Permanent. The context ends when the handler's timeout is over, its lease is lost (context.Cause is
// ErrLeaseLost) or the worker's grace period is over (ErrInterrupted). Handlers run concurrently and, delivery being
// at least once, must bear to see a message again. They must not change the delivery.
type Handler interface {
	Handle(ctx context.Context, d *Delivery) error
}

// HandlerFunc is a function as a Handler.
type HandlerFunc func(ctx context.Context, d *Delivery) error

// Handle calls f.
func (f HandlerFunc) Handle(ctx context.Context, d *Delivery) error { return f(ctx, d) }

// Middleware wraps each handler of a Mux.
type Middleware func(Handler) Handler

// HandlerOptions are the optional settings of one registered handler.
type HandlerOptions struct {
	// Name tells the handlers of one pattern apart, so that a retry runs only those that failed. It must stay the
	// same across releases. Default: "1", "2", … in the order of registration.
	Name string
	// Timeout ends the handler's context. Default: the worker's.
	Timeout time.Duration
	// Places is how many of a worker's messages this handler has at the same time at most, so that one that hangs leaves
	// the rest of the worker to the other handlers. Messages beyond are given back for a while, without a counted attempt;
	// they may lose their places in the order. HalfPlaces means half of the worker's concurrency. Default: no bound.
	Places int
}

// HalfPlaces is half of a worker's concurrency, at least one; where the handlers of one pattern are all there are, it is no
// bound.
const HalfPlaces = -1

// Mux finds the handlers for a message's type. Set it up before the first worker runs; after that it is safe for
// concurrent use and must not be changed.
//
// A pattern is an exact type, "Prefix.*", or "*"; the most specific pattern with handlers is used, and all its
// handlers run, one after the other. If some fail, a retry runs only those.
type Mux struct {
	routes     Patterns[route]
	patterns   int
	bounded    bool // a handler has bounded places
	policies   Patterns[Policy]
	middleware []Middleware
}

// route is a pattern's handlers.
type route struct {
	pattern string
	entries []entry
}

type entry struct {
	name    string
	handler Handler
	timeout time.Duration
	places  int
}

// NewMux returns an empty Mux.
func NewMux() *Mux { return &Mux{} }

// Handle registers a handler for a pattern. It panics on an invalid pattern, a nil handler, or a name that the
// pattern already has: these are mistakes of the program.
func (m *Mux) Handle(pattern string, h Handler, o HandlerOptions) {
	if err := ValidatePattern(pattern); err != nil {
		panic("symphony: " + err.Error())
	}
	if h == nil {
		panic("symphony: nil handler for " + pattern)
	}
	if o.Places < HalfPlaces {
		panic(fmt.Sprintf("symphony: pattern %s: places %d: must be at least 1, or HalfPlaces", pattern, o.Places))
	}
	known, ok := m.routes.get(pattern)
	entries := known.entries
	if o.Name == "" {
		o.Name = strconv.Itoa(len(entries) + 1)
	}
	if slices.ContainsFunc(entries, func(e entry) bool { return e.name == o.Name }) {
		panic(fmt.Sprintf("symphony: pattern %s has two handlers named %q", pattern, o.Name))
	}
	if !ok {
		m.patterns++
	}
	m.bounded = m.bounded || o.Places != 0
	m.routes.set(pattern, route{pattern, append(slices.Clip(entries), entry{o.Name, h, o.Timeout, o.Places})})
}

// HandleFunc registers a function.
func (m *Mux) HandleFunc(pattern string, f func(ctx context.Context, d *Delivery) error) {
	if f == nil { // which HandlerFunc would hide
		panic("symphony: nil handler for " + pattern)
	}
	m.Handle(pattern, HandlerFunc(f), HandlerOptions{})
}

// Handle registers a function that takes the payload as a Go value. A payload that does not decode into T goes to the
// dead letter queue at once, as undecodable. The delivery is at hand with DeliveryFrom.
func Handle[T any](m *Mux, pattern string, f func(ctx context.Context, payload T) error) {
	HandleWith(m, pattern, HandlerOptions{}, f)
}

// HandleWith is Handle with options.
func HandleWith[T any](m *Mux, pattern string, o HandlerOptions, f func(ctx context.Context, payload T) error) {
	if f == nil {
		panic("symphony: nil handler for " + pattern)
	}
	m.Handle(pattern, HandlerFunc(func(ctx context.Context, d *Delivery) error {
		var payload T
		if err := json.Unmarshal(d.Payload, &payload); err != nil {
			return &DecodeError{err}
		}
		return f(ctx, payload)
	}), o)
}

// Use adds middleware around every handler, the first added outermost.
func (m *Mux) Use(mw ...Middleware) {
	if slices.ContainsFunc(mw, func(w Middleware) bool { return w == nil }) {
		panic("symphony: nil middleware")
	}
	m.middleware = append(m.middleware, mw...)
}

// Retry sets the policy for the types of a pattern, in place of the worker's. It panics on an invalid pattern or
// policy.
func (m *Mux) Retry(pattern string, p Policy) {
	if err := errors.Join(ValidatePattern(pattern), p.Validate()); err != nil {
		panic("symphony: " + err.Error())
	}
	m.policies.set(pattern, p)
}

// Policy returns the policy for a type, or def where none was set.
func (m *Mux) Policy(typ string, def Policy) Policy {
	if p, ok := m.policies.Match(typ); ok {
		return p
	}
	return def
}

// Handles reports whether a handler is registered for a type.
func (m *Mux) Handles(typ string) bool {
	_, ok := m.routes.Match(typ)
	return ok
}

// Bounded reports whether any handler has bounded places.
func (m *Mux) Bounded() bool { return m.bounded }

// Places returns which pattern has the handlers of a type, and how many messages a worker of that concurrency may have with
// them at the same time: the least of what their Places say. 0 is no bound.
func (m *Mux) Places(typ string, concurrency int) (pattern string, places int) {
	rt, _ := m.routes.Match(typ)
	for _, e := range rt.entries {
		n := e.places
		if n == HalfPlaces {
			if n = max(concurrency/2, 1); m.patterns == 1 {
				n = 0
			}
		}
		if n > 0 && (places == 0 || n < places) {
			places = n
		}
	}
	return rt.pattern, places
}

// Result is what one attempt came to.
type Result struct {
	// Err is nil if every handler has succeeded, now or in an earlier attempt.
	Err error
	// Done names the handlers that have succeeded so far. It is set only with Err.
	Done []string
}

// Run makes one attempt at a delivery: it runs the handlers that d.Done does not name. timeout bounds each handler
// that has none of its own; 0 is none. Panics become a *PanicError.
func (m *Mux) Run(ctx context.Context, d *Delivery, timeout time.Duration) Result {
	if d.DecodeErr != nil {
		return Result{Err: &DecodeError{d.DecodeErr}, Done: d.Done}
	}
	rt, ok := m.routes.Match(d.Type)
	entries := rt.entries
	if !ok {
		return Result{Err: &NoHandlerError{d.Type}, Done: d.Done}
	}
	if len(entries) == 1 && len(d.Done) == 0 {
		return Result{Err: m.runOne(ctx, rt.pattern, entries[0], d, timeout)}
	}
	done := slices.Clone(d.Done)
	var errs handlerErrors
	for _, e := range entries {
		if slices.Contains(done, e.name) {
			continue
		}
		if ctx.Err() != nil { // the lease is lost or the worker stops: what has not started is left to the next attempt
			errs = append(errs, &handlerError{e.name, context.Cause(ctx)})
			continue
		}
		if err := m.runOne(ctx, rt.pattern, e, d, timeout); err != nil {
			errs = append(errs, &handlerError{e.name, err})
			continue
		}
		done = append(done, e.name)
	}
	switch len(errs) {
	case 0:
		return Result{}
	case 1:
		return Result{Err: errs[0], Done: done}
	}
	return Result{Err: errs, Done: done}
}

func (m *Mux) runOne(ctx context.Context, pattern string, e entry, d *Delivery, timeout time.Duration) (err error) {
	if e.timeout > 0 {
		timeout = e.timeout
	}
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	defer func() {
		if v := recover(); v != nil {
			err = &PanicError{Value: v, Stack: debug.Stack()}
		}
	}()
	h := e.handler
	for _, mw := range slices.Backward(m.middleware) {
		h = mw(h)
	}
	return h.Handle(&handling{ctx, d, pattern, e.name}, d)
}

// handlerError tells which of several handlers failed.
type handlerError struct {
	name string
	err  error
}

func (e *handlerError) Error() string { return "handler " + e.name + ": " + e.err.Error() }
func (e *handlerError) Unwrap() error { return e.err }

// handlerErrors are the failures of several handlers of one message.
type handlerErrors []error

func (e handlerErrors) Error() string   { return errors.Join(e...).Error() }
func (e handlerErrors) Unwrap() []error { return e }
