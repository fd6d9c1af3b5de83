package symphony

import "time"

// Clock tells the time and makes timers. Transports and workers take one, so that tests can control time.
// Implementations are safe for concurrent use.
type Clock interface {
	// Now is the time of day. It jumps when the machine's clock is set.
	Now() time.Time
	// Read returns Now, and the time that has elapsed since a fixed moment. Setting the machine's clock does not change
	// the elapsed time, so durations are measured by it. Both are read at the same instant: if their difference
	// changes, the clock was set or the machine was asleep.
	Read() (now time.Time, elapsed time.Duration)
	// NewTimer returns a timer that fires once, after d has elapsed, even if the machine's clock is set in the
	// meantime.
	NewTimer(d time.Duration) Timer
}

// Timer is a running timer of a Clock.
type Timer interface {
	// C delivers one value when the timer fires.
	C() <-chan time.Time
	// Stop ends the timer. It is safe to call more than once.
	Stop()
}

// Elapsed returns the elapsed time of c.Read.
func Elapsed(c Clock) time.Duration {
	_, elapsed := c.Read()
	return elapsed
}

// timekeeper is a storage that has a clock of its own; see StoreClock.
type timekeeper interface {
	StoreTime() time.Time
}

// StoreClock returns the clock that governs what a storage keeps. A storage with a clock of its own, such as a database
// server's, has a method StoreTime() time.Time that returns what that clock shows, as far as this process knows; it
// must be cheap, safe for concurrent use, and unaffected by setting the machine's clock. Now is then that time; without
// such a method it is base's. Elapsed time and timers are always base's.
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

// SystemClock returns the machine's clock, the default everywhere. Its elapsed time counts from this call.
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
