package flow_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
	"github.com/symphony-messenger/symphony/transport/transporttest"
	"pgregory.net/rapid"
)

var _ flow.Store[int] = (*queue)(nil)

// drawn makes a model's choices.
type drawn struct{ *rapid.T }

func (d drawn) IntN(n int) int { return rapid.IntRange(0, n-1).Draw(d.T, "choice") }

// Whatever happens in whatever order, the engine keeps the rules that each transport must keep, and its gates count
// what they should after every step.
func TestModel(t *testing.T) {
	limits := transporttest.Limits(t)
	rapid.Check(t, func(t *rapid.T) {
		transporttest.FlowModel(t, checked{newQueue(limits), t.Fatalf}, drawn{t}, 150)
	})
}

// limitOf are the limits of one type.
func limitOf(t *testing.T, typ string, l flow.Limit) *flow.Limits {
	return mustLimits(t, flow.LimitOptions{Types: map[string]flow.TypeLimit{typ: {Limit: l}}})
}

// lineOf is the line of messages with the default priority.
func lineOf(f *symphony.Flow) string {
	return flow.Line(1, symphony.MaxPriority-symphony.DefaultPriority, f)
}

// A message that may not pass waits before the first gate that is closed, and Admit says which and why.
func TestAdmit(t *testing.T) {
	limits := mustLimits(t, flow.LimitOptions{
		Types: map[string]flow.TypeLimit{
			"Mail.*": {Limit: flow.Limit{Concurrency: 1}},
			"Sms":    {Limit: flow.Limit{Rate: flow.Rate{Count: 1, Per: time.Second}}},
		},
		Queues: map[string]flow.Limit{"default/default": {Concurrency: 3}},
	})
	type sent struct {
		typ string
		o   symphony.DispatchOptions
	}
	key := func(k string) symphony.DispatchOptions { return symphony.DispatchOptions{ConcurrencyKey: k} }
	second := newQueue(nil).now.Add(time.Second + time.Millisecond)
	for _, test := range []struct {
		name   string
		before []sent // in hand
		pause  string
		next   sent
		want   flow.Wait // of none: it is handed out
	}{
		{name: "open", next: sent{typ: "Mail.New"}},
		{name: "limit of its type", before: []sent{{typ: "Mail.Old"}}, next: sent{typ: "Mail.New"},
			want: flow.Wait{Reason: flow.WaitsForType, Gate: "type:Mail.*", Type: "Mail.*"}},
		{name: "rate of its type", before: []sent{{typ: "Sms"}}, next: sent{typ: "Sms"},
			want: flow.Wait{Reason: flow.WaitsForType, Gate: "type:Sms", Type: "Sms", Until: second, Rate: true}},
		{name: "limit of its queue", before: []sent{{typ: "A"}, {typ: "A"}, {typ: "A"}}, next: sent{typ: "B"},
			want: flow.Wait{Reason: flow.WaitsForQueue, Gate: "queue:default/default", Transport: "default", Queue: "default"}},
		{name: "limit of its key", before: []sent{{"A", key("k:1")}}, next: sent{"B", key("k:1")},
			want: flow.Wait{Reason: flow.WaitsForKey, Gate: "keyed:0::k:1", Key: "k:1"}},
		{name: "another key", before: []sent{{"A", key("k")}}, next: sent{"B", key("l")}},
		{name: "type comes before key", before: []sent{{"Mail.Old", key("k")}}, next: sent{"Mail.New", key("k")},
			want: flow.Wait{Reason: flow.WaitsForType, Gate: "type:Mail.*", Type: "Mail.*"}},
		{name: "pause comes before limits", before: []sent{{typ: "Mail.Old"}}, pause: "Mail.*", next: sent{typ: "Mail.New"},
			want: flow.Wait{Reason: flow.WaitsForHold, Gate: "held:7:default:Mail.*", Transport: "default", Type: "Mail.*"}},
		{name: "pause of another type", pause: "Mail.Old", next: sent{typ: "Mail.New"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			q := newQueue(limits)
			for _, s := range test.before {
				q.Send(s.typ, s.o)
				if len(q.Claim(1)) != 1 {
					t.Fatalf("%+v is not handed out", s)
				}
			}
			if test.pause != "" {
				q.Pause(test.pause, time.Time{})
			}
			next := q.Send(test.next.typ, test.next.o)
			got := q.Claim(1)
			diff := cmp.Diff(test.want, q.why[next.ID])
			if diff != "" || (len(got) == 1) != (test.want == flow.Wait{}) {
				t.Errorf("handed out: %d, waits for (-want +got)\n%s", len(got), diff)
			}
			if g := q.gate(t, test.want.Gate); g.Parked != 1 && test.want.Gate != "" {
				t.Errorf("before its gate wait %d, want 1", g.Parked)
			}
		})
	}
}

// While groups have a share of GroupTurn in line, all else waits before it, and each that is claimed lets the next go
// behind the other groups'.
func TestGroupsTakeTurns(t *testing.T) {
	q := newQueue(nil)
	for range 3 * flow.GroupTurn {
		q.Send("Job", symphony.DispatchOptions{GroupKey: "a"})
	}
	b := q.Send("Job", symphony.DispatchOptions{GroupKey: "b"})
	line := lineOf(&symphony.Flow{GroupKey: "a"})
	if g := q.gate(t, line); g.Used != flow.GroupTurn || g.Parked != 2*flow.GroupTurn {
		t.Fatalf("in line %d and before it %d", g.Used, g.Parked)
	}
	first := q.Claim(1) // lets another one in, behind the other group's
	got := idsOf(append(first, q.Claim(flow.GroupTurn+1)...))
	if at := slices.Index(got, b.ID); at != flow.GroupTurn || len(got) != flow.GroupTurn+2 {
		t.Errorf("the other group's message is the %d. of %d, want the %d. of %d",
			at+1, len(got), flow.GroupTurn+1, flow.GroupTurn+2)
	}
	if g := q.gate(t, line); g.Used != flow.GroupTurn {
		t.Errorf("in line %d, want %d", g.Used, flow.GroupTurn)
	}
}

// What a delivery's end means for the line of its group.
func TestDepart(t *testing.T) {
	for _, test := range []struct {
		name    string
		ordered bool
		outcome symphony.Outcome
		earlier symphony.Outcome // of an attempt before, 0: none
		length  int              // of the line afterwards
		next    bool             // the next message is handed out
	}{
		{"of turns, acked", false, symphony.Ack, 0, 1, true},
		{"of turns, failed", false, symphony.Fail, 0, 1, true},
		{"of turns, retried", false, symphony.Retry, 0, 1, true},
		{"of turns, given back untouched", false, symphony.Release, 0, 2, true},
		{"of turns, given back after an attempt", false, symphony.Release, symphony.Retry, 1, true},
		{"ordered, acked", true, symphony.Ack, 0, 1, true},
		{"ordered, failed", true, symphony.Fail, 0, 1, true},
		{"ordered, retried", true, symphony.Retry, 0, 1, false},
		{"ordered, given back", true, symphony.Release, 0, 1, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			q := newQueue(nil)
			o := symphony.DispatchOptions{GroupKey: "g", Ordered: test.ordered}
			first, second := q.Send("Job", o), q.Send("Job", o)
			settle := func(outcome symphony.Outcome, delay time.Duration) {
				got := q.Claim(1)
				if len(got) != 1 || got[0].ID != first.ID {
					t.Fatalf("got %v, want %s", idsOf(got), first.ID)
				}
				if err := q.Settle(got[0], symphony.Settlement{Outcome: outcome, Delay: delay}); err != nil {
					t.Fatal(err)
				}
			}
			if test.earlier != 0 {
				settle(test.earlier, 0)
				q.messages[1].Available = q.messages[2].Available.Add(-time.Second) // it is first again
			}
			settle(test.outcome, time.Minute)
			line := lineOf(&symphony.Flow{GroupKey: "g", Ordered: test.ordered})
			if g := q.gate(t, line); g.Used != test.length {
				t.Errorf("in line %d, want %d", g.Used, test.length)
			}
			if got := idsOf(q.Claim(1)); slices.Contains(got, second.ID) != test.next {
				t.Errorf("got %v", got)
			}
		})
	}
}

// As many are let in as have left, so that what is in the lane can be handed out.
func TestDepartLetsInAsManyAsLeave(t *testing.T) {
	q := newQueue(limitOf(t, "Two", flow.Limit{Concurrency: 2}))
	for range 6 {
		q.Send("Two", symphony.DispatchOptions{})
	}
	held := q.Claim(6)
	if len(held) != 2 {
		t.Fatalf("%d are in hand, want 2", len(held))
	}
	for i, d := range held {
		if err := q.Settle(d, symphony.Settlement{Outcome: symphony.Ack}); err != nil {
			t.Fatal(err)
		}
		if g := q.gate(t, "type:Two"); g.Parked != 3-i || g.Used != 1-i {
			t.Errorf("after %d acks %d wait and %d are in hand", i+1, g.Parked, g.Used)
		}
	}
	if got := q.Claim(6); len(got) != 2 {
		t.Errorf("%d are in hand, want 2", len(got))
	}
}

// Nobody is let in for one who leaves before the rate allows it: he would only be parked again.
func TestDepartHeedsRates(t *testing.T) {
	q := newQueue(limitOf(t, "T", flow.Limit{Rate: flow.Rate{Count: 1, Per: time.Second}}))
	for range 2 {
		q.Send("T", symphony.DispatchOptions{})
	}
	d := q.Claim(2)[0]
	for after, want := range map[time.Duration]int{time.Second - time.Microsecond: 1, time.Second: 0} {
		at := *q
		at.gates, at.messages = maps.Clone(q.gates), make(map[int]*message)
		for number, m := range q.messages {
			copied := *m
			at.messages[number] = &copied
		}
		at.Advance(after)
		if err := at.Settle(d, symphony.Settlement{Outcome: symphony.Ack}); err != nil {
			t.Fatal(err)
		}
		if g := at.gate(t, "type:T"); g.Parked != want {
			t.Errorf("%s after the first start %d wait, want %d", after, g.Parked, want)
		}
	}
}

// The messages of an ordered group are in the order of their times. One whose time has not come holds nobody up, and
// one whose time has come is not overtaken, even before anybody has noticed.
func TestOrderIsThatOfTimes(t *testing.T) {
	q := newQueue(nil)
	o := symphony.DispatchOptions{GroupKey: "g", Ordered: true}
	delayed := o
	delayed.Delay = time.Minute
	later, now := q.Send("Job", delayed), q.Send("Job", o)
	handle := func(want string) {
		t.Helper()
		got := q.Claim(1)
		if len(got) != 1 || got[0].ID != want {
			t.Fatalf("got %v, want %s", idsOf(got), want)
		}
		if err := q.Settle(got[0], symphony.Settlement{Outcome: symphony.Ack}); err != nil {
			t.Fatal(err)
		}
	}
	handle(now.ID)
	q.Advance(time.Hour)
	last := q.Send("Job", o)
	handle(later.ID)
	handle(last.ID)
}

// A claim parks no more than so many messages, and goes on in the next.
func TestClaimsParkInPortions(t *testing.T) {
	q := newQueue(nil)
	q.Pause("Mail", time.Time{})
	for range 1500 {
		q.Send("Mail", symphony.DispatchOptions{})
	}
	for _, want := range []int{1000, 1500} {
		if got := q.Claim(10); len(got) != 0 {
			t.Fatalf("got %d of a paused type", len(got))
		}
		if g := q.gate(t, "held:7:default:Mail"); g.Parked != want {
			t.Errorf("%d wait, want %d", g.Parked, want)
		}
	}
	q.Advance(30 * time.Second)
	q.control()
	if g := q.gate(t, "held:7:default:Mail"); g.Parked != 1500 || !g.Wake.Equal(q.now.Add(30*time.Second)) {
		t.Errorf("%+v, want all of them there, and a look in 30s", g)
	}
	q.Resume("Mail")
	if g := q.gate(t, "held:7:default:Mail"); g.Parked != 500 || !g.Wake.Equal(q.now) {
		t.Errorf("%+v, want 500 left, at once", g)
	}
	if got := q.Claim(symphony.MaxReceive); len(got) != 1500 {
		t.Errorf("got %d, want all", len(got))
	}
}

// A gate before which something waits is looked at when its rate opens, and else now and then.
func TestWake(t *testing.T) {
	limit := func(l flow.Limit) *flow.Limits { return limitOf(t, "T", l) }
	q := newQueue(limit(flow.Limit{Concurrency: 1}))
	for range 4 {
		q.Send("T", symphony.DispatchOptions{})
	}
	q.Claim(4)
	if g := q.gate(t, "type:T"); !g.Wake.Equal(q.now.Add(30 * time.Second)) {
		t.Errorf("woken in %s, want in 30s", g.Wake.Sub(q.now))
	}
	q.limits = limit(flow.Limit{Concurrency: 3})
	q.inForce = q.limits
	q.Advance(29 * time.Second)
	if got := q.Claim(4); len(got) != 0 {
		t.Errorf("got %d before the gate is looked at", len(got))
	}
	q.Advance(time.Second - time.Millisecond)
	if q.messages[1].until = q.now.Add(time.Minute); len(q.Claim(4)) != 0 {
		t.Error("got messages before the gate is looked at")
	}
	q.Advance(time.Millisecond)
	if got := q.Claim(4); len(got) != 2 {
		t.Errorf("got %d with the limit raised to 3, want 2 more", len(got))
	}
	q = newQueue(limit(flow.Limit{Rate: flow.Rate{Count: 3, Per: time.Second, Burst: 1}}))
	q.Send("T", symphony.DispatchOptions{})
	q.Send("T", symphony.DispatchOptions{})
	opens := q.now.Add(333333334 * time.Nanosecond)
	q.Claim(2)
	if g := q.gate(t, "type:T"); g.Wake.Before(opens) || g.Wake.Sub(opens) > time.Microsecond {
		t.Errorf("woken in %s, want within a microsecond after it opens", g.Wake.Sub(q.now))
	}
}

// A message that is the last to leave a gate takes the gate with it, unless a rate is to be remembered.
func TestGatesGoAway(t *testing.T) {
	for name, test := range map[string]struct {
		limit flow.Limit
		kept  bool
	}{
		"concurrency": {flow.Limit{Concurrency: 1}, false},
		"rate":        {flow.Limit{Rate: flow.Rate{Count: 1, Per: time.Minute}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			q := newQueue(limitOf(t, "T", test.limit))
			q.Send("T", symphony.DispatchOptions{})
			q.Settle(q.Claim(1)[0], symphony.Settlement{Outcome: symphony.Ack})
			if _, kept := q.gates["type:T"]; kept != test.kept {
				t.Errorf("kept: %t", kept)
			}
			q.Advance(time.Minute + time.Second)
			q.Claim(1)
			if len(q.gates) != 0 {
				t.Errorf("gates %v are left when the rate is forgotten", q.gates)
			}
		})
	}
}

// A storage at a distance is asked once for many.
func TestEngineAsksForManyAtOnce(t *testing.T) {
	q := newQueue(nil)
	var batch []symphony.Outgoing
	for i := range 100 {
		batch = append(batch, outgoing("Job", symphony.DispatchOptions{GroupKey: fmt.Sprint(i % 10), Ordered: i%2 == 0,
			ThrottleKey: fmt.Sprint("t", i), ConcurrencyKey: fmt.Sprint("k", i)}))
	}
	once := func(doing string, want map[string]int, do func()) {
		t.Helper()
		clear(q.asked)
		do()
		if diff := cmp.Diff(want, q.asked); diff != "" {
			t.Errorf("%s: calls of the store (-want +got)\n%s", doing, diff)
		}
	}
	once("dispatch", map[string]int{"holders": 1, "gates": 1, "park": 1, "save": 1}, func() { q.sendAll(batch...) })
	var ends []flow.Departure
	for _, d := range q.Claim(100) {
		ends = append(ends, flow.Departure{Pass: q.messages[d.Lease.Index].pass, Outcome: symphony.Ack, Attempt: 1})
		delete(q.messages, d.Lease.Index)
	}
	once("settle", map[string]int{"gates": 1, "unpark": 1, "save": 1}, func() {
		q.transact(func(e *flow.Engine[int]) error { return e.Depart(ends) })
	})
	if err := q.check(); err != nil {
		t.Error(err)
	}
}
