package worker

import (
	"context"
	"errors"
	"runtime/metrics"
	"slices"
	"sync"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/internal/groupcommit"
)

// How much the fetcher claims ahead. The target is doubled when the handlers got through a claim in less than fastClaim,
// and cut when it took them longer than slowClaim, so that the buffer holds some tens of milliseconds of work.
const (
	maxPrefetch = 1000
	fastClaim   = 25 * time.Millisecond
	slowClaim   = 100 * time.Millisecond
	// maxBufferedBytes bounds the payloads in hand.
	maxBufferedBytes = 16 << 20
	// maxUnsettled bounds results that wait for the transport.
	maxUnsettled = 4 * maxPrefetch
	// settleBatch is the most that one Settle carries.
	settleBatch = 1000
)

// run is one call of Worker.Run.
type run struct {
	*Worker
	started time.Time
	claims  context.Context // ends when no more is to be claimed
	stop    context.CancelCauseFunc
	work    context.Context // of handlers; ends with ErrInterrupted
	results groupcommit.Queue[result]

	mu       sync.Mutex
	filled   sync.Cond     // the buffer got something, or closed
	drained  chan struct{} // something in hand was finished
	buffer   []*item
	bytes    int
	closed   bool // nothing more comes into the buffer
	claimed  int64
	inHand   map[*claim]int
	running  int
	pending  int // results not settled
	report   Report
	target   int
	filledAt time.Time
}

// claim is what one Receive returned.
type claim struct {
	items []item
	ended time.Time // when the leases end unless extended, on the worker's clock
}

// item is one message in hand.
type item struct {
	*symphony.Delivery
	claim *claim
	state state
	abort context.CancelCauseFunc // while running
}

type state int

const (
	buffered state = iota
	running
	ending // its result waits to be settled
	gone   // settled, or lost
)

// stopCause carries a StopReason through the context of claims.
type stopCause StopReason

func (s stopCause) Error() string { return string(s) }

func newRun(w *Worker) *run {
	r := &run{Worker: w, started: w.o.Clock.Now(), drained: make(chan struct{}, 1), inHand: make(map[*claim]int), target: 2 * w.o.Concurrency}
	r.filled.L = &r.mu
	if w.o.BatchSize > 0 {
		r.target = w.o.BatchSize
	}
	return r
}

func (r *run) snapshot() Snapshot {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := Snapshot{Report: r.report, Running: true, Processing: r.running, Buffered: len(r.buffer), Concurrency: r.o.Concurrency, StartedAt: r.started}
	s.Elapsed = r.o.Clock.Now().Sub(r.started)
	return s
}

func (r *run) run(ctx context.Context) error {
	r.claims, r.stop = context.WithCancelCause(ctx)
	defer r.stop(nil)
	work, interrupt := context.WithCancelCause(context.WithoutCancel(ctx))
	defer interrupt(nil)
	r.work = work
	ended := make(chan struct{}) // of the handlers

	var handlers, others sync.WaitGroup
	for range r.o.Concurrency {
		handlers.Go(r.handle)
	}
	others.Go(r.settle)
	others.Go(func() { r.heartbeat(ended) })
	others.Go(func() { r.watch(ended, interrupt) })

	err := r.fetch()

	r.mu.Lock()
	back := r.buffer
	r.buffer, r.closed = nil, true
	back = slices.DeleteFunc(back, func(it *item) bool { return it.state == gone })
	for _, it := range back {
		it.state = ending
		r.pending++
	}
	r.filled.Broadcast()
	r.mu.Unlock()
	for _, it := range back {
		r.results.Put(result{it, symphony.Settlement{Lease: it.Lease, Outcome: symphony.Release}})
	}
	handlers.Wait()
	close(ended)
	r.results.Close()
	others.Wait()

	r.mu.Lock()
	defer r.mu.Unlock()
	var cause stopCause
	switch {
	case err != nil:
		r.report.Reason = Closed
	case errors.As(context.Cause(r.claims), &cause):
		r.report.Reason = StopReason(cause)
	default:
		r.report.Reason = Stopped
	}
	return err
}

// watch stops the run at its time and memory limits, and interrupts handlers when their grace is over.
func (r *run) watch(ended <-chan struct{}, interrupt context.CancelCauseFunc) {
	var limit <-chan time.Time
	if r.o.TimeLimit > 0 {
		t := r.o.Clock.NewTimer(r.o.TimeLimit)
		defer t.Stop()
		limit = t.C()
	}
	for r.claims.Err() == nil {
		look := r.o.Clock.NewTimer(memoryInterval)
		var looks <-chan time.Time
		if r.o.MemoryLimit > 0 {
			looks = look.C()
		}
		select {
		case <-limit:
			r.stop(stopCause(TimeLimit))
		case <-looks:
			if memory() > r.o.MemoryLimit {
				r.stop(stopCause(MemoryLimit))
			}
		case <-r.claims.Done():
		case <-ended:
			look.Stop()
			return
		}
		look.Stop()
	}
	grace := r.o.Clock.NewTimer(r.o.Grace)
	defer grace.Stop()
	select {
	case <-grace.C():
		interrupt(symphony.ErrInterrupted)
	case <-ended:
	}
}

const memoryInterval = time.Second

// memory is what the Go runtime holds from the system, in bytes.
func memory() uint64 {
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(samples)
	return samples[0].Value.Uint64() - samples[1].Value.Uint64()
}
