package flow_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
	"pgregory.net/rapid"
)

func mustLimits(t testing.TB, o flow.LimitOptions) *flow.Limits {
	t.Helper()
	l, err := flow.NewLimits(o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestLimitsSayEveryMistakeAtOnce(t *testing.T) {
	_, err := flow.NewLimits(flow.LimitOptions{
		Types: map[string]flow.TypeLimit{
			"a*b":  {},
			"Mail": {Limit: flow.Limit{Concurrency: -1}, PerKey: flow.Limit{Rate: flow.Rate{Count: 1, Per: time.Microsecond}}},
			"Sms":  {Limit: flow.Limit{Rate: flow.Rate{Count: -2, Per: time.Second}}},
			"Push": {PerKey: flow.Limit{Rate: flow.Rate{Count: 2, Per: time.Second, Burst: 3}}},
		},
		Queues: map[string]flow.Limit{"mail": {Concurrency: 1}},
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"a*b", "type Mail: concurrency -1", "type Mail by key: rate period 1µs", "type Sms: rate count -2", "burst 3", `queue "mail"`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q: %v", want, err)
		}
	}
}

func TestGatesAreThoseOfTypeQueueAndKey(t *testing.T) {
	five, perMinute := flow.Limit{Concurrency: 5}, flow.Limit{Rate: flow.Rate{Count: 60, Per: time.Minute}}
	limits := mustLimits(t, flow.LimitOptions{
		Types: map[string]flow.TypeLimit{
			"Mail.*":   {Limit: five, PerKey: flow.Limit{Concurrency: 2}},
			"Mail.Big": {PerKey: flow.Limit{Concurrency: flow.NoLimit}},
			"a:b":      {PerKey: flow.Limit{Concurrency: 7}},
		},
		Queues: map[string]flow.Limit{"default/slow": perMinute},
	})
	tests := []struct {
		name            string
		limits          *flow.Limits
		typ, queue, key string
		want            []flow.Gate
	}{
		{"none", limits, "Sms", "default", "", nil},
		{"without limits", nil, "Mail.New", "slow", "", nil},
		{"by type", limits, "Mail.New", "default", "", []flow.Gate{{Name: "type:Mail.*", Limit: five}}},
		{"by type, queue and key", limits, "Mail.New", "slow", "k", []flow.Gate{
			{Name: "type:Mail.*", Limit: five}, {Name: "queue:default/slow", Limit: perMinute},
			{Name: "keyed:6:Mail.*:k", Limit: flow.Limit{Concurrency: 2}}}},
		{"the most specific pattern alone applies", limits, "Mail.Big", "default", "k", nil},
		{"one at a time by key where nothing is configured", limits, "Sms", "default", "k",
			[]flow.Gate{{Name: "keyed:0::k", Limit: flow.Limit{Concurrency: 1}}}},
		{"the same without limits", nil, "Sms", "default", "k",
			[]flow.Gate{{Name: "keyed:0::k", Limit: flow.Limit{Concurrency: 1}}}},
		{"colons", limits, "a:b", "default", "k:l", []flow.Gate{{Name: "keyed:3:a:b:k:l", Limit: flow.Limit{Concurrency: 7}}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e := &symphony.Envelope{Type: test.typ, Transport: "default", Queue: test.queue}
			if test.key != "" {
				e.Flow = &symphony.Flow{ConcurrencyKey: test.key}
			}
			got := test.limits.Gates(e)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("gates (-want +got)\n%s", diff)
			}
			for _, g := range got {
				if diff := cmp.Diff(g, test.limits.Gate(g.Name)); diff != "" {
					t.Errorf("gate by name (-want +got)\n%s", diff)
				}
			}
			if want := test.key != "" || len(got) > 0; test.limits.Covers(e) != want {
				t.Errorf("covered: %v, want %v", !want, want)
			}
		})
	}
	if g := limits.Gate("type:Gone"); g.Limit != (flow.Limit{}) {
		t.Errorf("a gate without a limit is %+v, want it open", g)
	}
}

// Whatever types, keys, transports and patterns are called, two of them share a gate only if they are the same.
func TestNoTwoLimitsShareAGate(t *testing.T) {
	part := rapid.StringMatching(`[ab:0-9]{1,4}`)
	rapid.Check(t, func(t *rapid.T) {
		a, b := [2]string{part.Draw(t, "a0"), part.Draw(t, "a1")}, [2]string{part.Draw(t, "b0"), part.Draw(t, "b1")}
		limits, err := flow.NewLimits(flow.LimitOptions{Types: map[string]flow.TypeLimit{a[0]: {}, b[0]: {}}})
		if err != nil {
			t.Fatal(err)
		}
		key := func(p [2]string) string {
			return limits.Gates(&symphony.Envelope{Type: p[0], Flow: &symphony.Flow{ConcurrencyKey: p[1]}})[0].Name
		}
		if (key(a) == key(b)) != (a == b) {
			t.Fatalf("type %q with key %q has gate %q, type %q with key %q has gate %q", a[0], a[1], key(a), b[0], b[1], key(b))
		}
		hold := flow.HoldGate(a[0], a[1])
		if (hold == flow.HoldGate(b[0], b[1])) != (a == b) || hold == key(a) {
			t.Fatalf("the hold of %q has gate %q, that of %q has gate %q", a, hold, b, flow.HoldGate(b[0], b[1]))
		}
		if transport, pattern, ok := flow.CutHoldGate(hold); !ok || transport != a[0] || pattern != a[1] {
			t.Fatalf("%q is %q and %q, %v", hold, transport, pattern, ok)
		}
	})
	for _, name := range []string{"", "held:", "held:3:ab", "held:-1:a:b", "held:9:a:b", "held:1:ab", "keyed:1:a:b", "hold:default:Mail"} {
		if _, _, ok := flow.CutHoldGate(name); ok {
			t.Errorf("%q is taken for the gate of a hold", name)
		}
	}
}

func TestGateHoldsItsConcurrency(t *testing.T) {
	g := flow.Gate{Name: "g", Limit: flow.Limit{Concurrency: 2}}
	var (
		s   flow.GateState
		now = time.Unix(1000, 0)
	)
	for want := 2; want > 0; want-- {
		if got := g.Room(s, now); got != want {
			t.Errorf("room for %d, want %d", got, want)
		}
		s = g.Pass(s, now)
	}
	if got := g.Room(s, now); got != 0 {
		t.Errorf("room for %d in a full gate", got)
	}
	if s = g.Leave(s); g.Room(s, now) != 1 {
		t.Errorf("room for %d after one has left, want 1", g.Room(s, now))
	}
}

// Whatever the times at which messages come, no period has more starts than promised, and a gate that says how many it
// has room for lets so many pass.
func TestRateIsNeverExceeded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := flow.Rate{Count: rapid.IntRange(1, 200).Draw(t, "count"), Per: time.Duration(rapid.IntRange(1, 5000).Draw(t, "per")) * time.Millisecond}
		r.Burst = rapid.IntRange(0, r.Count).Draw(t, "burst")
		burst := r.Burst
		if burst == 0 {
			burst = max(int(50*time.Millisecond*time.Duration(r.Count)/r.Per), 1)
		}
		g := flow.Gate{Name: "g", Limit: flow.Limit{Rate: r}}
		var (
			s      flow.GateState
			now    = time.Unix(1000, 0)
			starts []time.Time
		)
		for range rapid.IntRange(1, 100).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(r.Per)/2).Draw(t, "wait")))
			room := g.Room(s, now)
			if open := !now.Before(g.OpensAt(s)); open != (room > 0) {
				t.Fatalf("room for %d, and opens at %s, now %s", room, g.OpensAt(s), now)
			}
			for range room {
				if g.Room(s, now) == 0 {
					t.Fatal("less room than was said")
				}
				s = g.Pass(s, now)
				starts = append(starts, now)
			}
		}
		for i := range starts {
			n := 0
			for _, at := range starts[i:] {
				if at.Sub(starts[i]) < r.Per {
					n++
				}
			}
			if n > r.Count+burst-1 {
				t.Fatalf("%d starts within %s, want at most %d", n, r.Per, r.Count+burst-1)
			}
		}
	})
}

func TestRateIsReachedByWhoeverComesInTime(t *testing.T) {
	for _, r := range []flow.Rate{{Count: 10, Per: time.Second}, {Count: 7, Per: time.Minute}, {Count: 1000, Per: time.Second}} {
		t.Run(fmt.Sprint(r), func(t *testing.T) {
			g := flow.Gate{Name: "g", Limit: flow.Limit{Rate: r}}
			var s flow.GateState
			now := time.Unix(1000, 0)
			end := now.Add(10 * r.Per)
			n := 0
			for now.Before(end) {
				s = g.Pass(s, now)
				n++
				if at := g.OpensAt(s); at.After(now) {
					now = at
				}
			}
			if n < 10*r.Count-1 {
				t.Errorf("%d starts in ten periods, want about %d", n, 10*r.Count)
			}
		})
	}
}

func TestRate_of_a_third_of_a_second_is_not_exceeded_by_rounding(t *testing.T) {
	g := flow.Gate{Limit: flow.Limit{Rate: flow.Rate{Count: 3, Per: time.Second, Burst: 1}}}
	first := time.Unix(1000, 0)
	var s flow.GateState
	now := first
	for range 3 {
		s = g.Pass(s, now)
		now = g.OpensAt(s)
	}
	if took := now.Sub(first); took < time.Second {
		t.Errorf("the fourth start is due after %s, want at least a second", took)
	}
}

func TestRate_saves_nothing_up_in_a_pause(t *testing.T) {
	g := flow.Gate{Limit: flow.Limit{Rate: flow.Rate{Count: 10, Per: time.Second, Burst: 2}}}
	s := g.Pass(flow.GateState{}, time.Unix(1000, 0))
	now := time.Unix(5000, 0)
	for want := 2; want >= 0; want-- {
		if got := g.Room(s, now); got != want {
			t.Errorf("room for %d after a pause, want %d", got, want)
		}
		s = g.Pass(s, now)
	}
}

func TestGate_that_is_empty_cannot_be_left(t *testing.T) {
	if s := (flow.Gate{}).Leave(flow.GateState{}); s.Used != 0 {
		t.Errorf("%d places are used, want 0", s.Used)
	}
}
