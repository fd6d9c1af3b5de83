package transporttest

import (
	"errors"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/symphony-messenger/symphony"
)

var settleTests = []test{
	{"an acked message is completed and never comes back", func(s *suite) {
		s.dispatch(symphony.DispatchOptions{})
		s.ack(s.one())
		s.wantCounts(0, 0, 1, 0, 0)
		s.clock.Advance(48 * time.Hour)
		if got := s.receive(all); len(got) != 0 {
			s.Error("it came back")
		}
		s.wantCounts(0, 0, 1, 0, 0)
	}},
	{"a release with a delay is ready after it, and counts no attempt", func(s *suite) {
		r := s.dispatch(symphony.DispatchOptions{})
		s.mustSettle(s.one(), symphony.Settlement{Outcome: symphony.Release, Delay: 10 * time.Second})
		s.clock.Advance(10*time.Second - time.Microsecond)
		s.wantIDs(s.receive(all))
		s.clock.Advance(time.Microsecond)
		d := s.one()
		if d.ID != r.ID || d.Attempt != 1 || d.Lost != 0 {
			s.Errorf("got %+v, want the first attempt", d)
		}
		s.mustSettle(d, symphony.Settlement{Outcome: symphony.Release, Delay: time.Minute})
		// The clock goes on while the receiver claims, so the lease must not run out before the receiver has returned.
		got := s.advanceUntil(s.wait(symphony.ReceiveOptions{Wait: time.Hour, Lease: time.Hour}), 10*time.Second, 20)
		s.wantIDs(got.list, r.ID)
		s.ack(got.list...)
		s.wantCounts(0, 0, 1, 0, 0)
	}},
	{"a retry keeps the message, counts the attempt and waits", func(s *suite) {
		r := s.dispatch(symphony.DispatchOptions{Queue: "q", Priority: 8, Headers: map[string]any{"a": "b"}})
		d := s.one()
		s.mustSettle(d, symphony.Settlement{Outcome: symphony.Retry, Delay: 10 * time.Second, Done: []string{"mail", "stock"}, Error: "no", ErrorClass: "x"})
		s.wantCounts(1, 0, 0, 0, 0)
		s.clock.Advance(10*time.Second - time.Microsecond)
		if got := s.receive(all); len(got) != 0 {
			s.Error("it came early")
		}
		s.clock.Advance(time.Microsecond)
		again := s.one()
		if again.ID != r.ID || again.Queue != "q" || again.Priority != 8 || again.Headers["a"] != "b" || again.Attempt != 2 || again.Lost != 0 || !slices.Equal(again.Done, []string{"mail", "stock"}) {
			s.Errorf("got %+v", again)
		}
		s.mustSettle(again, symphony.Settlement{Outcome: symphony.Retry})
		if third := s.one(); third.Attempt != 3 || !slices.Equal(third.Done, []string{"mail", "stock"}) {
			s.Errorf("got %+v", third)
		}
	}},
	{"a release puts the message back as if it had never been claimed", func(s *suite) {
		list := s.dispatchMany(3, symphony.DispatchOptions{})
		d := s.one()
		s.mustSettle(d, symphony.Settlement{Outcome: symphony.Release})
		got := s.receive(all)
		s.wantIDs(got, list...)
		if got[0].Attempt != 1 || got[0].Lost != 0 {
			s.Errorf("attempt %d, lost %d; want 1 and 0", got[0].Attempt, got[0].Lost)
		}
	}},
	{"a release keeps what handlers have done", func(s *suite) {
		s.dispatch(symphony.DispatchOptions{})
		s.mustSettle(s.one(), symphony.Settlement{Outcome: symphony.Release, Done: []string{"mail"}})
		if d := s.one(); d.Attempt != 1 || !slices.Equal(d.Done, []string{"mail"}) {
			s.Errorf("attempt %d with %v done, want 1 with mail", d.Attempt, d.Done)
		}
	}},
	{"one call settles in every way, and a stale one among them harms nobody", func(s *suite) {
		s.dispatchMany(5, symphony.DispatchOptions{})
		got := s.receive(all)
		stale := symphony.Lease{MessageID: "x", Token: "x"}
		list := []symphony.Settlement{
			{Lease: got[0].Lease, Outcome: symphony.Ack}, {Lease: got[1].Lease, Outcome: symphony.Retry, Delay: time.Hour}, {Lease: stale, Outcome: symphony.Ack},
			{Lease: got[2].Lease, Outcome: symphony.Fail, Error: "e", ErrorClass: "c"}, {Lease: got[3].Lease, Outcome: symphony.Release}, {Lease: got[0].Lease, Outcome: symphony.Ack},
		}
		errs := s.def.Settle(ctx, list)
		if len(errs) != len(list) {
			s.Fatalf("got %d results, want %d", len(errs), len(list))
		}
		for i, err := range errs {
			if wantLost := i == 2 || i == 5; errors.Is(err, symphony.ErrLeaseLost) != wantLost || (!wantLost && err != nil) {
				s.Errorf("settlement %d: %v", i, err)
			}
		}
		s.wantCounts(2, 1, 1, 1, 0)
	}},
	{"a stale delivery is refused beside the live one of the same message in one call", func(s *suite) {
		for _, first := range everyOutcome {
			for _, second := range everyOutcome {
				s.dispatch(symphony.DispatchOptions{})
				stale := s.one()
				s.mustSettle(stale, symphony.Settlement{Outcome: symphony.Retry})
				live := s.one()
				errs := s.def.Settle(ctx, []symphony.Settlement{{Lease: stale.Lease, Outcome: first}, {Lease: live.Lease, Outcome: second}})
				if len(errs) != 2 || !errors.Is(errs[0], symphony.ErrLeaseLost) || errs[1] != nil {
					s.Fatalf("stale %s, live %s: got %v", first, second, errs)
				}
				extended := s.def.Extend(ctx, []symphony.Lease{stale.Lease, live.Lease}, symphony.DefaultLease)
				if len(extended) != 2 || !errors.Is(extended[0], symphony.ErrLeaseLost) || !errors.Is(extended[1], symphony.ErrLeaseLost) {
					s.Fatalf("stale %s, live %s: extended %v", first, second, extended)
				}
				if second == symphony.Retry || second == symphony.Release {
					s.ack(s.one())
				}
			}
		}
		s.wantIDs(s.receive(all))
	}},
	{"a failed message stands in the dead letter queue with everything", func(s *suite) {
		if !s.def.Capabilities().Messages {
			s.Skip("transport keeps no failed messages")
		}
		r := s.dispatch(symphony.DispatchOptions{Queue: "q", Priority: 3, IdempotencyKey: "k", Headers: map[string]any{"a": "b"}, Metadata: map[string]any{"m": "n"}})
		d := s.one()
		begin := s.clock.Now()
		s.mustSettle(d, symphony.Settlement{Outcome: symphony.Retry, Error: "first", ErrorClass: "c1", StartedAt: begin, FinishedAt: begin.Add(time.Second)})
		d = s.one()
		s.mustSettle(d, symphony.Settlement{Outcome: symphony.Fail, Error: "second", ErrorClass: "c2", StartedAt: begin, FinishedAt: begin, Done: []string{"mail"}, MaxRetries: 1})
		page, err := ListFailed(ctx, s.messages(), symphony.MessageQuery{Limit: 10})
		if err != nil || len(page.Messages) != 1 {
			s.Fatalf("got %+v, %v", page, err)
		}
		f := page.Messages[0]
		if f.ID != r.ID || f.Queue != "q" || f.Priority != 3 || f.IdempotencyKey != "k" || f.Headers["a"] != "b" || f.Metadata["m"] != "n" || string(f.Payload) != string(d.Payload) ||
			f.Transport != s.def.Name() || f.Error != "second" || f.ErrorClass != "c2" || f.Retries() != 1 || f.MaxRetries != 1 || !f.FinishedAt.Equal(s.clock.Now()) || !slices.Equal(f.Done, []string{"mail"}) {
			s.Errorf("got %+v", f)
		}
		if len(f.Attempts) != 2 || f.Attempts[0].Error != "first" || f.Attempts[0].ErrorClass != "c1" || !f.Attempts[0].FinishedAt.Equal(begin.Add(time.Second)) ||
			f.Attempts[1].Number != 2 || f.Attempts[1].Worker != "w1" {
			s.Errorf("attempts %+v", f.Attempts)
		}
	}},
	{"long errors are cut between characters", func(s *suite) {
		if !s.def.Capabilities().Messages {
			s.Skip("transport keeps no failed messages")
		}
		s.dispatch(symphony.DispatchOptions{})
		f := s.fail(s.one(), "x"+strings.Repeat("ü", symphony.MaxErrorLength))
		if len(f.Error) > symphony.MaxErrorLength || len(f.Error) < symphony.MaxErrorLength-4 || !utf8.ValidString(f.Error) {
			s.Errorf("stored %d bytes, valid UTF-8 %v", len(f.Error), utf8.ValidString(f.Error))
		}
	}},
}
