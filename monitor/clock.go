package monitor

import (
	"fmt"
	"sync"
	"time"

	"github.com/symphony-messenger/symphony"
)

// clockStep is from which difference on the machine's clock counts as set, and clockNews how long that is told.
const (
	clockStep = time.Second
	clockNews = time.Hour
)

// ClockChange is what is known of the machine's clock: by how much it was set, or the machine slept, and how long ago
// that was noticed. By is 0 where it was not within the last hour.
type ClockChange struct {
	By  time.Duration
	Ago time.Duration
}

// clockWatch compares the time of day with what elapses, at each look.
type clockWatch struct {
	machine symphony.Clock

	mu      sync.Mutex
	began   bool
	offset  time.Duration // of the time of day to what has elapsed, at the last change
	by      time.Duration
	noticed time.Duration // by what has elapsed
}

// look reads the clock.
func (c *clockWatch) look() ClockChange {
	now, elapsed := c.machine.Read()
	c.mu.Lock()
	defer c.mu.Unlock()
	offset := time.Duration(now.UnixNano()) - elapsed
	if by := offset - c.offset; c.began && (by >= clockStep || by <= -clockStep) {
		c.by, c.noticed, c.offset = by, elapsed, offset
	}
	if !c.began {
		c.began, c.offset = true, offset
	}
	if c.by == 0 || elapsed-c.noticed >= clockNews {
		return ClockChange{}
	}
	return ClockChange{c.by, elapsed - c.noticed}
}

func clock(s Signals) Check {
	c := Check{Name: CheckClock, Status: Healthy, Message: "the machine's clock was not set lately", Value: millis(s.Clock.By.Abs()), Threshold: millis(clockStep), Unit: "ms"}
	if by := s.Clock.By; by != 0 {
		c.Status = Degraded
		how, then := "set forward, or the machine slept,", "what was scheduled for the time between is due"
		if by < 0 {
			how, then = "set back", "schedules with times of day wait until those come again"
		}
		c.Message = fmt.Sprintf("the machine's clock was %s by %s, which was noticed %s ago on the node that tells this; %s", how, round(by.Abs()), round(s.Clock.Ago), then)
	}
	return c
}
