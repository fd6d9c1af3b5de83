package worker

import (
	"context"
	"errors"
	"time"

	"github.com/symphony-messenger/symphony"
)

// fetch claims messages until the run stops. Its error is worth returning from Run.
func (r *run) fetch() error {
	out := r.outage("receive", 5*time.Second)
	for {
		o, quiet, ok := r.awaitRoom()
		if !ok {
			break
		}
		got, err := r.receive(o, quiet)
		if len(got) > 0 {
			r.deliver(got)
		}
		switch {
		case errors.Is(err, symphony.ErrClosed):
			r.stop(Closed)
			return err
		case err == nil:
			out.over()
			if len(got) == 0 && quiet && r.o.StopWhenEmpty {
				r.stop(Empty)
			}
		case r.claims.Err() == nil:
			r.pause(out.failed(err))
		}
	}
	if r.o.StopWhenEmpty {
		return out.err
	}
	return nil
}

// receive makes one claim. A run that ends with the last message waits only while something is in hand that may come
// back, or lead to further messages.
func (r *run) receive(o symphony.ReceiveOptions, quiet bool) ([]symphony.Delivery, error) {
	if !r.o.StopWhenEmpty {
		return r.transport.Receive(r.claims, o)
	}
	if quiet {
		o.Wait = 0
		return r.transport.Receive(r.claims, o)
	}
	ctx, cancel := context.WithCancel(r.claims)
	defer cancel()
	r.mu.Lock()
	r.whenQuiet = cancel
	r.noteQuietLocked()
	r.mu.Unlock()
	got, err := r.transport.Receive(ctx, o)
	r.mu.Lock()
	r.whenQuiet = nil
	r.mu.Unlock()
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		err = nil // it became quiet, and there was nothing until then
	}
	return got, err
}

// awaitRoom waits until messages may be claimed and says which; quiet says that nothing is in hand. It gives back what
// has waited in the buffer for too long. ok is false when the run stops.
func (r *run) awaitRoom() (o symphony.ReceiveOptions, quiet, ok bool) {
	for {
		r.mu.Lock()
		r.releaseStaleLocked()
		r.backStaleLocked()
		o = r.planLocked()
		quiet = r.quietLocked()
		r.fetcherWaits = o.Max == 0
		r.mu.Unlock()
		if r.claims.Err() != nil {
			return o, quiet, false
		}
		if o.Max > 0 {
			return o, quiet, true
		}
		t := r.o.Clock.NewTimer(slowHandler)
		select {
		case <-r.room: // a stale signal costs one more look
		case <-t.C():
		case <-r.claims.Done():
		}
		t.Stop()
	}
}

// bytesAtWork times MaxBufferedBytes is how many bytes of messages at work are enough: handlers copy them, to send them
// on or to decode them, so that a worker with many places would else need many times what a large message has.
const bytesAtWork = 8

// planLocked says what to claim; Max 0 is nothing. It claims ahead when half of what was ahead has been used up.
func (r *run) planLocked() symphony.ReceiveOptions {
	o := symphony.ReceiveOptions{Queues: r.o.Queues, Lease: r.o.Lease, Wait: r.o.PollInterval, Worker: r.o.Name,
		Pushes: r.mux.Pushes()}
	buffered, ahead := r.buffer.len(), max(r.pace.prefetch(r.o.Concurrency), r.sift)
	if buffered > ahead/2 || r.buffer.bytes > r.o.MaxBufferedBytes/2 || r.unsettled >= maxUnsettled ||
		r.atWork+r.buffer.bytes >= bytesAtWork*r.o.MaxBufferedBytes {
		return o
	}
	free := r.o.Concurrency - r.working - buffered
	room := int64(min(free+ahead, r.o.BatchSize, symphony.MaxReceive))
	waiting := r.waitingLocked()
	if r.o.MessageLimit > 0 {
		room = min(room, r.o.MessageLimit-r.begun-int64(buffered+waiting))
	}
	o.Max = int(max(room, 0))
	o.MaxBytes = max(r.o.MaxBufferedBytes-r.buffer.bytes, 1)
	o.MaxLost = max(free, 1)
	if buffered+waiting > 0 {
		o.Wait = min(o.Wait, slowHandler) // to see in time whether it waits for too long
	}
	return o
}

// noteRoomLocked wakes the fetcher if it waits for room and there is some.
func (r *run) noteRoomLocked() {
	if r.fetcherWaits && r.planLocked().Max > 0 {
		r.fetcherWaits = false
		wake(r.room)
	}
}

func (r *run) noteQuietLocked() {
	if r.whenQuiet != nil && r.quietLocked() {
		r.whenQuiet()
	}
}

// wake tells the one who waits on a channel with room for one signal.
func wake(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// deliver puts a claim into the buffer and wakes as many handlers as it needs.
func (r *run) deliver(got []symphony.Delivery) {
	now := symphony.Elapsed(r.o.Clock)
	items := make([]*item, len(got))
	for i := range got {
		items[i] = &item{Delivery: got[i], size: got[i].Size(), arrived: now, until: now + r.o.Lease}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.reason != "" {
		r.releaseLocked(items)
		return
	}
	if r.mux.Bounded() {
		items = r.admitLocked(items)
	}
	r.buffer.push(items)
	for range min(len(items), r.idle) {
		r.ready.Signal()
	}
	for n := r.buffer.len() - r.idle; n > 0 && len(r.slots) < r.o.Concurrency; n-- {
		r.startSlotLocked()
	}
}

// admitLocked finds the places of messages that were claimed, and returns those that may start as far as is known now.
// The others wait, or are given back.
func (r *run) admitLocked(items []*item) []*item {
	kept := items[:0]
	for _, it := range items {
		it.bulkhead = r.bulkheadLocked(&it.Envelope)
		if b := it.bulkhead; b != nil && b.running == b.places {
			r.holdLocked(it)
			continue
		}
		kept = append(kept, it)
	}
	r.siftLocked(len(kept))
	return kept
}

// releaseStaleLocked gives all buffered messages back when the first of them has waited for so long that the handlers
// must be slower than they were when it was claimed. Workers that are free can have them.
func (r *run) releaseStaleLocked() {
	if r.buffer.len() == 0 || symphony.Elapsed(r.o.Clock)-r.buffer.all()[0].arrived < slowHandler {
		return
	}
	r.pace.slow()
	r.releaseLocked(r.buffer.take())
}

// releaseLocked gives messages back that have not started.
func (r *run) releaseLocked(items []*item) {
	for _, it := range items {
		r.addResultLocked(it, symphony.Settlement{Lease: it.Lease, Outcome: symphony.Release})
	}
}

// pause waits for d, or until the run stops.
func (r *run) pause(d time.Duration) {
	t := r.o.Clock.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C():
	case <-r.claims.Done():
	}
}
