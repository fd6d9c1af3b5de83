package testtier

import (
	"runtime"
	"testing"
)

func TestParse(t *testing.T) {
	for name, want := range map[string]Tier{"": CI, "daily": Daily, "ci": CI, "full": Full} {
		if got, err := parse(name); err != nil || got != want {
			t.Errorf("%q is %v, %v; want %v", name, got, err, want)
		}
	}
	if _, err := parse("Full"); err == nil || err.Error() != `TEST_TIER is "Full": it must be daily, ci or full` {
		t.Errorf("got %v", err)
	}
}

func TestPick(t *testing.T) {
	for _, tier := range []Tier{Daily, CI, Full} {
		t.Setenv(environment, tier.String())
		if got := Pick(t, Daily, CI, Full); got != tier {
			t.Errorf("%v picks what is for %v", tier, got)
		}
	}
}

func TestNeeds(t *testing.T) {
	for _, needed := range []Tier{Daily, CI, Full} {
		for _, tier := range []Tier{Daily, CI, Full} {
			t.Run(needed.String()+" in "+tier.String(), func(t *testing.T) {
				t.Setenv(environment, tier.String())
				ran := false
				// In a goroutine of its own, which leaving ends.
				var probe skipped
				done := make(chan struct{})
				go func() {
					defer close(done)
					probe.TB = t
					Needs(&probe, needed)
					ran = true
				}()
				<-done
				if ran != (tier >= needed) || probe.skips == ran {
					t.Errorf("ran is %t", ran)
				}
			})
		}
	}
}

// skipped notes that a test is left, and does not leave the real one.
type skipped struct {
	testing.TB
	skips bool
}

func (s *skipped) Helper() {}

func (s *skipped) Skipf(string, ...any) {
	s.skips = true
	runtime.Goexit()
}
