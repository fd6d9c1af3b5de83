package postgres

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
)

// What is stopped stands in messenger_holds, and in the memory of each process. A change is announced to the others;
// who does not hear it reads it within a second.

var readHolds = newQuery("read_holds", `SELECT transport, queue, type, mode, since, by, reason,
		CASE WHEN until_of = since THEN until END
	FROM {schema}.messenger_holds ORDER BY since`)

// loadHolds reads what is stopped, and which limits are set. Where something has changed, receivers look again.
func (s *store) loadHolds(ctx context.Context) error {
	began := s.holds.begin()
	holds, read := holdsCall()
	limits, readLimits := s.limitsCall()
	err := s.do(ctx, "read holds", read, readLimits)
	if err != nil {
		return err
	}
	before := s.holds.keep(began, holds)
	look := len(before) > 0 && !sameHolds(before, s.holds.known(), s.storeTime())
	if s.keepLimits(limits()) || look {
		s.wakeDue()
	}
	return nil
}

// holdsKnown is what is stopped by transport, oldest first, as far as this process knows. Nothing in a map changes.
// Readings may overlap, and what one of them has found may be older than what another found that was faster. So the one
// that began last is kept: it has seen what was committed before any of them began. Safe for concurrent use.
type holdsKnown struct {
	begun atomic.Uint64
	mu    sync.Mutex
	kept  uint64 // when the reading that is kept began
	list  map[string][]flow.Hold
}

// begin numbers a reading that is about to begin.
func (h *holdsKnown) begin() uint64 { return h.begun.Add(1) }

// keep notes what a reading found, unless one that began later was faster, and returns what was known before.
func (h *holdsKnown) keep(began uint64, list map[string][]flow.Hold) (before map[string][]flow.Hold) {
	h.mu.Lock()
	defer h.mu.Unlock()
	before = h.list
	if began > h.kept {
		h.kept, h.list = began, list
	}
	return before
}

func (h *holdsKnown) known() map[string][]flow.Hold {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.list
}

// storeTime is storeNow as a time.
func (s *store) storeTime() time.Time { return fromMicros(s.storeNow()) }

// holdsCall reads what is stopped into a map by transport.
func holdsCall() (map[string][]flow.Hold, call) {
	holds := make(map[string][]flow.Hold)
	return holds, call{query: readHolds, row: func(v [][]byte) error {
		transport := string(v[0])
		holds[transport] = append(holds[transport], flow.Hold{
			HoldTarget: flow.HoldTarget{Queue: string(v[1]), Type: string(v[2])}, Mode: flow.HoldMode(v[3]),
			Since: fromMicros(timeColumn(v[4])), By: string(v[5]), Reason: string(v[6]),
			Until: fromMicros(timeColumn(v[7])),
		})
		return nil
	}}
}

// Holds reads what is stopped. A pause is begun and ended by others at any time, and a message that is parked because
// of it stays parked for long: the copy in this process's memory is not good enough to decide that.
func (f *flowTx) Holds() (map[string][]flow.Hold, error) {
	holds, read := holdsCall()
	return holds, f.ask(read)
}

// EndHold has a hold that is over deleted when the transaction ends, and not one that a node of an older release
// has put
// in its place meanwhile, without waiting for the flow.
func (f *flowTx) EndHold(transport string, t flow.HoldTarget) error {
	f.ended = true
	f.later(endOver, []byte(transport), []byte(t.Queue), []byte(t.Type), f.nowParam())
	return nil
}

// sameHolds reports whether all that was stopped still is.
func sameHolds(a, b map[string][]flow.Hold, now time.Time) bool {
	for transport, list := range a {
		if !slices.Equal(list, flow.Live(b[transport], now)) {
			return false
		}
	}
	return true
}

// held returns the holds of a transport. They are not to be changed.
func (s *store) held(transport string) []flow.Hold {
	list := s.holds.known()[transport]
	if len(list) == 0 {
		return nil
	}
	return flow.Live(list, s.storeTime())
}

var (
	setHold = newQuery("set_hold", `INSERT INTO {schema}.messenger_holds
		(transport, queue, type, mode, since, by, reason, until, until_of)
		VALUES ($2::text, $3::text, $4::text, $5::text, coalesce($1::timestamptz, now()), $6::text, $7::text,
			$8::timestamptz, coalesce($1, now()))
		ON CONFLICT (transport, queue, type) DO UPDATE SET mode = excluded.mode, since = excluded.since, by = excluded.by,
			reason = excluded.reason, until = excluded.until, until_of = excluded.until_of`)
	endHold = newQuery("end_hold", `DELETE FROM {schema}.messenger_holds
		WHERE transport = $1::text AND queue = $2::text AND type = $3::text RETURNING 1`)
	endOver = newQuery("end_over", `DELETE FROM {schema}.messenger_holds WHERE transport = $1::text AND queue = $2::text
		AND type = $3::text AND until_of = since AND until <= $4::timestamptz`)
)

// Hold stops a part of the transport.
func (t *Transport) Hold(ctx context.Context, h flow.Hold) error {
	if err := h.Validate(); err != nil {
		return err
	}
	set := call{query: setHold, params: [][]byte{t.nowParam(), []byte(t.name), []byte(h.Queue), []byte(cleanText(h.Type)),
		[]byte(h.Mode), []byte(cleanText(h.By)), []byte(cleanText(h.Reason)), untilParam(h.Until)}}
	err := t.with(ctx, "hold", func(ctx context.Context, l *link) error {
		// No flow takes the hold for over that was there before.
		f, err := t.beginFlow(ctx, l, set)
		if err != nil {
			return err
		}
		return f.finish()
	})
	if err != nil {
		return err
	}
	return afterwards(t.holdsChanged(ctx))
}

// untilParam is a time as a parameter, NULL for none.
func untilParam(t time.Time) []byte {
	if t.IsZero() {
		return nil
	}
	return timeParam(micros(t))
}

// Release ends a hold.
func (t *Transport) Release(ctx context.Context, target flow.HoldTarget) error {
	if err := target.Validate(); err != nil {
		return err
	}
	found := false
	err := t.with(ctx, "release", func(ctx context.Context, l *link) error {
		// The gate is changed by a flow only, and no flow takes the pause for lasting that ends here.
		f, err := t.beginFlow(ctx, l, call{query: endHold, params: [][]byte{[]byte(t.name), []byte(target.Queue), []byte(target.Type)}, row: func([][]byte) error {
			found = true
			return nil
		}})
		if err != nil {
			return err
		}
		if found && target.Type != "" {
			if err := f.engine.Release(t.name, target.Type); err != nil {
				return err
			}
		}
		return f.finish()
	})
	switch {
	case err != nil:
		return err
	case !found:
		return fmt.Errorf("hold of %s: %w", target, symphony.ErrNotFound)
	}
	t.house.controlAt.Store(0)
	return afterwards(t.holdsChanged(ctx))
}

// holdsChanged makes a change known, here and on other nodes.
func (s *store) holdsChanged(ctx context.Context) error {
	if err := s.loadHolds(ctx); err != nil {
		return err
	}
	if err := s.controlIfDue(ctx); err != nil {
		return err
	}
	s.wakeDue()
	return s.announceSteering(ctx)
}

// announceSteering has other nodes read holds and limits.
func (s *store) announceSteering(ctx context.Context) error {
	if s.alone() {
		return nil
	}
	return s.do(ctx, "announce", call{query: notifyQuery, params: [][]byte{[]byte(s.schema), []byte(s.node.id.String() + " *")}})
}

// Holds lists what is stopped.
func (t *Transport) Holds(ctx context.Context) ([]flow.Hold, error) {
	if err := t.loadHolds(ctx); err != nil {
		return nil, err
	}
	return slices.Clone(t.held(t.name)), nil
}
