package worker

import (
	"context"
	"errors"

	"github.com/symphony-messenger/symphony"
)

// handle runs messages one after the other, until there will be no more.
func (r *run) handle() {
	for {
		it, ctx := r.take()
		if it == nil {
			return
		}
		started := r.o.Clock.Now()
		policy := r.mux.Policy(it.Type, r.o.Policy)
		var res symphony.Result
		if res.Err = policy.Admit(it.Delivery); res.Err == nil {
			res = r.mux.Run(ctx, it.Delivery, max(r.o.HandlerTimeout, 0))
		} else {
			res.Err = symphony.Permanent(res.Err)
		}
		cause := context.Cause(ctx)
		it.abort(nil)
		finished := r.o.Clock.Now()
		s := symphony.Settlement{Lease: it.Lease, StartedAt: started, FinishedAt: finished}
		if res.Err != nil && errors.Is(cause, symphony.ErrInterrupted) {
			s.Outcome = symphony.Release
		} else {
			d := policy.Decide(it.Attempt, res.Err, r.o.Random())
			s.Outcome, s.Delay = d.Outcome, d.Delay
			if d.Outcome == symphony.Fail {
				r.o.Logger.Warn("message failed; it is in the dead letter queue", "message_id", it.ID, "type", it.Type,
					"transport", r.transport.Name(), "queue", it.Queue, "attempt", it.Attempt, "worker", r.o.Name, "error_class", symphony.ErrorClass(res.Err))
			}
			if res.Err != nil {
				s.Error, s.ErrorClass, s.Done = res.Err.Error(), symphony.ErrorClass(res.Err), res.Done
				s.MaxRetries = policy.WithDefaults().MaxRetries
			}
		}
		r.finish(it, s)
	}
}

// finish hands a result to the settler and counts it.
func (r *run) finish(it *item, s symphony.Settlement) {
	r.mu.Lock()
	r.running--
	lost := it.state == gone
	if !lost {
		it.state = ending
		r.pending++
	}
	if s.Outcome != symphony.Release {
		r.report.Processed++
		r.report.HandlerTime += s.FinishedAt.Sub(s.StartedAt)
		if s.Outcome == symphony.Ack {
			r.report.Succeeded++
		} else {
			r.report.Failed++
		}
	}
	processed, failed := r.report.Processed, r.report.Failed
	if len(r.buffer) == 0 {
		r.signalDrained()
	}
	r.mu.Unlock()
	if r.o.MessageLimit > 0 && processed >= r.o.MessageLimit {
		r.stop(stopCause(MessageLimit))
	}
	if r.o.FailureLimit > 0 && failed >= r.o.FailureLimit {
		r.stop(stopCause(FailureLimit))
	}
	if lost {
		return // the heartbeat has said so
	}
	r.results.Put(result{it, s}) // the queue is closed only after the last handler has ended
}
