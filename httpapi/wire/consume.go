package wire

// ConsumeRequest is the body of POST /api/symphony/consume. All is optional.
type ConsumeRequest struct {
	Transport       *string `json:"transport,omitzero" description:"Default: the default transport."`
	Queues          Names   `json:"queues,omitzero" absent:"all" minItems:"1" maxItems:"1000" description:"Default: all."`
	BatchSize       *int    `json:"batchSize,omitzero" minimum:"1" maximum:"100" default:"10"`
	MaxConcurrency  *int    `json:"maxConcurrency,omitzero" minimum:"1" maximum:"20" default:"5"`
	TimeLimit       *int    `json:"timeLimit,omitzero" minimum:"1000" maximum:"55000" default:"50000" description:"Milliseconds."`
	MessageLimit    *int    `json:"messageLimit,omitzero" minimum:"1"`
	WaitForMessages *bool   `json:"waitForMessages,omitzero" default:"false" description:"Keep waiting until the time limit instead of returning when nothing is ready."`
}

// ConsumeResponse tells what a bounded run came to.
type ConsumeResponse struct {
	Success bool   `json:"success" required:"true"`
	Stats   Stats  `json:"stats" required:"true"`
	Health  Health `json:"health" required:"true"`
}

// CronResponse is ConsumeResponse with the number of messages processed.
type CronResponse struct {
	Success   bool   `json:"success" required:"true"`
	Processed int64  `json:"processed" required:"true"`
	Stats     Stats  `json:"stats" required:"true"`
	Health    Health `json:"health" required:"true"`
}

// Stats count a run's attempts.
type Stats struct {
	TotalProcessed        int64   `json:"totalProcessed" required:"true"`
	TotalSucceeded        int64   `json:"totalSucceeded" required:"true"`
	TotalFailed           int64   `json:"totalFailed" required:"true" description:"Attempts whose handler failed, retried or not."`
	TotalCancelled        int64   `json:"totalCancelled" required:"true" description:"Messages that were cancelled while they were in hand; they are not among the processed."`
	AverageProcessingTime float64 `json:"averageProcessingTime" required:"true" description:"Milliseconds."`
	CurrentQueueDepth     int64   `json:"currentQueueDepth" required:"true"`
}

// Health is the state of a worker.
type Health struct {
	Running     bool   `json:"running" required:"true"`
	Processing  bool   `json:"processing" required:"true"`
	Uptime      int64  `json:"uptime" required:"true" description:"Milliseconds."`
	MemoryUsage uint64 `json:"memoryUsage" required:"true" description:"Bytes."`
	StopReason  string `json:"stopReason,omitzero" description:"Why the run ended: empty, message_limit, time_limit, memory_limit, failure_limit or stopped."`
}
