// Package asks remembers when receivers last asked for messages of queues.
package asks

import (
	"sync"
	"sync/atomic"
)

// Asks remember who asks a storage for messages, in this process. Times are of whatever clock the callers have. The
// zero value is ready to use. Safe for concurrent use.
type Asks struct {
	mu sync.RWMutex
	by map[Queue]*asked
}

// Queue is what is asked for: a queue of a transport, or with an empty name all of its queues.
type Queue struct {
	Transport, Name string
	// Pushed are those of its messages that are pushed to URLs of their own, which not everybody who asks for the queue
	// gets.
	Pushed bool
}

type asked struct {
	open atomic.Int64 // receivers that wait
	last atomic.Int64
	told int64 // what Fresh has told; guarded by Asks.mu
}

// Begin notes that a receiver asks for queues of a transport, all if none are named, and whether also for their
// messages that are pushed to URLs of their own. End must follow when it does not wait any more.
func (a *Asks) Begin(transport string, queues []string, pushes bool, now int64) {
	a.each(transport, queues, pushes, func(q *asked) {
		q.open.Add(1)
		q.note(now)
	})
}

// End notes that a receiver waits no more.
func (a *Asks) End(transport string, queues []string, pushes bool, now int64) {
	a.each(transport, queues, pushes, func(q *asked) {
		q.note(now)
		q.open.Add(-1)
	})
}

func (q *asked) note(now int64) {
	if q.last.Load() < now {
		q.last.Store(now)
	}
}

func (a *Asks) each(transport string, queues []string, pushes bool, do func(*asked)) {
	if len(queues) == 0 {
		do(a.of(Queue{Transport: transport}))
	}
	for _, name := range queues {
		do(a.of(Queue{Transport: transport, Name: name}))
	}
	if !pushes {
		return
	}
	if len(queues) == 0 {
		do(a.of(Queue{Transport: transport, Pushed: true}))
	}
	for _, name := range queues {
		do(a.of(Queue{Transport: transport, Name: name, Pushed: true}))
	}
}

func (a *Asks) of(q Queue) *asked {
	a.mu.RLock()
	found := a.by[q]
	a.mu.RUnlock()
	if found != nil {
		return found
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.by == nil {
		a.by = make(map[Queue]*asked)
	}
	if a.by[q] == nil {
		a.by[q] = &asked{}
	}
	return a.by[q]
}

// Last is when a receiver last asked for a queue by its name or for all: now where one waits, and 0 where none ever
// asked.
func (a *Asks) Last(q Queue, now int64) int64 {
	all := q
	all.Name = ""
	return max(a.At(all, now), a.At(q, now))
}

// At is the same of those who asked by this name.
func (a *Asks) At(q Queue, now int64) int64 {
	a.mu.RLock()
	defer a.mu.RUnlock()
	if found := a.by[q]; found != nil {
		return found.at(now)
	}
	return 0
}

func (q *asked) at(now int64) int64 {
	if q.open.Load() > 0 {
		return now
	}
	return q.last.Load()
}

// Fresh tells what was asked for since the last call of Fresh whose told was called, with the times of Last.
func (a *Asks) Fresh(now int64) (list map[Queue]int64, told func()) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	for q, asked := range a.by {
		if at := asked.at(now); at > asked.told {
			if list == nil {
				list = make(map[Queue]int64)
			}
			list[q] = at
		}
	}
	return list, func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		for q, at := range list {
			a.by[q].told = at
		}
	}
}
