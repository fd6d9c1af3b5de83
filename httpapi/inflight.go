package httpapi

import (
	"math"
	"runtime/debug"
	"sync/atomic"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// Bodies, and answers that are large, count against a bound on the bytes in flight of all requests together. Each
// counts with what has arrived of it, not with what it claims to have. What would go beyond is refused at once, so that
// many large requests make callers try again, and not the process run out of memory.

const (
	// inFlightShare of the memory is what bytes in flight may take: each is copied several times on its way.
	inFlightShare = 8
	// inFlightUnbounded is the default where nothing bounds the memory.
	inFlightUnbounded = 256 << 20
)

// DefaultBytesInFlight is a share of the memory that the process may use by GOMEMLIMIT or its control group, whichever
// is less; 256 MiB where neither is set.
func DefaultBytesInFlight() int64 {
	limit := debug.SetMemoryLimit(-1) // as it is
	if group, err := memlimit.FromCgroup(); err == nil && group < uint64(limit) {
		limit = int64(group)
	}
	if limit == math.MaxInt64 {
		return inFlightUnbounded
	}
	return limit / inFlightShare
}

// inFlight counts bytes. Safe for concurrent use.
type inFlight struct {
	most int64
	used atomic.Int64
}

// take counts n more bytes, unless they are too many.
func (f *inFlight) take(n int64) error {
	if n <= 0 || f.used.Add(n) <= f.most {
		return nil
	}
	f.used.Add(-n)
	return say(errOverloaded, "the requests in progress have as many bytes as the server takes at one time, which is %d. Nothing was stored; try again", f.most)
}

// give counts n bytes less.
func (f *inFlight) give(n int64) { f.used.Add(-n) }
