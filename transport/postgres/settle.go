package postgres

import (
	"context"
	"fmt"
	"slices"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
)

// Settle ends deliveries in one transaction, shared with concurrent calls.
func (t *Transport) Settle(ctx context.Context, settlements []symphony.Settlement) []error {
	if len(settlements) == 0 {
		return nil
	}
	for i := range settlements {
		if o := settlements[i].Outcome; o < symphony.Ack || o > symphony.Release {
			return allFailed(len(settlements), fmt.Errorf("postgres: settle %s: unknown outcome %d", settlements[i].Lease.MessageID, o))
		}
	}
	if err := t.usable(ctx); err != nil {
		return allFailed(len(settlements), err)
	}
	if t.leases.txAcks.Load() == 0 {
		errs := t.settleAll(ctx, settlements)
		return t.settledOr(ctx, settlements, errs, lostPlaces(errs))
	}
	// What a transaction of the handler's has acked counts as settled, unless the message was cancelled because that
	// transaction was rolled back.
	var acked []int
	for i := range settlements {
		ls := &settlements[i].Lease
		if token, ok := parseUUID(ls.Token); ok && t.leases.ackedInTx(token, ls.Index) {
			acked = append(acked, i)
		}
	}
	errs := t.settleBesideTx(ctx, settlements)
	lost := lostPlaces(errs)
	for _, i := range acked {
		if errs == nil || errs[i] == nil {
			lost = append(lost, i)
		}
	}
	return t.settledOr(ctx, settlements, errs, lost)
}

func (t *Transport) settleAll(ctx context.Context, settlements []symphony.Settlement) []error {
	o := &settleOp{list: settlements}
	if err := t.settles.do(ctx, t.store, o); err != nil {
		return allFailed(len(settlements), err)
	}
	return o.errs
}

// settleBesideTx settles where handlers have acked some of the deliveries in transactions of their own. Where such a
// transaction is still open, which it should not be when its handler has returned, the group commit would wait for it
// with all who share it. So these deliveries are left out, with an error.
func (t *Transport) settleBesideTx(ctx context.Context, settlements []symphony.Settlement) []error {
	var ids []uuid
	acked := make(map[int]uuid)
	for i := range settlements {
		ls := &settlements[i].Lease
		token, ok := parseUUID(ls.Token)
		id, ok2 := parseUUID(ls.MessageID)
		if ok && ok2 && t.leases.ackedInTx(token, ls.Index) {
			acked[i], ids = id, append(ids, id)
		}
	}
	if len(acked) == 0 {
		return t.settleAll(ctx, settlements)
	}
	var k *locked
	if err := t.withAgain(ctx, "settle", func(ctx context.Context, l *link) error {
		k = newLocked()
		return l.transact(ctx, call{query: lockItems, params: [][]byte{uuidArray(ids)}, row: k.addOurs},
			call{query: unfinishedItems, params: [][]byte{uuidArray(ids)}, row: k.addMessage})
	}); err != nil {
		return allFailed(len(settlements), err)
	}
	var (
		rest   []symphony.Settlement
		places []int
		errs   []error
	)
	for i := range settlements {
		if id, ok := acked[i]; ok && k.busy(id) {
			errs = failed(errs, len(settlements), i, errBeingAcked)
			continue
		}
		rest, places = append(rest, settlements[i]), append(places, i)
	}
	if len(rest) > 0 {
		for i, err := range t.settleAll(ctx, rest) {
			errs = failed(errs, len(settlements), places[i], err)
		}
	}
	return errs
}

var unfinishedItems = newQuery("unfinished_items", `SELECT id FROM {schema}.messenger_messages WHERE id = ANY ($1::uuid[])`)

// errBeingAcked is what becomes of a delivery while a transaction of its handler's acks it.
var errBeingAcked = fmt.Errorf("postgres: settle: the transaction in which the message was acked is still open: %w", symphony.ErrUnavailable)

// settleOp is one Settle.
type settleOp struct {
	op
	list []symphony.Settlement
	errs []error
}

func (o *settleOp) rows() int  { return len(o.list) }
func (o *settleOp) state() *op { return &o.op }

// commitSettles ends the deliveries of some calls in one transaction.
func (s *store) commitSettles(ops []*settleOp) (left []*settleOp) {
	controlled, plain, err := s.partition(ops)
	if err != nil {
		// Settled as if they were not under flow control, they would keep their places, and nothing would follow them.
		err = s.storageError("settle", undoubted(err))
		for _, o := range ops {
			o.err = err
		}
		return nil
	}
	if len(plain) > 0 {
		s.commitSettlesOf(plain, false)
	}
	if len(controlled) > 0 {
		s.commitSettlesOf(controlled, true)
	}
	return nil
}

// partition finds the calls with deliveries under flow control, which hold places that they give up.
func (s *store) partition(ops []*settleOp) (controlled, plain []*settleOp, err error) {
	var unknown []symphony.Lease
	under := make(map[uuid]bool)
	for _, o := range ops {
		for i := range o.list {
			token, ok := parseUUID(o.list[i].Lease.Token)
			switch ls := s.leases.get(token); {
			case !ok:
			case ls == nil:
				unknown = append(unknown, o.list[i].Lease)
			case ls.controlled:
				under[token] = true
			}
		}
	}
	if len(unknown) > 0 {
		tokens := uuidArray(tokensOf(unknown, func(l symphony.Lease) symphony.Lease { return l }))
		err = s.retrying(func(ctx context.Context, l *link) error {
			return l.transact(ctx, call{query: controlledLeases, params: [][]byte{tokens}, row: func(v [][]byte) error {
				under[uuidColumn(v[0])] = true
				return nil
			}})
		})
		if err != nil {
			return nil, nil, err
		}
	}
	for _, o := range ops {
		is := slices.ContainsFunc(o.list, func(st symphony.Settlement) bool {
			token, _ := parseUUID(st.Lease.Token)
			return under[token]
		})
		if is {
			controlled = append(controlled, o)
		} else {
			plain = append(plain, o)
		}
	}
	return controlled, plain, nil
}

var controlledLeases = newQuery("controlled_leases", `SELECT token FROM {schema}.messenger_leases WHERE token = ANY ($1::uuid[]) AND passes IS NOT NULL`)

func (s *store) commitSettlesOf(ops []*settleOp, controlled bool) {
	var g *settleGroup
	err := s.retrying(func(ctx context.Context, l *link) error {
		g = newSettleGroup(s, ops)
		return g.run(ctx, l, controlled)
	})
	if err == nil {
		g.ended()
		return
	}
	if g != nil {
		s.leases.giveFinished(g.finished)
	}
	if isRefusal(err) && len(ops) > 1 {
		for i := range ops {
			s.commitSettlesOf(ops[i:i+1], controlled)
		}
		return
	}
	err = s.storageError("settle", err)
	for _, o := range ops {
		o.err = err
	}
}

// settling is one settlement on its way.
type settling struct {
	*symphony.Settlement
	op    *settleOp
	place int // in op.list
	token uuid
	id    uuid
	item  item
}

func (st *settling) lost() { st.op.errs = lost(st.op.errs, len(st.op.list), st.place) }

// delivery is one place of one lease. A message may have several in a transaction: the one that holds it, and stale
// ones.
type delivery struct {
	token uuid
	place int
}

func (st *settling) delivery() delivery { return delivery{st.token, st.Lease.Index} }

// settleGroup is one transaction of settlements.
type settleGroup struct {
	*store
	clock  []byte // its time, for all of its statements; nil for the server's
	acks   []*settling
	others []*settling
	worker map[uuid]string // by lease
	acked  map[uuid]bool   // messages
	twice  bool            // a message is settled by two deliveries, of which one at most holds it
	added  []added

	flow     *flowTx       // of deliveries under flow control; nil for others
	finished []uuid        // leases that ended before
	closing  map[uuid]bool // leases of which nothing is left after this transaction
	locked   bool          // the leases were locked and read, so that this is certain
}

func newSettleGroup(s *store, ops []*settleOp) *settleGroup {
	g := &settleGroup{store: s, clock: s.nowParam(), finished: s.leases.takeFinished(),
		worker: make(map[uuid]string), acked: make(map[uuid]bool), closing: make(map[uuid]bool)}
	seen := make(map[uuid]delivery) // of each message, the first; a lease can be spelled in several ways
	more := make(map[delivery]bool) // the others
	for _, o := range ops {
		o.errs, o.err = nil, nil
		for i := range o.list {
			st := &settling{Settlement: &o.list[i], op: o, place: i}
			var ok, ok2 bool
			st.token, ok = parseUUID(st.Lease.Token)
			st.id, ok2 = parseUUID(st.Lease.MessageID)
			first, known := seen[st.id]
			switch {
			case !ok || !ok2 || known && first == st.delivery() || more[st.delivery()]:
				st.lost()
				continue
			case st.Outcome == symphony.Ack:
				g.acks = append(g.acks, st)
			default:
				g.others = append(g.others, st)
			}
			if known {
				g.twice, more[st.delivery()] = true, true
			} else {
				seen[st.id] = st.delivery()
			}
		}
	}
	return g
}

// run does what the settlements say. Where there is nothing but acks of leases that this process made, of different
// messages, one round trip is enough: the statement looks itself which of them are held, and tells the messages. Else
// the leases are locked and read first.
//
// Deliveries under flow control are settled in a flow, in which they give up their places.
func (g *settleGroup) run(ctx context.Context, l *link, controlled bool) (err error) {
	if !controlled && g.fromMemory() {
		return l.transact(ctx, g.calls(l, 0)...)
	}
	g.locked = true
	k := newLocked()
	tokens := uuidArray(g.tokens())
	// Those that are acked are deleted, which locks them as well. But nobody must be waited for in a flow.
	var leaving []uuid
	for _, st := range g.others {
		leaving = append(leaving, st.id)
	}
	if controlled {
		for _, st := range g.acks {
			leaving = append(leaving, st.id)
		}
	}
	look := []call{
		{query: lockLeases, params: [][]byte{g.clock, tokens}, row: k.addLease},
		{query: lockItems, params: [][]byte{uuidArray(leaving)}, row: k.addOurs},
		{query: findItems, params: [][]byte{tokens}, row: k.addMessage}}
	if controlled {
		g.flow, err = g.beginFlow(ctx, l, look...)
	} else {
		err = l.begin(ctx, look...)
	}
	if err != nil {
		return err
	}
	ending := make(map[uuid]map[int]bool)
	var ends []flow.Departure
	var acked [][2]any // in a transaction of the handler's: lease and place
	held := func(list []*settling) []*settling {
		return slices.DeleteFunc(list, func(st *settling) bool {
			r := k.held(st.token, st.Lease.Index, st.id)
			if r == nil {
				if r := k.leases[st.token]; controlled && r != nil && r.holds(st.Lease.Index, st.id, k.now) {
					ends = append(ends, flow.Departure{Pass: r.items[st.Lease.Index].pass, Outcome: symphony.Ack})
					acked = append(acked, [2]any{st.token, st.Lease.Index})
				}
				if !g.leases.ackedInTx(st.token, st.Lease.Index) {
					st.lost()
				}
				return true
			}
			if (controlled || st.Outcome != symphony.Ack) && k.busy(st.id) {
				st.op.errs = failed(st.op.errs, len(st.op.list), st.place, errBeingAcked)
				return true
			}
			ends = append(ends, flow.Departure{Pass: r.items[st.Lease.Index].pass, Outcome: st.Outcome, Attempt: r.items[st.Lease.Index].attempt})
			st.item = r.items[st.Lease.Index]
			g.worker[st.token] = r.worker
			if ending[st.token] == nil {
				ending[st.token] = make(map[int]bool)
			}
			ending[st.token][st.Lease.Index] = true
			return false
		})
	}
	g.acks, g.others = held(g.acks), held(g.others)
	for token, indexes := range ending {
		g.closing[token] = k.leases[token].allBut(indexes, k.exists)
	}
	if !controlled {
		return l.finish(ctx, g.calls(l, k.now)...)
	}
	if err := g.flow.engine.Depart(ends); err != nil {
		return err
	}
	if err := g.follow(); err != nil {
		return err
	}
	g.flow.calls = append(g.flow.calls, g.calls(l, k.now)...)
	if len(acked) > 0 {
		tokens, places := uuids(0), int4s(0)
		for _, a := range acked {
			tokens.uuid(a[0].(uuid))
			places.int4(a[1].(int))
		}
		g.flow.calls = append(g.flow.calls, call{query: markSettled, params: [][]byte{tokens.value(), places.value()}})
	}
	return g.flow.finish()
}

// allBut reports whether nothing is left of a lease besides some items.
func (r *leaseRow) allBut(indexes map[int]bool, exists map[uuid]bool) bool {
	for i := range r.items {
		if !indexes[i] && !r.settled[i] && exists[r.items[i].id] {
			return false
		}
	}
	return true
}

// fromMemory takes what there is to know about the deliveries from this process's memory, and reports whether it could.
func (g *settleGroup) fromMemory() bool {
	if len(g.others) > 0 || g.twice {
		return false
	}
	ending := make(map[*lease]map[int]bool)
	for _, st := range g.acks {
		ls := g.leases.get(st.token)
		if ls == nil || st.Lease.Index < 0 || st.Lease.Index >= len(ls.items) || ls.items[st.Lease.Index].id != st.id {
			return false
		}
		st.item = ls.items[st.Lease.Index]
		g.worker[st.token] = ls.worker
		if ending[ls] == nil {
			ending[ls] = make(map[int]bool)
		}
		ending[ls][st.Lease.Index] = true
	}
	for ls, indexes := range ending {
		g.closing[ls.token] = g.leases.closes(ls, indexes)
	}
	return true
}

func (g *settleGroup) tokens() []uuid {
	lease := func(st *settling) symphony.Lease { return st.Lease }
	return tokensOf(slices.Concat(g.acks, g.others), lease)
}

// ended notes what the transaction did, after its commit.
func (g *settleGroup) ended() {
	settled := make(map[uuid][]int)
	for _, st := range g.acks {
		// A transaction of the handler's may have acked before.
		if !g.acked[st.id] && !g.leases.ackedInTx(st.token, st.Lease.Index) {
			st.lost()
		}
		settled[st.token] = append(settled[st.token], st.Lease.Index)
	}
	for _, st := range g.others {
		settled[st.token] = append(settled[st.token], st.Lease.Index)
	}
	for token, indexes := range settled {
		g.leases.settle(token, indexes, g.closing[token])
	}
	g.arrived(g.added)
}

// endLeases deletes leases of which, as far as this process knows, everything has been settled. It may be wrong about a
// message that ran out and was not given back yet. But a lease's expires_at is never later than the end of any message
// that is open, so such a lease stays, for its expiry.
var endLeases = newQuery("end_leases", `DELETE FROM {schema}.messenger_leases WHERE token = ANY ($2::uuid[]) AND expires_at > coalesce($1::timestamptz, now())`)

// ackCall is the call that acks.
func (g *settleGroup) ackCall(l *link) call {
	n := len(g.acks)
	ids, tokens, places, attempts, started := uuids(n), uuids(n), int4s(n), int4s(n), times(n)
	leaves := false // some leave an output
	for _, st := range g.acks {
		leaves = leaves || len(st.Output) > 0 || st.OutputError != ""
		ids.uuid(st.id)
		tokens.uuid(st.token)
		places.int4(st.Lease.Index)
		attempts.int4(st.item.attempt)
		started.time(atOr(st.StartedAt, 0))
	}
	leases := tokensOf(g.acks, func(st *settling) symphony.Lease { return st.Lease })
	params := [][]byte{g.clock, uuidArray(leases), ids.value(), tokens.value(), places.value(),
		attempts.value(), started.value(), l.nextShard()}
	q := ackAndKeep
	switch {
	case g.kept.Nothing(symphony.Completed) && !leaves:
		q = ackAndDelete
	case leaves:
		if q = ackAndKeepOutput; g.kept.Nothing(symphony.Completed) {
			q = ackAndDeleteOutput
		}
		outputs, reasons := texts(n), texts(n)
		for _, st := range g.acks {
			outputs.bytes(st.Output)
			reasons.bytes([]byte(st.OutputError))
		}
		params = append(params, outputs.value(), reasons.value())
	}
	return call{
		query:  q,
		params: params,
		row: func(v [][]byte) error {
			g.acked[uuidColumn(v[0])] = true
			return nil
		},
	}
}

// calls are the statements of the transaction. now is its time, which only others need.
func (g *settleGroup) calls(l *link, now int64) []call {
	clear(g.acked)
	var calls []call
	if len(g.acks) > 0 {
		calls = append(calls, g.ackCall(l))
	}
	if len(g.others) > 0 || g.flow != nil {
		calls = append(calls, g.otherCalls(l, now)...)
	}
	ended, gone := slices.Clone(g.finished), []uuid(nil)
	for token, closes := range g.closing {
		switch {
		case !closes:
		case g.locked:
			gone = append(gone, token)
		default:
			ended = append(ended, token)
		}
	}
	if len(ended) > 0 {
		calls = append(calls, call{query: endLeases, params: [][]byte{g.clock, uuidArray(ended)}})
	}
	if len(gone) > 0 {
		calls = append(calls, call{query: dropLeases, params: [][]byte{uuidArray(gone)}})
	}
	return calls
}
