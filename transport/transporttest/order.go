package transporttest

import (
	"context"
	"errors"
	"slices"
	"strings"

	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
)

var orderTests = []test{
	{"higher priority first, then the one ready longer", func(s *suite) {
		byPriority := make(map[int][]string)
		for i, p := range []int{5, 1, 10, 5, 3, 10, 1, 7} {
			byPriority[p] = append(byPriority[p], s.dispatch(symphony.DispatchOptions{Priority: p, Queue: []string{"a", "b"}[i%2]}).ID)
		}
		var want []string
		for p := 10; p >= 1; p-- {
			want = append(want, byPriority[p]...)
		}
		var got []string
		for range want {
			got = append(got, s.one().ID)
		}
		if !slices.Equal(got, want) {
			s.Errorf("one by one: got %v, want %v", got, want)
		}
	}},
	{"a process that has just begun hands out what waited before it, and then what it stored itself", func(s *suite) {
		low := s.dispatch(symphony.DispatchOptions{Priority: 2}).ID
		high := s.dispatch(symphony.DispatchOptions{Priority: 8}).ID
		s.reopenIfPossible()
		young := s.dispatch(symphony.DispatchOptions{Priority: 8}).ID
		for _, want := range []string{high, young, low} {
			if got := s.one().ID; got != want {
				s.Fatalf("%s was handed out, want %s of %v", got, want, []string{high, young, low})
			}
		}
	}},
	{"a batch claim has the same order", func(s *suite) {
		low, high := s.dispatchMany(3, symphony.DispatchOptions{Priority: 2}), s.dispatchMany(3, symphony.DispatchOptions{Priority: 8})
		s.wantIDs(s.receive(all), append(high, low...)...)
	}},
	{"a scheduled message takes its place by its time", func(s *suite) {
		later := s.dispatch(symphony.DispatchOptions{ScheduledAt: s.clock.Now().Add(5 * time.Millisecond)}).ID
		early := s.dispatch(symphony.DispatchOptions{}).ID
		s.clock.Advance(time.Second)
		last := s.dispatch(symphony.DispatchOptions{}).ID
		s.wantIDs(s.receive(all), early, later, last)
	}},
	{"low priority is not starved, and gets no more than its share", func(s *suite) {
		low := s.dispatchMany(5, symphony.DispatchOptions{Priority: 1})
		s.dispatchMany(100, symphony.DispatchOptions{Priority: 9})
		s.clock.Advance(flow.StarvationAge / 2)
		for range 20 {
			if d := s.one(); d.Priority != 9 {
				s.Fatal("a young message of low priority overtook a high one")
			}
		}
		s.clock.Advance(flow.StarvationAge)
		s.dispatchMany(60, symphony.DispatchOptions{Priority: 10})
		served := 0
		for i := range 50 {
			if d := s.one(); d.Priority == 1 {
				if !slices.Contains(low, d.ID) {
					s.Errorf("got %s", d.ID)
				}
				served++
			}
			if most := (i + flow.StarvationShare) / flow.StarvationShare; served > most {
				s.Fatalf("%d starved messages in %d claims, want at most %d", served, i+1, most)
			}
		}
		if served == 0 {
			s.Error("low priority is starved")
		}
	}},
	{"a batch claim gives the starved their share", func(s *suite) {
		s.dispatchMany(50, symphony.DispatchOptions{Priority: 1})
		s.clock.Advance(2 * flow.StarvationAge)
		s.dispatchMany(100, symphony.DispatchOptions{Priority: 9})
		starved := 0
		got := s.receive(symphony.ReceiveOptions{Max: 50})
		for _, d := range got {
			if d.Priority == 1 {
				starved++
			}
		}
		if len(got) != 50 || starved != 50/flow.StarvationShare {
			s.Errorf("%d of %d are starved ones, want one in %d", starved, len(got), flow.StarvationShare)
		}
	}},
}

var receiveTests = []test{
	{"Max, Queues and MaxBytes limit a claim", func(s *suite) {
		a, b := s.dispatchMany(3, symphony.DispatchOptions{Queue: "a"}), s.dispatchMany(3, symphony.DispatchOptions{Queue: "b"})
		s.wantIDs(s.receive(symphony.ReceiveOptions{Queues: []string{"b", "none"}, Max: 2}), b[:2]...)
		s.wantIDs(s.receive(symphony.ReceiveOptions{MaxBytes: 1}), a[0])
		s.wantIDs(s.receive(symphony.ReceiveOptions{MaxBytes: 20}), a[1], a[2])
		s.wantIDs(s.receive(all), b[2])
		if got := s.receive(all); len(got) != 0 {
			s.Errorf("got %d messages of an empty transport", len(got))
		}
	}},
	{"a message that does not fit into a claim is not overtaken by what comes after it", func(s *suite) {
		send := func(priority, size int) string {
			s.Helper()
			r, err := s.bus.Dispatch(ctx, "Order", map[string]string{"text": strings.Repeat("x", size)}, symphony.DispatchOptions{Priority: priority})
			if err != nil {
				s.Fatal(err)
			}
			s.clock.Advance(time.Millisecond)
			return r.ID
		}
		first, large, low := send(9, 10), send(9, 10_000), send(1, 10)
		some := symphony.ReceiveOptions{Max: 10, MaxBytes: 2_000, Worker: "w1"}
		s.wantIDs(s.receive(some), first)
		s.wantIDs(s.receive(some), large)
		s.wantIDs(s.receive(some), low)
	}},
	{"a transport sees its own messages only", func(s *suite) {
		s.dispatch(symphony.DispatchOptions{Transport: s.Email.Name()})
		if got := s.receive(all); len(got) != 0 {
			s.Errorf("got a message of %s", got[0].Transport)
		}
	}},
	{"a scheduled message comes at its time and not before", func(s *suite) {
		id := s.dispatch(symphony.DispatchOptions{ScheduledAt: s.clock.Now().Add(time.Minute)}).ID
		s.clock.Advance(time.Minute - 2*time.Millisecond)
		if got := s.receive(all); len(got) != 0 {
			s.Error("it came early")
		}
		s.clock.Advance(time.Millisecond)
		s.wantIDs(s.receive(all), id)
	}},
	{"waiting ends with a message that is sent", func(s *suite) {
		wait := s.wait(symphony.ReceiveOptions{Wait: time.Hour})
		id := s.dispatch(symphony.DispatchOptions{}).ID
		if got := <-wait; got.err != nil || !slices.Equal(ids(got.list), []string{id}) {
			s.Errorf("got %v, %v", ids(got.list), got.err)
		}
	}},
	{"waiting ends with a message whose time comes", func(s *suite) {
		id := s.dispatch(symphony.DispatchOptions{ScheduledAt: s.clock.Now().Add(time.Minute)}).ID
		wait := s.wait(symphony.ReceiveOptions{Wait: time.Hour})
		if got := s.advanceUntil(wait, time.Second, 100); !slices.Equal(ids(got.list), []string{id}) {
			s.Errorf("got %v, %v", ids(got.list), got.err)
		}
	}},
	{"waiting ends with a message whose lease runs out", func(s *suite) {
		id := s.dispatch(symphony.DispatchOptions{}).ID
		s.one()
		wait := s.wait(symphony.ReceiveOptions{Wait: time.Hour})
		if got := s.advanceUntil(wait, time.Second, 100); !slices.Equal(ids(got.list), []string{id}) || got.list[0].Lost != 1 {
			s.Errorf("got %v, %v", got.list, got.err)
		}
	}},
	{"waiting ends without an error when its time is over", func(s *suite) {
		end := s.clock.Now().Add(time.Minute)
		set := s.clock.TimerAt(end)
		wait := s.wait(symphony.ReceiveOptions{Wait: time.Minute})
		select {
		case <-set: // it counts from here, not from when it gets the time to
		case <-time.After(patience):
			s.Fatal("the receiver set no timer for the end of its time")
		}
		if got := s.advanceUntil(wait, time.Second, 60); got.err != nil || len(got.list) != 0 || s.clock.Now().Before(end) {
			s.Errorf("got %v, %v %s before the end", got.list, got.err, end.Sub(s.clock.Now()))
		}
	}},
	{"waiting ends with its context", func(s *suite) {
		ctx, cancel := context.WithCancel(ctx)
		done := make(chan error, 1)
		go func() {
			_, err := s.def.Receive(ctx, symphony.ReceiveOptions{Wait: time.Hour})
			done <- err
		}()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			s.Errorf("got %v, want the context's error", err)
		}
		s.dispatch(symphony.DispatchOptions{})
		s.one()
	}},
	{"each of many waiting receivers gets a message", func(s *suite) {
		const n = 20
		waits := make([]<-chan received, n)
		for i := range waits {
			waits[i] = s.wait(symphony.ReceiveOptions{Wait: time.Hour, Max: 1})
		}
		s.dispatchMany(n, symphony.DispatchOptions{})
		seen := make(map[string]bool)
		for _, w := range waits {
			got := <-w
			if got.err != nil || len(got.list) != 1 || seen[got.list[0].ID] {
				s.Fatalf("got %v, %v", ids(got.list), got.err)
			}
			seen[got.list[0].ID] = true
		}
	}},
	{"a waiting receiver of one queue is not woken in vain by another", func(s *suite) {
		a := s.wait(symphony.ReceiveOptions{Wait: time.Hour, Queues: []string{"a"}})
		b := s.wait(symphony.ReceiveOptions{Wait: time.Hour, Queues: []string{"b"}})
		idB := s.dispatch(symphony.DispatchOptions{Queue: "b"}).ID
		if got := <-b; !slices.Equal(ids(got.list), []string{idB}) {
			s.Errorf("b got %v, %v", ids(got.list), got.err)
		}
		idA := s.dispatch(symphony.DispatchOptions{Queue: "a"}).ID
		if got := <-a; !slices.Equal(ids(got.list), []string{idA}) {
			s.Errorf("a got %v, %v", ids(got.list), got.err)
		}
	}},
	{"an undecodable message is delivered as such and can be failed", func(s *suite) {
		if s.Corrupt == nil {
			s.Skip("nothing stored by this transport can become undecodable")
		}
		r, err := s.bus.DispatchMessage(ctx, symphony.Message{Type: "Order", Payload: []byte(`{}`), Metadata: map[string]any{"a": 1}}, symphony.DispatchOptions{})
		if err != nil {
			s.Fatal(err)
		}
		s.Corrupt(s.T, r.ID)
		d := s.one()
		if d.ID != r.ID || d.DecodeErr == nil {
			s.Fatalf("got %+v, want its DecodeErr", d)
		}
		f := s.fail(d, "undecodable")
		if f.ID != r.ID || string(f.Payload) != `{}` {
			s.Errorf("failed message %+v", f)
		}
	}},
}

type received struct {
	list []symphony.Delivery
	err  error
}

// wait receives in the background.
func (s *suite) wait(o symphony.ReceiveOptions) <-chan received {
	done := make(chan received, 1)
	go func() {
		list, err := s.def.Receive(ctx, o)
		done <- received{list, err}
	}()
	return done
}

// patience bounds how long a test waits for what must happen soon; it is no promise.
const patience = 30 * time.Second

// advanceUntil moves the clock on, step by step, until the receiver has returned. Timers may be set while the clock is
// moved, so one large step would not do. The clock goes on while the receiver claims: what it got may not be its own
// any more when it returns, if its lease is shorter than all steps.
func (s *suite) advanceUntil(done <-chan received, step time.Duration, most int) received {
	s.Helper()
	// The transport's goroutines need real time between two steps; the number of steps is what is tested.
	pause := time.NewTicker(2 * time.Millisecond)
	defer pause.Stop()
	for range most {
		select {
		case got := <-done:
			return got
		case <-pause.C:
			s.clock.Advance(step)
		}
	}
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	select {
	case got := <-done:
		return got
	case <-deadline.C:
		s.Fatalf("still waiting after %d steps of %s", most, step)
		return received{}
	}
}
