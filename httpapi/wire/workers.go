package wire

import "time"

// WorkersResponse answers GET /api/symphony/workers.
type WorkersResponse struct {
	Success bool `json:"success" required:"true"`
	// Nodes of a storage that belongs to one process are that process.
	Nodes     []Node       `json:"nodes" required:"true" description:"The processes that share the storage, with their continuous workers, as of their last heartbeats."`
	Others    []OtherLease `json:"others" required:"true" description:"Who else has messages: pull workers, runs of consume and cron, and workers that died, by transport and worker."`
	More      bool         `json:"more,omitzero" description:"More messages are in work than were looked at for others."`
	Timestamp time.Time    `json:"timestamp" required:"true"`
}

// OtherLease is what somebody who is no continuous worker of a node that is alive has in hand.
type OtherLease struct {
	Transport   string    `json:"transport" required:"true"`
	Worker      string    `json:"worker" required:"true"`
	Processing  int       `json:"processing" required:"true" description:"Messages."`
	Oldest      AtWork    `json:"oldest" required:"true"`
	LeasedUntil time.Time `json:"leasedUntil" required:"true" description:"When the first of their leases ends unless it is extended."`
}

// WorkerCounts count the continuous workers of a transport.
type WorkerCounts struct {
	Running int `json:"running" required:"true"`
	Stopped int `json:"stopped" required:"true" description:"Ended by POST /api/symphony/workers/stop, in servers that still run: POST /api/symphony/workers/start brings them back."`
}

// Node is one process that shares a storage.
type Node struct {
	ID        string    `json:"id" required:"true"`
	Name      string    `json:"name" required:"true" description:"Host and process id."`
	Version   string    `json:"version" required:"true"`
	StartedAt time.Time `json:"startedAt" required:"true"`
	SeenAt    time.Time `json:"seenAt" required:"true" description:"Its last heartbeat, every ten seconds."`

	Workers  []NodeWorker `json:"workers" required:"true" description:"The continuous workers of the process."`
	Breakers []Breaker    `json:"breakers,omitempty" description:"Its circuit breakers that are not closed."`
}

// Breaker is a circuit breaker that is not closed.
type Breaker struct {
	Handler  string    `json:"handler" required:"true"`
	State    string    `json:"state" enum:"open,half_open" required:"true" description:"open: its messages wait. half_open: one of them probes."`
	Failures int       `json:"failures" required:"true" description:"In a row."`
	OpenedAt time.Time `json:"openedAt" required:"true"`
	ProbeAt  time.Time `json:"probeAt" required:"true" description:"When the next message probes."`
}

// NodeWorker is a worker of a node.
type NodeWorker struct {
	Transport   string `json:"transport" required:"true"`
	Name        string `json:"name" required:"true"`
	Concurrency int    `json:"concurrency" required:"true"`
	Processing  int    `json:"processing" required:"true" description:"Handlers at work."`
	Buffered    int    `json:"buffered" required:"true" description:"Claimed and not started."`
	Succeeded   int64  `json:"succeeded" required:"true" description:"Since the worker started."`
	Failed      int64  `json:"failed" required:"true"`
	// What follows is missing from nodes of earlier releases.
	Queues      []string       `json:"queues,omitempty" description:"Those it works on. Left out: all."`
	Unsettled   int            `json:"unsettled,omitzero" description:"Handled, and the result not stored yet."`
	Running     bool           `json:"running,omitzero"`
	StopReason  string         `json:"stopReason,omitzero" description:"Why it stopped: empty, message_limit, time_limit, memory_limit, failure_limit, stop_requested, stopped or closed."`
	StartedAt   *time.Time     `json:"startedAt,omitzero"`
	LastEndedAt *time.Time     `json:"lastEndedAt,omitzero" description:"When the last attempt ended whose result is stored."`
	AtWork      []AtWork       `json:"atWork,omitempty" description:"The messages that have been at work for the longest, the oldest first, at most 10."`
	Outages     []WorkerOutage `json:"outages,omitempty" description:"Calls to the storage that fail at present."`
}

// AtWork is a message whose handler runs.
type AtWork struct {
	MessageID string    `json:"messageId" required:"true"`
	Type      string    `json:"type" required:"true"`
	Queue     string    `json:"queue" required:"true"`
	Attempt   int       `json:"attempt" required:"true"`
	Since     time.Time `json:"since" required:"true"`
	Lost      bool      `json:"lost,omitzero" description:"Its lease is lost: the handler was told to stop and goes on, while others may have the message."`
}

// WorkerOutage is a kind of call to the storage that fails.
type WorkerOutage struct {
	Call  string    `json:"call" enum:"receive,settle,extend" required:"true" description:"receive, settle or extend."`
	Since time.Time `json:"since" required:"true"`
	Error string    `json:"error" mask:"text" required:"true"`
}
