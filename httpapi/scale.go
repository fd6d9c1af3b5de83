package httpapi

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/httpapi/wire"
	"github.com/symphony-messenger/symphony/monitor"
	"github.com/symphony-messenger/symphony/worker"
)

// scale tells how many workers a queue needs.
func scale(c *call) error {
	m := c.api.o.Monitor
	if m == nil {
		return unsupported("does not look after its health: the API was made without Options.Monitor")
	}
	var list []symphony.Problem
	q := monitor.ScaleQuery{
		Transport: c.query["transport"], Queue: c.query["queue"],
		Concurrency: c.number("concurrency", 1, worker.MaxConcurrency, &list),
		Drain:       millis(c.number("drain", wire.MinDrain, wire.MaxDrain, &list)),
	}
	if _, err := c.api.o.Bus.Transport(c.transport()); err != nil {
		list = append(list, symphony.Problem{Path: "transport", Message: err.Error()})
	}
	if err := symphony.ValidateName(q.Queue); err != nil && q.Queue != "" {
		list = append(list, symphony.Problem{Path: "queue", Message: err.Error()})
	}
	if len(list) > 0 {
		return invalid(list...)
	}
	ctx, cancel := context.WithTimeout(c.Context(), healthTimeout)
	defer cancel()
	s, err := m.Scale(ctx, q)
	if errors.Is(err, symphony.ErrUnsupported) {
		return unsupported("keeps no metrics: metrics.enabled is false, or the API was made without Options.Metrics")
	}
	if err != nil {
		return err
	}
	out := wire.ScaleResponse{
		Success: true, Transport: s.Transport, Queue: s.Queue, Backlog: s.Backlog, Processing: s.Processing,
		OldestAge: s.OldestAge.Milliseconds(), ArrivalRate: s.ArrivalRate, RetryRate: s.RetryRate,
		HandleRate:     s.HandleRate,
		AverageRunTime: float64(s.RunTime) / float64(time.Millisecond), Paused: s.Paused, Concurrency: s.Concurrency,
		Drain: s.Drain.Milliseconds(), DesiredWorkers: s.DesiredWorkers,
	}
	thousandths(&out.ArrivalRate, &out.RetryRate, &out.HandleRate, &out.AverageRunTime)
	return c.answer(http.StatusOK, out)
}
