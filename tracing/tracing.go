// Package tracing follows messages with OpenTelemetry spans, through any tracer provider; package tracing/otlp makes
// one that sends them away.
//
//	t := tracing.New(provider, tracing.Options{})
//	bus, err := symphony.NewBus(transports, symphony.BusOptions{Tracer: t})
//	mux.Use(t.Middleware())
//	server := http.Server{Handler: t.Handler(api.Handler())}
//
// # The spans
//
// They follow the semantic conventions for messaging and HTTP:
//
//	POST /api/symphony/dispatch   server     one request; continues the trace of its header traceparent
//	└ send order.paid             producer   one dispatch, of one message or a batch
//	  ├ process order.paid        consumer   one attempt of one handler
//	  └ process order.paid        consumer   the next attempt
//
// The trace goes along in the message's headers traceparent and tracestate: a message has that of its send span, unless
// it has one of its own, which is left alone; the send span then has a link to it. A process span is a child of what
// the message's headers name, so that all attempts stand in the trace of the dispatch, however much later they come; as
// the conventions ask, it also has a link to it. What a handler dispatches is a child of its process span, and so is
// what handler/httppush and handler/command call.
//
// Spans are named by the message's type, which is what handlers and routes are found by. The conventions would name the
// queue; almost all messages may be in one.
//
// # What is not in them
//
// Neither payloads, metadata and other headers nor the texts of errors, which may repeat them: error.type is
// symphony.ErrorClass. The text stands with the message, which messaging.message.id names. Baggage is neither read nor
// passed on.
//
// Messages that no handler sees (no_handler, expired, worker_lost, undecodable) have no process span.
package tracing

import (
	"context"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/symphony-messenger/symphony"
)

// Options are the optional settings of a Tracing.
type Options struct {
	// Policy returns the retry policy of a delivery, to tell what comes of a failed attempt: as many handlers may fail,
	// and the worker's part is not seen here, it is a forecast. Default: symphony's default policy.
	Policy func(d *symphony.Delivery) symphony.Policy
}

// Tracing makes spans. It is a symphony.DispatchTracer. Safe for concurrent use.
type Tracing struct {
	tracer trace.Tracer
	policy func(d *symphony.Delivery) symphony.Policy
}

// New makes a Tracing whose spans go to a provider.
func New(provider trace.TracerProvider, o Options) *Tracing {
	t := &Tracing{tracer: provider.Tracer("github.com/symphony-messenger/symphony/tracing", trace.WithSchemaURL(semconv.SchemaURL)), policy: o.Policy}
	if t.policy == nil {
		t.policy = func(*symphony.Delivery) symphony.Policy { return symphony.Policy{} }
	}
	return t
}

// The attributes that no convention has.
const (
	keyType      = attribute.Key("symphony.message.type")
	keyAttempt   = attribute.Key("symphony.message.attempt")
	keyDuplicate = attribute.Key("symphony.message.duplicate")
	keyOutcome   = attribute.Key("symphony.outcome")
	keyRequestID = attribute.Key("symphony.request_id")
)

// system is the value of messaging.system.
var system = semconv.MessagingSystemKey.String("symphony")

// SpanContext returns what a trace names, remote, or an invalid one where it names nothing by the W3C's rules. A Go
// program that receives messages by the HTTP API can make its span a child of it.
func SpanContext(t symphony.TraceContext) trace.SpanContext {
	if t.Parent == "" {
		return trace.SpanContext{}
	}
	return trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), (*carrier)(&t)))
}

// Trace returns the trace that a span context names, the zero value if it is not valid. A Go program that makes its own
// spans gives it to symphony.ContextWithTrace.
func Trace(sc trace.SpanContext) (t symphony.TraceContext) {
	if sc.IsValid() {
		propagation.TraceContext{}.Inject(trace.ContextWithSpanContext(context.Background(), sc), (*carrier)(&t))
	}
	return t
}

// carrier lets a propagator read and write a trace.
type carrier symphony.TraceContext

// Get returns a header.
func (c *carrier) Get(name string) string {
	switch name {
	case symphony.HeaderTraceParent:
		return c.Parent
	case symphony.HeaderTraceState:
		return c.State
	}
	return ""
}

// Set sets a header.
func (c *carrier) Set(name, value string) {
	switch name {
	case symphony.HeaderTraceParent:
		c.Parent = value
	case symphony.HeaderTraceState:
		c.State = value
	}
}

// Keys is there for the interface; a propagator of the W3C does not ask.
func (c *carrier) Keys() []string {
	return []string{symphony.HeaderTraceParent, symphony.HeaderTraceState}
}

// destination is how the configuration writes a queue.
func destination(transport, queue string) string { return transport + "/" + queue }

// clean makes text fit for a span: what is not UTF-8 would make an exporter refuse it with all others of its batch.
func clean(text string, most int) string {
	if len(text) > most {
		text = text[:most]
	}
	if utf8.ValidString(text) {
		return text
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}
