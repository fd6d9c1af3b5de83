package tracing_test

import (
	"context"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/tracing"
)

// The cost of spans for one message, dispatched and handled without any storage; the batch processor drops what nobody
// takes.
func BenchmarkMessage(b *testing.B) {
	provider := func(sampler sdktrace.Sampler) *tracing.Tracing {
		p := sdktrace.NewTracerProvider(sdktrace.WithSampler(sampler), sdktrace.WithBatcher(discardSpans{}))
		b.Cleanup(func() { p.Shutdown(context.Background()) })
		return tracing.New(p, tracing.Options{})
	}
	for name, tr := range map[string]*tracing.Tracing{"off": nil, "sampled": provider(sdktrace.AlwaysSample()), "not sampled": provider(sdktrace.NeverSample())} {
		b.Run(name, func(b *testing.B) {
			mux, o := symphony.NewMux(), symphony.BusOptions{}
			if tr != nil {
				mux.Use(tr.Middleware())
				o.Tracer = tr
			}
			mux.HandleFunc("*", func(context.Context, *symphony.Delivery) error { return nil })
			out := &discard{}
			bus, err := symphony.NewBus([]symphony.Transport{out}, o)
			if err != nil {
				b.Fatal(err)
			}
			m := symphony.Message{Type: "order.paid", Payload: []byte(`{"order": 42}`)}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := bus.DispatchMessage(b.Context(), m, symphony.DispatchOptions{}); err != nil {
					b.Fatal(err)
				}
				d := symphony.Delivery{Envelope: *out.last, Attempt: 1}
				if r := mux.Run(b.Context(), &d, 0); r.Err != nil {
					b.Fatal(r.Err)
				}
			}
		})
	}
}

// discard is a transport that stores nothing.
type discard struct {
	symphony.Transport
	last *symphony.Envelope
}

func (*discard) Name() string                        { return "default" }
func (*discard) Capabilities() symphony.Capabilities { return symphony.Capabilities{} }
func (d *discard) Send(_ context.Context, list []*symphony.Envelope) ([]symphony.Receipt, error) {
	d.last = list[0]
	return make([]symphony.Receipt, len(list)), nil
}

type discardSpans struct{}

func (discardSpans) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error { return nil }
func (discardSpans) Shutdown(context.Context) error                             { return nil }
