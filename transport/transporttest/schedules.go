package transporttest

import (
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/schedule"
)

func keepsSchedules(c symphony.Capabilities) (bool, string) { return c.Schedules, "keeps no schedules" }

func (s *suite) scheduleStore() schedule.Store { return s.def.(schedule.Store) }

// newSchedule is a schedule with something in every field that is kept.
func (s *suite) newSchedule(name string) schedule.Schedule {
	now := s.clock.Now()
	s.clock.Advance(time.Millisecond)
	return schedule.Schedule{
		ID: symphony.NewID(now), Name: name, Source: schedule.SourceAPI, Cron: "*/5 * * * *", Timezone: "Europe/Berlin",
		StartAt: now.Add(time.Hour), EndAt: now.Add(48 * time.Hour), MaxRuns: 9, Jitter: 1500 * time.Millisecond,
		Missed: schedule.MissedAll, Overlap: schedule.OverlapSkip,
		Message: symphony.Message{Type: "Report", Payload: json.RawMessage(`{"b": 1,  "a":12345678901234567890.10, "t":"<&>"}`),
			Metadata: map[string]any{"n": json.Number("1.50")}},
		Options:   symphony.DispatchOptions{Transport: "email", Queue: "q", Priority: 7, Headers: map[string]any{"h": "v"}, Delay: time.Second},
		NextRunAt: now.Add(time.Hour), DueAt: now.Add(time.Hour + time.Second), CreatedAt: now, UpdatedAt: now,
	}
}

func (s *suite) create(n schedule.Schedule) schedule.Schedule {
	s.Helper()
	got, err := schedule.Create(ctx, s.scheduleStore(), n)
	if err != nil {
		s.Fatal(err)
	}
	return got
}

// createMany makes schedules without names, the oldest first.
func (s *suite) createMany(n int) []schedule.Schedule {
	s.Helper()
	list := make([]schedule.Schedule, n)
	for i := range list {
		list[i] = s.create(s.newSchedule(""))
	}
	return list
}

func (s *suite) wantSchedule(id string, want schedule.Schedule) {
	s.Helper()
	got, err := schedule.Get(ctx, s.scheduleStore(), id)
	if err != nil {
		s.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		s.Errorf("schedule (-want +got):\n%s", diff)
	}
}

func (s *suite) advance(sch schedule.Schedule, runs ...schedule.Run) schedule.Schedule {
	s.Helper()
	got, err := schedule.Advance(ctx, s.scheduleStore(), sch, runs)
	if err != nil {
		s.Fatal(err)
	}
	return got
}

func (s *suite) runs(q schedule.RunQuery) schedule.RunPage {
	s.Helper()
	page, err := s.scheduleStore().ScheduleRuns(ctx, q)
	if err != nil {
		s.Fatal(err)
	}
	return page
}

func (s *suite) dueSchedules(after schedule.DuePlace, limit int) schedule.Page {
	s.Helper()
	due, err := schedule.Due(ctx, s.scheduleStore(), after, limit)
	if err != nil {
		s.Fatal(err)
	}
	return due
}

func scheduleIDs(list []schedule.Schedule) []string {
	out := make([]string, len(list))
	for i, sch := range list {
		out[i] = sch.ID
	}
	return out
}

// run is an entry for a history.
func run(sch schedule.Schedule, at time.Time, messageID string) schedule.Run {
	return schedule.Run{ScheduleID: sch.ID, Occurrence: at, Through: at, FiredAt: at.Add(time.Second), Outcome: schedule.Fired,
		Messages: []schedule.MessageRef{{ID: messageID, Transport: "default"}}}
}

func (s *suite) wantConflict(what string, err error) {
	s.Helper()
	var conflict *schedule.ConflictError
	if !errors.As(err, &conflict) {
		s.Errorf("%s: got %v, want a *schedule.ConflictError", what, err)
	}
}

var scheduleTests = []test{
	{"a schedule is kept in full", func(s *suite) {
		want := s.newSchedule("report")
		got := s.create(want)
		want.Version = 1
		if diff := cmp.Diff(want, got); diff != "" {
			s.Errorf("as created (-want +got):\n%s", diff)
		}
		s.wantSchedule(want.ID, want)
		if _, err := schedule.Get(ctx, s.scheduleStore(), symphony.NewID(s.clock.Now())); !errors.Is(err, symphony.ErrNotFound) {
			s.Errorf("an unknown id: got %v, want ErrNotFound", err)
		}
	}},
	{"schedules are shared by all transports of a storage", func(s *suite) {
		want := s.create(s.newSchedule("report"))
		got, err := schedule.Get(ctx, s.Email.(schedule.Store), want.ID)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			s.Errorf("%v (-want +got):\n%s", err, diff)
		}
	}},
	{"an update replaces the definition and state of the version that was read", func(s *suite) {
		first := s.create(s.newSchedule("report"))
		want := s.newSchedule("other")
		want.ID, want.CreatedAt, want.Version = first.ID, first.CreatedAt, first.Version
		want.Cron, want.Timezone, want.Interval, want.Disabled = "", "", time.Minute, true
		want.NextRunAt, want.DueAt = time.Time{}, time.Time{}
		got, err := schedule.Update(ctx, s.scheduleStore(), want)
		if err != nil {
			s.Fatal(err)
		}
		want.Version = 2
		if diff := cmp.Diff(want, got); diff != "" {
			s.Errorf("as updated (-want +got):\n%s", diff)
		}
		s.wantSchedule(first.ID, want)
		_, err = schedule.Update(ctx, s.scheduleStore(), first)
		s.wantConflict("an old version", err)
		s.wantSchedule(first.ID, want)
		want.ID = symphony.NewID(s.clock.Now())
		if _, err := schedule.Update(ctx, s.scheduleStore(), want); !errors.Is(err, symphony.ErrNotFound) {
			s.Errorf("an unknown id: got %v, want ErrNotFound", err)
		}
	}},
	{"an update leaves source and time of creation alone", func(s *suite) {
		first := s.create(s.newSchedule("report"))
		changed := first
		changed.Source, changed.CreatedAt = schedule.SourceConfig, first.CreatedAt.Add(time.Hour)
		if _, err := schedule.Update(ctx, s.scheduleStore(), changed); err != nil {
			s.Fatal(err)
		}
		first.Version = 2
		s.wantSchedule(first.ID, first)
	}},
	{"a change is for the version that it names", func(s *suite) {
		store, first := s.scheduleStore(), s.newSchedule("report")
		put := func(version int64, c schedule.Change) error {
			c.Schedule.Version = version
			_, err := store.PutSchedule(ctx, c)
			return err
		}
		change := schedule.Change{Schedule: first, Runs: []schedule.Run{run(first, first.NextRunAt, "m1")}}
		state := schedule.Change{Schedule: first, StateOnly: true}
		for what, err := range map[string]error{"of what is not there": put(1, change), "of the state of what is not there": put(1, state)} {
			if !errors.Is(err, symphony.ErrConflict) {
				s.Errorf("a change %s: got %v, want ErrConflict", what, err)
			}
		}
		if err := put(0, change); err != nil {
			s.Fatal(err)
		}
		for what, err := range map[string]error{"that makes it again": put(0, change), "of another version": put(2, change), "of the state of another version": put(2, state)} {
			if !errors.Is(err, symphony.ErrConflict) {
				s.Errorf("a change %s: got %v, want ErrConflict", what, err)
			}
		}
		first.Version = 1
		s.wantSchedule(first.ID, first)
		if n := len(s.runs(schedule.RunQuery{ScheduleID: first.ID}).Runs); n != 1 {
			s.Errorf("the history has %d entries, want 1", n)
		}
	}},
	{"a name is unique, and none is not a name", func(s *suite) {
		s.createMany(2)
		first, second := s.create(s.newSchedule("report")), s.create(s.newSchedule("other"))
		wantTaken := func(what string, err error) {
			s.Helper()
			var taken *schedule.NameError
			if !errors.As(err, &taken) || taken.Name != "report" {
				s.Errorf("%s: got %v, want a *schedule.NameError", what, err)
			}
		}
		_, err := schedule.Create(ctx, s.scheduleStore(), s.newSchedule("report"))
		wantTaken("create", err)
		renamed := second
		renamed.Name = "report"
		_, err = schedule.Update(ctx, s.scheduleStore(), renamed)
		wantTaken("update", err)
		s.wantSchedule(second.ID, second)
		first.Disabled = true
		if _, err := schedule.Update(ctx, s.scheduleStore(), first); err != nil {
			s.Errorf("keeping the own name: %v", err)
		}
		if err := s.scheduleStore().DeleteSchedule(ctx, first.ID); err != nil {
			s.Fatal(err)
		}
		s.create(s.newSchedule("report"))
	}},
	{"of many that create a name at once, one succeeds", func(s *suite) {
		var all sync.WaitGroup
		errs := make([]error, 6)
		for i := range errs {
			n := s.newSchedule("report")
			all.Go(func() { _, errs[i] = schedule.Create(ctx, s.scheduleStore(), n) })
		}
		all.Wait()
		made := 0
		for _, err := range errs {
			var taken *schedule.NameError
			if err == nil {
				made++
			} else if !errors.As(err, &taken) {
				s.Errorf("got %v, want a *schedule.NameError", err)
			}
		}
		if made != 1 {
			s.Errorf("%d were made, want 1", made)
		}
	}},
	{"the list has the newest first, in pages, and filters select", func(s *suite) {
		list := s.createMany(5)
		named := s.newSchedule("report")
		named.Source, named.Message.Type = schedule.SourceConfig, "Mail"
		named = s.create(named)
		disabled := list[1]
		disabled.Disabled = true
		completed := list[2]
		completed.CompletedAt = s.clock.Now()
		for _, sch := range []schedule.Schedule{disabled, completed} {
			if _, err := schedule.Update(ctx, s.scheduleStore(), sch); err != nil {
				s.Fatal(err)
			}
		}
		ids := scheduleIDs(append(slices.Clone(list), named))
		slices.Reverse(ids) // named, 4, 3, 2, 1, 0
		for name, test := range map[string]struct {
			query schedule.Query
			want  []string
			more  bool
		}{
			"all":              {schedule.Query{}, ids, false},
			"a page":           {schedule.Query{Limit: 2}, ids[:2], true},
			"the next":         {schedule.Query{Limit: 2, After: ids[1]}, ids[2:4], true},
			"the last":         {schedule.Query{Limit: 2, After: ids[3]}, ids[4:], false},
			"id":               {schedule.Query{ID: ids[2]}, ids[2:3], false},
			"id and type":      {schedule.Query{ID: ids[2], Type: "Mail"}, nil, false},
			"name":             {schedule.Query{Name: "report"}, ids[:1], false},
			"no such name":     {schedule.Query{Name: "Report"}, nil, false},
			"source":           {schedule.Query{Source: schedule.SourceConfig}, ids[:1], false},
			"type":             {schedule.Query{Type: "Report", Limit: 5}, ids[1:], false},
			"active":           {schedule.Query{State: schedule.Active}, []string{ids[0], ids[1], ids[2], ids[5]}, false},
			"disabled":         {schedule.Query{State: schedule.Disabled}, ids[4:5], false},
			"completed":        {schedule.Query{State: schedule.Completed}, ids[3:4], false},
			"type and a place": {schedule.Query{Type: "Report", State: schedule.Active, After: ids[2]}, ids[5:], false},
		} {
			page, err := s.scheduleStore().ListSchedules(ctx, test.query)
			if err != nil {
				s.Fatal(err)
			}
			if got := scheduleIDs(page.Schedules); !slices.Equal(got, test.want) || page.HasMore != test.more {
				s.Errorf("%s: got %v, more %v; want %v, %v", name, got, page.HasMore, test.want, test.more)
			}
		}
	}},
	{"due schedules come in the order in which they are due", func(s *suite) {
		now := s.clock.Now().Add(time.Second)
		var ids []string
		for _, in := range []time.Duration{-time.Minute, -time.Hour, 0, -time.Minute, 90 * time.Second, time.Minute, -1} {
			n := s.newSchedule("")
			n.NextRunAt, n.DueAt = now.Add(in-time.Minute), now.Add(in)
			if in == -1 {
				n.NextRunAt, n.DueAt = time.Time{}, time.Time{} // disabled or completed
			}
			ids = append(ids, s.create(n).ID)
		}
		s.clock.Advance(now.Sub(s.clock.Now()))
		due := s.dueSchedules(schedule.DuePlace{}, 10)
		if got, want := scheduleIDs(due.Schedules), []string{ids[1], ids[0], ids[3], ids[2]}; !slices.Equal(got, want) {
			s.Errorf("got %v, want %v", got, want)
		}
		if !due.Now.Equal(now) || !due.Next.Equal(now.Add(time.Minute)) {
			s.Errorf("now is %v, next %v; want %v, %v", due.Now, due.Next, now, now.Add(time.Minute))
		}
		first := s.dueSchedules(schedule.DuePlace{}, 2)
		last := first.Schedules[1]
		rest := s.dueSchedules(schedule.DuePlace{DueAt: last.DueAt, ID: last.ID}, 2)
		if got, want := append(scheduleIDs(first.Schedules), scheduleIDs(rest.Schedules)...), scheduleIDs(due.Schedules); !slices.Equal(got, want) {
			s.Errorf("in pages: got %v, want %v", got, want)
		}
		if page, err := s.scheduleStore().ListSchedules(ctx, schedule.Query{Due: &schedule.DuePlace{}, ID: ids[0], After: ids[0]}); err != nil || !slices.Equal(scheduleIDs(page.Schedules), ids[:1]) {
			s.Errorf("of those due one: got %v, %v", scheduleIDs(page.Schedules), err)
		}
		s.clock.Advance(2 * time.Minute)
		if due := s.dueSchedules(schedule.DuePlace{}, 10); len(due.Schedules) != 6 || !due.Next.IsZero() {
			s.Errorf("later: got %d, next %v; want all 6 and none", len(due.Schedules), due.Next)
		}
	}},
}
