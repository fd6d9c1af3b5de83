package schedule

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/storage"
)

// Store is the part of a storage that keeps schedules and their history. It is optional; see
// Capabilities.Schedules. Schedules are shared by all transports of a storage. The store keeps what it is given and
// decides nothing: applications use it through package scheduler, which knows when a schedule is due.
//
// Every change is one transaction and durable when the call returns. Times are kept to the microsecond. Returned values
// belong to the caller. Methods are safe for concurrent use. symphony.ErrUnavailable says that storage cannot serve now, symphony.ErrOutcomeUnknown that a change may have been made.
type Store interface {
	// CreateSchedule stores a new schedule with Version 1 and returns it as stored. The error for a name that another
	// schedule has is a *NameError.
	CreateSchedule(ctx context.Context, s Schedule) (Schedule, error)

	// GetSchedule returns symphony.ErrNotFound for an unknown id.
	GetSchedule(ctx context.Context, id string) (Schedule, error)

	// ListSchedules returns a page, the newest schedule first.
	ListSchedules(ctx context.Context, q Query) (Page, error)

	// UpdateSchedule replaces definition and state of a schedule that still has s.Version, and returns it as stored, with
	// the next version. Source and CreatedAt never change. Errors: symphony.ErrNotFound, *ConflictError where the version
	// is another one, *NameError.
	UpdateSchedule(ctx context.Context, s Schedule) (Schedule, error)

	// AdvanceSchedule replaces the state (NextRunAt and what follows it, but not CreatedAt and UpdatedAt) of a schedule
	// that still has s.Version, records runs in its history in the order given, and returns it as stored, with the next
	// version. Of the history, the newest KeptRuns entries are kept. Of several calls with one version, one
	// succeeds; the others change and record nothing. Errors: symphony.ErrNotFound, *ConflictError.
	AdvanceSchedule(ctx context.Context, s Schedule, runs []Run) (Schedule, error)

	// DeleteSchedule deletes a schedule with its history. Messages that it dispatched are left alone. symphony.ErrNotFound for an
	// unknown id.
	DeleteSchedule(ctx context.Context, id string) error

	// DueSchedules returns schedules whose DueAt has come, by DueAt and then id, from behind a place on. Its cost does not
	// depend on how many are not due.
	DueSchedules(ctx context.Context, after DuePlace, limit int) (Due, error)

	// ScheduleRuns returns a page of the history of a schedule, the newest entry first. An unknown id has none.
	ScheduleRuns(ctx context.Context, q RunQuery) (RunPage, error)

	// Unfinished reports whether any of the messages, of whichever transport of this storage, is pending or processing.
	// Ids that are unknown are of messages that were finished.
	Unfinished(ctx context.Context, messageIDs []string) (bool, error)
}

// Query asks for a page of schedules. Zero fields select everything.
type Query struct {
	Name   string // exact
	Source Source
	Type   string // of the message, exact
	State  State
	// Limit is 1 to MaxPage, default DefaultPage.
	Limit int
	// After continues behind the schedule with this id.
	After string
	// Bytes is what the payloads, metadata and headers of the page may have before further schedules come without; see
	// Schedule.Omitted. 0: any number.
	Bytes int
}

// PageBytes begins a page of q.
func (q *Query) PageBytes() *PageBytes {
	if q.Bytes == 0 {
		return &PageBytes{storage.NewPageBytes(math.MaxInt)}
	}
	return &PageBytes{storage.NewPageBytes(q.Bytes)}
}

// Page is one page of schedules.
type Page struct {
	Schedules []Schedule
	HasMore   bool
}

// RunQuery asks for a page of the history of one schedule.
type RunQuery struct {
	ScheduleID string
	// Limit is 1 to MaxPage, default DefaultPage.
	Limit int
	// Before continues with entries older than the one with this Seq. 0: with the newest.
	Before int64
}

// RunPage is one page of a history.
type RunPage struct {
	Runs    []Run
	HasMore bool
}

// DuePlace is a place in the order of DueSchedules. The zero value is before all.
type DuePlace struct {
	DueAt time.Time
	ID    string
}

// Due are what is due at a moment.
type Due struct {
	Schedules []Schedule
	// Now is the time on the store's clock, which decided what is due.
	Now time.Time
	// Next is the earliest DueAt after Now, zero where there is none.
	Next time.Time
}

// WithDefaults returns q with the default for a limit that it does not give.
func (q Query) WithDefaults() Query {
	if q.Limit == 0 {
		q.Limit = DefaultPage
	}
	return q
}

// WithDefaults returns q with the default for a limit that it does not give.
func (q RunQuery) WithDefaults() RunQuery {
	if q.Limit == 0 {
		q.Limit = DefaultPage
	}
	return q
}

// StoreOf returns the schedules of a transport's storage, or symphony.ErrUnsupported where it keeps none.
func StoreOf(t symphony.Transport) (Store, error) {
	return storage.Part[Store](t, t.Capabilities().Schedules, "keeps no schedules")
}

// Of returns the schedules of a bus, which the storage of its default transport keeps, or symphony.ErrUnsupported where it
// keeps none.
func Of(b *symphony.Bus) (Store, error) {
	t, err := b.Transport(b.DefaultTransport())
	if err != nil {
		return nil, err
	}
	return StoreOf(t)
}

// ConflictError says that a schedule was changed by somebody else since it was read. It matches symphony.ErrConflict.
type ConflictError struct {
	ID      string
	Version int64 // that was expected
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("schedule %s no longer has version %d: it was changed meanwhile; read it again", e.ID, e.Version)
}

// Is reports whether target is symphony.ErrConflict.
func (e *ConflictError) Is(target error) bool { return target == symphony.ErrConflict }

// NameError says that another schedule has the name already. It matches symphony.ErrConflict.
type NameError struct{ Name string }

func (e *NameError) Error() string {
	return fmt.Sprintf("another schedule has the name %q", e.Name)
}

// Is reports whether target is symphony.ErrConflict.
func (e *NameError) Is(target error) bool { return target == symphony.ErrConflict }
