package sqlite

import (
	"container/list"
	"slices"
	"sync"
)

// waiters are the receivers that wait for a message, by transport, the one that has waited longest first. Each wake-up
// goes to as many of them as there are messages, not to all.
type waiters struct {
	mu   sync.Mutex
	idle map[string]*list.List
}

type waiter struct {
	woken     chan struct{} // gets one value when the waiter is taken off the list
	transport string
	queues    []string // none: all
	place     *list.Element
}

// add puts a receiver on the list.
func (ws *waiters) add(transport string, queues []string) *waiter {
	w := &waiter{woken: make(chan struct{}, 1), transport: transport, queues: queues}
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if ws.idle == nil {
		ws.idle = make(map[string]*list.List)
	}
	if ws.idle[transport] == nil {
		ws.idle[transport] = list.New()
	}
	w.place = ws.idle[transport].PushBack(w)
	return w
}

// wake takes up to n receivers that want messages of a queue off the list and tells them.
func (ws *waiters) wake(transport, queue string, n int) {
	ws.wakeIf(transport, n, func(w *waiter) bool { return len(w.queues) == 0 || slices.Contains(w.queues, queue) })
}

func (ws *waiters) wakeIf(transport string, n int, wants func(*waiter) bool) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	l := ws.idle[transport]
	if l == nil {
		return
	}
	for e := l.Front(); e != nil && n > 0; {
		w := e.Value.(*waiter)
		e = e.Next()
		if wants(w) {
			l.Remove(w.place)
			w.place = nil
			w.woken <- struct{}{}
			n--
		}
	}
}

// leave takes a receiver that stops waiting off the list. If it was woken meanwhile, somebody else must look at what
// it was woken for.
func (ws *waiters) leave(w *waiter) {
	ws.mu.Lock()
	if w.place != nil {
		ws.idle[w.transport].Remove(w.place)
		w.place = nil
	}
	ws.mu.Unlock()
	select {
	case <-w.woken:
		ws.wakeIf(w.transport, 1, func(o *waiter) bool {
			return len(o.queues) == 0 || len(w.queues) == 0 || slices.ContainsFunc(o.queues, func(q string) bool { return slices.Contains(w.queues, q) })
		})
	default:
	}
}
