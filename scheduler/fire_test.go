package scheduler_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/schedule"
	"github.com/symphony-messenger/symphony/scheduler"
)

func TestFireDue_once(t *testing.T) {
	r := onStorage(t)
	sch := r.create(once(noon.Add(time.Hour)))
	r.wantReport(r.fire(), 0, 0, 0)
	r.to(noon.Add(2 * time.Hour))
	r.wantReport(r.fire(), 1, 0, 0)
	r.clock.Advance(48 * time.Hour)
	r.wantReport(r.fire(), 0, 0, 0)
	r.wantMessages(noon.Add(time.Hour))
	got := r.get(sch.ID)
	if got.State() != schedule.Completed || got.RunCount != 1 || !got.NextRunAt.IsZero() || !got.LastRunAt.Equal(noon.Add(2*time.Hour)) {
		t.Errorf("state %s, runs %d, next %v, last %v", got.State(), got.RunCount, got.NextRunAt, got.LastRunAt)
	}
	r.wantHistory(sch.ID, fired(time.Hour))
}

func TestFireDue_once_that_is_past_is_due_at_once(t *testing.T) {
	r := onStorage(t)
	r.create(once(noon.Add(-time.Hour)))
	r.wantReport(r.fire(), 1, 0, 0)
	r.wantMessages(noon.Add(-time.Hour))
}

func TestFireDue_interval_does_not_drift(t *testing.T) {
	r := onStorage(t)
	sch := every(time.Minute)
	sch.StartAt = noon.Add(30 * time.Second)
	id := r.create(sch).ID
	var want []time.Time
	for n := range 10 {
		want = append(want, sch.StartAt.Add(time.Duration(n)*time.Minute))
		// Each round is late by something else.
		r.to(want[n].Add(time.Duration(n*n*700) * time.Millisecond))
		r.wantReport(r.fire(), 1, 0, 0)
	}
	r.wantMessages(want...)
	if got := r.get(id).NextRunAt; !got.Equal(sch.StartAt.Add(10 * time.Minute)) {
		t.Errorf("next is %v", got)
	}
}

func TestFireDue_interval_without_a_start_counts_from_its_creation(t *testing.T) {
	r := onStorage(t)
	sch := r.create(every(time.Minute))
	if !sch.NextRunAt.Equal(noon.Add(time.Minute)) {
		t.Errorf("next is %v", sch.NextRunAt)
	}
	r.to(noon.Add(time.Minute))
	r.wantReport(r.fire(), 1, 0, 0)
	r.wantMessages(noon.Add(time.Minute))
}

func TestFireDue_a_start_just_past_is_now(t *testing.T) {
	for late, want := range map[time.Duration]time.Duration{time.Second: -time.Second, schedule.MissedGrace + time.Second: time.Hour - schedule.MissedGrace - time.Second} {
		r := onStorage(t)
		sch := every(time.Hour)
		sch.StartAt = noon.Add(-late)
		if got := r.create(sch).NextRunAt; !got.Equal(noon.Add(want)) {
			t.Errorf("%s late: next is %v, want %v", late, got, noon.Add(want))
		}
	}
}

func TestFireDue_cron_in_its_zone(t *testing.T) {
	r := onStorage(t)
	sch := cron("30 9 * * *")
	sch.Timezone = "America/New_York"
	id := r.create(sch).ID
	at := time.Date(2026, 11, 23, 14, 30, 0, 0, time.UTC)
	r.to(at)
	r.wantReport(r.fire(), 1, 0, 0)
	r.wantMessages(at)
	if got := r.get(id); !got.NextRunAt.Equal(at.Add(24 * time.Hour)) {
		t.Errorf("next is %v", got.NextRunAt)
	}
}

func TestFireDue_bounds(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*schedule.Schedule)
		want   []time.Duration
	}{
		"end, included":      {func(s *schedule.Schedule) { s.EndAt = noon.Add(2 * time.Minute) }, []time.Duration{time.Minute, 2 * time.Minute}},
		"end, between":       {func(s *schedule.Schedule) { s.EndAt = noon.Add(2*time.Minute + 1e6) }, []time.Duration{time.Minute, 2 * time.Minute}},
		"end before the end": {func(s *schedule.Schedule) { s.EndAt = noon.Add(2*time.Minute - 1e6) }, []time.Duration{time.Minute}},
		"start, included":    {func(s *schedule.Schedule) { s.StartAt = noon.Add(3 * time.Minute); s.EndAt = noon.Add(4 * time.Minute) }, []time.Duration{3 * time.Minute, 4 * time.Minute}},
		"runs":               {func(s *schedule.Schedule) { s.MaxRuns = 3 }, []time.Duration{time.Minute, 2 * time.Minute, 3 * time.Minute}},
	} {
		for kind, sch := range map[string]schedule.Schedule{"interval": every(time.Minute), "cron": cron("* * * * *")} {
			t.Run(name+" of "+kind, func(t *testing.T) {
				r := onStorage(t)
				test.change(&sch)
				id := r.create(sch).ID
				for range 8 {
					r.clock.Advance(time.Minute)
					r.fire()
				}
				var want []time.Time
				for _, d := range test.want {
					want = append(want, noon.Add(d))
				}
				r.wantMessages(want...)
				if got := r.get(id); got.State() != schedule.Completed || !got.NextRunAt.IsZero() || !got.DueAt.IsZero() {
					t.Errorf("state %s, next %v, due %v", got.State(), got.NextRunAt, got.DueAt)
				}
			})
		}
	}
}

func TestFireDue_missed(t *testing.T) {
	const m = time.Minute
	missed := func(from, through time.Duration) entry {
		return entry{schedule.SkippedMissed, from, through, false}
	}
	for name, test := range map[string]struct {
		policy schedule.MissedPolicy
		now    time.Duration
		want   []entry
	}{
		"all: in time":                    {schedule.MissedAll, 10 * m, []entry{fired(10 * m)}},
		"all: several":                    {schedule.MissedAll, 35 * m, []entry{fired(10 * m), fired(20 * m), fired(30 * m)}},
		"last: in time":                   {schedule.MissedLast, 10*m + time.Second, []entry{fired(10 * m)}},
		"last: late":                      {schedule.MissedLast, 19 * m, []entry{fired(10 * m)}},
		"last: two":                       {schedule.MissedLast, 20 * m, []entry{missed(10*m, 10*m), fired(20 * m)}},
		"last: several":                   {schedule.MissedLast, 49 * m, []entry{missed(10*m, 30*m), fired(40 * m)}},
		"skip: in time":                   {schedule.MissedSkip, 10*m + schedule.MissedGrace, []entry{fired(10 * m)}},
		"skip: late":                      {schedule.MissedSkip, 10*m + schedule.MissedGrace + 1e6, []entry{missed(10*m, 10*m)}},
		"skip: several, the last in time": {schedule.MissedSkip, 40*m + time.Second, []entry{missed(10*m, 30*m), fired(40 * m)}},
		"skip: several, all late":         {schedule.MissedSkip, 45 * m, []entry{missed(10*m, 40*m)}},
	} {
		for kind, sch := range map[string]schedule.Schedule{"interval": every(10 * m), "cron": cron("*/10 * * * *")} {
			t.Run(name+" of "+kind, func(t *testing.T) {
				r := onStorage(t)
				sch.Missed = test.policy
				sch = r.create(sch)
				r.to(noon.Add(test.now))
				r.fire()
				r.wantHistory(sch.ID, test.want...)
				if got, want := r.get(sch.ID).NextRunAt, noon.Add(test.now.Truncate(10*m)+10*m); !got.Equal(want) {
					t.Errorf("next is %v, want %v", got, want)
				}
				r.wantReport(r.fire(), 0, 0, 0)
			})
		}
	}
}

func TestFireDue_all_of_a_long_outage_are_fired_in_bounded_rounds(t *testing.T) {
	r := onStorage(t)
	sch := every(time.Second)
	sch.Missed = schedule.MissedAll
	r.create(sch)
	other := r.create(every(time.Minute))
	r.clock.Advance(250 * time.Second)
	for round, want := range []int{schedule.MaxCatchUp + 1, schedule.MaxCatchUp, 50} { // the first has the other's too
		if got := r.fire(); got.Fired != want || got.More != (round < 2) {
			t.Errorf("round %d fired %d, more %v; want %d", round, got.Fired, got.More, want)
		}
	}
	if got := len(r.messages()); got != 251 {
		t.Errorf("%d messages, want 251", got)
	}
	if got := r.get(other.ID).RunCount; got != 1 {
		t.Errorf("the other one ran %d times, want once", got)
	}
}

func TestFireDue_a_year_of_missed_seconds_is_skipped_at_once(t *testing.T) {
	for _, sch := range []schedule.Schedule{every(time.Second), cron("* * * * * *"), cron("* * 3 * * *")} {
		r := onStorage(t)
		id := r.create(sch).ID
		r.clock.Advance(365 * 24 * time.Hour)
		r.wantReport(r.fire(), 1, 1, 0)
		if got := r.get(id); got.RunCount != 1 || !got.NextRunAt.After(r.clock.Now()) {
			t.Errorf("ran %d times, next %v", got.RunCount, got.NextRunAt)
		}
	}
}

func TestFireDue_overlap(t *testing.T) {
	r := onStorage(t)
	sch := every(time.Minute)
	sch.Overlap = schedule.OverlapSkip
	id := r.create(sch).ID
	tick := func() { r.clock.Advance(time.Minute); r.fire() }
	tick() // nothing before it
	tick() // its message is pending
	got, err := r.tr.Receive(t.Context(), symphony.ReceiveOptions{Lease: symphony.MaxLease})
	if err != nil || len(got) != 1 {
		t.Fatalf("received %d, %v", len(got), err)
	}
	tick() // it is processing
	if err := errors.Join(r.tr.Settle(t.Context(), []symphony.Settlement{{Lease: got[0].Lease, Outcome: symphony.Fail, Error: "e", ErrorClass: "test"}})...); err != nil {
		t.Fatal(err)
	}
	tick() // it failed
	if _, err := r.RunNow(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	skipped := func(at time.Duration) entry { return entry{schedule.SkippedOverlap, at, at, false} }
	r.wantHistory(id, fired(time.Minute), skipped(2*time.Minute), skipped(3*time.Minute), fired(4*time.Minute), entry{schedule.Fired, 4 * time.Minute, 4 * time.Minute, true})
	if got := r.get(id).RunCount; got != 2 {
		t.Errorf("ran %d times, want 2: skipped ones and those by hand do not count", got)
	}
}

func TestFireDue_overlap_is_over_when_the_message_is_finished(t *testing.T) {
	settle := func(s symphony.Settlement) func(*rig) error {
		return func(r *rig) error {
			got, err := r.tr.Receive(r.Context(), symphony.ReceiveOptions{})
			if err == nil && len(got) != 1 {
				err = fmt.Errorf("received %d", len(got))
			}
			if err != nil {
				return err
			}
			s.Lease = got[0].Lease
			return errors.Join(r.tr.Settle(r.Context(), []symphony.Settlement{s})...)
		}
	}
	for name, test := range map[string]struct {
		options symphony.DispatchOptions
		do      func(*rig) error
		want    schedule.Outcome
	}{
		"completed":        {do: settle(symphony.Settlement{Outcome: symphony.Ack}), want: schedule.Fired},
		"failed":           {do: settle(symphony.Settlement{Outcome: symphony.Fail}), want: schedule.Fired},
		"waiting to retry": {do: settle(symphony.Settlement{Outcome: symphony.Retry, Delay: time.Hour}), want: schedule.SkippedOverlap},
		"given back":       {do: settle(symphony.Settlement{Outcome: symphony.Release}), want: schedule.SkippedOverlap},
		"not ready yet":    {options: symphony.DispatchOptions{Delay: time.Hour}, do: func(*rig) error { return nil }, want: schedule.SkippedOverlap},
		"deleted": {do: func(r *rig) error {
			messages, err := r.bus.Messages(symphony.DefaultTransport)
			if err != nil {
				return err
			}
			page, err := messages.List(r.Context(), symphony.MessageQuery{})
			if err == nil && len(page.Messages) != 1 {
				err = fmt.Errorf("there are %d messages", len(page.Messages))
			}
			if err != nil {
				return err
			}
			return messages.Delete(r.Context(), page.Messages[0].ID)
		}, want: schedule.Fired},
	} {
		t.Run(name, func(t *testing.T) {
			r := onStorage(t)
			sch := every(time.Minute)
			sch.Overlap, sch.Options = schedule.OverlapSkip, test.options
			id := r.create(sch).ID
			r.clock.Advance(time.Minute)
			r.fire()
			if err := test.do(r); err != nil {
				t.Fatal(err)
			}
			r.clock.Advance(time.Minute)
			r.fire()
			r.wantHistory(id, fired(time.Minute), entry{test.want, 2 * time.Minute, 2 * time.Minute, false})
		})
	}
}

func TestFireDue_jitter(t *testing.T) {
	r := onStorage(t)
	spread := make(map[time.Duration]bool)
	for range 20 {
		sch := every(time.Minute)
		sch.Jitter = 10 * time.Second
		got := r.create(sch)
		delay := got.DueAt.Sub(got.NextRunAt)
		if delay < 0 || delay > sch.Jitter || !got.NextRunAt.Equal(noon.Add(time.Minute)) {
			t.Errorf("next %v, due %v", got.NextRunAt, got.DueAt)
		}
		spread[delay] = true
		again, err := r.node(r.tr).Update(t.Context(), got.ID, func(s *schedule.Schedule) error { s.Name = got.ID; return nil })
		if err != nil || !again.DueAt.Equal(got.DueAt) {
			t.Errorf("another node has it due at %v, want %v (%v)", again.DueAt, got.DueAt, err)
		}
	}
	if len(spread) < 10 {
		t.Errorf("20 schedules have %d different delays", len(spread))
	}
	r.to(noon.Add(time.Minute - time.Millisecond))
	r.wantReport(r.fire(), 0, 0, 0)
	r.to(noon.Add(time.Minute + 10*time.Second))
	r.wantReport(r.fire(), 20, 0, 0)
	for _, got := range r.messages() {
		if want := schedule.OccurrenceText(noon.Add(time.Minute)); got != want {
			t.Errorf("the message is for %s, want %s", got, want)
		}
	}
}

func TestFireDue_jitter_keeps_the_order(t *testing.T) {
	r := onStorage(t)
	sch := every(time.Second)
	sch.Jitter, sch.Missed = time.Hour, schedule.MissedAll
	sch = r.create(sch)
	for range 50 {
		got := r.get(sch.ID)
		if next := got.NextRunAt.Add(time.Second); !got.DueAt.Before(next) {
			t.Fatalf("the occurrence of %v is due at %v, not before the next", got.NextRunAt, got.DueAt)
		}
		r.to(got.DueAt)
		r.wantReport(r.fire(), 1, 0, 0)
	}
}

func TestFireDue_a_broken_schedule_stops_no_other(t *testing.T) {
	r := onStorage(t)
	broken := r.create(every(time.Minute))
	// As written by a release with other zones, or by hand.
	broken.Cron, broken.Interval, broken.Timezone = "* * * * *", 0, "Europe/Atlantis"
	if _, err := schedule.Update(t.Context(), r.tr, broken); err != nil {
		t.Fatal(err)
	}
	empty := r.create(every(time.Minute))
	empty.Interval = 0
	if _, err := schedule.Update(t.Context(), r.tr, empty); err != nil {
		t.Fatal(err)
	}
	refused := every(time.Minute)
	refused = r.create(refused)
	refused.Options.Transport = "gone"
	if _, err := schedule.Update(t.Context(), r.tr, refused); err != nil {
		t.Fatal(err)
	}
	good := r.create(every(time.Minute))
	r.to(noon.Add(time.Minute))
	r.wantReport(r.fire(), 1, 0, 3)
	for i, pause := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second} {
		got := r.get(refused.ID)
		if got.Failures != i+1 || got.DueAt.Sub(r.clock.Now()) != pause || !got.NextRunAt.Equal(noon.Add(time.Minute)) || !strings.Contains(got.LastError, `unknown transport "gone"`) {
			t.Errorf("after %d failures: %d, due %v, next %v, error %q", i+1, got.Failures, got.DueAt, got.NextRunAt, got.LastError)
		}
		r.to(got.DueAt)
		r.wantReport(r.fire(), 0, 0, 3)
	}
	if got := r.get(broken.ID); !strings.Contains(got.LastError, "Atlantis") {
		t.Errorf("error is %q", got.LastError)
	}
	failed := entry{schedule.Failed, time.Minute, time.Minute, false}
	r.wantHistory(refused.ID, failed)
	r.wantHistory(good.ID, fired(time.Minute))
	// Mended, it is tried again at once, and the occurrence is not lost.
	if _, err := r.Update(t.Context(), refused.ID, func(s *schedule.Schedule) error { s.Options.Transport = ""; return nil }); err != nil {
		t.Fatal(err)
	}
	if report := r.fire(); report.Fired != 1 {
		t.Errorf("fired %d, want 1", report.Fired)
	}
	r.wantHistory(refused.ID, failed, fired(time.Minute))
	if got := r.get(refused.ID); got.LastError != "" || got.Failures != 0 {
		t.Errorf("error %q, failures %d", got.LastError, got.Failures)
	}
	if len(r.told) != 3 {
		t.Errorf("told of %q, want each of three once", r.told)
	}
	if n := strings.Count(r.log.String(), "cannot fire"); n != 3 {
		t.Errorf("%d lines in the log, want one for each:\n%s", n, r.log)
	}
}

func TestFireDue_failures_in_a_row_pause_for_five_minutes_at_most(t *testing.T) {
	r := onStorage(t)
	sch := r.create(every(240 * time.Hour))
	sch.Options.Transport = "gone"
	if _, err := schedule.Update(t.Context(), r.tr, sch); err != nil {
		t.Fatal(err)
	}
	r.to(sch.NextRunAt)
	for range 40 {
		r.wantReport(r.fire(), 0, 0, 1)
		r.to(r.get(sch.ID).DueAt)
	}
	before := r.clock.Now()
	r.fire()
	if got := r.get(sch.ID).DueAt.Sub(before); got != 5*time.Minute {
		t.Errorf("the pause is %s", got)
	}
}

func TestFireDue_the_message(t *testing.T) {
	r := onStorage(t)
	sch := every(time.Minute)
	sch.Message = symphony.Message{Type: "Report", Payload: json.RawMessage(`{"a": 1}`), Metadata: map[string]any{"m": "1"}}
	sch.Options = symphony.DispatchOptions{Queue: "q", Priority: 9, Headers: map[string]any{"h": "v"}, Delay: time.Second}
	id := r.create(sch).ID
	r.to(noon.Add(time.Minute))
	r.fire()
	r.clock.Advance(time.Second)
	got, err := r.tr.Receive(t.Context(), symphony.ReceiveOptions{})
	if err != nil || len(got) != 1 {
		t.Fatalf("got %d messages, %v", len(got), err)
	}
	d := got[0]
	want := map[string]any{"h": "v", schedule.HeaderSchedule: id, schedule.HeaderOccurrence: "2026-11-23T12:01:00.000Z"}
	if diff := cmp.Diff(want, d.Headers); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
	if d.Type != "Report" || string(d.Payload) != `{"a": 1}` || d.Metadata["m"] != "1" || d.Queue != "q" || d.Priority != 9 ||
		d.IdempotencyKey != "schedule:"+id+":2026-11-23T12:01:00.000Z" || !d.ScheduledAt.Equal(noon.Add(time.Minute+time.Second)) {
		t.Errorf("got %+v", d.Envelope)
	}
	if run := r.history(id)[0]; len(run.Messages) != 1 || run.Messages[0] != (schedule.MessageRef{ID: d.ID, Transport: "default"}) {
		t.Errorf("the history has the messages %v, want %s", run.Messages, d.ID)
	}
}

func TestFireDue_reports_what_is_next(t *testing.T) {
	r := onStorage(t)
	if got := r.fire(); got != (scheduler.Report{}) {
		t.Errorf("without schedules: %+v", got)
	}
	r.create(every(time.Hour))
	r.create(every(time.Minute))
	if got := r.fire(); !got.Next.Equal(noon.Add(time.Minute)) {
		t.Errorf("next is %v", got.Next)
	}
	r.to(noon.Add(time.Minute))
	if got := r.fire(); !got.Next.Equal(noon.Add(2 * time.Minute)) {
		t.Errorf("next is %v", got.Next)
	}
}

func TestFireDue_many_at_once(t *testing.T) {
	r := onStorage(t)
	for range 250 {
		r.create(every(time.Minute))
	}
	r.to(noon.Add(time.Minute))
	r.wantReport(r.fire(), 250, 0, 0)
	if got := len(r.messages()); got != 250 {
		t.Errorf("%d messages, want 250", got)
	}
}

// A schedule ends with the times that can be kept, whatever it would do next.
func TestCreate_ends_with_the_year_9999(t *testing.T) {
	end := time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
	for name, test := range map[string]struct {
		schedule.Schedule
		times int
	}{
		"a cron expression": {schedule.Schedule{Cron: "0 0 1 1 *", StartAt: time.Date(9999, 6, 1, 0, 0, 0, 0, time.UTC)}, 0},
		"an interval":       {schedule.Schedule{Interval: schedule.MaxInterval, StartAt: end, Jitter: schedule.MaxJitter}, 1},
	} {
		sch := test.Schedule
		sch.Message = symphony.Message{Type: "Report", Payload: []byte(`{}`)}
		times, err := scheduler.Preview(sch, noon, 5)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, at := range times {
			if !symphony.StorableTime(at) {
				t.Errorf("%s: fires at %s", name, at)
			}
		}
		if len(times) != test.times {
			t.Errorf("%s: fires at %v, want %d times", name, times, test.times)
		}
	}
}
