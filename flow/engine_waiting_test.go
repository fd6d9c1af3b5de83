package flow_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
)

// What one call's messages with debounce and throttle keys mean for those that wait, and for each other.
func TestMeet(t *testing.T) {
	type options []symphony.DispatchOptions
	debounce, throttle := symphony.DispatchOptions{DebounceKey: "k"}, symphony.DispatchOptions{ThrottleKey: "k"}
	ordered := symphony.DispatchOptions{GroupKey: "g", Ordered: true}
	orderedDebounce := symphony.DispatchOptions{GroupKey: "g", Ordered: true, DebounceKey: "k"}
	type receipt struct {
		ID, Replaced string
		Dropped      bool
	}
	for _, test := range []struct {
		name  string
		waits options
		begun bool // what waits has been handed out
		sent  options
		want  []receipt
		left  []int // numbers of the messages that wait in the end
	}{
		{"debounce, nobody waits", nil, false, options{debounce}, []receipt{{ID: "m001"}}, []int{1}},
		{"throttle, nobody waits", nil, false, options{throttle}, []receipt{{ID: "m001"}}, []int{1}},
		{"debounce", options{debounce}, false, options{debounce}, []receipt{{ID: "m002", Replaced: "m001"}}, []int{2}},
		{"throttle", options{throttle}, false, options{throttle}, []receipt{{ID: "m001", Dropped: true}}, []int{1}},
		{"debounce, begun", options{debounce}, true, options{debounce}, []receipt{{ID: "m003"}}, []int{1, 3}},
		{"throttle, begun", options{throttle}, true, options{throttle}, []receipt{{ID: "m003"}}, []int{1, 3}},
		{"the two are told apart", options{debounce}, false, options{throttle}, []receipt{{ID: "m002"}}, []int{1, 2}},
		{"debounce in one call", options{debounce}, false, options{debounce, debounce, debounce}, []receipt{
			{ID: "m002", Replaced: "m001"}, {ID: "m003", Replaced: "m002"}, {ID: "m004", Replaced: "m003"}}, []int{4}},
		{"throttle in one call", nil, false, options{throttle, throttle},
			[]receipt{{ID: "m001"}, {ID: "m001", Dropped: true}}, []int{1}},
		{"debounce in a line", options{ordered, orderedDebounce}, false, options{orderedDebounce},
			[]receipt{{ID: "m003", Replaced: "m002"}}, []int{1, 3}},
	} {
		t.Run(test.name, func(t *testing.T) {
			q := newQueue(nil)
			for _, o := range test.waits {
				q.Send("Job", o)
			}
			if test.begun && len(q.Claim(1)) != 1 {
				t.Fatal("not handed out")
			}
			var batch []symphony.Outgoing
			for _, o := range test.sent {
				batch = append(batch, outgoing("Job", o))
			}
			var got []receipt
			for _, r := range q.sendAll(batch...) {
				got = append(got, receipt{r.ID, r.Replaced, r.Dropped})
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("receipts (-want +got)\n%s", diff)
			}
			var left []int
			for _, m := range q.sorted() {
				left = append(left, m.Row)
			}
			if diff := cmp.Diff(test.left, left); diff != "" {
				t.Errorf("left (-want +got)\n%s", diff)
			}
			if err := q.check(); err != nil {
				t.Error(err)
			}
		})
	}
}

// Only what was never begun expires, and only at its own time.
func TestExpire(t *testing.T) {
	for _, test := range []struct {
		name   string
		do     func(q *queue, m *message)
		after  time.Duration
		failed int64
	}{
		{"too early", func(*queue, *message) {}, time.Minute - time.Microsecond, 0},
		{"in time", func(*queue, *message) {}, time.Minute, 1},
		{"in hand", func(q *queue, m *message) { q.Claim(1); m.until = q.now.Add(time.Hour) }, time.Minute, 0},
		{"tried before", func(q *queue, _ *message) {
			q.Settle(q.Claim(1)[0], symphony.Settlement{Outcome: symphony.Retry})
		}, time.Minute, 0},
		{"given back untouched", func(q *queue, _ *message) {
			q.Settle(q.Claim(1)[0], symphony.Settlement{Outcome: symphony.Release})
		}, time.Minute, 1},
		{"another message with its number", func(_ *queue, m *message) {
			m.Flow.ExpiresAt = m.Flow.ExpiresAt.Add(time.Second)
		}, time.Minute, 0},
		{"another message without an expiry", func(_ *queue, m *message) {
			m.Flow.ExpiresAt = time.Time{}
		}, time.Minute, 0},
		{"before a gate", func(q *queue, m *message) { q.Pause("Job", time.Time{}); q.Claim(1) }, time.Minute, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			q := newQueue(nil)
			start := q.now
			// Storages keep microseconds.
			q.Send("Job", symphony.DispatchOptions{ExpiresAt: start.Add(time.Minute + 300)})
			test.do(q, q.messages[1])
			q.now = start.Add(test.after)
			q.control()
			if q.stats.Failed != test.failed {
				t.Errorf("%d failed, want %d", q.stats.Failed, test.failed)
			}
			if err := q.check(); err != nil {
				t.Error(err)
			}
		})
	}
}

// What is withdrawn makes room in its group's line, unless it waited for that.
func TestDelete(t *testing.T) {
	q := newQueue(nil)
	var ids []string
	for range 4 {
		ids = append(ids, q.Send("Job", symphony.DispatchOptions{GroupKey: "g", Ordered: true}).ID)
	}
	remove := func(numbers ...int) {
		t.Helper()
		q.transact(func(e *flow.Engine[int]) error {
			found, err := q.Find(numbers)
			if err != nil {
				return err
			}
			n, err := e.Delete(found)
			if n != len(numbers) {
				t.Errorf("%d deleted, want %d", n, len(numbers))
			}
			return err
		})
		if err := q.check(); err != nil {
			t.Error(err)
		}
	}
	remove(2) // waits before the line
	remove(1) // stands in line
	if got := idsOf(q.Claim(4)); len(got) != 1 || got[0] != ids[2] {
		t.Errorf("got %v, want %s", got, ids[2])
	}
	q.transact(func(e *flow.Engine[int]) error {
		gone := q.messages[3].Message // in hand by now
		if n, err := e.Delete([]*flow.Message[int]{&gone}); n != 0 || err != nil {
			t.Errorf("%d deleted, %v; it is in hand", n, err)
		}
		return nil
	})
	if err := q.check(); err != nil {
		t.Error(err)
	}
}

// A message that waits for its time goes at once. What waits for something else goes on waiting.
func TestRunNow(t *testing.T) {
	q := newQueue(nil)
	run := func(number int) {
		t.Helper()
		q.transact(func(e *flow.Engine[int]) error {
			found, err := q.Find([]int{number})
			if err != nil {
				return err
			}
			done, err := e.RunNow(found[0])
			if !done {
				t.Error("it was not found")
			}
			return err
		})
	}
	later := q.Send("Job", symphony.DispatchOptions{GroupKey: "g", Ordered: true, Delay: time.Hour})
	if got := q.Claim(1); len(got) != 0 {
		t.Fatalf("got %v before its time", idsOf(got))
	}
	run(1)
	if got := q.Claim(1); len(got) != 1 || got[0].ID != later.ID {
		t.Fatalf("got %v, want %s", idsOf(got), later.ID)
	}
	q.Send("Job", symphony.DispatchOptions{GroupKey: "g", Ordered: true})
	number := q.sent
	order := q.order
	run(number)
	if got := q.Claim(1); len(got) != 0 || q.order != order {
		t.Errorf("got %v, which waits for the one before it", idsOf(got))
	}
}

// What stays in hand while its storage is closed holds its places again, and no start is counted twice.
func TestRegain(t *testing.T) {
	limit := flow.Limit{Concurrency: 1, Rate: flow.Rate{Count: 1, Per: time.Second}}
	q := newQueue(mustLimits(t, flow.LimitOptions{Types: map[string]flow.TypeLimit{"T": {Limit: limit}}}))
	q.Send("T", symphony.DispatchOptions{GroupKey: "g"})
	d := q.Claim(1)[0]
	before := q.gate(t, "type:T")
	q.Crash()
	if g := q.gate(t, "type:T"); g.Used != 1 || !g.Next.Equal(before.Next) {
		t.Errorf("%d places are taken, the next start is due at %s; want 1 and %s", g.Used, g.Next, before.Next)
	}
	if err := q.Settle(d, symphony.Settlement{Outcome: symphony.Ack}); err != nil {
		t.Fatal(err)
	}
	if g := q.gate(t, "type:T"); g.Used != 0 {
		t.Errorf("%d places are taken, want none", g.Used)
	}
}

func TestWaitBefore_a_gate(t *testing.T) {
	for gate, want := range map[string]flow.Wait{
		"turn:12:5:a:b":       {Reason: flow.WaitsForTurn, Group: "a:b"},
		"order:12:a:b":        {Reason: flow.WaitsForOrder, Group: "a:b"},
		"type:Mail.*":         {Reason: flow.WaitsForType, Type: "Mail.*"},
		"set:type:Mail.*":     {Reason: flow.WaitsForType, Type: "Mail.*"},
		"queue:email/a.b":     {Reason: flow.WaitsForQueue, Transport: "email", Queue: "a.b"},
		"keyed:3:a:b:k:l":     {Reason: flow.WaitsForKey, Type: "a:b", Key: "k:l"},
		"rest:1:keyed:1:a:k":  {Reason: flow.WaitsForKey, Type: "a", Key: "k"},
		"held:5:email:Mail.*": {Reason: flow.WaitsForHold, Transport: "email", Type: "Mail.*"},
	} {
		want.Gate = gate
		if got, ok := flow.WaitBefore(gate); !ok || got != want {
			t.Errorf("%s: got %+v, want %+v", gate, got, want)
		}
	}
	if w, ok := flow.WaitBefore("unknown"); ok {
		t.Errorf("got %+v of no gate", w)
	}
}

func TestLinesOfLanes(t *testing.T) {
	for _, test := range []struct {
		flow *symphony.Flow
		want string
	}{
		{nil, ""}, {&symphony.Flow{ConcurrencyKey: "k"}, ""}, {&symphony.Flow{GroupKey: "g:h"}, "turn:7:3:g:h"},
		{&symphony.Flow{GroupKey: "g", Ordered: true}, "order:7:g"},
	} {
		if got := flow.Line(7, 3, test.flow); got != test.want || flow.IsLine(got) != flow.HasLine(test.flow) {
			t.Errorf("%+v: %q, want %q", test.flow, got, test.want)
		}
	}
}
