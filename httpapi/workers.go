package httpapi

import (
	"github.com/symphony-messenger/symphony/httpapi/wire"
	"github.com/symphony-messenger/symphony/worker"
)

// WireWorker is the state of a worker as nodes tell it to each other and the API tells it to callers.
func WireWorker(s worker.Snapshot) wire.NodeWorker {
	out := wire.NodeWorker{
		Transport: s.Transport, Name: s.Name, Concurrency: s.Concurrency, Processing: s.Processing, Buffered: s.Buffered,
		Succeeded: s.Succeeded, Failed: s.Failed, Unsettled: s.Unsettled, Running: s.Running, StopReason: string(s.Reason),
		StartedAt: optional(s.StartedAt), LastEndedAt: optional(s.LastEndedAt),
	}
	for _, at := range s.AtWork {
		out.AtWork = append(out.AtWork, wire.AtWork{
			MessageID: at.MessageID, Type: at.Type, Queue: at.Queue, Attempt: at.Attempt, Since: at.Since.UTC(), Lost: at.Lost,
		})
	}
	for _, o := range s.Outages {
		out.Outages = append(out.Outages, wire.WorkerOutage{Call: o.Call, Since: o.Since.UTC(), Error: o.Err.Error()})
	}
	return out
}
