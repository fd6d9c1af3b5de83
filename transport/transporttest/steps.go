package transporttest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
	"github.com/symphony-messenger/symphony/storage"
)

// step is a step over the record work/1, which counts what is done.
func (s *suite) step(old string, step storage.Step) (int, error) {
	step.Kind, step.ID, step.Old = "work", "1", []byte(old)
	if step.New == nil {
		step.New = func(done int) []byte { return fmt.Appendf(nil, `{"from":%q,"done":%d}`, old, done) }
	}
	return s.def.(storage.Steps).TakeStep(ctx, step)
}

func (s *suite) mustStep(want int, old string, step storage.Step) {
	s.Helper()
	if done, err := s.step(old, step); done != want || err != nil {
		s.Fatalf("a step has done %d (%v), want %d", done, err, want)
	}
}

// record returns the record of the steps, and wantRecord compares it.
func (s *suite) record() string {
	s.Helper()
	raw, err := storage.Get(ctx, s.def.(storage.Records), "work", "1")
	if err != nil {
		s.Fatal(err)
	}
	return string(raw)
}

func (s *suite) wantRecord(want string) {
	s.Helper()
	if got := s.record(); got != want {
		s.Errorf("the record is %s, want %s", got, want)
	}
}

// begin writes the record of work that has not got anywhere.
func (s *suite) begin() {
	s.Helper()
	if err := storage.Put(ctx, s.def.(storage.Records), "work", "1", []byte("a")); err != nil {
		s.Fatal(err)
	}
}

// envelopes are messages for a step. Every third is under flow control where the transport has that.
func (s *suite) envelopes(n int) []*symphony.Envelope {
	list := make([]*symphony.Envelope, n)
	for i := range list {
		list[i] = &symphony.Envelope{ID: symphony.NewID(s.clock.Now()), Type: "Order", Payload: fmt.Appendf(nil, `{"n":%d}`, i), Transport: s.def.Name(),
			Queue: symphony.DefaultQueue, Priority: symphony.DefaultPriority, CreatedAt: s.clock.Now()}
		if i%3 == 2 && s.def.Capabilities().Flow {
			list[i].Flow = &symphony.Flow{ConcurrencyKey: fmt.Sprint("key ", i)}
		}
		s.clock.Advance(time.Millisecond)
	}
	return list
}

var stepTests = []test{
	{"a step sends messages and changes its record", func(s *suite) {
		s.begin()
		list := s.envelopes(7)
		s.mustStep(7, "a", storage.Step{Send: list})
		s.wantRecord(`{"from":"a","done":7}`)
		s.wantCounts(7, 0, 0, 0, 0)
		s.reopen()
		s.wantRecord(`{"from":"a","done":7}`)
		var got []string
		for _, d := range s.receive(all) {
			got = append(got, d.ID)
		}
		var want []string
		for _, e := range list {
			want = append(want, e.ID)
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			s.Errorf("got messages %v, want %v", got, want)
		}
	}},
	{"a step changes its record alone", func(s *suite) {
		s.begin()
		s.mustStep(0, "a", storage.Step{})
		s.wantRecord(`{"from":"a","done":0}`)
	}},
	{"a step retries and deletes failed messages, those that are there", func(s *suite) {
		ids := s.failMany(5)
		s.begin()
		retry := func(i int) symphony.FailedMove {
			return symphony.FailedMove{ID: ids[i], NewID: symphony.NewID(s.clock.Now())}
		}
		s.mustStep(2, "a", storage.Step{Move: []symphony.FailedMove{retry(0), retry(1)}})
		s.wantCounts(2, 0, 0, 3, 0)
		s.mustStep(1, s.record(), storage.Step{Move: []symphony.FailedMove{retry(1), retry(2)}})
		s.mustStep(1, s.record(), storage.Step{Move: deletes([]string{ids[2], ids[3], "nonsense"})})
		s.mustStep(0, s.record(), storage.Step{Move: []symphony.FailedMove{{ID: "nonsense", NewID: symphony.NewID(s.clock.Now())}}})
		s.mustStep(0, s.record(), storage.Step{Move: deletes([]string{"nonsense"})})
		s.wantCounts(3, 0, 0, 1, 0)
		both := s.failMany(2)
		again := symphony.FailedMove{ID: both[0], NewID: symphony.NewID(s.clock.Now())}
		s.mustStep(2, s.record(), storage.Step{Move: []symphony.FailedMove{again, {ID: both[1]}}})
		s.wantCounts(4, 0, 0, 1, 0)
		if got := s.receive(all); len(got) != 4 {
			s.Errorf("received %d messages, want 4", len(got))
		}
	}},
	{"a step retries messages with and without flow control together", func(s *suite) {
		if !s.def.Capabilities().Flow {
			s.Skip("transport has no flow control")
		}
		s.begin()
		var retries []symphony.FailedMove
		for i := range 4 {
			o := symphony.DispatchOptions{}
			if i%2 == 1 {
				o.ConcurrencyKey = fmt.Sprint(i)
			}
			s.dispatch(o)
			retries = append(retries, symphony.FailedMove{ID: s.fail(s.one(), "boom").FailedID, NewID: symphony.NewID(s.clock.Now())})
		}
		s.mustStep(4, "a", storage.Step{Move: retries})
		s.wantCounts(4, 0, 0, 0, 0)
		if got := s.receive(all); len(got) != 4 {
			s.Errorf("received %d messages, want 4", len(got))
		}
	}},
	{"a step whose record is another one does nothing", func(s *suite) {
		ids := s.failMany(2)
		list := s.envelopes(3)
		steps := map[string]storage.Step{
			"send": {Send: list}, "send plain": {Send: list[:1]}, "delete": {Move: deletes(ids)}, "nothing": {},
			"retry": {Move: []symphony.FailedMove{{ID: ids[0], NewID: symphony.NewID(s.clock.Now())}}},
		}
		for _, there := range []bool{false, true} {
			if there {
				s.begin()
			}
			for name, step := range steps {
				if done, err := s.step("b", step); done != 0 || !errors.Is(err, symphony.ErrConflict) {
					s.Errorf("%s: %d, %v, want ErrConflict", name, done, err)
				}
			}
		}
		s.wantRecord("a")
		s.wantCounts(0, 0, 0, 2, 0)
	}},
	{"a step that would send to a queue that drains does nothing", func(s *suite) {
		control, ok := s.def.(flow.Control)
		if !ok || !s.def.Capabilities().Flow {
			s.Skip("transport has no flow control")
		}
		if err := control.Hold(ctx, flow.Hold{Mode: flow.Draining, Since: s.clock.Now()}); err != nil {
			s.Fatal(err)
		}
		s.begin()
		var held *flow.HeldError
		if _, err := s.step("a", storage.Step{Send: s.envelopes(2)}); !errors.As(err, &held) {
			s.Errorf("got %v, want a *HeldError", err)
		}
		s.wantRecord("a")
		s.wantCounts(0, 0, 0, 0, 0)
	}},
	{"of many who take the same step, one does", func(s *suite) {
		ids := s.failMany(8)
		s.begin()
		var (
			all  sync.WaitGroup
			wins atomic.Int32
		)
		lists := make([][]*symphony.Envelope, 12)
		for i := range lists {
			lists[i] = s.envelopes(1 + 2*(i%2))
		}
		for i := range 12 {
			step := storage.Step{Send: lists[i]}
			switch i % 3 {
			case 1:
				step = storage.Step{Move: deletes(ids)}
			case 2:
				step = storage.Step{Move: []symphony.FailedMove{{ID: ids[i%8], NewID: symphony.NewID(s.clock.Now())}}}
			}
			all.Go(func() {
				switch _, err := s.step("a", step); {
				case err == nil:
					wins.Add(1)
				case !errors.Is(err, symphony.ErrConflict):
					s.Error(err)
				}
			})
		}
		all.Wait()
		if n := wins.Load(); n != 1 {
			s.Errorf("%d steps were taken, want 1", n)
		}
	}},
}
