// Package worker takes messages from a transport and has them handled.
//
// A worker is three loops around one buffer. The fetcher claims messages, as many as the handlers get through in a few
// milliseconds. Handlers take them one by one. The settler tells the transport how they ended, many at a time. A
// heartbeat keeps the leases of what is in hand. See Worker.Run for how it ends.
package worker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/symphony-messenger/symphony"
)

// Worker takes messages from one transport. Safe for concurrent use.
type Worker struct {
	transport symphony.Transport
	mux       *symphony.Mux
	o         Options

	mu      sync.Mutex
	current *run // nil: not running
	last    Snapshot
}

// ErrRunning is returned by Run while another Run of the same worker is in progress.
var ErrRunning = errors.New("worker is running already")

// New makes a worker. The error lists every value out of range.
func New(t symphony.Transport, mux *symphony.Mux, o Options) (*Worker, error) {
	o, err := o.withDefaults()
	if !t.Capabilities().Receive {
		err = errors.Join(err, fmt.Errorf("transport %q keeps no messages for workers: %w", t.Name(), symphony.ErrUnsupported))
	}
	if err != nil {
		return nil, fmt.Errorf("worker: %w", err)
	}
	return &Worker{transport: t, mux: mux, o: o}, nil
}

// StopReason says why a run ended.
type StopReason string

const (
	Stopped      StopReason = "stopped" // the context ended
	Empty        StopReason = "empty"
	MessageLimit StopReason = "message_limit"
	FailureLimit StopReason = "failure_limit"
	TimeLimit    StopReason = "time_limit"
	MemoryLimit  StopReason = "memory_limit"
	Closed       StopReason = "closed" // the transport was closed
)

// Report is what a run came to.
type Report struct {
	Processed   int64 // attempts that ended, Succeeded and Failed
	Succeeded   int64
	Failed      int64         // retried or not
	HandlerTime time.Duration // sum over all attempts
	Elapsed     time.Duration
	Reason      StopReason
}

// AverageTime is how long an attempt took on average, 0 without any.
func (r Report) AverageTime() time.Duration {
	if r.Processed == 0 {
		return 0
	}
	return r.HandlerTime / time.Duration(r.Processed)
}

// Snapshot is the state of a worker at one moment.
type Snapshot struct {
	Report           // so far
	Running     bool // claiming or finishing
	Processing  int  // handlers at work
	Buffered    int  // claimed and not started
	Concurrency int
	StartedAt   time.Time
}

// Name is the worker's name in attempts.
func (w *Worker) Name() string { return w.o.Name }

// Snapshot returns the state of the run in progress, or of the last one.
func (w *Worker) Snapshot() Snapshot {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.current == nil {
		return w.last
	}
	return w.current.snapshot()
}

// Run works until ctx ends or a limit is hit, and then, in this order: claims no more, gives back what had not
// started, lets running handlers finish for the grace period, ends the contexts of the rest with ErrInterrupted and gives
// their messages back if they fail thereafter, settles everything, and returns when nothing that it started is left.
// The error is nil unless the transport was closed underneath (symphony.ErrClosed) or the worker is running already.
func (w *Worker) Run(ctx context.Context) (Report, error) {
	w.mu.Lock()
	if w.current != nil {
		w.mu.Unlock()
		return Report{}, ErrRunning
	}
	r := newRun(w)
	w.current = r
	w.mu.Unlock()
	err := r.run(ctx)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last = r.snapshot()
	w.last.Running = false
	w.current = nil
	return w.last.Report, err
}
