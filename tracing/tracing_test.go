package tracing_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/symphonytest"
	"github.com/symphony-messenger/symphony/tracing"
	"github.com/symphony-messenger/symphony/transport/sqlite"

	"github.com/google/go-cmp/cmp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
)

const (
	callersTrace = "4bf92f3577b34da6a3ce929d0e0e4736"
	caller       = "00-" + callersTrace + "-00f067aa0ba902b7-01"
)

// record returns a Tracing and what it has ended so far.
func record(o tracing.Options, settings ...sdktrace.TracerProviderOption) (*tracing.Tracing, *tracetest.SpanRecorder) {
	recorder := tracetest.NewSpanRecorder()
	return tracing.New(sdktrace.NewTracerProvider(append(settings, sdktrace.WithSpanProcessor(recorder))...), o), recorder
}

// attributes are the attributes of a span as text.
func attributes(s sdktrace.ReadOnlySpan) map[string]string {
	m := make(map[string]string)
	for _, kv := range s.Attributes() {
		m[string(kv.Key)] = kv.Value.String()
	}
	return m
}

func delivery(headers map[string]any) *symphony.Delivery {
	return &symphony.Delivery{Envelope: symphony.Envelope{ID: "m1", Type: "t", Payload: []byte("{}"), Transport: "default", Queue: "q", Headers: headers}, Attempt: 2}
}

func TestProcessSpansTellWhatComesOfAnAttempt(t *testing.T) {
	policy := func(*symphony.Delivery) symphony.Policy { return symphony.Policy{MaxRetries: 1} }
	generous := func(*symphony.Delivery) symphony.Policy { return symphony.Policy{MaxRetries: 9} }
	ended := func(cause error) context.Context {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(cause)
		return ctx
	}
	for name, test := range map[string]struct {
		ctx                    context.Context
		policy                 func(*symphony.Delivery) symphony.Policy
		handle                 func() error
		outcome, class, status string
	}{
		"success":               {t.Context(), policy, func() error { return nil }, "ack", "", "Unset"},
		"a failure with a next": {t.Context(), generous, func() error { return errors.New("secret") }, "retry", "error", "Error"},
		"the last failure":      {t.Context(), policy, func() error { return errors.New("secret") }, "fail", "error", "Error"},
		"a permanent failure":   {t.Context(), generous, func() error { return symphony.Permanent(errors.New("secret")) }, "fail", "error", "Error"},
		"deferred":              {t.Context(), generous, func() error { return symphony.Defer(errors.New("secret"), time.Second) }, "release", "error", "Unset"},
		"a panic":               {t.Context(), generous, func() error { panic("secret") }, "retry", "panic", "Error"},
		"interrupted":           {ended(symphony.ErrInterrupted), generous, func() error { return context.Canceled }, "release", "", "Unset"},
		"a lost lease":          {ended(symphony.ErrLeaseLost), generous, func() error { return context.Canceled }, "lease_lost", "lease_lost", "Error"},
		"a class of any bytes":  {t.Context(), generous, func() error { return classed("\xff" + strings.Repeat("x", 1000)) }, "retry", "\uFFFD" + strings.Repeat("x", symphony.MaxErrorClass-1), "Error"},
	} {
		t.Run(name, func(t *testing.T) {
			tr, recorder := record(tracing.Options{Policy: test.policy})
			mux := symphony.NewMux()
			mux.Use(tr.Middleware())
			mux.HandleFunc("*", func(context.Context, *symphony.Delivery) error { return test.handle() })
			mux.Run(test.ctx, delivery(map[string]any{"traceparent": caller}), 0)
			if len(recorder.Ended()) != 1 || len(recorder.Started()) != 1 {
				t.Fatalf("%d spans ended of %d", len(recorder.Ended()), len(recorder.Started()))
			}
			s := recorder.Ended()[0]
			got := attributes(s)
			if got["symphony.outcome"] != test.outcome || got["error.type"] != test.class || s.Status().Code.String() != test.status {
				t.Errorf("outcome %s, class %s, status %s; want %s, %s, %s", got["symphony.outcome"], got["error.type"], s.Status().Code, test.outcome, test.class, test.status)
			}
			if strings.Contains(fmt.Sprint(got, s.Status(), s.Events()), "secret") {
				t.Error("the error's text is in the span")
			}
			if s.Name() != "process t" || s.Parent().TraceID().String() != callersTrace || got["symphony.message.attempt"] != "2" || got["messaging.destination.name"] != "default/q" {
				t.Errorf("span %s of %s with %v", s.Name(), s.Parent().TraceID(), got)
			}
		})
	}
}

type classed string

func (classed) Error() string        { return "secret" }
func (c classed) ErrorClass() string { return string(c) }

// A handler that ends its goroutine, as testing.T.FailNow does, leaves no span open.
func TestProcessSpanEndsWithTheGoroutine(t *testing.T) {
	tr, recorder := record(tracing.Options{})
	mux := symphony.NewMux()
	mux.Use(tr.Middleware())
	mux.HandleFunc("*", func(context.Context, *symphony.Delivery) error { runtime.Goexit(); return nil })
	var done sync.WaitGroup
	done.Go(func() { mux.Run(t.Context(), delivery(nil), 0) })
	done.Wait()
	if len(recorder.Ended()) != 1 || recorder.Ended()[0].Status().Code.String() != "Error" {
		t.Error("the span did not end as a failure")
	}
}

func TestProcessSpanWithoutATraceOfTheMessage(t *testing.T) {
	tr, recorder := record(tracing.Options{})
	mux := symphony.NewMux()
	mux.Use(tr.Middleware())
	mux.HandleFunc("*", func(context.Context, *symphony.Delivery) error { return nil })
	mux.Run(t.Context(), delivery(map[string]any{"traceparent": "nonsense"}), 0)
	if s := recorder.Ended()[0]; s.Parent().IsValid() || len(s.Links()) != 0 {
		t.Errorf("it has the parent %v and %d links, want a trace of its own", s.Parent(), len(s.Links()))
	}
}

func TestDispatchSpans(t *testing.T) {
	store := symphonytest.Storage(t, sqlite.Options{})
	send := func(tr *tracing.Tracing, ctx context.Context, typ string, o symphony.DispatchOptions) (symphony.Receipt, error) {
		bus, err := symphony.NewBus([]symphony.Transport{store}, symphony.BusOptions{Tracer: tr})
		if err != nil {
			t.Fatal(err)
		}
		return bus.Dispatch(ctx, typ, struct{}{}, o)
	}
	t.Run("of nothing begins a trace", func(t *testing.T) {
		tr, recorder := record(tracing.Options{})
		r, err := send(tr, t.Context(), "a", symphony.DispatchOptions{Queue: "q", IdempotencyKey: "k"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := send(tr, t.Context(), "a", symphony.DispatchOptions{IdempotencyKey: "k"}); err != nil {
			t.Fatal(err)
		}
		first, second := recorder.Ended()[0], attributes(recorder.Ended()[1])
		want := map[string]string{"messaging.system": "symphony", "messaging.operation.name": "send", "messaging.operation.type": "send", "messaging.destination.name": "default/q",
			"messaging.message.id": r.ID, "messaging.message.body.size": "2", "symphony.message.type": "a"}
		if diff := cmp.Diff(want, attributes(first)); diff != "" || first.Parent().IsValid() || first.SpanKind() != trace.SpanKindProducer {
			t.Errorf("kind %s, parent %v, attributes (-want +got):\n%s", first.SpanKind(), first.Parent(), diff)
		}
		if second["messaging.message.id"] != r.ID || second["symphony.message.duplicate"] != "true" {
			t.Errorf("a duplicate has %v", second)
		}
	})
	t.Run("continues the trace of the context", func(t *testing.T) {
		tr, recorder := record(tracing.Options{})
		send(tr, symphony.ContextWithTrace(t.Context(), symphony.TraceContext{Parent: caller}), "a", symphony.DispatchOptions{})
		if s := recorder.Ended()[0]; s.Parent().TraceID().String() != callersTrace {
			t.Errorf("its parent is %v", s.Parent())
		}
	})
	t.Run("that is refused fails, and has no name that callers invent", func(t *testing.T) {
		tr, recorder := record(tracing.Options{})
		for _, typ := range []string{strings.Repeat("x", 300), "\xff"} {
			if _, err := send(tr, t.Context(), typ, symphony.DispatchOptions{}); err == nil {
				t.Fatal("it was taken")
			}
		}
		for _, s := range recorder.Ended() {
			if got := attributes(s); s.Name() != "send" || s.Status().Code.String() != "Error" || got["symphony.message.type"] != "" {
				t.Errorf("span %q %v %v", s.Name(), s.Status(), got)
			}
		}
	})
	t.Run("that is not sampled goes on", func(t *testing.T) {
		tr, recorder := record(tracing.Options{}, sdktrace.WithSampler(sdktrace.NeverSample()))
		if _, err := send(tr, t.Context(), "unsampled", symphony.DispatchOptions{Queue: "unsampled"}); err != nil {
			t.Fatal(err)
		}
		got, err := store.Receive(t.Context(), symphony.ReceiveOptions{Queues: []string{"unsampled"}})
		if err != nil || len(got) != 1 || !strings.HasSuffix(got[0].Header("traceparent"), "-00") || len(recorder.Ended()) != 0 {
			t.Errorf("got %+v, %v; want a trace that nobody records", got, err)
		}
	})
}

func TestRequestSpans(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /things/{id}", func(w http.ResponseWriter, r *http.Request) {
		switch r.PathValue("id") {
		case "missing":
			w.WriteHeader(http.StatusNotFound)
		case "broken":
			w.WriteHeader(http.StatusInternalServerError)
		case "aborted":
			panic(http.ErrAbortHandler)
		case "streamed":
			if err := http.NewResponseController(w).Flush(); err != nil {
				t.Error(err)
			}
		}
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) })
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	for name, test := range map[string]struct {
		method, path, want string // want is name, status, error, status of the span
	}{
		"a route":           {"GET", "/things/7?key=secret", "GET /things/{id} 200  Unset"},
		"a client's fault":  {"GET", "/things/missing", "GET /things/{id} 404  Unset"},
		"a server's fault":  {"GET", "/things/broken", "GET /things/{id} 500 500 Error"},
		"an aborted answer": {"GET", "/things/aborted", "GET /things/{id}  aborted Error"},
		"a stream":          {"GET", "/things/streamed", "GET /things/{id} 200  Unset"},
		"no route":          {"GET", "/invented", "GET 404  Unset"},
		"an odd method":     {"INVENTED", "/things/7", "HTTP 404  Unset"},
		"a probe":           {"GET", "/healthz", ""},
	} {
		t.Run(name, func(t *testing.T) {
			tr, recorder := record(tracing.Options{})
			server := httptest.NewServer(tr.Handler(mux))
			req, err := http.NewRequest(test.method, server.URL+test.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Traceparent", caller)
			if resp, err := http.DefaultTransport.RoundTrip(req); err == nil {
				resp.Body.Close()
			}
			server.Close()
			got := ""
			for _, s := range recorder.Ended() {
				a := attributes(s)
				got += fmt.Sprint(s.Name(), " ", a["http.response.status_code"], " ", a["error.type"], " ", s.Status().Code)
				if s.Parent().TraceID().String() != callersTrace || strings.Contains(fmt.Sprint(a), "secret") {
					t.Errorf("parent %v, attributes %v", s.Parent(), a)
				}
			}
			if got != test.want {
				t.Errorf("spans %q, want %q", got, test.want)
			}
		})
	}
}
