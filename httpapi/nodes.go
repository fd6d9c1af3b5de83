package httpapi

import (
	"github.com/symphony-messenger/symphony/httpapi/wire"
	"github.com/symphony-messenger/symphony/monitor"
)

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
