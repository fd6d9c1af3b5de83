package postgres

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
)

// Receive claims what is ready, priority by priority.
func (t *Transport) Receive(ctx context.Context, o symphony.ReceiveOptions) ([]symphony.Delivery, error) {
	o = o.WithDefaults()
	t.asks.Begin(t.name, o.Queues, o.Pushes, t.storeNow())
	defer func() { t.asks.End(t.name, o.Queues, o.Pushes, t.storeNow()) }()
	got, err := t.claim(ctx, o)
	if err != nil || len(got) > 0 || o.Wait == 0 {
		return got, err
	}
	timeout := t.clock.NewTimer(o.Wait)
	defer timeout.Stop()
	for {
		// The waiter is in place before the next look, so that nothing can arrive unseen between look and wait.
		waiter := t.waiters.Add(t.name, o.Queues, o.Pushes)
		got, err := t.claim(ctx, o)
		if err != nil || len(got) > 0 {
			t.waiters.Leave(waiter)
			if err != nil {
				t.wakeDue() // another receiver may have better luck with what this one was woken for
			}
			return got, err
		}
		t.heads.poke()
		select {
		case <-waiter.Woken():
			continue
		case <-timeout.C():
			t.waiters.Leave(waiter)
			return nil, nil
		case <-ctx.Done():
			t.waiters.Leave(waiter)
			return nil, ctx.Err()
		case <-t.closing:
			return nil, errClosed
		}
	}
}

// claim returns what is ready, none if nothing is. Streams that must be taken in turn make several claims, each with a
// lease of its own.
func (t *Transport) claim(ctx context.Context, o symphony.ReceiveOptions) ([]symphony.Delivery, error) {
	if err := t.usable(ctx); err != nil {
		return nil, err
	}
	if err := t.expireIfDue(ctx); err != nil {
		return nil, err
	}
	if err := t.controlIfDue(ctx); err != nil {
		return nil, err
	}
	firstErr := t.firstSweep(ctx)
	look := func() []probe { return t.heads.ready(t.wanted(o.Queues, o.Pushes), t.storeNow()+clockSlack) }
	probes := look()
	if len(probes) == 0 && firstErr != nil {
		return nil, firstErr
	}
	if len(probes) > 0 {
		t.heads.wantSweep(t.now()) // beside the claims: it may take a while
	} else if err := t.sweepIfDue(ctx, true); err != nil {
		return nil, err
	} else if probes = look(); len(probes) == 0 {
		return nil, nil
	}
	defer t.heads.done(probes)
	c := &claim{Transport: t, ReceiveOptions: o}
	for range staleClaims {
		c.lookAtAll, c.limits = flow.TypesPaused(t.held(t.name)), t.limitsKnown()
		c.ended, c.stale = false, false
		// What it has claimed it keeps, so it is not run again. What nobody knows of is given back.
		run := func(ctx context.Context, l *link) error { return undoubted(c.run(ctx, l, probes)) }
		err := t.with(ctx, "receive", run)
		if err == nil && c.stale {
			err = t.loadHolds(ctx)
		}
		if err != nil && len(c.got) == 0 {
			return nil, err
		}
		if !c.stale || len(c.got) > 0 {
			break
		}
	}
	slices.SortStableFunc(c.got, compareOrder)
	out := make([]symphony.Delivery, len(c.got))
	for i := range c.got {
		out[i] = c.got[i].Delivery
	}
	return out, nil
}

// claim is one Receive.
type claim struct {
	*Transport
	symphony.ReceiveOptions

	got   []claimed
	size  int
	lost  int
	ended bool // the next message in order does not fit

	lookAtAll bool // types are paused
	limits    *limitsInForce
	stale     bool // other limits were set meanwhile
}

// staleClaims is how often a claim begins anew because limits were set.
const staleClaims = 5

// looks reports whether the messages of a stream must be looked at one by one.
func (c *claim) looks(p probe) bool {
	ln := c.lanes.numbered(p.lane)
	return c.lookAtAll || ln != nil && (ln.controlled || c.limits.limits.Looks(ln.transport, ln.queue, c.storeTime()))
}

// claimed is a delivery and its place in the order of claims.
type claimed struct {
	symphony.Delivery
	item item
}

func compareOrder(a, b claimed) int {
	return cmp.Or(cmp.Compare(a.item.rank, b.item.rank), cmp.Compare(a.item.available, b.item.available), cmp.Compare(a.item.ord, b.item.ord))
}

// run claims from the streams until the claim is full or nothing is left.
func (c *claim) run(ctx context.Context, l *link, probes []probe) error {
	if probes[0].rank != probes[len(probes)-1].rank {
		if err := c.starved(ctx, l, probes); err != nil || c.full() {
			return err
		}
	}
	for len(probes) > 0 && !c.full() {
		// Streams of one lane can be taken one after the other in one statement. Those of one rank must be merged.
		n := 1
		for n < len(probes) && probes[n].rank == probes[0].rank {
			n++
		}
		if n == 1 && c.looks(probes[0]) {
			if err := c.takeControlled(ctx, l, probes[:1], 0, c.Max-len(c.got)); err != nil {
				return err
			}
		} else if n == 1 {
			for n < len(probes) && !c.looks(probes[n]) && probes[n].rank > probes[n-1].rank && (n+1 == len(probes) || probes[n+1].rank > probes[n].rank) {
				n++
			}
			if err := c.take(ctx, l, probes[:n], repeat(c.Max-len(c.got), n), 0, c.Max-len(c.got)); err != nil {
				return err
			}
		} else if err := c.merge(ctx, l, probes[:n], 0, c.Max-len(c.got)); err != nil {
			return err
		}
		probes = probes[n:]
	}
	return nil
}

func (c *claim) full() bool { return c.ended || len(c.got) >= c.Max }

// starved gives the longest waiting messages of all ranks their share.
func (c *claim) starved(ctx context.Context, l *link, probes []probe) error {
	n := 0
	c.fair.with(c.name, func(f *flow.FairShare) { n = f.Reserve(c.Max) })
	old := slices.DeleteFunc(slices.Clone(probes), func(p probe) bool { return p.low > c.storeNow()-flow.StarvationAge.Microseconds() })
	if n > 0 && len(old) > 0 {
		if err := c.merge(ctx, l, old, flow.StarvationAge, n); err != nil {
			return err
		}
	}
	starved := len(c.got)
	c.fair.with(c.name, func(f *flow.FairShare) { f.Spend(c.Max, starved) })
	return nil
}

// merge claims up to max messages from streams in the order of their age: it looks first how many of them each stream
// has among the oldest.
func (c *claim) merge(ctx context.Context, l *link, probes []probe, minAge time.Duration, max int) error {
	type row struct {
		stream int
		at     int64
	}
	var rows []row
	counts := make([]int, len(probes))
	// Few rows of each stream are looked at. Where a stream has more, only what is older than its last one is in order.
	each := max/len(probes)*2 + 8
	err := l.transact(ctx, call{query: peekQuery, params: c.streams(probes, repeat(each, len(probes)), minAge), row: func(v [][]byte) error {
		i := int(int8Column(v[0])) - 1
		counts[i]++
		rows = append(rows, row{i, timeColumn(v[1])})
		return nil
	}})
	if err != nil {
		return err
	}
	slices.SortStableFunc(rows, func(a, b row) int { return cmp.Compare(a.at, b.at) })
	limits := make([]int, len(probes))
	for i, r := range rows {
		if i == max {
			break
		}
		limits[r.stream]++
		if limits[r.stream] == each {
			break
		}
	}
	var (
		take, dry []probe
		from      []int
	)
	for i, p := range probes {
		switch {
		case limits[i] > 0:
			take, from = append(take, p), append(from, limits[i])
		case counts[i] == 0 && minAge == 0:
			dry = append(dry, p)
		}
	}
	if err := c.findNext(ctx, l, dry); err != nil || len(take) == 0 {
		return err
	}
	var looked []probe
	n := 0
	for i := len(take) - 1; i >= 0; i-- {
		if c.looks(take[i]) {
			looked, n = append(looked, take[i]), n+from[i]
			take, from = slices.Delete(take, i, i+1), slices.Delete(from, i, i+1)
		}
	}
	if len(looked) > 0 {
		if err := c.takeControlled(ctx, l, looked, minAge, n); err != nil {
			return err
		}
	}
	if len(take) == 0 || c.full() {
		return nil
	}
	return c.take(ctx, l, take, from, minAge, max-n)
}

// streams are the parameters that say where to look. Messages count that have been ready for at least minAge.
func (c *claim) streams(probes []probe, limits []int, minAge time.Duration) [][]byte {
	n := len(probes)
	lanes, ranks, lows, ks := int4s(n), int2s(n), times(n), int4s(n)
	for i, p := range probes {
		lanes.int4(p.lane)
		ranks.int2(p.rank)
		lows.int8(p.low - epoch)
		ks.int4(limits[i])
	}
	return [][]byte{c.nowParam(), lanes.value(), ranks.value(), lows.value(), ks.value(), int8Param(minAge.Microseconds())}
}

var peekQuery = newQuery("peek", `SELECT s.n, r.available_at
	FROM unnest($2::int4[], $3::int2[], $4::timestamptz[], $5::int4[]) WITH ORDINALITY s(lane, rank, low, k, n)
	CROSS JOIN LATERAL (
		SELECT available_at FROM {schema}.messenger_ready r
		WHERE r.lane = s.lane AND r.rank = s.rank AND r.available_at >= s.low
			AND r.available_at <= coalesce($1::timestamptz, now()) - $6::int8 * interval '1 microsecond'
		ORDER BY r.lane, r.rank, r.available_at, r.ord LIMIT s.k) r`)

// claimQuery takes rows out of the ready table, in the order of the streams, makes a lease of them and returns the
// deliveries. Rows that another claim holds are skipped. What does not fit in the byte or lost limit stays, and so does
// all that comes after it; finding out what fits is left away where everything does. The deliveries are read from the
// lease as it was stored, so that their places in it cannot be others.
//
// A claim that the network held up until its caller had given up takes nothing: its messages would be in nobody's hands
// until the lease runs out. Nor does one that does not know the limits that are set.
//
// DELETE and the look-up of messages are written so that they can only be executed by address and by key, whatever the
// planner thinks of the tables' sizes.
var claimQuery = newQuery("claim", `WITH picked AS MATERIALIZED (
		SELECT r.*
		FROM unnest($2::int4[], $3::int2[], $4::timestamptz[], $5::int4[]) s(lane, rank, low, k)
		CROSS JOIN LATERAL (
			SELECT ctid AS tid, lane, rank, ord, available_at, id, attempt, lost, size FROM {schema}.messenger_ready r
			WHERE r.lane = s.lane AND r.rank = s.rank AND r.available_at >= s.low
				AND r.available_at <= coalesce($1::timestamptz, now()) - $6::int8 * interval '1 microsecond'
			ORDER BY r.lane, r.rank, r.available_at, r.ord LIMIT s.k FOR UPDATE SKIP LOCKED) r
		WHERE coalesce(now() <= $16::timestamptz, true)
			AND (SELECT limits_version FROM {schema}.messenger_flow) = $17::int8
		LIMIT $7::int4
	), total AS MATERIALIZED (
		SELECT count(*) AS n, sum(size) <= $8::int8 AND count(*) FILTER (WHERE lost > 0) <= $10::int8 AS fits FROM picked
	), taken AS MATERIALIZED (
		SELECT tid, lane, rank, ord, available_at, id, attempt, lost, size FROM picked WHERE (SELECT fits FROM total)
		UNION ALL
		SELECT tid, lane, rank, ord, available_at, id, attempt, lost, size
		FROM (
			SELECT *, row_number() OVER w AS n, sum(size) OVER w AS bytes, count(*) FILTER (WHERE lost > 0) OVER w AS losses
			FROM picked WHERE NOT (SELECT fits FROM total)
			WINDOW w AS (ORDER BY rank, available_at, ord ROWS UNBOUNDED PRECEDING)
		) counted
		WHERE (bytes <= $8 OR (n = 1 AND $9::bool)) AND losses <= $10
	), gone AS (
		DELETE FROM {schema}.messenger_ready WHERE ctid = ANY (ARRAY(SELECT tid FROM taken))
	), leased AS (
		INSERT INTO {schema}.messenger_leases (token, transport, worker, claimed_at, expires_at, ids, lanes, ranks, ords, available, attempts, lost, sizes)
		SELECT $11::uuid, $12::text, $13::text, coalesce($1, now()), coalesce($1, now()) + $14::int8 * interval '1 microsecond',
			array_agg(id), array_agg(lane), array_agg(rank), array_agg(ord), array_agg(available_at), array_agg(attempt + 1), array_agg(lost), array_agg(size)
		FROM taken HAVING count(*) > 0
		RETURNING *
	), moved AS (
		INSERT INTO {schema}.messenger_counters AS c (shard, lane, pending, processing, completed, failed, scheduled)
		SELECT $15::int8, lane, -count(*), count(*), 0, 0, 0 FROM taken GROUP BY lane
		ON CONFLICT (shard, lane) DO UPDATE SET pending = c.pending + excluded.pending, processing = c.processing + excluded.processing
	)
	SELECT l.claimed_at, total.n, t.place, t.lane, t.rank, t.ord, t.available_at, t.id, t.attempt, t.lost, t.size,
		m.created_at, m.scheduled_at, m.type, m.idempotency_key, m.headers, m.metadata, m.done, m.payload, m.extras,
		coalesce(now() > $16, false),
		CASE WHEN total.n = 0 THEN (SELECT limits_version FROM {schema}.messenger_flow) <> $17 ELSE false END
	FROM total LEFT JOIN leased l ON true
	LEFT JOIN LATERAL unnest(l.lanes, l.ranks, l.ords, l.available, l.ids, l.attempts, l.lost, l.sizes)
		WITH ORDINALITY t(lane, rank, ord, available_at, id, attempt, lost, size, place) ON true
	LEFT JOIN LATERAL (SELECT * FROM {schema}.messenger_messages m WHERE m.id = t.id LIMIT 1) m ON true`)

// take makes one claim of up to max messages.
func (c *claim) take(ctx context.Context, l *link, probes []probe, limits []int, minAge time.Duration, most int) error {
	var token uuid
	rand.Read(token[:]) // never fails
	ls := &lease{token: token, worker: c.Worker}
	by := l.answerBy()
	params := append(c.streams(probes, limits, minAge),
		int4Param(most), int8Param(int64(c.MaxBytes-c.size)), boolParam(len(c.got) == 0), int8Param(int64(c.MaxLost-c.lost)),
		token[:], []byte(c.name), []byte(cleanText(c.Worker)), int8Param(c.Lease.Microseconds()), l.nextShard(), c.answerByParam(by),
		int8Param(c.limits.version))
	var (
		picked int
		late   bool
		lasts  = make([]int64, len(probes)) // the newest claimed of each stream
		takes  = make([]int, len(probes))
		first  = len(c.got)
		name   = token.String()
	)
	err := l.transact(ctx, call{query: claimQuery, params: params, row: func(v [][]byte) error {
		picked, late = int(int8Column(v[1])), v[20][0] != 0
		c.stale = c.stale || v[21][0] != 0
		if v[2] == nil {
			return nil // nothing was taken
		}
		ls.claimed = timeColumn(v[0])
		it := item{
			lane: int4Column(v[3]), rank: int2Column(v[4]), ord: int4Column(v[5]), available: timeColumn(v[6]), id: uuidColumn(v[7]),
			attempt: int4Column(v[8]), lost: int4Column(v[9]), size: int4Column(v[10]),
		}
		place := int(int8Column(v[2])) - 1
		for len(ls.items) <= place {
			ls.items = append(ls.items, item{})
		}
		ls.items[place] = it
		from := slices.IndexFunc(probes, func(p probe) bool { return p.stream == stream{it.lane, it.rank} })
		lasts[from] = max(lasts[from], it.available)
		takes[from]++
		c.size += it.size
		if it.lost > 0 {
			c.lost++
		}
		d := claimed{item: it}
		d.ID = it.id.String()
		d.Lease = symphony.Lease{MessageID: d.ID, Token: name, Index: place}
		d.Attempt, d.Lost, d.Priority = it.attempt, it.lost, symphony.MaxPriority-it.rank
		if v[11] == nil {
			d.DecodeErr = errors.New("postgres: the message is ready but missing") // cannot be, and must not stay unnoticed
		} else {
			d.message(v[11:], &c.types)
		}
		c.got = append(c.got, d)
		return nil
	}})
	if err != nil {
		c.noteUnanswered(token, by)
		c.got = c.got[:first]
		return err
	}
	if late { // and yet its caller is there: the server's clock is not what this process took it for
		if err := c.measureOffset(ctx, l); err != nil {
			return err
		}
		return c.take(ctx, l, probes, limits, minAge, most)
	}
	if c.stale {
		c.ended = true
		return nil
	}
	c.ended = c.ended || picked > len(ls.items)
	if minAge == 0 {
		// What was claimed must be told, whatever becomes of this.
		if err := c.settleHeads(ctx, l, probes, takes, lasts, picked, most); err != nil && len(ls.items) == 0 {
			return err
		}
	}
	if len(ls.items) == 0 {
		return nil
	}
	ls.expires = ls.claimed + c.Lease.Microseconds()
	c.leases.add(ls)
	c.house.expiring(ls.expires - c.ahead())
	for i := first; i < len(c.got); i++ {
		d := &c.got[i]
		if ln := c.lanes.numbered(d.item.lane); ln != nil {
			d.Transport, d.Queue = ln.transport, ln.queue
		}
		d.ClaimedAt, d.LeasedUntil = fromMicros(ls.claimed), fromMicros(ls.expires)
	}
	return nil
}

// settleHeads notes how far the streams have been claimed, and wakes another receiver where there is more.
func (c *claim) settleHeads(ctx context.Context, l *link, probes []probe, takes []int, lasts []int64, picked, most int) error {
	last := 0
	for i, n := range takes {
		if n > 0 {
			last = i
			c.heads.raise(probes[i], lasts[i], lasts[i])
		}
	}
	if picked >= most || c.ended {
		if l := c.lanes.numbered(probes[last].lane); l != nil {
			c.waiters.Wake(l.receivers(), 1)
		}
		if c.Pushes { // what is left may be for those who push, and whom that has woken does not
			c.wakePushing(probes)
		}
		return nil // the streams behind were not looked at
	}
	var dry []probe
	for i, p := range probes {
		if takes[i] == 0 {
			dry = append(dry, p)
		}
	}
	return c.findNext(ctx, l, dry)
}

// wakePushing wakes a receiver that pushes, if one of the streams is of messages that are pushed.
func (c *claim) wakePushing(probes []probe) {
	for _, p := range probes {
		if l := c.lanes.numbered(p.lane); l != nil && l.pushed {
			c.waiters.Wake(l.receivers(), 1)
			return
		}
	}
}

// findNext looks when something becomes available in streams that have nothing now.
func (c *claim) findNext(ctx context.Context, l *link, probes []probe) error {
	if len(probes) == 0 {
		return nil
	}
	now := c.storeNow()
	return l.transact(ctx, nextCall(probes, func(p probe, at int64) { c.heads.raise(p, at, now) }))
}

// message reads the columns of a message from created_at on.
func (d *claimed) message(v [][]byte, types *interner) {
	d.CreatedAt, d.ScheduledAt = fromMicros(timeColumn(v[0])), fromMicros(timeColumn(v[1]))
	d.Type = types.text(v[2])
	d.IdempotencyKey = string(v[3])
	d.DecodeErr = errors.Join(decode("headers", v[4], &d.Headers), decode("metadata", v[5], &d.Metadata), decode("done", v[6], &d.Done), d.DecodeExtras(v[8]))
	d.Payload = bytes.Clone(v[7])
}

// decode reads a JSON column, keeping every digit of numbers. An empty one leaves v as it is.
func decode(column string, raw []byte, v any) error {
	if len(raw) == 0 {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if err := dec.Decode(v); err != nil {
		return fmt.Errorf("%s: %w", column, err)
	}
	return nil
}

// repeat is a list of n times the same limit.
func repeat(limit, n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = limit
	}
	return list
}
