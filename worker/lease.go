package worker

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/symphony-messenger/symphony"
)

// maxExtend is the most leases that one call carries.
const maxExtend = 1000

// heartbeat extends the leases of what is buffered or at work when a third of their time has passed, together with
// those that are nearly due. A message whose lease is lost is dropped: its handler's context ends with ErrLeaseLost,
// and what the handler comes up with is ignored. Lost is a lease of which the transport says so, and one that ran out
// by the worker's clock because storage failed or gave no answer.
type heartbeat struct {
	*run
	out     outage
	answers chan extension
	asking  bool          // a call is in progress
	retryAt time.Duration // by what has elapsed: after a call that failed, the earliest time of the next
}

// extension is a call for some leases and its answer.
type extension struct {
	items []*item
	began time.Duration // by what had elapsed
	errs  []error       // one for each item
}

// keepLeases runs the heartbeat until handled is closed.
func (r *run) keepLeases(handled <-chan struct{}) {
	h := &heartbeat{run: r, answers: make(chan extension, 1),
		out: r.outage("extend", r.o.Lease/12)}
	for {
		t := r.o.Clock.NewTimer(h.beat())
		select {
		case <-t.C():
		case e := <-h.answers:
			h.answered(e)
		case <-handled:
			t.Stop()
			if h.asking {
				<-h.answers
			}
			return
		}
		t.Stop()
	}
}

// beat drops what ran out, calls for what is due, and returns how long there is nothing else to do.
func (h *heartbeat) beat() time.Duration {
	now, third := symphony.Elapsed(h.o.Clock), h.o.Lease/3
	wait := third          // nothing that arrives from now on is due earlier
	var due, ended []*item // ended may be those that were cancelled, too
	first := third         // when the first of them is due
	h.mu.Lock()
	for _, it := range h.heldLocked() {
		left := it.until - now
		if left <= 0 {
			ended = append(ended, it)
			continue
		}
		if wait = min(wait, left); it.cancelled {
			continue // its lease ends when it ends
		}
		soon := left - 2*third
		first = min(first, soon)
		if soon <= third/4 {
			due = append(due, it)
		}
	}
	ended = h.dropLocked(ended)
	h.mu.Unlock()
	h.logLost(ended)
	if h.asking {
		return wait
	}
	if first = max(first, h.retryAt-now); first > 0 {
		return min(wait, first)
	}
	h.asking = true
	go func() { h.answers <- h.extend(due, now) }()
	return wait
}

// heldLocked returns all messages whose lease is to be kept.
func (r *run) heldLocked() []*item {
	held := slices.Clone(r.buffer.all())
	for _, b := range r.bulkheads {
		held = append(held, b.waiting.all()...)
	}
	for _, s := range r.slots {
		if s.item != nil && !s.item.gone {
			held = append(held, s.item)
		}
	}
	return held
}

// extend makes the calls, which may take long.
func (h *heartbeat) extend(items []*item, now time.Duration) extension {
	e := extension{items: items, began: now, errs: make([]error, 0, len(items))}
	for part := range slices.Chunk(items, maxExtend) {
		leases := make([]symphony.Lease, len(part))
		for i, it := range part {
			leases[i] = it.Lease
		}
		ctx, cancel := context.WithTimeout(h.base, h.o.Lease)
		errs := h.transport.Extend(ctx, leases, h.o.Lease)
		cancel()
		if errs == nil {
			errs = make([]error, len(part))
		}
		e.errs = append(e.errs, errs...)
	}
	return e
}

func (h *heartbeat) answered(e extension) {
	h.asking = false
	var failure error
	var lost, cancelled []*item
	h.mu.Lock()
	for i, it := range e.items {
		switch err := e.errs[i]; {
		case it.gone: // while the call was in progress; its settlement has the last word
		case err == nil:
			it.until = e.began + h.o.Lease
		case errors.Is(err, symphony.ErrLeaseLost):
			lost = append(lost, it)
		case errors.Is(err, symphony.ErrCancelled):
			cancelled = append(cancelled, it)
		default:
			failure = err
		}
	}
	h.cancelLocked(cancelled)
	lost = h.dropLocked(lost)
	h.mu.Unlock()
	h.logLost(lost)
	switch {
	case failure == nil:
		h.out.over()
	case errors.Is(failure, symphony.ErrClosed):
		h.retryAt = symphony.Elapsed(h.o.Clock) + h.o.Lease // the run ends
	default:
		h.retryAt = symphony.Elapsed(h.o.Clock) + h.out.failed(failure)
	}
}

// dropLocked drops messages whose leases have ended, and returns those that are lost: the others were cancelled, and
// are so by now.
func (r *run) dropLocked(ended []*item) (lost []*item) {
	if len(ended) == 0 {
		return nil
	}
	for _, it := range ended {
		it.gone = true
		if it.cancelled {
			r.counts.Cancelled++
			continue
		}
		lost = append(lost, it)
		if it.slot != nil {
			it.slot.cancel(symphony.ErrLeaseLost)
		}
	}
	r.counts.Lost += int64(len(lost))
	r.dropGoneLocked()
	r.noteRoomLocked()
	r.noteQuietLocked()
	return lost
}

// dropGoneLocked takes what is out of hand from among what has not started.
func (r *run) dropGoneLocked() {
	r.buffer.dropGone()
	for _, b := range r.bulkheads {
		b.waiting.dropGone()
	}
}

func (r *run) logLost(lost []*item) {
	if len(lost) > 0 {
		r.log.Warn("leases were lost before the messages were handled; they are delivered again",
			"message_id", lost[0].ID, "type", lost[0].Type, "queue", lost[0].Queue, "attempt", lost[0].Attempt, "messages", len(lost), "error", symphony.ErrLeaseLost)
	}
}
