package scheduler

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/schedule"
)

// MaxPreview is the most occurrences that one Preview may ask for.
const MaxPreview = 100

// Problems returns every problem that a schedule has, with paths that begin with prefix: of its definition, of its cron
// expression, and of the dispatch of its message.
func (s *Scheduler) Problems(sch schedule.Schedule, prefix string) []symphony.Problem {
	list := timeProblems(&sch, prefix)
	out := outgoing(&sch, sch.At, "")
	out.Options.ScheduledAt = time.Time{} // a problem of its own
	return append(list, s.bus.Check(out, prefix)...)
}

// timeProblems are those that do not depend on the bus.
func timeProblems(sch *schedule.Schedule, prefix string) []symphony.Problem {
	list := sch.Problems(prefix)
	if sch.Cron == "" {
		return list
	}
	c, err := ParseCron(sch.Cron, "")
	switch {
	case err != nil:
		list = append(list, symphony.Problem{Path: prefix + "cron", Message: err.Error()})
	case c.Next(sch.CreatedAt).IsZero():
		list = append(list, symphony.Problem{Path: prefix + "cron", Message: "never happens"})
	}
	return list
}

// plan sets when the schedule fires next, by a definition that is new or was changed. An occurrence that is due and
// still is one stays.
func (t *timetable) plan(s *schedule.Schedule, now time.Time) {
	var at time.Time
	switch {
	case s.MaxRuns > 0 && s.RunCount >= s.MaxRuns:
	case !t.at.IsZero():
		at = t.at
	case !s.NextRunAt.IsZero() && !s.NextRunAt.After(now) && t.next(s.NextRunAt.Add(-1)).Equal(s.NextRunAt):
		at = s.NextRunAt
	default:
		after := now
		if s.LastRunAt.IsZero() && !t.start.After(now) && now.Sub(t.start) <= schedule.MissedGrace {
			after = t.start.Add(-1) // it was meant to start now
		}
		at = t.next(after)
	}
	s.NextRunAt, s.DueAt = time.Time{}, time.Time{}
	switch {
	case at.IsZero():
		if s.CompletedAt.IsZero() {
			s.CompletedAt = now
		}
	default:
		s.CompletedAt = time.Time{}
		if !s.Disabled {
			s.NextRunAt, s.DueAt = at, t.due(at)
		}
	}
}

// now is the time on the store's clock.
func (s *Scheduler) now(ctx context.Context) (time.Time, error) {
	due, err := schedule.Due(ctx, s.store, schedule.DuePlace{}, 1)
	return due.Now.Truncate(time.Millisecond), err
}

// Create makes a schedule of a definition and returns it with its id and its next occurrence. Occurrences before now
// are none, but a StartAt up to schedule.MissedGrace ago counts as now, and an At that is past is due at once. Errors:
// *symphony.ValidationError, *schedule.NameError, or the storage's.
func (s *Scheduler) Create(ctx context.Context, sch schedule.Schedule) (schedule.Schedule, error) {
	now, err := s.now(ctx)
	if err != nil {
		return schedule.Schedule{}, fmt.Errorf("scheduler: create: %w", err)
	}
	sch = withState(sch, schedule.Schedule{ID: symphony.NewID(now), Source: sch.Source, CreatedAt: now}).WithDefaults()
	sch.UpdatedAt = now
	if list := s.Problems(sch, ""); len(list) > 0 {
		return schedule.Schedule{}, &symphony.ValidationError{Problems: list}
	}
	t, err := newTimetable(&sch)
	if err != nil {
		return schedule.Schedule{}, fmt.Errorf("scheduler: create: %w", err)
	}
	t.plan(&sch, now)
	stored, err := schedule.Create(ctx, s.store, sch)
	if err != nil {
		return schedule.Schedule{}, fmt.Errorf("scheduler: create: %w", err)
	}
	s.wake()
	return stored, nil
}

// withState returns the definition of one schedule with the identity and state of another.
func withState(definition, state schedule.Schedule) schedule.Schedule {
	state.Name, state.At, state.Cron, state.Timezone, state.Interval = definition.Name, definition.At, definition.Cron, definition.Timezone, definition.Interval
	state.StartAt, state.EndAt, state.MaxRuns, state.Jitter = definition.StartAt, definition.EndAt, definition.MaxRuns, definition.Jitter
	state.Missed, state.Overlap, state.Disabled = definition.Missed, definition.Overlap, definition.Disabled
	state.Message, state.Options, state.DecodeErr = definition.Message, definition.Options, definition.DecodeErr
	return state
}

// Update changes the definition of a schedule, or its Disabled. change is called with the schedule as it is, and again
// should it be fired or changed meanwhile; its error ends the call. It must not change maps and slices in place, only
// replace them, and what it changes of the state is ignored. NextRunAt follows from the new definition and the time
// now, but an occurrence that is due and still is one stays. Errors: ErrNotFound, *symphony.ValidationError,
// *schedule.NameError, or the storage's.
func (s *Scheduler) Update(ctx context.Context, id string, change func(*schedule.Schedule) error) (schedule.Schedule, error) {
	stored, err := s.update(ctx, id, change)
	if err != nil {
		return schedule.Schedule{}, fmt.Errorf("scheduler: update: %w", err)
	}
	s.wake()
	return stored, nil
}

func (s *Scheduler) update(ctx context.Context, id string, change func(*schedule.Schedule) error) (schedule.Schedule, error) {
	for range conflicts {
		have, err := schedule.Get(ctx, s.store, id)
		if err != nil {
			return have, err
		}
		want := have
		want.DecodeErr = nil
		if err := change(&want); err != nil {
			return have, err
		}
		want = withState(want, have).WithDefaults()
		if same(&want, &have) {
			return have, nil
		}
		if list := s.Problems(want, ""); len(list) > 0 {
			return have, &symphony.ValidationError{Problems: list}
		}
		t, err := newTimetable(&want)
		if err != nil {
			return have, err
		}
		now, err := s.now(ctx)
		if err != nil {
			return have, err
		}
		want.UpdatedAt, want.LastError, want.Failures = now, "", 0
		// A schedule with one occurrence that it has had is completed for good.
		if want.CompletedAt.IsZero() || want.At.IsZero() || !want.At.Equal(have.At) {
			t.plan(&want, now)
		}
		stored, err := schedule.Update(ctx, s.store, want)
		var conflict *schedule.ConflictError
		if !errors.As(err, &conflict) {
			return stored, err
		}
	}
	return schedule.Schedule{}, fmt.Errorf("schedule %s is being changed all the time: %w", id, symphony.ErrConflict)
}

// same reports whether two schedules have one definition.
func same(a, b *schedule.Schedule) bool {
	first, err := a.EncodeDefinition()
	second, err2 := b.EncodeDefinition()
	return err == nil && err2 == nil && a.DecodeErr == nil && b.DecodeErr == nil && bytes.Equal(first, second) && a.Name == b.Name &&
		a.Disabled == b.Disabled && a.Message.Type == b.Message.Type && bytes.Equal(a.Message.Payload, b.Message.Payload)
}

// Enable switches a schedule on. Its next occurrence is the first after now.
func (s *Scheduler) Enable(ctx context.Context, id string) (schedule.Schedule, error) {
	return s.Update(ctx, id, func(sch *schedule.Schedule) error {
		sch.Disabled = false
		return nil
	})
}

// Disable switches a schedule off. Occurrences do not happen, until it is enabled again.
func (s *Scheduler) Disable(ctx context.Context, id string) (schedule.Schedule, error) {
	return s.Update(ctx, id, func(sch *schedule.Schedule) error {
		sch.Disabled = true
		return nil
	})
}

// Delete deletes a schedule with its history. Messages that it dispatched are left alone. ErrNotFound for an unknown
// id.
func (s *Scheduler) Delete(ctx context.Context, id string) error {
	if err := s.store.DeleteSchedule(ctx, id); err != nil {
		return fmt.Errorf("scheduler: delete: %w", err)
	}
	return nil
}

// RunNow dispatches the message of a schedule at once, whether it is enabled or not, and records that as a run by hand.
// It counts for no limit and moves no occurrence. If the message was dispatched and could not be recorded, the run is
// returned with the error.
func (s *Scheduler) RunNow(ctx context.Context, id string) (schedule.Run, error) {
	sch, err := schedule.Get(ctx, s.store, id)
	if err == nil {
		err = sch.DecodeErr
	}
	if err != nil {
		return schedule.Run{}, fmt.Errorf("scheduler: run: %w", err)
	}
	now, err := s.now(ctx)
	if err != nil {
		return schedule.Run{}, fmt.Errorf("scheduler: run: %w", err)
	}
	run := schedule.Run{ScheduleID: id, Occurrence: now, Through: now, FiredAt: now, Outcome: schedule.Fired, Manual: true}
	if run.Messages, err = s.dispatch(ctx, &sch, now, ""); err != nil {
		return schedule.Run{}, fmt.Errorf("scheduler: run: %w", err)
	}
	// The message is on its way, so its run is recorded also when ctx ends.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stepTime)
	defer cancel()
	if _, err = s.reconcile(ctx, id, run, &Report{}); err != nil {
		return run, fmt.Errorf("scheduler: run: %w", err)
	}
	return run, nil
}

// Preview returns up to n (1 to MaxPreview) occurrences of a schedule, beginning with its next one. Of a definition
// that is not stored, or of a schedule that is disabled, these are the ones that it would have if it were created or
// enabled at now. A *symphony.ValidationError tells what is wrong with when it fires; the message is not looked at.
func Preview(sch schedule.Schedule, now time.Time, n int) ([]time.Time, error) {
	if sch.DecodeErr != nil {
		return nil, sch.DecodeErr
	}
	now = now.UTC().Truncate(time.Millisecond)
	sch = sch.WithDefaults()
	if sch.CreatedAt.IsZero() {
		sch.CreatedAt = now
	}
	list := timeProblems(&sch, "")
	if n < 1 || n > MaxPreview {
		list = append(list, symphony.Problem{Path: "next", Message: fmt.Sprintf("must be 1 to %d", MaxPreview)})
	}
	if len(list) > 0 {
		return nil, &symphony.ValidationError{Problems: list}
	}
	t, err := newTimetable(&sch)
	if err != nil || !sch.CompletedAt.IsZero() {
		return nil, err
	}
	if sch.NextRunAt.IsZero() {
		sch.Disabled = false
		t.plan(&sch, now)
	}
	if sch.MaxRuns > 0 {
		n = min(n, sch.MaxRuns-sch.RunCount)
	}
	var times []time.Time
	for at := sch.NextRunAt; !at.IsZero() && len(times) < n; at = t.next(at) {
		times = append(times, at)
	}
	return times, nil
}

// Get returns a schedule, or ErrNotFound.
func (s *Scheduler) Get(ctx context.Context, id string) (schedule.Schedule, error) {
	return schedule.Get(ctx, s.store, id)
}

// List returns a page of schedules, newest first. What is out of range is a *symphony.ValidationError; the path of
// After is "cursor".
func (s *Scheduler) List(ctx context.Context, q schedule.Query) (schedule.Page, error) {
	list := limitProblems(q.Limit)
	if q.After != "" && !symphony.ValidID(q.After) {
		list = append(list, symphony.Problem{Path: "cursor", Message: "must be the id of a schedule"})
	}
	for _, text := range []struct{ path, value string }{{"name", q.Name}, {"type", q.Type}} {
		if !symphony.ValidText(text.value) {
			list = append(list, symphony.Problem{Path: text.path, Message: "must be valid UTF-8 without NUL"})
		}
	}
	if len(list) > 0 {
		return schedule.Page{}, &symphony.ValidationError{Problems: list}
	}
	return s.store.ListSchedules(ctx, q)
}

// Runs returns a page of the history of a schedule, newest first. Errors: ErrNotFound, and as of List.
func (s *Scheduler) Runs(ctx context.Context, q schedule.RunQuery) (schedule.RunPage, error) {
	if list := limitProblems(q.Limit); len(list) > 0 {
		return schedule.RunPage{}, &symphony.ValidationError{Problems: list}
	}
	if _, err := schedule.Get(ctx, s.store, q.ScheduleID); err != nil {
		return schedule.RunPage{}, err
	}
	return s.store.ScheduleRuns(ctx, q)
}

func limitProblems(limit int) []symphony.Problem {
	if limit < 0 || limit > schedule.MaxPage {
		return []symphony.Problem{{Path: "limit", Message: fmt.Sprintf("must be 1 to %d", schedule.MaxPage)}}
	}
	return nil
}
