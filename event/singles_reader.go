package event

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/storage"
)

// SingleReader gets each event of the messages that its filter selects. It is for one goroutine.
type SingleReader struct {
	l      *Singles
	hub    *Hub
	filter MessageFilter
	wake   chan struct{}
	ready  time.Time // from then on all processes know of it

	// What follows is guarded by l.mu.
	pending []Frame
	second  int64 // that given counts for
	given   int
	dropped map[string]int64
	since   time.Time // of the first of them
}

// ReadMessages makes a reader of each event of some messages that happens from now on. On a shared storage its first
// event, Connected, comes once all processes know of it. The error is ErrTooManyReaders, symphony.ErrUnsupported where
// no such events are told, or the storage's. Close must be called.
func (h *Hub) ReadMessages(ctx context.Context, filter MessageFilter) (*SingleReader, error) {
	l := h.o.Singles
	if l == nil {
		return nil, fmt.Errorf("event: nobody tells of single messages: %w", symphony.ErrUnsupported)
	}
	if !h.enter() {
		return nil, ErrTooManyReaders
	}
	r := &SingleReader{l: l, hub: h, filter: filter, wake: make(chan struct{}, 1), dropped: make(map[string]int64)}
	if r.ready = l.o.Clock.Now(); l.shared.Load() {
		r.ready = r.ready.Add(connectTime)
	}
	f, err := frame(Event{At: l.o.Clock.Now(), Type: Connected, Data: json.RawMessage("{}")})
	if err == nil {
		r.pending = []Frame{f}
		err = l.add(ctx, r)
	}
	if err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// enter takes a reader's place.
func (h *Hub) enter() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.readers+h.singles >= h.o.MaxReaders {
		return false
	}
	h.singles++
	return true
}

// add has a reader be told, and others know of it.
func (l *Singles) add(ctx context.Context, r *SingleReader) error {
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	l.announcing.Lock()
	defer l.announcing.Unlock()
	first := l.count() == 0
	l.mu.Lock()
	l.readers[r] = true
	l.compile()
	l.mu.Unlock()
	if !l.shared.Load() {
		return nil
	}
	if first {
		end, err := storage.LogEnd(ctx, l.log, singlesLog)
		if err != nil {
			return fmt.Errorf("event: %w", err)
		}
		l.place = end
	}
	if err := l.announce(ctx); err != nil {
		return err
	}
	l.nudge()
	return nil
}

// Close frees the reader's place.
func (r *SingleReader) Close() {
	r.hub.mu.Lock()
	r.hub.singles--
	r.hub.mu.Unlock()
	r.l.mu.Lock()
	delete(r.l.readers, r)
	r.l.compile()
	r.l.mu.Unlock()
	r.l.nudge()
}

// After is 0: these events have no numbers.
func (r *SingleReader) After() int64 { return 0 }

// give has the reader get an event, or counts it as dropped. l.mu is held.
func (r *SingleReader) give(now time.Time, f Frame) {
	if second := now.Unix(); second != r.second {
		r.second, r.given = second, 0
	}
	if r.given >= MaxSingles || len(r.pending) >= 2*MaxSingles {
		r.drop(now, f.Type, 1)
		return
	}
	r.given++
	r.pending = append(r.pending, f)
	r.nudge()
}

// drop counts what the reader does not get. l.mu is held.
func (r *SingleReader) drop(now time.Time, kind string, n int64) {
	if len(r.dropped) == 0 {
		r.since = now
	}
	r.dropped[kind] += n
	r.nudge()
}

func (r *SingleReader) nudge() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Next returns events, at least one, or none when ctx or the time is over. Frames are shared and must not be changed.
func (r *SingleReader) Next(ctx context.Context, wait time.Duration) ([]Frame, error) {
	clock := r.l.o.Clock
	timer := clock.NewTimer(wait)
	defer timer.Stop()
	for {
		list, pause := r.take(clock.Now())
		if len(list) > 0 {
			return list, nil
		}
		var later symphony.Timer
		var untilThen <-chan time.Time
		if pause > 0 {
			later = clock.NewTimer(pause)
			untilThen = later.C()
		}
		over := false
		select {
		case <-ctx.Done():
			over = true
		case <-timer.C():
			over = true
		case <-r.wake:
		case <-untilThen:
		}
		if later != nil {
			later.Stop()
		}
		if over {
			return nil, nil
		}
	}
}

// take returns what there is, and how long until what was dropped is told: counted for a second, so that a flood makes
// one event a second.
func (r *SingleReader) take(now time.Time) (list []Frame, pause time.Duration) {
	if pause = r.ready.Sub(now); pause > 0 && pause <= connectTime {
		return nil, pause
	}
	r.l.mu.Lock()
	defer r.l.mu.Unlock()
	list, r.pending = r.pending, nil
	if len(r.dropped) == 0 {
		return list, 0
	}
	if pause = time.Second - now.Sub(r.since); pause > 0 {
		return list, pause
	}
	raw, err := json.Marshal(droppedEvents{r.since.UTC(), maps.Clone(r.dropped)})
	clear(r.dropped)
	if err != nil {
		return list, 0 // it has texts and numbers only
	}
	if f, err := frame(Event{At: now, Type: Dropped, Data: raw}); err == nil {
		list = append(list, f)
	}
	return list, 0
}
