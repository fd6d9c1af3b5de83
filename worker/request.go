package worker

import "time"

// Defaults and bounds of a run that an HTTP request starts and waits for: the routes consume and cron, and their
// configuration.
const (
	DefaultRequestBatchSize   = 10
	MaxRequestBatchSize       = 100
	DefaultRequestConcurrency = 5
	MaxRequestConcurrency     = 20
	DefaultRequestTime        = 50 * time.Second
	MinRequestTime            = time.Second
	MaxRequestTime            = 55 * time.Second
)
