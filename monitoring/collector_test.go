package monitoring

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/receiver/receivertest"
)

// collector is the OTLP receiver of the OpenTelemetry Collector, which keeps what it is sent.
type collector struct {
	*testing.T
	http, grpc string // addresses
	sink       consumertest.TracesSink
}

func startCollector(t *testing.T) *collector {
	t.Helper()
	c := &collector{T: t, http: freeAddress(t), grpc: freeAddress(t)}
	factory := otlpreceiver.NewFactory()
	config := factory.CreateDefaultConfig().(*otlpreceiver.Config)
	config.Protocols.HTTP.GetOrInsertDefault().ServerConfig.NetAddr.Endpoint = c.http
	config.Protocols.GRPC.GetOrInsertDefault().NetAddr.Endpoint = c.grpc
	r, err := factory.CreateTraces(context.Background(), receivertest.NewNopSettings(factory.Type()), config, &c.sink)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Start(context.Background(), componenttest.NewNopHost()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Shutdown(context.Background()) })
	return c
}

// freeAddress is one that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// span is a span that arrived.
type span struct {
	ptrace.Span
	resource map[string]any
}

func (c *collector) spans() (list []span) {
	for _, traces := range c.sink.AllTraces() {
		for _, rs := range traces.ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				for _, s := range ss.Spans().All() {
					list = append(list, span{s, rs.Resource().Attributes().AsRaw()})
				}
			}
		}
	}
	slices.SortStableFunc(list, func(a, b span) int { return int(a.StartTimestamp()) - int(b.StartTimestamp()) })
	return list
}

// named waits for n spans of a name and returns them in the order they began.
func (c *collector) named(name string, n int) []span {
	c.Helper()
	var list []span
	until(c.T, fmt.Sprintf("%d spans named %q", n, name), func() bool {
		list = slices.DeleteFunc(c.spans(), func(s span) bool { return s.Name() != name })
		return len(list) >= n
	})
	if len(list) != n {
		c.Fatalf("%d spans named %q, want %d", len(list), name, n)
	}
	return list
}

// parent is a span in the form of a traceparent, without its flags.
func (s span) parent() string { return traceparent(s.TraceID(), s.SpanID()) }

func traceparent(id pcommon.TraceID, s pcommon.SpanID) string {
	return "00-" + id.String() + "-" + s.String()
}

// is checks kind, parent, whether it failed, and attributes, which are name, value, name, value…
func (s span) is(t *testing.T, kind ptrace.SpanKind, parent string, failed bool, attributes ...any) {
	t.Helper()
	if got := s.Kind(); got != kind {
		t.Errorf("%s is of kind %s, want %s", s.Name(), got, kind)
	}
	if got := traceparent(s.TraceID(), s.ParentSpanID()); got != parent {
		t.Errorf("%s is a child of %s, want %s", s.Name(), got, parent)
	}
	if got := s.Status().Code() == ptrace.StatusCodeError; got != failed {
		t.Errorf("%s failed: %t, want %t", s.Name(), got, failed)
	}
	has := s.Attributes().AsRaw()
	for i := 0; i < len(attributes); i += 2 {
		if got := has[attributes[i].(string)]; fmt.Sprint(got) != fmt.Sprint(attributes[i+1]) {
			t.Errorf("%s has %s = %v, want %v", s.Name(), attributes[i], got, attributes[i+1])
		}
	}
}

// mentions reports whether a text stands anywhere in the spans.
func (c *collector) mentions(text string) bool {
	marshaler := ptrace.JSONMarshaler{}
	for _, traces := range c.sink.AllTraces() {
		raw, err := marshaler.MarshalTraces(traces)
		if err != nil {
			c.Fatal(err)
		}
		if strings.Contains(string(raw), text) {
			return true
		}
	}
	return false
}
