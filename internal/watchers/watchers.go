// Package watchers keeps who wants to be told of something, in one process.
package watchers

import "sync"

// List is who is to be told. The zero value is ready to use. Safe for concurrent use.
type List[W any] struct {
	mu   sync.RWMutex
	next int
	all  map[int]W
}

// Add adds one. When remove has returned, nothing is done with it any more; it may be called again.
func (l *List[W]) Add(w W) (remove func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all == nil {
		l.all = make(map[int]W)
	}
	id := l.next
	l.next++
	l.all[id] = w
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.all, id)
	}
}

// Each calls do with each of them, one after the other, in no order. do must neither add nor remove any.
func (l *List[W]) Each(do func(W)) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	for _, w := range l.all {
		do(w)
	}
}
