package httpapi

import (
	"context"
	"errors"
	"net/http"
	"time"

	"golang.org/x/sync/semaphore"
)

// A large body takes many times the memory of others, for as long as its call lasts: it is held as it came, decoded,
// and copied by storage. So only as many are taken at one time as have half of the bytes that may be in flight, and the
// others wait for their turn, in the order in which they came. The other half is for all the small ones, which do not
// wait for large ones. A body is large once so much of it has arrived; what it claims to have counts from then on.

const (
	// largeBody is from where on a body is large.
	largeBody = 1 << 20
	// largePatience is how long one waits for its turn: less than a caller waits for an answer.
	largePatience = 30 * time.Second
)

// largeBodies are those whose turn it is. Safe for concurrent use.
type largeBodies struct {
	turns    *semaphore.Weighted
	most     int64
	patience time.Duration
}

// newLargeBodies lets bodies in that have half of the bytes that may be in flight, and one of any length.
func newLargeBodies(inFlight int64) largeBodies {
	most := max(inFlight/2, 1)
	return largeBodies{semaphore.NewWeighted(most), most, largePatience}
}

// awaitTurn waits until a large body that claims size bytes may be read on. The call gives its turn back when it ends.
func (c *call) awaitTurn(size int64) error {
	l := &c.api.large
	size = min(size, l.most)
	if !l.turns.TryAcquire(size) {
		ctx, cancel := context.WithTimeout(c.Context(), l.patience)
		defer cancel()
		if err := l.turns.Acquire(ctx, size); err != nil {
			if c.Context().Err() != nil {
				return unreadableBody(c.Context().Err())
			}
			return say(errOverloaded, "the large bodies in progress have as many bytes as the server takes at one "+
				"time, which is %d, and there were more for %s. Nothing was stored; try again", l.most, l.patience)
		}
		// It was not the caller who took so long.
		control, now := http.NewResponseController(c.w), c.api.o.Clock.Now()
		for _, err := range []error{control.SetReadDeadline(now.Add(readTimeout)),
			control.SetWriteDeadline(now.Add(writeTimeout))} {
			if err != nil && !errors.Is(err, http.ErrNotSupported) {
				l.turns.Release(size)
				return unreadableBody(err)
			}
		}
	}
	c.turn = size
	return nil
}

// endTurn gives the turn of a large body back.
func (c *call) endTurn() {
	if c.turn > 0 {
		c.api.large.turns.Release(c.turn)
	}
}
