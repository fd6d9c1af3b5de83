package worker

import (
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/symphony-messenger/symphony"
)

// minPause is the pause after the first failure. Each later one is twice as long, up to the outage's maximum, and
// between half and all of that, so that workers do not come back all at once.
const minPause = 100 * time.Millisecond

// outage follows one kind of call to the transport through times when storage fails. It logs when they begin and when
// they are over, not each failure. It is not safe for concurrent use.
type outage struct {
	call     string // for the log
	maxPause time.Duration
	clock    symphony.Clock
	random   func() float64
	log      *slog.Logger

	seen *atomic.Pointer[Outage] // for snapshots; nil while all is well

	err   error // the latest failure; nil while all is well
	since time.Time
	pause time.Duration
}

// Outage is a kind of call to the storage that fails and is tried again.
type Outage struct {
	Call  string    // receive, settle or extend
	Since time.Time // of the first failure in a row
	Err   error     // the latest
}

// outage follows one kind of call of the run.
func (r *run) outage(call string, maxPause time.Duration) outage {
	o := outage{call: call, maxPause: maxPause, clock: r.o.Clock, random: r.o.Random, log: r.log, seen: new(atomic.Pointer[Outage])}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.outages = append(r.outages, o.seen)
	return o
}

// failed notes a failure and returns how long to wait before the next try.
func (o *outage) failed(err error) time.Duration {
	if o.err == nil {
		o.since, o.pause = o.clock.Now(), minPause
		o.log.Error("storage fails; trying again until it works", "call", o.call, "error", err)
	} else {
		o.pause = min(2*o.pause, o.maxPause)
	}
	o.err = err
	o.seen.Store(&Outage{o.call, o.since, err})
	return time.Duration((1 + o.random()) / 2 * float64(o.pause))
}

// over notes a success.
func (o *outage) over() {
	if o.err != nil {
		o.log.Info("storage works again", "call", o.call, "duration", o.clock.Now().Sub(o.since))
		o.err = nil
		o.seen.Store(nil)
	}
}
