package symphony

import (
	"context"
	"fmt"
	"math"
	"time"
)

// ScheduleStore is the part of a storage that keeps schedules and their history. It is optional; see
// Capabilities.Schedules. Schedules are shared by all transports of a storage. The store keeps what it is given and
// decides nothing: applications use it through package scheduler, which knows when a schedule is due.
//
// Every change is one transaction and durable when the call returns. Times are kept to the microsecond. Returned values
// belong to the caller. Methods are safe for concurrent use. ErrUnavailable says that storage cannot serve now, ErrOutcomeUnknown that a change may have been made.
type ScheduleStore interface {
	// CreateSchedule stores a new schedule with Version 1 and returns it as stored. The error for a name that another
	// schedule has is a *ScheduleNameError.
	CreateSchedule(ctx context.Context, s Schedule) (Schedule, error)

	// GetSchedule returns ErrNotFound for an unknown id.
	GetSchedule(ctx context.Context, id string) (Schedule, error)

	// ListSchedules returns a page, the newest schedule first.
	ListSchedules(ctx context.Context, q ScheduleQuery) (SchedulePage, error)

	// UpdateSchedule replaces definition and state of a schedule that still has s.Version, and returns it as stored, with
	// the next version. Source and CreatedAt never change. Errors: ErrNotFound, *ScheduleConflictError where the version
	// is another one, *ScheduleNameError.
	UpdateSchedule(ctx context.Context, s Schedule) (Schedule, error)

	// AdvanceSchedule replaces the state (NextRunAt and what follows it, but not CreatedAt and UpdatedAt) of a schedule
	// that still has s.Version, records runs in its history in the order given, and returns it as stored, with the next
	// version. Of the history, the newest MaxScheduleRuns entries are kept. Of several calls with one version, one
	// succeeds; the others change and record nothing. Errors: ErrNotFound, *ScheduleConflictError.
	AdvanceSchedule(ctx context.Context, s Schedule, runs []ScheduleRun) (Schedule, error)

	// DeleteSchedule deletes a schedule with its history. Messages that it dispatched are left alone. ErrNotFound for an
	// unknown id.
	DeleteSchedule(ctx context.Context, id string) error

	// DueSchedules returns schedules whose DueAt has come, by DueAt and then id, from behind a place on. Its cost does not
	// depend on how many are not due.
	DueSchedules(ctx context.Context, after DuePlace, limit int) (DueSchedules, error)

	// ScheduleRuns returns a page of the history of a schedule, the newest entry first. An unknown id has none.
	ScheduleRuns(ctx context.Context, q ScheduleRunQuery) (ScheduleRunPage, error)

	// Unfinished reports whether any of the messages, of whichever transport of this storage, is pending or processing.
	// Ids that are unknown are of messages that were finished.
	Unfinished(ctx context.Context, messageIDs []string) (bool, error)
}

// ScheduleQuery asks for a page of schedules. Zero fields select everything.
type ScheduleQuery struct {
	Name   string // exact
	Source ScheduleSource
	Type   string // of the message, exact
	State  ScheduleState
	// Limit is 1 to MaxSchedulePage, default DefaultSchedulePage.
	Limit int
	// After continues behind the schedule with this id.
	After string
	// Bytes is what the payloads, metadata and headers of the page may have before further schedules come without; see
	// Schedule.Omitted. 0: any number.
	Bytes int
}

// PageBytes begins a page of q.
func (q *ScheduleQuery) PageBytes() *PageBytes {
	if q.Bytes == 0 {
		return NewPageBytes(math.MaxInt)
	}
	return NewPageBytes(q.Bytes)
}

// SchedulePage is one page of schedules.
type SchedulePage struct {
	Schedules []Schedule
	HasMore   bool
}

// ScheduleRunQuery asks for a page of the history of one schedule.
type ScheduleRunQuery struct {
	ScheduleID string
	// Limit is 1 to MaxSchedulePage, default DefaultSchedulePage.
	Limit int
	// Before continues with entries older than the one with this Seq. 0: with the newest.
	Before int64
}

// ScheduleRunPage is one page of a history.
type ScheduleRunPage struct {
	Runs    []ScheduleRun
	HasMore bool
}

// DuePlace is a place in the order of DueSchedules. The zero value is before all.
type DuePlace struct {
	DueAt time.Time
	ID    string
}

// DueSchedules are what is due at a moment.
type DueSchedules struct {
	Schedules []Schedule
	// Now is the time on the store's clock, which decided what is due.
	Now time.Time
	// Next is the earliest DueAt after Now, zero where there is none.
	Next time.Time
}

// WithDefaults returns q with the default for a limit that it does not give.
func (q ScheduleQuery) WithDefaults() ScheduleQuery {
	if q.Limit == 0 {
		q.Limit = DefaultSchedulePage
	}
	return q
}

// WithDefaults returns q with the default for a limit that it does not give.
func (q ScheduleRunQuery) WithDefaults() ScheduleRunQuery {
	if q.Limit == 0 {
		q.Limit = DefaultSchedulePage
	}
	return q
}

// Schedules returns where the storage of the default transport keeps schedules, or ErrUnsupported where it keeps none.
func (b *Bus) Schedules() (ScheduleStore, error) {
	t := b.transports[b.opts.Default]
	store, ok := t.(ScheduleStore)
	if !ok || !t.Capabilities().Schedules {
		return nil, fmt.Errorf("transport %q keeps no schedules: %w", b.opts.Default, ErrUnsupported)
	}
	return store, nil
}

// ScheduleConflictError says that a schedule was changed by somebody else since it was read. It matches ErrConflict.
type ScheduleConflictError struct {
	ID      string
	Version int64 // that was expected
}

func (e *ScheduleConflictError) Error() string {
	return fmt.Sprintf("schedule %s no longer has version %d: it was changed meanwhile; read it again", e.ID, e.Version)
}

// Is reports whether target is ErrConflict.
func (e *ScheduleConflictError) Is(target error) bool { return target == ErrConflict }

// ScheduleNameError says that another schedule has the name already. It matches ErrConflict.
type ScheduleNameError struct{ Name string }

func (e *ScheduleNameError) Error() string {
	return fmt.Sprintf("another schedule has the name %q", e.Name)
}

// Is reports whether target is ErrConflict.
func (e *ScheduleNameError) Is(target error) bool { return target == ErrConflict }
