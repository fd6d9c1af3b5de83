package transporttest

import (
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
)

var holdTests = []test{
	{"a paused queue keeps its messages until it is resumed", func(s *suite) {
		before := s.dispatch(symphony.DispatchOptions{Queue: "a"}).ID
		limited := s.send("Two", symphony.DispatchOptions{Queue: "a"}).ID
		other := s.dispatch(symphony.DispatchOptions{Queue: "b"}).ID
		s.hold(flow.Hold{HoldTarget: flow.HoldTarget{Queue: "a"}, Mode: flow.Paused})
		after := s.dispatch(symphony.DispatchOptions{Queue: "a"}).ID
		s.wantIDs(s.receive(all), other)
		s.wantIDs(s.receive(symphony.ReceiveOptions{Queues: []string{"a"}}))
		s.wantCounts(3, 1, 0, 0, 0)
		s.reopenIfPossible()
		s.wantIDs(s.receive(symphony.ReceiveOptions{Queues: []string{"a"}}))
		wait := s.wait(symphony.ReceiveOptions{Queues: []string{"a"}, Wait: time.Hour, Max: 10})
		s.release(flow.HoldTarget{Queue: "a"})
		resumed := ids((<-wait).list)
		for len(resumed) < 3 { // whoever waits is told of the first that is there
			more := (<-s.wait(symphony.ReceiveOptions{Queues: []string{"a"}, Wait: time.Hour, Max: 10})).list
			if len(more) == 0 {
				break
			}
			resumed = append(resumed, ids(more)...)
		}
		s.wantSame("resumed", resumed, []string{before, limited, after})
	}},
	{"what is in hand when its queue is paused is finished", func(s *suite) {
		want := s.sendMany(2, "Job", symphony.DispatchOptions{})
		got := s.receive(all)
		s.hold(flow.Hold{Mode: flow.Paused})
		s.ack(got[0])
		s.mustSettle(got[1], symphony.Settlement{Outcome: symphony.Retry, Error: "e"})
		s.wantIDs(s.receive(all))
		s.wantCounts(1, 0, 1, 0, 0)
		if email, err := s.Email.Receive(ctx, all); err != nil || len(email) != 0 {
			s.Errorf("email: %v, %v", email, err)
		}
		s.release(flow.HoldTarget{})
		s.wantIDs(s.receive(all), want[1])
	}},
	{"a paused transport is not another one", func(s *suite) {
		s.hold(flow.Hold{Mode: flow.Paused})
		id := s.dispatch(symphony.DispatchOptions{Transport: s.Email.Name()}).ID
		got, err := s.Email.Receive(ctx, all)
		if err != nil {
			s.Fatal(err)
		}
		s.wantIDs(got, id)
	}},
	{"messages of a paused type wait, and do not stop others", func(s *suite) {
		var mail, other []string
		for i := range 20 {
			mail = append(mail, s.send([]string{"Mail.A", "Mail.B"}[i%2], symphony.DispatchOptions{Priority: 9}).ID)
			other = append(other, s.send("Job", symphony.DispatchOptions{}).ID)
		}
		s.hold(flow.Hold{HoldTarget: flow.HoldTarget{Type: "Mail.*"}, Mode: flow.Paused})
		s.wantSame("others", s.drain(time.Second, 1), other)
		mail = append(mail, s.send("Mail.A", symphony.DispatchOptions{Priority: 9}).ID)
		s.wantIDs(s.receive(all))
		s.wantCounts(21, 0, 20, 0, 0)
		s.reopenIfPossible()
		s.wantIDs(s.receive(all))
		s.release(flow.HoldTarget{Type: "Mail.*"})
		if got := s.drain(time.Second, 1); !slices.Equal(got, mail) {
			s.Errorf("resumed: got %v, want %v", got, mail)
		}
	}},
	{"very many messages of a paused type come back", func(s *suite) {
		var batch []symphony.Outgoing
		for range 1000 {
			batch = append(batch, symphony.Outgoing{Message: symphony.Message{Type: "Mail", Payload: json.RawMessage(`{}`)}})
		}
		for range 3 {
			if _, err := s.bus.DispatchBatch(ctx, batch); err != nil {
				s.Fatal(err)
			}
		}
		s.hold(flow.Hold{HoldTarget: flow.HoldTarget{Type: "Mail"}, Mode: flow.Paused})
		other := s.dispatch(symphony.DispatchOptions{}).ID
		got := (<-s.wait(symphony.ReceiveOptions{Wait: time.Hour})).list
		s.wantIDs(got, other)
		s.ack(got...)
		s.release(flow.HoldTarget{Type: "Mail"})
		if got := s.drain(time.Second, 60); len(got) != 3000 {
			s.Errorf("%d of 3000 came back", len(got))
		}
	}},
	{"a pause ends by itself", func(s *suite) {
		until := s.clock.Now().Add(time.Hour).UTC().Truncate(time.Microsecond)
		id, mail := s.dispatch(symphony.DispatchOptions{Queue: "a"}).ID, s.send("Mail", symphony.DispatchOptions{}).ID
		s.hold(flow.Hold{HoldTarget: flow.HoldTarget{Queue: "a"}, Mode: flow.Paused, Until: until, Reason: "deploy"})
		s.hold(flow.Hold{HoldTarget: flow.HoldTarget{Type: "Mail"}, Mode: flow.Paused, Until: until.Add(time.Minute)})
		s.wantIDs(s.receive(all))
		if got, err := s.control().Holds(ctx); err != nil || len(got) != 2 || !got[0].Until.Equal(until) {
			s.Errorf("holds %+v, %v", got, err)
		}
		s.reopenIfPossible()
		wait := s.wait(symphony.ReceiveOptions{Queues: []string{"a"}, Wait: 2 * time.Hour, Max: 10})
		s.clock.Advance(until.Sub(s.clock.Now()))
		s.wantIDs((<-wait).list, id)
		s.wantIDs(s.receive(symphony.ReceiveOptions{Queues: []string{"default"}}))
		s.clock.Advance(time.Minute)
		s.wantIDs(s.receive(symphony.ReceiveOptions{Queues: []string{"default"}}), mail)
		if got, err := s.control().Holds(ctx); err != nil || len(got) != 0 {
			s.Errorf("holds %+v, %v; want none", got, err)
		}
		if err := s.control().Release(ctx, flow.HoldTarget{Queue: "a"}); !errors.Is(err, symphony.ErrNotFound) {
			s.Errorf("release of what is over: %v, want ErrNotFound", err)
		}
	}},
	{"a pause that is over lets go of what waits, though another one begins just then", func(s *suite) {
		for range 10 {
			id := s.send("Mail", symphony.DispatchOptions{}).ID
			until := s.clock.Now().Add(time.Second)
			s.hold(flow.Hold{HoldTarget: flow.HoldTarget{Type: "Mail"}, Mode: flow.Paused, Until: until})
			s.wantIDs(s.receive(all))
			s.clock.Advance(time.Second + time.Millisecond)
			s.hold(flow.Hold{HoldTarget: flow.HoldTarget{Queue: "b"}, Mode: flow.Paused})
			got := s.receive(all)
			s.wantIDs(got, id)
			s.ack(got...)
		}
	}},
	{"a drain ends by itself, and a pause is prolonged", func(s *suite) {
		until := s.clock.Now().Add(time.Minute)
		s.hold(flow.Hold{HoldTarget: flow.HoldTarget{Queue: "a"}, Mode: flow.Draining, Until: until})
		_, err := s.bus.Dispatch(ctx, "Job", json.RawMessage(`{}`), symphony.DispatchOptions{Queue: "a"})
		if !errors.Is(err, flow.ErrHeld) {
			s.Errorf("dispatch: %v, want ErrHeld", err)
		}
		s.hold(flow.Hold{HoldTarget: flow.HoldTarget{Queue: "b"}, Mode: flow.Paused, Until: until})
		s.hold(flow.Hold{HoldTarget: flow.HoldTarget{Queue: "b"}, Mode: flow.Paused})
		s.clock.Advance(time.Minute)
		id := s.dispatch(symphony.DispatchOptions{Queue: "a"}).ID
		s.dispatch(symphony.DispatchOptions{Queue: "b"})
		s.wantIDs(s.receive(all), id)
	}},
	{"a draining queue takes no new messages and hands out those it has", func(s *suite) {
		o := symphony.DispatchOptions{Queue: "a", IdempotencyKey: "k"}
		payload := json.RawMessage(`{}`)
		first, err := s.bus.Dispatch(ctx, "Job", payload, o)
		if err != nil {
			s.Fatal(err)
		}
		s.hold(flow.Hold{HoldTarget: flow.HoldTarget{Queue: "a"}, Mode: flow.Draining})
		_, err = s.bus.Dispatch(ctx, "Job", payload, symphony.DispatchOptions{Queue: "a"})
		var held *flow.HeldError
		if !errors.As(err, &held) || !errors.Is(err, flow.ErrHeld) || held.Queue != "a" || held.Transport != s.def.Name() {
			s.Errorf("dispatch: %v, want a HeldError", err)
		}
		if again, err := s.bus.Dispatch(ctx, "Job", payload, o); err != nil || !again.Duplicate || again.ID != first.ID {
			s.Errorf("a known idempotency key: %+v, %v", again, err)
		}
		_, err = s.bus.DispatchBatch(ctx, []symphony.Outgoing{
			{Message: symphony.Message{Type: "Job", Payload: payload}, Options: symphony.DispatchOptions{Queue: "b"}},
			{Message: symphony.Message{Type: "Job", Payload: payload}, Options: symphony.DispatchOptions{Queue: "a"}},
		})
		if !errors.Is(err, flow.ErrHeld) {
			s.Errorf("batch: %v, want ErrHeld", err)
		}
		s.wantCounts(1, 0, 0, 0, 0)
		d := s.one()
		s.mustSettle(d, symphony.Settlement{Outcome: symphony.Retry, Error: "e"})
		s.ack(s.one())
		s.release(flow.HoldTarget{Queue: "a"})
		s.dispatch(symphony.DispatchOptions{Queue: "a"})
	}},
	{"holds are listed, replaced and ended", func(s *suite) {
		s.hold(flow.Hold{HoldTarget: flow.HoldTarget{Queue: "a"}, Mode: flow.Paused, By: "ops", Reason: "deploy"})
		first := s.clock.Now()
		s.clock.Advance(time.Second)
		s.hold(flow.Hold{HoldTarget: flow.HoldTarget{Type: "Mail"}, Mode: flow.Paused})
		s.clock.Advance(time.Second)
		s.hold(flow.Hold{Mode: flow.Draining})
		s.reopenIfPossible()
		want := []flow.Hold{
			{HoldTarget: flow.HoldTarget{Queue: "a"}, Mode: flow.Paused, By: "ops", Reason: "deploy", Since: first},
			{HoldTarget: flow.HoldTarget{Type: "Mail"}, Mode: flow.Paused, Since: first.Add(time.Second)},
			{Mode: flow.Draining, Since: first.Add(2 * time.Second)},
		}
		s.wantHolds(want...)
		s.clock.Advance(time.Second)
		s.hold(flow.Hold{HoldTarget: flow.HoldTarget{Queue: "a"}, Mode: flow.Draining})
		s.wantHolds(want[1], want[2], flow.Hold{HoldTarget: flow.HoldTarget{Queue: "a"}, Mode: flow.Draining, Since: s.clock.Now()})
		s.release(flow.HoldTarget{Queue: "a"})
		s.wantHolds(want[1], want[2])
		if err := s.control().Release(ctx, flow.HoldTarget{Queue: "a"}); !errors.Is(err, symphony.ErrNotFound) {
			s.Errorf("again: %v, want ErrNotFound", err)
		}
		if err := s.control().Hold(ctx, flow.Hold{Mode: "stopped"}); !errors.Is(err, symphony.ErrInvalid) {
			s.Errorf("unknown mode: %v, want ErrInvalid", err)
		}
	}},
	{"a purge deletes what waits and nothing else", func(s *suite) {
		hand := s.sendMany(2, "Job", symphony.DispatchOptions{Queue: "a"})
		got := s.receive(all)
		s.mustSettle(got[1], symphony.Settlement{Outcome: symphony.Fail, Error: "e"})
		s.sendMany(1200, "Job", symphony.DispatchOptions{Queue: "a"})
		retried := s.send("Job", symphony.DispatchOptions{Queue: "a", Priority: 10}).ID
		if d := s.one(); d.ID == retried {
			s.mustSettle(d, symphony.Settlement{Outcome: symphony.Retry, Delay: time.Hour, Error: "e"})
		}
		s.send("Job", symphony.DispatchOptions{Queue: "a", Delay: time.Hour})
		s.sendMany(3, "Job", symphony.DispatchOptions{Queue: "a", ConcurrencyKey: "k"})
		s.sendMany(20, "Job", symphony.DispatchOptions{Queue: "a", GroupKey: "g"})
		s.send("Job", symphony.DispatchOptions{Queue: "a", ThrottleKey: "t", ExpiresAt: s.clock.Now().Add(time.Hour)})
		other := s.dispatch(symphony.DispatchOptions{Queue: "b"}).ID
		email := s.dispatch(symphony.DispatchOptions{Queue: "a", Transport: s.Email.Name()}).ID
		told := 0
		n, err := s.control().Purge(ctx, flow.PurgeFilter{Queue: "a"}, func(n int) { told = n })
		if want := 1200 + 1 + 1 + 3 + 20 + 1; err != nil || n != want || told != want {
			s.Errorf("purged %d, told %d, %v; want %d", n, told, err, want)
		}
		s.wantCounts(1, 1, 0, 1, 0)
		s.wantIDs(s.receive(all), other)
		if got, err := s.Email.Receive(ctx, all); err != nil || len(got) != 1 || got[0].ID != email {
			s.Errorf("the other transport: %v, %v", ids(got), err)
		}
		if r := s.send("Job", symphony.DispatchOptions{Queue: "a", ThrottleKey: "t"}); r.Dropped {
			s.Error("dropped for a message that was purged")
		}
		s.ack(got[0])
		s.clock.Advance(2 * time.Hour)
		if got := s.drain(time.Second, 2); len(got) != 2 || slices.Contains(got, hand[0]) {
			s.Errorf("at last: got %v, want the throttled one and the one whose lease was lost", got)
		}
	}},
	{"a purge by type leaves the others, and moves up what waited behind", func(s *suite) {
		s.send("Spam", symphony.DispatchOptions{GroupKey: "g", Ordered: true})
		behind := s.send("Job", symphony.DispatchOptions{GroupKey: "g", Ordered: true}).ID
		s.sendMany(30, "Spam", symphony.DispatchOptions{GroupKey: "f"})
		after := s.send("Job", symphony.DispatchOptions{GroupKey: "f"}).ID
		plain := s.sendMany(2, "Job", symphony.DispatchOptions{})
		s.sendMany(2, "Spam", symphony.DispatchOptions{})
		n, err := s.control().Purge(ctx, flow.PurgeFilter{Type: "Spam"}, nil)
		if err != nil || n != 33 {
			s.Errorf("purged %d, %v; want 33", n, err)
		}
		s.wantSame("what is left", s.drain(time.Second, 1), []string{behind, after, plain[0], plain[1]})
		s.wantCounts(0, 0, 4, 0, 0)
	}},
}

func (s *suite) control() flow.Control { return s.def.(flow.Control) }

func (s *suite) hold(h flow.Hold) {
	s.Helper()
	if err := s.control().Hold(ctx, h); err != nil {
		s.Fatal(err)
	}
}

func (s *suite) release(t flow.HoldTarget) {
	s.Helper()
	if err := s.control().Release(ctx, t); err != nil {
		s.Fatal(err)
	}
}

func (s *suite) wantHolds(want ...flow.Hold) {
	s.Helper()
	got, err := s.control().Holds(ctx)
	if err != nil {
		s.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		s.Errorf("holds (-want +got)\n%s", diff)
	}
}
