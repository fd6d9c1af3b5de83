package transporttest

import (
	"errors"
	"sync"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
)

// rivalTests have two actors want the same messages at the same time.
var rivalTests = []test{
	{"a purge and claims at the same time share the messages", func(s *suite) {
		if !s.def.Capabilities().Flow {
			s.Skip("transport has no flow control")
		}
		for range 4 {
			s.contend(400, symphony.DispatchOptions{}, func(left func() bool, _ []string) (gone int) {
				for left() {
					n, err := s.control().Purge(ctx, flow.PurgeFilter{}, nil)
					if err != nil {
						s.Error(err)
					}
					gone += n
				}
				return gone
			})
		}
	}},
	{"deletes and claims at the same time share the messages", func(s *suite) {
		if !s.def.Capabilities().Messages {
			s.Skip("transport shows no messages")
		}
		for _, o := range s.kinds() {
			s.contend(60, o, func(_ func() bool, list []string) (gone int) {
				for _, id := range list {
					err := s.messages().DeleteMessage(ctx, id)
					switch {
					case err == nil:
						gone++
					case errors.Is(err, symphony.ErrUnavailable): // it was given back and taken again all the time
					case !errors.Is(err, symphony.ErrConflict) && !errors.Is(err, symphony.ErrNotFound):
						s.Errorf("delete: %v", err)
					}
				}
				return gone
			})
		}
	}},
	{"expiry and claims at the same time share the messages", func(s *suite) {
		if !s.def.Capabilities().Flow {
			s.Skip("transport has no flow control")
		}
		before := s.stats().Failed
		s.contend(200, symphony.DispatchOptions{ExpiresAt: s.clock.Now().Add(20 * time.Millisecond)}, func(left func() bool, _ []string) int {
			for left() {
				s.clock.Advance(time.Millisecond)
				s.stats()
			}
			return int(s.stats().Failed - before)
		})
	}},
	{"a lease that is settled, extended and ended at the same time has one end", func(s *suite) {
		other := s.def
		if s.Second != nil {
			other = s.Second(s.T)
		}
		for round := range 10 {
			n := 10
			s.dispatchMany(n, symphony.DispatchOptions{})
			got := s.receive(all)
			if len(got) != n {
				s.Fatalf("got %d messages, want %d", len(got), n)
			}
			s.clock.Jump(symphony.DefaultLease - time.Millisecond)
			var (
				acts  sync.WaitGroup
				acked = make(map[string]bool)
				again []symphony.Delivery
			)
			acts.Go(func() {
				for _, d := range got {
					switch err := first(s.def.Settle(ctx, []symphony.Settlement{{Lease: d.Lease, Outcome: symphony.Ack}})); {
					case err == nil:
						acked[d.ID] = true
					case !errors.Is(err, symphony.ErrLeaseLost):
						s.Error(err)
					}
				}
			})
			acts.Go(func() {
				for range round % 3 {
					other.Extend(ctx, []symphony.Lease{got[n-1].Lease}, symphony.MinLease) // lost, or not
				}
			})
			acts.Go(func() {
				s.clock.Advance(time.Millisecond)
				for range 3 {
					list, err := other.Receive(ctx, all)
					if err != nil {
						s.Error(err)
					}
					again = append(again, list...)
				}
			})
			acts.Wait()
			again = append(again, s.takeAll(n-len(acked)-len(again))...)
			seen := make(map[string]bool)
			for _, d := range again {
				if acked[d.ID] || seen[d.ID] {
					s.Errorf("round %d: message %s, acked: %v, came again as attempt %d", round, d.ID, acked[d.ID], d.Attempt)
				}
				seen[d.ID] = true
			}
			s.ack(again...)
			if st := s.stats(); st.Depth() != 0 {
				s.Fatalf("round %d: %d messages are left", round, st.Depth())
			}
		}
	}},
}

// takeAll receives n messages, and moves the clock on a little where none is ready.
func (s *suite) takeAll(n int) (list []symphony.Delivery) {
	s.Helper()
	for len(list) < n {
		o := all
		o.Wait = time.Hour
		got := s.advanceUntil(s.wait(o), 10*time.Millisecond, 500)
		if got.err != nil {
			s.Fatal(got.err)
		}
		list = append(list, got.list...)
	}
	return list
}

// contend sends n messages, and has them claimed and acked while rival takes messages away. Every message must be taken
// by one side alone: rival returns how many it took. left tells it whether there is anything to take.
func (s *suite) contend(n int, o symphony.DispatchOptions, rival func(left func() bool, ids []string) int) {
	s.Helper()
	sent := make([]symphony.Outgoing, n)
	for i := range sent {
		sent[i] = outgoing(o)
	}
	receipts, err := s.bus.DispatchBatch(ctx, sent)
	if err != nil {
		s.Fatal(err)
	}
	list := make([]string, n)
	for i, r := range receipts {
		list[i] = r.ID
	}
	left := func() bool {
		st, err := s.def.Stats(ctx)
		if err != nil {
			s.Error(err)
		}
		return err == nil && st.Depth() > 0
	}
	var (
		sides sync.WaitGroup
		mu    sync.Mutex
		taken = make(map[string]bool)
		gone  int
	)
	for range 2 {
		sides.Go(func() {
			for left() {
				got, err := s.def.Receive(ctx, symphony.ReceiveOptions{Max: 3})
				if err != nil {
					s.Error(err)
					return
				}
				for _, d := range got {
					if d.DecodeErr != nil {
						s.Errorf("message %s was handed out and is gone: %v", d.ID, d.DecodeErr)
					}
					if d.Flow != nil && !d.Flow.ExpiresAt.IsZero() && !d.ClaimedAt.Before(d.Flow.ExpiresAt) {
						s.Errorf("message %s was handed out after it expired", d.ID)
					}
					if err := first(s.def.Settle(ctx, []symphony.Settlement{{Lease: d.Lease, Outcome: symphony.Ack}})); err != nil {
						s.Errorf("message %s was taken from under its worker: %v", d.ID, err)
					}
					mu.Lock()
					if taken[d.ID] {
						s.Errorf("message %s was handed out twice", d.ID)
					}
					taken[d.ID] = true
					mu.Unlock()
				}
			}
		})
	}
	sides.Go(func() { gone = rival(left, list) })
	sides.Wait()
	if len(taken)+gone != n {
		s.Errorf("%d messages were handled and %d taken away, of %d", len(taken), gone, n)
	}
}
