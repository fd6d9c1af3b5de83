package worker

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/symphony-messenger/symphony"
)

// slot is the place of one handler: a goroutine that runs messages one after the other.
type slot struct {
	item *item // at work; nil while idle
	// began is one more than what had elapsed when the handler of the item began, in nanoseconds; 0 at first. It is set
	// without the run's lock.
	began atomic.Int64
	// start is when that was by what has elapsed, for the handler's goroutine.
	start time.Duration
	// ctx is that of the handlers, which get a child each. It is used again until it was cancelled.
	ctx    context.Context
	cancel context.CancelCauseFunc
}

func (r *run) startSlotLocked() {
	s := &slot{}
	s.ctx, s.cancel = context.WithCancelCause(r.base)
	r.slots = append(r.slots, s)
	r.handlers.Add(1)
	go r.handle(s)
}

// handle runs messages until the run stops.
func (r *run) handle(s *slot) {
	defer r.handlers.Done()
	st := symphony.Settlement{}
	defer func() {
		if s.item != nil {
			r.replace(s, st)
		}
	}()
	for r.next(s, &st) {
		now, elapsed := r.store.Read()
		st = symphony.Settlement{Lease: s.item.Lease, StartedAt: now}
		s.start = elapsed
		s.began.Store(int64(elapsed) + 1)
		r.attempt(s, &st)
	}
}

// errExited is the failure of an attempt whose handler called runtime.Goexit, as testing.T.FailNow does.
var errExited = errors.New("the handler ended its goroutine")

// replace settles the message of a goroutine that its handler has ended, and starts another in its place.
func (r *run) replace(s *slot, st symphony.Settlement) {
	r.decide(s, &st, symphony.Result{Err: errExited, Done: s.item.Done})
	r.mu.Lock()
	defer r.mu.Unlock()
	r.finishLocked(s, &st)
	if r.reason == "" {
		r.handlers.Add(1)
		go r.handle(s)
	}
}

// attempt runs the handlers of a slot's message and completes the settlement by what came of it.
func (r *run) attempt(s *slot, st *symphony.Settlement) {
	d := &s.item.Delivery
	res := symphony.Result{Err: r.policy(d).Admit(d, st.StartedAt), Done: d.Done}
	if res.Err == nil {
		ctx, cancel := s.ctx, context.CancelFunc(nil)
		if r.o.HandlerTimeout == 0 {
			ctx, cancel = context.WithCancel(ctx) // with a timeout, the Mux makes a context for each handler
			defer cancel()
		}
		res = r.mux.Run(ctx, d, r.o.HandlerTimeout)
	}
	r.decide(s, st, res)
}

// policy is the retry policy of a delivery.
func (r *run) policy(d *symphony.Delivery) symphony.Policy {
	return r.mux.PolicyOf(&d.Envelope, r.o.Policy).For(d.Terms)
}

// decide completes the settlement of an attempt.
func (r *run) decide(s *slot, st *symphony.Settlement, res symphony.Result) {
	// An attempt takes as long as it takes, whatever becomes of any clock meanwhile.
	st.FinishedAt = st.StartedAt.Add(symphony.Elapsed(r.o.Clock) - s.start)
	if res.Err == nil {
		st.Outcome, st.Output, st.OutputError = symphony.Ack, res.Output, res.OutputError
		return
	}
	switch cause := context.Cause(s.ctx); {
	case errors.Is(cause, symphony.ErrInterrupted):
		st.Outcome, st.Done = symphony.Release, res.Done
		return
	case errors.Is(cause, symphony.ErrCancelled):
		st.Outcome = symphony.Release // whatever it says, the transport answers that it was cancelled
		return
	case errors.Is(cause, symphony.ErrLeaseLost):
		return // whatever it says is dropped
	}
	d := &s.item.Delivery
	r.policy(d).Settle(st, d.Attempt, res.Err, r.o.Random())
	st.Done = res.Done
	if st.Outcome != symphony.Release {
		r.logFailure(d, st, res.Err)
	}
}

// logFailure leads from the log to the message, whose history has the whole error.
func (r *run) logFailure(d *symphony.Delivery, st *symphony.Settlement, err error) {
	log := r.log.With("message_id", d.ID, "type", d.Type, "queue", d.Queue, "attempt", d.Attempt)
	if p := (*symphony.PanicError)(nil); errors.As(err, &p) {
		log.Error("handler panicked", "error", logText(err), "stack", string(p.Stack)) // which stands nowhere else
	}
	if st.Outcome == symphony.Fail {
		log.Warn("message failed for good; it is in the dead letter queue", "error", logText(err), "error_class", st.ErrorClass)
	} else if log.Enabled(r.base, slog.LevelDebug) {
		log.Debug("message failed; it is tried again", "error", logText(err), "error_class", st.ErrorClass, "delay", st.Delay)
	}
}

// maxLogText bounds an error's text in a log, in bytes.
const maxLogText = 200

// logText is an error for the log: its first line, cut. An error that quotes what others wrote, such as the answer of
// an endpoint, which may repeat the payload, says by LogValue what of it belongs there.
func logText(err error) string {
	text := err.Error()
	var quoting interface {
		error
		slog.LogValuer
	}
	if errors.As(err, &quoting) {
		text = quoting.LogValue().Resolve().String()
	}
	text, _, cut := strings.Cut(strings.TrimSpace(text), "\n")
	if len(text) > maxLogText {
		text, cut = strings.ToValidUTF8(text[:maxLogText], ""), true
	}
	if cut {
		text += "…"
	}
	return text
}

// next hands over the result of a slot's message, if it has one, and waits for another message. It is false when there
// is none because the run stops.
func (r *run) next(s *slot, st *symphony.Settlement) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s.item != nil {
		r.finishLocked(s, st)
	}
	var it *item
	for r.reason == "" {
		if it = r.takeLocked(); it != nil {
			break
		}
		r.idle++
		r.ready.Wait()
		r.idle--
	}
	if it == nil {
		return false
	}
	s.item = it
	s.item.slot = s
	s.began.Store(0)
	r.working++
	r.atWork += it.size
	r.begun++
	if r.begun == r.o.MessageLimit {
		r.stopLocked(MessageLimit)
	}
	r.noteRoomLocked()
	return true
}

// finishLocked takes a message out of its slot and its result to the settler.
func (r *run) finishLocked(s *slot, st *symphony.Settlement) {
	it := s.item
	s.item = nil
	r.working--
	r.atWork -= it.size
	took := st.FinishedAt.Sub(st.StartedAt)
	if b := it.bulkhead; b == nil || b.running < b.places {
		r.pace.add(took) // a handler whose places are full says nothing about how fast the others are
	}
	if it.bulkhead != nil {
		r.leaveLocked(it.bulkhead, took)
	}
	if s.ctx.Err() != nil {
		s.cancel(nil)
		s.ctx, s.cancel = context.WithCancelCause(r.base)
	}
	if it.gone {
		r.forgetNotes(it.Lease)
	} else {
		r.addResultLocked(it, *st)
		if st.Outcome == symphony.Retry || st.Outcome == symphony.Fail {
			r.failed++
			if r.failed == r.o.FailureLimit {
				r.stopLocked(FailureLimit)
			}
		}
	}
	r.noteRoomLocked()
	r.noteQuietLocked()
}
