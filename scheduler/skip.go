package scheduler

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/schedule"
)

// ErrNoNext says that a schedule has no next occurrence: it is disabled, or completed.
var ErrNoNext = errors.New("the schedule has no next occurrence")

// Skip leaves out the next occurrence of a schedule, also one that is due and cannot be fired, and records that as a
// run by hand. It counts for no limit of runs. occurrence, unless it is zero, is the one that is meant: where another
// one is next, because it has been fired meanwhile, nothing is done and the error is symphony.ErrConflict. Other
// errors: ErrNotFound, ErrNoNext, or the storage's.
func (s *Scheduler) Skip(ctx context.Context, id string, occurrence time.Time) (schedule.Schedule, error) {
	stored, err := s.skip(ctx, id, occurrence)
	if err != nil {
		return schedule.Schedule{}, fmt.Errorf("scheduler: skip: %w", err)
	}
	s.wake()
	return stored, nil
}

func (s *Scheduler) skip(ctx context.Context, id string, occurrence time.Time) (schedule.Schedule, error) {
	for range conflicts {
		have, err := schedule.Get(ctx, s.store, id)
		if err == nil {
			err = have.DecodeErr
		}
		if err != nil {
			return have, err
		}
		switch next := have.NextRunAt; {
		case !occurrence.IsZero() && !occurrence.Equal(next):
			return have, symphony.ErrConflict
		case next.IsZero():
			return have, ErrNoNext
		default:
			occurrence = next // should it be fired meanwhile, the one after it was not meant
		}
		t, err := newTimetable(&have)
		if err != nil {
			return have, err
		}
		now, err := s.now(ctx)
		if err != nil {
			return have, err
		}
		want := have
		want.LastError, want.Failures = "", 0
		t.moveOn(&want, occurrence, now)
		stored, err := schedule.Advance(ctx, s.store, want, []schedule.Run{{
			ScheduleID: id, Occurrence: occurrence, Through: occurrence, FiredAt: now,
			Outcome: schedule.Skipped, Manual: true,
		}})
		var conflict *schedule.ConflictError
		if !errors.As(err, &conflict) {
			return stored, err
		}
	}
	return schedule.Schedule{}, fmt.Errorf("schedule %s is being changed all the time: %w", id, symphony.ErrConflict)
}
