package postgres

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/internal/groupcommit"
)

// How many transactions a process runs at the same time, for dispatches and for settlements. While one waits for the
// disk another one is prepared; more of them only make the groups smaller.
const (
	sendCommitters   = 1
	settleCommitters = 2
)

// maxGroup bounds the rows of one transaction, apart from a call that has more.
const maxGroup = 2000

// rowBytes is how many bytes count as one more row of a transaction, so that a few large messages of one caller do not keep
// those waiting who share it.
const rowBytes = 8 << 10

// op is one call that takes part in a group commit.
type op struct {
	queued time.Duration // by what has elapsed
	err    error
	ended  chan struct{}
	fate   atomic.Int32 // which of the below
	why    error        // what the call has waited for so far; nil: nothing but its turn
}

// A call is queued until a transaction takes it, or its caller leaves.
const (
	queued int32 = iota
	taken
	abandoned
)

// take takes a call, unless its caller does not wait for it any more: what he gave must not be looked at then.
func (o *op) take() bool { return o.fate.CompareAndSwap(queued, taken) || o.fate.Load() == taken }

// committer is a group commit: it hands all calls that have queued up to one of a few transactions that run at the same
// time.
type committer[T interface {
	rows() int
	state() *op
}] struct {
	queue groupcommit.Queue[T]
	// next takes the calls that commit leaves over.
	next  *committer[T]
	slots chan struct{}
	done  sync.WaitGroup
}

// do queues a call and waits for its end. The end of ctx ends the wait for a transaction, and then nothing was done; once
// there is one, its outcome is waited for, so that what it did is told.
func (c *committer[T]) do(ctx context.Context, s *store, call T) error {
	o := call.state()
	o.queued, o.ended = symphony.Elapsed(s.clock), make(chan struct{})
	if !c.queue.Put(call) {
		return errClosed
	}
	select {
	case <-o.ended:
		return o.err
	case <-ctx.Done():
	}
	if o.fate.CompareAndSwap(queued, abandoned) {
		return ctx.Err()
	}
	<-o.ended
	return o.err
}

// start runs the committer with at most n transactions at a time. commit sets the errors of its calls, and returns those
// that are not decided yet.
func (c *committer[T]) start(s *store, n int, commit func([]T) []T) {
	c.slots = make(chan struct{}, n)
	c.done.Go(func() {
		for {
			c.slots <- struct{}{}
			calls, ok := c.queue.Take(nil)
			if !ok {
				return
			}
			for {
				n := groupSize(calls)
				group := calls[:n]
				c.done.Go(func() {
					c.run(s, group, commit)
					<-c.slots
				})
				if calls = calls[n:]; len(calls) == 0 {
					break
				}
				c.slots <- struct{}{}
			}
		}
	})
}

// run commits a group. Calls that have waited too long already are not begun: their callers hear that nothing was done.
func (c *committer[T]) run(s *store, calls []T, commit func([]T) []T) {
	late := symphony.Elapsed(s.clock) - s.timeout
	var due []T
	for _, call := range calls {
		if o := call.state(); !o.take() {
			continue
		} else if o.queued < late {
			if o.err = o.why; o.err == nil {
				o.err = s.storageError("wait", errSlow)
			}
		} else {
			due = append(due, call)
		}
	}
	var left []T
	if len(due) > 0 {
		left = commit(due)
	}
	for _, call := range calls {
		if o := call.state(); !slices.ContainsFunc(left, func(l T) bool { return l.state() == o }) {
			close(o.ended)
		}
	}
	for _, call := range left {
		o := call.state()
		o.fate.Store(queued)
		if !c.next.queue.Put(call) {
			o.err = errClosed
			close(o.ended)
		}
	}
}

// groupSize is how many of the calls fit in one transaction.
func groupSize[T interface{ rows() int }](calls []T) int {
	rows := 0
	for i, c := range calls {
		if rows += c.rows(); rows > maxGroup && i > 0 {
			return i
		}
	}
	return len(calls)
}

// close waits for the calls in progress; later ones are refused.
func (c *committer[T]) close() {
	c.queue.Close()
	c.done.Wait()
}
