package scheduler

import (
	"context"
	"errors"
	"fmt"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/schedule"
)

// Applied is what Apply changed.
type Applied struct{ Created, Updated, Deleted int }

// Apply makes the schedules of the configuration file be those of the list, which it finds by their names: it creates
// what is missing, updates what differs, and deletes those that came from the file before and are no longer in it.
// Schedules made otherwise are left alone; that one of them has a name of the list is a *schedule.NameError. One that
// exists and is unchanged keeps its state. A schedule that the list has as enabled stays disabled where somebody has
// disabled it; one that it has as disabled is disabled. All nodes on one storage should have the same list, and may
// apply it at the same time. The problems of all schedules are reported together, with paths such as
// "schedules[1].cron", before anything is changed.
func (s *Scheduler) Apply(ctx context.Context, list []schedule.Schedule) (done Applied, err error) {
	var problems []symphony.Problem
	places := make(map[string]int, len(list))
	for i, sch := range list {
		prefix := fmt.Sprintf("schedules[%d].", i)
		sch.Source = schedule.SourceConfig
		problems = append(problems, s.Problems(sch, prefix)...)
		if first, twice := places[sch.Name]; twice && sch.Name != "" {
			problems = append(problems, symphony.Problem{Path: prefix + "name", Message: fmt.Sprintf("is that of schedules[%d] too", first)})
		}
		places[sch.Name] = i
	}
	if len(problems) > 0 {
		return done, &symphony.ValidationError{Problems: problems}
	}
	for _, sch := range list {
		if err := s.applyOne(ctx, sch, &done); err != nil {
			return done, fmt.Errorf("scheduler: apply schedule %q: %w", sch.Name, err)
		}
	}
	q := schedule.Query{Source: schedule.SourceConfig, Limit: schedule.MaxPage}
	for {
		page, err := s.store.ListSchedules(ctx, q)
		if err != nil {
			return done, fmt.Errorf("scheduler: apply: %w", err)
		}
		for _, have := range page.Schedules {
			q.After = have.ID
			if _, wanted := places[have.Name]; wanted {
				continue
			}
			switch err := s.store.DeleteSchedule(ctx, have.ID); {
			case err == nil:
				done.Deleted++
			case !errors.Is(err, symphony.ErrNotFound):
				return done, fmt.Errorf("scheduler: apply: %w", err)
			}
		}
		if !page.HasMore {
			return done, nil
		}
	}
}

// applyOne creates or updates one schedule of the file.
func (s *Scheduler) applyOne(ctx context.Context, want schedule.Schedule, done *Applied) error {
	want.Source = schedule.SourceConfig
	for range conflicts {
		page, err := s.store.ListSchedules(ctx, schedule.Query{Name: want.Name})
		if err != nil {
			return err
		}
		if len(page.Schedules) == 0 {
			_, err := s.Create(ctx, want)
			if err == nil {
				done.Created++
			}
			var taken *schedule.NameError
			if errors.As(err, &taken) {
				continue // another node was quicker
			}
			return err
		}
		have := page.Schedules[0]
		if have.Source != schedule.SourceConfig {
			return &schedule.NameError{Name: want.Name}
		}
		stored, err := s.Update(ctx, have.ID, func(sch *schedule.Schedule) error {
			disabled := sch.Disabled || want.Disabled
			*sch = want
			sch.Disabled = disabled
			return nil
		})
		if errors.Is(err, symphony.ErrNotFound) {
			continue // another node has deleted it
		}
		if err == nil && !stored.UpdatedAt.Equal(have.UpdatedAt) {
			done.Updated++
		}
		return err
	}
	return &schedule.NameError{Name: want.Name}
}
