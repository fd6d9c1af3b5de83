package scheduler_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/schedule"
	"github.com/symphony-messenger/symphony/scheduler"
)

func problemsOf(t *testing.T, err error) []symphony.Problem {
	t.Helper()
	var invalid *symphony.ValidationError
	if !errors.As(err, &invalid) {
		t.Fatalf("got %v, want a *ValidationError", err)
	}
	return invalid.Problems
}

func paths(list []symphony.Problem) []string {
	var out []string
	for _, p := range list {
		out = append(out, p.Path)
	}
	return out
}

func TestCreate_reports_every_problem(t *testing.T) {
	r := onStorage(t)
	_, err := r.Create(t.Context(), schedule.Schedule{
		Name: "a b", Cron: "61 * * * *", MaxRuns: -1, Message: symphony.Message{Payload: []byte(`[]`)},
		Options: symphony.DispatchOptions{Transport: "gone", Priority: 11, ScheduledAt: noon, IdempotencyKey: "k"},
	})
	want := []string{"name", "maxRuns", "options.scheduledAt", "options.idempotencyKey", "cron", "message.type", "message.payload", "options.priority", "options.transport"}
	if diff := cmp.Diff(want, paths(problemsOf(t, err))); diff != "" {
		t.Errorf("paths (-want +got):\n%s", diff)
	}
	_, err = r.Create(t.Context(), cron("0 0 31 2 *"))
	if diff := cmp.Diff([]symphony.Problem{{Path: "cron", Message: "never happens"}}, problemsOf(t, err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestCreate_gives_identity_and_defaults_and_takes_no_state(t *testing.T) {
	r := onStorage(t)
	r.clock.Advance(1234567 * time.Nanosecond)
	given := cron("@hourly")
	given.ID, given.RunCount, given.Version, given.LastError, given.CompletedAt = "x", 7, 9, "e", noon
	got := r.create(given)
	now := noon.Add(time.Millisecond)
	want := given
	want.ID, want.RunCount, want.Version, want.LastError, want.CompletedAt = got.ID, 0, 1, "", time.Time{}
	want.Source, want.Timezone, want.Missed, want.Overlap = schedule.SourceAPI, "UTC", schedule.MissedLast, schedule.OverlapAllow
	want.CreatedAt, want.UpdatedAt, want.NextRunAt, want.DueAt = now, now, noon.Add(time.Hour), noon.Add(time.Hour)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestCreate_disabled_or_over(t *testing.T) {
	r := onStorage(t)
	sch := every(time.Minute)
	sch.Disabled = true
	if got := r.create(sch); got.State() != schedule.Disabled || !got.NextRunAt.IsZero() || !got.DueAt.IsZero() {
		t.Errorf("disabled: state %s, next %v, due %v", got.State(), got.NextRunAt, got.DueAt)
	}
	sch = every(time.Minute)
	sch.EndAt = noon
	if got := r.create(sch); got.State() != schedule.Completed || !got.NextRunAt.IsZero() {
		t.Errorf("over: state %s, next %v", got.State(), got.NextRunAt)
	}
	r.clock.Advance(time.Hour)
	r.wantReport(r.fire(), 0, 0, 0)
}

func TestUpdate(t *testing.T) {
	const m = time.Minute
	for name, test := range map[string]struct {
		start  schedule.Schedule
		late   time.Duration // when it is changed, from noon
		fire   bool          // before
		change func(*schedule.Schedule)
		next   time.Duration // from noon; 0: none
		state  schedule.State
	}{
		"other times":                       {every(10 * m), 5 * m, false, func(s *schedule.Schedule) { s.Interval = 7 * m }, 7 * m, schedule.Active},
		"another kind":                      {every(10 * m), 5 * m, false, func(s *schedule.Schedule) { s.Interval, s.Cron = 0, "*/6 * * * *" }, 6 * m, schedule.Active},
		"an earlier one":                    {cron("30 * * * *"), 5 * m, false, func(s *schedule.Schedule) { s.Cron = "* * * * *" }, 6 * m, schedule.Active},
		"the message, while it is due":      {every(10 * m), 25 * m, false, func(s *schedule.Schedule) { s.Message.Payload = []byte(`{"a":1}`) }, 10 * m, schedule.Active},
		"the times, while it is due":        {every(10 * m), 25 * m, false, func(s *schedule.Schedule) { s.Interval = 20 * m }, 40 * m, schedule.Active},
		"off":                               {every(10 * m), 5 * m, false, func(s *schedule.Schedule) { s.Disabled = true }, 0, schedule.Disabled},
		"an end that is past":               {every(10 * m), 5 * m, false, func(s *schedule.Schedule) { s.EndAt = noon.Add(2 * m) }, 0, schedule.Completed},
		"fewer runs than there have been":   {every(10 * m), 10 * m, true, func(s *schedule.Schedule) { s.MaxRuns = 1 }, 0, schedule.Completed},
		"another time of one that has been": {once(noon.Add(m)), 5 * m, true, func(s *schedule.Schedule) { s.At = noon.Add(9 * m) }, 9 * m, schedule.Active},
		"the message of one that has been":  {once(noon.Add(m)), 5 * m, true, func(s *schedule.Schedule) { s.Message.Type = "Other" }, 0, schedule.Completed},
	} {
		t.Run(name, func(t *testing.T) {
			r := onStorage(t)
			sch := r.create(test.start)
			r.to(noon.Add(test.late))
			if test.fire {
				r.wantReport(r.fire(), 1, 0, 0)
			}
			got, err := r.Update(t.Context(), sch.ID, func(s *schedule.Schedule) error { test.change(s); return nil })
			if err != nil {
				t.Fatal(err)
			}
			var want time.Time
			if test.next > 0 {
				want = noon.Add(test.next)
			}
			if !got.NextRunAt.Equal(want) || !got.DueAt.Equal(want) || got.State() != test.state {
				t.Errorf("next %v, due %v, state %s; want %v, %s", got.NextRunAt, got.DueAt, got.State(), want, test.state)
			}
			if !got.UpdatedAt.Equal(r.clock.Now()) || !got.CreatedAt.Equal(noon) {
				t.Errorf("created %v, updated %v", got.CreatedAt, got.UpdatedAt)
			}
			if diff := cmp.Diff(got, r.get(sch.ID)); diff != "" {
				t.Errorf("(-returned +stored):\n%s", diff)
			}
		})
	}
}

func TestUpdate_that_changes_nothing_stores_nothing(t *testing.T) {
	r := onStorage(t)
	sch := r.create(every(time.Minute))
	r.clock.Advance(time.Second)
	got, err := r.Update(t.Context(), sch.ID, func(s *schedule.Schedule) error {
		s.RunCount, s.NextRunAt, s.Version = 7, noon, 9 // state is ignored
		return nil
	})
	if diff := cmp.Diff(sch, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestUpdate_refuses(t *testing.T) {
	r := onStorage(t)
	sch := r.create(every(time.Minute))
	_, err := r.Update(t.Context(), sch.ID, func(s *schedule.Schedule) error { s.Cron = "nonsense"; return nil })
	if diff := cmp.Diff([]string{"interval", "cron"}, paths(problemsOf(t, err))); diff != "" {
		t.Errorf("paths (-want +got):\n%s", diff)
	}
	mine := errors.New("no")
	if _, err := r.Update(t.Context(), sch.ID, func(*schedule.Schedule) error { return mine }); !errors.Is(err, mine) {
		t.Errorf("got %v, want the error of change", err)
	}
	if _, err := r.Update(t.Context(), symphony.NewID(noon), func(*schedule.Schedule) error { return nil }); !errors.Is(err, symphony.ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
	named := every(time.Minute)
	named.Name = "n"
	r.create(named)
	if _, err := r.Update(t.Context(), sch.ID, func(s *schedule.Schedule) error { s.Name = "n"; return nil }); !errors.Is(err, symphony.ErrConflict) {
		t.Errorf("got %v, want a conflict", err)
	}
}

func TestUpdate_goes_on_while_others_change_it_too(t *testing.T) {
	r := onStorage(t)
	id := r.create(every(time.Minute)).ID
	var all sync.WaitGroup
	for range 5 {
		all.Go(func() {
			if _, err := r.Update(t.Context(), id, func(s *schedule.Schedule) error { s.MaxRuns++; return nil }); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got := r.get(id).MaxRuns; got != 5 {
		t.Errorf("max runs is %d after 5 changes, want 5", got)
	}
}

func TestEnable_and_disable(t *testing.T) {
	r := onStorage(t)
	id := r.create(every(time.Minute)).ID
	if got, err := r.Disable(t.Context(), id); err != nil || got.State() != schedule.Disabled {
		t.Errorf("state %s, %v", got.State(), err)
	}
	r.to(noon.Add(5*time.Minute + time.Second))
	r.wantReport(r.fire(), 0, 0, 0)
	if got, err := r.Enable(t.Context(), id); err != nil || !got.NextRunAt.Equal(noon.Add(6*time.Minute)) {
		t.Errorf("next is %v, %v", got.NextRunAt, err)
	}
	r.to(noon.Add(6 * time.Minute))
	r.wantReport(r.fire(), 1, 0, 0)
	r.wantHistory(id, fired(6*time.Minute))
}

func TestRunNow(t *testing.T) {
	r := onStorage(t)
	sch := every(time.Minute)
	sch.Disabled, sch.MaxRuns = true, 1
	id := r.create(sch).ID
	r.clock.Advance(time.Second)
	for range 2 { // at one moment, each has a message of its own
		run, err := r.RunNow(t.Context(), id)
		if err != nil || len(run.Messages) != 1 || !run.Manual || run.Outcome != schedule.Fired {
			t.Errorf("got %+v, %v", run, err)
		}
	}
	byHand := entry{schedule.Fired, time.Second, time.Second, true}
	r.wantHistory(id, byHand, byHand)
	got := r.get(id)
	if got.RunCount != 0 || got.State() != schedule.Disabled || !got.LastRunAt.Equal(r.clock.Now()) {
		t.Errorf("ran %d times, state %s, last %v", got.RunCount, got.State(), got.LastRunAt)
	}
	r.wantMessages(r.clock.Now(), r.clock.Now())
	if _, err := r.RunNow(t.Context(), symphony.NewID(noon)); !errors.Is(err, symphony.ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
}

func TestPreview(t *testing.T) {
	const m = time.Minute
	disabled, limited, ended, past := every(10*m), cron("*/10 * * * *"), every(10*m), once(noon.Add(-m))
	disabled.Disabled, limited.MaxRuns, ended.EndAt = true, 2, noon.Add(25*m)
	for name, test := range map[string]struct {
		sch  schedule.Schedule
		want []time.Duration
	}{
		"interval":       {every(10 * m), []time.Duration{10 * m, 20 * m, 30 * m}},
		"cron":           {cron("*/10 * * * *"), []time.Duration{10 * m, 20 * m, 30 * m}},
		"disabled":       {disabled, []time.Duration{10 * m, 20 * m, 30 * m}},
		"limited":        {limited, []time.Duration{10 * m, 20 * m}},
		"with an end":    {ended, []time.Duration{10 * m, 20 * m}},
		"once":           {once(noon.Add(m)), []time.Duration{m}},
		"once, and past": {past, []time.Duration{-m}},
	} {
		t.Run(name, func(t *testing.T) {
			r := onStorage(t)
			for what, sch := range map[string]schedule.Schedule{"definition": test.sch, "stored": r.create(test.sch)} {
				times, err := scheduler.Preview(sch, noon, 3)
				var got []time.Duration
				for _, at := range times {
					got = append(got, at.Sub(noon))
				}
				if diff := cmp.Diff(test.want, got); err != nil || diff != "" {
					t.Errorf("%s: %v (-want +got):\n%s", what, err, diff)
				}
			}
		})
	}
	r := onStorage(t)
	sch := r.create(once(noon))
	r.fire()
	if times, err := scheduler.Preview(r.get(sch.ID), noon, 3); err != nil || len(times) != 0 {
		t.Errorf("completed: %v, %v", times, err)
	}
	_, err := scheduler.Preview(cron("x"), noon, 0)
	if diff := cmp.Diff([]string{"cron", "next"}, paths(problemsOf(t, err))); diff != "" {
		t.Errorf("paths (-want +got):\n%s", diff)
	}
}

func TestList_and_Runs_check_their_limits(t *testing.T) {
	r := onStorage(t)
	id := r.create(every(time.Minute)).ID
	for _, limit := range []int{-1, schedule.MaxPage + 1} {
		_, err := r.List(t.Context(), schedule.Query{Limit: limit})
		problemsOf(t, err)
		_, err = r.Runs(t.Context(), schedule.RunQuery{ScheduleID: id, Limit: limit})
		problemsOf(t, err)
	}
	page, err := r.List(t.Context(), schedule.Query{})
	if err != nil || len(page.Schedules) != 1 {
		t.Errorf("got %d schedules, %v", len(page.Schedules), err)
	}
	if _, err := r.Runs(t.Context(), schedule.RunQuery{ScheduleID: symphony.NewID(noon)}); !errors.Is(err, symphony.ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
	if err := r.Delete(t.Context(), id); err != nil {
		t.Error(err)
	}
	if err := r.Delete(t.Context(), id); !errors.Is(err, symphony.ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
}
