// Package worker takes messages from a transport and has them handled.
//
// A [Worker] is a fetcher that claims messages into a bounded buffer, handler goroutines that take them from there one
// by one, and a settler that stores how they ended, many at a time. Beside them a heartbeat keeps the leases of what is
// in hand. How far ahead the fetcher claims follows from how fast the handlers are, so that fast ones never wait and
// slow ones hold nothing back from other workers.
//
//	w, err := worker.New(tr, mux, worker.Options{Concurrency: 20})
//	report, err := w.Run(ctx) // until ctx ends
//
// Storage that fails is waited for: claims and results are tried again, with growing pauses, and the log says when it
// began and when it was over. A result whose lease ran out meanwhile is dropped with a line in the log, and its message
// delivered again.
package worker

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/symphony-messenger/symphony"
)

// ErrRunning is returned by Run while another Run of the same worker is in progress.
var ErrRunning = errors.New("worker is running already")

// Worker handles the messages of one transport. Safe for concurrent use.
type Worker struct {
	transport symphony.Transport
	mux       *symphony.Mux
	o         Options

	mu  sync.Mutex // taken before the mu of a run
	run *run       // in progress, or the last one; nil before the first
}

// New makes a worker. The error lists every option out of its range.
func New(t symphony.Transport, mux *symphony.Mux, o Options) (*Worker, error) {
	err := o.validate()
	switch {
	case t == nil:
		err = errors.Join(err, errors.New("a transport is required"))
	case !t.Capabilities().Receive:
		err = errors.Join(err, fmt.Errorf("transport %q keeps no messages for workers: %w", t.Name(), symphony.ErrUnsupported))
	}
	if mux == nil {
		err = errors.Join(err, errors.New("a mux is required"))
	}
	if err != nil {
		return nil, fmt.Errorf("worker: %w", err)
	}
	return &Worker{transport: t, mux: mux, o: o.withDefaults()}, nil
}

// Name is the worker's name in the history of attempts.
func (w *Worker) Name() string { return w.o.Name }

// Run works until ctx ends or a limit is hit. Then it claims no more, gives back what had not started, lets running
// handlers finish for the grace period, ends the contexts of the rest with ErrInterrupted and gives their messages back
// if they fail thereafter, stores the results, and returns when nothing that it started is left. A handler that ignores
// its context therefore holds Run up.
//
// After MessageLimit there is no hurry: the grace period of the last handlers begins when ctx ends or another limit is
// hit.
//
// The error is symphony.ErrClosed if the transport was closed underneath, and the storage's if a StopWhenEmpty run
// ended otherwise while storage was failing, so that nobody knows whether the queue is empty. A worker may be run
// again, but not twice at once: that is ErrRunning.
func (w *Worker) Run(ctx context.Context) (Report, error) {
	w.mu.Lock()
	if w.run != nil && w.run.snapshot().Running {
		w.mu.Unlock()
		return Report{}, ErrRunning
	}
	r := newRun(ctx, w)
	w.run = r
	w.mu.Unlock()
	if err := r.do(ctx); err != nil {
		return r.snapshot().Report, fmt.Errorf("worker on transport %q: %w", w.transport.Name(), err)
	}
	return r.snapshot().Report, nil
}

// Snapshot returns the state of the worker now.
func (w *Worker) Snapshot() Snapshot {
	w.mu.Lock()
	r := w.run
	w.mu.Unlock()
	s := Snapshot{}
	if r != nil {
		s = r.snapshot()
	}
	s.Name, s.Transport, s.Queues, s.Concurrency = w.o.Name, w.transport.Name(), w.o.Queues, w.o.Concurrency
	return s
}
