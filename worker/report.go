package worker

import "time"

// StopReason says why a run ended.
type StopReason string

// The reasons. Empty and the limits are what Options ask for.
const (
	Stopped      StopReason = "stopped" // the context ended
	Closed       StopReason = "closed"  // the transport was closed
	Empty        StopReason = "empty"
	MessageLimit StopReason = "message_limit"
	FailureLimit StopReason = "failure_limit"
	TimeLimit    StopReason = "time_limit"
	MemoryLimit  StopReason = "memory_limit"
	// StopRequested: all workers were asked to stop, see StopAll.
	StopRequested StopReason = "stop_requested"
)

// Counts are what became of the messages of a run. A message counts when the transport has stored how it ended, so that
// counts agree with the transport's.
type Counts struct {
	Processed int64 // attempts that ended: Succeeded and Failed
	Succeeded int64
	Failed    int64 // retried later or not
	Released  int64 // given back: not started, or interrupted when the worker stopped
	// Lost are those whose lease ended before they did, or before the result was stored. They are delivered again.
	Lost int64
	// Cancelled are those whose messages were cancelled while they were in hand, whatever the handler came up with.
	Cancelled int64
	// HandlerTime is the sum over Processed.
	HandlerTime time.Duration
}

func (c *Counts) add(o Counts) {
	c.Processed += o.Processed
	c.Succeeded += o.Succeeded
	c.Failed += o.Failed
	c.Released += o.Released
	c.Lost += o.Lost
	c.Cancelled += o.Cancelled
	c.HandlerTime += o.HandlerTime
}

// AverageTime is how long an attempt took on average, 0 without any.
func (c Counts) AverageTime() time.Duration {
	if c.Processed == 0 {
		return 0
	}
	return c.HandlerTime / time.Duration(c.Processed)
}

// Report is what a run came to.
type Report struct {
	Counts
	Elapsed time.Duration
	Reason  StopReason // empty while the run is in progress
}

// Snapshot is the state of a worker at one moment: of the run in progress, or of the last one.
type Snapshot struct {
	Report
	Name        string
	Transport   string
	Queues      []string // those it works on, none for all; not to be changed
	Concurrency int
	Running     bool      // a run is in progress
	StartedAt   time.Time // of the run; zero before the first
	Processing  int       // handlers at work
	Buffered    int       // claimed and not started
	Unsettled   int       // handled, and the result not stored yet
	// LastEndedAt is when the last attempt ended whose result is stored; zero before the first.
	LastEndedAt time.Time
	// AtWork are the messages that have been at work for the longest, the oldest first, at most MaxAtWork.
	AtWork []AtWork
	// Outages are the kinds of calls to the storage that fail at present.
	Outages []Outage
}

// MaxAtWork bounds Snapshot.AtWork.
const MaxAtWork = 10

// AtWork is a message whose handler runs.
type AtWork struct {
	MessageID, Type, Queue string
	Attempt                int
	Since                  time.Time
	// Lost says that its lease is lost: the handler was told to stop and goes on.
	Lost bool
}
