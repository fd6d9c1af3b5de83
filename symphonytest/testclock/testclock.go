// Package testclock has the clock of tests: it stands still until it is moved.
package testclock

import (
	"sync"
	"time"

	"github.com/symphony-messenger/symphony"
)

// Clock is a clock that moves when told to: time passes by Advance, and the time of day is set by Step. Safe for
// concurrent use.
type Clock struct {
	mu      sync.Mutex
	now     time.Time     // the time of day
	elapsed time.Duration // since New
	timers  map[*timer]struct{}
	wanted  map[int64]chan struct{} // by the time of day of a timer, ns since 1970
}

type timer struct {
	clock *Clock
	at    time.Duration // by what has elapsed
	c     chan time.Time
}

// New makes a clock that stands at a time.
func New(start time.Time) *Clock {
	return &Clock{now: start, timers: make(map[*timer]struct{}), wanted: make(map[int64]chan struct{})}
}

// Now is the time at which the clock stands.
func (c *Clock) Now() time.Time {
	now, _ := c.Read()
	return now
}

// Read is the time at which the clock stands, and how far it was advanced since it was made.
func (c *Clock) Read() (time.Time, time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now, c.elapsed
}

// Advance moves the clock on and fires the timers whose time has come.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	c.elapsed += d
	for t := range c.timers {
		if t.at <= c.elapsed {
			t.c <- c.now
			delete(c.timers, t)
		}
	}
}

// Step sets the time of day d later, or earlier if d is negative, as an operator or a time service sets a machine's
// clock. No time passes by it, so no timer fires.
func (c *Clock) Step(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Jump moves the clock on and fires no timer: time has passed, and nobody has noticed yet. The next Advance fires those
// whose time has come.
func (c *Clock) Jump(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	c.elapsed += d
}

// NewTimer makes a timer that fires when the clock has been moved on by d.
func (c *Clock) NewTimer(d time.Duration) symphony.Timer {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := &timer{clock: c, at: c.elapsed + d, c: make(chan time.Time, 1)}
	if d <= 0 {
		t.c <- c.now
	} else {
		c.timers[t] = struct{}{}
	}
	at := c.now.Add(d).UnixNano()
	if set := c.wanted[at]; set != nil {
		close(set)
		delete(c.wanted, at)
	}
	return t
}

// TimerAt returns a channel that is closed when the next timer for a time of day is set.
func (c *Clock) TimerAt(at time.Time) <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	set := c.wanted[at.UnixNano()]
	if set == nil {
		set = make(chan struct{})
		c.wanted[at.UnixNano()] = set
	}
	return set
}

// C delivers the time when the timer fires.
func (t *timer) C() <-chan time.Time { return t.c }

// Stop ends the timer.
func (t *timer) Stop() {
	t.clock.mu.Lock()
	defer t.clock.mu.Unlock()
	delete(t.clock.timers, t)
}
