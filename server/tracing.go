package server

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/config"
	"github.com/symphony-messenger/symphony/tracing"
	"github.com/symphony-messenger/symphony/tracing/otlp"
)

// flushTime is how long the last spans may take when the process ends.
const flushTime = 3 * time.Second

// traces is what a node has of tracing; nothing where that is off.
type traces struct {
	provider *otlp.Provider
	spans    *tracing.Tracing
}

// startTracing begins to trace as the configuration says. A variable that is not valid is a *config.Error.
func (n *node) startTracing(ctx context.Context) error {
	c := n.config.Tracing
	if !c.Enabled {
		return nil
	}
	provider, err := otlp.New(ctx, otlp.Options{
		Endpoint: c.Endpoint, Protocol: c.Protocol, Headers: c.HeaderMap(), SampleRatio: c.SampleRatio, ServiceName: c.ServiceName, Version: n.o.Version, Logger: n.log,
	})
	if err != nil {
		var problems []config.Problem
		for line := range strings.SplitSeq(err.Error(), "\n") {
			problems = append(problems, config.Problem{Source: "tracing", Message: line})
		}
		return &config.Error{Problems: problems}
	}
	if provider == nil {
		n.log.Info("tracing is turned off by a variable of OpenTelemetry")
		return nil
	}
	policies := make(map[string]symphony.Policy, len(n.config.Transports))
	for _, t := range n.config.Transports {
		policies[t.Name] = t.Retry.Policy()
	}
	spans := tracing.New(provider,
		tracing.Options{Policy: func(d *symphony.Delivery) symphony.Policy {
			return n.mux.PolicyOf(&d.Envelope,
				policies[d.Transport]).For(d.Terms)
		}})
	n.traces = traces{provider, spans}
	n.mux.Use(spans.Middleware())
	n.log.Info("tracing", "endpoint", provider.Endpoint)
	return nil
}

// tracer is what the bus takes, nil where tracing is off.
func (t traces) tracer() symphony.DispatchTracer {
	if t.spans == nil {
		return nil
	}
	return t.spans
}

// handler makes spans of the requests that h serves.
func (t traces) handler(h http.Handler) http.Handler {
	if t.spans == nil {
		return h
	}
	return t.spans.Handler(h)
}

// close sends the last spans, for a limited time. That a collector is away fails nothing.
func (t traces) close(log *slog.Logger) {
	if t.provider == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), flushTime)
	defer cancel()
	if err := t.provider.Close(ctx); err != nil {
		log.Warn("tracing ends", "error", err)
	}
}
