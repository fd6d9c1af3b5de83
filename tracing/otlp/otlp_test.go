package otlp_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony/tracing/otlp"
)

// clearEnvironment takes away what the machine of the test may have set.
func clearEnvironment(t *testing.T) {
	t.Helper()
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "OTEL_") {
			t.Setenv(name, "")
		}
	}
}

func TestNewNamesEveryMistake(t *testing.T) {
	clearEnvironment(t)
	for name, value := range map[string]string{
		"OTEL_SDK_DISABLED": "maybe", "OTEL_TRACES_EXPORTER": "zipkin", "OTEL_EXPORTER_OTLP_PROTOCOL": "carrier pigeon",
		"OTEL_EXPORTER_OTLP_ENDPOINT": "collector", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "ftp://collector",
		"OTEL_TRACES_SAMPLER": "sometimes",
	} {
		t.Setenv(name, value)
	}
	ratio := 1.5
	_, err := otlp.New(t.Context(), otlp.Options{Endpoint: "http://user:pass@host", Protocol: "udp", SampleRatio: &ratio})
	for _, want := range []string{
		`OTEL_SDK_DISABLED: must be one of false, true, is "maybe"`, "OTEL_TRACES_EXPORTER: must be one of otlp, none",
		"OTEL_EXPORTER_OTLP_PROTOCOL: must be one of http/protobuf, grpc", "OTEL_EXPORTER_OTLP_ENDPOINT: must be a URL", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: must be a URL",
		"OTEL_TRACES_SAMPLER: must be one of always_on,", "endpoint must be a URL", "sample ratio 1.5", "protocol must be",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q: %v", want, err)
		}
	}
	if err != nil && strings.Contains(err.Error(), "pass") {
		t.Errorf("the error repeats a password: %v", err)
	}
}

func TestNewTakesOptionsBeforeVariables(t *testing.T) {
	for name, test := range map[string]struct {
		env  []string // name, value, name, value…
		o    otlp.Options
		want string
	}{
		"nothing":             {nil, otlp.Options{}, "http://localhost:4318/v1/traces"},
		"nothing, by gRPC":    {nil, otlp.Options{Protocol: otlp.GRPC}, "http://localhost:4317"},
		"a variable":          {[]string{"OTEL_EXPORTER_OTLP_ENDPOINT", "https://c/base/"}, otlp.Options{}, "https://c/base/v1/traces"},
		"that for traces":     {[]string{"OTEL_EXPORTER_OTLP_ENDPOINT", "https://c", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://t/in"}, otlp.Options{}, "https://t/in"},
		"an option":           {[]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://t/in"}, otlp.Options{Endpoint: "http://o:1/"}, "http://o:1/v1/traces"},
		"a whole URL":         {nil, otlp.Options{Endpoint: "http://o:1/v1/traces"}, "http://o:1/v1/traces"},
		"a protocol":          {[]string{"OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"}, otlp.Options{}, "http://localhost:4317"},
		"another protocol":    {[]string{"OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"}, otlp.Options{Protocol: otlp.HTTP}, "http://localhost:4318/v1/traces"},
		"switched off":        {[]string{"OTEL_SDK_DISABLED", "true"}, otlp.Options{Endpoint: "http://o:1"}, ""},
		"exported to nowhere": {[]string{"OTEL_TRACES_EXPORTER", "none"}, otlp.Options{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			clearEnvironment(t)
			for i := 0; i < len(test.env); i += 2 {
				t.Setenv(test.env[i], test.env[i+1])
			}
			p, err := otlp.New(t.Context(), test.o)
			got := ""
			if p != nil {
				got = p.Endpoint
				defer p.Close(context.Background())
			}
			if err != nil || got != test.want {
				t.Errorf("sends to %q, %v; want %q", got, err, test.want)
			}
		})
	}
}

type buffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// spans ends n spans.
func spans(t *testing.T, p *otlp.Provider, n int) {
	t.Helper()
	for range n {
		_, span := p.Tracer("test").Start(t.Context(), "span")
		span.End()
	}
}

// An outage is logged at its beginning and its end, with what it has cost.
func TestOutageIsToldOnce(t *testing.T) {
	clearEnvironment(t)
	var down atomic.Bool
	down.Store(true)
	var header atomic.Value
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header.Store(r.Header.Get("X-Vendor"))
		if down.Load() {
			w.WriteHeader(http.StatusBadRequest) // which is not tried again
		}
	}))
	defer server.Close()
	var log buffer
	p, err := otlp.New(t.Context(), otlp.Options{Endpoint: server.URL, Headers: map[string]string{"x-vendor": "k"}, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		spans(t, p, 2)
		p.ForceFlush(t.Context())
	}
	down.Store(false)
	spans(t, p, 1)
	if err := p.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if n := strings.Count(log.String(), "traces cannot be sent"); n != 1 || !strings.Contains(log.String(), "lost_spans=6") || strings.Count(log.String(), "\n") != 2 || header.Load() != "k" {
		t.Errorf("header %v, log:\n%s", header.Load(), log.String())
	}
}

// A collector that takes a connection and never answers delays neither spans nor the end.
func TestSilentCollectorDelaysNothing(t *testing.T) {
	clearEnvironment(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, protocol := range []string{otlp.HTTP, otlp.GRPC} {
		t.Run(protocol, func(t *testing.T) {
			p, err := otlp.New(t.Context(), otlp.Options{Endpoint: "http://" + l.Addr().String(), Protocol: protocol, Logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			begun := time.Now()
			spans(t, p, 20_000) // several times what may wait
			if took := time.Since(begun); took > 5*time.Second {
				t.Errorf("20000 spans took %s", took)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			begun = time.Now()
			if err := p.Close(ctx); err == nil {
				t.Error("it says that all were sent")
			}
			if took := time.Since(begun); took > 5*time.Second {
				t.Errorf("the end took %s", took)
			}
		})
	}
}
