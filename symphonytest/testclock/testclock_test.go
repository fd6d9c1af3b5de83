package testclock_test

import (
	"testing"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/symphonytest/testclock"
)

func TestClock(t *testing.T) {
	start := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	c := testclock.New(start)
	timer := c.NewTimer(time.Minute)
	fired := func() bool {
		select {
		case <-timer.C():
			return true
		default:
			return false
		}
	}
	c.Step(time.Hour)
	if now, elapsed := c.Read(); !now.Equal(start.Add(time.Hour)) || elapsed != 0 || fired() {
		t.Errorf("a step of the time of day reads %s and %s, timer fired: %t", now, elapsed, fired())
	}
	c.Step(-2 * time.Hour)
	c.Advance(time.Minute)
	if now, elapsed := c.Read(); !now.Equal(start.Add(time.Minute-time.Hour)) || elapsed != time.Minute || !fired() {
		t.Errorf("a minute after a step back the clock reads %s and %s", now, elapsed)
	}
}

func TestSystemClock(t *testing.T) {
	c := symphony.SystemClock()
	before := c.Now()
	now, elapsed := c.Read()
	if now.Before(before) || elapsed < 0 || symphony.Elapsed(c) < elapsed {
		t.Errorf("the clock reads %s and %s after %s", now, elapsed, before)
	}
}
