package symphony

import "time"

// Clock tells the time and makes timers. Transports and workers take one, so that tests decide what time it is.
// Implementations are safe for concurrent use.
type Clock interface {
	Now() time.Time
	// NewTimer makes a timer that fires once, d from now.
	NewTimer(d time.Duration) Timer
}

// Timer is a running timer of a Clock.
type Timer interface {
	// C delivers one value when the timer fires.
	C() <-chan time.Time
	// Stop ends the timer. It is safe to call more than once.
	Stop()
}

// SystemClock is the machine's clock, the default everywhere.
func SystemClock() Clock { return systemClock{} }

type systemClock struct{}

func (systemClock) Now() time.Time                 { return time.Now() }
func (systemClock) NewTimer(d time.Duration) Timer { return systemTimer{time.NewTimer(d)} }

type systemTimer struct{ t *time.Timer }

func (s systemTimer) C() <-chan time.Time { return s.t.C }
func (s systemTimer) Stop()               { s.t.Stop() }
