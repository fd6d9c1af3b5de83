package memory

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/schedule"
)

// history is a schedule with its history.
type history struct {
	schedule.Schedule
	runs    []schedule.Run // oldest first
	lastSeq int64
}

// keep returns a copy of a schedule as storages keep it.
func keep(s schedule.Schedule) (schedule.Schedule, error) {
	raw, err := s.EncodeDefinition()
	if err != nil {
		return s, fmt.Errorf("memory: schedule %s: %w", s.ID, err)
	}
	s.DecodeDefinition(raw)
	s.Message.Payload = bytes.Clone(s.Message.Payload)
	s.LastMessages = slices.Clone(s.LastMessages)
	for _, t := range []*time.Time{&s.NextRunAt, &s.DueAt, &s.LastRunAt, &s.CompletedAt, &s.CreatedAt, &s.UpdatedAt} {
		*t = kept(*t)
	}
	return s, nil
}

// kept is a time as storages keep it.
func kept(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.UTC().Truncate(time.Microsecond)
}

// named returns the schedule of a name, nil if there is none.
func (s *store) named(name string) *history {
	for _, have := range s.schedules {
		if name != "" && have.Name == name {
			return have
		}
	}
	return nil
}

// CreateSchedule stores a new schedule.
func (s *store) CreateSchedule(ctx context.Context, n schedule.Schedule) (schedule.Schedule, error) {
	if err := s.enter(ctx); err != nil {
		return schedule.Schedule{}, err
	}
	defer s.mu.Unlock()
	if s.named(n.Name) != nil {
		return schedule.Schedule{}, &schedule.NameError{Name: n.Name}
	}
	n, err := keep(n)
	if err != nil {
		return schedule.Schedule{}, err
	}
	n.Version = 1
	s.schedules[n.ID] = &history{Schedule: n}
	return keep(n)
}

// GetSchedule returns one schedule.
func (s *store) GetSchedule(ctx context.Context, id string) (schedule.Schedule, error) {
	if err := s.enter(ctx); err != nil {
		return schedule.Schedule{}, err
	}
	defer s.mu.Unlock()
	have := s.schedules[id]
	if have == nil {
		return schedule.Schedule{}, noSchedule(id)
	}
	return keep(have.Schedule)
}

func noSchedule(id string) error { return fmt.Errorf("schedule %s: %w", id, symphony.ErrNotFound) }

// sortedSchedules returns copies of the schedules that are wanted.
func (s *store) sortedSchedules(want func(*history) bool, order func(a, b schedule.Schedule) int) ([]schedule.Schedule, error) {
	var list []schedule.Schedule
	for have := range maps.Values(s.schedules) {
		if !want(have) {
			continue
		}
		c, err := keep(have.Schedule)
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	slices.SortFunc(list, order)
	return list, nil
}

// ListSchedules returns a page of schedules, newest first.
func (s *store) ListSchedules(ctx context.Context, q schedule.Query) (page schedule.Page, err error) {
	if err := s.enter(ctx); err != nil {
		return page, err
	}
	defer s.mu.Unlock()
	q = q.WithDefaults()
	page.Schedules, err = s.sortedSchedules(func(h *history) bool {
		return (q.Name == "" || h.Name == q.Name) && (q.Source == "" || h.Source == q.Source) && (q.Type == "" || h.Message.Type == q.Type) &&
			(q.State == "" || h.State() == q.State) && (q.After == "" || h.ID < q.After)
	}, func(a, b schedule.Schedule) int { return cmp.Compare(b.ID, a.ID) })
	if page.HasMore = len(page.Schedules) > q.Limit; page.HasMore {
		page.Schedules = page.Schedules[:q.Limit]
	}
	bytes := q.PageBytes()
	for i := range page.Schedules {
		bytes.Schedule(&page.Schedules[i])
	}
	return page, err
}

// current returns the schedule if it still has the version.
func (s *store) current(id string, version int64) (*history, error) {
	switch have := s.schedules[id]; {
	case have == nil:
		return nil, noSchedule(id)
	case have.Version != version:
		return nil, &schedule.ConflictError{ID: id, Version: version}
	default:
		return have, nil
	}
}

// UpdateSchedule replaces definition and state.
func (s *store) UpdateSchedule(ctx context.Context, n schedule.Schedule) (schedule.Schedule, error) {
	if err := s.enter(ctx); err != nil {
		return schedule.Schedule{}, err
	}
	defer s.mu.Unlock()
	have, err := s.current(n.ID, n.Version)
	if err != nil {
		return schedule.Schedule{}, err
	}
	if other := s.named(n.Name); other != nil && other != have {
		return schedule.Schedule{}, &schedule.NameError{Name: n.Name}
	}
	if n, err = keep(n); err != nil {
		return schedule.Schedule{}, err
	}
	n.Source, n.CreatedAt = have.Source, have.CreatedAt
	n.Version++
	have.Schedule = n
	return keep(n)
}

// AdvanceSchedule replaces the state and records runs.
func (s *store) AdvanceSchedule(ctx context.Context, n schedule.Schedule, runs []schedule.Run) (schedule.Schedule, error) {
	if err := s.enter(ctx); err != nil {
		return schedule.Schedule{}, err
	}
	defer s.mu.Unlock()
	have, err := s.current(n.ID, n.Version)
	if err != nil {
		return schedule.Schedule{}, err
	}
	c := have.Schedule
	c.NextRunAt, c.DueAt, c.LastRunAt, c.LastMessages, c.RunCount = n.NextRunAt, n.DueAt, n.LastRunAt, n.LastMessages, n.RunCount
	c.LastError, c.Failures, c.CompletedAt = n.LastError, n.Failures, n.CompletedAt
	if c, err = keep(c); err != nil {
		return schedule.Schedule{}, err
	}
	c.Version++
	have.Schedule = c
	for _, r := range runs {
		have.lastSeq++
		r.Seq, r.Messages = have.lastSeq, slices.Clone(r.Messages)
		r.Occurrence, r.Through, r.FiredAt = kept(r.Occurrence), kept(r.Through), kept(r.FiredAt)
		have.runs = append(have.runs, r)
	}
	have.runs = slices.Clone(have.runs[max(0, len(have.runs)-schedule.KeptRuns):])
	return keep(c)
}

// DeleteSchedule deletes a schedule with its history.
func (s *store) DeleteSchedule(ctx context.Context, id string) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	if s.schedules[id] == nil {
		return noSchedule(id)
	}
	delete(s.schedules, id)
	return nil
}

// DueSchedules returns schedules whose time has come.
func (s *store) DueSchedules(ctx context.Context, after schedule.DuePlace, limit int) (due schedule.Due, err error) {
	if err := s.enter(ctx); err != nil {
		return due, err
	}
	defer s.mu.Unlock()
	due.Now = s.shown(s.now())
	due.Schedules, err = s.sortedSchedules(func(h *history) bool {
		switch {
		case h.DueAt.IsZero():
			return false
		case h.DueAt.After(due.Now):
			if due.Next.IsZero() || h.DueAt.Before(due.Next) {
				due.Next = h.DueAt
			}
			return false
		}
		return cmp.Or(h.DueAt.Compare(after.DueAt), cmp.Compare(h.ID, after.ID)) > 0
	}, func(a, b schedule.Schedule) int { return cmp.Or(a.DueAt.Compare(b.DueAt), cmp.Compare(a.ID, b.ID)) })
	due.Schedules = due.Schedules[:min(limit, len(due.Schedules))]
	return due, err
}

// ScheduleRuns returns a page of a history, newest first.
func (s *store) ScheduleRuns(ctx context.Context, q schedule.RunQuery) (page schedule.RunPage, err error) {
	if err := s.enter(ctx); err != nil {
		return page, err
	}
	defer s.mu.Unlock()
	have := s.schedules[q.ScheduleID]
	if have == nil {
		return page, nil
	}
	q = q.WithDefaults()
	for _, r := range slices.Backward(have.runs) {
		if q.Before != 0 && r.Seq >= q.Before {
			continue
		}
		if page.HasMore = len(page.Runs) == q.Limit; page.HasMore {
			break
		}
		r.Messages = slices.Clone(r.Messages)
		page.Runs = append(page.Runs, r)
	}
	return page, nil
}

// Unfinished looks for messages among all that wait or are in workers' hands.
func (s *store) Unfinished(ctx context.Context, ids []string) (bool, error) {
	if err := s.enter(ctx); err != nil {
		return false, err
	}
	defer s.mu.Unlock()
	wanted := func(m *message) bool { return slices.Contains(ids, m.ID) }
	for _, l := range s.lanes {
		for p := range l.ready {
			if slices.ContainsFunc(l.ready[p].list, wanted) {
				return true, nil
			}
		}
	}
	for _, g := range s.gates {
		if slices.ContainsFunc(g.parked.list, wanted) {
			return true, nil
		}
	}
	return slices.ContainsFunc(s.ending.list, func(it *item) bool { return wanted(it.message) }), nil
}
