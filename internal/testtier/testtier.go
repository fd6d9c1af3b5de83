// Package testtier says how much of the tests a run is to do.
//
// There are three tiers, each with all of the one before: Daily is what "make test" runs while somebody works, CI what
// must pass before a change is taken ("make ci"), Full what takes long and is run before a release ("make ci-full").
// TEST_TIER names the tier: daily, ci or full. Without it a run is CI.
//
// A test leaves something to a higher tier only because of what it costs, and says so with Needs or Pick.
package testtier

import (
	"fmt"
	"os"
	"testing"
)

// Tier is how much is tested.
type Tier int

// The tiers, the least first.
const (
	Daily Tier = iota
	CI
	Full
)

// environment names the variable that chooses the tier.
const environment = "TEST_TIER"

var names = [...]string{"daily", "ci", "full"}

// String returns the name that the environment has for the tier.
func (t Tier) String() string { return names[t] }

// Current returns the tier of this run. A name that it does not know fails the test.
func Current(t testing.TB) Tier {
	t.Helper()
	tier, err := parse(os.Getenv(environment))
	if err != nil {
		t.Fatal(err)
	}
	return tier
}

// parse reads the name of a tier; without one it is CI.
func parse(name string) (Tier, error) {
	if name == "" {
		return CI, nil
	}
	for i, n := range names {
		if n == name {
			return Tier(i), nil
		}
	}
	return 0, fmt.Errorf("%s is %q: it must be daily, ci or full", environment, name)
}

// Needs leaves the test to runs of a tier or of a higher one.
func Needs(t testing.TB, tier Tier) {
	t.Helper()
	if now := Current(t); now < tier {
		t.Skipf("left to a run with %s=%s, this one is %s", environment, tier, now)
	}
}

// Pick returns the value for the tier of this run, such as a number of rounds.
func Pick[T any](t testing.TB, daily, ci, full T) T {
	t.Helper()
	return [...]T{daily, ci, full}[Current(t)]
}
