package httpapi

import (
	"context"
	"net/http"

	"github.com/symphony-messenger/symphony/httpapi/wire"
	"github.com/symphony-messenger/symphony/worker"
)

var errNoControl = unsupported(
	"cannot tell workers: no transport keeps records, or the API was made without Options.Records")

func stopWorkers(c *call) error {
	if c.api.o.Records == nil {
		return errNoControl
	}
	if err := worker.StopAll(c.Context(), c.api.o.Records, c.api.stored.Now()); err != nil {
		return err
	}
	return c.answer(http.StatusOK, wire.DoneResponse{Success: true, Message: "All workers that run now were asked to stop. They do not come back by themselves: start them again, or restart their processes."})
}

func startWorkers(c *call) error {
	if c.api.o.Records == nil {
		return errNoControl
	}
	stopped, err := worker.StartAll(c.Context(), c.api.o.Records)
	if err != nil {
		return err
	}
	message := "All servers whose workers were stopped by request were asked to start them again."
	if !stopped {
		message = "No workers are stopped by request, so there is nothing to start."
	}
	return c.answer(http.StatusOK, wire.DoneResponse{Success: true, Message: message})
}

func workersShow(c *call) error {
	m := c.api.o.Monitor
	if m == nil {
		return unsupported("does not look after its workers: the API was made without Options.Monitor")
	}
	ctx, cancel := context.WithTimeout(c.Context(), healthTimeout)
	defer cancel()
	nodes, err := m.Nodes(ctx)
	if err != nil {
		return err
	}
	others, more, err := m.Others(ctx, nodes)
	if err != nil {
		return err
	}
	answer := wire.WorkersResponse{Success: true, Nodes: make([]wire.Node, len(nodes)), Others: make([]wire.OtherLease, len(others)), More: more, Timestamp: c.api.stored.Now().UTC()}
	for i, n := range nodes {
		answer.Nodes[i] = wireNode(n)
	}
	for i, o := range others {
		answer.Others[i] = wire.OtherLease{
			Transport: o.Transport, Worker: o.Worker, Processing: o.Messages, LeasedUntil: o.LeasedUntil.UTC(),
			Oldest: wire.AtWork{MessageID: o.Oldest.ID, Type: o.Oldest.Type, Queue: o.Oldest.Queue, Attempt: o.Oldest.Deliveries, Since: o.Oldest.StartedAt.UTC()},
		}
	}
	return c.answer(http.StatusOK, answer)
}
