package postgres

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/symphony-messenger/symphony"
)

// A key may be held by a transaction for as long as somebody likes: one of a caller's (Tx) that is still open, or of a
// process that hangs. Who wants the same key must wait for its end, and nobody else may. So a group waits for a moment
// only. Then its calls with keys are tried one by one, in turn with others of their kind, until they have had their
// Options.Timeout. The keys that were found to be held are remembered, so that no further group runs into them.

const (
	// patientCommitters is how many connections try calls that wait for keys.
	patientCommitters = 2
	// heldFor is how long a key counts as held that was found to be.
	heldFor = 10 * time.Second
)

// heldKeys are the keys that other transactions were seen to hold. Safe for concurrent use.
type heldKeys struct {
	n    atomic.Int64
	mu   sync.Mutex
	keys map[keyName]time.Duration // until when, by what has elapsed
}

func (h *heldKeys) hold(names []keyName, now time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.keys == nil {
		h.keys = make(map[keyName]time.Duration)
	}
	maps.DeleteFunc(h.keys, func(_ keyName, until time.Duration) bool { return until <= now })
	for _, name := range names {
		h.keys[name] = now + heldFor
	}
	h.n.Store(int64(len(h.keys)))
}

func (h *heldKeys) free(names []keyName) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, name := range names {
		delete(h.keys, name)
	}
	h.n.Store(int64(len(h.keys)))
}

// any reports whether one of some keys is held.
func (h *heldKeys) any(names []keyName, now time.Duration) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, name := range names {
		if until, ok := h.keys[name]; ok && now < until {
			return true
		}
	}
	return false
}

// keyNames are the keys that a call wants.
func (o *sendOp) keyNames() (names []keyName) {
	for i := range o.list {
		if row := &o.list[i]; row.IdempotencyKey != "" {
			names = append(names, keyName{row.Transport, row.IdempotencyKey})
		}
	}
	return names
}

// withoutHeldKeys parts calls in those that want no key that is held, as far as this process knows, and the others.
func (s *store) withoutHeldKeys(ops []*sendOp) (free, held []*sendOp) {
	if s.heldKeys.n.Load() == 0 {
		return ops, nil
	}
	now := symphony.Elapsed(s.clock)
	held, free = split(ops, func(o *sendOp) bool { return s.heldKeys.any(o.keyNames(), now) })
	return free, held
}

// commitPatiently tries calls that want keys which were held, each in a transaction of its own, and returns those whose
// keys still are.
func (s *store) commitPatiently(ops []*sendOp) (left []*sendOp) {
	blocked := make(map[keyName]bool) // in this round
	for _, o := range ops {
		names := o.keyNames()
		waits := false
		for _, name := range names {
			waits = waits || blocked[name]
		}
		if !waits {
			waits = len(s.tryPatiently(o)) > 0
		}
		if !waits {
			s.heldKeys.free(names)
			continue
		}
		for _, name := range names {
			blocked[name] = true
		}
		s.heldKeys.hold(names, symphony.Elapsed(s.clock))
		o.why = errKeyHeld(names)
		left = append(left, o)
	}
	return left
}

func errKeyHeld(names []keyName) error {
	what := fmt.Sprintf("the idempotency key %q", names[0].key)
	if len(names) > 1 {
		what = fmt.Sprintf("one of %d idempotency keys", len(names))
	}
	return fmt.Errorf("postgres: send: another transaction holds %s and has not ended: %w", what, symphony.ErrUnavailable)
}

// tryPatiently stores the messages of one call, or returns it where one of its keys is held.
func (s *store) tryPatiently(o *sendOp) (left []*sendOp) {
	one := []*sendOp{o}
	if !o.controlled() {
		return s.commitSendsWith(one, s.storeGroup)
	}
	// Nobody may wait for a key in a flow, for which all others wait: look first whether it can be had.
	err := s.retrying(func(ctx context.Context, l *link) error {
		k := &keys{ops: one}
		claim, _ := k.calls(s)
		if err := l.begin(ctx, claim); err != nil {
			return err
		}
		l.rollback(ctx)
		return nil
	})
	if isLocked(err) {
		return one
	}
	return s.commitSendsWith(one, s.storeControlled) // says what else is wrong
}
