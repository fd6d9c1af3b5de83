// Package waitlist keeps receivers that wait for a message, so that each message wakes as many as are needed.
package waitlist

import (
	"container/list"
	"slices"
	"sync"
)

// List holds the receivers that wait for a message, by transport, the one that has waited longest first. Each wake-up
// goes to as many of them as there are messages, not to all. The zero value is ready to use. Safe for concurrent use.
type List struct {
	mu   sync.Mutex
	idle map[string]*list.List
}

// Waiter is one receiver that waits.
type Waiter struct {
	woken     chan struct{}
	transport string
	queues    []string // none: all
	pushes    bool
	place     *list.Element
	cause     Lane // what it was woken for
}

// Lane is what a receiver is woken for: the messages of a queue, or those of them that are pushed to URLs of their own,
// which not every receiver takes.
type Lane struct {
	Transport, Queue string
	Pushed           bool
}

// wants reports whether the waiter takes messages of a lane of its transport.
func (w *Waiter) wants(l Lane) bool {
	return (w.pushes || !l.Pushed) && (len(w.queues) == 0 || slices.Contains(w.queues, l.Queue))
}

// Woken gets one value when the waiter is taken off the list because of a message.
func (w *Waiter) Woken() <-chan struct{} { return w.woken }

// Empty reports whether nobody waits.
func (ws *List) Empty() bool {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	for _, l := range ws.idle {
		if l.Len() > 0 {
			return false
		}
	}
	return true
}

// Add puts a receiver that wants messages of these queues, or of all if there are none, on the list. pushes says that
// it wants those, too, that are pushed to URLs of their own.
func (ws *List) Add(transport string, queues []string, pushes bool) *Waiter {
	w := &Waiter{woken: make(chan struct{}, 1), transport: transport, queues: queues, pushes: pushes}
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

// Wake takes up to n receivers that want messages of a lane off the list and tells them.
func (ws *List) Wake(of Lane, n int) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	l := ws.idle[of.Transport]
	if l == nil {
		return
	}
	for e := l.Front(); e != nil && n > 0; {
		w := e.Value.(*Waiter)
		e = e.Next()
		if w.wants(of) {
			l.Remove(w.place)
			w.place, w.cause = nil, of
			w.woken <- struct{}{}
			n--
		}
	}
}

// Leave takes a receiver that stops waiting off the list. If it was woken meanwhile, somebody else who wants that lane
// must look at what it was woken for.
func (ws *List) Leave(w *Waiter) {
	ws.mu.Lock()
	if w.place != nil {
		ws.idle[w.transport].Remove(w.place)
		w.place = nil
	}
	ws.mu.Unlock()
	select {
	case <-w.woken:
		ws.Wake(w.cause, 1)
	default:
	}
}
