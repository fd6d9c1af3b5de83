package wire

import "time"

// QueuesResponse answers GET /api/symphony/queues.
type QueuesResponse struct {
	Success    bool        `json:"success" required:"true"`
	Queues     []QueueInfo `json:"queues" required:"true" description:"In the order of transports and names."`
	Pagination NamePages   `json:"pagination" required:"true"`
}

// QueueInfo is a queue that has had messages, or for which a limit or a hold is set.
type QueueInfo struct {
	Transport string `json:"transport" required:"true"`
	Queue     string `json:"queue" required:"true"`
	Counts
	ScheduledMessages int64    `json:"scheduledMessages" required:"true" description:"With a scheduledAt still ahead."`
	OldestPendingAge  int64    `json:"oldestPendingAge" required:"true" description:"Milliseconds, of what is ready."`
	Holds             []Hold   `json:"holds" required:"true" description:"Of the queue, and of its whole transport."`
	Limits            []Limit  `json:"limits" required:"true" description:"Of the queue."`
	Figures           *Figures `json:"figures,omitzero" description:"Of the last hour, where anything is counted."`
	Series            []int64  `json:"series,omitempty" description:"Attempts of that hour, by five minutes."`
	// UnaskedSince is there where it is known.
	UnaskedSince *time.Time `json:"unaskedSince,omitzero" description:"Since when no worker is known to have asked."`
}
