package postgres

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

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

// op is one call that takes part in a group commit.
type op struct {
	queued time.Time // on the clock of this process
	err    error
	ended  chan struct{}
	fate   atomic.Int32 // which of the below
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
	slots chan struct{}
	done  sync.WaitGroup
}

// do queues a call and waits for its end. The end of ctx ends the wait for a transaction, and then nothing was done; once
// there is one, its outcome is waited for, so that what it did is told.
func (c *committer[T]) do(ctx context.Context, s *store, call T) error {
	o := call.state()
	o.queued, o.ended = s.clock.Now(), make(chan struct{})
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

// start runs the committer with at most n transactions at a time. commit sets the errors of its calls.
func (c *committer[T]) start(s *store, n int, commit func([]T)) {
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
func (c *committer[T]) run(s *store, calls []T, commit func([]T)) {
	late := s.clock.Now().Add(-s.timeout)
	var due []T
	for _, call := range calls {
		if o := call.state(); !o.take() {
			continue
		} else if o.queued.Before(late) {
			o.err = s.storageError("wait", errSlow)
		} else {
			due = append(due, call)
		}
	}
	if len(due) > 0 {
		commit(due)
	}
	for _, call := range calls {
		close(call.state().ended)
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
