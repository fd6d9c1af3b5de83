package transporttest

import (
	"errors"
	"slices"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/storage"
)

// cancelledOnes asks for those that were cancelled.
var cancelledOnes = symphony.MessageQuery{MessageFilter: symphony.MessageFilter{Status: symphony.Cancelled}}

// request is who cancels in these tests.
var request = symphony.Cancellation{By: "user:7", Reason: "ordered twice"}

// cancel cancels a message, which is to have a status then.
func (s *suite) cancel(id string, want symphony.Status) {
	s.Helper()
	if got, err := s.messages().CancelMessage(ctx, id, request); err != nil || got != want {
		s.Fatalf("cancel %s: got %q, %v; want %q", id, got, err, want)
	}
}

func (s *suite) wantCancelled(what string, err error) {
	s.Helper()
	if !errors.Is(err, symphony.ErrCancelled) {
		s.Errorf("%s: got %v, want ErrCancelled", what, err)
	}
}

// wantFinal looks whether a message cannot be cancelled any more, because of its status.
func (s *suite) wantFinal(id string, status symphony.Status) {
	s.Helper()
	_, err := s.messages().CancelMessage(ctx, id, request)
	var got *symphony.MessageStatusError
	if !errors.As(err, &got) || got.ID != id || got.Status != status || got.Want != symphony.Processing {
		s.Errorf("cancel of a %s message: %v", status, err)
	}
}

// wantRequest looks at a message that is, or is to be, cancelled.
func (s *suite) wantRequest(m *symphony.MessageInfo, at time.Time) {
	s.Helper()
	want := request
	want.RequestedAt = at
	if diff := cmp.Diff(&want, m.Cancel); diff != "" {
		s.Errorf("message %s, the request (-want +got):\n%s", m.ID, diff)
	}
}

// wantCancelledCount looks at the counts of cancelled messages and of those that are left.
func (s *suite) wantCancelledCount(cancelled, depth int64) {
	s.Helper()
	if q := s.stats().QueueStats; q.Cancelled != cancelled || q.Depth() != depth {
		s.Errorf("%d are cancelled and %d not finished, want %d and %d", q.Cancelled, q.Depth(), cancelled, depth)
	}
}

// cancelTests are one for each kind of waiting, one for each way to settle, and some more.
func cancelTests() []test {
	var tests []test
	for _, kind := range waitingKinds {
		tests = append(tests, test{"a message that waits is cancelled at once/" + kind.name, func(s *suite) {
			id, hand, others := kind.make(s)
			before, was, at := s.stats().QueueStats, s.show(id), s.clock.Now()
			s.cancel(id, symphony.Cancelled)
			scheduled := before.Scheduled
			if kind.scheduled {
				scheduled--
			}
			s.wantCounts(before.Pending-1, before.Processing, before.Completed, before.Failed, scheduled)
			s.wantCancelledCount(1, before.Depth()-1)
			check := func() {
				s.Helper()
				m := s.show(id)
				s.wantRequest(&m, at)
				want := was
				want.Status, want.FinishedAt = symphony.Cancelled, at
				want.Cancel, want.AvailableAt, want.Gate = m.Cancel, time.Time{}, ""
				if diff := cmp.Diff(want, m); diff != "" {
					s.Errorf("(-want +got)\n%s", diff)
				}
				s.wantFinal(id, symphony.Cancelled)
			}
			check()
			s.wantOthersToGoOn(kind.name, before, hand, others)
			check()
		}})
	}
	for _, outcome := range everyOutcome {
		name := "a message in hand is cancelled when its worker settles it/" + outcome.String()
		tests = append(tests, test{name, func(s *suite) {
			id := s.dispatch(symphony.DispatchOptions{}).ID
			d := s.one()
			claimed := s.clock.Now()
			s.clock.Advance(time.Second)
			s.cancel(id, symphony.Processing)
			m := s.show(id)
			s.wantRequest(&m, s.clock.Now())
			want := m
			want.Status, want.Worker, want.LeasedUntil, want.Deliveries = symphony.Processing, "w1", d.LeasedUntil, 1
			if diff := cmp.Diff(want, m); diff != "" {
				s.Errorf("in hand (-want +got)\n%s", diff)
			}
			s.wantCounts(0, 1, 0, 0, 0)
			s.wantCancelledCount(0, 1)
			asked := s.clock.Now()
			s.clock.Advance(time.Second)
			s.cancel(id, symphony.Processing) // once more
			s.wantCancelled("extend", first(s.def.Extend(ctx, []symphony.Lease{d.Lease}, symphony.DefaultLease)))
			s.wantCounts(0, 1, 0, 0, 0)
			for range 2 {
				s.wantCancelled(outcome.String(), s.settle(d, symphony.Settlement{
					Outcome: outcome, Delay: time.Hour, Error: "e", ErrorClass: "c", Done: []string{"a"}}))
			}
			s.wantCancelled("extend", first(s.def.Extend(ctx, []symphony.Lease{d.Lease}, symphony.DefaultLease)))
			s.wantCounts(0, 0, 0, 0, 0)
			s.wantCancelledCount(1, 0)
			m = s.show(id)
			s.wantRequest(&m, asked)
			want.Status, want.FinishedAt, want.StartedAt = symphony.Cancelled, s.clock.Now(), claimed
			want.LeasedUntil, want.Attempts, want.Cancel = time.Time{}, nil, m.Cancel
			if diff := cmp.Diff(want, m); diff != "" {
				s.Errorf("at the end (-want +got)\n%s", diff)
			}
			s.wantFinal(id, symphony.Cancelled)
			s.clock.Advance(2 * symphony.DefaultLease)
			if got := s.receive(all); len(got) != 0 {
				s.Errorf("it was handed out again: %v", ids(got))
			}
		}})
	}
	return append(tests,
		test{"a message in hand of which nobody is heard is cancelled when its lease ends", func(s *suite) {
			id := s.dispatch(symphony.DispatchOptions{}).ID
			d := s.one()
			s.clock.Advance(10 * time.Second)
			if err := first(s.def.Extend(ctx, []symphony.Lease{d.Lease}, symphony.DefaultLease)); err != nil {
				s.Fatal(err)
			}
			s.cancel(id, symphony.Processing)
			s.clock.Advance(symphony.DefaultLease - time.Millisecond)
			s.wantCounts(0, 1, 0, 0, 0)
			s.clock.Advance(time.Millisecond)
			s.wantCancelledCount(1, 0)
			if m := s.show(id); m.Status != symphony.Cancelled || len(m.Attempts) != 0 || m.Deliveries != 1 {
				s.Errorf("got %+v", m)
			}
			for _, outcome := range everyOutcome {
				s.wantCancelled("too late: "+outcome.String(), s.settle(d, symphony.Settlement{Outcome: outcome}))
			}
			s.wantCancelledCount(1, 0)
			if got := s.receive(all); len(got) != 0 {
				s.Error("it was handed out again")
			}
		}},
		test{"a message that was tried before keeps its history", func(s *suite) {
			id := s.dispatch(symphony.DispatchOptions{}).ID
			s.retry(s.one(), 0, "boom")
			s.one()
			s.cancel(id, symphony.Processing)
			s.clock.Advance(symphony.DefaultLease)
			m := s.show(id)
			if len(m.Attempts) != 1 || m.Attempts[0].Error != "boom" || m.Status != symphony.Cancelled || m.Deliveries != 2 {
				s.Errorf("got %+v", m)
			}
		}},
		test{"the others of its claim are not concerned", func(s *suite) {
			list := s.dispatchMany(4, symphony.DispatchOptions{})
			got := s.receive(all)
			s.cancel(list[1], symphony.Processing)
			s.ack(got[0])
			errs := s.def.Settle(ctx, []symphony.Settlement{
				{Lease: got[1].Lease, Outcome: symphony.Ack}, {Lease: got[2].Lease, Outcome: symphony.Ack}})
			if len(errs) != 2 || errs[1] != nil {
				s.Fatalf("got %v", errs)
			}
			s.wantCancelled("one of two", errs[0])
			errs = s.def.Extend(ctx, []symphony.Lease{got[0].Lease, got[1].Lease, got[3].Lease}, symphony.DefaultLease)
			if len(errs) != 3 || errs[2] != nil {
				s.Fatalf("got %v", errs)
			}
			s.wantLost("one that was acked", errs[0])
			s.wantCancelled("the cancelled one", errs[1])
			s.clock.Advance(symphony.DefaultLease)
			s.wantIDs(s.receive(all), list[3])
			s.wantCancelledCount(1, 1)
		}},
		test{"all of a claim are cancelled", func(s *suite) {
			list := s.dispatchMany(3, symphony.DispatchOptions{})
			got := s.receive(all)
			for _, id := range list {
				s.cancel(id, symphony.Processing)
			}
			s.wantCancelled("the first", s.settle(got[0], symphony.Settlement{Outcome: symphony.Ack}))
			s.clock.Advance(symphony.DefaultLease)
			s.wantCancelledCount(3, 0)
		}},
		test{"places behind limits are kept until it has ended", func(s *suite) {
			list := s.sendMany(4, "Two", symphony.DispatchOptions{})
			hand := s.receive(all)
			s.wantIDs(hand, list[:2]...)
			s.cancel(list[0], symphony.Processing)
			s.cancel(list[1], symphony.Processing)
			if got := s.receive(all); len(got) != 0 {
				s.Errorf("%v were handed out while two are in hand", ids(got))
			}
			s.wantCancelled("settled", s.settle(hand[0], symphony.Settlement{Outcome: symphony.Ack}))
			got := s.receive(all)
			s.wantIDs(got, list[2])
			s.clock.Advance(symphony.DefaultLease) // of both
			s.wantCancelledCount(2, 2)
			s.wantSame("what is left", s.drain(time.Minute, 8), list[2:])
		}},
		test{"an ordered group goes on behind it when it has ended", func(s *suite) {
			list := s.sendMany(3, "Job", symphony.DispatchOptions{GroupKey: "g", Ordered: true})
			d := s.one()
			s.cancel(list[0], symphony.Processing)
			if got := s.receive(all); len(got) != 0 {
				s.Errorf("%v were handed out behind it", ids(got))
			}
			s.wantCancelled("settled", s.settle(d, symphony.Settlement{Outcome: symphony.Retry}))
			s.wantIDs(s.receive(all), list[1])
			s.cancel(list[2], symphony.Cancelled)
			s.cancel(list[1], symphony.Processing)
			s.clock.Advance(symphony.DefaultLease)
			s.wantCancelledCount(3, 0)
			last := s.send("Job", symphony.DispatchOptions{GroupKey: "g", Ordered: true})
			s.wantIDs(s.receive(all), last.ID)
		}},
		test{"what is final cannot be cancelled, and changes nothing", func(s *suite) {
			list := s.dispatchMany(2, symphony.DispatchOptions{})
			got := s.receive(all)
			s.ack(got[0])
			s.fail(got[1], "e")
			s.wantFinal(list[0], symphony.Completed)
			s.wantFinal(list[1], symphony.Failed)
			for _, id := range []string{symphony.NewID(s.clock.Now()), "no id", ""} {
				if _, err := s.messages().CancelMessage(ctx, id, request); !errors.Is(err, symphony.ErrNotFound) {
					s.Errorf("cancel %q: %v, want ErrNotFound", id, err)
				}
			}
			s.wantCounts(0, 0, 1, 1, 0)
			s.wantCancelledCount(0, 0)
		}},
		test{"a cancelled message is neither deleted nor run now", func(s *suite) {
			id := s.dispatch(symphony.DispatchOptions{}).ID
			s.cancel(id, symphony.Cancelled)
			for _, err := range []error{s.messages().DeleteMessage(ctx, id), s.messages().RunMessageNow(ctx, id)} {
				var status *symphony.MessageStatusError
				if !errors.As(err, &status) || status.Status != symphony.Cancelled {
					s.Errorf("got %v", err)
				}
			}
		}},
		test{"another transport's message is not found", func(s *suite) {
			if s.Email == nil {
				s.Skip("transport is alone on its storage")
			}
			r := s.dispatch(symphony.DispatchOptions{Transport: "email"})
			if _, err := s.messages().CancelMessage(ctx, r.ID, request); !errors.Is(err, symphony.ErrNotFound) {
				s.Errorf("pending: %v, want ErrNotFound", err)
			}
			if got, err := s.Email.Receive(ctx, all); err != nil || len(got) != 1 {
				s.Fatalf("got %v, %v", got, err)
			}
			if _, err := s.messages().CancelMessage(ctx, r.ID, request); !errors.Is(err, symphony.ErrNotFound) {
				s.Errorf("in hand: %v, want ErrNotFound", err)
			}
			if m, err := GetMessage(ctx, s.Email.(symphony.MessageStore), r.ID); err != nil || m.Cancel != nil {
				s.Errorf("got %+v, %v", m, err)
			}
		}},
		test{"a cancelled message's idempotency key stays known", func(s *suite) {
			o := symphony.DispatchOptions{IdempotencyKey: "k"}
			r, err := s.bus.Dispatch(ctx, "Job", struct{}{}, o)
			if err != nil {
				s.Fatal(err)
			}
			s.cancel(r.ID, symphony.Cancelled)
			again, err := s.bus.Dispatch(ctx, "Job", struct{}{}, o)
			if err != nil || !again.Duplicate || again.ID != r.ID {
				s.Errorf("got %+v, %v", again, err)
			}
		}},
		test{"cancelled messages are kept as long as completed ones, and their counts for good", func(s *suite) {
			if s.Tidy == nil {
				s.Skip("transport forgets nothing")
			}
			list := s.dispatchMany(3, symphony.DispatchOptions{})
			s.retry(s.one(), time.Hour, "boom")
			s.cancel(list[0], symphony.Cancelled)
			s.one()
			s.cancel(list[1], symphony.Processing)
			s.clock.Advance(symphony.DefaultLease)
			s.wantCancelledCount(2, 1)
			s.clock.Advance(symphony.DefaultRetention - time.Minute)
			s.Tidy(s.T)
			if got := s.search(cancelledOnes); len(got) != 2 {
				s.Errorf("got %v, want the two", got)
			}
			s.clock.Advance(2 * time.Minute)
			s.Tidy(s.T)
			if got := s.search(cancelledOnes); len(got) != 0 {
				s.Errorf("got %v, want none", got)
			}
			if got := s.search(symphony.MessageQuery{}); !slices.Equal(got, list[2:]) {
				s.Errorf("got %v, want %v", got, list[2:])
			}
			if _, err := s.messages().CancelMessage(ctx, list[0], request); !errors.Is(err, symphony.ErrNotFound) {
				s.Errorf("got %v, want ErrNotFound", err)
			}
			s.wantCancelledCount(2, 1)
		}},
		test{"where nothing is kept, cancelled messages are not either", func(s *suite) {
			if s.KeepNothing == nil {
				s.Skip("transport keeps what it keeps")
			}
			tr := s.KeepNothing(s.T)
			s.use(tr, nil)
			list := s.dispatchMany(2, symphony.DispatchOptions{})
			d := s.one()
			s.cancel(list[0], symphony.Processing)
			s.cancel(list[1], symphony.Cancelled)
			s.wantCancelled("ack", s.settle(d, symphony.Settlement{Outcome: symphony.Ack}))
			s.wantLost("again", s.settle(d, symphony.Settlement{Outcome: symphony.Ack}))
			s.wantCancelledCount(2, 0)
			for _, id := range list {
				if _, err := GetMessage(ctx, s.messages(), id); !errors.Is(err, symphony.ErrNotFound) {
					s.Errorf("got %v, want ErrNotFound", err)
				}
			}
		}},
		test{"after a crash, what was to be cancelled is never handed out", func(s *suite) {
			list := s.sendMany(2, "Two", symphony.DispatchOptions{})
			list = append(list, s.sendMany(2, "Job", symphony.DispatchOptions{GroupKey: "g", Ordered: true})...)
			s.receive(all)
			s.cancel(list[0], symphony.Processing)
			s.cancel(list[2], symphony.Processing)
			s.reopen()
			s.clock.Advance(2 * symphony.DefaultLease)
			s.wantCancelledCount(2, 2)
			s.wantSame("the others", s.drain(time.Minute, 8), []string{list[1], list[3]})
			for _, id := range []string{list[0], list[2]} {
				if m := s.show(id); m.Status != symphony.Cancelled || m.Worker != "w1" || m.Deliveries != 1 {
					s.Errorf("got %+v", m)
				}
			}
			more := s.sendMany(2, "Two", symphony.DispatchOptions{})
			s.wantSame("behind it", s.drain(time.Minute, 8), more)
		}},
		test{"a worker elsewhere learns of it after a crash", func(s *suite) {
			list := s.dispatchMany(3, symphony.DispatchOptions{})
			o := all
			o.Apart, o.Lease = true, 10*time.Minute
			got := s.receive(o)
			s.cancel(list[0], symphony.Processing)
			s.cancel(list[1], symphony.Processing)
			s.reopen()
			m := s.show(list[0])
			if m.Status != symphony.Processing || m.Cancel == nil || m.Cancel.By != request.By {
				s.Errorf("got %+v", m)
			}
			s.wantCancelled("extend", first(s.def.Extend(ctx, []symphony.Lease{got[0].Lease}, symphony.DefaultLease)))
			s.wantCancelled("ack", s.settle(got[0], symphony.Settlement{Outcome: symphony.Ack}))
			s.ack(got[2])
			s.clock.Advance(10 * time.Minute)
			s.wantCancelledCount(2, 0)
			s.wantCancelled("too late", s.settle(got[1], symphony.Settlement{Outcome: symphony.Ack}))
		}},
		test{"who watches is told at once, of what is in hand", func(s *suite) {
			c := storage.CancelsOf(s.def)
			if c == nil {
				s.Skip("transport tells nobody")
			}
			var told []symphony.Lease
			stop := c.WatchCancels(storage.CancelWatch{InHand: func() bool { return false },
				Told: func(list []symphony.Lease) { told = append(told, list...) }})
			list := s.dispatchMany(3, symphony.DispatchOptions{})
			got := s.receive(symphony.ReceiveOptions{Max: 2})
			s.cancel(list[1], symphony.Processing)
			s.cancel(list[2], symphony.Cancelled)
			s.cancel(list[1], symphony.Processing)
			if !slices.Equal(told, []symphony.Lease{got[1].Lease}) {
				s.Errorf("told %v, want %v", told, got[1].Lease)
			}
			stop()
			s.cancel(list[0], symphony.Processing)
			if len(told) != 1 {
				s.Errorf("told %v after the end", told)
			}
		}},
		test{"who watches in another process is told within a second", func(s *suite) {
			c := storage.CancelsOf(s.def)
			if c == nil || s.Second == nil {
				s.Skip("one process has the storage")
			}
			other := s.Second(s.T)
			told := make(chan received, 10)
			tell := func(list []symphony.Lease) {
				for _, l := range list {
					told <- received{list: []symphony.Delivery{{Lease: l}}}
				}
			}
			defer c.WatchCancels(storage.CancelWatch{InHand: func() bool { return true }, Told: tell})()
			id := s.dispatch(symphony.DispatchOptions{}).ID
			d := s.one()
			got, err := other.(symphony.MessageStore).CancelMessage(ctx, id, request)
			if err != nil || got != symphony.Processing {
				s.Fatalf("got %q, %v", got, err)
			}
			if got := s.advanceUntil(told, 50*time.Millisecond, 22).list[0].Lease; got != d.Lease {
				s.Errorf("told %v, want %v", got, d.Lease)
			}
			s.wantCancelled("ack", s.settle(d, symphony.Settlement{Outcome: symphony.Ack}))
		}},
		test{"whoever settles, extends, claims and cancels at the same time, a message has one end", cancelRivals},
	)
}
