package worker

import (
	"context"
	"errors"
	"time"

	"github.com/symphony-messenger/symphony"
)

const (
	// maxSettle is the most results that one call carries.
	maxSettle = 1000
	// maxUnsettled bounds the results that wait: while there are more, nothing is claimed. What is buffered or at work
	// at that moment still comes on top.
	maxUnsettled = 4 * maxSettle
	// maxSettlePause is the longest pause between two tries: leases go on running.
	maxSettlePause = time.Second
	// settleTimeout bounds one call, where the transport heeds its context.
	settleTimeout = 30 * time.Second
	// drainTimeout is how long results are tried again once the last handler has ended.
	drainTimeout = 10 * time.Second
)

// result is how a message in hand ended.
type result struct {
	symphony.Settlement
	until time.Duration // when its lease ends, by what has elapsed on the worker's clock
	about about
}

// about is what an observer, or the log, is told of a message beside its settlement; it keeps nothing alive but short
// texts.
type about struct {
	queue, typ             string
	attempt                int
	createdAt, scheduledAt time.Time
	by                     string
}

// addResultLocked hands the result of a message, which is out of hand with it, to the settler.
func (r *run) addResultLocked(it *item, st symphony.Settlement) {
	it.gone = true
	r.results = append(r.results, result{st, it.until, about{it.Queue, it.Type, it.Attempt, it.CreatedAt, it.ScheduledAt, it.DispatchedBy}})
	r.unsettled++
	if r.settlerWaits {
		r.settlerWaits = false
		wake(r.work)
	}
}

// settler stores results, all at once that have come up while it was busy: it leaves at once when it was idle, and
// takes the more together the busier it is. Leases of results are not extended. What storage did not take is tried
// again until its lease has ended; then the message is delivered again, to whomever.
type settler struct {
	*run
	out    outage
	open   []result // to be stored
	bundle int      // the most results of one call
	list   []symphony.Settlement
	none   [maxSettle]error
	ended  []symphony.EndedAttempt // for the observer
}

// settle stores results until drain is closed, after which no new ones come, and none is left.
func (r *run) settle(drain <-chan struct{}) {
	s := &settler{run: r, bundle: maxSettle,
		out: r.outage("settle", maxSettlePause)}
	var giveUp time.Time // set when drain is closed
	for {
		idle := !s.take()
		if idle && !giveUp.IsZero() {
			return
		}
		pause := s.store()
		if pause > 0 && !giveUp.IsZero() && !r.o.Clock.Now().Before(giveUp) {
			s.abandon()
			return
		}
		if !idle && pause == 0 {
			continue
		}
		again, stop := r.timer(pause)
		select {
		case <-r.work:
		case <-again:
		case <-drain:
			drain, giveUp = nil, r.o.Clock.Now().Add(drainTimeout)
		}
		stop()
	}
}

// take adds to the open results what handlers have come up with, and reports whether any is open.
func (s *settler) take() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.open) == 0 {
		s.open, s.results = s.results, s.open
	} else {
		s.open = append(s.open, s.results...)
		clear(s.results)
		s.results = s.results[:0]
	}
	s.settlerWaits = len(s.open) == 0
	return !s.settlerWaits
}

// store makes one try at the open results and keeps those that are to be tried again. It returns how long to wait
// before that, 0 if there are none.
func (s *settler) store() time.Duration {
	if len(s.open) == 0 {
		return 0
	}
	var failure error
	again, rest := s.open[:0], s.open
	// Where storage is away, the rest would fare no better.
	for len(rest) > 0 && !away(failure) {
		part := rest[:min(s.bundle, len(rest))]
		rest = rest[len(part):]
		var did tally
		for i, err := range s.call(part) {
			switch p := &part[i]; {
			case err == nil:
				did.settled(&p.Settlement)
				s.tell(p)
			case errors.Is(err, symphony.ErrCancelled):
				p.Outcome = symphony.Cancel
				did.settled(&p.Settlement)
				s.tell(p)
			case errors.Is(err, symphony.ErrLeaseLost):
				did.refused = append(did.refused, *p)
			case errors.Is(err, symphony.ErrClosed), symphony.Elapsed(s.o.Clock) >= p.until:
				did.dropped, did.err = append(did.dropped, *p), err
			default:
				failure = err
				again = append(again, *p)
			}
		}
		s.observed()
		s.note(&did)
	}
	again = append(again, rest...)
	clear(s.open[len(again):])
	s.open = again
	if failure == nil {
		s.out.over()
		s.bundle = maxSettle
		return 0
	}
	if !away(failure) {
		// One result may spoil the call for all that share it: smaller calls part them.
		s.bundle = max(s.bundle/4, 1)
	}
	return s.out.failed(failure)
}

// away reports whether storage does not serve, so that smaller calls would fare no better.
func away(err error) bool {
	return errors.Is(err, symphony.ErrUnavailable) || errors.Is(err, symphony.ErrOutcomeUnknown)
}

// call settles results and returns an error, or nil, for each.
func (s *settler) call(part []result) []error {
	s.list = s.list[:0]
	for i := range part {
		s.list = append(s.list, part[i].Settlement)
	}
	s.lastNotes(part)
	ctx, cancel := context.WithTimeout(s.base, settleTimeout)
	defer cancel()
	if errs := s.transport.Settle(ctx, s.list); errs != nil {
		return errs
	}
	return s.none[:len(part)]
}

// tell gathers what the observer is told next.
func (s *settler) tell(p *result) {
	if s.o.Observer != nil {
		s.ended = append(s.ended, symphony.EndedAttempt{
			MessageID: p.Lease.MessageID, Transport: s.transport.Name(), Queue: p.about.queue, Type: p.about.typ, Attempt: p.about.attempt,
			CreatedAt: p.about.createdAt, ScheduledAt: p.about.scheduledAt, DispatchedBy: p.about.by, Worker: s.o.Name, Settlement: p.Settlement,
		})
	}
}

// observed tells the observer of one stored batch. It comes before the batch counts as settled, so that a run that is
// over has told all.
func (s *settler) observed() {
	if len(s.ended) > 0 {
		s.o.Observer.AttemptsEnded(s.ended)
		clear(s.ended) // texts of errors
		s.ended = s.ended[:0]
	}
}

// abandon drops the open results: the worker has stopped and storage does not take them.
func (s *settler) abandon() {
	did := tally{err: s.out.err}
	did.dropped = append(did.dropped, s.open...)
	s.note(&did)
}

// tally is what became of some results.
type tally struct {
	Counts
	refused []result  // of messages whose lease was lost
	dropped []result  // which storage did not take in time
	err     error     // why
	last    time.Time // when the last of the attempts ended
}

func (t *tally) settled(st *symphony.Settlement) {
	switch st.Outcome {
	case symphony.Release:
		t.Released++
		return
	case symphony.Cancel:
		t.Cancelled++
		return
	case symphony.Ack:
		t.Succeeded++
	default:
		t.Failed++
	}
	t.Processed++
	t.HandlerTime += st.FinishedAt.Sub(st.StartedAt)
	if st.FinishedAt.After(t.last) {
		t.last = st.FinishedAt
	}
}

// attrs say in a log whose result it is.
func (p *result) attrs() []any {
	return []any{"message_id", p.Lease.MessageID, "type", p.about.typ, "queue", p.about.queue, "attempt", p.about.attempt}
}

// note counts what became of results and makes room for new ones.
func (r *run) note(t *tally) {
	t.Lost += int64(len(t.refused) + len(t.dropped))
	r.mu.Lock()
	r.counts.add(t.Counts)
	if t.last.After(r.lastEnded) {
		r.lastEnded = t.last
	}
	r.unsettled -= int(t.Processed + t.Released + t.Cancelled + t.Lost)
	r.noteRoomLocked()
	r.noteQuietLocked()
	r.mu.Unlock()
	if len(t.refused) > 0 {
		r.log.Warn("leases were lost before the results were stored; the messages are delivered again",
			append(t.refused[0].attrs(), "messages", len(t.refused), "error", symphony.ErrLeaseLost)...)
	}
	if len(t.dropped) > 0 {
		r.log.Error("results could not be stored; the messages are delivered again",
			append(t.dropped[0].attrs(), "messages", len(t.dropped), "error", t.err)...)
	}
}
