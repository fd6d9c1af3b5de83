package transporttest

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
)

var waitingTests = []test{
	{"what few messages have travels with them, into the dead letter queue and back", func(s *suite) {
		expires := s.clock.Now().Add(time.Hour)
		o := symphony.DispatchOptions{ExpiresAt: expires, ConcurrencyKey: "c", GroupKey: "g", Ordered: true, ThrottleKey: "t", CorrelationID: "story", CausationID: "cause"}
		s.send("Job", o)
		s.reopenIfPossible()
		d := s.one()
		want := &symphony.Flow{ExpiresAt: expires, ConcurrencyKey: "c", GroupKey: "g", Ordered: true, ThrottleKey: "t"}
		if diff := cmp.Diff(want, d.Flow); diff != "" {
			s.Errorf("flow (-want +got)\n%s", diff)
		}
		if d.CorrelationID != "story" || d.CausationID != "cause" {
			s.Errorf("correlation %q, causation %q", d.CorrelationID, d.CausationID)
		}
		f := s.fail(d, "e")
		if diff := cmp.Diff(want, f.Flow); diff != "" || f.CorrelationID != "story" || f.CausationID != "cause" {
			s.Errorf("failed: correlation %q, causation %q, flow (-want +got)\n%s", f.CorrelationID, f.CausationID, diff)
		}
		if _, err := s.messages().MoveFailed(ctx, []symphony.FailedMove{{ID: f.FailedID, NewID: symphony.NewID(s.clock.Now())}}); err != nil {
			s.Fatal(err)
		}
		d = s.one()
		if diff := cmp.Diff(&symphony.Flow{ConcurrencyKey: "c", GroupKey: "g", Ordered: true}, d.Flow); diff != "" || d.CorrelationID != "story" || d.CausationID != "cause" {
			s.Errorf("dispatched again: correlation %q, causation %q, flow (-want +got)\n%s", d.CorrelationID, d.CausationID, diff)
		}
	}},
	{"a message without any of it has none", func(s *suite) {
		s.dispatch(symphony.DispatchOptions{})
		if d := s.one(); d.Flow != nil || d.CorrelationID != "" || d.CausationID != "" || d.Correlation() != d.ID {
			s.Errorf("correlation %q, causation %q, flow %+v", d.CorrelationID, d.CausationID, d.Flow)
		}
	}},
	{"a message that nobody begins in time goes to the dead letter queue", func(s *suite) {
		tests := map[string]symphony.DispatchOptions{
			"ready":     {},
			"scheduled": {Delay: 30 * time.Second},
			"parked":    {ConcurrencyKey: "k"},
			"grouped":   {GroupKey: "g"},
			"ordered":   {GroupKey: "g", Ordered: true},
		}
		s.send("Job", symphony.DispatchOptions{ConcurrencyKey: "k"})
		s.send("Job", symphony.DispatchOptions{GroupKey: "g", Ordered: true})
		hand := s.receive(all)
		want := make(map[string]string)
		for name, o := range tests {
			o.ExpiresAt = s.clock.Now().Add(time.Minute)
			want[s.send("Job", o).ID] = name
		}
		behind := s.send("Job", symphony.DispatchOptions{GroupKey: "g", Ordered: true}).ID
		s.ack(hand[0]) // lets the parked one go back to its lane
		s.wantCounts(6, 1, 1, 0, 1)
		s.clock.Advance(2 * time.Minute)
		s.wantCounts(2, 0, 1, 5, 0) // what was in hand lost its lease meanwhile
		for _, f := range s.list(symphony.MessageQuery{Limit: 50}).Messages {
			if want[f.ID] == "" {
				s.Errorf("message %s expired", f.ID)
			}
			delete(want, f.ID)
			if f.ErrorClass != "expired" || f.Error == "" || len(f.Attempts) != 0 || f.Retries() != 0 || f.Payload == nil {
				s.Errorf("failed message %+v", f)
			}
		}
		if len(want) > 0 {
			s.Errorf("not expired: %v", want)
		}
		s.ack(s.one())
		s.wantIDs(s.receive(all), behind)
	}},
	{"a message that was begun does not expire", func(s *suite) {
		o := symphony.DispatchOptions{ExpiresAt: s.clock.Now().Add(time.Minute)}
		want := s.sendMany(2, "Job", o)
		got := s.receive(all)
		s.mustSettle(got[0], symphony.Settlement{Outcome: symphony.Retry, Delay: 2 * time.Minute, Error: "e"})
		s.clock.Advance(10 * time.Minute) // the other one's worker is lost
		s.wantSame("both", ids(s.receive(all)), want)
		s.wantCounts(0, 2, 0, 0, 0)
	}},
	{"an expired message that is dispatched again does not expire again", func(s *suite) {
		s.send("Job", symphony.DispatchOptions{ExpiresAt: s.clock.Now().Add(time.Minute)})
		s.clock.Advance(time.Minute)
		s.wantCounts(0, 0, 0, 1, 0)
		f := s.list(symphony.MessageQuery{Limit: 1}).Messages[0]
		if _, err := s.messages().MoveFailed(ctx, []symphony.FailedMove{{ID: f.FailedID, NewID: symphony.NewID(s.clock.Now())}}); err != nil {
			s.Fatal(err)
		}
		s.clock.Advance(time.Hour)
		s.ack(s.one())
		s.wantCounts(0, 0, 1, 0, 0)
	}},
	{"a debounced message takes the place of the one that waits", func(s *suite) {
		first := s.send("Job", symphony.DispatchOptions{DebounceKey: "k", Delay: time.Minute})
		s.clock.Advance(30 * time.Second)
		second := s.send("Job", symphony.DispatchOptions{DebounceKey: "k", Delay: time.Minute, Queue: "other"})
		if first.Replaced != "" || second.Replaced != first.ID {
			s.Errorf("replaced %q and %q, want nothing and %s", first.Replaced, second.Replaced, first.ID)
		}
		s.wantCounts(1, 0, 0, 0, 1)
		s.clock.Advance(45 * time.Second)
		s.wantIDs(s.receive(all))
		s.clock.Advance(time.Minute)
		d := s.one()
		s.wantIDs([]symphony.Delivery{d}, second.ID)
		third := s.send("Job", symphony.DispatchOptions{DebounceKey: "k"})
		if third.Replaced != "" {
			s.Error("a message in hand was replaced")
		}
		s.mustSettle(d, symphony.Settlement{Outcome: symphony.Retry, Delay: time.Minute, Error: "e"})
		fourth := s.send("Job", symphony.DispatchOptions{DebounceKey: "k"})
		if fourth.Replaced != third.ID {
			s.Errorf("replaced %q, want %s", fourth.Replaced, third.ID)
		}
		s.clock.Advance(time.Minute)
		s.wantSame("at last", s.drain(time.Second, 1), []string{second.ID, fourth.ID})
		s.wantCounts(0, 0, 2, 0, 0)
	}},
	{"a debounced message is replaced wherever it waits", func(s *suite) {
		for _, o := range []symphony.DispatchOptions{{ConcurrencyKey: "k"}, {GroupKey: "g"}, {GroupKey: "g", Ordered: true}} {
			s.send("Job", o)
			s.receive(all)
			o.DebounceKey = "d"
			first := s.send("Job", o)
			second := s.send("Job", o)
			if o.Ordered || o.ConcurrencyKey != "" {
				if second.Replaced != first.ID {
					s.Errorf("%+v: replaced %q, want %s", o, second.Replaced, first.ID)
				}
			}
			s.clock.Advance(symphony.DefaultLease + time.Second)
			if got := s.drain(time.Second, 2); slices.Contains(got, first.ID) == (second.Replaced != "") || !slices.Contains(got, second.ID) {
				s.Errorf("%+v: delivered %v, sent %s and %s", o, got, first.ID, second.ID)
			}
		}
		if p := s.stats().Pending; p != 0 {
			s.Errorf("%d messages are left", p)
		}
	}},
	{"a throttled message is dropped while one waits", func(s *suite) {
		first := s.send("Job", symphony.DispatchOptions{ThrottleKey: "k", Queue: "q", Delay: time.Minute})
		second := s.send("Job", symphony.DispatchOptions{ThrottleKey: "k"})
		if first.Dropped || !second.Dropped || second.ID != first.ID || second.Queue != "q" || !second.ScheduledAt.Equal(first.ScheduledAt) {
			s.Errorf("first %+v, second %+v", first, second)
		}
		if r := s.send("Job", symphony.DispatchOptions{ThrottleKey: "other"}); r.Dropped {
			s.Error("dropped for another key")
		}
		if r := s.send("Job", symphony.DispatchOptions{DebounceKey: "k"}); r.Dropped || r.Replaced != "" {
			s.Error("debounce and throttle keys are told apart")
		}
		if r := s.send("Job", symphony.DispatchOptions{ThrottleKey: "k", Transport: s.Email.Name()}); r.Dropped {
			s.Error("dropped for another transport's")
		}
		s.clock.Advance(time.Minute)
		s.wantCounts(3, 0, 0, 0, 0)
		if got := s.receive(all); len(got) != 3 {
			s.Fatalf("got %d messages, want 3", len(got))
		}
		if r := s.send("Job", symphony.DispatchOptions{ThrottleKey: "k"}); r.Dropped {
			s.Error("dropped although none waits")
		}
	}},
	{"an idempotency key is decided before debounce and throttle", func(s *suite) {
		o := symphony.DispatchOptions{IdempotencyKey: "i", DebounceKey: "k"}
		payload := json.RawMessage(`{}`)
		first, err := s.bus.Dispatch(ctx, "Job", payload, o)
		if err != nil {
			s.Fatal(err)
		}
		again, err := s.bus.Dispatch(ctx, "Job", payload, o)
		if err != nil || !again.Duplicate || again.ID != first.ID || again.Replaced != "" {
			s.Errorf("again: %+v, %v", again, err)
		}
	}},
	{"one batch may hold several messages of a key", func(s *suite) {
		m := symphony.Message{Type: "Job", Payload: json.RawMessage(`{}`)}
		got, err := s.bus.DispatchBatch(ctx, []symphony.Outgoing{
			{Message: m, Options: symphony.DispatchOptions{DebounceKey: "k"}}, {Message: m, Options: symphony.DispatchOptions{DebounceKey: "k"}},
			{Message: m, Options: symphony.DispatchOptions{ThrottleKey: "k"}}, {Message: m, Options: symphony.DispatchOptions{ThrottleKey: "k"}},
		})
		if err != nil {
			s.Fatal(err)
		}
		if got[1].Replaced != got[0].ID || !got[3].Dropped || got[3].ID != got[2].ID {
			s.Errorf("got %+v", got)
		}
		s.wantSame("delivered", ids(s.receive(all)), []string{got[1].ID, got[2].ID})
	}},
	{"a batch in which one debounces another can be repeated", func(s *suite) {
		batch := make([]symphony.Outgoing, 2)
		for i := range batch {
			batch[i] = symphony.Outgoing{Message: symphony.Message{Type: "Job", Payload: json.RawMessage(fmt.Sprintf(`{"n":%d}`, i))},
				Options: symphony.DispatchOptions{DebounceKey: "k", IdempotencyKey: strconv.Itoa(i)}}
		}
		var first []symphony.Receipt
		for range 2 {
			receipts, err := s.bus.DispatchBatch(ctx, batch)
			if err != nil {
				s.Fatal(err)
			}
			if first == nil {
				first = receipts
				continue
			}
			for i, r := range receipts {
				if !r.Duplicate || r.ID != first[i].ID {
					s.Errorf("the %d. message repeated: %+v, want the answer for %s", i+1, r, first[i].ID)
				}
			}
		}
		s.wantSame("delivered", s.drain(time.Second, 1), []string{first[1].ID})
	}},
	{"a message tells before what it waits, and goes once that is over", func(s *suite) {
		s.needs(func(c symphony.Capabilities) bool { return c.Messages })
		why := func(id string) flow.Reason {
			s.Helper()
			return s.whyWaits(id).Reason
		}
		for _, test := range []struct {
			o    symphony.DispatchOptions
			want flow.Reason
		}{
			{symphony.DispatchOptions{ConcurrencyKey: "k"}, flow.WaitsForKey},
			{symphony.DispatchOptions{GroupKey: "g", Ordered: true}, flow.WaitsForOrder},
		} {
			first, second := s.send("Job", test.o).ID, s.send("Job", test.o).ID
			if got := why(first); got != flow.WaitsForWorker {
				s.Errorf("the first waits for %q, want a worker", got)
			}
			d := s.receive(all)
			s.wantIDs(d, first)
			if got := why(second); got != test.want {
				s.Errorf("the second waits for %q, want %q", got, test.want)
			}
			s.ack(d...)
			if got := why(second); got != flow.WaitsForWorker {
				s.Errorf("the second waits for %q when the first is done, want a worker", got)
			}
			d = s.receive(all)
			s.wantIDs(d, second)
			s.ack(d...)
		}
		later := s.send("Job", symphony.DispatchOptions{Delay: time.Minute}).ID
		if got := why(later); got != flow.WaitsForTime {
			s.Errorf("it waits for %q, want its time", got)
		}
		s.clock.Advance(time.Minute)
		s.retry(s.one(), time.Hour, "again")
		if got := why(later); got != flow.WaitsForRetry {
			s.Errorf("it waits for %q, want its next try", got)
		}
	}},
	{"a message tells its place in line", func(s *suite) {
		s.needs(func(c symphony.Capabilities) bool { return c.Messages })
		want := func(places map[string]int) {
			s.Helper()
			for id, place := range places {
				if w := s.whyWaits(id); w.Position != place {
					s.Errorf("%s is said to be at %d, want %d: %+v", id, w.Position, place, w)
				}
			}
		}
		first := s.send("Job", symphony.DispatchOptions{}).ID
		keyed := s.send("Job", symphony.DispatchOptions{ConcurrencyKey: "k"}).ID // in a lane of its own
		urgent := s.send("Job", symphony.DispatchOptions{Priority: 10}).ID
		s.send("Job", symphony.DispatchOptions{Priority: 10, Delay: time.Hour})
		later := s.send("Job", symphony.DispatchOptions{Delay: time.Hour}).ID
		last := s.send("Job", symphony.DispatchOptions{}).ID
		s.send("Job", symphony.DispatchOptions{Queue: "other", Priority: 10})
		want(map[string]int{urgent: 1, first: 2, keyed: 3, last: 4, later: 0})
		here := symphony.ReceiveOptions{Max: 3, Queues: []string{symphony.DefaultQueue}}
		s.wantIDs(s.receive(here), urgent, first, keyed)
		behind := make([]string, 3)
		for i := range behind {
			behind[i] = s.send("Job", symphony.DispatchOptions{ConcurrencyKey: "k"}).ID
		}
		s.wantIDs(s.receive(here), last)
		want(map[string]int{behind[0]: 1, behind[1]: 2, behind[2]: 3})
		if w := s.whyWaits(behind[1]); w.Reason != flow.WaitsForKey {
			s.Errorf("behind one in hand: %+v", w)
		}
	}},
	{"the place in line is told up to a bound", func(s *suite) {
		s.needs(func(c symphony.Capabilities) bool { return c.Messages })
		batch := make([]symphony.Outgoing, flow.MaxPosition)
		for i := range batch {
			batch[i].Message = symphony.Message{Type: "Job", Payload: json.RawMessage(`{}`)}
			if i%2 == 0 {
				batch[i].Options.ConcurrencyKey = strconv.Itoa(i)
			}
		}
		if _, err := s.bus.DispatchBatch(ctx, batch); err != nil {
			s.Fatal(err)
		}
		s.clock.Advance(time.Millisecond)
		last := s.send("Job", symphony.DispatchOptions{}).ID
		if w := s.whyWaits(last); w.Position != 0 {
			s.Errorf("behind %d: %+v", flow.MaxPosition, w)
		}
		s.receive(symphony.ReceiveOptions{Max: 1})
		if w := s.whyWaits(last); w.Position != flow.MaxPosition {
			s.Errorf("behind %d: %+v", flow.MaxPosition-1, w)
		}
	}},
	{"a paused, limited or slowed message says so before a claim comes to it", func(s *suite) {
		s.needs(func(c symphony.Capabilities) bool { return c.Messages })
		id := s.send("Job", symphony.DispatchOptions{}).ID
		want := func(reason flow.Reason, by string) {
			s.Helper()
			if w := s.whyWaits(id); w.Reason != reason || w.By != by {
				s.Errorf("got %+v, want %s by %q", w, reason, by)
			}
		}
		for _, target := range []flow.HoldTarget{{}, {Queue: symphony.DefaultQueue}, {Type: "Job"}} {
			s.hold(flow.Hold{HoldTarget: target, Mode: flow.Paused, By: "ada"})
			want(flow.WaitsForHold, "ada")
			s.release(target)
			want(flow.WaitsForWorker, "")
		}
		other := s.send("Other", symphony.DispatchOptions{Priority: 10}).ID
		s.wantIDs(s.receive(symphony.ReceiveOptions{Max: 1}), other)
		s.setLimit(flow.SetLimit{LimitTarget: flow.LimitTarget{Type: "*"}, Set: true,
			Limit: flow.Limit{Concurrency: 1}, By: "eve"})
		want(flow.WaitsForType, "eve")
		s.deleteLimit(flow.LimitTarget{Type: "*"})
		want(flow.WaitsForWorker, "")
		ask := flow.Ask{Message: &symphony.Envelope{Type: "Job"}, Pattern: "Job", Wait: time.Minute, From: "endpoint"}
		if err := s.control().ChangeLimits(ctx, ask.Change); err != nil {
			s.Fatal(err)
		}
		want(flow.WaitsForType, "endpoint")
		if w := s.whyWaits(id); !w.Rate || !w.Until.Equal(s.clock.Now().Add(time.Minute)) {
			s.Errorf("a pause that an endpoint asked for: %+v", w)
		}
		if _, err := s.control().Wait(ctx, symphony.NewID(s.clock.Now())); !errors.Is(err, symphony.ErrNotFound) {
			s.Errorf("of no message: %v", err)
		}
		var status *symphony.MessageStatusError
		if _, err := s.control().Wait(ctx, other); !errors.As(err, &status) || status.Status != symphony.Processing {
			s.Errorf("of one in hand: %v", err)
		}
	}},
	{"it is known since when nobody has asked for a queue", func(s *suite) {
		s.send("Job", symphony.DispatchOptions{Queue: "a"})
		s.send("Job", symphony.DispatchOptions{Queue: "b"})
		want := func(queue string, want time.Time) {
			s.Helper()
			if got := s.stats().Queues[queue].UnaskedSince; !got.Equal(want.Truncate(time.Microsecond)) {
				s.Errorf("queue %s: nobody has asked since %s, want %s", queue, got, want)
			}
		}
		s.clock.Advance(time.Hour)
		s.receive(symphony.ReceiveOptions{Queues: []string{"none", "a"}})
		asked := s.clock.Now()
		s.clock.Advance(time.Minute)
		want("a", asked)
		if got := s.stats().Queues["b"].UnaskedSince; !got.Before(asked.Add(-time.Minute)) || got.IsZero() {
			s.Errorf("queue b: since %s, want since the start", got)
		}
		s.receive(symphony.ReceiveOptions{})
		asked = s.clock.Now()
		s.clock.Advance(time.Minute)
		want("a", asked)
		want("b", asked)
		// Pull workers do not get what is pushed to URLs.
		unpushed := func(queue string) time.Time {
			s.Helper()
			return s.stats().Queues[queue].UnpushedSince
		}
		s.pull(symphony.ReceiveOptions{})
		want("a", s.clock.Now())
		pushed := unpushed("a")
		s.clock.Advance(time.Minute)
		s.receive(symphony.ReceiveOptions{Queues: []string{"a"}})
		asked = s.clock.Now()
		s.clock.Advance(time.Minute)
		if got := unpushed("a"); !got.Equal(asked.Truncate(time.Microsecond)) {
			s.Errorf("who pushes has not asked for queue a since %s, want %s", got, asked)
		}
		if got := unpushed("b"); !got.Equal(pushed) {
			s.Errorf("who pushes has not asked for queue b since %s, want %s", got, pushed)
		}
	}},
	{"debounce and throttle survive a crash", func(s *suite) {
		first := s.send("Job", symphony.DispatchOptions{DebounceKey: "k"})
		second := s.send("Job", symphony.DispatchOptions{ThrottleKey: "k"})
		s.reopen()
		if r := s.send("Job", symphony.DispatchOptions{DebounceKey: "k"}); r.Replaced != first.ID {
			s.Errorf("replaced %q, want %s", r.Replaced, first.ID)
		}
		if r := s.send("Job", symphony.DispatchOptions{ThrottleKey: "k"}); r.ID != second.ID {
			s.Errorf("the one that waits is %s, want %s", r.ID, second.ID)
		}
	}},
}

// whyWaits tells why a message waits.
func (s *suite) whyWaits(id string) flow.Wait {
	s.Helper()
	m := s.show(id)
	w, ok, err := flow.WaitOf(ctx, s.def, &m)
	if err != nil || !ok {
		s.Fatalf("why %s waits, which is %s: %t, %v", id, m.Status, ok, err)
	}
	return w
}

func (s *suite) reopenIfPossible() {
	s.Helper()
	if s.Reopen != nil {
		s.reopen()
	}
}
