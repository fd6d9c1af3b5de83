package worker

import (
	"math"
	"time"

	"github.com/symphony-messenger/symphony"
)

// How far ahead of the handlers the worker claims: what they get through in prefetchSpan, at most maxPrefetch. That is
// long enough to hide the way to the storage and to claim fast messages by the thousand, and short enough that a
// message of high priority does not wait behind what was claimed before it. Handlers that take slowHandler or longer
// get nothing ahead: other workers may be free to take it.
const (
	prefetchSpan = 50 * time.Millisecond
	maxPrefetch  = symphony.MaxReceive
	slowHandler  = time.Second
	// paceWeight is how many of the latest messages make up the mean, about.
	paceWeight = 16
)

// pace is how fast handlers are. The zero value knows nothing, and claims nothing ahead.
type pace struct {
	mean  float64 // duration of a handler, in ns
	known bool
}

// add takes note of a handler's duration.
func (p *pace) add(d time.Duration) {
	if !p.known {
		p.mean, p.known = float64(d), true
		return
	}
	p.mean += (float64(d) - p.mean) / paceWeight
}

// slow takes note that messages waited for slowHandler without being started.
func (p *pace) slow() { p.mean, p.known = max(p.mean, float64(slowHandler)), true }

// prefetch is how many messages to claim ahead for so many handlers.
func (p *pace) prefetch(handlers int) int {
	if !p.known || p.mean >= float64(slowHandler) {
		return 0
	}
	// The comparison is in floating point: a mean of next to nothing makes the quotient overflow.
	if n := math.Ceil(float64(handlers) * float64(prefetchSpan) / p.mean); n < maxPrefetch {
		return int(n)
	}
	return maxPrefetch
}
