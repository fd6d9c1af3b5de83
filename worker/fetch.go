package worker

import (
	"context"
	"errors"
	"time"

	"github.com/symphony-messenger/symphony"
)

// fetch claims messages until the run stops. It returns an error only if the transport was closed.
func (r *run) fetch() error {
	failing := false
	pause := minPause
	for r.claims.Err() == nil {
		o, ok := r.room()
		if !ok {
			r.waitDrained()
			continue
		}
		got, err := r.transport.Receive(r.claims, o)
		switch {
		case err == nil:
			if failing {
				r.o.Logger.Info("claiming again", "worker", r.o.Name, "transport", r.transport.Name())
			}
			failing, pause = false, minPause
		case r.claims.Err() != nil:
		case errors.Is(err, symphony.ErrClosed):
			return err
		default:
			if !failing {
				r.o.Logger.Error("claiming messages; trying again until it works", "worker", r.o.Name, "transport", r.transport.Name(), "error", err)
			}
			failing = true
			r.sleep(time.Duration((0.5 + r.o.Random()) * float64(pause)))
			pause = min(2*pause, maxPause)
		}
		if len(got) > 0 {
			r.fill(got, o.Lease)
		} else if err == nil && r.o.StopWhenEmpty && !r.waitIdle() {
			r.stop(stopCause(Empty))
		}
	}
	return nil
}

// How long the worker waits between calls of a transport that fails: doubled each time, give or take a half.
const (
	minPause = 100 * time.Millisecond
	maxPause = 5 * time.Second
)

func (r *run) sleep(d time.Duration) {
	t := r.o.Clock.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C():
	case <-r.claims.Done():
	}
}

// waitDrained waits until something in hand was finished.
func (r *run) waitDrained() {
	select {
	case <-r.drained:
	case <-r.claims.Done():
	}
}

// waitIdle waits for progress if anything is in hand, which may come back for another attempt, and reports whether it
// was worth it.
func (r *run) waitIdle() bool {
	r.mu.Lock()
	busy := len(r.buffer)+r.running+r.pending > 0
	r.mu.Unlock()
	if busy {
		r.waitDrained()
	}
	return busy
}

// room says what to claim next, if anything.
func (r *run) room() (symphony.ReceiveOptions, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	free := r.o.Concurrency - r.running
	n := r.target - len(r.buffer)
	if len(r.buffer) > r.target/2 || r.pending > maxUnsettled || r.bytes >= maxBufferedBytes {
		n = 0
	}
	if r.o.MessageLimit > 0 {
		n = min(n, int(r.o.MessageLimit-r.claimed))
	}
	o := symphony.ReceiveOptions{
		Queues: r.o.Queues, Max: n, MaxBytes: maxBufferedBytes - r.bytes, MaxLost: max(free-len(r.buffer), 1),
		Lease: r.o.Lease, Wait: r.o.PollInterval, Worker: r.o.Name,
	}
	if r.o.StopWhenEmpty {
		o.Wait = 0
	}
	return o, n > 0
}

// fill puts a claim into the buffer and adapts how much to claim.
func (r *run) fill(got []symphony.Delivery, lease time.Duration) {
	now := r.o.Clock.Now()
	c := &claim{items: make([]item, len(got)), ended: now.Add(lease)}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.o.BatchSize == 0 {
		switch spent := now.Sub(r.filledAt); {
		case len(got) < r.target/2:
		case spent < fastClaim:
			r.target = min(2*r.target, max(maxPrefetch, 2*r.o.Concurrency))
		case spent > slowClaim:
			r.target = max(r.target/2, 2*r.o.Concurrency)
		}
	}
	r.filledAt = now
	for i := range got {
		it := &c.items[i]
		it.Delivery, it.claim = &got[i], c
		r.buffer = append(r.buffer, it)
		r.bytes += len(it.Payload)
	}
	r.claimed += int64(len(got))
	r.inHand[c] = len(got)
	if len(got) == 1 {
		r.filled.Signal()
	} else {
		r.filled.Broadcast()
	}
}

// take waits for a message to handle. It returns nil when there will be none.
func (r *run) take() (*item, context.Context) {
	ctx, abort := context.WithCancelCause(r.work)
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		// Once the run stops, nothing more is started: what is buffered goes back.
		for (len(r.buffer) == 0 || r.claims.Err() != nil) && !r.closed {
			r.filled.Wait()
		}
		if r.closed {
			abort(nil)
			return nil, nil
		}
		it := r.buffer[0]
		r.buffer[0] = nil
		r.buffer = r.buffer[1:]
		r.bytes -= len(it.Payload)
		if len(r.buffer) <= r.target/2 {
			r.signalDrained()
		}
		if it.state == gone {
			continue
		}
		if !r.o.Clock.Now().Before(it.claim.ended) {
			r.lose(it) // heartbeats did not get through in time: somebody else may have it by now
			continue
		}
		it.state, it.abort = running, abort
		r.running++
		return it, ctx
	}
}

// lose drops a message whose lease is lost. r.mu is held.
func (r *run) lose(it *item) {
	if it.state == running {
		it.abort(symphony.ErrLeaseLost)
	} else {
		r.claimed-- // it was never started, so it does not count
	}
	it.state = gone
	r.drop(it.claim)
	r.signalDrained()
	r.o.Logger.Warn("lease lost; the message is delivered again", "message_id", it.ID, "type", it.Type,
		"transport", r.transport.Name(), "queue", it.Queue, "attempt", it.Attempt, "worker", r.o.Name)
}

func (r *run) signalDrained() {
	select {
	case r.drained <- struct{}{}:
	default:
	}
}
