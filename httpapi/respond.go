package httpapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// responseWriter notes what the access log tells.
type responseWriter struct {
	http.ResponseWriter
	start     time.Time
	id        string
	route     string
	principal string
	status    int
	bytes     int
	cause     error
	flight    *inFlight
	mended    bool // the answer has records of which a part was left out
	expected  bool // a status of 500 and more is no failure of the server's
}

var writers = sync.Pool{New: func() any { return new(responseWriter) }}

// Unwrap is for http.ResponseController.
func (w *responseWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader notes the status.
func (w *responseWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write counts the bytes.
func (w *responseWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(b)
	w.bytes += n
	return n, err
}

var (
	buffers  = sync.Pool{New: func() any { return new(buffer) }}
	jsonType = []string{"application/json; charset=utf-8"}
)

// buffer is reused from request to request, unless it got large. What it has of a request counts as in flight.
type buffer struct {
	b       []byte
	flight  *inFlight // nil: is not counted
	counted int64
}

// Write appends.
func (b *buffer) Write(p []byte) (int, error) {
	b.b = append(b.b, p...)
	return len(p), nil
}

// Len is how many bytes there are.
func (b *buffer) Len() int { return len(b.b) }

// Truncate keeps the first n bytes.
func (b *buffer) Truncate(n int) { b.b = b.b[:n] }

const maxPooled = 64 << 10

// reserve makes room for size bytes in all, and counts it.
func (b *buffer) reserve(size int64) error {
	if err := b.count(max(size, int64(cap(b.b)))); err != nil {
		return err
	}
	if size > int64(cap(b.b)) {
		b.b = append(make([]byte, 0, size), b.b...)
	}
	return nil
}

// count counts size bytes in all.
func (b *buffer) count(size int64) error {
	if size <= b.counted {
		return nil
	}
	if err := b.flight.take(size - b.counted); err != nil {
		return err
	}
	b.counted = size
	return nil
}

func (b *buffer) free() {
	if b.counted > 0 {
		b.flight.give(b.counted)
	}
	if cap(b.b) <= maxPooled {
		*b = buffer{b: b.b[:0]}
		buffers.Put(b)
	}
}

// answer writes a body as JSON.
func (w *responseWriter) answer(status int, body any) error {
	buf := buffers.Get().(*buffer)
	defer buf.free()
	var err error
	if w.mended, err = wire.Encode(buf, body); err != nil {
		return err
	}
	if len(buf.b) > maxPooled { // it may take its caller a while to read it
		buf.flight = w.flight
		if err := buf.count(int64(cap(buf.b))); err != nil {
			return err
		}
	}
	h := w.Header()
	h["Content-Type"] = jsonType
	h["Content-Length"] = []string{strconv.Itoa(len(buf.b))}
	w.WriteHeader(status)
	// A caller that is gone cannot be told so.
	_, _ = w.Write(buf.b)
	return nil
}

// answer answers a success.
func (c *call) answer(status int, body any) error {
	if err := c.noteAnswer(body); err != nil {
		return err
	}
	return c.w.answer(status, c.masked(body))
}

// fail answers an error.
func (a *API) fail(w *responseWriter, err error) {
	e := describe(err)
	w.cause = e.cause
	h := w.Header()
	if e.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(e.retryAfter))
	}
	if e.allow != "" {
		h.Set("Allow", e.allow)
	}
	if e.status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="symphony"`)
	}
	if w.status != 0 {
		return // half an answer is out; nothing can be added to it
	}
	if err := w.answer(e.status, a.wireError(e)); err != nil {
		a.o.Logger.Error("answering an error", "request_id", w.id, "error", err)
	}
}

// finish catches a panic, logs the request and lets the writer go.
func (a *API) finish(w *responseWriter, r *http.Request) {
	if v := recover(); v != nil {
		if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
			panic(v)
		}
		a.o.Logger.Error("panic while serving a request", "request_id", w.id, "route", w.route, "error", fmt.Sprint(v), "stack", string(debug.Stack()))
		a.fail(w, fmt.Errorf("panic: %v", v))
	}
	log, level := a.o.AccessLog, slog.LevelInfo
	took := time.Since(w.start)
	if a.o.Requests != nil {
		a.o.Requests(w.route, r.Method, w.status, took)
	}
	// Whoever hangs up while he waits gets no answer, which is no failure.
	hungUp := r.Context().Err() != nil && errors.Is(w.cause, context.Canceled)
	if w.status >= http.StatusInternalServerError && !w.expected && !hungUp {
		log, level = a.o.Logger, slog.LevelError
	}
	if log != nil && log.Enabled(r.Context(), level) {
		attrs := make([]slog.Attr, 0, 9)
		attrs = append(attrs, slog.String("method", r.Method), slog.String("route", w.route), slog.Int("status", w.status),
			slog.Duration("duration", took), slog.Int("bytes", w.bytes), slog.String("request_id", w.id))
		if remote := remoteAddress(r, a.o.TrustedProxies); remote != "" {
			attrs = append(attrs, slog.String("remote", remote))
		}
		if w.principal != "" {
			attrs = append(attrs, slog.String("principal", w.principal))
		}
		if w.mended {
			attrs = append(attrs, slog.Bool("unreadable_records", true))
		}
		if w.cause != nil {
			attrs = append(attrs, slog.String("error", w.cause.Error()))
		}
		log.LogAttrs(r.Context(), level, "request", attrs...)
	}
	*w = responseWriter{}
	writers.Put(w)
}

func methodNotAllowed(method string, allowed []string) error {
	if slices.Contains(allowed, http.MethodGet) {
		allowed = append(allowed, http.MethodHead)
	}
	return notAllowed(method, allowed)
}

// notAllowed refuses a method of a route that takes exactly those allowed.
func notAllowed(method string, allowed []string) error {
	allowed = slices.Sorted(slices.Values(allowed))
	allow := strings.Join(slices.Compact(allowed), ", ")
	return &methodError{method, allow}
}

// methodError says that a route is not for a method.
type methodError struct{ method, allow string }

func (e *methodError) Error() string {
	return "the method " + e.method + " is not allowed here; " + e.allow + " are"
}

// cors answers preflights and lets listed origins read answers. It reports whether the request is answered.
func (a *API) cors(w *responseWriter, r *http.Request) bool {
	h := w.Header()
	h.Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	if origin == "" || !slices.Contains(a.o.CORSOrigins, origin) {
		return false
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Allow-Credentials", "true")
	h.Set("Access-Control-Expose-Headers", "X-Request-Id, Retry-After")
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	h.Set("Access-Control-Allow-Methods", a.methods)
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, X-API-Key, X-Request-Id, Last-Event-ID, Traceparent, Tracestate")
	h.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
	return true
}
