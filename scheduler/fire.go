package scheduler

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/schedule"
)

// choose decides what becomes of the occurrences of a schedule that are due: an entry about those that were missed, nil
// if none was, and the one to fire, zero if none is.
func (t *timetable) choose(s *schedule.Schedule, now time.Time) (missed *schedule.Run, fire time.Time) {
	oldest := s.NextRunAt
	if s.Missed == schedule.MissedAll {
		return nil, oldest
	}
	newest := t.last(oldest, now)
	if newest.After(oldest) && t.due(newest).After(now) {
		newest = t.last(oldest, newest.Add(-1))
	}
	skip := func(through time.Time) *schedule.Run {
		return &schedule.Run{ScheduleID: s.ID, Occurrence: oldest, Through: through, FiredAt: now, Outcome: schedule.SkippedMissed}
	}
	switch {
	case s.Missed == schedule.MissedSkip && now.Sub(t.due(newest)) > schedule.MissedGrace:
		return skip(newest), time.Time{}
	case newest.After(oldest):
		return skip(t.last(oldest, newest.Add(-1))), newest
	}
	return nil, newest
}

// moveOn sets the state of a schedule whose occurrences up to one are dealt with.
func (t *timetable) moveOn(s *schedule.Schedule, past, now time.Time) {
	s.NextRunAt, s.DueAt = t.next(past), time.Time{}
	if s.MaxRuns > 0 && s.RunCount >= s.MaxRuns {
		s.NextRunAt = time.Time{}
	}
	if s.NextRunAt.IsZero() {
		s.CompletedAt = now
		return
	}
	s.DueAt = t.due(s.NextRunAt)
}

// fire fires what is due of one schedule, up to schedule.MaxCatchUp occurrences. The error is that of a store that
// cannot take what became of it.
func (s *Scheduler) fire(ctx context.Context, sch schedule.Schedule, now time.Time) (did Report, err error) {
	for range schedule.MaxCatchUp {
		if sch.DueAt.IsZero() || sch.DueAt.After(now) || ctx.Err() != nil {
			break
		}
		if sch, err = s.step(ctx, sch, now, &did); err != nil {
			return did, fmt.Errorf("schedule %s: %w", sch.ID, err)
		}
	}
	return did, nil
}

// step deals with one occurrence, and those missed before it, and returns the schedule as it is thereafter. What it has
// begun it finishes, also when ctx ends.
func (s *Scheduler) step(ctx context.Context, sch schedule.Schedule, now time.Time, did *Report) (schedule.Schedule, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stepTime)
	defer cancel()
	t, err := newTimetable(&sch)
	if err != nil {
		return s.fail(ctx, sch, sch.NextRunAt, now, did, err)
	}
	missed, at := t.choose(&sch, now)
	next, runs := sch, []schedule.Run(nil)
	next.LastError, next.Failures = "", 0
	if missed != nil {
		runs = append(runs, *missed)
	}
	if at.IsZero() {
		t.moveOn(&next, missed.Through, now)
		return s.record(ctx, next, runs, did)
	}
	run := schedule.Run{ScheduleID: sch.ID, Occurrence: at, Through: at, FiredAt: now, Outcome: schedule.SkippedOverlap}
	busy := false
	if sch.Overlap == schedule.OverlapSkip {
		if busy, err = s.unfinished(ctx, sch.LastMessages); err != nil {
			return s.fail(ctx, sch, at, now, did, err)
		}
	}
	if !busy {
		if run.Messages, err = s.dispatch(ctx, &sch, at, sch.IdempotencyKey(at)); err != nil {
			return s.fail(ctx, sch, at, now, did, err)
		}
		run.Outcome = schedule.Fired
		next.LastRunAt, next.LastMessages = now, run.Messages
		next.RunCount++
	}
	t.moveOn(&next, at, now)
	stored, err := s.record(ctx, next, append(runs, run), did)
	if err == nil && sch.Failures > 0 && stored.Version == sch.Version+1 {
		s.o.Logger.Info("schedule fires again", "schedule", sch.ID, "name", sch.Name)
	}
	return stored, err
}

// outgoing is the message of an occurrence.
func outgoing(s *schedule.Schedule, at time.Time, key string) symphony.Outgoing {
	o := s.Options
	o.IdempotencyKey = key
	o.Headers = make(map[string]any, len(s.Options.Headers)+2)
	maps.Copy(o.Headers, s.Options.Headers)
	o.Headers[schedule.HeaderSchedule], o.Headers[schedule.HeaderOccurrence] = s.ID, schedule.OccurrenceText(at)
	return symphony.Outgoing{Message: s.Message, Options: o}
}

// dispatch dispatches the message of an occurrence and returns it, or the one that it has already.
func (s *Scheduler) dispatch(ctx context.Context, sch *schedule.Schedule, at time.Time, key string) ([]schedule.MessageRef, error) {
	out := outgoing(sch, at, key)
	receipt, err := s.bus.DispatchMessage(ctx, out.Message, out.Options)
	var taken *symphony.IdempotencyConflictError
	if key != "" && errors.As(err, &taken) {
		// It was dispatched before the message was changed, by somebody who could not record it.
		return []schedule.MessageRef{{ID: taken.MessageID, Transport: taken.Transport}}, nil
	}
	if err != nil {
		return nil, err
	}
	var list []schedule.MessageRef
	for _, r := range append([]symphony.Receipt{receipt}, receipt.Also...) {
		list = append(list, schedule.MessageRef{ID: r.ID, Transport: r.Transport})
	}
	return list, nil
}

// unfinished reports whether any of the messages is pending or processing.
func (s *Scheduler) unfinished(ctx context.Context, list []schedule.MessageRef) (bool, error) {
	for _, m := range list {
		t, err := s.bus.Transport(m.Transport)
		if errors.Is(err, symphony.ErrUnknownTransport) || err == nil && !t.Capabilities().Receive {
			continue // nobody here handles it, or it was handled during the dispatch
		}
		messages, err := s.bus.Messages(m.Transport)
		if err != nil {
			return false, err
		}
		info, err := messages.Get(ctx, m.ID)
		if errors.Is(err, symphony.ErrNotFound) {
			continue // it was completed and is not kept, or was deleted
		}
		if err != nil || info.Status == symphony.Pending || info.Status == symphony.Processing {
			return err == nil, err
		}
	}
	return false, nil
}

// record stores a schedule that was moved on, with what became of its occurrences. If somebody has changed it
// meanwhile, it sees to it that a message which was dispatched is in the history.
func (s *Scheduler) record(ctx context.Context, next schedule.Schedule, runs []schedule.Run, did *Report) (schedule.Schedule, error) {
	stored, err := schedule.Advance(ctx, s.store, next, runs)
	switch {
	case err == nil:
		for _, r := range runs {
			if r.Outcome == schedule.Fired {
				did.Fired++
			} else {
				did.Skipped++
			}
		}
		return stored, nil
	case errors.Is(err, symphony.ErrConflict):
		return s.reconcile(ctx, next.ID, runs[len(runs)-1], did)
	case errors.Is(err, symphony.ErrNotFound): // deleted meanwhile
		return schedule.Schedule{ID: next.ID}, nil
	}
	return next, err
}

// conflicts is how often a change of a schedule is tried that others change at the same time.
const conflicts = 20

// reconcile reads a schedule again that was changed meanwhile. Usually another node has recorded the same run. If
// nobody has and nobody will, because the schedule has other times now or was disabled, it records a run that made a
// message.
func (s *Scheduler) reconcile(ctx context.Context, id string, run schedule.Run, did *Report) (schedule.Schedule, error) {
	for range conflicts {
		fresh, err := schedule.Get(ctx, s.store, id)
		if errors.Is(err, symphony.ErrNotFound) {
			return schedule.Schedule{ID: id}, nil
		}
		if err != nil || run.Outcome != schedule.Fired || !run.Manual && fresh.NextRunAt.Equal(run.Occurrence) {
			return fresh, err
		}
		if !run.Manual {
			history, err := s.store.ScheduleRuns(ctx, schedule.RunQuery{ScheduleID: id, Limit: schedule.KeptRuns})
			if err != nil || slices.ContainsFunc(history.Runs, func(r schedule.Run) bool {
				return r.Outcome == schedule.Fired && !r.Manual && r.Occurrence.Equal(run.Occurrence)
			}) {
				return fresh, err
			}
			fresh.RunCount++
			if fresh.MaxRuns > 0 && fresh.RunCount >= fresh.MaxRuns {
				fresh.NextRunAt, fresh.DueAt, fresh.CompletedAt = time.Time{}, time.Time{}, run.FiredAt
			}
		}
		if !run.FiredAt.Before(fresh.LastRunAt) {
			fresh.LastRunAt, fresh.LastMessages = run.FiredAt, run.Messages
		}
		stored, err := schedule.Advance(ctx, s.store, fresh, []schedule.Run{run})
		if err == nil {
			did.Fired++
		}
		if !errors.Is(err, symphony.ErrConflict) && !errors.Is(err, symphony.ErrNotFound) {
			return stored, err
		}
	}
	return schedule.Schedule{ID: id}, fmt.Errorf("is being changed all the time: %w", symphony.ErrConflict)
}

// backoff is the pause after a number of failures in a row.
func backoff(failures int) time.Duration {
	const longest = 5 * time.Minute
	return min(time.Second<<min(failures-1, 20), longest)
}

// fail records that an occurrence could not be fired, and when to try again.
func (s *Scheduler) fail(ctx context.Context, sch schedule.Schedule, at, now time.Time, did *Report, cause error) (schedule.Schedule, error) {
	if errors.Is(cause, symphony.ErrClosed) {
		return sch, cause // this node is ending; another one will fire it
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stepTime) // the step may have used up its own
	defer cancel()
	did.Failed++
	var runs []schedule.Run
	if sch.Failures == 0 {
		runs = append(runs, schedule.Run{ScheduleID: sch.ID, Occurrence: at, Through: at, FiredAt: now,
			Outcome: schedule.Failed, Error: symphony.ClipError(cause.Error())})
	}
	sch.Failures++
	sch.LastError = symphony.ClipError(cause.Error())
	sch.DueAt = now.Add(backoff(sch.Failures))
	stored, err := schedule.Advance(ctx, s.store, sch, runs)
	if errors.Is(err, symphony.ErrConflict) || errors.Is(err, symphony.ErrNotFound) {
		return schedule.Schedule{ID: sch.ID}, nil // somebody else has dealt with it
	}
	if err != nil {
		return sch, errors.Join(cause, err)
	}
	if stored.Failures == 1 {
		s.o.Failed(stored)
		s.o.Logger.Warn("schedule cannot fire; trying again", "schedule", sch.ID, "name", sch.Name, "error", cause)
	}
	return stored, nil
}
