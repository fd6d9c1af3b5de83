package scheduler

import (
	"fmt"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony/schedule"
)

var begin = time.Date(2027, 10, 30, 22, 0, 0, 0, time.UTC) // hours before the clocks of Berlin are set back

func table(t *testing.T, s schedule.Schedule) *timetable {
	t.Helper()
	s.CreatedAt = begin
	got, err := newTimetable(&s)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// tables are timetables of each kind.
func tables(t *testing.T) map[string]*timetable {
	t.Helper()
	list := map[string]*timetable{
		"interval":       table(t, schedule.Schedule{Interval: 1500 * time.Millisecond}),
		"started":        table(t, schedule.Schedule{Interval: 7 * time.Minute, StartAt: begin.Add(time.Hour)}),
		"interval, ends": table(t, schedule.Schedule{Interval: 7 * time.Minute, EndAt: begin.Add(2 * time.Hour)}),
		"ends":           table(t, schedule.Schedule{Cron: "* * * * *", EndAt: begin.Add(2 * time.Hour)}),
	}
	for _, e := range []string{"* * * * * *", "*/7 * * * *", "30 2 * * *", "0 3 * * *", "59 59 * * * *", "*/20 1-3 * * *"} {
		list[e] = table(t, schedule.Schedule{Cron: e, Timezone: "Europe/Berlin", StartAt: begin.Add(10 * time.Minute)})
	}
	return list
}

func TestLast_is_the_newest_occurrence_up_to_a_time(t *testing.T) {
	for name, tt := range tables(t) {
		first := tt.next(begin)
		newest := first
		for after := time.Duration(0); after < 6*time.Hour; after += 7*time.Minute + 123*time.Millisecond {
			upTo := first.Add(after)
			for at := tt.next(newest); !at.IsZero() && !at.After(upTo); at = tt.next(at) {
				newest = at
			}
			if got := tt.last(first, upTo); !got.Equal(newest) {
				t.Fatalf("%s: the last up to %v is %v, want %v", name, upTo, got, newest)
			}
			if got := tt.last(newest, upTo); !got.Equal(newest) {
				t.Fatalf("%s: the last from %v up to %v is %v", name, newest, upTo, got)
			}
		}
	}
}

// TestChoose_fires_nothing_before_it_is_due looks at schedules whose newest occurrence waits for its jitter.
func TestChoose_fires_nothing_before_it_is_due(t *testing.T) {
	waited := 0
	for i := range 50 {
		s := schedule.Schedule{ID: fmt.Sprint(i), Interval: time.Minute, Jitter: time.Minute, Missed: schedule.MissedLast}
		tt := table(t, s)
		s.NextRunAt = tt.next(begin)
		for now := begin.Add(2 * time.Minute); now.Before(begin.Add(6 * time.Minute)); now = now.Add(7 * time.Second) {
			missed, at := tt.choose(&s, now)
			switch next := tt.next(at); {
			case tt.due(at).After(now):
				t.Errorf("at %v it fires %v, which is due at %v", now, at, tt.due(at))
			case !tt.due(next).After(now):
				t.Errorf("at %v it fires %v, though %v is due since %v", now, at, next, tt.due(next))
			case !next.After(now):
				waited++
			}
			switch {
			case missed == nil && !at.Equal(s.NextRunAt), missed != nil && !tt.next(missed.Through).Equal(at):
				t.Errorf("at %v it fires %v, missed are %+v", now, at, missed)
			}
		}
	}
	if waited == 0 {
		t.Error("no occurrence waited for its jitter")
	}
}
