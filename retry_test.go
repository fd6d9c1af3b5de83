package symphony_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/symphony-messenger/symphony"
)

func TestDecide(t *testing.T) {
	failure := errors.New("failure")
	plain := symphony.Policy{Jitter: symphony.NoJitter}
	retry := func(d time.Duration) symphony.Decision {
		return symphony.Decision{Outcome: symphony.Retry, Delay: d}
	}
	fail := symphony.Decision{Outcome: symphony.Fail}
	for name, test := range map[string]struct {
		policy  symphony.Policy
		attempt int
		err     error
		random  float64
		want    symphony.Decision
	}{
		"success":                      {plain, 1, nil, 0, symphony.Decision{Outcome: symphony.Ack}},
		"success of a last attempt":    {plain, 9, nil, 0, symphony.Decision{Outcome: symphony.Ack}},
		"first attempt":                {plain, 1, failure, 0, retry(time.Second)},
		"second attempt":               {plain, 2, failure, 0, retry(2 * time.Second)},
		"third attempt":                {plain, 3, failure, 0, retry(4 * time.Second)},
		"last attempt":                 {plain, 4, failure, 0, fail},
		"beyond the last attempt":      {plain, 5, failure, 0, fail},
		"no retries":                   {symphony.Policy{MaxRetries: symphony.NoRetries}, 1, failure, 0, fail},
		"permanent":                    {plain, 1, symphony.Permanent(failure), 0, fail},
		"permanent, wrapped":           {plain, 1, fmt.Errorf("handle: %w", symphony.Permanent(failure)), 0, fail},
		"no handler":                   {plain, 1, &symphony.NoHandlerError{Type: "t"}, 0, fail},
		"undecodable":                  {plain, 1, &symphony.DecodeError{Err: failure}, 0, fail},
		"panic":                        {plain, 1, &symphony.PanicError{Value: "x"}, 0, retry(time.Second)},
		"asked to wait":                {plain, 1, symphony.RetryAfter(failure, time.Hour), 0, retry(time.Hour)},
		"asked to wait, wrapped":       {plain, 1, fmt.Errorf("handle: %w", symphony.RetryAfter(failure, time.Hour)), 0, retry(time.Hour)},
		"asked not to wait":            {plain, 1, symphony.RetryAfter(failure, -time.Hour), 0, retry(0)},
		"asked to wait too long":       {plain, 1, symphony.RetryAfter(failure, 1<<62), 0, retry(symphony.MaxRetryDelay)},
		"asked to wait after the last": {plain, 4, symphony.RetryAfter(failure, time.Hour), 0, fail},
		"asked to wait, permanent":     {plain, 1, symphony.Permanent(symphony.RetryAfter(failure, time.Hour)), 0, fail},
		"jitter at its least":          {symphony.Policy{}, 1, failure, 0, retry(900 * time.Millisecond)},
		"jitter in the middle":         {symphony.Policy{}, 1, failure, 0.5, retry(time.Second)},
		"full jitter at its least":     {symphony.Policy{Jitter: 1}, 1, failure, 0, retry(0)},
		"capped":                       {symphony.Policy{MaxRetries: 10, Jitter: symphony.NoJitter}, 6, failure, 0, retry(30 * time.Second)},
		"capped with jitter":           {symphony.Policy{MaxRetries: 10}, 6, failure, 0.999, retry(30 * time.Second)},
		"capped from the beginning":    {symphony.Policy{InitialDelay: time.Hour, MaxDelay: time.Minute}, 1, failure, 0.999, retry(time.Minute)},
		"a power beyond all bounds":    {symphony.Policy{MaxRetries: math.MaxInt, Multiplier: 1e300}, 1 << 40, failure, 0, retry(30 * time.Second)},
		"constant":                     {symphony.Policy{Multiplier: 1, Jitter: symphony.NoJitter}, 3, failure, 0, retry(time.Second)},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, test.policy.Decide(test.attempt, test.err, test.random)); diff != "" {
				t.Errorf("decision (-want +got):\n%s", diff)
			}
		})
	}
}

func drawPolicy(t *rapid.T) symphony.Policy {
	p := symphony.Policy{
		MaxRetries:   rapid.IntRange(symphony.NoRetries, 1000).Draw(t, "max retries"),
		InitialDelay: time.Duration(rapid.Int64Range(0, int64(48*time.Hour)).Draw(t, "initial delay")),
		Multiplier:   rapid.OneOf(rapid.Just(0.0), rapid.Float64Range(1, 1e6)).Draw(t, "multiplier"),
		MaxDelay:     time.Duration(rapid.Int64Range(0, int64(48*time.Hour)).Draw(t, "max delay")),
		Jitter:       rapid.OneOf(rapid.Just(symphony.NoJitter), rapid.Float64Range(0, 1)).Draw(t, "jitter"),
	}
	if err := p.Validate(); err != nil {
		t.Fatalf("%+v is not valid: %v", p, err)
	}
	return p
}

func TestDecide_holds_its_bounds(t *testing.T) {
	failure := errors.New("failure")
	rapid.Check(t, func(t *rapid.T) {
		p := drawPolicy(t)
		attempt := rapid.IntRange(1, 2000).Draw(t, "attempt")
		random := rapid.Float64Range(0, math.Nextafter(1, 0)).Draw(t, "random")
		got := p.Decide(attempt, failure, random)

		d := p.WithDefaults()
		if attempt > p.Retries() {
			if got != (symphony.Decision{Outcome: symphony.Fail}) {
				t.Fatalf("attempt %d of %d retries: %+v, want fail", attempt, p.Retries(), got)
			}
			return
		}
		if got.Outcome != symphony.Retry || got.Delay < 0 || got.Delay > d.MaxDelay {
			t.Fatalf("%+v, want a retry after 0 to %s", got, d.MaxDelay)
		}
		// Within the jitter of the exponential, unless the cap is reached.
		middle := float64(d.InitialDelay) * math.Pow(d.Multiplier, float64(attempt-1))
		jitter := max(d.Jitter, 0)
		least := min(middle*(1-jitter), float64(d.MaxDelay))
		most := min(middle*(1+jitter), float64(d.MaxDelay))
		const rounding = 2
		if f := float64(got.Delay); f < least-rounding || f > most+rounding {
			t.Fatalf("delay %s is not between %s and %s", got.Delay, time.Duration(least), time.Duration(most))
		}
		if attempt < d.MaxRetries {
			if next := p.Decide(attempt+1, failure, random); next.Delay < got.Delay {
				t.Fatalf("attempt %d waits %s, the next only %s", attempt, got.Delay, next.Delay)
			}
		}
	})
}

func TestAdmit(t *testing.T) {
	for name, test := range map[string]struct {
		policy        symphony.Policy
		attempt, lost int
		want          error
	}{
		"first delivery":         {symphony.Policy{}, 1, 0, nil},
		"last allowed delivery":  {symphony.Policy{}, 4, 3, nil},
		"one too many":           {symphony.Policy{}, 5, 4, &symphony.UsedUpError{Attempts: 4, Allowed: 4, Lost: 4}},
		"the only delivery":      {symphony.Policy{MaxRetries: symphony.NoRetries}, 1, 0, nil},
		"one more than the only": {symphony.Policy{MaxRetries: symphony.NoRetries}, 2, 1, &symphony.UsedUpError{Attempts: 1, Allowed: 1, Lost: 1}},
		"a policy that became tighter, after a lost worker": {symphony.Policy{MaxRetries: 1}, 4, 1, &symphony.UsedUpError{Attempts: 3, Allowed: 2, Lost: 1}},
		"a policy that became tighter":                      {symphony.Policy{MaxRetries: 1}, 4, 0, &symphony.UsedUpError{Attempts: 3, Allowed: 2}},
	} {
		t.Run(name, func(t *testing.T) {
			got := test.policy.Admit(&symphony.Delivery{Attempt: test.attempt, Lost: test.lost}, time.Time{})
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSettlement_Reason(t *testing.T) {
	own := symphony.Settlement{Error: "own", ErrorClass: "own_class"}
	untried := own
	untried.Untried = true
	failed, lost := &symphony.Attempt{Error: "last", ErrorClass: "last_class"}, &symphony.Attempt{Error: symphony.LostText, ErrorClass: symphony.LostClass}
	for name, test := range map[string]struct {
		st      symphony.Settlement
		last    *symphony.Attempt
		want    string
		retries int // of the third delivery
	}{
		"an attempt":                          {own, failed, "own own_class", 2},
		"an attempt after none":               {own, nil, "own own_class", 2},
		"not tried after a failure":           {untried, failed, "last last_class", 1},
		"not tried after a worker was lost":   {untried, lost, "own own_class", 1},
		"not tried and never anything before": {untried, nil, "own own_class", 1},
	} {
		text, class := test.st.Reason(test.last)
		if got := text + " " + class; got != test.want || test.st.Retries(3) != test.retries {
			t.Errorf("%s: got %q and %d retries, want %q and %d", name, got, test.st.Retries(3), test.want, test.retries)
		}
	}
	for _, err := range []error{&symphony.UsedUpError{Lost: 1}, &symphony.UsedUpError{}, &symphony.ExpiredError{}, errors.New("of a handler")} {
		var st symphony.Settlement
		symphony.Policy{}.Settle(&st, 1, err, 0)
		if want := err.Error() != "of a handler"; st.Untried != want {
			t.Errorf("%v: untried is %v, want %v", err, st.Untried, want)
		}
	}
}

func TestPolicy_Validate(t *testing.T) {
	for name, test := range map[string]struct {
		policy symphony.Policy
		want   []string
	}{
		"zero":                 {symphony.Policy{}, nil},
		"all off":              {symphony.Policy{MaxRetries: symphony.NoRetries, Jitter: symphony.NoJitter}, nil},
		"all at their ends":    {symphony.Policy{MaxRetries: math.MaxInt, InitialDelay: math.MaxInt64, Multiplier: 1, MaxDelay: 1, Jitter: 1}, nil},
		"negative retries":     {symphony.Policy{MaxRetries: -2}, []string{"max retries -2: must be at least 0"}},
		"negative delays":      {symphony.Policy{InitialDelay: -1}, []string{"delays must not be negative"}},
		"shrinking":            {symphony.Policy{Multiplier: 0.99}, []string{"multiplier 0.99: must be at least 1"}},
		"no number":            {symphony.Policy{Multiplier: math.NaN(), Jitter: math.NaN()}, []string{"multiplier NaN: must be at least 1", "jitter NaN: must be 0 to 1"}},
		"infinite":             {symphony.Policy{Multiplier: math.Inf(1)}, []string{"multiplier +Inf: must be at least 1"}},
		"backoff":              {symphony.Policy{Backoff: "cubic"}, []string{`backoff "cubic": must be exponential, linear or fixed`}},
		"delays":               {symphony.Policy{Delays: []time.Duration{-1, 0, 25 * time.Hour}}, []string{"delay -1ns: must be 0 to 24h0m0s", "delay 25h0m0s: must be 0 to 24h0m0s"}},
		"jitter above 1":       {symphony.Policy{Jitter: 1.01}, []string{"jitter 1.01: must be 0 to 1"}},
		"jitter below 0":       {symphony.Policy{Jitter: -0.5}, []string{"jitter -0.5: must be 0 to 1"}},
		"everything at once":   {symphony.Policy{MaxRetries: -3, MaxDelay: -1, Multiplier: -2, Jitter: 2}, []string{"max retries -3: must be at least 0", "delays must not be negative", "multiplier -2: must be at least 1", "jitter 2: must be 0 to 1"}},
		"jitter without bound": {symphony.Policy{Jitter: math.Inf(-1)}, []string{"jitter -Inf: must be 0 to 1"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			if err := test.policy.Validate(); err != nil {
				got = strings.Split(err.Error(), "\n")
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("mistakes (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPolicy_WithDefaults(t *testing.T) {
	for name, test := range map[string]struct{ policy, want symphony.Policy }{
		"zero": {symphony.Policy{}, symphony.Policy{MaxRetries: 3, Backoff: symphony.Exponential, InitialDelay: time.Second, Multiplier: 2, MaxDelay: 30 * time.Second, Jitter: 0.1}},
		"off": {symphony.Policy{MaxRetries: symphony.NoRetries, Jitter: symphony.NoJitter},
			symphony.Policy{MaxRetries: symphony.NoRetries, Backoff: symphony.Exponential, InitialDelay: time.Second, Multiplier: 2, MaxDelay: 30 * time.Second, Jitter: symphony.NoJitter}},
		"set": {symphony.Policy{MaxRetries: 7, Backoff: symphony.Linear, InitialDelay: 1, Multiplier: 1.5, MaxDelay: 2, Jitter: 1},
			symphony.Policy{MaxRetries: 7, Backoff: symphony.Linear, InitialDelay: 1, Multiplier: 1.5, MaxDelay: 2, Jitter: 1}},
		"as many retries as delays": {symphony.Policy{Delays: []time.Duration{1, 2}}, symphony.Policy{MaxRetries: 2, Delays: []time.Duration{1, 2},
			Backoff: symphony.Exponential, InitialDelay: time.Second, Multiplier: 2, MaxDelay: 30 * time.Second, Jitter: 0.1}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, test.policy.WithDefaults().WithDefaults()); diff != "" {
				t.Errorf("policy (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPolicy_backoff_kinds(t *testing.T) {
	for name, test := range map[string]struct {
		policy symphony.Policy
		want   []time.Duration // after each attempt; then it fails
	}{
		"exponential":               {symphony.Policy{MaxRetries: 4, InitialDelay: time.Second, MaxDelay: 6 * time.Second}, []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 6 * time.Second}},
		"linear":                    {symphony.Policy{Backoff: symphony.Linear, MaxRetries: 4, InitialDelay: 2 * time.Second, MaxDelay: 7 * time.Second}, []time.Duration{2 * time.Second, 4 * time.Second, 6 * time.Second, 7 * time.Second}},
		"fixed":                     {symphony.Policy{Backoff: symphony.Fixed, InitialDelay: 3 * time.Second}, []time.Duration{3 * time.Second, 3 * time.Second, 3 * time.Second}},
		"a list":                    {symphony.Policy{Delays: []time.Duration{0, time.Minute, 2 * time.Hour}}, []time.Duration{0, time.Minute, 2 * time.Hour}},
		"a list whose last repeats": {symphony.Policy{MaxRetries: 4, Delays: []time.Duration{time.Second, time.Minute}}, []time.Duration{time.Second, time.Minute, time.Minute, time.Minute}},
	} {
		t.Run(name, func(t *testing.T) {
			test.policy.Jitter = symphony.NoJitter
			var got []time.Duration
			for attempt := 1; ; attempt++ {
				d := test.policy.Decide(attempt, errors.New("e"), 0.5)
				if d.Outcome != symphony.Retry {
					break
				}
				got = append(got, d.Delay)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("delays (-want +got)\n%s", diff)
			}
		})
	}
}

// What a message says of its retries wins over the policy of its type; what it does not say stays.
func TestPolicy_For_the_terms_of_a_message(t *testing.T) {
	policy := symphony.Policy{MaxRetries: 2, InitialDelay: 5 * time.Second, Jitter: symphony.NoJitter}
	five := []time.Duration{5 * time.Second, 10 * time.Second}
	for name, test := range map[string]struct {
		terms *symphony.Terms
		want  []time.Duration // after each attempt; then it fails
	}{
		"none":            {nil, five},
		"of other things": {&symphony.Terms{Timeout: time.Hour}, five},
		"no retries":      {&symphony.Terms{MaxRetries: new(0)}, nil},
		"one retry":       {&symphony.Terms{MaxRetries: new(1)}, five[:1]},
		"a delay": {&symphony.Terms{RetryDelay: []time.Duration{time.Hour}},
			[]time.Duration{time.Hour, time.Hour}},
		"no delay":        {&symphony.Terms{RetryDelay: []time.Duration{0}}, []time.Duration{0, 0}},
		"a list, in part": {&symphony.Terms{RetryDelay: []time.Duration{1, 2, 3}}, []time.Duration{1, 2}},
		"retries and delays": {&symphony.Terms{MaxRetries: new(3), RetryDelay: []time.Duration{1, 2}},
			[]time.Duration{1, 2, 2}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []time.Duration
			of := policy.For(test.terms)
			for attempt := 1; ; attempt++ {
				d := of.Decide(attempt, errors.New("e"), 0.5)
				if d.Outcome != symphony.Retry {
					break
				}
				got = append(got, d.Delay)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("delays (-want +got)\n%s", diff)
			}
			last := &symphony.Delivery{Attempt: len(test.want) + 2}
			if err := of.Admit(last, time.Time{}); err == nil {
				t.Errorf("attempt %d is admitted", last.Attempt)
			}
		})
	}
}
