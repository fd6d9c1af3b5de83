package otlp

import (
	"context"
	"log/slog"
	"sync"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// exporter tells the log of failures, once in a row of them; the SDK would print each one.
type exporter struct {
	sdktrace.SpanExporter
	log *slog.Logger

	mu   sync.Mutex
	lost int // spans, since it last worked
}

// ExportSpans sends a batch. It never fails: what could not be sent is lost, and nobody can do anything about it.
func (e *exporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	err := e.SpanExporter.ExportSpans(ctx, spans)
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case err != nil:
		if e.lost == 0 {
			e.log.Warn("traces cannot be sent; they are dropped until they can be", "error", err)
		}
		e.lost += len(spans)
	case e.lost > 0:
		e.log.Info("traces are sent again", "lost_spans", e.lost)
		e.lost = 0
	}
	return nil
}
