package schedule

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/storage"
)

// Store is the part of a storage that keeps schedules and their history. It is optional; see symphony.Capabilities.
// Schedules are shared by all transports of a storage. The store compares and keeps what it is given and decides
// nothing: the functions of this package say what is to be kept, and package scheduler, by which applications use
// schedules, when.
//
// Every change is one transaction and durable when the call returns. Times are kept to the microsecond. Returned values
// belong to the caller. Methods are safe for concurrent use. symphony.ErrUnavailable says that storage cannot serve
// now, symphony.ErrOutcomeUnknown that a change may have been made.
type Store interface {
	// PutSchedule makes a change, all or nothing, and returns the schedule as stored, with the next version. Errors:
	// symphony.ErrConflict where the version is another one, or the schedule is not there, or is; *NameError where
	// another schedule has the name. Of several changes of one version, one succeeds.
	PutSchedule(ctx context.Context, c Change) (Schedule, error)

	// ListSchedules returns a page.
	ListSchedules(ctx context.Context, q Query) (Page, error)

	// ScheduleRuns returns a page of the history of a schedule, the newest entry first. An unknown id has none.
	ScheduleRuns(ctx context.Context, q RunQuery) (RunPage, error)

	// DeleteSchedule deletes a schedule with its history. Messages that it dispatched are left alone.
	// symphony.ErrNotFound for an unknown id.
	DeleteSchedule(ctx context.Context, id string) error
}

// Change is one change of a stored schedule.
type Change struct {
	// Schedule is what is to be kept, if the stored one has its version. Version 0 makes a new one, which gets version
	// 1 and alone has its Source and CreatedAt kept: later changes leave them.
	Schedule Schedule
	// StateOnly leaves the definition as it is stored, UpdatedAt and Disabled included: a node that fires a schedule
	// may be unable to read all of it, because it is damaged or because a newer release has written it.
	StateOnly bool
	// Runs are added to the history, in this order. Of all, the newest Keep entries are kept; 0 keeps all.
	Runs []Run
	Keep int
}

// Query asks for a page of schedules. Zero fields select everything.
type Query struct {
	ID     string // exact
	Name   string // exact
	Source Source
	Type   string // of the message, exact
	State  State
	// Due, unless nil, selects schedules whose DueAt has come, in the order of DueAt and then id, from behind a place
	// on. The cost does not depend on how many are not due. Default: all, the newest first.
	Due *DuePlace
	// Limit is 1 to MaxPage, default DefaultPage.
	Limit int
	// After continues behind the schedule with this id, where Due is nil.
	After string
	// Bytes is what the payloads, metadata and headers of the page may have before further schedules come without; see
	// Schedule.Omitted. 0: any number.
	Bytes int
}

// DuePlace is a place in the order in which schedules are due. The zero value is before all.
type DuePlace struct {
	DueAt time.Time
	ID    string
}

// PageBytes begins a page of q.
func (q *Query) PageBytes() *storage.PageBytes {
	if q.Bytes == 0 {
		return storage.NewPageBytes(math.MaxInt)
	}
	return storage.NewPageBytes(q.Bytes)
}

// Page is one page of schedules.
type Page struct {
	Schedules []Schedule
	HasMore   bool
	// Now and Next are told with Query.Due: the time on the store's clock, which decided what is due, and the earliest
	// DueAt after it, zero where there is none.
	Now, Next time.Time
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

// Of returns the schedules of a bus, which the storage of its default transport keeps, or symphony.ErrUnsupported where
// it keeps none.
func Of(b *symphony.Bus) (Store, error) {
	t, err := b.Transport(b.DefaultTransport())
	if err != nil {
		return nil, err
	}
	return StoreOf(t)
}

// Create stores a new schedule, which has no version yet, and returns it as stored, with version 1. Package scheduler
// makes it complete and checks it before. Errors: *NameError, and those of the store.
func Create(ctx context.Context, store Store, s Schedule) (Schedule, error) {
	s.Version = 0
	return store.PutSchedule(ctx, Change{Schedule: s})
}

// Update replaces definition and state of a schedule that still has s.Version, and returns it as stored. Source and
// CreatedAt never change. Errors: symphony.ErrNotFound, *ConflictError where the version is another one, *NameError,
// and those of the store.
func Update(ctx context.Context, store Store, s Schedule) (Schedule, error) {
	return put(ctx, store, Change{Schedule: s})
}

// Advance replaces the state of a schedule that still has s.Version (NextRunAt and what follows it, but not CreatedAt
// and UpdatedAt), adds runs to its history, of which the newest KeptRuns entries are kept, and returns it as stored. Of
// several calls with one version, one succeeds; the others change and record nothing. Errors: symphony.ErrNotFound,
// *ConflictError, and those of the store.
func Advance(ctx context.Context, store Store, s Schedule, runs []Run) (Schedule, error) {
	return put(ctx, store, Change{Schedule: s, StateOnly: true, Runs: runs, Keep: KeptRuns})
}

// put changes a schedule that should be there.
func put(ctx context.Context, store Store, c Change) (Schedule, error) {
	id, version := c.Schedule.ID, c.Schedule.Version
	if version == 0 {
		return Schedule{}, unknown(id) // it was never stored
	}
	stored, err := store.PutSchedule(ctx, c)
	var taken *NameError
	if !errors.Is(err, symphony.ErrConflict) || errors.As(err, &taken) {
		return stored, err
	}
	if _, err := Get(ctx, store, id); err != nil {
		return Schedule{}, err
	}
	return Schedule{}, &ConflictError{ID: id, Version: version}
}

// Get returns one schedule, or symphony.ErrNotFound.
func Get(ctx context.Context, store Store, id string) (Schedule, error) {
	if id == "" {
		return Schedule{}, unknown(id)
	}
	page, err := store.ListSchedules(ctx, Query{ID: id, Limit: 1})
	if err != nil {
		return Schedule{}, err
	}
	if len(page.Schedules) == 0 {
		return Schedule{}, unknown(id)
	}
	return page.Schedules[0], nil
}

func unknown(id string) error { return fmt.Errorf("schedule %s: %w", id, symphony.ErrNotFound) }

// Due returns up to limit schedules whose time has come, by DueAt and then id, from behind a place on.
func Due(ctx context.Context, store Store, after DuePlace, limit int) (Page, error) {
	return store.ListSchedules(ctx, Query{Due: &after, Limit: limit})
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
