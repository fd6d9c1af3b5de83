package httpapi

import (
	"net/http"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
	"github.com/symphony-messenger/symphony/httpapi/wire"
	"github.com/symphony-messenger/symphony/monitor"
	"github.com/symphony-messenger/symphony/storage"
)

func status(c *call) error {
	t, err := c.api.o.Bus.Transport(c.transport())
	if err != nil {
		return err
	}
	s, err := t.Stats(c.Context())
	if err != nil {
		return err
	}
	if c.owner() != "" {
		return c.ownStatus(t, s)
	}
	answer := statusOf(t.Name(), s, c.storeClock(t).Now())
	answer.Transports = c.api.o.Bus.Names()
	if c.api.o.Breakers != nil {
		answer.Breakers = wireBreakers(c.api.o.Breakers())
	}
	if control := flow.Of(t); control != nil {
		holds, err := control.Holds(c.Context())
		if err != nil {
			return err
		}
		answer.Holds = wireHolds(holds)
	}
	if c.api.o.Monitor != nil {
		nodes, err := c.api.o.Monitor.Nodes(c.Context())
		if err != nil {
			return err
		}
		if len(nodes) > 0 { // else nothing is known of workers
			answer.Workers = workersOn(t.Name(), nodes)
		}
	}
	if sizes, err := storage.SizesOf(t); err == nil {
		b, err := sizes.Bytes(c.Context())
		if err != nil {
			return err
		}
		answer.Storage = wireBytes(b)
	}
	if registry, err := storage.NodesOf(t); err == nil {
		nodes, err := registry.Nodes(c.Context())
		if err != nil {
			return err
		}
		answer.Nodes = make([]wire.Node, len(nodes))
		for i, n := range nodes {
			answer.Nodes[i] = wireNode(monitor.NodeOf(n))
		}
	}
	return c.answer(http.StatusOK, answer)
}

// wireBytes is what a storage uses, nil where that is not known yet.
func wireBytes(b storage.Bytes) *wire.StorageBytes {
	if b.At.IsZero() {
		return nil
	}
	return &wire.StorageBytes{Total: b.Total, Kinds: b.Kinds, Approximate: b.Approximate, At: b.At.UTC()}
}

// workersOn counts the continuous workers of a transport.
func workersOn(transport string, nodes []monitor.Node) *wire.WorkerCounts {
	running, stopped := monitor.WorkersOn(transport, nodes)
	return &wire.WorkerCounts{Running: running, Stopped: stopped}
}

// statusOf is a transport's statistics as the API tells them.
func statusOf(transport string, s symphony.Stats, now time.Time) wire.StatusResponse {
	out := wire.StatusResponse{
		Success: true, Transport: transport, Queue: counts(s.QueueStats), FailedMessages: s.Failed,
		ScheduledMessages: s.Scheduled,
		OldestPendingAge:  s.OldestPendingAge.Milliseconds(), Queues: make(map[string]wire.Queue, len(s.Queues)),
		Timestamp: now.UTC(),
	}
	for name, q := range s.Queues {
		out.Queues[name] = wire.Queue{Counts: counts(q), ScheduledMessages: q.Scheduled,
			OldestPendingAge: q.OldestPendingAge.Milliseconds()}
	}
	return out
}

func counts(q symphony.QueueStats) wire.Counts {
	return wire.Counts{Depth: q.Depth(), Pending: q.Pending, Processing: q.Processing, Completed: q.Completed,
		Failed:    q.Failed,
		Cancelled: q.Cancelled}
}
