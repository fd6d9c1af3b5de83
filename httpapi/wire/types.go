package wire

import "time"

// DefaultTypesMinutes is over how many minutes the figures of types and queues are added up, TypesStep how many of them
// an entry of their series has.
const (
	DefaultTypesMinutes = 60
	TypesStep           = 5
	// MaxTypeDelays bounds TypeRetry.Delays.
	MaxTypeDelays = 100
	// TypeCountsFor is how old counts by type may be.
	TypeCountsFor = 2 * time.Second
)

// TypesResponse answers GET /api/symphony/types.
type TypesResponse struct {
	Success    bool           `json:"success" required:"true"`
	Types      []TypeInfo     `json:"types" required:"true" description:"In the order of their names."`
	Schemas    map[string]any `json:"schemas" required:"true" description:"JSON Schemas of these types, by pattern."`
	Pagination NamePages      `json:"pagination" required:"true"`

	PendingAtLeast    bool `json:"pendingAtLeast,omitzero" description:"More may wait: each pending is the least."`
	ProcessingAtLeast bool `json:"processingAtLeast,omitzero" description:"The same of those in hand."`
}

// TypeInfo is a type of messages that was seen, or a pattern such as Mail.* for which something is configured or set.
type TypeInfo struct {
	Type       string       `json:"type" required:"true" description:"Or a pattern, where something is set for it."`
	Transports []string     `json:"transports" required:"true" description:"Where it was seen."`
	Queues     []TypeQueue  `json:"queues,omitempty" description:"Where it was seen, as far as that is known."`
	MoreQueues bool         `json:"moreQueues,omitzero" description:"It was seen in others, too."`
	FirstSeen  *time.Time   `json:"firstSeen,omitzero" description:"Dispatched or handled, to the minute."`
	LastSeen   *time.Time   `json:"lastSeen,omitzero" description:"May be up to an hour early."`
	Handler    *TypeHandler `json:"handler,omitzero" description:"What handles it on this node."`
	Schema     string       `json:"schema,omitzero" description:"The pattern in schemas that checks its payloads."`
	Holds      []PlacedHold `json:"holds" required:"true" description:"Of types that match it, and of transports."`
	Limits     []Limit      `json:"limits" required:"true" description:"Of types, as far as they apply to it."`
	Figures    *Figures     `json:"figures,omitzero" description:"Of the last hour, where anything is counted."`
	Series     []int64      `json:"series,omitempty" description:"Attempts of that hour, by five minutes."`
	Pending    *int64       `json:"pending,omitzero" description:"With counts=true: messages that wait."`
	Processing *int64       `json:"processing,omitzero" description:"With counts=true: messages in hand."`
	Retries    []TypeRetry  `json:"retries" required:"true" description:"As far as messages have none of their own."`
}

// TypeQueue is a queue in which a type was seen.
type TypeQueue struct {
	Transport string `json:"transport" required:"true"`
	Queue     string `json:"queue" required:"true"`
}

// TypeRetry is how failed messages of a type are retried.
type TypeRetry struct {
	Transports []string `json:"transports" required:"true" description:"Where this holds."`
	MaxRetries int      `json:"maxRetries" required:"true" description:"Attempts after the first."`
	Delays     []int64  `json:"delays" required:"true" description:"Milliseconds before each retry, at most 100."`
	Jitter     float64  `json:"jitter" required:"true" description:"The share by which each is varied both ways."`
}

// TypeHandler is what handles messages of a type.
type TypeHandler struct {
	Pattern  string    `json:"pattern" required:"true"`
	Names    []string  `json:"names" required:"true" description:"Of its handlers, in the order in which they run."`
	Source   string    `json:"source,omitzero" enum:"api" description:"api where it is set at run time."`
	Breakers []Breaker `json:"breakers,omitempty" description:"Those that are not called as they keep failing."`
}

// PlacedHold is a hold, and where it is.
type PlacedHold struct {
	Transport string `json:"transport" required:"true"`
	Hold
}

// NamePages pages through a list that is ordered by names.
type NamePages struct {
	Limit      int    `json:"limit" required:"true"`
	HasMore    bool   `json:"hasMore" required:"true"`
	NextCursor string `json:"nextCursor,omitzero"`
}
