package tracing

import (
	"context"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/symphony-messenger/symphony"
)

// maxLinks bounds the links of the span of a batch whose messages have traces of their own.
const maxLinks = 100

// BeginDispatch starts a span of the context's one, or else of the trace that symphony.TraceFrom says.
func (t *Tracing) BeginDispatch(ctx context.Context, batch []symphony.Outgoing) context.Context {
	if !trace.SpanContextFromContext(ctx).IsValid() {
		if origin := SpanContext(symphony.TraceFrom(ctx)); origin.IsValid() {
			ctx = trace.ContextWithRemoteSpanContext(ctx, origin)
		}
	}
	name, attributes := "send", make([]attribute.KeyValue, 0, 5)
	attributes = append(attributes, system, semconv.MessagingOperationName("send"), semconv.MessagingOperationTypeSend)
	if typ := commonType(batch); typ != "" {
		name += " " + typ
		attributes = append(attributes, keyType.String(typ))
	}
	if len(batch) == 1 {
		attributes = append(attributes, semconv.MessagingMessageBodySize(len(batch[0].Message.Payload)))
	} else {
		attributes = append(attributes, semconv.MessagingBatchMessageCount(len(batch)))
	}
	options := []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindProducer), trace.WithAttributes(attributes...)}
	if links := ownTraces(batch); len(links) > 0 {
		options = append(options, trace.WithLinks(links...))
	}
	ctx, span := t.tracer.Start(ctx, name, options...)
	return symphony.ContextWithTrace(ctx, Trace(span.SpanContext()))
}

// EndDispatch ends the span.
func (t *Tracing) EndDispatch(ctx context.Context, receipts []symphony.Receipt, err error) {
	span := trace.SpanFromContext(ctx)
	defer span.End()
	switch {
	case !span.IsRecording():
	case err != nil:
		fail(span, symphony.ErrorClass(err))
	case len(receipts) == 1:
		r := &receipts[0]
		span.SetAttributes(semconv.MessagingDestinationName(destination(r.Transport, r.Queue)), semconv.MessagingMessageID(r.ID))
		if r.Duplicate {
			span.SetAttributes(keyDuplicate.Bool(true))
		}
	default:
		if name := commonDestination(receipts); name != "" {
			span.SetAttributes(semconv.MessagingDestinationName(name))
		}
	}
}

// fail marks a span as failed with a class of error.
func fail(span trace.Span, class string) {
	class = clean(class, symphony.MaxTypeLength)
	span.SetAttributes(semconv.ErrorTypeKey.String(class))
	span.SetStatus(codes.Error, class)
}

// commonType is the type of the messages, "" if they are of several, or if it is none that a message could have: it is
// not validated yet.
func commonType(batch []symphony.Outgoing) string {
	if len(batch) == 0 {
		return ""
	}
	typ := batch[0].Message.Type
	for i := range batch {
		if batch[i].Message.Type != typ {
			return ""
		}
	}
	if utf8.RuneCountInString(typ) > symphony.MaxTypeLength || !utf8.ValidString(typ) {
		return ""
	}
	return typ
}

// commonDestination is the queue of the messages, "" if they are in several.
func commonDestination(receipts []symphony.Receipt) string {
	for i := range receipts {
		if receipts[i].Transport != receipts[0].Transport || receipts[i].Queue != receipts[0].Queue {
			return ""
		}
	}
	return destination(receipts[0].Transport, receipts[0].Queue)
}

// ownTraces are links to the traces that messages bring along.
func ownTraces(batch []symphony.Outgoing) (links []trace.Link) {
	for i := range batch {
		if len(batch[i].Options.Headers) == 0 {
			continue
		}
		e := symphony.Envelope{Headers: batch[i].Options.Headers}
		if own := SpanContext(e.Trace()); own.IsValid() && len(links) < maxLinks {
			links = append(links, trace.Link{SpanContext: own})
		}
	}
	return links
}
