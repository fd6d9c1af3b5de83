package transporttest

import (
	"slices"
	"strings"
	"time"

	"github.com/symphony-messenger/symphony"
)

// ends asks a transport for the ends of messages, and returns them by their ids.
func (s *suite) ends(t symphony.Transport, ids ...string) map[string]symphony.MessageEnd {
	s.Helper()
	list, err := t.(symphony.MessageStore).MessageEnds(ctx, ids)
	if err != nil {
		s.Fatal(err)
	}
	out := make(map[string]symphony.MessageEnd)
	for _, e := range list {
		if _, twice := out[e.ID]; twice || !slices.Contains(ids, e.ID) {
			s.Errorf("told of %s twice, or unasked", e.ID)
		}
		out[e.ID] = e
	}
	return out
}

var endTests = []test{
	{"of many messages it is told which have ended, and how", func(s *suite) {
		list := s.dispatchMany(6, symphony.DispatchOptions{Queue: "q"})
		later := s.dispatch(symphony.DispatchOptions{Queue: "q", Delay: time.Hour})
		got := s.receive(all)
		s.ack(got[0])
		s.mustSettle(got[1], symphony.Settlement{Outcome: symphony.Fail, Error: "e", ErrorClass: "c"})
		s.mustSettle(got[2], symphony.Settlement{Outcome: symphony.Retry, Delay: time.Hour})
		s.mustSettle(got[3], symphony.Settlement{Outcome: symphony.Release, Delay: time.Hour})
		now := s.clock.Now()
		want := map[string]symphony.MessageEnd{
			list[0]: {Status: symphony.Completed, FinishedAt: now}, list[1]: {Status: symphony.Failed, FinishedAt: now},
			list[2]: {}, list[3]: {}, list[4]: {}, list[5]: {}, later.ID: {},
		}
		cancelled := s.dispatch(symphony.DispatchOptions{Queue: "q", Delay: time.Hour})
		if _, err := s.messages().CancelMessage(ctx, cancelled.ID, symphony.Cancellation{}); err != nil {
			s.Fatal(err)
		}
		want[cancelled.ID] = symphony.MessageEnd{Status: symphony.Cancelled, FinishedAt: s.clock.Now()}
		asked := append(list, cancelled.ID, later.ID, symphony.NewID(now), "nonsense", strings.ToUpper(list[0]))
		got2 := s.ends(s.def, asked...)
		if len(got2) != len(want) {
			s.Errorf("told of %d, want %d: %+v", len(got2), len(want), got2)
		}
		for id, w := range want {
			if w.ID, w.Queue = id, "q"; got2[id] != w {
				s.Errorf("got %+v, want %+v", got2[id], w)
			}
		}
		if s.Email != nil {
			if other := s.ends(s.Email, asked...); len(other) != 0 {
				s.Errorf("another transport knows %+v", other)
			}
		}
	}},
	{"a message that is deleted, or kept no longer, is unknown", func(s *suite) {
		deleted := s.dispatch(symphony.DispatchOptions{Delay: time.Hour}).ID
		old := s.dispatch(symphony.DispatchOptions{}).ID
		s.ack(s.one())
		if err := s.messages().DeleteMessage(ctx, deleted); err != nil {
			s.Fatal(err)
		}
		if got := s.ends(s.def, deleted, old); len(got) != 1 || got[old].Status != symphony.Completed {
			s.Errorf("got %+v", got)
		}
		s.clock.Advance(symphony.DefaultRetention + time.Hour)
		if s.Tidy != nil {
			s.Tidy(s.T)
		}
		if got := s.ends(s.def, old); len(got) != 0 {
			s.Errorf("long after: %+v", got)
		}
	}},
	{"where nothing is kept, the end is remembered for a minute", func(s *suite) {
		if s.KeepNothing == nil {
			s.Skip("what is kept cannot be said")
		}
		t := s.KeepNothing(s.T)
		s.use(t, nil)
		list := s.dispatchMany(30, symphony.DispatchOptions{Queue: "q"})
		s.ack(s.receive(all)...)
		at := s.clock.Now()
		open := s.dispatch(symphony.DispatchOptions{}).ID
		cancelled := s.dispatch(symphony.DispatchOptions{Delay: time.Hour}).ID
		if _, err := s.messages().CancelMessage(ctx, cancelled, symphony.Cancellation{}); err != nil {
			s.Fatal(err)
		}
		s.clock.Advance(symphony.EndsRemembered - time.Second)
		got := s.ends(t, append(list, open, cancelled)...)
		for _, id := range list {
			if want := (symphony.MessageEnd{ID: id, Queue: "q", Status: symphony.Completed, FinishedAt: at,
				Forgotten: true}); got[id] != want {
				s.Fatalf("got %+v, want %+v", got[id], want)
			}
		}
		if e := got[cancelled]; e.Status != symphony.Cancelled || !e.Forgotten {
			s.Errorf("the cancelled one: %+v", e)
		}
		if e, known := got[open]; !known || e.Status != "" {
			s.Errorf("the open one: %+v", e)
		}
		if page, err := s.messages().ListMessages(ctx,
			symphony.MessageQuery{ID: list[0]}.WithDefaults()); err != nil || len(page.Messages) != 0 {
			s.Errorf("the message itself: %+v, %v", page, err)
		}
		s.clock.Advance(2 * time.Second)
		s.ack(s.one()) // the next one has the old ones forgotten
		if got := s.ends(t, list...); len(got) != 0 {
			s.Errorf("after a minute: %+v", got)
		}
	}},
	{"another process sees the end", func(s *suite) {
		if s.Second == nil {
			s.Skip("only one process can use it")
		}
		second := s.Second(s.T)
		r := s.dispatch(symphony.DispatchOptions{})
		d := s.one()
		if got := s.ends(second, r.ID); got[r.ID].Status != "" || len(got) != 1 {
			s.Errorf("before: %+v", got)
		}
		s.ack(d)
		if got := s.ends(second, r.ID); got[r.ID].Status != symphony.Completed {
			s.Errorf("after: %+v", got)
		}
	}},
}
