package symphony

import "time"

// TimelineKind is what happened to a message.
type TimelineKind string

// The kinds.
const (
	TimelineDispatched TimelineKind = "dispatched"
	TimelineScheduled  TimelineKind = "scheduled" // when it was to be ready
	TimelineStarted    TimelineKind = "started"   // an attempt
	TimelineFailed     TimelineKind = "failed"    // an attempt
	TimelineRetry      TimelineKind = "retry"     // when it is, or was, to be tried again
	TimelineCompleted  TimelineKind = "completed"
	TimelineDead       TimelineKind = "dead" // went to the dead letter queue
	// TimelineCancelRequested is when somebody wanted a message cancelled that a worker had.
	TimelineCancelRequested TimelineKind = "cancel_requested"
	TimelineCancelled       TimelineKind = "cancelled"
)

// TimelineEntry is one thing that happened, or will, to a message.
type TimelineEntry struct {
	At         time.Time
	Kind       TimelineKind
	Attempt    int    // 0 where the entry is not of an attempt
	Worker     string // of started, failed, completed, cancelled
	Error      string // of failed, dead
	ErrorClass string
}

// Timeline tells the message's story so far, in its order: dispatched, each attempt with its worker, start, end,
// error and next try, and how it was settled.
func (m *MessageInfo) Timeline() []TimelineEntry {
	list := []TimelineEntry{{At: m.CreatedAt, Kind: TimelineDispatched}}
	if m.ScheduledAt.After(m.CreatedAt) {
		list = append(list, TimelineEntry{At: m.ScheduledAt, Kind: TimelineScheduled})
	}
	last := 0
	for _, a := range m.Attempts {
		last = a.Number
		if !a.StartedAt.IsZero() {
			list = append(list, TimelineEntry{At: a.StartedAt, Kind: TimelineStarted, Attempt: a.Number, Worker: a.Worker})
		}
		list = append(list, TimelineEntry{At: a.FinishedAt, Kind: TimelineFailed, Attempt: a.Number, Worker: a.Worker, Error: a.Error, ErrorClass: a.ErrorClass})
		if !a.RetryAt.IsZero() {
			list = append(list, TimelineEntry{At: a.RetryAt, Kind: TimelineRetry, Attempt: a.Number})
		}
	}
	switch m.Status {
	case Processing:
		list = append(list, m.entry(m.StartedAt, TimelineStarted))
		if m.Cancel != nil {
			list = append(list, m.entry(m.Cancel.RequestedAt, TimelineCancelRequested))
		}
	case Completed:
		if !m.StartedAt.IsZero() {
			list = append(list, m.entry(m.StartedAt, TimelineStarted))
		}
		list = append(list, m.entry(m.FinishedAt, TimelineCompleted))
	case Cancelled:
		if !m.StartedAt.IsZero() {
			list = append(list, m.entry(m.StartedAt, TimelineStarted), m.entry(m.Cancel.RequestedAt, TimelineCancelRequested))
		}
		list = append(list, m.entry(m.FinishedAt, TimelineCancelled))
	case Failed:
		list = append(list, TimelineEntry{At: m.FinishedAt, Kind: TimelineDead, Attempt: last, Error: m.Error, ErrorClass: m.ErrorClass})
	}
	return list
}

// entry is one of the latest attempt.
func (m *MessageInfo) entry(at time.Time, kind TimelineKind) TimelineEntry {
	return TimelineEntry{At: at, Kind: kind, Attempt: m.Deliveries, Worker: m.Worker}
}
