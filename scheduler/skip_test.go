package scheduler_test

import (
	"errors"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/schedule"
	"github.com/symphony-messenger/symphony/scheduler"
)

func TestSkip_leaves_out_the_next_occurrence_alone(t *testing.T) {
	r := onStorage(t)
	limited := every(time.Hour)
	limited.MaxRuns = 2
	sch := r.create(limited)
	next := sch.NextRunAt
	got, err := r.Skip(t.Context(), sch.ID, next)
	if err != nil || !got.NextRunAt.Equal(next.Add(time.Hour)) || got.RunCount != 0 || !got.LastRunAt.IsZero() {
		t.Fatalf("got %+v, %v", got, err)
	}
	if _, err := r.Skip(t.Context(), sch.ID, next); !errors.Is(err, symphony.ErrConflict) {
		t.Errorf("the same one again: %v", err)
	}
	for range 3 {
		r.clock.Advance(time.Hour)
		if _, err := r.FireDue(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	page, err := r.Runs(t.Context(), schedule.RunQuery{ScheduleID: sch.ID, Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	var got2 []schedule.Outcome
	for _, run := range page.Runs {
		got2 = append([]schedule.Outcome{run.Outcome}, got2...)
	}
	if len(got2) != 3 || got2[0] != schedule.Skipped || got2[1] != schedule.Fired || got2[2] != schedule.Fired {
		t.Errorf("the history is %v", got2)
	}
	if first := page.Runs[2]; !first.Manual || !first.Occurrence.Equal(next) || len(first.Messages) != 0 {
		t.Errorf("the skipped one is %+v", first)
	}
}

func TestSkip_of_what_has_no_next(t *testing.T) {
	r := onStorage(t)
	disabled := every(time.Hour)
	disabled.Disabled = true
	if _, err := r.Skip(t.Context(), r.create(disabled).ID, time.Time{}); !errors.Is(err, scheduler.ErrNoNext) {
		t.Errorf("a disabled one: %v", err)
	}
	if _, err := r.Skip(t.Context(), symphony.NewID(noon), time.Time{}); !errors.Is(err, symphony.ErrNotFound) {
		t.Errorf("an unknown one: %v", err)
	}
	sch := r.create(once(noon.Add(time.Hour)))
	got, err := r.Skip(t.Context(), sch.ID, time.Time{})
	if err != nil || got.State() != schedule.Completed {
		t.Errorf("the only one: %v, %v", got.State(), err)
	}
	if _, err := r.Skip(t.Context(), sch.ID, time.Time{}); !errors.Is(err, scheduler.ErrNoNext) {
		t.Errorf("a completed one: %v", err)
	}
}

// Two people who skip the same occurrence at the same time skip it once.
func TestSkip_of_several_at_once_skips_one(t *testing.T) {
	r := onStorage(t)
	sch := r.create(every(time.Hour))
	const people = 4
	errs := make(chan error, people)
	for range people {
		go func() {
			_, err := r.Skip(t.Context(), sch.ID, sch.NextRunAt)
			errs <- err
		}()
	}
	done := 0
	for range people {
		switch err := <-errs; {
		case err == nil:
			done++
		case !errors.Is(err, symphony.ErrConflict):
			t.Error(err)
		}
	}
	got, err := r.Get(t.Context(), sch.ID)
	if err != nil || done != 1 || !got.NextRunAt.Equal(sch.NextRunAt.Add(time.Hour)) {
		t.Errorf("%d skipped, next is %s (%v)", done, got.NextRunAt, err)
	}
}
