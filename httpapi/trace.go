package httpapi

import (
	"context"
	"net/http"
	"strings"

	"go.opentelemetry.io/otel/propagation"

	"github.com/symphony-messenger/symphony"
)

// maxTraceState is, in bytes, the longest tracestate that is taken over from a caller; the W3C asks for 512 at least.
const maxTraceState = 1024

// traced returns the request's context with the trace that its headers continue, for what is dispatched with it.
func (c *call) traced() context.Context {
	if len(c.Header["Traceparent"]) == 0 {
		return c.Context()
	}
	return symphony.ContextWithTrace(c.Context(), traceOf(c.Header))
}

// traceOf reads the headers traceparent and tracestate by the W3C's rules: what is not valid does not count, and a state
// that is not valid does not count alone.
func traceOf(h http.Header) symphony.TraceContext {
	carrier := propagation.MapCarrier{}
	if parents := h["Traceparent"]; len(parents) == 1 {
		carrier[symphony.HeaderTraceParent] = parents[0]
	}
	if state := strings.Join(h["Tracestate"], ","); len(state) <= maxTraceState {
		carrier[symphony.HeaderTraceState] = state
	}
	var w3c propagation.TraceContext
	ctx := w3c.Extract(context.Background(), carrier)
	clear(carrier)
	w3c.Inject(ctx, carrier)
	return symphony.TraceContext{Parent: carrier[symphony.HeaderTraceParent], State: carrier[symphony.HeaderTraceState]}
}
