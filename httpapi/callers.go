package httpapi

import (
	"fmt"
	"sync"
	"time"

	limits "golang.org/x/time/rate"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/auth"
	"github.com/symphony-messenger/symphony/flow"
)

// caller tells callers apart where each has a share of something.
type caller struct {
	kind auth.Kind
	id   string
}

func callerOf(p auth.Principal) caller { return caller{p.Kind, p.ID} }

// places are what calls hold that last: runs of consume, long polls, streams of events. A caller may take one while it
// holds fewer than are free. So one alone gets half of all, the next one half of the rest, and a newcomer is let in as
// long as any is free. Safe for concurrent use.
type places struct {
	what  string // for people, in the plural
	full  error  // what it is when all are taken
	total int

	mu    sync.Mutex
	taken int
	held  map[caller]int // nobody with none
}

func newPlaces(total int, what string, full error) *places {
	return &places{what: what, full: full, total: total, held: map[caller]int{}}
}

// take takes a place, which is to be given back with leave unless there is an error.
func (p *places) take(c caller) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	free, held := p.total-p.taken, p.held[c]
	switch {
	case free <= 0:
		return say(p.full, "%d %s are in progress, which is the most at one time", p.taken, p.what)
	case held >= free:
		return say(errRateLimited, "%d %s of yours are in progress, and %d are left for all. The rest is for other callers", held, p.what, free)
	}
	p.taken++
	p.held[c] = held + 1
	return nil
}

func (p *places) leave(c caller) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken--
	if p.held[c]--; p.held[c] == 0 {
		delete(p.held, c)
	}
}

// count is how many places are taken.
func (p *places) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.taken
}

// maxCallers bounds the callers that are remembered, in each of two generations. One that is forgotten begins with a
// full burst, so there should be more than are at work in the time in which a burst comes back.
const maxCallers = 10_000

// callers bounds the requests of each caller by a rate. Those who have not called for a while are forgotten: when the
// younger generation is full it becomes the older one, whose members go unless they call again. Safe for concurrent
// use.
type callers struct {
	limit limits.Limit
	burst int
	clock symphony.Clock

	mu         sync.Mutex
	young, old map[caller]*limits.Limiter
}

// newCallers returns nil where r is no rate. Without a burst it is what the rate allows in a second, at least 1.
func newCallers(r flow.Rate, clock symphony.Clock) *callers {
	if r.Count == 0 {
		return nil
	}
	limit := limits.Limit(float64(r.Count) / r.Per.Seconds())
	burst := r.Burst
	if burst == 0 {
		burst = max(int(limit), 1)
	}
	return &callers{limit: limit, burst: burst, clock: clock, young: map[caller]*limits.Limiter{}}
}

// admit lets a request of a caller through, or refuses it.
func (l *callers) admit(c caller) error {
	if l == nil {
		return nil
	}
	now := l.clock.Now()
	r := l.limiter(c).ReserveN(now, 1)
	wait := r.DelayFrom(now)
	if wait == 0 {
		return nil
	}
	r.CancelAt(now)
	return &rateError{limit: float64(l.limit), burst: l.burst, wait: wait}
}

// rateError says that a caller makes too many requests.
type rateError struct {
	limit float64 // requests a second
	burst int
	wait  time.Duration // until the next one is admitted
}

func (e *rateError) Error() string {
	return fmt.Sprintf("you may make %.4g requests a second, and %d at once after a pause", e.limit, e.burst)
}

func (l *callers) limiter(c caller) *limits.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	if known := l.young[c]; known != nil {
		return known
	}
	known := l.old[c]
	if known == nil {
		known = limits.NewLimiter(l.limit, l.burst)
	}
	if len(l.young) >= maxCallers {
		l.young, l.old = map[caller]*limits.Limiter{}, l.young
	}
	l.young[c] = known
	return known
}

// validRate refuses what is no rate of requests.
func validRate(r flow.Rate) error {
	if r.Count == 0 && r.Per == 0 && r.Burst == 0 {
		return nil
	}
	if r.Count < 1 || r.Per < time.Millisecond || r.Burst < 0 {
		return fmt.Errorf("httpapi: rate limit of %d in %s with a burst of %d: must be at least 1 in at least %s", r.Count, r.Per, r.Burst, time.Millisecond)
	}
	return nil
}
