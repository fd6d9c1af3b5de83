package transporttest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/schedule"
)

// scheduleRunTests are about what changes while schedules fire.
var scheduleRunTests = []test{
	{"an advance replaces the state only and records runs", func(s *suite) {
		want := s.create(s.newSchedule("report"))
		at := want.NextRunAt
		changed := want
		changed.Name, changed.Source, changed.Cron, changed.Disabled, changed.Message.Type = "x", "x", "x", true, "x"
		changed.Message.Payload, changed.CreatedAt, changed.UpdatedAt = json.RawMessage(`{}`), at, at
		want.NextRunAt, want.DueAt = at.Add(time.Hour), at.Add(2*time.Hour)
		want.LastRunAt, want.LastMessages, want.RunCount = at, []schedule.MessageRef{{ID: "m1", Transport: "default"}, {ID: "m2", Transport: "email"}}, 3
		want.LastError, want.Failures, want.CompletedAt = "größer", 4, at.Add(time.Second)
		changed.NextRunAt, changed.DueAt, changed.LastRunAt, changed.LastMessages, changed.RunCount = want.NextRunAt, want.DueAt, want.LastRunAt, want.LastMessages, want.RunCount
		changed.LastError, changed.Failures, changed.CompletedAt = want.LastError, want.Failures, want.CompletedAt
		skipped := schedule.Run{ScheduleID: want.ID, Occurrence: at.Add(-time.Hour), Through: at.Add(-time.Minute), FiredAt: at, Outcome: schedule.SkippedMissed}
		failed := schedule.Run{ScheduleID: want.ID, Occurrence: at, Through: at, FiredAt: at.Add(time.Second), Outcome: schedule.Failed, Error: "größer", Manual: true}
		got := s.advance(changed, skipped, failed)
		want.Version = 2
		if diff := cmp.Diff(want, got); diff != "" {
			s.Errorf("as advanced (-want +got):\n%s", diff)
		}
		s.wantSchedule(want.ID, want)
		fired := run(want, at, "m1")
		want = s.advance(want, fired)
		skipped.Seq, failed.Seq, fired.Seq = 1, 2, 3
		if diff := cmp.Diff([]schedule.Run{fired, failed, skipped}, s.runs(schedule.RunQuery{ScheduleID: want.ID}).Runs); diff != "" {
			s.Errorf("history (-want +got):\n%s", diff)
		}
	}},
	{"an advance of an old version changes and records nothing", func(s *suite) {
		first := s.create(s.newSchedule(""))
		second := s.advance(first, run(first, first.NextRunAt, "m1"))
		first.RunCount = 77
		_, err := schedule.Advance(ctx, s.scheduleStore(), first, []schedule.Run{run(first, first.NextRunAt, "m2")})
		s.wantConflict("advance", err)
		s.wantSchedule(first.ID, second)
		if page := s.runs(schedule.RunQuery{ScheduleID: first.ID}); len(page.Runs) != 1 {
			s.Errorf("the history has %d entries, want 1", len(page.Runs))
		}
		first.ID = symphony.NewID(s.clock.Now())
		if _, err := schedule.Advance(ctx, s.scheduleStore(), first, nil); !errors.Is(err, symphony.ErrNotFound) {
			s.Errorf("an unknown id: got %v, want ErrNotFound", err)
		}
	}},
	{"of many that advance at once, one wins", func(s *suite) {
		sch := s.create(s.newSchedule(""))
		for round := range 5 {
			var all sync.WaitGroup
			errs := make([]error, 6)
			for i := range errs {
				all.Go(func() {
					_, errs[i] = schedule.Advance(ctx, s.scheduleStore(), sch, []schedule.Run{run(sch, sch.NextRunAt, fmt.Sprint(i))})
				})
			}
			all.Wait()
			won := 0
			for _, err := range errs {
				if err == nil {
					won++
				} else {
					s.wantConflict("a loser", err)
				}
			}
			if won != 1 {
				s.Fatalf("%d won, want 1", won)
			}
			var err error
			if sch, err = schedule.Get(ctx, s.scheduleStore(), sch.ID); err != nil || sch.Version != int64(round+2) {
				s.Fatalf("version is %d after round %d (%v)", sch.Version, round, err)
			}
		}
		if page := s.runs(schedule.RunQuery{ScheduleID: sch.ID}); len(page.Runs) != 5 {
			s.Errorf("the history has %d entries, want 5", len(page.Runs))
		}
	}},
	{"the history has the newest first, in pages, and is bounded", func(s *suite) {
		sch, other := s.create(s.newSchedule("")), s.create(s.newSchedule(""))
		other = s.advance(other, run(other, other.NextRunAt, "m"))
		const total = schedule.KeptRuns + 7
		for n := 0; n < total; n += 20 {
			var runs []schedule.Run
			for i := n; i < min(n+20, total); i++ {
				// The clock of whoever records them goes backwards.
				runs = append(runs, run(sch, sch.NextRunAt.Add(-time.Duration(i)*time.Hour), fmt.Sprint(i)))
			}
			sch = s.advance(sch, runs...)
		}
		var got []string
		q := schedule.RunQuery{ScheduleID: sch.ID, Limit: 30}
		for {
			page := s.runs(q)
			for _, r := range page.Runs {
				got = append(got, r.Messages[0].ID)
				q.Before = r.Seq
			}
			if !page.HasMore {
				break
			}
		}
		var want []string
		for i := total - 1; i >= total-schedule.KeptRuns; i-- {
			want = append(want, fmt.Sprint(i))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			s.Errorf("messages of the history (-want +got):\n%s", diff)
		}
		if page := s.runs(schedule.RunQuery{ScheduleID: other.ID}); len(page.Runs) != 1 {
			s.Errorf("the other schedule's history has %d entries, want 1", len(page.Runs))
		}
	}},
	{"a deleted schedule is gone with its history", func(s *suite) {
		sch, other := s.create(s.newSchedule("")), s.create(s.newSchedule(""))
		sch, other = s.advance(sch, run(sch, sch.NextRunAt, "m1")), s.advance(other, run(other, other.NextRunAt, "m2"))
		if err := s.scheduleStore().DeleteSchedule(ctx, sch.ID); err != nil {
			s.Fatal(err)
		}
		if _, err := schedule.Get(ctx, s.scheduleStore(), sch.ID); !errors.Is(err, symphony.ErrNotFound) {
			s.Errorf("get: %v, want ErrNotFound", err)
		}
		if err := s.scheduleStore().DeleteSchedule(ctx, sch.ID); !errors.Is(err, symphony.ErrNotFound) {
			s.Errorf("delete again: %v, want ErrNotFound", err)
		}
		if _, err := schedule.Advance(ctx, s.scheduleStore(), sch, nil); !errors.Is(err, symphony.ErrNotFound) {
			s.Errorf("advance: %v, want ErrNotFound", err)
		}
		if page := s.runs(schedule.RunQuery{ScheduleID: sch.ID}); len(page.Runs) != 0 {
			s.Errorf("its history has %d entries", len(page.Runs))
		}
		if page := s.runs(schedule.RunQuery{ScheduleID: other.ID}); len(page.Runs) != 1 {
			s.Errorf("the other's history has %d entries, want 1", len(page.Runs))
		}
	}},
	{"what was returned or given belongs to the caller", func(s *suite) {
		given := s.newSchedule("report")
		want := s.newSchedule("report")
		want.ID, want.NextRunAt, want.DueAt, want.StartAt, want.EndAt = given.ID, given.NextRunAt, given.DueAt, given.StartAt, given.EndAt
		want.CreatedAt, want.UpdatedAt, want.Version = given.CreatedAt, given.UpdatedAt, 1
		scribble := func(sch schedule.Schedule) {
			sch.Message.Payload[1] = 'x'
			sch.Message.Metadata["n"] = "changed"
			sch.Options.Headers["h"] = "changed"
			for i := range sch.LastMessages {
				sch.LastMessages[i].ID = "changed"
			}
		}
		created := s.create(given)
		scribble(given)
		scribble(created)
		s.wantSchedule(given.ID, want)
		want.LastMessages = []schedule.MessageRef{{ID: "m1", Transport: "default"}}
		runs := []schedule.Run{run(want, want.NextRunAt, "m1")}
		advanced := s.advance(want, runs...)
		scribble(advanced)
		runs[0].Messages[0].ID = "changed"
		page, err := s.scheduleStore().ListSchedules(ctx, schedule.Query{})
		if err != nil {
			s.Fatal(err)
		}
		scribble(page.Schedules[0])
		s.runs(schedule.RunQuery{ScheduleID: want.ID}).Runs[0].Messages[0].ID = "changed"
		s.clock.Advance(3 * time.Hour)
		scribble(s.dueSchedules(schedule.DuePlace{}, 1).Schedules[0])
		want.Version, want.LastMessages = 2, []schedule.MessageRef{{ID: "m1", Transport: "default"}}
		s.wantSchedule(given.ID, want)
		if got := s.runs(schedule.RunQuery{ScheduleID: want.ID}).Runs[0].Messages[0].ID; got != "m1" {
			s.Errorf("the history says %q, want m1", got)
		}
	}},
	{"schedules and their history survive a crash", func(s *suite) {
		sch := s.create(s.newSchedule("report"))
		sch = s.advance(sch, run(sch, sch.NextRunAt, "m1"))
		s.reopen()
		s.wantSchedule(sch.ID, sch)
		if page := s.runs(schedule.RunQuery{ScheduleID: sch.ID}); len(page.Runs) != 1 {
			s.Errorf("the history has %d entries, want 1", len(page.Runs))
		}
	}},
	{"a cancelled call stores nothing", func(s *suite) {
		sch := s.create(s.newSchedule(""))
		cancelled, cancel := context.WithCancel(ctx)
		cancel()
		if _, err := schedule.Advance(cancelled, s.scheduleStore(), sch, []schedule.Run{run(sch, sch.NextRunAt, "m1")}); err == nil {
			s.Error("it succeeded")
		}
		s.wantSchedule(sch.ID, sch)
	}},
	{"a schedule that cannot be decoded hides no other, and can be mended", func(s *suite) {
		if s.CorruptSchedule == nil {
			s.Skip("nothing stored can become undecodable")
		}
		list := s.createMany(3)
		s.CorruptSchedule(s.T, list[1].ID)
		s.clock.Advance(3 * time.Hour)
		due := s.dueSchedules(schedule.DuePlace{}, 10)
		if got, want := scheduleIDs(due.Schedules), scheduleIDs(list); !slices.Equal(got, want) {
			s.Fatalf("due are %v, want %v", got, want)
		}
		for i, sch := range due.Schedules {
			if broken := sch.DecodeErr != nil; broken != (i == 1) {
				s.Errorf("schedule %d: %v", i, sch.DecodeErr)
			}
		}
		broken := due.Schedules[1]
		broken.LastError = "cannot be read"
		if got := s.advance(broken); got.LastError != "cannot be read" || got.DecodeErr == nil {
			s.Errorf("advanced: %+v", got)
		}
		list[1].Version = 2
		if got, err := schedule.Update(ctx, s.scheduleStore(), list[1]); err != nil || got.DecodeErr != nil {
			s.Errorf("mended: %+v, %v", got, err)
		}
	}},
}
