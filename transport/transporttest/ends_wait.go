package transporttest

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/symphony-messenger/symphony"
)

// waited is what a wait came to.
type waited struct {
	m   symphony.MessageInfo
	err error
}

// waitFor waits for a message in the background.
func (s *suite) waitFor(ctx context.Context, bus *symphony.Bus, id string) <-chan waited {
	out := make(chan waited, 1)
	go func() {
		m, err := bus.Wait(ctx, id)
		out <- waited{m, err}
	}()
	return out
}

// soon is what a wait came to, which must not last.
func (s *suite) soon(c <-chan waited) waited {
	s.Helper()
	select {
	case w := <-c:
		return w
	case <-time.After(30 * time.Second):
		s.Fatal("the wait did not end")
		return waited{}
	}
}

var waitTests = []test{
	{"whoever waits for a failed message that was retried waits for the one in its place", func(s *suite) {
		r := s.dispatch(symphony.DispatchOptions{})
		id := r.ID
		for range 2 { // the one in its place fails as well
			f := s.fail(s.one(), "boom")
			id = symphony.NewID(s.clock.Now())
			done, err := s.messages().MoveFailed(ctx, []symphony.FailedMove{{ID: f.FailedID, NewID: id}})
			if err != nil || done != 1 {
				s.Fatalf("retried %v, %v", done, err)
			}
		}
		messages, err := s.bus.Messages(s.def.Name())
		if err != nil {
			s.Fatal(err)
		}
		// Also where the time is over before it is known that the message was retried.
		got, err := messages.Look(ctx, r.ID, time.Nanosecond)
		if err != nil || got.ID != id || got.Status != symphony.Pending {
			s.Errorf("a wait that is over at once: got %+v, %v, want %s", got, err, id)
		}
		w := s.waitFor(ctx, s.bus, r.ID)
		s.mustSettle(s.one(), symphony.Settlement{Outcome: symphony.Ack, Output: json.RawMessage(`7`)})
		if got := s.soon(w); got.err != nil || got.m.ID != id || got.m.Status != symphony.Completed {
			s.Errorf("got %+v, want the end of %s", got, id)
		}
	}},
	{"a wait ends with the message, however that ends", func(s *suite) {
		for outcome, want := range map[symphony.Outcome]symphony.Status{symphony.Ack: symphony.Completed,
			symphony.Fail: symphony.Failed} {
			r := s.dispatch(symphony.DispatchOptions{})
			w := s.waitFor(ctx, s.bus, r.ID)
			s.mustSettle(s.one(), symphony.Settlement{Outcome: symphony.Retry, Error: "e", ErrorClass: "c"})
			s.mustSettle(s.one(), symphony.Settlement{Outcome: outcome, Error: "e", ErrorClass: "c",
				Output: json.RawMessage(`{"rows":7}`)})
			got := s.soon(w)
			if got.err != nil || got.m.ID != r.ID || got.m.Status != want {
				s.Fatalf("%s: got %+v", outcome, got)
			}
			if want != symphony.Completed {
				continue
			}
			out, err := symphony.Output[struct{ Rows int }](got.m)
			if err != nil || out.Rows != 7 {
				s.Errorf("output %+v, %v", out, err)
			}
		}
	}},
	{"what has ended is told at once, and what is unknown too", func(s *suite) {
		r := s.dispatch(symphony.DispatchOptions{})
		s.ack(s.one())
		if got := s.soon(s.waitFor(ctx, s.bus, r.ID)); got.err != nil || got.m.Status != symphony.Completed {
			s.Errorf("got %+v", got)
		}
		for _, id := range []string{symphony.NewID(s.clock.Now()), "nonsense"} {
			if got := s.soon(s.waitFor(ctx, s.bus, id)); !errors.Is(got.err, symphony.ErrNotFound) {
				s.Errorf("got %+v", got)
			}
		}
	}},
	{"a wait ends with its context, and tells what the message was", func(s *suite) {
		r := s.dispatch(symphony.DispatchOptions{})
		ctx, cancel := context.WithCancel(ctx)
		w := s.waitFor(ctx, s.bus, r.ID)
		cancel()
		if got := s.soon(w); !errors.Is(got.err, context.Canceled) || got.m.Status != symphony.Pending &&
			got.m.ID != "" {
			s.Errorf("got %+v", got)
		}
	}},
	{"a wait ends when the message is deleted", func(s *suite) {
		r := s.dispatch(symphony.DispatchOptions{Delay: time.Hour})
		w := s.waitFor(ctx, s.bus, r.ID)
		if err := s.messages().DeleteMessage(ctx, r.ID); err != nil {
			s.Fatal(err)
		}
		if got := s.soon(w); !errors.Is(got.err, symphony.ErrNotFound) {
			s.Errorf("got %+v", got)
		}
	}},
	{"many wait, for one message and for many, and each is told", func(s *suite) {
		list := s.dispatchMany(50, symphony.DispatchOptions{})
		leaving, leave := context.WithCancel(ctx)
		var wg sync.WaitGroup
		errs := make(chan error, 1000)
		for i := range 200 {
			wg.Go(func() {
				if i%3 == 0 { // some lose patience, so that others ask on
					if _, err := s.bus.Wait(leaving, list[i%50]); err != nil && !errors.Is(err, context.Canceled) {
						errs <- err
					}
					return
				}
				if m, err := s.bus.Wait(ctx, list[i%50]); err != nil || m.Status != symphony.Completed {
					errs <- errors.Join(err, errors.New(string(m.Status)))
				}
			})
		}
		got := s.receive(all)
		s.ack(got[:20]...)
		leave()
		s.ack(got[20:]...)
		wg.Wait()
		close(errs)
		for err := range errs {
			s.Error(err)
		}
	}},
	{"where nothing is kept, a wait tells the end", func(s *suite) {
		if s.KeepNothing == nil {
			s.Skip("what is kept cannot be said")
		}
		s.use(s.KeepNothing(s.T), nil)
		r := s.dispatch(symphony.DispatchOptions{Queue: "q"})
		w := s.waitFor(ctx, s.bus, r.ID)
		s.ack(s.one())
		got := s.soon(w)
		if got.err != nil || got.m.ID != r.ID || got.m.Status != symphony.Completed || got.m.Queue != "q" ||
			got.m.Payload != nil {
			s.Errorf("got %+v", got)
		}
		messages, err := s.bus.Messages(s.def.Name())
		if err != nil {
			s.Fatal(err)
		}
		if m, err := messages.Look(ctx, r.ID, 0); err != nil || m.Status != symphony.Completed || m.Payload != nil {
			s.Errorf("afterwards: %+v, %v", m, err)
		}
		if _, err := messages.Get(ctx, r.ID); !errors.Is(err, symphony.ErrNotFound) {
			s.Errorf("the message: %v", err)
		}
	}},
	{"a wait hears of what another process completes", func(s *suite) {
		if s.Second == nil {
			s.Skip("only one process can use it")
		}
		bus, err := symphony.NewBus([]symphony.Transport{s.Second(s.T)}, symphony.BusOptions{})
		if err != nil {
			s.Fatal(err)
		}
		r := s.dispatch(symphony.DispatchOptions{})
		w := s.waitFor(ctx, bus, r.ID)
		s.mustSettle(s.one(), symphony.Settlement{Outcome: symphony.Ack, Output: json.RawMessage(`1`)})
		if got := s.soon(w); got.err != nil || string(got.m.Output) != "1" {
			s.Errorf("got %+v", got)
		}
	}},
}
