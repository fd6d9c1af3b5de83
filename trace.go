package symphony

import (
	"context"
	"maps"
	"strings"
)

// HeaderTraceParent and HeaderTraceState are the message headers that carry its distributed trace, in the format of W3C
// Trace Context (https://www.w3.org/TR/trace-context/). Upper and lower case make no difference.
const (
	HeaderTraceParent = "traceparent"
	HeaderTraceState  = "tracestate"
)

// TraceContext is a position in a distributed trace. This package passes it from dispatch to message to handler without
// looking inside; package tracing makes spans of it.
type TraceContext struct {
	Parent string // traceparent; empty: no trace
	State  string // tracestate, which may be empty
}

// DispatchTracer traces dispatches; package tracing has one. Implementations are safe for concurrent use.
type DispatchTracer interface {
	// BeginDispatch is called before a dispatch is validated. The dispatch continues with the returned context, whose
	// trace (see ContextWithTrace) goes to messages that have none of their own. It must not change or keep batch.
	BeginDispatch(ctx context.Context, batch []Outgoing) context.Context
	// EndDispatch is called with that context when the dispatch is over. Receipts are in the order of the batch; there
	// are none if err is not nil.
	EndDispatch(ctx context.Context, receipts []Receipt, err error)
}

type (
	traceKey   struct{}
	traceValue struct {
		trace    TraceContext
		handling *Delivery
	}
)

// ContextWithTrace returns a context whose dispatches belong to a trace, except for messages that have a traceparent
// header of their own. Its values must be valid message headers. While a message is being handled, the message's own
// trace applies instead of one that was set outside.
func ContextWithTrace(ctx context.Context, t TraceContext) context.Context {
	return context.WithValue(ctx, traceKey{}, traceValue{t, DeliveryFrom(ctx)})
}

// TraceFrom returns the trace of a context: the one that ContextWithTrace set, or in a handler that of the message. It
// returns the zero value if there is none.
func TraceFrom(ctx context.Context) TraceContext {
	d := DeliveryFrom(ctx)
	if v, ok := ctx.Value(traceKey{}).(traceValue); ok && v.handling == d {
		return v.trace
	}
	if d == nil {
		return TraceContext{}
	}
	return d.Trace()
}

// Trace returns the trace in the message's headers, or the zero value if there is none.
func (e *Envelope) Trace() TraceContext { return traceOf(e.Headers) }

func traceOf(headers map[string]any) (t TraceContext) {
	if len(headers) == 0 {
		return t
	}
	for name, value := range headers {
		switch {
		case len(name) == len(HeaderTraceParent) && strings.EqualFold(name, HeaderTraceParent):
			t.Parent = lineOf(value)
		case len(name) == len(HeaderTraceState) && strings.EqualFold(name, HeaderTraceState):
			t.State = lineOf(value)
		}
	}
	if t.Parent == "" {
		return TraceContext{} // a state means nothing without its parent
	}
	return t
}

// lineOf returns a header that is a single line of text, "" for anything else.
func lineOf(value any) string {
	s, isString := value.(string)
	if text, ok := HeaderText(s); isString && ok {
		return text
	}
	return ""
}

// traced returns the headers of a message that is dispatched in trace t: own, if it names a trace or has no room for
// more, else a copy with the trace added.
func (t TraceContext) traced(own map[string]any) map[string]any {
	if t.Parent == "" || len(own)+2 > MaxHeaders || traceOf(own) != (TraceContext{}) {
		return own
	}
	headers := make(map[string]any, len(own)+2)
	maps.Copy(headers, own)
	for name := range own { // a state of its own is one of another trace
		if strings.EqualFold(name, HeaderTraceState) {
			delete(headers, name)
		}
	}
	headers[HeaderTraceParent] = t.Parent
	if t.State != "" {
		headers[HeaderTraceState] = t.State
	}
	return headers
}
