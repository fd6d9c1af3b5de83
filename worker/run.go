package worker

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/symphony-messenger/symphony"
)

// memoryEvery is how often a memory limit is looked at. A limit that is too low for anything stops the worker after
// that long, not before its first message.
const memoryEvery = 500 * time.Millisecond

// run is one call of Worker.Run.
//
// A message in hand is in the buffer, at work in a slot, or, when its handler has returned, a result to be settled. mu
// guards all three; a handler goroutine takes it once for each message, to hand over one result and take the next
// message.
type run struct {
	transport symphony.Transport
	mux       *symphony.Mux
	o         Options
	store     symphony.Clock // on which attempts are told, and messages expire
	log       *slog.Logger
	started   time.Time
	base      context.Context // of all handlers: the caller's values, without its end
	requests  *Requests       // what was asked of workers when the run started, nil while unknown

	claims    context.Context // of claims; ends when the run stops
	endClaims context.CancelFunc
	stopped   chan struct{}  // closed when the run stops
	handled   chan struct{}  // closed when the last handler has ended
	handlers  sync.WaitGroup // goroutines of the slots

	room chan struct{} // wakes the fetcher that waits for room
	work chan struct{} // wakes the settler that waits for results

	mu      sync.Mutex
	ready   sync.Cond // idle handlers wait on it for a message, or the end
	buffer  buffer
	slots   []*slot
	idle    int // slots that wait
	working int // slots whose handler runs
	atWork  int // bytes of their messages
	begun   int64
	failed  int64 // attempts that failed, settled or not
	pace    pace

	bulkheads map[string]*bulkhead // by pattern; nil until a message has one
	sift      int                  // how many more messages to claim, to find some that have a place
	backUntil time.Time            // until when messages that had none may return

	results   []result // for the settler to take
	unsettled int      // those, and what the settler has taken and not finished

	fetcherWaits bool
	settlerWaits bool
	whenQuiet    context.CancelFunc // called when nothing is in hand

	notes notes // what handlers tell

	outages   []*atomic.Pointer[Outage] // one for each kind of call
	lastEnded time.Time                 // when the last attempt ended whose result is stored

	counts  Counts
	reason  StopReason    // empty until the run stops
	ended   bool          // nothing is left of the run
	elapsed time.Duration // when it has ended
}

func newRun(ctx context.Context, w *Worker) *run {
	r := &run{
		transport: w.transport, mux: w.mux, o: w.o, store: symphony.StoreClock(w.transport, w.o.Clock), log: w.o.Logger.With("worker", w.o.Name, "transport", w.transport.Name()),
		started: w.o.Clock.Now(), stopped: make(chan struct{}), handled: make(chan struct{}),
		room: make(chan struct{}, 1), work: make(chan struct{}, 1),
	}
	r.base = symphony.Reporting(context.WithoutCancel(ctx), r.o.MaxOutput, r.told)
	if store, ok := w.transport.(symphony.MessageStore); ok && w.transport.Capabilities().Messages {
		r.notes.store = store
	}
	r.claims, r.endClaims = context.WithCancel(ctx)
	r.ready.L = &r.mu
	return r
}

// do starts everything and returns when all of it has ended: first the fetcher, then the handlers, then the heartbeat,
// which keeps their leases, and last the settler, which stores their results.
func (r *run) do(ctx context.Context) error {
	handled, drain := r.handled, make(chan struct{})
	var err error
	defer r.watchCancels()()
	r.noteRequest()
	var claiming, background sync.WaitGroup
	claiming.Go(func() { err = r.fetch() })
	background.Go(func() { r.keepLeases(handled) })
	background.Go(func() { r.settle(drain) })
	background.Go(func() { r.watchRequests(handled) })
	go func() {
		claiming.Wait()
		r.handlers.Wait()
		close(handled)
	}()
	r.supervise(ctx, handled)
	close(drain)
	background.Wait()
	r.notes.writers.Wait()

	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended, r.elapsed = true, r.o.Clock.Now().Sub(r.started)
	return err
}

// supervise stops the run when ctx ends or its time or memory is used up, interrupts the handlers that are still at
// work when the grace period is over, and returns when the last has ended. The grace period begins when the run stops,
// but not for MessageLimit: what it allowed is to be finished, as long as nothing else presses.
func (r *run) supervise(ctx context.Context, handled <-chan struct{}) {
	timeLimit, endTimeLimit := r.timer(r.o.TimeLimit)
	defer endTimeLimit()
	look, endLook := r.memoryTimer()
	defer func() { endLook() }()
	stopped := r.stopped
	for hurry := false; !hurry; {
		select {
		case <-handled:
			return
		case <-stopped:
			stopped = nil
			hurry = r.why() != MessageLimit
		case <-ctx.Done():
			r.stop(Stopped)
			hurry = true
		case <-timeLimit:
			r.stop(TimeLimit)
			hurry = true
		case <-look:
			if hurry = ProcessMemory() > r.o.MemoryLimit; hurry {
				r.stop(MemoryLimit)
			}
			look, endLook = r.memoryTimer()
		}
	}
	grace := r.o.Clock.NewTimer(r.o.Grace)
	defer grace.Stop()
	select {
	case <-handled:
	case <-grace.C():
		r.interrupt()
		<-handled
	}
}

// timer returns a timer's channel and its end; for 0 it never fires.
func (r *run) timer(d time.Duration) (<-chan time.Time, func()) {
	if d == 0 {
		return nil, func() {}
	}
	t := r.o.Clock.NewTimer(d)
	return t.C(), t.Stop
}

func (r *run) memoryTimer() (<-chan time.Time, func()) {
	if r.o.MemoryLimit == 0 {
		return nil, func() {}
	}
	return r.timer(memoryEvery)
}

// stop ends the run's claims and gives back what has not started. The first reason counts.
func (r *run) stop(why StopReason) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopLocked(why)
}

func (r *run) stopLocked(why StopReason) {
	if r.reason != "" {
		return
	}
	r.reason = why
	close(r.stopped)
	r.endClaims()
	r.releaseLocked(r.buffer.take())
	for _, b := range r.bulkheads {
		r.releaseLocked(b.waiting.take())
	}
	r.ready.Broadcast()
}

func (r *run) why() StopReason {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.reason
}

// interrupt ends the contexts of all handlers.
func (r *run) interrupt() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.slots {
		s.cancel(symphony.ErrInterrupted)
	}
}

// quietLocked reports whether nothing is in hand, or given back to return for a place.
func (r *run) quietLocked() bool {
	return r.buffer.len()+r.working+r.unsettled+r.waitingLocked() == 0 && (r.backUntil.IsZero() || r.o.Clock.Now().After(r.backUntil))
}

func (r *run) snapshot() Snapshot {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := Snapshot{
		Report:  Report{Counts: r.counts, Reason: r.reason, Elapsed: r.elapsed},
		Running: !r.ended, StartedAt: r.started, Processing: r.working, Buffered: r.buffer.len() + r.waitingLocked(), Unsettled: r.unsettled,
		LastEndedAt: r.lastEnded, AtWork: r.atWorkLocked(),
	}
	for _, o := range r.outages {
		if seen := o.Load(); seen != nil {
			s.Outages = append(s.Outages, *seen)
		}
	}
	if s.Running {
		s.Elapsed = r.o.Clock.Now().Sub(r.started)
	}
	return s
}

// atWorkLocked returns the messages that have been at work for the longest, the oldest first.
func (r *run) atWorkLocked() []AtWork {
	var list []AtWork
	for _, s := range r.slots {
		if s.item == nil {
			continue
		}
		since, elapsed := r.store.Read()
		if began := s.began.Load(); began != 0 {
			since = since.Add(time.Duration(began - 1 - int64(elapsed)))
		}
		if len(list) == MaxAtWork && !since.Before(list[MaxAtWork-1].Since) {
			continue
		}
		it := s.item
		at, _ := slices.BinarySearchFunc(list, since, func(w AtWork, t time.Time) int { return w.Since.Compare(t) })
		list = slices.Insert(list[:min(len(list), MaxAtWork-1)], at, AtWork{it.ID, it.Type, it.Queue, it.Attempt, since, it.gone})
	}
	return list
}
