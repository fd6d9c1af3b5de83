package tracing

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/symphony-messenger/symphony"
)

// Middleware returns what makes a span of each attempt of each handler. It should be the first that a Mux uses, so that
// other middleware is in the span.
func (t *Tracing) Middleware() symphony.Middleware {
	return func(next symphony.Handler) symphony.Handler {
		return symphony.HandlerFunc(func(ctx context.Context, d *symphony.Delivery) error { return t.process(ctx, d, next) })
	}
}

func (t *Tracing) process(ctx context.Context, d *symphony.Delivery, next symphony.Handler) (err error) {
	attributes := make([]attribute.KeyValue, 0, 9)
	attributes = append(attributes, system, semconv.MessagingOperationName("process"), semconv.MessagingOperationTypeProcess,
		semconv.MessagingDestinationName(destination(d.Transport, d.Queue)), semconv.MessagingMessageID(d.ID),
		semconv.MessagingMessageBodySize(len(d.Payload)), keyType.String(d.Type), keyAttempt.Int(d.Attempt))
	if d.CorrelationID != "" {
		attributes = append(attributes, semconv.MessagingMessageConversationID(d.CorrelationID))
	}
	options := []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(attributes...)}
	ambient, parent := trace.SpanContextFromContext(ctx), ctx
	if origin := SpanContext(d.Trace()); origin.IsValid() {
		links := []trace.Link{{SpanContext: origin}}
		if ambient.IsValid() && ambient.TraceID() != origin.TraceID() {
			links = append(links, trace.Link{SpanContext: ambient}) // such as the request that this worker runs for
		}
		parent = trace.ContextWithRemoteSpanContext(ctx, origin)
		options = append(options, trace.WithLinks(links...))
	}
	ctx, span := t.tracer.Start(parent, "process "+d.Type, options...)
	ended := false
	defer func() {
		if !ended { // it panicked, or ended its goroutine, which the worker makes a failure, too
			t.end(ctx, span, d, &symphony.PanicError{})
		}
	}()
	err = next.Handle(symphony.ContextWithTrace(ctx, Trace(span.SpanContext())), d)
	ended = true
	t.end(ctx, span, d, err)
	return err
}

// end ends a span with what comes of the attempt.
func (t *Tracing) end(ctx context.Context, span trace.Span, d *symphony.Delivery, err error) {
	defer span.End()
	if !span.IsRecording() {
		return
	}
	cause := context.Cause(ctx)
	switch {
	case errors.Is(cause, symphony.ErrCancelled):
		span.SetAttributes(keyOutcome.String(symphony.Cancel.String()))
	case err == nil:
		span.SetAttributes(keyOutcome.String(symphony.Ack.String()))
	case errors.Is(cause, symphony.ErrInterrupted):
		span.SetAttributes(keyOutcome.String(symphony.Release.String()))
	case errors.Is(cause, symphony.ErrLeaseLost):
		span.SetAttributes(keyOutcome.String("lease_lost"))
		fail(span, "lease_lost")
	default:
		outcome := t.policy(d).Decide(d.Attempt, err, 0).Outcome
		span.SetAttributes(keyOutcome.String(outcome.String()))
		if outcome == symphony.Release { // nothing was tried, as while a circuit is open
			span.SetAttributes(semconv.ErrorTypeKey.String(clean(symphony.ErrorClass(err), symphony.MaxTypeLength)))
			return
		}
		fail(span, symphony.ErrorClass(err))
	}
}
