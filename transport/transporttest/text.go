package transporttest

import (
	"errors"
	"fmt"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
	"github.com/symphony-messenger/symphony/schedule"
	"github.com/symphony-messenger/symphony/storage"
)

// unkeepable are texts that not every storage can keep: ids and names of them are unknown, or invalid, everywhere.
var unkeepable = []string{"\x00", "a\x00b", "\xff", "a\xc0\x80", "\xed\xa0\x80"}

// unknown are ids of which nothing is there.
var unknown = append([]string{"", "0197", "garbage", "019A0F6E-0000-7000-8000-000000000000", "019a0f6e-0000-7000-8000-00000000000\x00"}, unkeepable...)

var textTests = []test{
	{"ids that cannot be kept are not there", func(s *suite) {
		s.needs(func(c symphony.Capabilities) bool { return c.Messages })
		failed, messages := s.def.(symphony.MessageStore), s.def.(symphony.MessageStore)
		for _, id := range unknown {
			_, err := GetFailed(ctx, failed, id)
			s.notFound("GetFailed", id, err)
			if done, err := failed.MoveFailed(ctx, []symphony.FailedMove{{ID: id, NewID: symphony.NewID(s.clock.Now())}}); err != nil || done > 0 {
				s.Errorf("RetryFailed of %q: %v, %v", id, done, err)
			}
			if n, err := DeleteFailed(ctx, failed, id); n != 0 || err != nil {
				s.Errorf("DeleteFailed of %q: %d, %v", id, n, err)
			}
			_, err = GetMessage(ctx, messages, id)
			s.notFound("GetMessage", id, err)
			s.notFound("DeleteMessage", id, messages.DeleteMessage(ctx, id))
			s.notFound("RunMessageNow", id, messages.RunMessageNow(ctx, id))
		}
	}},
	{"schedules with ids that cannot be kept are not there", func(s *suite) {
		s.needs(func(c symphony.Capabilities) bool { return c.Schedules })
		schedules := s.def.(schedule.Store)
		for _, id := range unknown {
			_, err := schedule.Get(ctx, schedules, id)
			s.notFound("Get", id, err)
			s.notFound("DeleteSchedule", id, schedules.DeleteSchedule(ctx, id))
			if page, err := schedules.ScheduleRuns(ctx, schedule.RunQuery{ScheduleID: id}.WithDefaults()); err != nil && !errors.Is(err, symphony.ErrNotFound) || len(page.Runs) > 0 {
				s.Errorf("ScheduleRuns of %q: %v, %v", id, page, err)
			}
		}
	}},
	{"records that cannot be kept are refused, and are not there", func(s *suite) {
		s.needs(func(c symphony.Capabilities) bool { return c.Records })
		records := s.def.(storage.Records)
		data := []byte(`{}`)
		for _, id := range unkeepable {
			_, err := storage.Get(ctx, records, "k", id)
			s.notFound("Get", id, err)
			s.notFound("Delete", id, storage.Delete(ctx, records, "k", id))
			for what, err := range map[string]error{"Put": storage.Put(ctx, records, "k", id, data), "SwapRecord": records.SwapRecord(ctx, "k", id, nil, data)} {
				if !errors.Is(err, symphony.ErrInvalid) {
					s.Errorf("%s of %q: %v, want ErrInvalid", what, id, err)
				}
			}
			if err := records.SwapRecord(ctx, "k", id, data, nil); !errors.Is(err, symphony.ErrConflict) {
				s.Errorf("SwapRecord of %q: %v, want ErrConflict", id, err)
			}
			if err := records.SwapRecord(ctx, "k", id, nil, nil); err != nil {
				s.Errorf("SwapRecord of nothing, %q: %v", id, err)
			}
		}
	}},
	{"a range of records begins and ends between any two", func(s *suite) {
		s.needs(func(c symphony.Capabilities) bool { return c.Records })
		records := s.def.(storage.Records)
		for _, id := range []string{"a", "a\x01", "ab", "b"} {
			if err := storage.Put(ctx, records, "k", id, []byte(`{}`)); err != nil {
				s.Fatal(err)
			}
		}
		for _, test := range []struct{ from, to, want string }{
			{"", "", `["a" "a\x01" "ab" "b"]`}, {"a\x00", "", `["a\x01" "ab" "b"]`}, {"a", "a\x00", `["a"]`}, {"ab\x00", "b\x00", `["b"]`},
		} {
			list, err := records.RangeRecords(ctx, "k", test.from, test.to, 10)
			ids := make([]string, len(list))
			for i := range list {
				ids[i] = list[i].ID
			}
			if got := fmt.Sprintf("%q", ids); err != nil || got != test.want {
				s.Errorf("[%q, %q): got %s, %v; want %s", test.from, test.to, got, err, test.want)
			}
		}
		if n, err := records.DeleteRecords(ctx, "k", "a\x00", "b\x00"); n != 3 || err != nil {
			s.Errorf("deleted %d, %v; want 3", n, err)
		}
	}},
	{"holds and purges of what cannot be named are refused", func(s *suite) {
		s.needs(func(c symphony.Capabilities) bool { return c.Flow })
		control := s.def.(flow.Control)
		s.send("Mail", symphony.DispatchOptions{})
		for _, name := range unkeepable {
			for _, target := range []flow.HoldTarget{{Queue: name}, {Type: name}} {
				_, purged := control.Purge(ctx, flow.PurgeFilter(target), nil)
				for what, err := range map[string]error{
					"Hold": control.Hold(ctx, flow.Hold{HoldTarget: target, Mode: flow.Paused}), "Release": control.Release(ctx, target), "Purge": purged,
				} {
					if !errors.Is(err, symphony.ErrInvalid) {
						s.Errorf("%s of %q: %v, want ErrInvalid", what, target, err)
					}
				}
			}
		}
		if stats, err := s.def.Stats(ctx); err != nil || stats.Pending != 1 {
			s.Errorf("%d messages are left, %v", stats.Pending, err)
		}
	}},
	{"searches for what cannot be kept find nothing", func(s *suite) {
		s.needs(func(c symphony.Capabilities) bool { return c.Messages })
		for _, text := range unkeepable {
			for _, f := range []symphony.MessageFilter{{Queue: text}, {Type: text}, {ErrorClass: text}, {Text: text}} {
				if page, err := ListFailed(ctx, s.def.(symphony.MessageStore), symphony.MessageQuery{MessageFilter: f, Limit: 10}); err != nil || len(page.Messages) > 0 {
					s.Errorf("%+v: %v, %v", f, page, err)
				}
			}
		}
	}},
}

func (s *suite) notFound(what, id string, err error) {
	s.Helper()
	if !errors.Is(err, symphony.ErrNotFound) {
		s.Errorf("%s of %q: %v, want ErrNotFound", what, id, err)
	}
}

// needs skips a test that the transport cannot take part in.
func (s *suite) needs(can func(symphony.Capabilities) bool) {
	s.Helper()
	if !can(s.def.Capabilities()) {
		s.Skipf("transport %s cannot do that", s.def.Name())
	}
}
