package symphony_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/transport/inline"
)

type headers = map[string]any

var (
	callers = symphony.TraceContext{Parent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", State: "a=1"}
	others  = symphony.TraceContext{Parent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b8-00"}
)

// dispatched returns the headers of a message as they are stored when it is dispatched with ctx.
func dispatched(t *testing.T, ctx context.Context, own headers) headers {
	t.Helper()
	tr := open(t, newClock(0), "default")[0]
	bus := newBus(t, symphony.BusOptions{}, tr)
	if _, err := bus.Dispatch(ctx, "t", struct{}{}, symphony.DispatchOptions{Headers: own}); err != nil {
		t.Fatal(err)
	}
	if _, err := bus.DispatchBatch(ctx, []symphony.Outgoing{{Message: symphony.Message{Type: "t", Payload: []byte("{}")}, Options: symphony.DispatchOptions{Headers: own}}}); err != nil {
		t.Fatal(err)
	}
	got := receive(t, tr)
	if diff := cmp.Diff(got[0].Headers, got[1].Headers); diff != "" {
		t.Errorf("a batch differs (-single +batch):\n%s", diff)
	}
	return got[0].Headers
}

func TestTrace_goes_from_the_context_into_the_message(t *testing.T) {
	many := headers{}
	for i := range symphony.MaxHeaders - 1 {
		many[fmt.Sprint("h", i)] = "v"
	}
	for name, test := range map[string]struct {
		trace     symphony.TraceContext
		own, want headers
	}{
		"with its state":             {callers, nil, headers{"traceparent": callers.Parent, "tracestate": "a=1"}},
		"without a state":            {others, headers{"h": "v"}, headers{"h": "v", "traceparent": others.Parent}},
		"none":                       {symphony.TraceContext{State: "a=1"}, headers{"h": "v"}, headers{"h": "v"}},
		"its own wins":               {callers, headers{"TraceParent": "mine"}, headers{"TraceParent": "mine"}},
		"its own wins with a state":  {others, headers{"traceparent": "mine", "tracestate": "b=2"}, headers{"traceparent": "mine", "tracestate": "b=2"}},
		"a state of another trace":   {others, headers{"Tracestate": "b=2"}, headers{"traceparent": others.Parent}},
		"no room: it still is taken": {callers, many, many},
	} {
		t.Run(name, func(t *testing.T) {
			own := len(test.own)
			got := dispatched(t, symphony.ContextWithTrace(t.Context(), test.trace), test.own)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("headers (-want +got):\n%s", diff)
			}
			if len(test.own) != own {
				t.Error("the caller's headers were changed")
			}
		})
	}
}

func TestTrace_goes_from_the_handled_message_to_those_it_dispatches(t *testing.T) {
	mux := symphony.NewMux()
	var seen []symphony.TraceContext
	var got headers
	mux.HandleFunc("*", func(ctx context.Context, _ *symphony.Delivery) error {
		seen = append(seen, symphony.TraceFrom(ctx))
		got = dispatched(t, ctx, nil)
		ctx = symphony.ContextWithTrace(ctx, callers)
		seen = append(seen, symphony.TraceFrom(ctx))
		return nil
	})
	d := handled("t", "{}")
	d.Headers = headers{"Traceparent": others.Parent}
	// The worker's own context may be in a trace, such as that of the request that it runs for.
	if r := mux.Run(symphony.ContextWithTrace(t.Context(), symphony.TraceContext{Parent: "of a request"}), d, 0); r.Err != nil {
		t.Fatal(r.Err)
	}
	if diff := cmp.Diff([]symphony.TraceContext{others, callers}, seen); diff != "" {
		t.Errorf("traces in the handler (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(headers{"traceparent": others.Parent}, got); diff != "" {
		t.Errorf("headers of what it dispatched (-want +got):\n%s", diff)
	}
}

// tracer notes what it is told.
type tracer struct{ log []string }

func (tr *tracer) BeginDispatch(ctx context.Context, batch []symphony.Outgoing) context.Context {
	tr.log = append(tr.log, fmt.Sprint("begin ", len(batch), " ", batch[0].Message.Type))
	return symphony.ContextWithTrace(ctx, callers)
}

func (tr *tracer) EndDispatch(ctx context.Context, receipts []symphony.Receipt, err error) {
	tr.log = append(tr.log, fmt.Sprint("end ", symphony.TraceFrom(ctx) == callers, " ", len(receipts), " ", errors.Is(err, symphony.ErrInvalid)))
}

func TestTracer_follows_each_dispatch(t *testing.T) {
	follow := &tracer{}
	mux := symphony.NewMux()
	var handled symphony.TraceContext
	mux.HandleFunc("*", func(ctx context.Context, _ *symphony.Delivery) error {
		handled = symphony.TraceFrom(ctx)
		return nil
	})
	bus := newBus(t, symphony.BusOptions{Tracer: follow}, inline.Open(mux, inline.Options{}))
	batch := make([]symphony.Outgoing, 3)
	for i := range batch {
		batch[i].Message = symphony.Message{Type: "b", Payload: []byte("{}")}
	}
	if _, err := bus.Dispatch(t.Context(), "a", struct{}{}, symphony.DispatchOptions{}); err != nil || handled != callers {
		t.Errorf("the message was handled in %+v, %v", handled, err)
	}
	bus.Dispatch(t.Context(), "a", struct{}{}, symphony.DispatchOptions{Priority: 11})
	bus.DispatchBatch(t.Context(), batch)
	batch[2].Options.Priority = 11
	bus.DispatchBatch(t.Context(), batch)
	want := []string{
		"begin 1 a", "end true 1 false", "begin 1 a", "end true 0 true",
		"begin 3 b", "end true 3 false", "begin 3 b", "end true 0 true",
	}
	if diff := cmp.Diff(want, follow.log); diff != "" {
		t.Errorf("what it was told (-want +got):\n%s", diff)
	}
}

func BenchmarkDispatchWithoutTrace(b *testing.B) {
	bus, err := symphony.NewBus([]symphony.Transport{discard{}}, symphony.BusOptions{})
	if err != nil {
		b.Fatal(err)
	}
	o := symphony.DispatchOptions{Headers: headers{"tenant": "7"}}
	m := symphony.Message{Type: "order.paid", Payload: []byte(`{"order": 42}`)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := bus.DispatchMessage(b.Context(), m, o); err != nil {
			b.Fatal(err)
		}
	}
}

// discard is a transport that stores nothing, so that a benchmark measures the bus alone.
type discard struct{ symphony.Transport }

func (discard) Name() string                        { return "default" }
func (discard) Capabilities() symphony.Capabilities { return symphony.Capabilities{} }
func (discard) Send(_ context.Context, list []*symphony.Envelope) ([]symphony.Receipt, error) {
	return make([]symphony.Receipt, len(list)), nil
}
