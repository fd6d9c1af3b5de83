package triage_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/symphonytest"
	"github.com/symphony-messenger/symphony/symphonytest/testclock"
	"github.com/symphony-messenger/symphony/transport/sqlite"
	"github.com/symphony-messenger/symphony/triage"
)

func TestDecision_holds_until_it_ends(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	seen := triage.Group{Failures: 7, FailedID: "b"}
	again := triage.Group{Failures: 8, FailedID: "c"}
	many := triage.Group{Failures: 10, FailedID: "d"}
	ignored := func(until time.Time, n int64) *triage.Decision {
		return &triage.Decision{State: triage.Ignored, Until: until, Count: n, Failures: 7, FailedID: "b"}
	}
	resolved := &triage.Decision{State: triage.Resolved, Failures: 7, FailedID: "b"}
	for name, c := range map[string]struct {
		d         *triage.Decision
		g         triage.Group
		want      triage.State
		regressed bool
	}{
		"nothing":               {nil, seen, triage.Open, false},
		"resolved":              {resolved, seen, triage.Resolved, false},
		"resolved, failed":      {resolved, again, triage.Open, true},
		"ignored":               {ignored(time.Time{}, 0), many, triage.Ignored, false},
		"ignored for a time":    {ignored(now.Add(1), 0), many, triage.Ignored, false},
		"its time is over":      {ignored(now, 0), seen, triage.Open, false},
		"ignored for a number":  {ignored(time.Time{}, 3), again, triage.Ignored, false},
		"its number is reached": {ignored(time.Time{}, 3), many, triage.Open, false},
	} {
		if got, regressed := c.d.Of(&c.g, now); got != c.want || regressed != c.regressed {
			t.Errorf("%s: %s, %t", name, got, regressed)
		}
	}
}

func TestGroups_that_are_resolved_and_fail_again_regress(t *testing.T) {
	ctx, clock := context.Background(), testclock.New(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	tr := symphonytest.Storage(t, sqlite.Options{Clock: clock})
	bus, err := symphony.NewBus([]symphony.Transport{tr}, symphony.BusOptions{})
	if err != nil {
		t.Fatal(err)
	}
	fail := func(text string) {
		t.Helper()
		if _, err := bus.Dispatch(ctx, "Mail", map[string]any{}, symphony.DispatchOptions{}); err != nil {
			t.Fatal(err)
		}
		got, err := tr.Receive(ctx, symphony.ReceiveOptions{})
		if err != nil || len(got) != 1 {
			t.Fatal(len(got), err)
		}
		s := symphony.Settlement{Lease: got[0].Lease, Outcome: symphony.Fail, Error: text, ErrorClass: "x"}
		if errs := tr.Settle(ctx, []symphony.Settlement{s}); errs != nil {
			t.Fatal(errs)
		}
	}
	groups, err := triage.GroupsOf(tr, clock)
	if err != nil {
		t.Fatal(err)
	}
	regressions := func() int {
		t.Helper()
		list, err := groups.Regressions(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	fail("order 1 not found")
	name := triage.Fingerprint("Mail", "x", "order 2 not found")
	if _, _, err := groups.Decide(ctx, name, triage.Decision{State: triage.Resolved, Note: "fixed"}); err != nil {
		t.Fatal(err)
	}
	if fail("another thing"); regressions() != 0 {
		t.Error("a group regresses by the failure of another one")
	}
	if fail("order 3 not found"); regressions() != 1 {
		t.Error("a resolved group that fails again does not regress")
	}
	if _, _, err := groups.Decide(ctx, name, triage.Decision{State: triage.Ignored, Count: 2}); err != nil {
		t.Fatal(err)
	}
	if fail("order 4 not found"); regressions() != 0 {
		t.Error("an ignored group regresses")
	}
	clock.Advance(triage.RememberedFor + time.Hour)
	if err := tr.Housekeep(ctx); err != nil {
		t.Fatal(err)
	}
	if regressions() != 0 {
		t.Error("a forgotten group regresses")
	}
	if d, err := groups.Decided(ctx, name); d != nil || err != nil {
		t.Errorf("of a forgotten group there is %+v, %v", d, err)
	}
}

func TestGroups_refuse_what_cannot_be_decided(t *testing.T) {
	clock := testclock.New(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	groups, err := triage.GroupsOf(symphonytest.Storage(t, sqlite.Options{Clock: clock}), clock)
	if err != nil {
		t.Fatal(err)
	}
	for path, d := range map[string]triage.Decision{
		"note": {Note: strings.Repeat("x", triage.MaxNote+1)}, "until": {Until: clock.Now()}, "count": {Count: -1},
	} {
		var invalid *symphony.ValidationError
		_, _, err := groups.Decide(t.Context(), triage.Other, d)
		if !errors.As(err, &invalid) || len(invalid.Problems) != 1 || invalid.Problems[0].Path != path {
			t.Errorf("%s: %v", path, err)
		}
	}
	for _, name := range []string{"nonsense", triage.Other, triage.Fingerprint("A", "b", "c")} {
		_, _, err := groups.Decide(t.Context(), name, triage.Decision{State: triage.Resolved})
		if !errors.Is(err, symphony.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
