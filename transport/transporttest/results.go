package transporttest

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/symphony-messenger/symphony"
)

// outputs are JSON values of every kind.
var outputs = []string{`{"url":"https://example.com/a?b=\"c\"","rows":12345678901234567890.10}`, `[1,"two",null]`,
	`"ünïcode \\ \" , {} "`, `42`, `false`, `null`}

var outputTests = []test{
	{"what a message leaves is kept with it, as it is", func(s *suite) {
		for _, output := range outputs {
			r := s.dispatch(symphony.DispatchOptions{})
			s.mustSettle(s.one(), symphony.Settlement{Outcome: symphony.Ack, Output: json.RawMessage(output)})
			if m := s.show(r.ID); string(m.Output) != output || m.OutputError != "" || m.Status != symphony.Completed {
				s.Errorf("%s: got %s, %q, %s", output, m.Output, m.OutputError, m.Status)
			}
		}
	}},
	{"why there is none is kept in its place", func(s *suite) {
		r := s.dispatch(symphony.DispatchOptions{})
		s.mustSettle(s.one(), symphony.Settlement{Outcome: symphony.Ack, OutputError: symphony.OutputTooLarge})
		if m := s.show(r.ID); m.Output != nil || m.OutputError != symphony.OutputTooLarge {
			s.Errorf("got %s, %q", m.Output, m.OutputError)
		}
	}},
	{"one call completes messages that leave something and others that do not", func(s *suite) {
		list := s.dispatchMany(20, symphony.DispatchOptions{})
		keyed := s.dispatch(symphony.DispatchOptions{ConcurrencyKey: "k"}).ID
		var settlements []symphony.Settlement
		want := map[string]string{}
		for i, d := range s.receive(all) {
			st := symphony.Settlement{Lease: d.Lease, Outcome: symphony.Ack}
			if i%3 == 0 || d.ID == keyed {
				want[d.ID] = fmt.Sprintf(`{"i":%d}`, i)
				st.Output = json.RawMessage(want[d.ID])
			}
			settlements = append(settlements, st)
		}
		if errs := s.def.Settle(ctx, settlements); errs != nil {
			s.Fatal(errs)
		}
		for _, id := range append(list, keyed) {
			if m := s.show(id); string(m.Output) != want[id] || m.Status != symphony.Completed {
				s.Errorf("%s left %s, want %s", m.Status, m.Output, want[id])
			}
		}
	}},
	{"a stale worker leaves nothing", func(s *suite) {
		r := s.dispatch(symphony.DispatchOptions{})
		stale := s.one()
		s.clock.Advance(2 * symphony.DefaultLease)
		d := s.one()
		s.wantLost("stale ack", s.settle(stale, symphony.Settlement{Outcome: symphony.Ack,
			Output: json.RawMessage(`"stale"`)}))
		s.mustSettle(d, symphony.Settlement{Outcome: symphony.Ack, Output: json.RawMessage(`"live"`)})
		if m := s.show(r.ID); string(m.Output) != `"live"` {
			s.Errorf("left %s", m.Output)
		}
	}},
	{"only success leaves something", func(s *suite) {
		r := s.dispatch(symphony.DispatchOptions{})
		left := json.RawMessage(`"left"`)
		for _, outcome := range []symphony.Outcome{symphony.Retry, symphony.Release, symphony.Fail} {
			s.mustSettle(s.one(), symphony.Settlement{Outcome: outcome, Output: left, Error: "e", ErrorClass: "c"})
			if m := s.show(r.ID); m.Output != nil {
				s.Errorf("after %s: left %s", outcome, m.Output)
			}
		}
	}},
	{"a page has outputs within its bytes, and says what it has left out", func(s *suite) {
		big := json.RawMessage(`"` + strings.Repeat("x", 2000) + `"`)
		for range 3 {
			s.dispatch(symphony.DispatchOptions{})
			s.mustSettle(s.one(), symphony.Settlement{Outcome: symphony.Ack, Output: big})
		}
		page, err := s.messages().ListMessages(ctx, symphony.MessageQuery{Bytes: 2000}.WithDefaults())
		if err != nil || len(page.Messages) != 3 {
			s.Fatalf("got %+v, %v", page, err)
		}
		if m := page.Messages[0]; m.Omitted != nil || string(m.Output) != string(big) {
			s.Errorf("the first row: %+v", m)
		}
		for _, m := range page.Messages[1:] {
			if m.Omitted == nil || m.Omitted.Output != len(big) || m.Output != nil {
				s.Errorf("a further row: %+v, %s", m.Omitted, m.Output)
			}
		}
	}},
	{"it survives, and goes with the message", func(s *suite) {
		r := s.dispatch(symphony.DispatchOptions{})
		s.mustSettle(s.one(), symphony.Settlement{Outcome: symphony.Ack, Output: json.RawMessage(`{"a":1}`)})
		s.reopenIfPossible()
		if m := s.show(r.ID); string(m.Output) != `{"a":1}` {
			s.Errorf("left %s", m.Output)
		}
		s.clock.Advance(symphony.DefaultRetention + 48*time.Hour)
		if s.Tidy != nil {
			s.Tidy(s.T)
		}
		if _, err := GetMessage(ctx, s.messages(), r.ID); !errors.Is(err, symphony.ErrNotFound) {
			s.Errorf("it is still there: %v", err)
		}
	}},
	{"whatever happens, each message has what its last worker left", (*suite).outputModel},
}

// outputModel settles messages at random, and compares what they have left with what was left.
func (s *suite) outputModel() {
	seed := rand.Uint64()
	rnd := rand.New(rand.NewPCG(seed, 0))
	defer func() {
		if s.Failed() {
			s.Logf("seed %d", seed)
		}
	}()
	want := map[string]string{}
	for step := range modelSteps(s) / 5 {
		for range rnd.IntN(4) {
			o := symphony.DispatchOptions{}
			if rnd.IntN(3) == 0 {
				o.GroupKey = "g"
			}
			s.dispatch(o)
		}
		var list []symphony.Settlement
		for _, d := range s.receive(symphony.ReceiveOptions{Max: 1 + rnd.IntN(5), MaxLost: 5, Worker: "w1"}) {
			if rnd.IntN(8) == 0 {
				continue // lost
			}
			st := symphony.Settlement{Lease: d.Lease, Outcome: everyOutcome[rnd.IntN(len(everyOutcome))],
				Error: "e", ErrorClass: "c"}
			if rnd.IntN(2) == 0 {
				st.Output = json.RawMessage(outputs[rnd.IntN(len(outputs))])
			}
			if list = append(list, st); st.Outcome == symphony.Ack {
				want[d.ID] = string(st.Output)
			}
		}
		if errs := s.def.Settle(ctx, list); errs != nil {
			s.Fatalf("step %d: %v", step, errs)
		}
		if rnd.IntN(10) == 0 {
			s.clock.Advance(2 * symphony.DefaultLease)
		}
		if rnd.IntN(40) == 0 {
			s.reopenIfPossible()
		}
	}
	ids := make([]string, 0, len(want))
	for id := range want {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		if m := s.show(id); m.Status != symphony.Completed || string(m.Output) != want[id] {
			s.Errorf("message %s, %s, left %s, want %s", id, m.Status, m.Output, want[id])
		}
	}
}
