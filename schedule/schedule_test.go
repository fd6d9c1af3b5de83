package schedule_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony/symphonytest"

	"github.com/google/go-cmp/cmp"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/schedule"
	"github.com/symphony-messenger/symphony/transport/inline"
	"github.com/symphony-messenger/symphony/transport/sqlite"
)

var noon = time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)

// hourly is a schedule without a problem.
func hourly() schedule.Schedule {
	return schedule.Schedule{ID: "s1", Cron: "@hourly", Message: symphony.Message{Type: "Report", Payload: json.RawMessage(`{}`)}}
}

func TestSchedule_problems(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*schedule.Schedule)
		want   []symphony.Problem
	}{
		"none": {func(*schedule.Schedule) {}, nil},
		"nothing says when": {func(s *schedule.Schedule) { s.Cron = "" },
			[]symphony.Problem{{Path: "x.at", Message: "is required, or cron, or interval"}}},
		"everything says when": {func(s *schedule.Schedule) { s.At, s.Interval = noon, time.Minute },
			[]symphony.Problem{{Path: "x.cron", Message: "cannot be combined with at"}, {Path: "x.interval", Message: "cannot be combined with at"}}},
		"bounds of a single time": {func(s *schedule.Schedule) {
			s.Cron, s.At, s.StartAt, s.EndAt, s.MaxRuns = "", noon, noon, noon, 1
		}, []symphony.Problem{{Path: "x.startAt", Message: "cannot be combined with at"}, {Path: "x.endAt", Message: "cannot be combined with at"}, {Path: "x.maxRuns", Message: "cannot be combined with at"}}},
		"a time far off": {func(s *schedule.Schedule) { s.Cron, s.At = "", time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
			[]symphony.Problem{{Path: "x.at", Message: "must be in the years 1970 to 9999 (UTC)"}}},
		"a time long ago": {func(s *schedule.Schedule) { s.StartAt = time.Unix(-1, 0) },
			[]symphony.Problem{{Path: "x.startAt", Message: "must be in the years 1970 to 9999 (UTC)"}}},
		"a short interval": {func(s *schedule.Schedule) { s.Cron, s.Interval = "", 999*time.Millisecond },
			[]symphony.Problem{{Path: "x.interval", Message: "must be 1000 to 315360000000 ms"}}},
		"a negative interval": {func(s *schedule.Schedule) { s.Cron, s.Interval = "", -time.Minute },
			[]symphony.Problem{{Path: "x.interval", Message: "must be 1000 to 315360000000 ms"}}},
		"an interval with microseconds": {func(s *schedule.Schedule) { s.Cron, s.Interval = "", time.Second+time.Microsecond },
			[]symphony.Problem{{Path: "x.interval", Message: "must be whole milliseconds"}}},
		"a zone of an interval": {func(s *schedule.Schedule) { s.Cron, s.Interval, s.Timezone = "", time.Minute, "Europe/Berlin" },
			[]symphony.Problem{{Path: "x.timezone", Message: "can be set with cron only"}}},
		"no such zone": {func(s *schedule.Schedule) { s.Timezone = "Europe/Atlantis" },
			[]symphony.Problem{{Path: "x.timezone", Message: `must be a name of the time zone database such as "Europe/Berlin": unknown time zone Europe/Atlantis`}}},
		"the machine's zone": {func(s *schedule.Schedule) { s.Timezone = "Local" },
			[]symphony.Problem{{Path: "x.timezone", Message: `must be a name of the time zone database such as "Europe/Berlin", not the machine's own`}}},
		"an end before the start": {func(s *schedule.Schedule) { s.StartAt, s.EndAt = noon, noon.Add(-time.Second) },
			[]symphony.Problem{{Path: "x.endAt", Message: "must not be before startAt"}}},
		"an end of the message before its time": {func(s *schedule.Schedule) { s.Cron, s.At, s.Options.ExpiresAt = "", noon, noon },
			[]symphony.Problem{{Path: "x.options.expiresAt", Message: "must be after at"}}},
		"everything else": {func(s *schedule.Schedule) {
			s.Name, s.Source, s.MaxRuns, s.Jitter, s.Missed, s.Overlap = "a b", "file", -1, 25*time.Hour, "some", "maybe"
			s.Options = symphony.DispatchOptions{ScheduledAt: noon, IdempotencyKey: "k", ExpiresAt: noon}
		}, []symphony.Problem{
			{Path: "x.name", Message: "must consist of letters, digits and . _ - : only"},
			{Path: "x.source", Message: `must be "api" or "config"`},
			{Path: "x.maxRuns", Message: "must be at least 1, or 0 for no limit"},
			{Path: "x.jitter", Message: "must be 0 to 86400000 ms"},
			{Path: "x.missed", Message: `must be "all", "last" or "skip"`},
			{Path: "x.overlap", Message: `must be "allow" or "skip"`},
			{Path: "x.options.scheduledAt", Message: "cannot be set, the schedule says when"},
			{Path: "x.options.idempotencyKey", Message: "cannot be set, each occurrence has its own"},
			{Path: "x.options.expiresAt", Message: "can be set with at only"},
		}},
		"one of the file has no name": {func(s *schedule.Schedule) { s.Source = schedule.SourceConfig },
			[]symphony.Problem{{Path: "x.name", Message: "is required"}}},
	} {
		t.Run(name, func(t *testing.T) {
			s := hourly()
			test.change(&s)
			if diff := cmp.Diff(test.want, s.Problems("x.")); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSchedule_defaults(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	s := hourly()
	s.StartAt = noon.Add(1234567 * time.Nanosecond).In(berlin)
	got := s.WithDefaults()
	s.Source, s.Timezone, s.Missed, s.Overlap = schedule.SourceAPI, "UTC", schedule.MissedLast, schedule.OverlapAllow
	s.StartAt = noon.Add(time.Millisecond)
	if diff := cmp.Diff(s, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got.StartAt.Location() != time.UTC {
		t.Errorf("start is in %v, want UTC", got.StartAt.Location())
	}
}

func TestSchedule_state(t *testing.T) {
	for want, s := range map[schedule.State]schedule.Schedule{
		schedule.Active:    {},
		schedule.Disabled:  {Disabled: true},
		schedule.Completed: {CompletedAt: noon},
	} {
		if got := s.State(); got != want {
			t.Errorf("state of %+v is %q, want %q", s, got, want)
		}
	}
}

func TestSchedule_definition_is_kept_in_full(t *testing.T) {
	want := hourly()
	want.Timezone, want.StartAt, want.EndAt, want.MaxRuns = "Europe/Berlin", noon, noon.Add(time.Hour), 7
	want.Jitter, want.Missed, want.Overlap = 1500*time.Millisecond, schedule.MissedAll, schedule.OverlapSkip
	want.Message.Metadata = map[string]any{"n": json.Number("12345678901234567890.10"), "t": "<&>"}
	want.Options = symphony.DispatchOptions{
		Transport: "email", Queue: "q", Priority: 3, Metadata: map[string]any{"a": true}, Headers: map[string]any{"h": "v"}, Delay: time.Second,
		ExpiresAt: noon, ConcurrencyKey: "c", GroupKey: "g", Ordered: true, DebounceKey: "d", ThrottleKey: "t", CorrelationID: "x", CausationID: "y",
		DispatchedBy: "user:a", KeysOf: "user:a",
		MaxRetries: new(0), RetryDelay: []time.Duration{time.Second, 0}, Timeout: time.Minute,
		Retention: new(time.Duration(0)), Tags: []string{"a", "b"}, URL: "https://example.com",
		OnSuccess: &symphony.Callback{Type: "s", Payload: []byte(`{"a": 1}`)},
		OnFailure: &symphony.Callback{Type: "f", Queue: "q", Transport: "t"},
	}
	for options, i := reflect.ValueOf(want.Options), 0; i < options.NumField(); i++ {
		switch name := options.Type().Field(i).Name; name {
		case "ScheduledAt", "IdempotencyKey": // a schedule has none
		default:
			if options.Field(i).IsZero() {
				t.Errorf("option %s is not tested", name)
			}
		}
	}
	raw, err := want.EncodeDefinition()
	if err != nil {
		t.Fatal(err)
	}
	got := schedule.Schedule{ID: want.ID, Message: symphony.Message{Type: want.Message.Type, Payload: want.Message.Payload}}
	got.DecodeDefinition(raw)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	once, interval := schedule.Schedule{At: noon}, schedule.Schedule{Interval: 1001 * time.Millisecond}
	for _, want := range []schedule.Schedule{once, interval} {
		raw, err := want.EncodeDefinition()
		if err != nil {
			t.Fatal(err)
		}
		var got schedule.Schedule
		got.DecodeDefinition(raw)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

func TestSchedule_definition_that_cannot_be_read(t *testing.T) {
	s := hourly()
	s.DecodeDefinition([]byte("{broken"))
	var decode *symphony.DecodeError
	if !errors.As(s.DecodeErr, &decode) {
		t.Errorf("error is %v, want a *DecodeError", s.DecodeErr)
	}
}

func TestSchedule_idempotency_key_tells_milliseconds(t *testing.T) {
	s := hourly()
	if got, want := s.IdempotencyKey(noon.Add(time.Millisecond)), "schedule:s1:2026-12-01T12:00:00.001Z"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for _, err := range []error{&schedule.ConflictError{ID: "s1", Version: 2}, &schedule.NameError{Name: "n"}} {
		if !errors.Is(err, symphony.ErrConflict) {
			t.Errorf("%v does not match ErrConflict", err)
		}
	}
}

func TestOf_are_those_of_the_default_transport(t *testing.T) {
	first := symphonytest.Storage(t, sqlite.Options{Name: "default"})
	email := first.Named("email")
	t.Cleanup(func() { first.Close() })
	bus, err := symphony.NewBus([]symphony.Transport{first, email}, symphony.BusOptions{Default: "email"})
	if err != nil {
		t.Fatal(err)
	}
	if store, err := schedule.Of(bus); err != nil || store != schedule.Store(email) {
		t.Errorf("got %v, %v; want the transport email", store, err)
	}
	handled, err := symphony.NewBus([]symphony.Transport{inline.Open(symphony.NewMux(), inline.Options{Name: "sync"})}, symphony.BusOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := schedule.Of(handled); !errors.Is(err, symphony.ErrUnsupported) {
		t.Errorf("got %v, want ErrUnsupported", err)
	}
}
