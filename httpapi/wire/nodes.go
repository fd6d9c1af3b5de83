package wire

import "time"

// NodesResponse answers GET /api/symphony/nodes.
type NodesResponse struct {
	Success   bool         `json:"success" required:"true"`
	Nodes     []NodeDetail `json:"nodes" required:"true" description:"The processes that share the storage."`
	Timestamp time.Time    `json:"timestamp" required:"true"`
}

// NodeDetail is one process that shares the storage, as of its last heartbeat.
type NodeDetail struct {
	Node
	Self        bool  `json:"self" required:"true" description:"It is the one that answers."`
	Memory      int64 `json:"memory,omitzero" description:"Bytes that the process holds."`
	Concurrency int   `json:"concurrency" required:"true" description:"Handlers that its workers run at most."`
	Processing  int   `json:"processing" required:"true" description:"Handlers at work."`
	Stopped     bool  `json:"stopped" required:"true" description:"Its workers are stopped by request."`
	// Steerable is false of nodes of earlier releases, which hear only what is asked of all.
	Steerable bool `json:"steerable" required:"true" description:"Its workers can be stopped alone."`
}
