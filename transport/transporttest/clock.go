package transporttest

import (
	"sync"
	"time"

	"github.com/symphony-messenger/symphony"
)

// Clock is a clock that moves when told to. Safe for concurrent use.
type Clock struct {
	mu     sync.Mutex
	now    time.Time
	timers map[*timer]struct{}
	wanted map[int64]chan struct{} // by the time of a timer, ns since 1970
}

type timer struct {
	clock *Clock
	at    time.Time
	c     chan time.Time
}

// NewClock makes a clock that stands at a time.
func NewClock(start time.Time) *Clock {
	return &Clock{now: start, timers: make(map[*timer]struct{}), wanted: make(map[int64]chan struct{})}
}

// Now is the time at which the clock stands.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock on and fires the timers whose time has come.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	for t := range c.timers {
		if !t.at.After(c.now) {
			t.c <- c.now
			delete(c.timers, t)
		}
	}
}

// NewTimer makes a timer that fires when the clock has been moved on by d.
func (c *Clock) NewTimer(d time.Duration) symphony.Timer {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := &timer{clock: c, at: c.now.Add(d), c: make(chan time.Time, 1)}
	if d <= 0 {
		t.c <- c.now
	} else {
		c.timers[t] = struct{}{}
	}
	if set := c.wanted[t.at.UnixNano()]; set != nil {
		close(set)
		delete(c.wanted, t.at.UnixNano())
	}
	return t
}

// TimerAt returns a channel that is closed when the next timer for a time is set.
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
