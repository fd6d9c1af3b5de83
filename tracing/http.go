package tracing

import (
	"net/http"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/symphony-messenger/symphony"
)

const (
	// maxTraceState is, in bytes, the longest tracestate that is taken over from a caller; the W3C asks for 512 at
	// least.
	maxTraceState = 1024
	// maxPath is how much of a request's path is kept, in bytes.
	maxPath = 256
)

// FromRequest reads the headers traceparent and tracestate of a request by the W3C's rules: what is not valid does not
// count, and a state that is not valid does not count alone.
func FromRequest(h http.Header) symphony.TraceContext { return Trace(fromRequest(h)) }

func fromRequest(h http.Header) trace.SpanContext {
	parents, t := h["Traceparent"], symphony.TraceContext{}
	if len(parents) != 1 {
		return trace.SpanContext{}
	}
	t.Parent = parents[0]
	if state := strings.Join(h["Tracestate"], ","); len(state) <= maxTraceState {
		t.State = state
	}
	return SpanContext(t)
}

// Handler makes a span of each request that h serves, named by the pattern of the http.ServeMux that finds its route.
// Probes (healthz, readyz, metrics) have none: nobody asks for them, and they come all the time.
func (t *Tracing) Handler(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/healthz", "/readyz", "/metrics":
			h.ServeHTTP(w, r)
			return
		}
		ctx := r.Context()
		if caller := fromRequest(r.Header); caller.IsValid() {
			ctx = trace.ContextWithRemoteSpanContext(ctx, caller)
		}
		name, method := knownMethod(r.Method)
		scheme := "http"
		if r.TLS != nil {
			scheme = "https"
		}
		ctx, span := t.tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(
			semconv.HTTPRequestMethodKey.String(method), semconv.URLScheme(scheme), semconv.URLPath(clean(r.URL.Path, maxPath))))
		served, sw := r.WithContext(ctx), &statusWriter{ResponseWriter: w}
		defer func() { endRequest(span, served, sw) }()
		h.ServeHTTP(sw, served)
		if sw.status == 0 {
			sw.status = http.StatusOK
		}
	})
}

func endRequest(span trace.Span, r *http.Request, w *statusWriter) {
	defer span.End()
	if !span.IsRecording() {
		return
	}
	if _, route, ok := strings.Cut(r.Pattern, " "); ok { // "/" is that of requests without a route
		span.SetName(r.Pattern)
		span.SetAttributes(semconv.HTTPRoute(route))
	}
	if id := w.Header().Get("X-Request-Id"); id != "" {
		span.SetAttributes(keyRequestID.String(id))
	}
	switch {
	case w.status == 0: // it panicked, as http.ErrAbortHandler does
		fail(span, "aborted")
		return
	case w.status >= http.StatusInternalServerError:
		code := strconv.Itoa(w.status)
		span.SetAttributes(semconv.ErrorTypeKey.String(code))
		span.SetStatus(codes.Error, "")
	}
	span.SetAttributes(semconv.HTTPResponseStatusCode(w.status))
}

// knownMethod returns the name of a span before its route is known, and the method as an attribute. Callers can invent
// methods, so others are all alike.
func knownMethod(method string) (name, attribute string) {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method, method
	}
	return "HTTP", "_OTHER"
}

// statusWriter notes the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// Unwrap is for http.ResponseController.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader notes the status.
func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK { // below it others may follow
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implies the status 200.
func (w *statusWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}
