package worker

import (
	"time"

	"github.com/symphony-messenger/symphony"
)

// A message whose handler has no place left is given back, uncounted, so that others can have the worker: claims choose
// by queue and order, not by handler. It returns when the handler may be expected to get to it: each that is given back
// returns behind the one before, by three quarters of the time in which a place becomes free, so that there are always
// enough and seldom many. It returns after maxBack at the latest, as the handler may have become faster.
const (
	minBack = 25 * time.Millisecond
	maxBack = 30 * time.Second
	// maxSift is how many messages at most are claimed to find one whose handler has a place, where the latest claims
	// had none.
	maxSift = 256
)

// bulkhead is the places of the handlers of one pattern. The run's mu guards it.
type bulkhead struct {
	places  int
	running int
	// waiting are messages that were claimed ahead for the next places, as many as the handlers get through in
	// prefetchSpan.
	waiting buffer
	pace    pace
	freed   time.Time // when a place became free for the last time, or the last one was taken
	next    time.Time // when the latest message that was given back returns
}

// bulkheadLocked returns the places of a message's handlers, nil if they may have all of the worker's.
func (r *run) bulkheadLocked(e *symphony.Envelope) *bulkhead {
	pattern, places := r.mux.Places(e, r.o.Concurrency)
	if places == 0 || places >= r.o.Concurrency {
		return nil
	}
	b := r.bulkheads[pattern]
	if b == nil {
		b = &bulkhead{places: places}
		if r.bulkheads == nil {
			r.bulkheads = map[string]*bulkhead{}
		}
		r.bulkheads[pattern] = b
	}
	b.places = places // handlers that come late may have others by now
	return b
}

// takeLocked takes the first message of the buffer whose handler has a place, nil if there is none. Those before it
// wait or are given back.
func (r *run) takeLocked() *item {
	for r.buffer.len() > 0 {
		it := r.buffer.pop()
		b := it.bulkhead
		if b == nil {
			return it
		}
		if b.running < b.places {
			b.enter(r.o.Clock.Now())
			return it
		}
		r.holdLocked(it)
	}
	return nil
}

// every is how often a place becomes free, by what the handlers took until now.
func (b *bulkhead) every() time.Duration { return time.Duration(b.pace.mean) / time.Duration(b.places) }

// enter takes a place.
func (b *bulkhead) enter(now time.Time) {
	if now.Sub(b.freed) > b.every()+minBack {
		b.next = time.Time{} // it stood empty: what was given back returns too late, so others need not line up behind
	}
	if b.running++; b.running == b.places {
		b.freed = now
	}
}

// leaveLocked frees the place of a message that was at work for so long, and lets the next one have it.
func (r *run) leaveLocked(b *bulkhead, took time.Duration) {
	b.pace.add(took)
	b.running--
	b.freed = r.o.Clock.Now()
	if b.waiting.len() > 0 {
		r.buffer.unshift(b.waiting.pop())
	}
}

// holdLocked keeps a message for the next place of its handler, or gives it back.
func (r *run) holdLocked(it *item) {
	b := it.bulkhead
	stalled := r.o.Clock.Now().Sub(b.freed) >= slowHandler
	if stalled || b.waiting.len() >= b.pace.prefetch(b.places) || b.waiting.bytes+it.size > r.o.MaxBufferedBytes/4 {
		r.backLocked(it)
		return
	}
	b.waiting.push([]*item{it})
}

// backLocked gives a message back for which its handler has no place.
func (r *run) backLocked(it *item) {
	b, now := it.bulkhead, r.o.Clock.Now()
	every := max(now.Sub(b.freed), b.every())
	if earliest := now.Add(min(max(every, minBack), slowHandler)); b.next.Before(earliest) {
		b.next = earliest
	}
	b.next = b.next.Add(every * 3 / 4)
	delay := b.next.Sub(now)
	if delay > maxBack {
		b.next = now.Add(maxBack)
		delay = time.Duration((1 + r.o.Random()) / 2 * float64(maxBack)) // not all at once
	}
	if until := now.Add(delay + minBack); until.After(r.backUntil) {
		r.backUntil = until
	}
	r.addResultLocked(it, symphony.Settlement{Lease: it.Lease, Outcome: symphony.Release, Delay: delay})
}

// backStaleLocked gives back the messages whose handlers have freed no place for so long that they must be slower than
// they were when these were claimed.
func (r *run) backStaleLocked() {
	now := symphony.Elapsed(r.o.Clock)
	for _, b := range r.bulkheads {
		for b.waiting.len() > 0 && now-b.waiting.all()[0].arrived >= slowHandler {
			r.backLocked(b.waiting.pop())
		}
	}
}

// waitingLocked is how many messages wait for a place.
func (r *run) waitingLocked() int {
	n := 0
	for _, b := range r.bulkheads {
		n += b.waiting.len()
	}
	return n
}

// siftLocked takes note of a claim of which so many messages have a place. Where none has, the next claim is larger:
// what else there is may stand behind many such.
func (r *run) siftLocked(startable int) {
	if startable > 0 || r.bulkheads == nil {
		r.sift = 0
		return
	}
	r.sift = min(max(2*r.sift, r.o.Concurrency), maxSift)
}
