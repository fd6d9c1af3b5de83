package symphony

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Whoever waits for the end of a message is told of it by a question, not by a notification: of all who wait for
// messages of one transport, one asks for all of them together, again and again. So the end of a message costs nothing
// more than before, whoever waits costs one id in a question, and it does not matter which process completes the
// message.
//
// The pause between two questions is waitShare times what the last one took, from minWaitPause to maxWaitPause.
const (
	waitShare    = 20
	minWaitPause = 50 * time.Millisecond
	maxWaitPause = 250 * time.Millisecond
	// maxWaitedFor is how many messages one question is for.
	maxWaitedFor = 2000
)

// Wait returns a message once it has ended: it is completed, failed for good, or cancelled. It may be on any transport
// of the bus. Its output is decoded by BusOptions.Codec; Output decodes it further. Where completed messages are not
// kept, little more than the id, the status and the time of the end is told.
//
// Errors: ErrNotFound, also once it was deleted while it waited; the codec's; and that of ctx, with the message as it
// was before. While storage is away Wait goes on asking. Of a failed message that was retried it waits for the one that
// took its place, whose Terms.RetryOf says so.
func (b *Bus) Wait(ctx context.Context, id string) (MessageInfo, error) {
	for _, name := range b.names {
		m, err := b.Messages(name)
		if errors.Is(err, ErrUnsupported) {
			continue
		}
		if err != nil {
			return MessageInfo{}, err
		}
		found, err := follow(ctx, id, m.wait)
		if errors.Is(err, ErrNotFound) && found.ID == "" {
			continue
		}
		if err == nil && b.opts.Codec != nil {
			if found.Output, err = openOutput(ctx, b.opts.Codec, found.Type, found.Output); err != nil {
				return found, fmt.Errorf("message %s: decode the output: %w", id, err)
			}
		}
		return found, err
	}
	return MessageInfo{}, fmt.Errorf("message %s: %w", id, ErrNotFound)
}

// Look returns a message as soon as it has ended, or as it is when so much time is over or ctx ends: at once where the
// time is 0. Unlike Get it also tells, for EndsRemembered, of the end of a message that is not kept. Of a failed
// message that was retried it returns the one that took its place; at once its error is a *RetriedError. Other errors:
// ErrNotFound, and the storage's.
func (m *Messages) Look(ctx context.Context, id string, wait time.Duration) (MessageInfo, error) {
	if len(m.transports) != 1 {
		at, err := m.at(ctx, id)
		if retried := (*RetriedError)(nil); errors.As(err, &retried) {
			if wait <= 0 {
				return MessageInfo{}, err
			}
			return m.Look(ctx, retried.NewID, wait) // which is younger, so that this ends
		}
		if errors.Is(err, ErrNotFound) {
			return m.lookAround(ctx, id)
		}
		if err != nil {
			return MessageInfo{}, err
		}
		return at.Look(ctx, id, wait)
	}
	if wait <= 0 {
		return m.look(ctx, id)
	}
	waiting, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	found, err := follow(waiting, id, m.wait)
	if err != nil && waiting.Err() != nil {
		return follow(context.WithoutCancel(ctx), cmp.Or(found.ID, id), m.look)
	}
	return found, err
}

// follow is what get tells of a message, or of the one that took its place when it was retried.
func follow(ctx context.Context, id string,
	get func(context.Context, string) (MessageInfo, error)) (MessageInfo, error) {
	for {
		found, err := get(ctx, id)
		retried := (*RetriedError)(nil)
		if !errors.As(err, &retried) {
			return found, err
		}
		id = retried.NewID // which is younger, so that this ends
	}
}

// lookAround looks at several transports for a message that is not kept.
func (m *Messages) lookAround(ctx context.Context, id string) (found MessageInfo, err error) {
	err = fmt.Errorf("message %s: %w", id, ErrNotFound)
	if m.owner != "" {
		return found, err
	}
	parts := m.parts
	if parts == nil {
		parts = []*Messages{m}
	}
	for _, part := range parts {
		for _, name := range part.transports {
			one, oneErr := m.bus.Messages(name)
			if oneErr != nil {
				return found, oneErr
			}
			if found, err = one.look(ctx, id); !errors.Is(err, ErrNotFound) {
				return found, err
			}
		}
	}
	return found, err
}

// look is Get that also tells of a message that is not kept.
func (m *Messages) look(ctx context.Context, id string) (MessageInfo, error) {
	found, err := m.Get(ctx, id)
	if !errors.Is(err, ErrNotFound) || !ValidID(id) || m.owner != "" { // whose it was is not remembered
		return found, err
	}
	ends, endErr := m.store.MessageEnds(ctx, []string{id})
	if endErr != nil {
		return found, endErr
	}
	if len(ends) == 0 || !ends[0].Forgotten {
		return found, err
	}
	return m.forgotten(&MessageInfo{}, &ends[0]), nil
}

// forgotten is what can be told of a message that is not kept, and was seen before.
func (m *Messages) forgotten(seen *MessageInfo, end *MessageEnd) MessageInfo {
	info := MessageInfo{Status: end.Status, FinishedAt: end.FinishedAt}
	info.ID, info.Queue, info.Transport = end.ID, end.Queue, m.transports[0]
	info.Type, info.Priority = seen.Type, seen.Priority
	info.CreatedAt, info.ScheduledAt = seen.CreatedAt, seen.ScheduledAt
	info.DispatchedBy, info.CorrelationID, info.CausationID = seen.DispatchedBy, seen.CorrelationID, seen.CausationID
	return info
}

// wait waits for the end of a message. With an error comes the message as it was before.
func (m *Messages) wait(ctx context.Context, id string) (MessageInfo, error) {
	seen, err := m.look(ctx, id)
	if err != nil || seen.Status.Final() {
		return seen, err
	}
	end, err := m.waits.await(ctx, m.store, id)
	switch {
	case err != nil:
		return seen, err
	case end.Status == "":
		if _, err := m.Get(ctx, id); errors.As(err, new(*RetriedError)) {
			return MessageInfo{}, err // it failed, and was retried since the last look
		}
		return seen, fmt.Errorf("message %s was deleted: %w", id, ErrNotFound)
	case end.Forgotten:
		return m.forgotten(&seen, &end), nil
	}
	found, err := m.Get(ctx, id)
	if errors.As(err, new(*RetriedError)) {
		return MessageInfo{}, err
	}
	if err != nil {
		return seen, err
	}
	return found, nil
}

// Final reports whether a message with this status has ended.
func (s Status) Final() bool { return s == Completed || s == Failed || s == Cancelled }

// waits are those who wait for messages of one transport. Safe for concurrent use.
type waits struct {
	mu   sync.Mutex
	open map[*oneWait]struct{}
	led  bool // one of them asks for all
}

// oneWait is somebody who waits for a message.
type oneWait struct {
	id   string
	end  chan waitResult // has room for one
	lead chan struct{}   // has room for one: it is on him to ask
}

// waitResult is the end of a message, without a status where it is not known any more.
type waitResult struct {
	end MessageEnd
	err error
}

// await returns the end of a message, without a status once the message is not known any more.
func (w *waits) await(ctx context.Context, store MessageStore, id string) (MessageEnd, error) {
	one := &oneWait{id: id, end: make(chan waitResult, 1), lead: make(chan struct{}, 1)}
	w.mu.Lock()
	if w.open == nil {
		w.open = make(map[*oneWait]struct{})
	}
	w.open[one] = struct{}{}
	if !w.led {
		w.led = true
		one.lead <- struct{}{}
	}
	w.mu.Unlock()
	leading := false
	defer func() { w.leave(one, leading) }()
	timer := SystemClock().NewTimer(0)
	for {
		select {
		case r := <-one.end:
			timer.Stop()
			return r.end, r.err
		case <-ctx.Done():
			timer.Stop()
			return MessageEnd{}, ctx.Err()
		case <-one.lead:
			leading = true
			continue
		case <-timerOf(leading, timer):
		}
		pause := w.ask(ctx, store)
		timer = SystemClock().NewTimer(pause)
	}
}

// timerOf is the channel of the timer by which the one who asks is told to do so again.
func timerOf(leading bool, t Timer) <-chan time.Time {
	if !leading {
		return nil
	}
	return t.C()
}

// leave takes one out. If it was on him to ask, another one does from now on.
func (w *waits) leave(one *oneWait, leading bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.open, one)
	select {
	case <-one.lead:
		leading = true // it had just become so
	default:
	}
	if !leading {
		return
	}
	w.led = false
	for next := range w.open {
		w.led = true
		next.lead <- struct{}{}
		return
	}
}

// ask asks once for all, tells those whose messages have ended, and returns the pause until the next question.
func (w *waits) ask(ctx context.Context, store MessageStore) time.Duration {
	w.mu.Lock()
	byID := make(map[string][]*oneWait, len(w.open))
	for one := range w.open {
		byID[one.id] = append(byID[one.id], one)
	}
	w.mu.Unlock()
	ids := make([]string, 0, len(byID))
	for id := range byID {
		ids = append(ids, id)
	}
	began := Elapsed(SystemClock())
	for part := range slices.Chunk(ids, maxWaitedFor) {
		ends, err := store.MessageEnds(ctx, part)
		if err != nil {
			if errors.Is(err, ErrClosed) || errors.Is(err, ErrUnsupported) {
				w.tell(byID, part, waitResult{err: err})
			}
			continue // the next question may be answered
		}
		known := make(map[string]bool, len(ends))
		for _, e := range ends {
			if known[e.ID] = true; e.Status != "" {
				w.tell(byID, []string{e.ID}, waitResult{end: e})
			}
		}
		for _, id := range part {
			if !known[id] {
				w.tell(byID, []string{id}, waitResult{})
			}
		}
	}
	return min(max(waitShare*(Elapsed(SystemClock())-began), minWaitPause), maxWaitPause)
}

// tell tells all who wait for some messages.
func (w *waits) tell(byID map[string][]*oneWait, ids []string, r waitResult) {
	for _, id := range ids {
		for _, one := range byID[id] {
			select {
			case one.end <- r:
			default: // he knows already
			}
		}
	}
}
