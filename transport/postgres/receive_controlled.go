package postgres

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"time"

	"github.com/symphony-messenger/symphony"
)

// pickQuery reads ready messages in the order of the streams, with what decides about their way.
var pickQuery = newQuery("pick", `SELECT r.tid::text, r.lane, r.rank, r.ord, r.available_at, r.id, r.attempt, r.lost, r.size,
		m.created_at, m.scheduled_at, m.type, m.idempotency_key, m.headers, m.metadata, m.done, m.payload, m.extras
	FROM unnest($2::int4[], $3::int2[], $4::timestamptz[], $5::int4[]) s(lane, rank, low, k)
	CROSS JOIN LATERAL (
		SELECT ctid AS tid, * FROM {schema}.messenger_ready r
		WHERE r.lane = s.lane AND r.rank = s.rank AND r.available_at >= s.low
			AND r.available_at <= $1::timestamptz - $6::int8 * interval '1 microsecond'
		ORDER BY r.lane, r.rank, r.available_at, r.ord LIMIT s.k FOR UPDATE SKIP LOCKED) r
	LEFT JOIN LATERAL (SELECT * FROM {schema}.messenger_messages m WHERE m.id = r.id LIMIT 1) m ON true
	ORDER BY r.rank, r.available_at, r.ord LIMIT $7::int4`)

var takePicked = newQuery("take_picked", `DELETE FROM {schema}.messenger_ready WHERE ctid = ANY ($1::text[]::tid[])`)

var insertLease = newQuery("insert_lease", `INSERT INTO {schema}.messenger_leases
		(token, transport, worker, claimed_at, expires_at, passes, ids, lanes, ranks, ords, available, attempts, lost, sizes)
	VALUES ($1::uuid, $2::text, $3::text, $4::timestamptz, $5::timestamptz, $6::text[], $7::uuid[], $8::int4[], $9::int2[], $10::int4[],
		$11::timestamptz[], $12::int4[], $13::int4[], $14::int4[])`)

// picked is a ready message that is looked at.
type picked struct {
	claimed claimed
	message *waiting
}

// takeControlled claims up to max messages from streams whose messages must be looked at one by one, in one flow. What
// may not pass is parked.
func (c *claim) takeControlled(ctx context.Context, l *link, probes []probe, minAge time.Duration, most int) error {
	f, err := c.beginFlow(ctx, l)
	if err == nil && c.lookAtAll {
		err = f.engine.ReadHolds()
	}
	if err != nil {
		return err
	}
	var (
		got   []*picked
		dry   bool
		ended bool
		size  = c.size
		lost  = c.lost
	)
	for len(got) < most && !f.engine.Full() && !dry && !ended {
		limit := most - len(got) + 100
		list, err := c.pick(f, probes, minAge, limit)
		if err != nil {
			return err
		}
		dry = len(list) < limit
		var taken []string
		for _, p := range list {
			it := &p.claimed.item
			if len(got) == most {
				dry = false
				break
			}
			if len(c.got)+len(got) > 0 && size+it.size > c.MaxBytes || it.lost > 0 && lost >= c.MaxLost {
				ended = true // later messages must not overtake the one that does not fit
				break
			}
			taken = append(taken, p.message.Row.tid)
			if it.pass, _ = f.engine.Admit(p.message); it.pass == nil {
				continue
			}
			it.attempt++
			size += it.size
			if it.lost > 0 {
				lost++
			}
			got = append(got, p)
		}
		if len(taken) > 0 {
			if err := f.ask(call{query: takePicked, params: [][]byte{textArray(taken)}}); err != nil {
				return err
			}
		}
	}
	ls := c.leaseOf(f, got)
	if err := f.finish(); err != nil {
		if ls != nil {
			c.noteUnanswered(ls.token, l.answerBy())
		}
		return err
	}
	c.size, c.lost, c.ended = size, lost, c.ended || ended
	if ls != nil {
		c.leases.add(ls)
		c.house.expiring(ls.expires - c.ahead())
	}
	for _, p := range got {
		c.got = append(c.got, p.claimed)
	}
	if !dry {
		for _, p := range probes {
			if ln := c.lanes.numbered(p.lane); ln != nil {
				c.waiters.Wake(ln.receivers(), 1) // there may be more
			}
		}
		return nil
	}
	if minAge > 0 {
		return nil
	}
	// What was claimed must be told, whatever becomes of this.
	if err := c.findNext(ctx, l, probes); err != nil && len(c.got) == 0 {
		return err
	}
	return nil
}

// pick reads the next messages and the gates that they must pass.
func (c *claim) pick(f *flowTx, probes []probe, minAge time.Duration, limit int) ([]*picked, error) {
	var (
		list     []*picked
		messages []*waiting
	)
	params := append(c.streams(probes, repeat(limit, len(probes)), minAge), int4Param(limit))
	params[0] = f.nowParam()
	err := f.ask(call{query: pickQuery, params: params, row: func(v [][]byte) error {
		p := &picked{}
		d := &p.claimed
		d.item = readItem(v[1:9])
		d.ID, d.Priority = d.item.id.String(), symphony.MaxPriority-d.item.rank
		d.message(v[9:], &c.types)
		if ln := c.lanes.numbered(d.item.lane); ln != nil {
			d.Transport, d.Queue = ln.transport, ln.queue
		}
		p.message = c.newWaiting(&d.Envelope, located{d.item, string(v[0])})
		list, messages = append(list, p), append(messages, p.message)
		return nil
	}})
	if err != nil {
		return nil, err
	}
	return list, f.engine.Look(messages...)
}

// leaseOf makes a lease of what was picked, nil of nothing.
func (c *claim) leaseOf(f *flowTx, got []*picked) *lease {
	if len(got) == 0 {
		return nil
	}
	var token uuid
	rand.Read(token[:]) // never fails
	ls := &lease{token: token, controlled: true, worker: c.Worker, claimed: f.now, expires: f.now + c.Lease.Microseconds()}
	n := len(got)
	pass, ids, lanes, ranks, ords := texts(n), uuids(n), int4s(n), int2s(n), int4s(n)
	available, attempts, lost, sizes := times(n), int4s(n), int4s(n), int4s(n)
	for i, p := range got {
		it := p.claimed.item
		ls.items = append(ls.items, it)
		raw, _ := json.Marshal(it.pass) // cannot fail
		pass.text(string(raw))
		ids.uuid(it.id)
		lanes.int4(it.lane)
		ranks.int2(it.rank)
		ords.int4(it.ord)
		available.time(it.available)
		attempts.int4(it.attempt)
		lost.int4(it.lost)
		sizes.int4(it.size)
		f.counts.of(it.lane).Pending--
		f.counts.of(it.lane).Processing++
		d := &p.claimed
		d.Attempt, d.Lost = it.attempt, it.lost
		d.Lease = symphony.Lease{MessageID: d.ID, Token: token.String(), Index: i}
		d.ClaimedAt, d.LeasedUntil = fromMicros(ls.claimed), fromMicros(ls.expires)
	}
	f.calls = append(f.calls, call{query: insertLease, params: [][]byte{token[:], []byte(c.name), []byte(cleanText(c.Worker)),
		timeParam(ls.claimed), timeParam(ls.expires), pass.value(), ids.value(), lanes.value(), ranks.value(), ords.value(),
		available.value(), attempts.value(), lost.value(), sizes.value()}})
	return ls
}
