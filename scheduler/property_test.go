package scheduler_test

import (
	"slices"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony/schedule"
	"github.com/symphony-messenger/symphony/scheduler"
	"github.com/symphony-messenger/symphony/symphonytest"
	"github.com/symphony-messenger/symphony/symphonytest/testclock"
	"github.com/symphony-messenger/symphony/transport/sqlite"
	"pgregory.net/rapid"
)

// story is a random schedule and what happens to it.
type story struct {
	*rapid.T
	clock    *testclock.Clock
	tr       storage
	sch      schedule.Schedule
	step     time.Duration // about the time between two occurrences
	next     func(time.Time) time.Time
	recorded []schedule.Run
	latest   time.Time // that the clock has shown
}

func newStory(t *rapid.T) *story {
	// Before the clocks of Berlin are set back, in the first days of the story.
	start := time.Date(2027, 10, 30, 21, 0, 0, 0, time.UTC).Add(time.Duration(rapid.IntRange(0, 3_600_000).Draw(t, "begin")) * time.Millisecond)
	s := &story{T: t, clock: testclock.New(start), latest: start}
	s.tr = symphonytest.Storage(t, sqlite.Options{Clock: s.clock})
	sch := every(0)
	switch rapid.SampledFrom([]string{"interval", "cron", "once"}).Draw(t, "kind") {
	case "interval":
		sch.Interval = time.Duration(rapid.IntRange(1000, 600_000).Draw(t, "interval")) * time.Millisecond
		s.step = sch.Interval
	case "cron":
		sch.Timezone = "Europe/Berlin"
		sch.Cron = rapid.SampledFrom([]string{"*/5 * * * *", "*/10 1-4 * * *", "0 */2 * * *", "*/20 * * * * *"}).Draw(t, "cron")
		s.step = 10 * time.Minute
	case "once":
		sch.At = start.Add(time.Duration(rapid.IntRange(-60, 3600).Draw(t, "at")) * time.Second)
		s.step = time.Minute
	}
	if sch.At.IsZero() {
		if rapid.Bool().Draw(t, "has a start") {
			sch.StartAt = start.Add(time.Duration(rapid.IntRange(0, 1000).Draw(t, "start")) * time.Second)
		}
		if rapid.Bool().Draw(t, "has an end") {
			sch.EndAt = start.Add(1000*time.Second + s.step*time.Duration(rapid.IntRange(20, 200).Draw(t, "end")))
		}
		sch.MaxRuns = rapid.SampledFrom([]int{0, 0, 1, 7}).Draw(t, "runs")
	}
	sch.Missed = rapid.SampledFrom([]schedule.MissedPolicy{schedule.MissedAll, schedule.MissedLast, schedule.MissedSkip}).Draw(t, "missed")
	sch.Jitter = time.Duration(rapid.SampledFrom([]int{0, 0, 500, 30_000, 3_600_000}).Draw(t, "jitter")) * time.Millisecond
	var err error
	if s.sch, err = dying(s, s.clock, s.node(0, false)).Create(s.Context(), sch); err != nil {
		t.Fatal(err)
	}
	s.next = s.occurrences()
	return s
}

// occurrences is the schedule's sequence, by its definition.
func (s *story) occurrences() func(time.Time) time.Time {
	next := func(t time.Time) time.Time {
		if s.sch.At.After(t) {
			return s.sch.At
		}
		return time.Time{}
	}
	switch {
	case s.sch.Interval > 0:
		first := s.sch.StartAt
		if first.IsZero() {
			first = s.sch.CreatedAt.Add(s.sch.Interval)
		}
		next = func(t time.Time) time.Time {
			at := first
			for !at.After(t) {
				at = at.Add(s.sch.Interval)
			}
			return at
		}
	case s.sch.Cron != "":
		c, err := scheduler.ParseCron(s.sch.Cron, s.sch.Timezone)
		if err != nil {
			s.Fatal(err)
		}
		next = c.Next
	}
	return func(t time.Time) time.Time {
		at := next(t)
		if !s.sch.EndAt.IsZero() && at.After(s.sch.EndAt) {
			return time.Time{}
		}
		return at
	}
}

// node is how a node reaches the storage that dies at a call, never if that is 0.
func (s *story) node(dieAt int, after bool) *mortal {
	return &mortal{storage: s.tr, dieAt: dieAt, after: after}
}

// round has a node fire what is due.
func (s *story) round(m *mortal) scheduler.Report {
	report, err := dying(s, s.clock, m).FireDue(s.Context())
	s.recorded = append(s.recorded, m.recorded...)
	if err != nil && m.dieAt == 0 {
		s.Fatal(err)
	}
	return report
}

func (s *story) move(d time.Duration) {
	s.clock.Advance(d)
	if now := s.clock.Now(); now.After(s.latest) {
		s.latest = now
	}
}

// happen plays the story. At its end everything is fired that is due by the latest time that the clock has shown.
func (s *story) happen() (died bool) {
	for range rapid.IntRange(1, 30).Draw(s.T, "events") {
		switch rapid.SampledFrom([]string{"time", "time", "fire", "fire", "die", "jump", "back"}).Draw(s.T, "event") {
		case "time":
			s.move(time.Duration(rapid.Int64Range(0, 2*s.step.Milliseconds()).Draw(s.T, "ms")) * time.Millisecond)
		case "jump":
			s.move(time.Duration(rapid.Int64Range(0, 40*s.step.Milliseconds()).Draw(s.T, "ms")) * time.Millisecond)
		case "back":
			s.move(-time.Duration(rapid.Int64Range(0, 5*s.step.Milliseconds()).Draw(s.T, "ms")) * time.Millisecond)
		case "fire":
			s.round(s.node(0, false))
		case "die":
			died = true
			s.round(s.node(rapid.IntRange(1, 9).Draw(s.T, "call"), rapid.Bool().Draw(s.T, "after it")))
		}
	}
	s.move(s.latest.Sub(s.clock.Now()))
	for s.round(s.node(0, false)).More {
	}
	return died
}

// TestOccurrences_neither_repeat_nor_get_lost checks, whatever nodes and clocks do: the entries of the history follow
// one after the other without a gap, each occurrence has at most one message, none is early, and all that was fired has
// one.
func TestOccurrences_neither_repeat_nor_get_lost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newStory(t)
		defer s.tr.Close()
		died := s.happen()
		stored, err := schedule.Get(s.Context(), s.tr, s.sch.ID)
		if err != nil {
			t.Fatal(err)
		}

		firedAt, skipped := make(map[string]bool), make(map[string]bool)
		expected := s.sch.NextRunAt
		for _, run := range s.recorded {
			if !run.Occurrence.Equal(expected) {
				t.Fatalf("recorded is %s of %v, want one of %v", run.Outcome, run.Occurrence, expected)
			}
			if run.FiredAt.Before(run.Through) {
				t.Errorf("%s of %v at %v: too early", run.Outcome, run.Through, run.FiredAt)
			}
			switch run.Outcome {
			case schedule.Fired:
				firedAt[schedule.OccurrenceText(run.Occurrence)] = true
			case schedule.SkippedMissed:
				if s.sch.Missed == schedule.MissedAll {
					t.Errorf("%v was skipped", run.Occurrence)
				}
				for at := run.Occurrence; !at.IsZero() && !at.After(run.Through); at = s.next(at) {
					skipped[schedule.OccurrenceText(at)] = true
				}
			default:
				t.Errorf("%s of %v: %s", run.Outcome, run.Occurrence, run.Error)
			}
			expected = s.next(run.Through)
		}
		limited := s.sch.MaxRuns > 0 && stored.RunCount >= s.sch.MaxRuns
		switch {
		case stored.RunCount != len(firedAt):
			t.Errorf("%d runs were counted, %d recorded", stored.RunCount, len(firedAt))
		case s.sch.MaxRuns > 0 && stored.RunCount > s.sch.MaxRuns:
			t.Errorf("ran %d times, more than %d", stored.RunCount, s.sch.MaxRuns)
		case (limited || expected.IsZero()) != (stored.State() == schedule.Completed):
			t.Errorf("state is %s after %d runs, next is %v", stored.State(), stored.RunCount, expected)
		case !limited && !stored.NextRunAt.Equal(expected):
			t.Errorf("next is %v, want %v", stored.NextRunAt, expected)
		case !stored.DueAt.IsZero() && !stored.DueAt.After(s.latest):
			t.Errorf("%v is due and was not fired by %v", stored.DueAt, s.latest)
		}

		s.clock.Advance(365 * 24 * time.Hour) // everything is ready
		messages := occurrencesOf(s, s.tr)
		for i, at := range messages {
			if i > 0 && messages[i-1] == at {
				t.Errorf("%s has two messages", at)
			}
			// A node that died between the steps leaves a message; if its occurrence was skipped then, no entry has it.
			if !firedAt[at] && (!died || !skipped[at] && !limited) {
				t.Errorf("%s has a message and was not recorded", at)
			}
		}
		for at := range firedAt {
			if _, found := slices.BinarySearch(messages, at); !found {
				t.Errorf("%s was fired and has no message", at)
			}
		}
	})
}
