package client

import (
	"context"
	"strconv"
	"time"

	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// MetricsQuery asks for figures over time. Zero fields leave the choice to the server: the last hour, by minute, of
// all.
type MetricsQuery struct {
	Minutes            int       // the last so many; not with StartTime or EndTime
	StartTime, EndTime time.Time // EndTime zero: until now
	Step               int       // minutes between two entries of the series
	Transport          string
	// Type, Queue or Worker, at most one of them, selects what is counted.
	Type, Queue, Worker string
	// GroupBy adds groups: type, queue, worker or status.
	GroupBy string
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
	names := map[string]string{"type": q.Type, "queue": q.Queue, "worker": q.Worker, "groupBy": q.GroupBy}
	for name, value := range names {
		if value != "" {
			values.Set(name, value)
		}
	}
	return ask(ctx, c, wire.GetMetrics, "", values)
}
