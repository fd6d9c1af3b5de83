package symphony

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strconv"
	"sync/atomic"
	"time"
)

// Handler handles a delivered message. A nil error acks the message; any other error is a failed attempt, which the
// policy retries unless the error is Permanent. The context ends when the handler times out, when the lease is lost
// (context.Cause is ErrLeaseLost), its message is cancelled (ErrCancelled), or when the worker's grace period is over
// (ErrInterrupted). Handlers run concurrently. Delivery is at least once, so a handler must cope with seeing a message
// again. It must not change the delivery.
type Handler interface {
	Handle(ctx context.Context, d *Delivery) error
}

// HandlerFunc adapts a function to Handler.
type HandlerFunc func(ctx context.Context, d *Delivery) error

// Handle calls f.
func (f HandlerFunc) Handle(ctx context.Context, d *Delivery) error { return f(ctx, d) }

// Middleware wraps each handler of a Mux.
type Middleware func(Handler) Handler

// HandlerOptions are the optional settings of one registered handler.
type HandlerOptions struct {
	// Name identifies the handler among those of its pattern, so that a retry runs only the ones that failed. It must
	// not change between releases of a program. Default: "1", "2", … in order of registration.
	Name string
	// Timeout limits how long the handler may run; its context ends then. Default: the worker's timeout.
	Timeout time.Duration
	// Places limits how many messages of one worker this handler works on at the same time, so that a handler that
	// hangs leaves the rest of the worker to others. Messages beyond the limit are given back for a while without
	// counting an attempt; they may lose their place in the order. HalfPlaces means half of the worker's concurrency.
	// Default: no limit.
	Places int
	// StoredPayload hands payloads to the handler as they are stored, although the Mux has a codec: for handlers that
	// pass messages on to programs that decode them.
	StoredPayload bool
}

// HalfPlaces is half of a worker's concurrency, at least one. It limits nothing in a Mux whose handlers all share one
// pattern.
const HalfPlaces = -1

// Mux routes messages to handlers by type. Register handlers before the first worker runs; from then on a Mux is safe
// for concurrent use and must not be changed, but by Late.
//
// A pattern is an exact type, "Prefix.*" or "*". The most specific matching pattern is used, and all of its handlers
// run, one after the other. If some of them fail, a retry runs only those.
type Mux struct {
	routes     Patterns[route]
	patterns   int
	bounded    bool // a handler has bounded places
	policies   Patterns[Policy]
	logs       Patterns[bool] // whose logs are kept of every attempt
	middleware []Middleware
	codec      Codec
	push       *route                       // of messages that have a URL of their own; nil: none is taken
	late       atomic.Pointer[LateHandlers] // what Late has set; nil: nothing
	look       func(context.Context) error  // see BeforeNoHandler
}

// route holds the handlers of one pattern.
type route struct {
	pattern string
	entries []entry
	queue   string // of handlers that are for this queue alone, see Mux.Late; else empty
}

type entry struct {
	name    string
	handler Handler
	timeout time.Duration
	places  int
	stored  bool // the handler gets payloads as they are stored
}

// NewMux returns an empty Mux.
func NewMux() *Mux { return &Mux{} }

// Handle registers a handler for a pattern. It panics on an invalid pattern, a nil handler or a name that the pattern
// already has, since these are programming mistakes.
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
	entries = append(slices.Clip(entries), entry{o.Name, h, o.Timeout, o.Places, o.StoredPayload})
	m.routes.set(pattern, route{pattern: pattern, entries: entries})
}

// PushPattern stands for a pattern where messages are pushed to URLs of their own; see Mux.Push. It is no pattern.
const PushPattern = "url:"

// Push registers the handler of messages that are to be pushed to a URL of their own (Terms.URL), in place of that of
// their type. Without one a worker takes no such messages. Its places are for each origin of URLs alone, and HalfPlaces
// always means half. It panics where there is one already, as Handle does.
func (m *Mux) Push(h Handler, o HandlerOptions) {
	switch {
	case h == nil:
		panic("symphony: nil handler for URLs")
	case m.push != nil:
		panic("symphony: two handlers for URLs")
	case o.Places < HalfPlaces:
		panic(fmt.Sprintf("symphony: URLs: places %d: must be at least 1, or HalfPlaces", o.Places))
	}
	m.bounded = m.bounded || o.Places != 0
	only := entry{cmp.Or(o.Name, "1"), h, o.Timeout, o.Places, o.StoredPayload}
	m.push = &route{pattern: PushPattern, entries: []entry{only}}
}

// Pushes reports whether messages are pushed to URLs of their own.
func (m *Mux) Pushes() bool { return m.push != nil }

// route finds the handlers of a message.
func (m *Mux) route(e *Envelope) (rt route, ok bool) {
	if !e.Terms.Pushed() {
		if rt, ok = m.routes.Match(e.Type); !ok {
			rt, _, ok = m.lateRoute(e)
		}
		return rt, ok
	}
	if m.push == nil {
		return route{}, false
	}
	return *m.push, true
}

// HandleFunc registers a function.
func (m *Mux) HandleFunc(pattern string, f func(ctx context.Context, d *Delivery) error) {
	if f == nil { // which HandlerFunc would hide
		panic("symphony: nil handler for " + pattern)
	}
	m.Handle(pattern, HandlerFunc(f), HandlerOptions{})
}

// Handle registers a function that takes the payload decoded into T. A message whose payload does not decode goes to
// the dead letter queue at once, as undecodable. DeliveryFrom returns the delivery being handled.
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

// Policy returns the policy for a type, or def if none was set.
func (m *Mux) Policy(typ string, def Policy) Policy { return m.PolicyOf(&Envelope{Type: typ}, def) }

// PolicyOf returns the policy for a message, or def if none was set.
func (m *Mux) PolicyOf(of *Envelope, def Policy) Policy {
	if p, ok := m.latePolicy(of); ok {
		return p
	}
	if p, ok := m.policies.Match(of.Type); ok {
		return p
	}
	return def
}

// Handles reports whether a handler is registered for a type.
func (m *Mux) Handles(typ string) bool {
	_, ok := m.routes.Match(typ)
	return ok
}

// Handlers returns the pattern that handles a type and the names of its handlers, nothing where there is none. A
// pattern is taken for a type that it matches.
func (m *Mux) Handlers(typ string) (pattern string, names []string) {
	rt, _ := m.route(&Envelope{Type: typ})
	for _, e := range rt.entries {
		names = append(names, e.name)
	}
	return rt.pattern, names
}

// Patterns returns the patterns that have handlers, sorted.
func (m *Mux) Patterns() (list []string) {
	for _, rt := range m.routes.values() {
		list = append(list, rt.pattern)
	}
	slices.Sort(list)
	return list
}

// Bounded reports whether any handler limits its places.
func (m *Mux) Bounded() bool {
	if m.bounded {
		return true
	}
	l := m.late.Load()
	return l != nil && l.bounded
}

// Places returns what handles a message, the pattern of its type or the origin of its URL, and how many messages of
// that a worker with that concurrency may work on at the same time: the smallest Places of the handlers. 0 means no
// limit.
func (m *Mux) Places(of *Envelope, concurrency int) (pattern string, places int) {
	rt, _ := m.route(of)
	pushed := of.Terms.Pushed()
	for _, e := range rt.entries {
		n := e.places
		if n == HalfPlaces {
			if n = max(concurrency/2, 1); !pushed && m.patterns+m.late.Load().patterns() == 1 {
				n = 0
			}
		}
		if n > 0 && (places == 0 || n < places) {
			places = n
		}
	}
	if pushed && places > 0 {
		return PushPattern + origin(of.Terms.URL), places
	}
	if rt.queue != "" {
		return rt.pattern + "\n" + rt.queue, places // which no pattern is
	}
	return rt.pattern, places
}

// Result is the result of one attempt.
type Result struct {
	// Err is nil if every handler has succeeded, in this attempt or an earlier one.
	Err error
	// Done names the handlers that have succeeded so far. It is set only with Err.
	Done []string
	// Output is what the handlers have set with SetOutput, OutputError why there is none although there should be. They
	// are set without Err only.
	Output      json.RawMessage
	OutputError string
}

// Run makes one attempt at a delivery: it runs the handlers that d.Done does not name. timeout applies to each handler
// that has no timeout of its own; 0 means none. A panic becomes a *PanicError.
func (m *Mux) Run(ctx context.Context, d *Delivery, timeout time.Duration) Result {
	if d.DecodeErr != nil {
		return Result{Err: &DecodeError{d.DecodeErr}, Done: d.Done}
	}
	rt, ok := m.route(&d.Envelope)
	if !ok && m.look != nil && !d.Terms.Pushed() {
		if err := m.look(ctx); err != nil {
			err = fmt.Errorf("look for a handler of type %q: %w", d.Type, err)
			return Result{Err: Defer(err, lookAgain), Done: d.Done}
		}
		rt, ok = m.route(&d.Envelope)
	}
	entries := rt.entries
	if !ok {
		return Result{Err: &NoHandlerError{Type: d.Type, Pushed: d.Terms.Pushed()}, Done: d.Done}
	}
	a := attempt{stored: d}
	if len(entries) == 1 && len(d.Done) == 0 {
		err := m.runOne(ctx, rt.pattern, &entries[0], &a, timeout)
		return a.result(err)
	}
	done := slices.Clone(d.Done)
	var errs handlerErrors
	for i := range entries {
		e := &entries[i]
		if slices.Contains(done, e.name) {
			continue
		}
		if ctx.Err() != nil { // the lease is lost or the worker stops: what has not started is left to the next attempt
			errs = append(errs, &handlerError{e.name, context.Cause(ctx)})
			continue
		}
		if err := m.runOne(ctx, rt.pattern, e, &a, timeout); err != nil {
			errs = append(errs, &handlerError{e.name, err})
			continue
		}
		done = append(done, e.name)
	}
	switch len(errs) {
	case 0:
		return a.result(nil)
	case 1:
		return Result{Err: errs[0], Done: done}
	}
	return Result{Err: errs, Done: done}
}

func (m *Mux) runOne(ctx context.Context, pattern string, e *entry, a *attempt, timeout time.Duration) (err error) {
	if e.timeout > 0 {
		timeout = e.timeout
	}
	if t := a.stored.Terms; t != nil && t.Timeout > 0 {
		timeout = t.Timeout // what a message says wins
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
	d, err := a.delivery(ctx, m.codec, e.stored)
	if err != nil {
		return err
	}
	h := e.handler
	for _, mw := range slices.Backward(m.middleware) {
		h = mw(h)
	}
	hd := &handling{Context: ctx, delivery: d, pattern: pattern, entry: e, mux: m}
	if err = h.Handle(hd, d); err != nil {
		return err
	}
	if o := hd.outcome.Load(); o != nil {
		a.outcome = o
	}
	return nil
}

// handlerError names which of several handlers failed.
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
