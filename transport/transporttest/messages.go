package transporttest

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/symphony-messenger/symphony"
)

func showsMessages(c symphony.Capabilities) (bool, string) {
	return c.Messages && c.Receive && c.Flow, "does not show its messages"
}

func (s *suite) messages() symphony.MessageStore { return s.def.(symphony.MessageStore) }

func (s *suite) show(id string) symphony.MessageInfo {
	s.Helper()
	m, err := GetMessage(ctx, s.messages(), id)
	if err != nil {
		s.Fatalf("message %s: %v", id, err)
	}
	return m
}

func (s *suite) page(q symphony.MessageQuery) symphony.MessagePage {
	s.Helper()
	page, err := s.messages().ListMessages(ctx, q.WithDefaults())
	if err != nil {
		s.Fatal(err)
	}
	return page
}

func messageIDs(list []symphony.MessageInfo) []string {
	var out []string
	for i := range list {
		out = append(out, list[i].ID)
	}
	return out
}

// wantInfo compares all but the envelope of a message, and looks whether the list says the same.
func (s *suite) wantInfo(what, id string, want symphony.MessageInfo) {
	s.Helper()
	got := s.show(id)
	page := s.page(symphony.MessageQuery{MessageFilter: symphony.MessageFilter{Status: want.Status}, Limit: symphony.MaxMessagePage})
	at := slices.Index(messageIDs(page.Messages), id)
	if at < 0 {
		s.Errorf("%s: is not among the %s messages", what, want.Status)
	} else if diff := cmp.Diff(got, page.Messages[at], cmpopts.EquateEmpty()); diff != "" {
		s.Errorf("%s: the list tells it differently (-alone +list)\n%s", what, diff)
	}
	if got.ID != id || got.Transport != s.def.Name() {
		s.Errorf("%s: message %q of transport %q", what, got.ID, got.Transport)
	}
	got.Envelope, got.Gate, want.Gate = symphony.Envelope{}, "", "" // what gates mean is tested by itself
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		s.Errorf("%s (-want +got)\n%s", what, diff)
	}
}

// retry settles a delivery that began just now and took a millisecond, and returns what is kept of it.
func (s *suite) retry(d symphony.Delivery, delay time.Duration, text string) symphony.Attempt {
	s.Helper()
	a := symphony.Attempt{Number: d.Attempt, StartedAt: s.clock.Now(), Worker: "w1", Error: text, ErrorClass: "test"}
	s.clock.Advance(time.Millisecond)
	a.FinishedAt = s.clock.Now()
	a.RetryAt = a.FinishedAt.Add(delay)
	s.mustSettle(d, symphony.Settlement{Outcome: symphony.Retry, Delay: delay, StartedAt: a.StartedAt, FinishedAt: a.FinishedAt, Error: text, ErrorClass: "test"})
	return a
}

var messageTests = []test{
	{"each message is in one place, which says what there is to know", func(s *suite) {
		want := make(map[string]symphony.MessageInfo)
		// Failed.
		failedID := s.dispatch(symphony.DispatchOptions{}).ID
		d := s.one()
		begun := s.clock.Now()
		f := s.fail(d, "boom")
		want[failedID] = symphony.MessageInfo{Status: symphony.Failed, Deliveries: 1, FinishedAt: f.FinishedAt, FailedID: f.FailedID, FailureGroup: f.FailureGroup, Error: "boom", ErrorClass: "test", MaxRetries: 3,
			Attempts: []symphony.Attempt{{Number: 1, StartedAt: begun, FinishedAt: begun, Worker: "w1", Error: "boom", ErrorClass: "test"}}}
		// Completed, once with the time of its start and once without.
		for _, told := range []bool{true, false} {
			id := s.dispatch(symphony.DispatchOptions{}).ID
			d, claimed := s.one(), s.clock.Now()
			s.clock.Advance(10 * time.Millisecond)
			st := symphony.Settlement{Outcome: symphony.Ack}
			started := claimed
			if told {
				started = s.clock.Now()
				st.StartedAt, st.FinishedAt = started, started.Add(20*time.Millisecond)
			}
			s.clock.Advance(25 * time.Millisecond)
			s.mustSettle(d, st)
			want[id] = symphony.MessageInfo{Status: symphony.Completed, Deliveries: 1, Worker: "w1", StartedAt: started, FinishedAt: s.clock.Now()}
		}
		// Waiting for a retry.
		id := s.dispatch(symphony.DispatchOptions{}).ID
		a := s.retry(s.one(), time.Hour, "again")
		want[id] = symphony.MessageInfo{Status: symphony.Pending, Deliveries: 1, AvailableAt: a.RetryAt, Attempts: []symphony.Attempt{a}}
		// Given back, at once and for later.
		id = s.dispatch(symphony.DispatchOptions{}).ID
		s.mustSettle(s.one(), symphony.Settlement{Outcome: symphony.Release})
		s.mustSettle(s.one(), symphony.Settlement{Outcome: symphony.Release, Delay: time.Minute})
		want[id] = symphony.MessageInfo{Status: symphony.Pending, AvailableAt: s.clock.Now().Add(time.Minute)}
		// Released after a retry.
		id = s.dispatch(symphony.DispatchOptions{}).ID
		a = s.retry(s.one(), 0, "again")
		s.mustSettle(s.one(), symphony.Settlement{Outcome: symphony.Release, Delay: time.Minute})
		want[id] = symphony.MessageInfo{Status: symphony.Pending, Deliveries: 1, AvailableAt: s.clock.Now().Add(time.Minute), Attempts: []symphony.Attempt{a}}
		// In hand, and before a limit.
		id = s.send("Job", symphony.DispatchOptions{ConcurrencyKey: "k"}).ID
		at := s.clock.Now()
		parked := s.send("Job", symphony.DispatchOptions{ConcurrencyKey: "k"}).ID
		got := s.receive(symphony.ReceiveOptions{Max: 5, Worker: "w2", Lease: time.Minute})
		s.wantIDs(got, id)
		want[id] = symphony.MessageInfo{Status: symphony.Processing, Deliveries: 1, Worker: "w2", StartedAt: s.clock.Now(), LeasedUntil: s.clock.Now().Add(time.Minute)}
		want[parked] = symphony.MessageInfo{Status: symphony.Pending, AvailableAt: at}
		// Scheduled, plainly and in a group.
		var inTurn string
		for _, o := range []symphony.DispatchOptions{{Delay: 30 * time.Second}, {Delay: 30 * time.Second, GroupKey: "g"}, {Delay: 30 * time.Second, GroupKey: "o", Ordered: true}} {
			at = s.clock.Now().Add(30 * time.Second)
			id = s.send("Job", o).ID
			want[id] = symphony.MessageInfo{Status: symphony.Pending, AvailableAt: at}
			if o.GroupKey != "" && !o.Ordered {
				inTurn = id
			}
		}
		// Ready, and in a group's line.
		for _, o := range []symphony.DispatchOptions{{}, {Priority: 9}, {GroupKey: "b", Ordered: true}, {GroupKey: "b", Ordered: true}} {
			at = s.clock.Now()
			id = s.send("Job", o).ID
			want[id] = symphony.MessageInfo{Status: symphony.Pending, AvailableAt: at}
		}
		check := func(when string) {
			s.Helper()
			for id, info := range want {
				s.wantInfo(when, id, info)
			}
			var every []string
			for _, status := range []symphony.Status{symphony.Pending, symphony.Processing, symphony.Completed, symphony.Failed} {
				page := s.page(symphony.MessageQuery{MessageFilter: symphony.MessageFilter{Status: status}})
				every = append(every, messageIDs(page.Messages)...)
			}
			s.wantSame(when+": by status", every, messageIDs(s.page(symphony.MessageQuery{}).Messages))
			if len(every) != len(want) {
				s.Errorf("%s: %d messages, want %d", when, len(every), len(want))
			}
		}
		check("at first")
		s.wantCounts(11, 1, 2, 1, 3)
		if err := first(s.def.Extend(ctx, []symphony.Lease{got[0].Lease}, 2*time.Minute)); err != nil {
			s.Fatal(err)
		}
		info := want[got[0].ID]
		info.LeasedUntil = s.clock.Now().Add(2 * time.Minute)
		want[got[0].ID] = info
		check("extended")
		s.reopenIfPossible()
		if s.Reopen == nil {
			return
		}
		s.clock.Advance(3 * time.Minute) // leases may outlive the process
		s.stats()
		m := s.show(got[0].ID)
		if m.Status != symphony.Pending || m.Deliveries != 1 || len(m.Attempts) != 1 || m.Attempts[0].ErrorClass != symphony.LostClass || m.Attempts[0].RetryAt.IsZero() {
			s.Errorf("what was in hand at a crash: %+v", m)
		}
		delete(want, got[0].ID)
		delete(want, parked) // it may have been let through meanwhile
		delete(want, inTurn) // it joined the end of the line when its time came
		for id, info := range want {
			s.wantInfo("after a crash", id, info)
		}
	}},
	{"what was dispatched is shown as it was", func(s *suite) {
		r, err := s.bus.DispatchMessage(ctx, symphony.Message{Type: "Größe.%_'", Payload: json.RawMessage(`{ "n": 1.50, "s": "<ü>" }`), Metadata: map[string]any{"n": json.Number("1.0"), "l": []any{"x"}}},
			symphony.DispatchOptions{Queue: "q", Priority: 7, Delay: time.Minute, IdempotencyKey: "i", Headers: map[string]any{"H": "v"}, GroupKey: "g",
				ExpiresAt: s.clock.Now().Add(time.Hour), CorrelationID: "story", CausationID: "cause"})
		if err != nil {
			s.Fatal(err)
		}
		want := symphony.Envelope{ID: r.ID, Type: "Größe.%_'", Payload: json.RawMessage(`{ "n": 1.50, "s": "<ü>" }`), Metadata: map[string]any{"n": json.Number("1.0"), "l": []any{"x"}},
			Headers: map[string]any{"H": "v"}, Transport: s.def.Name(), Queue: "q", Priority: 7, CreatedAt: s.clock.Now(), ScheduledAt: r.ScheduledAt, IdempotencyKey: "i",
			CorrelationID: "story", CausationID: "cause", Flow: &symphony.Flow{ExpiresAt: s.clock.Now().Add(time.Hour), GroupKey: "g"}}
		check := func(status symphony.Status) {
			s.Helper()
			if m := s.show(r.ID); m.Status != status || cmp.Diff(want, m.Envelope) != "" {
				s.Errorf("it is %s (-want +got)\n%s", m.Status, cmp.Diff(want, m.Envelope))
			}
		}
		check(symphony.Pending)
		s.clock.Advance(time.Minute)
		d := s.one()
		check(symphony.Processing)
		s.mustSettle(d, symphony.Settlement{Outcome: symphony.Retry, Error: "e"})
		d = s.one()
		s.fail(d, "e")
		check(symphony.Failed)
	}},
	{"a message's timeline tells its story", func(s *suite) {
		id := s.dispatch(symphony.DispatchOptions{Delay: time.Minute}).ID
		created := s.clock.Now().Add(-time.Millisecond)
		scheduled := created.Add(time.Minute)
		s.clock.Advance(time.Minute)
		a := s.retry(s.one(), time.Second, "first")
		s.clock.Advance(2 * time.Second)
		claimed := s.clock.Now()
		s.one()
		lost := claimed.Add(symphony.DefaultLease)
		s.clock.Advance(symphony.DefaultLease + time.Second) // the worker is lost
		d := s.one()
		third := s.clock.Now()
		want := []symphony.TimelineEntry{
			{At: created, Kind: symphony.TimelineDispatched},
			{At: scheduled, Kind: symphony.TimelineScheduled},
			{At: a.StartedAt, Kind: symphony.TimelineStarted, Attempt: 1, Worker: "w1"},
			{At: a.FinishedAt, Kind: symphony.TimelineFailed, Attempt: 1, Worker: "w1", Error: "first", ErrorClass: "test"},
			{At: a.RetryAt, Kind: symphony.TimelineRetry, Attempt: 1},
			{At: claimed, Kind: symphony.TimelineStarted, Attempt: 2, Worker: "w1"},
			{At: lost, Kind: symphony.TimelineFailed, Attempt: 2, Worker: "w1", Error: symphony.LostText, ErrorClass: symphony.LostClass},
			{At: lost, Kind: symphony.TimelineRetry, Attempt: 2},
			{At: third, Kind: symphony.TimelineStarted, Attempt: 3, Worker: "w1"},
		}
		check := func(what string, more ...symphony.TimelineEntry) {
			s.Helper()
			m := s.show(id)
			if diff := cmp.Diff(append(slices.Clone(want), more...), m.Timeline()); diff != "" {
				s.Errorf("%s (-want +got)\n%s", what, diff)
			}
		}
		check("in hand")
		s.clock.Advance(10 * time.Millisecond)
		done := symphony.Settlement{StartedAt: third, FinishedAt: s.clock.Now()}
		if s.show(id).Deliveries != 3 {
			s.Errorf("%d deliveries, want 3", s.show(id).Deliveries)
		}
		done.Outcome = symphony.Ack
		s.mustSettle(d, done)
		completed := symphony.TimelineEntry{At: s.clock.Now(), Kind: symphony.TimelineCompleted, Attempt: 3, Worker: "w1"}
		check("completed", completed)
		s.reopenIfPossible() // the clock may go on
		check("completed, after a crash", completed)
	}},
	{"the timeline of a failed message has its attempts with their next tries", func(s *suite) {
		id := s.dispatch(symphony.DispatchOptions{}).ID
		a := s.retry(s.one(), time.Second, "first")
		s.clock.Advance(time.Second)
		claimed := s.clock.Now()
		s.one()
		s.clock.Advance(symphony.DefaultLease + time.Second)
		d := s.one()
		begun := s.clock.Now()
		f := s.fail(d, "last")
		lost := claimed.Add(symphony.DefaultLease)
		want := []symphony.Attempt{a,
			{Number: 2, StartedAt: claimed, FinishedAt: lost, Worker: "w1", Error: symphony.LostText, ErrorClass: symphony.LostClass, RetryAt: lost},
			{Number: 3, StartedAt: begun, FinishedAt: begun, Worker: "w1", Error: "last", ErrorClass: "test"}}
		if diff := cmp.Diff(want, f.Attempts); diff != "" {
			s.Errorf("in the dead letter queue (-want +got)\n%s", diff)
		}
		m := s.show(id)
		if diff := cmp.Diff(want, m.Attempts); diff != "" {
			s.Errorf("attempts (-want +got)\n%s", diff)
		}
		line := m.Timeline()
		if diff := cmp.Diff(symphony.TimelineEntry{At: f.FinishedAt, Kind: symphony.TimelineDead, Attempt: 3, Error: "last", ErrorClass: "test"}, line[len(line)-1]); diff != "" || len(line) != 10 {
			s.Errorf("the last of %d entries (-want +got)\n%s", len(line), diff)
		}
	}},
	{"a message that expired was never begun", func(s *suite) {
		id := s.send("Job", symphony.DispatchOptions{ExpiresAt: s.clock.Now().Add(time.Minute)}).ID
		s.clock.Advance(time.Minute)
		m := s.show(id)
		if m.Status != symphony.Failed || m.Deliveries != 0 || len(m.Attempts) != 0 || m.ErrorClass != "expired" || m.FailedID == "" || m.FinishedAt.IsZero() {
			s.Errorf("got %+v", m)
		}
	}},
	{"a message that is not there, or another transport's, is not found", func(s *suite) {
		mine := s.dispatch(symphony.DispatchOptions{}).ID
		email := s.dispatch(symphony.DispatchOptions{Transport: s.Email.Name()}).ID
		for _, id := range []string{email, symphony.NewID(s.clock.Now()), "", "x", "'", strings.ToUpper(mine), mine + " ", mine[:35], strings.Repeat("0", 36), "\x00", "\xff"} {
			if m, err := GetMessage(ctx, s.messages(), id); !errors.Is(err, symphony.ErrNotFound) {
				s.Errorf("show %q: %v, %v; want ErrNotFound", id, m, err)
			}
			if err := s.messages().DeleteMessage(ctx, id); !errors.Is(err, symphony.ErrNotFound) {
				s.Errorf("delete %q: %v, want ErrNotFound", id, err)
			}
			if err := s.messages().RunMessageNow(ctx, id); !errors.Is(err, symphony.ErrNotFound) {
				s.Errorf("run %q: %v, want ErrNotFound", id, err)
			}
		}
		if got := messageIDs(s.page(symphony.MessageQuery{}).Messages); !slices.Equal(got, []string{mine}) {
			s.Errorf("listed %v, want %s", got, mine)
		}
		got, err := GetMessage(ctx, s.Email.(symphony.MessageStore), email)
		if err != nil || got.Transport != s.Email.Name() {
			s.Errorf("the other transport shows %+v, %v", got, err)
		}
	}},
	{"failed messages of another transport are not shown", func(s *suite) {
		id := s.dispatch(symphony.DispatchOptions{Transport: s.Email.Name()}).ID
		got, err := s.Email.Receive(ctx, all)
		if err != nil || len(got) != 1 {
			s.Fatalf("%v, %v", got, err)
		}
		if errs := s.Email.Settle(ctx, []symphony.Settlement{{Lease: got[0].Lease, Outcome: symphony.Fail, Error: "e"}}); errs != nil {
			s.Fatal(errs)
		}
		if _, err := GetMessage(ctx, s.messages(), id); !errors.Is(err, symphony.ErrNotFound) {
			s.Errorf("got %v, want ErrNotFound", err)
		}
		for _, status := range []symphony.Status{"", symphony.Failed} {
			if page := s.page(symphony.MessageQuery{MessageFilter: symphony.MessageFilter{Status: status}}); len(page.Messages) != 0 || page.Next != "" {
				s.Errorf("listed %v, next %q", messageIDs(page.Messages), page.Next)
			}
		}
	}},
	{"a failed message that is deleted or dispatched again is no longer there", func(s *suite) {
		gone := s.dispatch(symphony.DispatchOptions{}).ID
		f := s.fail(s.one(), "e")
		if _, err := DeleteFailed(ctx, s.messages(), f.FailedID); err != nil {
			s.Fatal(err)
		}
		again := s.dispatch(symphony.DispatchOptions{}).ID
		f = s.fail(s.one(), "e")
		id := symphony.NewID(s.clock.Now())
		if _, err := s.messages().MoveFailed(ctx, []symphony.FailedMove{{ID: f.FailedID, NewID: id}}); err != nil {
			s.Fatal(err)
		}
		for _, id := range []string{gone, again} {
			if _, err := GetMessage(ctx, s.messages(), id); !errors.Is(err, symphony.ErrNotFound) {
				s.Errorf("got %v, want ErrNotFound", err)
			}
		}
		s.wantInfo("dispatched again", id, symphony.MessageInfo{Status: symphony.Pending, AvailableAt: s.clock.Now()})
		if got := messageIDs(s.page(symphony.MessageQuery{}).Messages); !slices.Equal(got, []string{id}) {
			s.Errorf("listed %v, want %s", got, id)
		}
	}},
	{"a message that cannot be decoded is shown as far as it can", func(s *suite) {
		if s.Corrupt == nil {
			s.Skip("transport's messages can be decoded")
		}
		id := s.dispatch(symphony.DispatchOptions{Headers: map[string]any{"h": "v"}}).ID
		s.Corrupt(s.T, id)
		if m := s.show(id); m.Headers["h"] != "v" || m.Type != "Order" || m.Status != symphony.Pending {
			s.Errorf("got %+v", m)
		}
		if got := messageIDs(s.page(symphony.MessageQuery{}).Messages); !slices.Equal(got, []string{id}) {
			s.Errorf("listed %v", got)
		}
	}},
}
