// Package groupcommit gathers the calls of many goroutines for one committer, so that they share a transaction: the
// cost of making it durable is then paid once for all of them.
package groupcommit

import (
	"runtime"
	"sync"
)

// gatherYields is how often Take gives up the processor to let callers in, counted from the last one that came. The
// callers of the last group were woken a moment ago and are likely to call again at once; taking the first of them
// alone would make the others wait for a whole commit. A yield costs well under a microsecond where nothing else wants
// to run, and a lone caller pays none: Take leaves when as many have come as there were.
const gatherYields = 64

// Queue is an unbounded queue with one taker. Callers wait for their own call to be committed, so there are never more
// items than callers. The zero value is ready to use.
type Queue[T any] struct {
	mu     sync.Mutex
	items  []T
	wake   sync.Cond
	last   int // how many items the taker got the last time
	closed bool
	once   sync.Once
}

func (q *Queue[T]) init() { q.once.Do(func() { q.wake.L = &q.mu }) }

// Put adds an item, and reports whether it could: after Close it cannot. Safe for concurrent use.
func (q *Queue[T]) Put(item T) bool {
	q.init()
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	q.items = append(q.items, item)
	if len(q.items) == 1 {
		q.wake.Signal()
	}
	return true
}

// Take waits for at least one item and returns all there are, in the order they came, leaving at once when it was
// idle. It reuses spare's memory for the items to come. ok is false when the queue is closed and empty. Only one
// goroutine may call Take.
func (q *Queue[T]) Take(spare []T) (items []T, ok bool) {
	q.init()
	q.mu.Lock()
	// The callers of the last group and those that queued up meanwhile: together they make one group, not two in turn.
	all := q.last + len(q.items)
	for idle := 0; idle < gatherYields && len(q.items) < all && !q.closed; idle++ {
		came := len(q.items)
		q.mu.Unlock()
		runtime.Gosched()
		q.mu.Lock()
		if len(q.items) > came {
			idle = 0
		}
	}
	for len(q.items) == 0 && !q.closed {
		q.wake.Wait()
	}
	items = q.items
	q.items = spare[:0]
	q.last = len(items)
	q.mu.Unlock()
	return items, len(items) > 0
}

// Close ends the queue: further Puts are refused, Take returns what is left.
func (q *Queue[T]) Close() {
	q.init()
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.wake.Signal()
}
