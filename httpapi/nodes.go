package httpapi

import (
	"context"
	"net/http"
	"slices"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/httpapi/wire"
	"github.com/symphony-messenger/symphony/monitor"
	"github.com/symphony-messenger/symphony/worker"
)

var errNoNodes = unsupported("does not look after its workers: the API was made without Options.Monitor")

// nodes are the processes that share the storage, and the names under which their workers are steered.
func (c *call) nodes(ctx context.Context) (nodes []monitor.Node, names []string, err error) {
	if c.api.o.Monitor == nil {
		return nil, nil, errNoNodes
	}
	if nodes, err = c.api.o.Monitor.Nodes(ctx); err != nil {
		return nil, nil, err
	}
	for _, n := range nodes {
		if n.Process != "" {
			names = append(names, n.Process)
		}
	}
	return nodes, names, nil
}

func nodesList(c *call) error {
	ctx, cancel := context.WithTimeout(c.Context(), healthTimeout)
	defer cancel()
	nodes, names, err := c.nodes(ctx)
	if err != nil {
		return err
	}
	var stopped []string
	if c.api.o.Records != nil {
		if stopped, err = worker.StoppedNodes(ctx, c.api.o.Records, names); err != nil {
			return err
		}
	}
	answer := wire.NodesResponse{Success: true, Nodes: []wire.NodeDetail{}, Timestamp: c.api.stored.Now().UTC()}
	for _, n := range nodes {
		detail := wire.NodeDetail{
			Node: wireNode(n), Self: n.Process != "" && n.Process == c.api.o.Node, Memory: int64(n.Memory),
			Stopped:   len(n.Workers) > 0 && slices.Contains(stopped, n.Process), // without any nothing stops
			Steerable: n.Process != "",
		}
		for _, w := range n.Workers {
			detail.Processing += w.Processing
			if w.Running {
				detail.Concurrency += w.Concurrency
			}
		}
		answer.Nodes = append(answer.Nodes, detail)
	}
	return c.answer(http.StatusOK, answer)
}

// node is the name under which the workers of the node in the path are steered, with those of all.
func (c *call) node() (name string, names []string, err error) {
	if c.api.o.Records == nil {
		return "", nil, errNoControl
	}
	nodes, names, err := c.nodes(c.Context())
	if err != nil {
		return "", nil, err
	}
	at := slices.IndexFunc(nodes, func(n monitor.Node) bool { return n.ID == c.PathValue("id") })
	switch {
	case at < 0:
		return "", nil, symphony.ErrNotFound
	case nodes[at].Process == "":
		return "", nil, say(errNotOffered, "node %s is of an earlier release, whose workers can only be stopped and "+
			"started with those of all", nodes[at].Name)
	}
	return nodes[at].Process, names, nil
}

func stopNode(c *call) error {
	name, names, err := c.node()
	if err == nil {
		err = worker.StopNode(c.Context(), c.api.o.Records, name, names, c.api.stored.Now())
	}
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, wire.DoneResponse{Success: true, Message: "The workers of the node were asked to " +
		"stop. They do not come back by themselves: start them again, or restart the process."})
}

func startNode(c *call) error {
	name, names, err := c.node()
	if err != nil {
		return err
	}
	stopped, err := worker.StartNode(c.Context(), c.api.o.Records, name, names)
	if err != nil {
		return err
	}
	message := "The node was asked to start its workers again."
	if !stopped {
		message = "The node's workers are not stopped by request, so there is nothing to start."
	}
	return c.answer(http.StatusOK, wire.DoneResponse{Success: true, Message: message})
}

func wireNode(n monitor.Node) wire.Node {
	out := wire.Node{
		ID: n.ID, Name: n.Name, Version: n.Version, StartedAt: n.StartedAt, SeenAt: n.SeenAt,
		Workers: make([]wire.NodeWorker, len(n.Workers)), Breakers: wireBreakers(n.Breakers),
	}
	for i, w := range n.Workers {
		out.Workers[i] = wireWorker(w)
	}
	return out
}

func wireWorker(w monitor.NodeWorker) wire.NodeWorker {
	out := wire.NodeWorker{
		Transport: w.Transport, Name: w.Name, Queues: w.Queues, Concurrency: w.Concurrency,
		Processing: w.Processing, Buffered: w.Buffered, Unsettled: w.Unsettled,
		Succeeded: w.Succeeded, Failed: w.Failed,
		Running: w.Running, StopReason: string(w.StopReason),
		StartedAt: optional(w.StartedAt), LastEndedAt: optional(w.LastEndedAt),
	}
	for _, at := range w.AtWork {
		out.AtWork = append(out.AtWork, wire.AtWork(at))
	}
	for _, o := range w.Outages {
		out.Outages = append(out.Outages, wire.WorkerOutage(o))
	}
	return out
}

func wireBreakers(list []monitor.OpenBreaker) []wire.Breaker {
	var out []wire.Breaker
	for _, b := range list {
		out = append(out, wire.Breaker(b))
	}
	return out
}
