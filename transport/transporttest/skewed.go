package transporttest

import (
	"sync/atomic"
	"time"

	"github.com/symphony-messenger/symphony"
)

// Skewed is the clock of a machine whose time of day is wrong, and may be set while it runs. Time passes as for its
// base. Safe for concurrent use.
type Skewed struct {
	base symphony.Clock
	by   atomic.Int64 // ns
}

// NewSkewed makes the clock of a machine that is ahead of the system's by d, or behind it if d is negative.
func NewSkewed(d time.Duration) *Skewed {
	s := &Skewed{base: symphony.SystemClock()}
	s.Step(d)
	return s
}

// Step sets the time of day d later, or earlier if d is negative.
func (s *Skewed) Step(d time.Duration) { s.by.Add(int64(d)) }

// Now is the time of day that the machine takes it for.
func (s *Skewed) Now() time.Time {
	now, _ := s.Read()
	return now
}

// Read is Now, and what has really elapsed.
func (s *Skewed) Read() (time.Time, time.Duration) {
	now, elapsed := s.base.Read()
	return now.Round(0).Add(time.Duration(s.by.Load())), elapsed
}

// NewTimer makes a timer that fires when d has really elapsed.
func (s *Skewed) NewTimer(d time.Duration) symphony.Timer { return s.base.NewTimer(d) }
