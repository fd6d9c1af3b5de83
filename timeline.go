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
		list = append(list, TimelineEntry{At: m.StartedAt, Kind: TimelineStarted, Attempt: m.Deliveries, Worker: m.Worker})
		if m.Cancel != nil {
			list = append(list, TimelineEntry{At: m.Cancel.RequestedAt, Kind: TimelineCancelRequested, Attempt: m.Deliveries, Worker: m.Worker})
		}
	case Completed:
		if !m.StartedAt.IsZero() {
			list = append(list, TimelineEntry{At: m.StartedAt, Kind: TimelineStarted, Attempt: m.Deliveries, Worker: m.Worker})
		}
		list = append(list, TimelineEntry{At: m.FinishedAt, Kind: TimelineCompleted, Attempt: m.Deliveries, Worker: m.Worker})
	case Cancelled:
		if !m.StartedAt.IsZero() {
			list = append(list, TimelineEntry{At: m.StartedAt, Kind: TimelineStarted, Attempt: m.Deliveries, Worker: m.Worker},
				TimelineEntry{At: m.Cancel.RequestedAt, Kind: TimelineCancelRequested, Attempt: m.Deliveries, Worker: m.Worker})
		}
		list = append(list, TimelineEntry{At: m.FinishedAt, Kind: TimelineCancelled, Attempt: m.Deliveries, Worker: m.Worker})
	case Failed:
		list = append(list, TimelineEntry{At: m.FinishedAt, Kind: TimelineDead, Attempt: last, Error: m.Error, ErrorClass: m.ErrorClass})
	}
	return list
}
