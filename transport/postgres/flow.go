package postgres

import (
	"context"
	"time"

	"github.com/symphony-messenger/symphony/flow"
)

// Messages under flow control are in lanes of their own. Whatever changes their state does so in a transaction that
// locks the one row of messenger_flow before anything else. So these transactions follow one another, on all nodes, and
// what one of them reads of gates, lines and waiting messages stays true until flow.Engine has decided. Nothing is
// locked by others before that row and wanted by them after it, so nobody waits in a circle; the counts are locked last,
// the common ones after the connection's own, as in fold. All other messages are not concerned: they are sent, claimed
// and settled as if there were no flow control.
//
// What the engine asks for is in gates.go (their numbers), parked.go (who waits before them), waiting.go (all that
// wait) and holds.go (what is stopped).

// flowTx is one such transaction, and the engine's store within it. What only writes is gathered, and sent with the
// commit.
type flowTx struct {
	*store
	ctx    context.Context
	l      *link
	now    int64 // of the server's clock, since the row is locked; µs
	engine *flow.Engine[located]

	back    *readyRows // messages that become ready
	parked  *parkedRows
	counts  deltas
	calls   []call
	cancels []cancelledRow // messages that become cancelled
	soonest int64          // when one of the gates that were saved is to be looked at

	lanesMade []lane

	inLimits *limitsInForce // as of the row
	changed  bool           // limits are to be stored
	ended    bool           // a hold is
}

// located is a message and where its row is.
type located struct {
	item
	tid string // the row's address; empty where that was not asked for
}

var (
	lockFlow = newQuery("lock_flow", `SELECT limits_version, uncounted_since FROM {schema}.messenger_flow FOR UPDATE`)
	// flowClock is a statement of its own, so that it is executed when the lock is held.
	flowClock = newQuery("flow_clock", `SELECT coalesce($1::timestamptz, clock_timestamp())`)
)

// beginFlow starts a transaction of flow control, together with further calls.
func (s *store) beginFlow(ctx context.Context, l *link, calls ...call) (*flowTx, error) {
	f := &flowTx{store: s, ctx: ctx, l: l, soonest: never,
		back: newReadyRows(0), parked: newParkedRows(), counts: make(deltas)}
	version, uncounted := int64(0), int64(0)
	lock := call{query: lockFlow, row: func(v [][]byte) error {
		version, uncounted = int8Column(v[0]), timeColumn(v[1])
		return nil
	}}
	clock := call{query: flowClock, params: [][]byte{s.nowParam()}, row: func(v [][]byte) error {
		f.now = timeColumn(v[0])
		return nil
	}}
	err := l.begin(ctx, append([]call{lock, clock}, calls...)...)
	if err == nil {
		f.inLimits, err = f.limitsOf(version, uncounted)
	}
	if err != nil {
		return f, err
	}
	f.engine = flow.NewEngine[located](f, f.inLimits.limits, time.UnixMicro(f.now))
	return f, nil
}

// nowParam is the transaction's time, for statements that others call with a time of their own.
func (f *flowTx) nowParam() []byte { return timeParam(f.now) }

// ask runs calls at once.
func (f *flowTx) ask(calls ...call) error {
	if len(calls) == 0 {
		return nil
	}
	return f.l.proceed(f.ctx, calls...)
}

// later runs a statement when the transaction ends.
func (f *flowTx) later(q *query, params ...[]byte) {
	f.calls = append(f.calls, call{query: q, params: params})
}

// flush writes the messages that were moved so far, so that what comes next finds them.
func (f *flowTx) flush() error {
	calls, added := f.moves(), f.back.added
	f.parked, f.back = newParkedRows(), newReadyRows(0)
	f.back.added = added
	return f.ask(calls...)
}

// moves are the calls that store the messages which were moved.
func (f *flowTx) moves() (calls []call) {
	if f.parked.ids.n > 0 {
		calls = append(calls, f.parked.call())
	}
	if f.back.ids.n > 0 {
		calls = append(calls, f.back.call(true))
	}
	return calls
}

// finish writes what was decided and commits. Then it tells receivers.
func (f *flowTx) finish() error {
	if err := f.engine.Finish(); err != nil {
		return err
	}
	calls := f.calls
	if len(f.counts) > 0 {
		calls = append(calls, f.counts.call(f.l))
	}
	calls = append(calls, f.moves()...)
	if len(f.cancels) > 0 {
		calls = append(calls, f.cancelCall())
	}
	if err := f.l.finish(f.ctx, calls...); err != nil {
		return err
	}
	for i := range f.lanesMade {
		f.lanes.add(&f.lanesMade[i])
	}
	if f.soonest != never {
		f.house.controlling(f.soonest - f.ahead())
	}
	if f.changed {
		f.keepLimits(f.inLimits)
	}
	f.arrived(f.back.added)
	if f.changed || f.ended {
		f.wakeDue()
	}
	return nil
}

// control fails messages that expired and looks at gates whose time has come, if there are any.
func (s *store) control(ctx context.Context) error {
	if err := s.loadHolds(ctx); err != nil {
		return err
	}
	ended := false
	for {
		// What others store meanwhile may not be seen, so the next look is reckoned from before this one.
		before, next, now := s.now(), int64(never), int64(0)
		more, steered := false, s.steers()
		var over flow.Over
		err := s.withAgain(ctx, "control flow", func(ctx context.Context, l *link) error {
			next, more, over = steered, false, flow.Over{}
			if err := l.transact(ctx, call{query: nextControl, params: [][]byte{s.nowParam()}, row: func(v [][]byte) error {
				now = timeColumn(v[0])
				for _, at := range v[1:] {
					if at != nil {
						next = min(next, timeColumn(at))
					}
				}
				return nil
			}}); err != nil || next > now {
				return err
			}
			more = true
			f, err := s.beginFlow(ctx, l)
			if err != nil {
				return err
			}
			if err := f.engine.EndOver(); err != nil {
				return err
			}
			if err := f.engine.Expire(); err != nil {
				return err
			}
			if err := f.engine.Wake(); err != nil {
				return err
			}
			ended, over = ended || f.ended || f.changed, f.engine.Over()
			return f.finish()
		})
		if err != nil {
			return err
		}
		over.Tell(s.steered)
		// Another node may have ended what this one thought to be there.
		if more && (ended || steered <= now) {
			if err := s.loadHolds(ctx); err != nil {
				return err
			}
		}
		if !more && ended {
			if err := s.announceSteering(ctx); err != nil {
				return err
			}
		}
		if !more {
			if next != never {
				next -= s.ahead()
			}
			s.house.controlAt.Store(min(next, before+controlEvery))
			return nil
		}
	}
}

var nextControl = newQuery("next_control", `SELECT coalesce($1::timestamptz, now()),
	(SELECT expires_at FROM {schema}.messenger_expiring ORDER BY expires_at LIMIT 1),
	(SELECT wake_at FROM {schema}.messenger_gates WHERE wake_at IS NOT NULL ORDER BY wake_at LIMIT 1)`)

// controlIfDue controls flow at once where housekeeping would do it in a moment.
func (s *store) controlIfDue(ctx context.Context) error {
	if s.now() < s.house.controlAt.Load() {
		return nil
	}
	s.house.control.Lock()
	defer s.house.control.Unlock()
	if s.now() < s.house.controlAt.Load() {
		return nil
	}
	return s.control(ctx)
}
