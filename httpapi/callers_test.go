package httpapi

import (
	"fmt"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/auth"
	"github.com/symphony-messenger/symphony/flow"
)

func codeOf(err error) string { return describe(err).code }

func TestPlaces_are_shared_fairly(t *testing.T) {
	p := newPlaces(16, "runs", errTooManyConsumers)
	take := func(who string) error { return p.take(caller{auth.KindAPIKey, who}) }
	for _, step := range []struct {
		who string
		got int
	}{{"a", 8}, {"b", 4}, {"c", 2}, {"d", 1}, {"e", 1}} {
		for i := range step.got {
			if err := take(step.who); err != nil {
				t.Fatalf("place %d of %s: %v", i+1, step.who, err)
			}
		}
		want := "rate_limited"
		if step.who == "e" {
			want = "too_many_consumers"
		}
		if got := codeOf(take(step.who)); got != want {
			t.Errorf("one more than the share of %s: %s, want %s", step.who, got, want)
		}
	}
	p.leave(caller{auth.KindAPIKey, "a"})
	if got := codeOf(take("a")); got != "rate_limited" {
		t.Errorf("the last free place for who has 7: %s, want rate_limited", got)
	}
	if err := take("newcomer"); err != nil {
		t.Errorf("the last free place for a newcomer: %v", err)
	}
	if got := codeOf(p.take(caller{auth.KindUser, "a"})); got != "too_many_consumers" {
		t.Errorf("when all are taken: %s, want too_many_consumers", got)
	}
}

// TakeReceivers takes all places of calls that wait for messages, until leave is called.
func (a *API) TakeReceivers() (leave func()) {
	var all []caller
	for who := (caller{auth.KindAPIKey, "other 0"}); a.receivers.take(who) == nil; {
		all = append(all, who)
		who.id = fmt.Sprint("other ", len(all))
	}
	return func() {
		for _, who := range all {
			a.receivers.leave(who)
		}
	}
}

// TakeShare takes as many places of calls that wait for messages as an API key may have, until leave is called.
func (a *API) TakeShare(keyID string) (leave func()) {
	who, n := caller{auth.KindAPIKey, keyID}, 0
	for a.receivers.take(who) == nil {
		n++
	}
	return func() {
		for range n {
			a.receivers.leave(who)
		}
	}
}

func TestPlaces_forget_who_has_none(t *testing.T) {
	p := newPlaces(4, "runs", errTooManyConsumers)
	for i := range 1000 {
		who := caller{auth.KindUser, fmt.Sprint(i)}
		if err := p.take(who); err != nil {
			t.Fatal(err)
		}
		p.leave(who)
	}
	if len(p.held) != 0 || p.count() != 0 {
		t.Errorf("%d callers are remembered and %d places taken, want none", len(p.held), p.count())
	}
}

func TestCallers_remember_a_bounded_number(t *testing.T) {
	l := newCallers(flow.Rate{Count: 1, Per: 24 * time.Hour}, symphony.SystemClock())
	busy := caller{auth.KindAPIKey, "busy"}
	if err := l.admit(busy); err != nil {
		t.Fatal(err)
	}
	for i := range 3 * maxCallers {
		if err := l.admit(caller{auth.KindUser, fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
		if i%1000 == 0 {
			if got := codeOf(l.admit(busy)); got != "rate_limited" {
				t.Fatalf("after %d others who calls all the time has a new burst: %s", i, got)
			}
		}
	}
	if got := len(l.young) + len(l.old); got > 2*maxCallers {
		t.Errorf("%d callers are remembered, want at most %d", got, 2*maxCallers)
	}
}

func TestCallers_burst(t *testing.T) {
	for _, tc := range []struct {
		rate flow.Rate
		want int
	}{
		{flow.Rate{Count: 100, Per: time.Second}, 100},
		{flow.Rate{Count: 30, Per: time.Minute}, 1},
		{flow.Rate{Count: 30, Per: time.Minute, Burst: 7}, 7},
	} {
		if got := newCallers(tc.rate, symphony.SystemClock()).burst; got != tc.want {
			t.Errorf("%+v: burst %d, want %d", tc.rate, got, tc.want)
		}
	}
}

func TestNew_refuses_what_is_no_rate(t *testing.T) {
	for _, r := range []flow.Rate{{Count: -1, Per: time.Second}, {Count: 1}, {Burst: 3}, {Count: 1, Per: time.Second, Burst: -1}} {
		if err := validRate(r); err == nil {
			t.Errorf("%+v is accepted", r)
		}
	}
}
