package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/symphony-messenger/symphony/httpapi/wire"
	"github.com/symphony-messenger/symphony/monitor"
)

func health(c *call) error {
	m := c.api.o.Monitor
	if m == nil {
		return unsupported("does not look after its health: the API was made without Options.Monitor")
	}
	ctx, cancel := context.WithTimeout(c.Context(), healthTimeout)
	defer cancel()
	signals := m.Collect(ctx)
	h := m.Judge(signals)
	report := wire.HealthReport{Success: h.Status != monitor.Unhealthy, Status: string(h.Status), Timestamp: signals.At.UTC()}
	var wrong []string
	for _, check := range h.Checks {
		report.Checks = append(report.Checks, wire.HealthCheck{
			Name: check.Name, Status: string(check.Status), Message: check.Message, Value: check.Value, Threshold: check.Threshold, Unit: check.Unit,
		})
		if check.Status == monitor.Unhealthy {
			wrong = append(wrong, check.Message)
		}
	}
	if report.Success {
		return c.answer(http.StatusOK, report)
	}
	c.w.expected = true
	return &unhealthyError{report, wrong}
}

// unhealthyError says that work does not flow.
type unhealthyError struct {
	report wire.HealthReport
	wrong  []string // what is
}

func (e *unhealthyError) Error() string { return "work does not flow: " + strings.Join(e.wrong, "; ") }

func healthz(c *call) error {
	return c.answer(http.StatusOK, wire.HealthResponse{Success: true, Status: "ok", Version: c.api.o.Version})
}

// readyTimeout bounds what readyz waits for storage.
const readyTimeout = 2 * time.Second

func readyz(c *call) error {
	ctx, cancel := context.WithTimeout(c.Context(), readyTimeout)
	defer cancel()
	err := error(nil)
	if c.api.o.Draining.Err() != nil {
		err = errDraining
	}
	for _, name := range c.api.o.Bus.Names() {
		if t, terr := c.api.o.Bus.Transport(name); err == nil && terr == nil {
			_, err = t.Stats(ctx)
		}
	}
	if err != nil {
		return notReady(err)
	}
	return c.answer(http.StatusOK, wire.HealthResponse{Success: true, Status: "ready"})
}

var errDraining = errors.New("the server is shutting down")

func notReady(cause error) error {
	return fmt.Errorf("%w: %w", errNotReady, cause)
}
