package schedule_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/schedule"
	"github.com/symphony-messenger/symphony/symphonytest"
	"github.com/symphony-messenger/symphony/transport/sqlite"
)

// stored makes a schedule in a store.
func stored(t *testing.T, store schedule.Store, name string) schedule.Schedule {
	t.Helper()
	s := hourly()
	s.ID, s.Name, s.CreatedAt, s.UpdatedAt = symphony.NewID(noon), name, noon, noon
	s.NextRunAt, s.DueAt = noon, noon
	got, err := schedule.Create(t.Context(), store, s.WithDefaults())
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestChanges_say_why_they_are_refused(t *testing.T) {
	store := symphonytest.Storage(t, sqlite.Options{})
	now, other := stored(t, store, "report"), stored(t, store, "other")
	old, unknown, renamed, fresh := now, now, now, now
	if _, err := schedule.Advance(t.Context(), store, now, nil); err != nil {
		t.Fatal(err)
	}
	now.Version, renamed.Version = 2, 2
	unknown.ID, renamed.Name, fresh.Version = symphony.NewID(noon), other.Name, 0
	var (
		conflict *schedule.ConflictError
		taken    *schedule.NameError
	)
	for name, test := range map[string]struct {
		do   func() error
		want func(error) bool
	}{
		"an update of an old version": {
			func() error { _, err := schedule.Update(t.Context(), store, old); return err },
			func(err error) bool {
				return errors.As(err, &conflict) && conflict.ID == now.ID && conflict.Version == 1
			},
		},
		"an advance of an old version": {
			func() error { _, err := schedule.Advance(t.Context(), store, old, nil); return err },
			func(err error) bool { return errors.As(err, &conflict) },
		},
		"an advance of what is not there": {
			func() error { _, err := schedule.Advance(t.Context(), store, unknown, nil); return err },
			func(err error) bool { return errors.Is(err, symphony.ErrNotFound) },
		},
		"an update of what was never stored": {
			func() error { _, err := schedule.Update(t.Context(), store, fresh); return err },
			func(err error) bool { return errors.Is(err, symphony.ErrNotFound) },
		},
		"an update to the name of another": {
			func() error { _, err := schedule.Update(t.Context(), store, renamed); return err },
			func(err error) bool { return errors.As(err, &taken) && taken.Name == "other" },
		},
		"reading what is not there": {
			func() error { _, err := schedule.Get(t.Context(), store, unknown.ID); return err },
			func(err error) bool { return errors.Is(err, symphony.ErrNotFound) },
		},
		"reading without an id": {
			func() error { _, err := schedule.Get(t.Context(), store, ""); return err },
			func(err error) bool { return errors.Is(err, symphony.ErrNotFound) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			if err := test.do(); !test.want(err) {
				t.Errorf("got %v (%T)", err, err)
			}
		})
	}
	if got, err := schedule.Get(t.Context(), store, now.ID); err != nil || got.Version != 2 || got.Name != "report" {
		t.Errorf("the schedule is %+v, %v", got, err)
	}
}

func TestAdvance_keeps_the_definition_and_the_newest_of_the_history(t *testing.T) {
	store := symphonytest.Storage(t, sqlite.Options{})
	s := stored(t, store, "report")
	const total = schedule.KeptRuns + 5
	for i := range total {
		at := noon.Add(time.Duration(i) * time.Hour)
		s.Message.Payload, s.Cron, s.RunCount = json.RawMessage(`{"other":1}`), "@daily", i+1
		run := schedule.Run{ScheduleID: s.ID, Occurrence: at, Through: at, FiredAt: at, Outcome: schedule.Fired}
		var err error
		if s, err = schedule.Advance(t.Context(), store, s, []schedule.Run{run}); err != nil {
			t.Fatal(err)
		}
	}
	if string(s.Message.Payload) != `{}` || s.Cron != "@hourly" || s.RunCount != total {
		t.Errorf("got %+v", s)
	}
	page, err := store.ScheduleRuns(t.Context(), schedule.RunQuery{ScheduleID: s.ID, Limit: schedule.MaxPage})
	if err != nil || len(page.Runs) != schedule.KeptRuns || page.Runs[0].Seq != total {
		t.Errorf("the history has %d entries, %v; want %d, up to number %d", len(page.Runs), err, schedule.KeptRuns, total)
	}
}
