package postgres

import (
	"context"
	"fmt"
	"slices"

	"github.com/symphony-messenger/symphony"
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
	err := t.usable(ctx)
	if err == nil {
		o := &settleOp{list: settlements}
		if err = t.settles.do(ctx, t.store, o); err == nil {
			return o.errs
		}
	}
	return allFailed(len(settlements), err)
}

// settleOp is one Settle.
type settleOp struct {
	op
	list []symphony.Settlement
	errs []error
}

func (o *settleOp) rows() int  { return len(o.list) }
func (o *settleOp) state() *op { return &o.op }

// commitSettles ends the deliveries of some calls in one transaction.
func (s *store) commitSettles(ops []*settleOp) {
	controlled, plain, err := s.partition(ops)
	if err == nil && len(controlled) > 0 && len(plain) > 0 {
		s.commitSettlesOf(plain, false)
		s.commitSettlesOf(controlled, true)
		return
	}
	s.commitSettlesOf(ops, err == nil && len(controlled) > 0)
}

// partition finds the calls with deliveries under flow control, which hold places that they give up. Where it fails, the
// database is away, and that is what settling the calls will find as well.
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

// delivery is one place of one lease. A message may have several in a transaction: the one that holds it, and stale ones.
type delivery struct {
	token uuid
	place int
}

func (st *settling) delivery() delivery { return delivery{st.token, st.Lease.Index} }

// settleGroup is one transaction of settlements.
type settleGroup struct {
	*store
	acks   []*settling
	others []*settling
	worker map[uuid]string // by lease
	acked  map[delivery]bool
	added  []added

	flow     *flow         // of deliveries under flow control; nil for others
	finished []uuid        // leases that ended before
	closing  map[uuid]bool // leases of which nothing is left after this transaction
	locked   bool          // the leases were locked and read, so that this is certain
}

func newSettleGroup(s *store, ops []*settleOp) *settleGroup {
	g := &settleGroup{store: s, finished: s.leases.takeFinished(), worker: make(map[uuid]string), acked: make(map[delivery]bool), closing: make(map[uuid]bool)}
	seen := make(map[delivery]bool) // a lease can be spelled in several ways
	for _, o := range ops {
		o.errs, o.err = nil, nil
		for i := range o.list {
			st := &settling{Settlement: &o.list[i], op: o, place: i}
			var ok, ok2 bool
			st.token, ok = parseUUID(st.Lease.Token)
			st.id, ok2 = parseUUID(st.Lease.MessageID)
			switch {
			case !ok || !ok2 || seen[st.delivery()]:
				st.lost()
				continue
			case st.Outcome == symphony.Ack:
				g.acks = append(g.acks, st)
			default:
				g.others = append(g.others, st)
			}
			seen[st.delivery()] = true
		}
	}
	return g
}

// run does what the settlements say. Where there is nothing but acks of leases that this process made, one round trip
// is enough: the statement looks itself which of them are held. Else the leases are locked and read first.
//
// Deliveries under flow control are settled in a flow, in which they give up their places.
func (g *settleGroup) run(ctx context.Context, l *link, controlled bool) (err error) {
	if !controlled && g.fromMemory() {
		return l.transact(ctx, g.calls(l, 0)...)
	}
	g.locked = true
	k := newLocked()
	tokens := uuidArray(g.tokens())
	look := []call{
		{query: lockLeases, params: [][]byte{g.nowParam(), tokens}, row: k.addLease},
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
	var ends []departure
	var acked [][2]any // in a transaction of the handler's: lease and place
	held := func(list []*settling) []*settling {
		return slices.DeleteFunc(list, func(st *settling) bool {
			r := k.held(st.token, st.Lease.Index, st.id)
			if r == nil {
				if r := k.leases[st.token]; controlled && r != nil && r.holds(st.Lease.Index, st.id, k.now) {
					ends = append(ends, departure{r.items[st.Lease.Index].passes, symphony.Ack, 0})
					acked = append(acked, [2]any{st.token, st.Lease.Index})
				}
				if !g.leases.ackedInTx(st.token, st.Lease.Index) {
					st.lost()
				}
				return true
			}
			ends = append(ends, departure{r.items[st.Lease.Index].passes, st.Outcome, r.items[st.Lease.Index].attempt})
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
	if err := g.flow.depart(ends); err != nil {
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
	if len(g.others) > 0 {
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
		if !g.acked[st.delivery()] && !g.leases.ackedInTx(st.token, st.Lease.Index) {
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

// ackQuery ends deliveries that are held: it deletes their messages, with their history, and keeps a copy if wanted.
//
// Locking the lease comes first, so the deliveries cannot be ended by anybody else meanwhile. A message that was ended
// by a transaction for which this one had to wait is not deleted again: the database looks at its newest version.
func ackQuery(name string, keep bool) *query {
	columns, kept := "m.id, m.lane", ""
	if keep {
		columns = "m.*"
		kept = `, past AS (
			DELETE FROM {schema}.messenger_attempts a WHERE a.id = ANY (ARRAY(SELECT id FROM held WHERE attempt > 1)) RETURNING *
		), history AS (
			SELECT id, ` + historyColumns + ` AS attempts FROM past GROUP BY id
		), kept AS (
			INSERT INTO {schema}.messenger_completed
				(id, created_at, scheduled_at, started_at, completed_at, lane, priority, attempt, type, worker, idempotency_key, headers, metadata, attempts, payload, extras)
			SELECT g.id, g.created_at, g.scheduled_at, h.started_at, coalesce($1, now()), g.lane, g.priority, h.attempt, g.type, h.worker,
				g.idempotency_key, g.headers, g.metadata, p.attempts, g.payload, g.extras
			FROM gone g JOIN held h ON h.id = g.id LEFT JOIN history p ON p.id = g.id
		)`
	} else {
		kept = `, past AS (
			DELETE FROM {schema}.messenger_attempts a WHERE a.id = ANY (ARRAY(SELECT id FROM held WHERE attempt > 1))
		)`
	}
	return newQuery(name, `WITH locked AS MATERIALIZED (
			SELECT token, worker, claimed_at, expires_at, item_expires, settled FROM {schema}.messenger_leases WHERE token = ANY ($2::uuid[]) ORDER BY token FOR UPDATE
		), held AS MATERIALIZED (
			SELECT r.id, r.token, r.place, r.attempt, coalesce(r.started_at, l.claimed_at) AS started_at, l.worker
			FROM unnest($3::uuid[], $4::uuid[], $5::int4[], $6::int4[], $7::timestamptz[]) AS r(id, token, place, attempt, started_at)
			JOIN locked l ON l.token = r.token
			WHERE coalesce(l.item_expires[r.place + 1], l.expires_at) > coalesce($1::timestamptz, now()) AND NOT r.place = ANY (l.settled)
		), gone AS (
			DELETE FROM {schema}.messenger_messages m WHERE m.id = ANY (ARRAY(SELECT id FROM held)) RETURNING `+columns+`
		)`+kept+`, counted AS (
			INSERT INTO {schema}.messenger_counters AS c (shard, lane, pending, processing, completed, failed, scheduled)
			SELECT $8::int8, lane, 0, -count(*), count(*), 0, 0 FROM gone GROUP BY lane
			ON CONFLICT (shard, lane) DO UPDATE SET processing = c.processing + excluded.processing, completed = c.completed + excluded.completed
		)
		SELECT h.token, h.place FROM gone g JOIN held h ON h.id = g.id`)
}

// historyColumns makes a JSON array of rows of attempts. Times are in microseconds since 1970.
const historyColumns = `jsonb_agg(jsonb_build_object('attempt', attempt,
	'startedAt', (extract(epoch FROM started_at) * 1000000)::int8, 'finishedAt', (extract(epoch FROM finished_at) * 1000000)::int8,
	'worker', worker, 'error', error, 'errorClass', error_class, 'retryAt', (extract(epoch FROM retry_at) * 1000000)::int8) ORDER BY attempt)`

var (
	ackAndKeep   = ackQuery("ack_and_keep", true)
	ackAndDelete = ackQuery("ack_and_delete", false)
)

// endLeases deletes leases of which, as far as this process knows, everything has been settled. It may be wrong about a
// message that ran out and was not given back yet. But a lease's expires_at is never later than the end of any message that
// is open, so such a lease stays, for its expiry.
var endLeases = newQuery("end_leases", `DELETE FROM {schema}.messenger_leases WHERE token = ANY ($2::uuid[]) AND expires_at > coalesce($1::timestamptz, now())`)

// ackCall is the call that acks.
func (g *settleGroup) ackCall(l *link) call {
	n := len(g.acks)
	ids, tokens, places, attempts, started := uuids(n), uuids(n), int4s(n), int4s(n), times(n)
	for _, st := range g.acks {
		ids.uuid(st.id)
		tokens.uuid(st.token)
		places.int4(st.Lease.Index)
		attempts.int4(st.item.attempt)
		started.time(atOr(st.StartedAt, 0))
	}
	leases := tokensOf(g.acks, func(st *settling) symphony.Lease { return st.Lease })
	q := ackAndKeep
	if g.retention == 0 {
		q = ackAndDelete
	}
	return call{
		query:  q,
		params: [][]byte{g.nowParam(), uuidArray(leases), ids.value(), tokens.value(), places.value(), attempts.value(), started.value(), l.nextShard()},
		row: func(v [][]byte) error {
			g.acked[delivery{uuidColumn(v[0]), int4Column(v[1])}] = true
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
		calls = append(calls, call{query: endLeases, params: [][]byte{g.nowParam(), uuidArray(ended)}})
	}
	if len(gone) > 0 {
		calls = append(calls, call{query: dropLeases, params: [][]byte{uuidArray(gone)}})
	}
	return calls
}
