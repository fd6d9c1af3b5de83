package wire

import "time"

// StatusResponse answers GET /api/symphony/status.
type StatusResponse struct {
	Success           bool             `json:"success" required:"true"`
	Transport         string           `json:"transport" required:"true"`
	Transports        []string         `json:"transports" required:"true" description:"The names of all transports, as configured."`
	Queue             Counts           `json:"queue" required:"true"`
	FailedMessages    int64            `json:"failedMessages" required:"true"`
	ScheduledMessages int64            `json:"scheduledMessages" required:"true" description:"Pending with a scheduledAt still ahead."`
	OldestPendingAge  int64            `json:"oldestPendingAge" required:"true" description:"How long the oldest ready message has been ready, in milliseconds."`
	Queues            map[string]Queue `json:"queues" required:"true"`
	// Workers are there where it is known who works.
	Workers *WorkerCounts `json:"workers,omitzero" description:"The continuous workers of this transport, on all nodes, as of their last heartbeats; left out where that is not known."`
	// Holds are there where something is stopped.
	Holds []Hold `json:"holds,omitempty" description:"What is paused or draining; left out where nothing is."`
	// Breakers are there where one is not closed.
	Breakers []Breaker `json:"breakers,omitempty" description:"Handlers of this node that are not called because they keep failing; left out where there are none."`
	// Nodes are there where several processes share the storage.
	Nodes     []Node    `json:"nodes,omitempty" description:"The processes that share the storage and are alive; left out where it belongs to one process."`
	Timestamp time.Time `json:"timestamp" required:"true"`
	// Storage is there where it is known.
	Storage *StorageBytes `json:"storage,omitzero" description:"What the storage of this transport, and of others on it, uses bytes for; left out where that is not known, or not yet."`
}

// StorageBytes are what a storage uses.
type StorageBytes struct {
	Total       int64            `json:"total" required:"true" description:"With indexes and logs."`
	Kinds       map[string]int64 `json:"kinds" required:"true" description:"Bytes by what they are used for, with indexes: waiting (messages that wait or are in hand), completed, failed, cancelled, attempts (with logs), outputs, schedules, events (with the audit trail), log, other and free. What is not known is left out: on PostgreSQL outputs are in completed, and free is in all of them."`
	Approximate bool             `json:"approximate" required:"true" description:"Whether kinds, but for log and free, are estimates from samples."`
	At          time.Time        `json:"at" required:"true" description:"When it was looked at."`
}

// Counts are messages by status.
type Counts struct {
	Depth      int64 `json:"depth" required:"true" description:"Pending and processing."`
	Pending    int64 `json:"pending" required:"true" description:"Ready, scheduled for later, or waiting for a retry."`
	Processing int64 `json:"processing" required:"true"`
	Completed  int64 `json:"completed" required:"true" description:"Since the transport was created."`
	Failed     int64 `json:"failed" required:"true"`
	Cancelled  int64 `json:"cancelled" required:"true" description:"Since the transport was created."`
}

// Queue is the state of one queue.
type Queue struct {
	Counts
	ScheduledMessages int64 `json:"scheduledMessages" required:"true"`
	OldestPendingAge  int64 `json:"oldestPendingAge" required:"true" description:"Milliseconds."`
}
