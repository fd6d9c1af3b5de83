package postgres

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
)

// Send stores the envelopes in one transaction, shared with concurrent calls.
func (t *Transport) Send(ctx context.Context, envelopes []*symphony.Envelope) ([]symphony.Receipt, error) {
	if err := t.usable(ctx); err != nil {
		return nil, err
	}
	if err := t.understood(envelopes); err != nil {
		return nil, err
	}
	o, err := newSendOp(envelopes, t.limits)
	if err != nil {
		return nil, err
	}
	if err := t.sends.do(ctx, t.store, o); err != nil {
		return nil, err
	}
	return o.receipts, nil
}

// sendOp is one Send.
type sendOp struct {
	op
	list     []messageRow
	receipts []symphony.Receipt
	bytes    int // of the payloads
}

func (o *sendOp) rows() int  { return len(o.list) + o.bytes/rowBytes }
func (o *sendOp) state() *op { return &o.op }

// messageRow is an envelope ready to be stored.
type messageRow struct {
	*symphony.Envelope
	uuid                            uuid
	lane                            int
	headers, metadata, done, extras []byte
	scheduled                       int64 // µs, 0: at once
	controlled                      bool  // under flow control
}

func newSendOp(envelopes []*symphony.Envelope, limits *flow.Limits) (*sendOp, error) {
	o := &sendOp{list: make([]messageRow, len(envelopes)), receipts: make([]symphony.Receipt, len(envelopes))}
	for i, e := range envelopes {
		row := &o.list[i]
		row.Envelope, row.controlled = e, limits.Covers(e)
		o.bytes += len(e.Payload)
		var ok bool
		if row.uuid, ok = parseUUID(e.ID); !ok {
			return nil, fmt.Errorf("postgres: send: %q is not a UUID", e.ID)
		}
		var err error
		if row.metadata, err = encode(len(e.Metadata), e.Metadata); err == nil {
			row.headers, err = encode(len(e.Headers), e.Headers)
		}
		if err == nil {
			row.extras, err = e.EncodeExtras()
		}
		if err != nil {
			return nil, fmt.Errorf("postgres: send %s: %w", e.ID, err)
		}
		if !e.ScheduledAt.IsZero() {
			row.scheduled = micros(e.ScheduledAt)
		}
		o.receipts[i] = symphony.Receipt{ID: e.ID, Transport: e.Transport, Queue: e.Queue, ScheduledAt: e.ScheduledAt, IdempotencyKey: e.IdempotencyKey}
	}
	return o, nil
}

// encode marshals v, or returns nil if it has no entries.
func encode(entries int, v any) ([]byte, error) {
	if entries == 0 {
		return nil, nil
	}
	return json.Marshal(v)
}

// commitSends stores the messages of some calls in one transaction. It returns those that want a key which another
// transaction holds.
func (s *store) commitSends(ops []*sendOp) (left []*sendOp) {
	ops, left = s.withoutHeldKeys(ops)
	if !slices.ContainsFunc(ops, (*sendOp).controlled) {
		return append(left, s.commitSendsWith(ops, s.storeGroup)...)
	}
	controlled, plain := split(ops, (*sendOp).controlled)
	left = append(left, s.commitSendsWith(plain, s.storeGroup)...)
	return append(left, s.commitSendsWith(controlled, s.storeControlled)...)
}

// split parts a list in those for which is holds, and the others.
func split[T any](list []T, is func(T) bool) (yes, no []T) {
	for _, e := range list {
		if is(e) {
			yes = append(yes, e)
		} else {
			no = append(no, e)
		}
	}
	return yes, no
}

// keyed reports whether any message of the call has an idempotency key.
func (o *sendOp) keyed() bool {
	return slices.ContainsFunc(o.list, func(row messageRow) bool { return row.IdempotencyKey != "" })
}

// controlled reports whether any message of the call is under flow control.
func (o *sendOp) controlled() bool {
	return slices.ContainsFunc(o.list, func(row messageRow) bool { return row.controlled })
}

// commitSendsWith stores the messages of some calls by store, in one transaction. It returns those that could not be
// because another transaction holds a key that one of them wants.
func (s *store) commitSendsWith(ops []*sendOp, store func(context.Context, *link, []*sendOp) ([]*sendOp, []added, error)) (left []*sendOp) {
	for len(ops) > 0 {
		var (
			later []*sendOp
			added []added
		)
		err := s.retrying(func(ctx context.Context, l *link) (err error) {
			for _, o := range ops {
				o.err = nil
			}
			later, added, err = store(ctx, l, ops)
			return err
		})
		switch {
		case err == nil:
			s.arrived(added)
		case isRefusal(err) && len(ops) > 1:
			// One of them has something that the server does not take. The others must not suffer.
			for i := range ops {
				left = append(left, s.commitSendsWith(ops[i:i+1], store)...)
			}
		case isLocked(err) && slices.ContainsFunc(ops, (*sendOp).keyed):
			// Which of them it is that has to wait is found out where nobody else does.
			var wait []*sendOp
			wait, later = split(ops, (*sendOp).keyed)
			left = append(left, wait...)
		default:
			err = s.storageError("send", err)
			for _, o := range ops {
				o.err = err
			}
		}
		ops = later
	}
	return left
}

// retrying runs f, again if it fails for a reason that passes at once.
func (s *store) retrying(f func(context.Context, *link) error) (err error) {
	for try := range tries {
		if try > 0 && isRolledBack(err) {
			// Those for whom it was ended go first. The server does not see to that: it lets locks be taken from those
			// who wait for them.
			select {
			case <-s.closing:
				return err
			case <-time.After(rand.N(20*time.Millisecond) + 10*time.Millisecond):
			}
		}
		if err = s.bounded(f); !isRetryable(err) {
			return err
		}
	}
	return err
}

// tries is how often a transaction is run that fails for a reason that passes at once.
const tries = 3

// storeGroup stores the messages of all calls, apart from those that cannot be decided before these are committed.
func (s *store) storeGroup(ctx context.Context, l *link, ops []*sendOp) (later []*sendOp, list []added, err error) {
	keyed := slices.ContainsFunc(ops, (*sendOp).keyed)
	rows := make([]*messageRow, 0, len(ops))
	for _, o := range ops {
		if err := s.findLanes(ctx, l, o); err != nil {
			return nil, nil, err
		}
	}
	if !keyed {
		for _, o := range ops {
			if o.err = s.drained(o); o.err != nil {
				continue
			}
			for i := range o.list {
				rows = append(rows, &o.list[i])
			}
		}
		calls, list := s.insert(l, rows, s.nowParam())
		return nil, list, l.transact(ctx, calls...)
	}
	k := &keys{ops: ops}
	claim, look := k.calls(s)
	if err := l.begin(ctx, claim, look); err != nil {
		return nil, nil, err
	}
	rows, undo := k.decide(s)
	calls, list := s.insert(l, rows, s.nowParam())
	if len(undo) > 0 {
		calls = append(calls, forget(undo))
	}
	if err := l.finish(ctx, calls...); err != nil {
		return nil, nil, err
	}
	return k.later, list, nil
}

// findLanes finds the lanes of a call's messages.
func (s *store) findLanes(ctx context.Context, l *link, o *sendOp) error {
	for i := range o.list {
		row := &o.list[i]
		ln, err := s.lane(ctx, l, laneOf(row.Envelope, row.controlled))
		if err != nil {
			return err
		}
		row.lane = ln.id
		if err := s.followLanes(ctx, l, row.Terms); err != nil {
			return err
		}
	}
	return nil
}

// drained returns why a call is refused: a queue of one of its messages drains.
func (s *store) drained(o *sendOp) error {
	for i := range o.list {
		row := &o.list[i]
		if err := flow.Drained(s.held(row.Transport), row.Transport, row.Queue); err != nil {
			return err
		}
	}
	return nil
}

// added is what a transaction made available in a stream: n messages, the first of them at a time.
type added struct {
	stream
	at int64
	n  int
}

var insertMessages = newQuery("insert_messages", `INSERT INTO {schema}.messenger_messages
		(id, created_at, scheduled_at, lane, priority, type, idempotency_key, headers, metadata, done, payload, extras)
	SELECT * FROM unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[], $4::int4[], $5::int2[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[])`)

var insertReady = newQuery("insert_ready", `INSERT INTO {schema}.messenger_ready (lane, rank, ord, available_at, id, attempt, lost, size)
	SELECT lane, rank, ord, greatest(coalesce($1::timestamptz, now()), scheduled_at), id, 0, 0, size
	FROM unnest($2::int4[], $3::int2[], $4::int4[], $5::timestamptz[], $6::uuid[], $7::int4[]) AS r(lane, rank, ord, scheduled_at, id, size)`)

// countSends tells what time it is for the messages of the transaction.
var countSends = newQuery("count_sends", `INSERT INTO {schema}.messenger_counters AS c (shard, lane, pending, processing, completed, failed, scheduled)
	SELECT $2::int8, lane, n, 0, 0, 0, 0 FROM unnest($3::int4[], $4::int8[]) AS r(lane, n)
	ON CONFLICT (shard, lane) DO UPDATE SET pending = c.pending + excluded.pending
	RETURNING coalesce($1::timestamptz, now())`)

var insertScheduled = newQuery("insert_scheduled", `WITH later AS (
		INSERT INTO {schema}.messenger_scheduled (scheduled_at, id, lane)
		SELECT scheduled_at, id, lane FROM unnest($3::timestamptz[], $4::uuid[], $5::int4[]) AS r(scheduled_at, id, lane)
		WHERE scheduled_at > coalesce($1::timestamptz, now())
		RETURNING lane)
	INSERT INTO {schema}.messenger_counters AS c (shard, lane, pending, processing, completed, failed, scheduled)
	SELECT $2::int8, lane, 0, 0, 0, 0, count(*) FROM later GROUP BY lane
	ON CONFLICT (shard, lane) DO UPDATE SET scheduled = c.scheduled + excluded.scheduled`)

// insertReadyControlled is insertReady for controlled lanes.
var insertReadyControlled = newQuery("insert_ready_controlled", `INSERT INTO {schema}.messenger_ready (lane, rank, ord, available_at, id, attempt, lost, size, controlled)
	SELECT lane, rank, ord, greatest(coalesce($1::timestamptz, now()), scheduled_at), id, 0, 0, size, true
	FROM unnest($2::int4[], $3::int2[], $4::int4[], $5::timestamptz[], $6::uuid[], $7::int4[]) AS r(lane, rank, ord, scheduled_at, id, size)`)

// insert makes the calls that store messages, and the list of what they add, which is complete when they have been
// executed. Those that are in a line are ready elsewhere.
func (s *store) insert(l *link, rows []*messageRow, now []byte) ([]call, []added) {
	n := len(rows)
	if n == 0 {
		return nil, nil
	}
	var (
		ids, created, scheduled             = uuids(n), times(n), times(n)
		lanes, priorities, types            = int4s(n), int2s(n), texts(n)
		keys, headers, metadata, done, body = texts(n), texts(n), texts(n), texts(n), texts(n)
		extras                              = texts(n)
		ready, looked                       = newReadyArrays(n), newReadyArrays(0)
		laterAt, laterIDs, laterLanes       = times(0), uuids(0), int4s(0)
		counts                              = make(map[int]int)
		streams                             = make(map[added]int) // by stream and time
		ord                                 = s.nextOrd(n)
	)
	for i, row := range rows {
		ids.uuid(row.uuid)
		created.int8(micros(row.CreatedAt) - epoch)
		scheduled.time(row.scheduled)
		lanes.int4(row.lane)
		priorities.int2(row.Priority)
		types.text(row.Type)
		keys.bytes([]byte(row.IdempotencyKey))
		headers.bytes(row.headers)
		metadata.bytes(row.metadata)
		done.bytes(row.done)
		body.bytes(row.Payload)
		extras.bytes(row.extras)
		switch {
		case flow.HasLine(row.Flow):
		case row.controlled:
			looked.add(row, ord+i)
		default:
			ready.add(row, ord+i)
		}
		if row.scheduled != 0 {
			laterAt.time(row.scheduled)
			laterIDs.uuid(row.uuid)
			laterLanes.int4(row.lane)
		}
		counts[row.lane]++
		if !flow.HasLine(row.Flow) {
			streams[added{stream: stream{row.lane, rankOf(row.Priority)}, at: row.scheduled}]++
		}
	}
	list := make([]added, 0, len(streams))
	for a, n := range streams {
		a.n = n
		list = append(list, a)
	}
	countLanes, countNs := int4s(len(counts)), int8s(len(counts))
	// Rows are locked in one order by everybody.
	for _, lane := range sortedKeys(counts) {
		countLanes.int4(lane)
		countNs.int8(int64(counts[lane]))
	}
	shard := l.nextShard()
	calls := []call{
		{query: insertMessages, params: [][]byte{ids.value(), created.value(), scheduled.value(), lanes.value(), priorities.value(), types.value(),
			keys.value(), headers.value(), metadata.value(), done.value(), body.value(), extras.value()}},
		{query: countSends, params: [][]byte{now, shard, countLanes.value(), countNs.value()}, row: func(v [][]byte) error {
			for i := range list {
				list[i].at = max(list[i].at, timeColumn(v[0]))
			}
			return nil
		}},
	}
	if ready.ids.n > 0 {
		calls = append(calls, call{query: insertReady, params: ready.params(now)})
	}
	if looked.ids.n > 0 {
		calls = append(calls, call{query: insertReadyControlled, params: looked.params(now)})
	}
	if laterAt.n > 0 {
		calls = append(calls, call{query: insertScheduled, params: [][]byte{now, shard, laterAt.value(), laterIDs.value(), laterLanes.value()}})
	}
	return calls, list
}

// readyArrays are what insertReady takes.
type readyArrays struct{ lanes, ranks, ords, scheduled, ids, sizes *array }

func newReadyArrays(n int) *readyArrays {
	return &readyArrays{int4s(n), int2s(n), int4s(n), times(n), uuids(n), int4s(n)}
}

func (r *readyArrays) add(row *messageRow, ord int) {
	r.lanes.int4(row.lane)
	r.ranks.int2(rankOf(row.Priority))
	r.ords.int4(ord)
	r.scheduled.time(row.scheduled)
	r.ids.uuid(row.uuid)
	r.sizes.int4(len(row.Payload) + len(row.metadata) + len(row.headers))
}

func (r *readyArrays) params(now []byte) [][]byte {
	return [][]byte{now, r.lanes.value(), r.ranks.value(), r.ords.value(), r.scheduled.value(), r.ids.value(), r.sizes.value()}
}

// rankOf turns priorities around, so that an ascending index has the highest first.
func rankOf(priority int) int { return symphony.MaxPriority - priority }

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// arrived tells receivers, here and on other nodes, of messages that a transaction has made available.
func (s *store) arrived(list []added) {
	if len(list) == 0 {
		return
	}
	now := s.storeNow()
	for _, a := range list {
		s.heads.add(a.stream, a.at)
		if l := s.lanes.numbered(a.lane); l != nil && a.at <= now+clockSlack {
			s.waiters.Wake(l.receivers(), a.n)
		}
	}
	s.heads.poke()
	s.tell(list)
}
