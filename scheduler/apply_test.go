package scheduler_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/symphony-messenger/symphony/schedule"
	"github.com/symphony-messenger/symphony/scheduler"
)

func named(name string, sch schedule.Schedule) schedule.Schedule {
	sch.Name = name
	return sch
}

func (r *rig) apply(list ...schedule.Schedule) scheduler.Applied {
	r.Helper()
	done, err := r.Apply(r.Context(), list)
	if err != nil {
		r.Fatal(err)
	}
	return done
}

func (r *rig) byName(name string) schedule.Schedule {
	r.Helper()
	page, err := r.List(r.Context(), schedule.Query{Name: name})
	if err != nil || len(page.Schedules) != 1 {
		r.Fatalf("%d schedules have the name %q, %v", len(page.Schedules), name, err)
	}
	return page.Schedules[0]
}

func TestApply(t *testing.T) {
	r := onStorage(t)
	mine := r.create(named("mine", every(time.Minute)))
	a, b := named("a", every(time.Minute)), named("b", cron("@daily"))
	if got := r.apply(a, b); got != (scheduler.Applied{Created: 2}) {
		t.Errorf("first: %+v", got)
	}
	r.to(noon.Add(time.Minute))
	r.wantReport(r.fire(), 2, 0, 0)
	before := r.byName("a")
	if got := r.apply(a, b); got != (scheduler.Applied{}) {
		t.Errorf("again: %+v", got)
	}
	if diff := cmp.Diff(before, r.byName("a")); diff != "" {
		t.Errorf("what is unchanged was changed (-before +after):\n%s", diff)
	}
	a.Interval = time.Hour
	c := named("c", once(noon.Add(time.Hour)))
	if got := r.apply(a, c); got != (scheduler.Applied{Created: 1, Updated: 1, Deleted: 1}) {
		t.Errorf("changed: %+v", got)
	}
	after := r.byName("a")
	if after.ID != before.ID || after.Interval != time.Hour || after.RunCount != 1 || after.Source != schedule.SourceConfig {
		t.Errorf("got %+v", after)
	}
	if got := r.get(mine.ID); got.Source != schedule.SourceAPI || got.Interval != time.Minute {
		t.Errorf("one made by hand was changed: %+v", got)
	}
	if got := r.apply(); got != (scheduler.Applied{Deleted: 2}) {
		t.Errorf("none: %+v", got)
	}
}

func TestApply_keeps_what_somebody_disabled(t *testing.T) {
	r := onStorage(t)
	a := named("a", every(time.Minute))
	r.apply(a)
	if _, err := r.Disable(t.Context(), r.byName("a").ID); err != nil {
		t.Fatal(err)
	}
	a.Interval = time.Hour
	r.apply(a)
	if got := r.byName("a"); !got.Disabled || got.Interval != time.Hour {
		t.Errorf("disabled %v, interval %s", got.Disabled, got.Interval)
	}
	if _, err := r.Enable(t.Context(), r.byName("a").ID); err != nil {
		t.Fatal(err)
	}
	a.Disabled = true
	r.apply(a)
	if !r.byName("a").Disabled {
		t.Error("it is enabled, against the file")
	}
}

func TestApply_changes_nothing_when_one_is_wrong(t *testing.T) {
	r := onStorage(t)
	_, err := r.Apply(t.Context(), []schedule.Schedule{named("a", every(time.Minute)), named("a", cron("x")), every(time.Minute)})
	want := []string{"schedules[1].cron", "schedules[1].name", "schedules[2].name"}
	if diff := cmp.Diff(want, paths(problemsOf(t, err))); diff != "" {
		t.Errorf("paths (-want +got):\n%s", diff)
	}
	if page, err := r.List(t.Context(), schedule.Query{}); err != nil || len(page.Schedules) != 0 {
		t.Errorf("%d schedules were made, %v", len(page.Schedules), err)
	}
}

func TestApply_takes_no_name_from_one_made_by_hand(t *testing.T) {
	r := onStorage(t)
	r.create(named("a", every(time.Minute)))
	_, err := r.Apply(t.Context(), []schedule.Schedule{named("a", every(time.Hour))})
	var taken *schedule.NameError
	if !errors.As(err, &taken) || taken.Name != "a" {
		t.Errorf("got %v, want a *schedule.NameError", err)
	}
}

func TestApply_by_several_nodes_at_once(t *testing.T) {
	r := onStorage(t)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if _, err := r.Apply(t.Context(), []schedule.Schedule{named("a", every(time.Minute)), named("b", every(time.Hour))}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	r.byName("a")
	r.byName("b")
}
