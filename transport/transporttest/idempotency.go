package transporttest

import (
	"errors"
	"sync"
	"time"

	"github.com/symphony-messenger/symphony"
)

var idempotencyTests = []test{
	{"fifty dispatches of one key at once make one message", func(s *suite) {
		var all sync.WaitGroup
		receipts := make([]symphony.Receipt, 50)
		for i := range receipts {
			all.Go(func() {
				r, err := s.bus.Dispatch(ctx, "Order", struct{}{}, symphony.DispatchOptions{IdempotencyKey: "k"})
				if err != nil {
					s.Error(err)
				}
				receipts[i] = r
			})
		}
		all.Wait()
		fresh := 0
		for _, r := range receipts {
			if !r.Duplicate {
				fresh++
			}
			if r.ID != receipts[0].ID {
				s.Errorf("two messages: %s and %s", r.ID, receipts[0].ID)
			}
		}
		if fresh != 1 {
			s.Errorf("%d dispatches made a message", fresh)
		}
		s.wantCounts(1, 0, 0, 0, 0)
	}},
	{"a key answers with the first message, whatever has become of it", func(s *suite) {
		o := symphony.DispatchOptions{IdempotencyKey: "k", Queue: "first", ScheduledAt: s.clock.Now().Add(time.Millisecond)}
		dispatch := func() symphony.Receipt {
			r, err := s.bus.Dispatch(ctx, "Order", struct{}{}, o)
			if err != nil {
				s.Fatal(err)
			}
			return r
		}
		original := dispatch()
		scheduled := o.ScheduledAt
		o.Queue, o.ScheduledAt = "second", time.Time{}
		check := func(when string) {
			if r := dispatch(); r.ID != original.ID || !r.Duplicate || r.Queue != "first" || !r.ScheduledAt.Equal(scheduled) || r.IdempotencyKey != "k" {
				s.Errorf("%s: got %+v, want the first message %+v", when, r, original)
			}
		}
		check("pending")
		s.clock.Advance(time.Second)
		d := s.one()
		check("processing")
		s.ack(d)
		check("completed")
	}},
	{"another payload or type is a conflict, the same JSON value is not", func(s *suite) {
		send := func(typ, payload string) error {
			_, err := s.bus.DispatchMessage(ctx, symphony.Message{Type: typ, Payload: []byte(payload)}, symphony.DispatchOptions{IdempotencyKey: "k"})
			return err
		}
		if err := send("Order", `{"a":1,"b":[2]}`); err != nil {
			s.Fatal(err)
		}
		if err := send("Order", `{ "b": [2.0], "a": 1 }`); err != nil {
			s.Errorf("the same value: %v", err)
		}
		for _, other := range [][2]string{{"Order", `{"a":1,"b":[3]}`}, {"Mail", `{"a":1,"b":[2]}`}} {
			var conflict *symphony.IdempotencyConflictError
			if err := send(other[0], other[1]); !errors.As(err, &conflict) || conflict.Key != "k" || conflict.MessageID == "" {
				s.Errorf("%v: got %v, want a conflict", other, err)
			}
		}
		s.wantCounts(1, 0, 0, 0, 0)
	}},
	{"the window counts from the first dispatch, exactly", func(s *suite) {
		send := func() symphony.Receipt {
			r, err := s.bus.Dispatch(ctx, "Order", struct{}{}, symphony.DispatchOptions{IdempotencyKey: "k"})
			if err != nil {
				s.Fatal(err)
			}
			return r
		}
		original := send()
		s.clock.Advance(symphony.DefaultIdempotencyWindow / 2)
		send() // does not prolong it
		s.clock.Advance(symphony.DefaultIdempotencyWindow/2 - time.Microsecond)
		if r := send(); !r.Duplicate || r.ID != original.ID {
			s.Errorf("just before its end: %+v", r)
		}
		s.clock.Advance(time.Microsecond)
		if r := send(); r.Duplicate || r.ID == original.ID {
			s.Errorf("at its end: %+v", r)
		}
	}},
	{"keys of different transports have nothing to do with each other", func(s *suite) {
		a := s.dispatch(symphony.DispatchOptions{IdempotencyKey: "k"})
		b := s.dispatch(symphony.DispatchOptions{IdempotencyKey: "k", Transport: s.Email.Name()})
		if b.Duplicate || a.ID == b.ID {
			s.Errorf("got %+v", b)
		}
	}},
	{"within one batch a key makes one message", func(s *suite) {
		m := symphony.Outgoing{Message: symphony.Message{Type: "Order", Payload: []byte(`{}`)}, Options: symphony.DispatchOptions{IdempotencyKey: "k"}}
		receipts, err := s.bus.DispatchBatch(ctx, []symphony.Outgoing{m, m})
		if err != nil || receipts[0].Duplicate || !receipts[1].Duplicate || receipts[0].ID != receipts[1].ID {
			s.Errorf("got %+v, %v", receipts, err)
		}
		s.wantCounts(1, 0, 0, 0, 0)
	}},
	{"a key survives a crash", func(s *suite) {
		r, err := s.bus.Dispatch(ctx, "Order", struct{}{}, symphony.DispatchOptions{IdempotencyKey: "k"})
		if err != nil {
			s.Fatal(err)
		}
		s.reopen()
		if again, err := s.bus.Dispatch(ctx, "Order", struct{}{}, symphony.DispatchOptions{IdempotencyKey: "k"}); err != nil || again.ID != r.ID || !again.Duplicate {
			s.Errorf("got %+v, %v", again, err)
		}
	}},
}
