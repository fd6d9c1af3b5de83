// Package steady is the time of a storage that lives in one process: a time of day that never goes back and never
// jumps.
//
// It begins at the time of day, or where the storage stood when it was closed if that is later, and goes on by what
// elapses, whatever the machine's clock is set to meanwhile. What lasts a while (leases, pauses between attempts, the
// order of those who wait) is kept in steady time. What has a time of day (a message scheduled for nine o'clock) is
// judged by the machine's clock: it is kept in steady time by how far that is ahead, and moved when the machine's clock
// is set.
package steady

import (
	"sync/atomic"
	"time"
)

// Step is from which difference on the machine's clock counts as set. Below it, times of day are that inexact.
const Step = 250 * time.Millisecond

// Machine is the machine's clock, as symphony.Clock reads it.
type Machine interface {
	Read() (now time.Time, elapsed time.Duration)
}

// Clock is a steady clock. Its times are microseconds since 1970. Safe for concurrent use, but for Notice.
type Clock struct {
	clock Machine
	start int64 // nanoseconds of steady time when from had elapsed
	from  time.Duration
	ahead atomic.Int64 // microseconds
}

// New makes a clock that begins at the time of day, but not before atLeast, in microseconds.
func New(clock Machine, atLeast int64) *Clock {
	now, elapsed := clock.Read()
	c := &Clock{clock: clock, start: now.UnixNano(), from: elapsed}
	if now.UnixMicro() < atLeast {
		c.start = atLeast * int64(time.Microsecond)
	}
	c.ahead.Store(c.measure(now, elapsed))
	return c
}

func (c *Clock) at(elapsed time.Duration) int64 {
	return (c.start + int64(elapsed-c.from)) / int64(time.Microsecond)
}

// measure is how far steady time is ahead of the time of day.
func (c *Clock) measure(now time.Time, elapsed time.Duration) int64 {
	return (c.start + int64(elapsed-c.from) - now.UnixNano()) / int64(time.Microsecond)
}

// Now is the steady time.
func (c *Clock) Now() int64 {
	_, elapsed := c.clock.Read()
	return c.at(elapsed)
}

// Ahead is by how much steady time is ahead of the time of day, as Notice has found it. A time of day plus that is the
// steady time at which it comes.
func (c *Clock) Ahead() int64 { return c.ahead.Load() }

// Reading is one look at the clock.
type Reading struct {
	Now  int64 // steady
	Wall int64 // the time of day
	// Set is how far the machine's clock was set forward since the last look, 0 if it was not.
	Set   time.Duration
	ahead int64
}

// Look reads the clock. What it finds of the machine's clock counts from Notice on.
func (c *Clock) Look() Reading {
	now, elapsed := c.clock.Read()
	r := Reading{Now: c.at(elapsed), Wall: now.UnixMicro(), ahead: c.measure(now, elapsed)}
	if set := time.Duration(c.ahead.Load()-r.ahead) * time.Microsecond; set >= Step || set <= -Step {
		r.Set = set
	}
	return r
}

// Notice makes Ahead say what a look has found.
func (c *Clock) Notice(r Reading) { c.ahead.Store(r.ahead) }
