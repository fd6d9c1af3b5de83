package transporttest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
)

// Borders are where two actors meet: a worker and the end of its lease, a claim and a purge, two processes on one
// storage. The other groups ask for Stats between their steps, which ends the leases that ran out. Here the call that
// matters is the first one after the moment that matters. What happens at the same time stands in rivals.go.

// settlers are the ways to settle or extend one delivery.
var settlers = []struct {
	name string
	do   func(symphony.Transport, symphony.Delivery) error
}{
	{"ack", settler(symphony.Ack)}, {"retry", settler(symphony.Retry)}, {"fail", settler(symphony.Fail)}, {"release", settler(symphony.Release)},
	{"extend", func(tr symphony.Transport, d symphony.Delivery) error {
		return first(tr.Extend(ctx, []symphony.Lease{d.Lease}, symphony.DefaultLease))
	}},
}

func settler(o symphony.Outcome) func(symphony.Transport, symphony.Delivery) error {
	return func(tr symphony.Transport, d symphony.Delivery) error {
		return first(tr.Settle(ctx, []symphony.Settlement{{Lease: d.Lease, Outcome: o, Error: "late", ErrorClass: "late"}}))
	}
}

// kinds are messages with and without flow control, where there is any.
func (s *suite) kinds() map[string]symphony.DispatchOptions {
	kinds := map[string]symphony.DispatchOptions{"plain": {}}
	if s.def.Capabilities().Flow {
		kinds["in a group"] = symphony.DispatchOptions{GroupKey: "g"}
	}
	return kinds
}

// processes are the transport by itself, and as another process sees it that shares its storage.
func (s *suite) processes() map[string]symphony.Transport {
	s.Helper()
	list := map[string]symphony.Transport{"its own process": s.def}
	if s.Second != nil {
		list["another process"] = s.Second(s.T)
	}
	return list
}

var borderTests = []test{
	{"what comes first after the end of a lease is refused, and the message comes back once", func(s *suite) {
		for process, tr := range s.processes() {
			for kind, o := range s.kinds() {
				for _, late := range settlers {
					for _, open := range []int{1, 2} { // messages of the lease that are open when it ends
						name := fmt.Sprintf("%s by %s, %s, %d open", late.name, process, kind, open)
						s.dispatchMany(2, o)
						got := s.receive(all)
						if len(got) != 2 {
							s.Fatalf("%s: got %d messages, want 2", name, len(got))
						}
						if open == 1 {
							s.ack(got[0])
							got = got[1:]
						}
						s.clock.Jump(symphony.DefaultLease)
						s.wantLost(name, late.do(tr, got[len(got)-1]))
						again := s.takeAll(len(got))
						slices.SortFunc(again, func(a, b symphony.Delivery) int { return strings.Compare(a.ID, b.ID) })
						s.wantIDs(again, ids(got)...)
						for _, d := range again {
							if d.Attempt != 2 || d.Lost != 1 {
								s.Errorf("%s: comes back as attempt %d with %d lost, want 2 and 1", name, d.Attempt, d.Lost)
							}
						}
						s.ack(again...)
						if st := s.stats(); st.Depth() != 0 {
							s.Fatalf("%s: %d messages are left", name, st.Depth())
						}
					}
				}
			}
		}
	}},
	{"a settlement in the last moment of a lease holds", func(s *suite) {
		for process, tr := range s.processes() {
			for _, in := range settlers {
				s.dispatch(symphony.DispatchOptions{})
				d := s.one()
				s.clock.Jump(symphony.DefaultLease - time.Microsecond)
				if err := in.do(tr, d); err != nil {
					s.Errorf("%s by %s: %v", in.name, process, err)
				}
				if in.name != "ack" && in.name != "fail" {
					s.clock.Advance(symphony.DefaultLease) // of what was extended
					s.ack(s.takeAll(1)...)
				}
				if st := s.stats(); st.Depth() != 0 {
					s.Fatalf("%s by %s: %d messages are left", in.name, process, st.Depth())
				}
			}
		}
	}},
	{"what was settled is settled once, while others of its lease are open", func(s *suite) {
		for process, tr := range s.processes() {
			for kind, o := range s.kinds() {
				for _, outcome := range everyOutcome {
					for _, again := range settlers {
						name := fmt.Sprintf("%s after %s by %s, %s", again.name, outcome, process, kind)
						s.dispatchMany(2, o)
						got := s.receive(all)
						s.mustSettle(got[0], symphony.Settlement{Outcome: outcome, Delay: time.Minute})
						s.wantLost(name, again.do(tr, got[0]))
						s.ack(got[1])
						s.clock.Advance(time.Minute)
						if outcome == symphony.Retry || outcome == symphony.Release {
							s.ack(s.takeAll(1)...)
						}
						if st := s.stats(); st.Depth() != 0 {
							s.Fatalf("%s: %d messages are left", name, st.Depth())
						}
					}
				}
			}
		}
	}},
	{"of deliveries settled together each is judged by its own lease", func(s *suite) {
		for _, late := range everyOutcome {
			for _, live := range everyOutcome {
				s.dispatch(symphony.DispatchOptions{})
				old := s.receive(symphony.ReceiveOptions{Max: 1, Lease: symphony.MinLease})
				s.dispatch(symphony.DispatchOptions{})
				young := s.receive(symphony.ReceiveOptions{Max: 1})
				if len(old) != 1 || len(young) != 1 {
					s.Fatalf("got %d and %d messages, want one each", len(old), len(young))
				}
				s.clock.Jump(symphony.MinLease)
				errs := s.def.Settle(ctx, []symphony.Settlement{{Lease: old[0].Lease, Outcome: late}, {Lease: young[0].Lease, Outcome: live}})
				if len(errs) != 2 || !errors.Is(errs[0], symphony.ErrLeaseLost) || errs[1] != nil {
					s.Errorf("%s late with %s in time: got %v, want the first alone lost", late, live, errs)
				}
				s.clock.Advance(symphony.DefaultLease)
				s.ack(s.receive(all)...)
			}
		}
	}},
	{"messages of one instant are claimed in parts over two queues, each once and in order", func(s *suite) {
		for _, part := range []int{1, 2, 3, 5} {
			for _, queues := range [][]string{nil, {"a"}, {"a", "b"}} {
				var sent []symphony.Outgoing
				for i := range 14 {
					sent = append(sent, outgoing(symphony.DispatchOptions{Queue: string("ab"[i%2]), Priority: 5 + i/2%2}))
				}
				receipts, err := s.bus.DispatchBatch(ctx, sent)
				if err != nil {
					s.Fatal(err)
				}
				place := make(map[string]int)
				for i, r := range receipts {
					place[r.ID] = i
				}
				last := make(map[string]int)
				for mine := queues; len(place) > 0; {
					got := s.receive(symphony.ReceiveOptions{Max: part, Queues: mine})
					if len(got) == 0 {
						if mine == nil {
							s.Fatalf("in parts of %d from %v: %d of %d messages did not come", part, queues, len(place), len(sent))
						}
						mine = nil
						continue
					}
					for _, d := range got {
						at, ok := place[d.ID]
						stream := fmt.Sprint(d.Queue, d.Priority)
						if before, seen := last[stream]; !ok || seen && at < before {
							s.Errorf("in parts of %d from %v: message %d of %s came twice or after %d", part, queues, at, stream, before)
						}
						last[stream] = at
						delete(place, d.ID)
					}
					s.ack(got...)
				}
				s.clock.Advance(time.Millisecond)
			}
		}
	}},
	{"a message that is not tried again fails for its last attempt, and no attempt is made up", func(s *suite) {
		if !s.def.Capabilities().Messages {
			s.Skip("transport keeps no failed messages")
		}
		lose := func() { s.one(); s.clock.Advance(symphony.DefaultLease) }
		try := func() {
			s.mustSettle(s.one(), symphony.Settlement{Outcome: symphony.Retry, Error: "no stock", ErrorClass: "stock"})
		}
		for name, test := range map[string]struct {
			before      []func()
			want, class string
		}{
			"after a failure":                     {[]func(){try, try}, "no stock", "stock"},
			"after a lost worker and a failure":   {[]func(){lose, try}, "no stock", "stock"},
			"after a failure and a lost worker":   {[]func(){try, lose}, "used up", "own"},
			"after one failure":                   {[]func(){try}, "no stock", "stock"},
			"when it expired on its way to a try": {nil, "used up", "own"},
		} {
			s.dispatch(symphony.DispatchOptions{})
			for _, f := range test.before {
				f()
			}
			s.mustSettle(s.one(), symphony.Settlement{Outcome: symphony.Fail, Untried: true, Error: "used up", ErrorClass: "own", MaxRetries: 1})
			f := s.list(symphony.MessageQuery{Limit: 1}).Messages[0]
			if f.Error != test.want || f.ErrorClass != test.class {
				s.Errorf("%s: the reason is %q of class %q, want %q of %q", name, f.Error, f.ErrorClass, test.want, test.class)
			}
			if n := len(test.before); len(f.Attempts) != n || f.Retries() != max(n-1, 0) || f.MaxRetries != 1 {
				s.Errorf("%s: %d attempts, %d retries of %d; want %d attempts", name, len(f.Attempts), f.Retries(), f.MaxRetries, n)
			}
			s.clock.Advance(time.Millisecond)
		}
	}},
	{"where nothing is kept, counts stay and everything else goes", func(s *suite) {
		if s.KeepNothing == nil {
			s.Skip("transport cannot be told to keep nothing")
		}
		s.use(s.KeepNothing(s.T), nil)
		var list []string
		for i := range 3 {
			list = append(list, s.dispatchKey(fmt.Sprint(i)).ID)
		}
		got := s.receive(all)
		s.ack(got[0])
		s.wantLost("a second ack", s.settle(got[0], symphony.Settlement{Outcome: symphony.Ack}))
		s.mustSettle(got[1], symphony.Settlement{Outcome: symphony.Retry})
		s.fail(got[2], "boom")
		s.wantCounts(1, 0, 1, 1, 0)
		s.ack(s.receive(all)...)
		s.wantCounts(0, 0, 2, 1, 0)
		if s.def.Capabilities().Messages {
			for i, id := range list {
				if _, err := GetMessage(ctx, s.messages(), id); i < 2 != errors.Is(err, symphony.ErrNotFound) {
					s.Errorf("message %d: %v", i, err)
				}
			}
			if got := s.search(symphony.MessageQuery{}); len(got) != 1 || got[0] != list[2] {
				s.Errorf("messages %v are listed, want the failed one", got)
			}
		}
		if again := s.dispatchKey("0"); again.ID != list[0] || !again.Duplicate {
			s.Errorf("the key of a forgotten message: got %+v", again)
		}
	}},
	{"a batch that is refused leaves none of its keys behind", func(s *suite) {
		if !s.def.Capabilities().Idempotency {
			s.Skip("transport remembers no keys")
		}
		s.dispatchKey("taken")
		s.ack(s.one())
		refused := map[string]struct {
			batch []symphony.Outgoing
			want  error
		}{
			"a conflict at its end":   {[]symphony.Outgoing{keyed("a", 1), keyed("b", 1), keyed("taken", 1)}, symphony.ErrConflict},
			"a conflict at its front": {[]symphony.Outgoing{keyed("taken", 1), keyed("a", 1), keyed("b", 1)}, symphony.ErrConflict},
			"a conflict with itself":  {[]symphony.Outgoing{keyed("a", 1), keyed("b", 1), keyed("b", 2)}, symphony.ErrConflict},
		}
		if s.def.Capabilities().Flow {
			s.hold(flow.Hold{HoldTarget: flow.HoldTarget{Queue: "closed"}, Mode: flow.Draining})
			drained := keyed("c", 1)
			drained.Options.Queue = "closed"
			refused["a queue that drains"] = struct {
				batch []symphony.Outgoing
				want  error
			}{[]symphony.Outgoing{keyed("a", 1), keyed("b", 1), drained}, flow.ErrHeld}
		}
		for name, r := range refused {
			// Calls at the same time are committed together: those that are refused must not hurt the others.
			var calls sync.WaitGroup
			for range 8 {
				calls.Go(func() {
					if _, err := s.bus.DispatchBatch(ctx, r.batch); !errors.Is(err, r.want) {
						s.Errorf("%s: got %v, want %v", name, err, r.want)
					}
				})
			}
			calls.Wait()
			if got := s.receive(all); len(got) != 0 {
				s.Errorf("%s: %d messages of it are there", name, len(got))
			}
			for _, key := range []string{"a", "b"} {
				m := keyed(key, 100) // another payload
				m.Options.Queue = "later"
				got, err := s.bus.DispatchBatch(ctx, []symphony.Outgoing{m})
				if err != nil || got[0].Duplicate {
					s.Fatalf("%s: key %q used again: %+v, %v", name, key, got, err)
				}
				again, err := s.bus.DispatchBatch(ctx, []symphony.Outgoing{m})
				if err != nil || !again[0].Duplicate || again[0].ID != got[0].ID {
					s.Errorf("%s: key %q used once more: %+v, %v", name, key, again, err)
				}
			}
			s.ack(s.receive(all)...)
			s.clock.Advance(symphony.DefaultIdempotencyWindow) // all keys are over
			s.dispatchKey("taken")
			s.ack(s.one())
		}
	}},
	{"a message that is dropped leaves its key free", func(s *suite) {
		if !s.def.Capabilities().Flow {
			s.Skip("transport has no flow control")
		}
		o := symphony.DispatchOptions{ThrottleKey: "t"}
		s.dispatch(o)
		o.IdempotencyKey = "k"
		if r := s.dispatch(o); !r.Dropped {
			s.Fatalf("got %+v, want it dropped", r)
		}
		s.ack(s.receive(all)...)
		o.ThrottleKey = ""
		if r := s.dispatch(o); r.Duplicate { // with another payload
			s.Errorf("the key answers with a message that was never stored: %+v", r)
		}
	}},
	{"neither a key nor a message is forgotten before its time, and no message is shown after it", func(s *suite) {
		if s.Tidy == nil {
			s.Skip("transport forgets without housekeeping")
		}
		key := s.dispatchKey("k")
		s.ack(s.receive(all)...)
		s.clock.Advance(symphony.DefaultIdempotencyWindow - 2*time.Millisecond)
		s.Tidy(s.T)
		if r := s.dispatchKey("k"); r.ID != key.ID || !r.Duplicate {
			s.Errorf("within its window the key makes another message: %+v", r)
		}
		if !s.def.Capabilities().Messages {
			return
		}
		completed := symphony.MessageQuery{MessageFilter: symphony.MessageFilter{Status: symphony.Completed}}
		s.show(key.ID)
		if n := s.count(completed); n != 1 {
			s.Errorf("%d completed messages are counted, want 1", n)
		}
		s.clock.Advance(10 * time.Millisecond)
		s.Tidy(s.T)
		if _, err := GetMessage(ctx, s.messages(), key.ID); !errors.Is(err, symphony.ErrNotFound) {
			s.Errorf("a completed message whose time is over: %v", err)
		}
		if list, n := s.search(completed), s.count(completed); len(list)+int(n) != 0 {
			s.Errorf("%d completed messages are listed and %d counted whose time is over", len(list), n)
		}
	}},
}

func outgoing(o symphony.DispatchOptions) symphony.Outgoing {
	return symphony.Outgoing{Message: symphony.Message{Type: "Order", Payload: []byte(`{}`)}, Options: o}
}

// keyed is a message with an idempotency key and a number in its payload.
func keyed(key string, n int) symphony.Outgoing {
	m := outgoing(symphony.DispatchOptions{IdempotencyKey: key})
	m.Message.Payload = fmt.Appendf(nil, `{"n":%d}`, n)
	return m
}

// dispatchKey dispatches an empty message with an idempotency key.
func (s *suite) dispatchKey(key string) symphony.Receipt {
	s.Helper()
	r, err := s.bus.Dispatch(ctx, "Order", struct{}{}, symphony.DispatchOptions{IdempotencyKey: key})
	if err != nil {
		s.Fatal(err)
	}
	return r
}
