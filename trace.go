package symphony

import (
	"context"
	"maps"
	"strings"
)

// HeaderTraceParent and HeaderTraceState are the headers of a message that say which distributed trace it belongs to, in
// the form of the W3C (https://www.w3.org/TR/trace-context/). Names of headers count in any case here.
const (
	HeaderTraceParent = "traceparent"
	HeaderTraceState  = "tracestate"
)

// TraceContext is a place in a distributed trace. This package hands it on from dispatch to message to handler, and looks
// at nothing in it; package tracing makes spans of it.
type TraceContext struct {
	Parent string // traceparent; empty: no trace
	State  string // tracestate, which may be empty
}

// DispatchTracer follows dispatches, as package tracing does. Safe for concurrent use.
type DispatchTracer interface {
	// BeginDispatch is called before a dispatch is looked at. The dispatch continues with the context that it returns, and
	// messages without a trace of their own get that context's, see ContextWithTrace. It must not change or keep batch.
	BeginDispatch(ctx context.Context, batch []Outgoing) context.Context
	// EndDispatch is called with that context when the dispatch is over. Receipts stand in the order of the batch; there
	// are none with an error.
	EndDispatch(ctx context.Context, receipts []Receipt, err error)
}

type (
	traceKey   struct{}
	traceValue struct {
		trace    TraceContext
		handling *Delivery
	}
)

// ContextWithTrace makes a trace that of the messages which are dispatched with the context, and which have no header
// traceparent of their own, and that of what a handler calls with it. Its values must be valid as headers of a message.
// It ends where the handling of a message begins: that has the message's trace.
func ContextWithTrace(ctx context.Context, t TraceContext) context.Context {
	return context.WithValue(ctx, traceKey{}, traceValue{t, DeliveryFrom(ctx)})
}

// TraceFrom returns the trace of a context: what ContextWithTrace has set, else in a handler the message's. It is the zero
// value where there is none.
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

// Trace returns the trace that the message's headers name, the zero value if they name none.
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

// lineOf is a header that is a string which can be handed on in one line, "" if it is not.
func lineOf(value any) string {
	s, isString := value.(string)
	if text, ok := HeaderText(s); isString && ok {
		return text
	}
	return ""
}

// traced returns the headers of a message that is dispatched in a trace: its own if they name a trace, or if there is no
// room for more. They are not changed.
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
