package monitor

import (
	"encoding/json"
	"time"

	"github.com/symphony-messenger/symphony/storage"
	"github.com/symphony-messenger/symphony/worker"
)

// Node is a process with what it says about itself.
type Node struct {
	storage.Node
	NodeInfo
}

// NodeInfo is what a process says about itself with each heartbeat. Nodes of other releases read it, too: members are
// added and never change their meaning.
type NodeInfo struct {
	Workers  []NodeWorker  `json:"workers"` // the continuous ones
	Breakers []OpenBreaker `json:"breakers,omitempty"`
	// Process is the name under which its workers are stopped and started, see worker.StopNode; "" of earlier releases.
	Process string `json:"process,omitzero"`
	Memory  uint64 `json:"memory,omitzero"` // that the process holds, in bytes
	// Handlers says that it works with handlers that are set at run time; false of earlier releases.
	Handlers bool `json:"handlers,omitzero"`
}

// NodeWorker is a worker of a node.
type NodeWorker struct {
	Transport   string `json:"transport"`
	Name        string `json:"name"`
	Concurrency int    `json:"concurrency"`
	Processing  int    `json:"processing"` // handlers at work
	Buffered    int    `json:"buffered"`   // claimed and not started
	Succeeded   int64  `json:"succeeded"`  // since it started
	Failed      int64  `json:"failed"`
	// Queues are those it works on, none for all of its transport.
	Queues    []string `json:"queues,omitempty"`
	Unsettled int      `json:"unsettled,omitzero"` // handled, and the result not stored yet
	Running   bool     `json:"running,omitzero"`
	// StopReason is why it stopped, as worker.StopReason has it.
	StopReason worker.StopReason `json:"stopReason,omitzero"`
	StartedAt  time.Time         `json:"startedAt,omitzero"`
	// LastEndedAt is when the last attempt ended whose result is stored.
	LastEndedAt time.Time `json:"lastEndedAt,omitzero"`
	// AtWork are the messages that have been at work for the longest, the oldest first.
	AtWork  []AtWork `json:"atWork,omitempty"`
	Outages []Outage `json:"outages,omitempty"`
}

// AtWork is a message whose handler runs.
type AtWork struct {
	MessageID string    `json:"messageId"`
	Type      string    `json:"type"`
	Queue     string    `json:"queue"`
	Attempt   int       `json:"attempt"`
	Since     time.Time `json:"since"`
	Lost      bool      `json:"lost,omitzero"` // its lease; the handler was told to stop and goes on
}

// Outage is a kind of call to the storage that fails at present.
type Outage struct {
	Call  string    `json:"call"` // receive, settle or extend
	Since time.Time `json:"since"`
	Error string    `json:"error"`
}

// OpenBreaker is a circuit breaker that is not closed.
type OpenBreaker struct {
	Handler  string    `json:"handler"`
	State    string    `json:"state"`    // open or half_open
	Failures int       `json:"failures"` // in a row
	OpenedAt time.Time `json:"openedAt"`
	ProbeAt  time.Time `json:"probeAt"` // when the next message probes
}

// WorkerOf is what a node says about one of its workers.
func WorkerOf(s worker.Snapshot) NodeWorker {
	out := NodeWorker{
		Transport: s.Transport, Name: s.Name, Queues: s.Queues, Concurrency: s.Concurrency,
		Processing: s.Processing, Buffered: s.Buffered, Unsettled: s.Unsettled,
		Succeeded: s.Succeeded, Failed: s.Failed,
		Running: s.Running, StopReason: s.Reason, StartedAt: s.StartedAt.UTC(), LastEndedAt: s.LastEndedAt.UTC(),
	}
	for _, at := range s.AtWork {
		out.AtWork = append(out.AtWork, AtWork{
			MessageID: at.MessageID, Type: at.Type, Queue: at.Queue, Attempt: at.Attempt, Since: at.Since.UTC(), Lost: at.Lost,
		})
	}
	for _, o := range s.Outages {
		out.Outages = append(out.Outages, Outage{Call: o.Call, Since: o.Since.UTC(), Error: o.Err.Error()})
	}
	return out
}

// Unaware returns the names of the processes that handle messages and know of no handlers that are set at run time.
// What only dispatches says nothing about itself, and need not know.
func Unaware(nodes []storage.Node) (names []string) {
	for _, n := range nodes {
		var says struct {
			Workers  json.RawMessage `json:"workers"`
			Handlers bool            `json:"handlers"`
		}
		if json.Unmarshal(n.Info, &says) == nil && says.Workers != nil && !says.Handlers {
			names = append(names, n.Name)
		}
	}
	return names
}

// Encode makes the Info of a storage.Node.
func (i NodeInfo) Encode() json.RawMessage {
	if i.Workers == nil {
		i.Workers = []NodeWorker{}
	}
	raw, _ := json.Marshal(i) // cannot fail
	return raw
}

// NodeOf decodes what a node says about itself. Where a node of another release says something else, nothing is known
// of its workers.
func NodeOf(n storage.Node) Node {
	out := Node{Node: n}
	if json.Unmarshal(n.Info, &out.NodeInfo) != nil {
		out.NodeInfo = NodeInfo{}
	}
	return out
}
