package client

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// MetricsQuery asks for figures over time. Zero fields leave the choice to the server: the last hour, by minute, of all.
type MetricsQuery struct {
	Minutes            int       // the last so many; not with StartTime or EndTime
	StartTime, EndTime time.Time // EndTime zero: until now
	Step               int       // minutes between two entries of the series
	Transport, Type    string
}

// Metrics returns figures of all nodes.
func (c *Client) Metrics(ctx context.Context, q MetricsQuery) (out wire.MetricsResponse, err error) {
	values := inTransport(q.Transport)
	for name, n := range map[string]int{"minutes": q.Minutes, "step": q.Step} {
		if n != 0 {
			values.Set(name, strconv.Itoa(n))
		}
	}
	for name, t := range map[string]time.Time{"startTime": q.StartTime, "endTime": q.EndTime} {
		if !t.IsZero() {
			values.Set(name, t.UTC().Format(time.RFC3339Nano))
		}
	}
	if q.Type != "" {
		values.Set("type", q.Type)
	}
	return ask(ctx, c, wire.GetMetrics, "", values)
}

// Health tells whether work flows. An unhealthy installation is a report, not an error.
func (c *Client) Health(ctx context.Context) (out wire.HealthReport, err error) {
	err = c.do(ctx, wire.GetHealth.Method, wire.GetHealth.Path, "", nil, nil, &out)
	var e *Error
	if errors.As(err, &e) && e.Code == "unhealthy" {
		if uerr := json.Unmarshal(e.Details, &out); uerr == nil {
			return out, nil
		}
	}
	return out, err
}

// Workers shows the workers of all nodes, and who else has messages in hand.
func (c *Client) Workers(ctx context.Context) (wire.WorkersResponse, error) {
	return ask(ctx, c, wire.ListWorkers, "", nil)
}
