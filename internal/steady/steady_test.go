package steady_test

import (
	"testing"
	"time"

	"github.com/symphony-messenger/symphony/internal/steady"
	"github.com/symphony-messenger/symphony/symphonytest/testclock"
)

func TestClock(t *testing.T) {
	start := time.Date(2026, 11, 23, 12, 0, 0, 123_456_789, time.UTC)
	machine := testclock.New(start)
	c := steady.New(machine, 0)
	check := func(what string, since, ahead, set time.Duration) {
		t.Helper()
		r := c.Look()
		if got := start.Add(since).UnixMicro(); c.Now() != got || r.Now != got {
			t.Errorf("%s: steady time is %d and %d, want %d", what, c.Now(), r.Now, got)
		}
		if r.Wall != machine.Now().UnixMicro() || r.Set != set || c.Ahead() != ahead.Microseconds() {
			t.Errorf("%s: read %+v and %d ahead, want %s set and %s ahead", what, r, c.Ahead(), set, ahead)
		}
		c.Notice(r)
	}
	check("at first", 0, 0, 0)
	machine.Advance(time.Minute)
	check("a minute later", time.Minute, 0, 0)
	machine.Step(-time.Hour)
	check("set back", time.Minute, 0, -time.Hour)
	check("set back, noticed", time.Minute, time.Hour, 0)
	machine.Step(2 * time.Hour)
	check("set forward", time.Minute, time.Hour, 2*time.Hour)
	machine.Advance(time.Second)
	machine.Step(steady.Step - time.Millisecond)
	check("set by little", time.Minute+time.Second, -time.Hour, 0)
}

// A storage that is opened again goes on from where it stood, wherever the machine's clock stands by then.
func TestNew(t *testing.T) {
	start := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct{ stood, begins time.Duration }{
		"the machine's clock went on":   {-time.Minute, 0},
		"the machine's clock went back": {time.Hour, time.Hour},
	} {
		c := steady.New(testclock.New(start), start.Add(test.stood).UnixMicro())
		if want := start.Add(test.begins).UnixMicro(); c.Now() != want || c.Ahead() != test.begins.Microseconds() {
			t.Errorf("%s: begins at %d, %d ahead, want %d", name, c.Now(), c.Ahead(), want)
		}
	}
}
