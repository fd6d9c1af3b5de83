package symphony

import "time"

// Clock tells the time and makes timers. Transports and workers take one, so that tests decide what time it is.
// Implementations are safe for concurrent use.
type Clock interface {
	// Now is the time of day. It jumps when the machine's clock is set.
	Now() time.Time
	// Read is Now together with the time that has passed since a moment that stays the same for this Clock. Setting the
	// machine's clock does not move the latter, so durations are taken from it. Both are of one instant: when their
	// difference changes, the clock was set, or the machine slept.
	Read() (now time.Time, elapsed time.Duration)
	// NewTimer makes a timer that fires once, d from now, whatever the machine's clock is set to meanwhile.
	NewTimer(d time.Duration) Timer
}

// Timer is a running timer of a Clock.
type Timer interface {
	// C delivers one value when the timer fires.
	C() <-chan time.Time
	// Stop ends the timer. It is safe to call more than once.
	Stop()
}

// Elapsed is what a clock reads besides the time of day.
func Elapsed(c Clock) time.Duration {
	_, elapsed := c.Read()
	return elapsed
}

// timekeeper is a storage that has a clock of its own; see StoreClock.
type timekeeper interface {
	StoreTime() time.Time
}

// StoreClock is the clock by which whatever a storage keeps is made and judged. A storage that has a clock of its own, such
// as that of its server, has a method StoreTime() time.Time: what that clock shows, as far as this process knows. It costs no
// more than reading a clock, setting the machine's clock does not move it, and it is safe for concurrent use. Now is that
// time, and base's where the storage has none. What has elapsed, and timers, are those of base.
func StoreClock(storage any, base Clock) Clock {
	if k, ok := storage.(timekeeper); ok {
		return storeClock{base, k}
	}
	return base
}

type storeClock struct {
	Clock
	keeper timekeeper
}

func (c storeClock) Now() time.Time { return c.keeper.StoreTime() }

func (c storeClock) Read() (time.Time, time.Duration) { return c.keeper.StoreTime(), Elapsed(c.Clock) }

// SystemClock is the machine's clock, the default everywhere. What it says has elapsed is counted from this call.
func SystemClock() Clock { return systemClock{time.Now()} }

type systemClock struct{ start time.Time }

func (systemClock) Now() time.Time { return time.Now() }

func (s systemClock) Read() (time.Time, time.Duration) {
	now := time.Now()
	return now, now.Sub(s.start) // both have a monotonic reading, which is what Sub goes by
}

func (systemClock) NewTimer(d time.Duration) Timer { return systemTimer{time.NewTimer(d)} }

type systemTimer struct{ t *time.Timer }

func (s systemTimer) C() <-chan time.Time { return s.t.C }
func (s systemTimer) Stop()               { s.t.Stop() }
