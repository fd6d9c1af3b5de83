package retention_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/retention"
)

func hours(n int) *time.Duration { return new(time.Duration(n) * time.Hour) }

func rules(t *testing.T, o retention.Options) *retention.Rules {
	t.Helper()
	r, err := retention.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestPeriod_is_what_is_said_most_specifically(t *testing.T) {
	r := rules(t, retention.Options{
		Default:    retention.Periods{Completed: hours(1)},
		Transports: map[string]retention.Periods{"email": {Completed: hours(2), Failed: hours(2)}},
		Queues:     map[string]retention.Periods{"email/bulk": {Completed: hours(3)}},
		Types: map[string]retention.Periods{"*": {Cancelled: hours(9)}, "A.*": {Completed: hours(4)},
			"A.B.*": {Completed: hours(5), Failed: hours(5)}, "A.B.C": {Failed: new(retention.Forever)}},
	})
	for _, test := range []struct {
		outcome               symphony.Status
		transport, queue, typ string
		own                   *time.Duration
		want                  time.Duration
	}{
		{symphony.Completed, "default", "q", "x", nil, time.Hour},
		{symphony.Failed, "default", "q", "x", nil, retention.Forever},
		{symphony.Cancelled, "default", "q", "x", nil, 9 * time.Hour},
		{symphony.Completed, "email", "q", "x", nil, 2 * time.Hour},
		{symphony.Failed, "email", "bulk", "x", nil, 2 * time.Hour},
		{symphony.Completed, "email", "bulk", "x", nil, 3 * time.Hour},
		{symphony.Completed, "default", "bulk", "x", nil, time.Hour},
		{symphony.Completed, "email", "bulk", "A.x", nil, 4 * time.Hour},
		{symphony.Completed, "email", "bulk", "A", nil, 3 * time.Hour},
		{symphony.Completed, "email", "bulk", "A.B.C", nil, 5 * time.Hour},
		{symphony.Failed, "email", "bulk", "A.B.C", nil, retention.Forever},
		{symphony.Failed, "email", "bulk", "A.B.D", nil, 5 * time.Hour},
		{symphony.Completed, "email", "bulk", "A.B.C", new(time.Duration(0)), 0},
		{symphony.Cancelled, "email", "bulk", "A.B.C", hours(7), 7 * time.Hour},
		{symphony.Failed, "email", "bulk", "A.B.D", hours(7), 5 * time.Hour},
		{symphony.Pending, "email", "bulk", "A.B.D", nil, retention.Forever},
	} {
		e := &symphony.Envelope{Transport: test.transport, Queue: test.queue, Type: test.typ}
		if test.own != nil {
			e.Terms = &symphony.Terms{Retention: test.own}
		}
		if got := r.Period(test.outcome, e); got != test.want {
			t.Errorf("%+v: got %s", test, got)
		}
	}
}

func TestRules_tell_what_they_have_in_common(t *testing.T) {
	r := rules(t, retention.Options{
		Default: retention.Periods{Completed: new(time.Duration(0)), Failed: hours(5)},
		Types:   map[string]retention.Periods{"A": {Failed: hours(2)}, "B": {Failed: new(retention.Forever)}},
	})
	type common struct {
		Ends    []time.Duration
		Longest time.Duration
		Always  bool
		Nothing bool
	}
	for outcome, want := range map[symphony.Status]common{
		symphony.Completed: {[]time.Duration{0}, 0, true, true},
		symphony.Failed:    {[]time.Duration{2 * time.Hour, 5 * time.Hour}, retention.Forever, false, false},
		symphony.Cancelled: {[]time.Duration{24 * time.Hour}, 24 * time.Hour, true, false},
	} {
		_, always := r.Always(outcome)
		got := common{r.Ends(outcome), r.Longest(outcome), always, r.Nothing(outcome)}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", outcome, diff)
		}
	}
}

func TestNew_lists_everything_that_is_wrong(t *testing.T) {
	nine := make(map[string]retention.Periods)
	for i := range 9 {
		nine["T"+string(rune('a'+i))] = retention.Periods{Failed: hours(i + 30)}
	}
	for name, test := range map[string]struct {
		options retention.Options
		want    []string
	}{
		"places and patterns": {
			retention.Options{Types: map[string]retention.Periods{"a*b": {}},
				Queues: map[string]retention.Periods{"mail": {}}},
			[]string{`types: pattern "a*b"`, "queues.mail: must be named transport/queue"},
		},
		"periods out of range": {
			retention.Options{Default: retention.Periods{Completed: new(-time.Second)},
				Types: map[string]retention.Periods{"A": {Failed: new(symphony.MaxRetention + 1)}}},
			[]string{"completed: -1s: must be 0s to 87600h0m0s, or for ever", "types.A.failed: "},
		},
		"too many periods": {
			retention.Options{Types: nine},
			[]string{"10 distinct periods (24h0m0s, 30h0m0s, ", "there may be 8 at most"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := retention.New(test.options)
			if err == nil {
				t.Fatal("taken")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %q, want %q in it", err, want)
				}
			}
		})
	}
	delete(nine, "Ta")
	delete(nine, "Tb") // seven, and the default
	if _, err := retention.New(retention.Options{Types: nine}); err != nil {
		t.Errorf("eight periods: %v", err)
	}
}

func TestOr_takes_what_storages_are_told(t *testing.T) {
	for period, want := range map[time.Duration]time.Duration{0: symphony.DefaultRetention, symphony.KeepNothing: 0,
		time.Hour: time.Hour} {
		r, err := retention.Or(nil, period)
		if err != nil {
			t.Fatal(err)
		}
		for _, outcome := range []symphony.Status{symphony.Completed, symphony.Cancelled} {
			if got, always := r.Always(outcome); got != want || !always {
				t.Errorf("%s, %s: got %s", period, outcome, got)
			}
		}
		if got, always := r.Always(symphony.Failed); got != retention.Forever || !always {
			t.Errorf("%s: failed messages are kept for %s", period, got)
		}
		if same, err := retention.Or(r, 5*time.Hour); same != r || err != nil {
			t.Errorf("rules are not taken as they are: %v", err)
		}
	}
}

func TestAged_lists_those_with_the_most_first(t *testing.T) {
	var a, b retention.Aged
	for i, typ := range []string{"A", "B", "C"} {
		a.Add(retention.Place{Transport: "t", Queue: "q", Type: typ}, int64(i+1))
	}
	b.Add(retention.Place{Transport: "t", Queue: "q", Type: "A"}, 9)
	a.AddAll(b)
	list, rest := a.List(2)
	want := []retention.AgedIn{{Place: retention.Place{Transport: "t", Queue: "q", Type: "A"}, Count: 10},
		{Place: retention.Place{Transport: "t", Queue: "q", Type: "C"}, Count: 3}}
	if !slices.Equal(list, want) || rest != 2 || a.Total() != 15 {
		t.Errorf("got %v and %d more of %d, want %v", list, rest, a.Total(), want)
	}
}
