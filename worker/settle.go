package worker

import (
	"context"
	"errors"
	"time"

	"github.com/symphony-messenger/symphony"
)

// result is how a message in hand ended.
type result struct {
	*item
	symphony.Settlement
}

// settle tells the transport how messages ended: all results that have come up since the last call, at once.
func (r *run) settle() {
	var spare []result
	for {
		got, ok := r.results.Take(spare)
		if !ok {
			return
		}
		for rest := got; len(rest) > 0; {
			n := min(settleBatch, len(rest))
			r.settleBatch(rest[:n])
			rest = rest[n:]
		}
		clear(got)
		spare = got
	}
}

// settleBatch settles until every result is settled or its lease is over. What cannot be settled is delivered again.
func (r *run) settleBatch(batch []result) {
	list := make([]symphony.Settlement, len(batch))
	for i := range batch {
		list[i] = batch[i].Settlement
	}
	pause := minPause
	for open := batch; ; {
		errs := r.transport.Settle(context.WithoutCancel(r.claims), list)
		if errs == nil {
			r.forget(open)
			return
		}
		var again []result
		var cause error
		for i, err := range errs {
			switch {
			case err == nil, errors.Is(err, symphony.ErrLeaseLost):
				if err != nil {
					r.o.Logger.Warn("lease lost before the result was stored; the message is delivered again",
						"message_id", list[i].Lease.MessageID, "transport", r.transport.Name(), "worker", r.o.Name)
				}
				r.forget(open[i : i+1])
			case errors.Is(err, symphony.ErrClosed), !r.o.Clock.Now().Before(r.leaseEnd(open[i].claim)):
				r.o.Logger.Error("result could not be stored; the message is delivered again",
					"message_id", list[i].Lease.MessageID, "transport", r.transport.Name(), "worker", r.o.Name, "error", err)
				r.forget(open[i : i+1])
			default:
				again, cause = append(again, open[i]), err
			}
		}
		if len(again) == 0 {
			return
		}
		r.o.Logger.Warn("storing results; trying again", "transport", r.transport.Name(), "worker", r.o.Name, "error", cause)
		t := r.o.Clock.NewTimer(time.Duration((0.5 + r.o.Random()) * float64(pause)))
		<-t.C()
		pause = min(2*pause, maxPause)
		open, list = again, list[:0]
		for i := range again {
			list = append(list, again[i].Settlement)
		}
	}
}

func (r *run) leaseEnd(c *claim) time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return c.ended
}

// forget drops messages that are out of hand.
func (r *run) forget(list []result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range list {
		it := list[i].item
		r.pending--
		it.state = gone
		r.drop(it.claim)
	}
	r.signalDrained()
}

// drop counts a message of a claim out of hand.
func (r *run) drop(c *claim) {
	if r.inHand[c]--; r.inHand[c] == 0 {
		delete(r.inHand, c)
	}
}

// heartbeat extends the leases of everything in hand, three times per lease. A handler whose lease is lost is told so and
// its result dropped; what had not started is not started any more.
func (r *run) heartbeat(ended <-chan struct{}) {
	for {
		t := r.o.Clock.NewTimer(r.o.Lease / 3)
		select {
		case <-t.C():
		case <-ended:
			t.Stop()
			return
		}
		r.beat()
	}
}

func (r *run) beat() {
	r.mu.Lock()
	var (
		items  []*item
		leases []symphony.Lease
	)
	for c := range r.inHand {
		for i := range c.items {
			if it := &c.items[i]; it.state != gone {
				items = append(items, it)
				leases = append(leases, it.Lease)
			}
		}
	}
	r.mu.Unlock()
	if len(leases) == 0 {
		return
	}
	now := r.o.Clock.Now()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.claims), r.o.Lease/3)
	defer cancel()
	errs := r.transport.Extend(ctx, leases, r.o.Lease)
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, it := range items {
		var err error
		if errs != nil {
			err = errs[i]
		}
		switch {
		case err == nil:
			it.claim.ended = now.Add(r.o.Lease)
		case it.state != buffered && it.state != running:
			// Settled meanwhile, or about to be: the transport will say what it thinks of that.
		case errors.Is(err, symphony.ErrLeaseLost), !r.o.Clock.Now().Before(it.claim.ended):
			r.lose(it)
		}
	}
}
