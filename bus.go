package symphony

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// BusOptions are the optional settings of a Bus.
type BusOptions struct {
	// Default names the transport for types without a route. Default: the first transport given to NewBus.
	Default string
	// Routes maps patterns of types (exact, "Prefix.*", "*") to transports. If a type has several transports, each gets
	// a message; they must share one storage.
	Routes map[string][]string
	// Defaults holds, by transport, the queue and priority of messages that specify none.
	Defaults map[string]TransportDefaults
	// MaxMessageBytes limits payload and metadata together. Default DefaultMaxMessageBytes.
	MaxMessageBytes int
	// IdempotencyWindow is how long idempotency keys are remembered. Default DefaultIdempotencyWindow.
	IdempotencyWindow time.Duration
	// Types lists the types that may be dispatched, as patterns (exact, "Prefix.*", "*"). Any other type is refused
	// with a *ValidationError. Default: all types.
	Types []string
	// Schemas checks payloads by type. Default: any JSON object is accepted.
	Schemas PayloadChecker
	// Codec encodes payloads before they are stored, once they have been checked. Default: they are stored as they are.
	Codec Codec
	// URLs says whether messages may be pushed to a URL of their own (Terms.URL): its error, which is told to whoever
	// dispatches one, begins like "must" or "is". It looks at the text; the address that the host has is for whoever
	// pushes to check. Default: none is allowed.
	URLs func(url string) error
	// Tracer traces dispatches. Default: none; messages still get the trace of their context, see ContextWithTrace.
	Tracer DispatchTracer
	// Observer is notified of each message sent, except for those sent in the caller's own transaction (see In), which
	// may still be rolled back. Default: none.
	Observer Observer
	// Clock provides the time of creation, from which delays count, for storages without a clock of their own; see
	// StoreClock. Default SystemClock.
	Clock Clock
}

// PayloadChecker checks a payload, a valid JSON object, by the type of its message. The paths of problems are relative
// to the payload ("items[2].sku", or "" for the payload itself). Implementations are safe for concurrent use. Package
// schema makes one from JSON Schemas.
type PayloadChecker interface {
	CheckPayload(typ string, payload json.RawMessage) []Problem
}

// TransportDefaults are the defaults of one transport. Zero values mean DefaultQueue and DefaultPriority.
type TransportDefaults struct {
	Queue    string
	Priority int
}

// Bus dispatches messages: it assigns ids and defaults, validates, chooses the transport and stores. It is safe for
// concurrent use.
type Bus struct {
	transports map[string]Transport
	names      []string         // in the order given
	clocks     map[string]Clock // by transport
	waits      map[string]*waits
	routes     Patterns[[]string]
	types      Patterns[struct{}] // of BusOptions.Types
	opts       BusOptions
	sender     Sender // nil: each message's own transport
	bound      *binding
}

// Sender stores envelopes, as a transaction of the caller's own does; see Bus.In.
type Sender interface {
	// Send is Transport.Send.
	Send(ctx context.Context, envelopes []*Envelope) ([]Receipt, error)
	// Storage identifies the storage, as Capabilities.Storage does: a sender takes messages for the transports that
	// share it.
	Storage() any
}

// NewBus makes a bus over one or more transports. The error lists every mistake in the options.
func NewBus(transports []Transport, o BusOptions) (*Bus, error) {
	b := &Bus{transports: make(map[string]Transport, len(transports)), opts: o}
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	for i, t := range transports {
		if t == nil {
			bad("transport %d of %d is nil", i+1, len(transports))
			continue
		}
		if err := ValidateName(t.Name()); err != nil {
			bad("transport %q: name %w", t.Name(), err)
		}
		if b.transports[t.Name()] != nil {
			bad("transport %q is given twice", t.Name())
		}
		b.transports[t.Name()] = t
		b.names = append(b.names, t.Name())
	}
	switch {
	case len(transports) == 0:
		bad("a bus needs at least one transport")
	case o.Default == "" && len(b.names) > 0:
		b.opts.Default = b.names[0]
	}
	if o.Default != "" && b.transports[o.Default] == nil {
		bad("default transport: %w", b.unknown(o.Default))
	}
	for _, pattern := range slices.Sorted(maps.Keys(o.Routes)) {
		names := o.Routes[pattern]
		if err := ValidatePattern(pattern); err != nil {
			bad("route: %w", err)
			continue
		}
		if err := b.checkRoute(names); err != nil {
			bad("route %s: %w", pattern, err)
		}
		b.routes.set(pattern, slices.Clone(names))
	}
	for _, pattern := range o.Types {
		if err := b.types.Set(pattern, struct{}{}); err != nil {
			bad("type: %w", err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(o.Defaults)) {
		d := o.Defaults[name]
		if b.transports[name] == nil {
			bad("defaults: %w", b.unknown(name))
		}
		if d.Queue != "" {
			if err := ValidateName(d.Queue); err != nil {
				bad("transport %q: queue %w", name, err)
			}
		}
		if d.Priority != 0 && (d.Priority < MinPriority || d.Priority > MaxPriority) {
			bad("transport %q: priority must be %d to %d", name, MinPriority, MaxPriority)
		}
	}
	if o.MaxMessageBytes < 0 || o.IdempotencyWindow < 0 {
		bad("limits must not be negative")
	}
	if o.MaxMessageBytes == 0 {
		b.opts.MaxMessageBytes = DefaultMaxMessageBytes
	}
	if o.IdempotencyWindow == 0 {
		b.opts.IdempotencyWindow = DefaultIdempotencyWindow
	}
	if o.Clock == nil {
		b.opts.Clock = SystemClock()
	}
	b.clocks, b.waits = make(map[string]Clock, len(transports)), make(map[string]*waits, len(transports))
	for name, t := range b.transports {
		b.clocks[name], b.waits[name] = StoreClock(t, b.opts.Clock), &waits{}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return b, nil
}

func (b *Bus) checkRoute(names []string) error {
	if len(names) == 0 {
		return errors.New("names no transport")
	}
	for i, name := range names {
		t := b.transports[name]
		switch {
		case t == nil:
			return b.unknown(name)
		case slices.Contains(names[:i], name):
			return fmt.Errorf("names transport %q twice", name)
		case !b.SameStorage(names[0], name):
			return fmt.Errorf("transports %q and %q are kept in different storages, so a message for both could not be stored all or nothing", names[0], name)
		}
	}
	return nil
}

func (b *Bus) unknown(name string) error {
	return &UnknownTransportError{Name: name, Known: b.Names()}
}

// Names returns the names of the transports in the order given to NewBus.
func (b *Bus) Names() []string { return slices.Clone(b.names) }

// DefaultTransport returns the name of the transport for types without a route.
func (b *Bus) DefaultTransport() string { return b.opts.Default }

// Transport returns the transport of that name, or an *UnknownTransportError.
func (b *Bus) Transport(name string) (Transport, error) {
	if t := b.transports[name]; t != nil {
		return t, nil
	}
	return nil, b.unknown(name)
}

// SameStorage reports whether two transports, given by their names, keep messages in one storage and so can take part
// in one all-or-nothing Send. Unknown names do not.
func (b *Bus) SameStorage(first, second string) bool {
	t, other := b.transports[first], b.transports[second]
	if t == nil || other == nil || first == second {
		return t != nil && other != nil
	}
	storage := t.Capabilities().Storage
	return storage != nil && storage == other.Capabilities().Storage
}

// Observer returns BusOptions.Observer, nil if there is none.
func (b *Bus) Observer() Observer { return b.opts.Observer }

// Payload returns a payload that storage has as handlers get it: decoded by BusOptions.Codec.
func (b *Bus) Payload(ctx context.Context, typ string, stored json.RawMessage) (json.RawMessage, error) {
	if b.opts.Codec == nil {
		return stored, nil
	}
	return b.opts.Codec.Decode(ctx, typ, stored)
}

// In returns a bus like b that dispatches through a sender, such as the caller's own transaction. Messages for
// transports of another storage than the sender's are refused with a *ValidationError.
func (b *Bus) In(s Sender) *Bus {
	in := *b
	in.sender = s
	return &in
}

// send stores the envelopes, which are for transports of one storage.
func (b *Bus) send(ctx context.Context, envelopes []*Envelope) ([]Receipt, error) {
	if b.sender != nil {
		return b.sender.Send(ctx, envelopes)
	}
	receipts, err := b.transports[envelopes[0].Transport].Send(ctx, envelopes)
	if err == nil && b.opts.Observer != nil {
		b.opts.Observer.MessagesDispatched(envelopes, receipts)
	}
	return receipts, err
}

// Dispatch stores one message. When it returns without an error, the message is stored as durably as its transport can.
// The payload is marshalled to JSON unless it is a json.RawMessage.
//
// After a *ValidationError, an *IdempotencyConflictError, a *flow.HeldError, ErrUnavailable, ErrClosed or the context's
// error nothing was stored. After ErrOutcomeUnknown the message may have been stored; under an idempotency key the same
// dispatch can be repeated.
//
// Cancelling ctx ends the wait for the transaction to begin. Once it has begun, Dispatch waits for its outcome, for as
// long as the transport lets transactions take, so that the result says what was stored.
func (b *Bus) Dispatch(ctx context.Context, typ string, payload any, o DispatchOptions) (Receipt, error) {
	m, err := NewMessage(typ, payload)
	if err != nil {
		return Receipt{}, &ValidationError{[]Problem{{"message.payload", err.Error()}}}
	}
	return b.DispatchMessage(ctx, m, o)
}

// DispatchMessage is Dispatch for a Message.
func (b *Bus) DispatchMessage(ctx context.Context, m Message, o DispatchOptions) (Receipt, error) {
	out := Outgoing{m, o}
	if b.opts.Tracer == nil {
		return b.dispatchOne(ctx, &out)
	}
	ctx = b.opts.Tracer.BeginDispatch(ctx, []Outgoing{out})
	receipt, err := b.dispatchOne(ctx, &out)
	if err != nil {
		b.opts.Tracer.EndDispatch(ctx, nil, err)
		return receipt, err
	}
	b.opts.Tracer.EndDispatch(ctx, []Receipt{receipt}, nil)
	return receipt, nil
}

func (b *Bus) dispatchOne(ctx context.Context, out *Outgoing) (Receipt, error) {
	var p problems
	out.Options.Headers = TraceFrom(ctx).traced(out.Options.Headers)
	var now time.Time
	envelopes := b.envelopes(ctx, &p, nil, out, DeliveryFrom(ctx), &now)
	if err := p.err(); err != nil {
		return Receipt{}, err
	}
	receipts, err := b.send(ctx, envelopes)
	if err != nil {
		return Receipt{}, err
	}
	return withOthers(receipts), nil
}

// DispatchBatch stores up to MaxBatch messages, all or none of them, and returns their receipts in the order given.
// Their transports must share one storage. Errors are as for Dispatch; paths of problems begin with the index of the
// message ("messages[1].").
func (b *Bus) DispatchBatch(ctx context.Context, batch []Outgoing) ([]Receipt, error) {
	if b.opts.Tracer == nil {
		return b.dispatchAll(ctx, batch)
	}
	ctx = b.opts.Tracer.BeginDispatch(ctx, batch)
	receipts, err := b.dispatchAll(ctx, batch)
	b.opts.Tracer.EndDispatch(ctx, receipts, err)
	return receipts, err
}

func (b *Bus) dispatchAll(ctx context.Context, batch []Outgoing) ([]Receipt, error) {
	if len(batch) == 0 || len(batch) > MaxBatch {
		return nil, &ValidationError{[]Problem{{"messages", fmt.Sprintf("must have 1 to %d entries, has %d", MaxBatch, len(batch))}}}
	}
	cause, trace := DeliveryFrom(ctx), TraceFrom(ctx)
	var (
		now       time.Time
		p         problems
		envelopes = make([]*Envelope, 0, len(batch))
		ends      = make([]int, len(batch)) // where the envelopes of each message end
	)
	for i := range batch {
		p.prefix = fmt.Sprintf("messages[%d].", i)
		known, out := len(envelopes), batch[i]
		out.Options.Headers = trace.traced(out.Options.Headers)
		envelopes = b.envelopes(ctx, &p, envelopes, &out, cause, &now)
		ends[i] = len(envelopes)
		if len(envelopes) > known && known > 0 {
			first, this := envelopes[0].Transport, envelopes[known].Transport
			if !b.SameStorage(first, this) {
				p.add("options.transport", "%q is kept in another storage than %q of the messages before; a batch is stored all or nothing", this, first)
			}
		}
	}
	if err := p.err(); err != nil {
		return nil, err
	}
	receipts, err := b.send(ctx, envelopes)
	if err != nil {
		return nil, err
	}
	results := make([]Receipt, len(batch))
	from := 0
	for i, to := range ends {
		results[i] = withOthers(receipts[from:to])
		from = to
	}
	return results, nil
}

// Check returns the problems that dispatching the message would have, without dispatching it. Paths begin with prefix.
// Check looks at the payload as it is given, without BusOptions.Codec.
func (b *Bus) Check(out Outgoing, prefix string) []Problem {
	p := problems{prefix: prefix}
	var now time.Time
	plain := *b
	plain.opts.Codec = nil
	plain.envelopes(context.Background(), &p, nil, &out, nil, &now)
	return p.list
}

// withOthers folds the receipts of one message into the first.
func withOthers(receipts []Receipt) Receipt {
	r := receipts[0]
	if len(receipts) > 1 {
		r.Also = slices.Clone(receipts[1:])
	}
	return r
}

// envelopes appends the envelopes of one message, one for each of its transports, or the problems that prevent it.
// cause is the message that is being handled, if any. at is one time for all messages of a call, set by the first.
func (b *Bus) envelopes(ctx context.Context, p *problems, to []*Envelope, out *Outgoing, cause *Delivery, at *time.Time) []*Envelope {
	known := len(p.list)
	size := p.validate(out, b.opts.MaxMessageBytes)
	m, o := &out.Message, &out.Options
	names, routed := b.routes.Match(m.Type)
	switch {
	case o.Transport != "":
		if b.transports[o.Transport] == nil && ValidateName(o.Transport) == nil {
			p.add("options.transport", "%v", b.unknown(o.Transport))
		}
		names = []string{o.Transport}
	case !routed:
		names = []string{b.opts.Default}
	}
	if len(p.list) == known && b.bound != nil {
		for _, name := range names {
			if !p.within(b.bound, m.Type, b.queueOf(name, o.Queue), "message.type", "options.queue") {
				return to // before anything is told of the type
			}
		}
	}
	if o.URL != "" && len(p.list) == known {
		p.pushable(b.opts.URLs, o.URL)
	}
	if _, declared := b.types.Match(m.Type); !declared && len(b.opts.Types) > 0 && len(p.list) == known {
		p.add("message.type", "%q is not among the types of this bus", m.Type)
	}
	if len(p.list) > known {
		return to
	}
	stored, payload, err := encoded(ctx, b.opts.Codec, m)
	if err != nil {
		p.fault = cmp.Or(p.fault, err)
		return to
	}
	if p.payload(b.opts.Schemas, m.Type, payload, "message.payload"); len(p.list) > known {
		return to
	}
	if b.opts.Codec != nil {
		p.encoded(stored, size-len(m.Payload), b.opts.MaxMessageBytes)
		if len(p.list) > known {
			return to
		}
	}
	metadata := m.Metadata
	if len(o.Metadata) > 0 {
		metadata = make(map[string]any, len(m.Metadata)+len(o.Metadata))
		maps.Copy(metadata, m.Metadata)
		maps.Copy(metadata, o.Metadata)
	}
	var fingerprint [sha256.Size]byte
	if o.IdempotencyKey != "" {
		if fingerprint, err = Fingerprint(m.Type, payload); err != nil {
			p.add("message.payload", "must be valid JSON: %v", err)
			return to
		}
	}
	if at.IsZero() {
		*at = b.clocks[names[0]].Now()
	}
	now := *at
	flow, terms, scheduledAt := o.flow(), o.terms(), o.ScheduledAt
	if o.Delay > 0 {
		if scheduledAt = now.Add(o.Delay); !StorableTime(scheduledAt) {
			p.add("options.delay", "leads to a time that %s", TimeProblem)
			return to
		}
		if flow != nil && !flow.ExpiresAt.IsZero() && !flow.ExpiresAt.After(scheduledAt) {
			p.add("options.expiresAt", "must be after the delay is over")
			return to
		}
	}
	correlation, causation := o.CorrelationID, o.CausationID
	if cause != nil {
		correlation, causation = cmp.Or(correlation, cause.Correlation()), cmp.Or(causation, cause.ID)
	}
	for _, name := range names {
		if flow != nil && !b.transports[name].Capabilities().Flow {
			p.add("options", "transport %q has no flow control: it takes no expiresAt, concurrencyKey, groupKey, debounceKey or throttleKey", name)
			return to
		}
		if terms != nil && !b.transports[name].Capabilities().Terms {
			p.add("options", "transport %q handles messages at once and keeps none: it takes no maxRetries, "+
				"retryDelay, timeout, retention, tags, url, onSuccess or onFailure", name)
			return to
		}
		if b.sender != nil && (b.sender.Storage() == nil || b.sender.Storage() != b.transports[name].Capabilities().Storage) {
			p.add("options.transport", "%q is kept in another storage than the one that this is dispatched in", name)
			return to
		}
		own := b.callbacks(ctx, p, terms, m.Type, name)
		if len(p.list) > known || p.fault != nil {
			return to
		}
		defaults := b.opts.Defaults[name]
		e := &Envelope{
			// Those of one batch are in its order, as far as ids tell times apart.
			ID: NewID(now.Add(time.Duration(len(to)) * idStep)), Type: m.Type, Payload: stored, Metadata: metadata, Headers: o.Headers,
			Transport: name, Queue: b.queueOf(name, o.Queue), Priority: o.Priority, CreatedAt: now,
			ScheduledAt:   scheduledAt,
			CorrelationID: correlation, CausationID: causation, DispatchedBy: o.DispatchedBy, Flow: flow, Terms: own,
			IdempotencyKey: o.IdempotencyKey, KeysOf: o.KeysOf, Fingerprint: fingerprint, IdempotencyWindow: b.opts.IdempotencyWindow,
		}
		if e.Priority == 0 {
			e.Priority = cmp.Or(defaults.Priority, DefaultPriority)
		}
		to = append(to, e)
	}
	return to
}
