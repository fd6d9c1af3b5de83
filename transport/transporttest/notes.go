package transporttest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/symphony-messenger/symphony"
)

// note tells something of a message in hand.
func (s *suite) note(d symphony.Delivery, n symphony.Note) error {
	s.Helper()
	n.Lease = d.Lease
	return first(s.messages().NoteMessages(ctx, []symphony.Note{n}))
}

func (s *suite) mustNote(d symphony.Delivery, n symphony.Note) {
	s.Helper()
	if err := s.note(d, n); err != nil {
		s.Fatal(err)
	}
}

func (s *suite) wantLog(what string, got []string, want ...string) {
	s.Helper()
	if !slices.Equal(got, want) {
		s.Errorf("%s: the log is %q, want %q", what, got, want)
	}
}

var noteTests = []test{
	{"the progress of a message in hand is the latest, and stays when it has ended", func(s *suite) {
		r := s.dispatch(symphony.DispatchOptions{})
		d := s.one()
		if m := s.show(r.ID); m.Progress != nil {
			s.Errorf("before: %+v", m.Progress)
		}
		s.mustNote(d, symphony.Note{Progress: &symphony.ProgressState{Done: 1, Total: 4, Text: "first"}})
		s.mustNote(d, symphony.Note{Progress: &symphony.ProgressState{Done: 3, Total: 4, Text: "third"}})
		want := symphony.ProgressState{Done: 3, Total: 4, Text: "third", At: s.clock.Now()}
		for _, when := range []string{"in hand", "completed", "after a crash"} {
			if m := s.show(r.ID); m.Progress == nil || *m.Progress != want {
				s.Errorf("%s: got %+v, want %+v", when, m.Progress, want)
			}
			switch when {
			case "in hand":
				s.ack(d)
			case "completed":
				s.reopenIfPossible()
			}
		}
	}},
	{"an attempt begins without the progress of the one before", func(s *suite) {
		r := s.dispatch(symphony.DispatchOptions{})
		for _, outcome := range []symphony.Outcome{symphony.Retry, symphony.Release} {
			d := s.one()
			s.mustNote(d, symphony.Note{Progress: &symphony.ProgressState{Done: 9}, Log: []string{outcome.String()}})
			s.clock.Advance(time.Second)
			s.mustSettle(d, symphony.Settlement{Outcome: outcome, Error: "e", ErrorClass: "c"})
		}
		d := s.one()
		if m := s.show(r.ID); m.Progress != nil || m.Log != nil {
			s.Errorf("got %+v, %q", m.Progress, m.Log)
		}
		s.mustNote(d, symphony.Note{Log: []string{"now"}})
		s.wantLog("what was told after a release", s.show(r.ID).Log, "now")
	}},
	{"each failed attempt has its own log, also in the dead letter queue", func(s *suite) {
		r := s.dispatch(symphony.DispatchOptions{})
		for i, outcome := range []symphony.Outcome{symphony.Retry, symphony.Retry, symphony.Fail} {
			d := s.one()
			if i != 1 {
				s.mustNote(d, symphony.Note{Log: []string{fmt.Sprint("a", i)}})
				s.mustNote(d, symphony.Note{Log: []string{fmt.Sprint("b", i), "c"}})
			}
			s.mustSettle(d, symphony.Settlement{Outcome: outcome, Error: "e", ErrorClass: "c"})
		}
		m := s.show(r.ID)
		failed, err := s.messages().ListMessages(ctx, symphony.MessageQuery{ByFailure: true,
			ID: m.FailedID}.WithDefaults())
		if err != nil || len(failed.Messages) != 1 {
			s.Fatalf("got %+v, %v", failed, err)
		}
		for _, m := range []symphony.MessageInfo{m, failed.Messages[0]} {
			if len(m.Attempts) != 3 {
				s.Fatalf("attempts %+v", m.Attempts)
			}
			s.wantLog("first", m.Attempts[0].Log, "a0", "b0", "c")
			s.wantLog("second", m.Attempts[1].Log)
			s.wantLog("last", m.Attempts[2].Log, "a2", "b2", "c")
			s.wantLog("message", m.Log)
		}
	}},
	{"the log of an attempt that succeeded is shown where that was asked for", func(s *suite) {
		for _, keep := range []bool{false, true} {
			r := s.dispatch(symphony.DispatchOptions{})
			d := s.one()
			s.mustNote(d, symphony.Note{Log: []string{"line"}, KeepLog: keep})
			s.wantLog("in hand", s.show(r.ID).Log, "line")
			s.ack(d)
			if m := s.show(r.ID); (m.Log != nil) != keep {
				s.Errorf("keep %v: got %q", keep, m.Log)
			}
		}
	}},
	{"an attempt that loses its worker shows what was heard before", func(s *suite) {
		r := s.dispatch(symphony.DispatchOptions{})
		s.mustNote(s.one(), symphony.Note{Log: []string{"begun"}})
		s.clock.Advance(2 * symphony.DefaultLease)
		s.ack(s.one())
		if m := s.show(r.ID); len(m.Attempts) != 1 || m.Attempts[0].ErrorClass != symphony.LostClass ||
			!slices.Equal(m.Attempts[0].Log, []string{"begun"}) {
			s.Errorf("attempts %+v", m.Attempts)
		}
	}},
	{"a log keeps its last lines, within its bounds", func(s *suite) {
		r := s.dispatch(symphony.DispatchOptions{})
		d := s.one()
		for i := range 6 {
			lines := make([]string, 30)
			for j := range lines {
				lines[j] = fmt.Sprint(i, " ", j)
			}
			s.mustNote(d, symphony.Note{Log: lines})
		}
		if got := s.show(r.ID).Log; len(got) != symphony.MaxLogLines || got[len(got)-1] != "5 29" || got[0] != "2 20" {
			s.Errorf("%d lines from %q", len(got), got[0])
		}
		for range 3 {
			s.mustNote(d, symphony.Note{Log: slices.Repeat([]string{strings.Repeat("ü", symphony.MaxLogLine)}, 10)})
		}
		if got := s.show(r.ID).Log; len(got) != symphony.MaxLogBytes/symphony.MaxLogLine ||
			len(got[0]) != symphony.MaxLogLine {
			s.Errorf("%d lines of %d bytes", len(got), len(got[0]))
		}
	}},
	{"whoever has lost a message tells nothing of it", func(s *suite) {
		r := s.dispatch(symphony.DispatchOptions{})
		other := s.dispatch(symphony.DispatchOptions{})
		list := s.receive(all)
		stale, ended := list[0], list[1]
		s.ack(ended)
		s.wantLost("settled", s.note(ended, symphony.Note{Log: []string{"late"}}))
		s.clock.Advance(2 * symphony.DefaultLease)
		s.wantLost("ran out", s.note(stale, symphony.Note{Progress: &symphony.ProgressState{Done: 1}}))
		d := s.one()
		errs := s.messages().NoteMessages(ctx, []symphony.Note{{Lease: stale.Lease, Log: []string{"stale"}},
			{Lease: d.Lease, Log: []string{"live"}},
			{Lease: symphony.Lease{MessageID: "x", Token: "x"}, Log: []string{"x"}}})
		if len(errs) != 3 || errs[1] != nil {
			s.Fatalf("got %v", errs)
		}
		s.wantLost("stale", errs[0])
		s.wantLost("unknown", errs[2])
		s.wantLog("live", s.show(r.ID).Log, "live")
		if m := s.show(other.ID); m.Log != nil || m.Progress != nil {
			s.Errorf("got %q, %+v", m.Log, m.Progress)
		}
	}},
	{"of a message that is to be cancelled nothing is told any more, and what was is shown", func(s *suite) {
		r := s.dispatch(symphony.DispatchOptions{})
		d := s.one()
		s.mustNote(d, symphony.Note{Log: []string{"begun"}, Progress: &symphony.ProgressState{Done: 1}})
		if _, err := s.messages().CancelMessage(ctx, r.ID, symphony.Cancellation{}); err != nil {
			s.Fatal(err)
		}
		if err := s.note(d, symphony.Note{Log: []string{"late"}}); !errors.Is(err, symphony.ErrCancelled) {
			s.Errorf("told late: %v", err)
		}
		s.clock.Advance(2 * symphony.DefaultLease)
		if m := s.show(r.ID); m.Status != symphony.Cancelled || !slices.Equal(m.Log, []string{"begun"}) ||
			m.Progress == nil {
			s.Errorf("got %s, %q, %+v", m.Status, m.Log, m.Progress)
		}
	}},
	{"what was told is forgotten with its message", func(s *suite) {
		if s.Tidy == nil {
			s.Skip("nothing is left to be forgotten")
		}
		kept, gone := s.dispatch(symphony.DispatchOptions{}), s.dispatch(symphony.DispatchOptions{})
		for _, d := range s.receive(all) {
			s.mustNote(d, symphony.Note{Log: []string{"line"}})
			s.mustSettle(d, symphony.Settlement{Outcome: symphony.Fail, Error: "e", ErrorClass: "c"})
		}
		failed := s.show(gone.ID).FailedID
		if _, err := DeleteFailed(ctx, s.messages(), failed); err != nil {
			s.Fatal(err)
		}
		s.Tidy(s.T)
		s.wantLog("what is kept", s.show(kept.ID).Attempts[0].Log, "line")
	}},
}
