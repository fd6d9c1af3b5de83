package postgres

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
	"github.com/symphony-messenger/symphony/storage"
)

// A message that is cancelled while a worker has it leaves that worker's lease, where its place is settled, and gets
// one of its own, which nobody else knows. So the worker's delivery is lost like any other, on a node of any release,
// and only where one is lost is it asked whether that is why. The message is cancelled, and gives up its places under
// flow control, when its worker settles it, or when the worker's lease would have ended.

const (
	// cancelWatchEvery is how often a process with messages in hand looks for those that others cancel.
	cancelWatchEvery = time.Second
	// cancelsAtOnce bounds the messages of one look and of one transaction.
	cancelsAtOnce = 1000
)

// ownLeaseEnd is when the lease of a message that is to be cancelled ends for those who do not know better.
var ownLeaseEnd = micros(time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC))

// CancelMessage cancels a message.
func (t *Transport) CancelMessage(ctx context.Context, id string, c symphony.Cancellation) (symphony.Status, error) {
	for range steerTries {
		err := t.steer(ctx, "cancel message", id, func(f *flowTx, w *waiting) error {
			_, err := f.engine.Cancel([]*waiting{w}, c)
			return err
		})
		var status *symphony.MessageStatusError
		switch {
		case err == nil:
			return symphony.Cancelled, nil
		case !errors.As(err, &status):
			return "", err
		case status.Status != symphony.Processing:
			return "", &symphony.MessageStatusError{ID: id, Status: status.Status, Want: symphony.Processing}
		}
		key, _ := parseUUID(id) // is one
		if done, err := t.cancelInHand(key, c); err != nil || done {
			return symphony.Processing, err
		}
	}
	return "", fmt.Errorf("postgres: cancel message %s: it is on the move; try again: %w", id, symphony.ErrUnavailable)
}

// findDelivery finds the delivery of a message in hand, and whether it is to be cancelled already.
var findDelivery = newQuery("find_delivery", `SELECT l.token, (u.n - 1)::int4, k.id IS NOT NULL
	FROM {schema}.messenger_leases l CROSS JOIN LATERAL unnest(l.ids) WITH ORDINALITY u(id, n)
	LEFT JOIN {schema}.messenger_cancelling k ON k.lease = l.token
	WHERE l.transport = $1::text AND l.ids @> ARRAY[$2::uuid] AND u.id = $2 AND NOT (u.n - 1)::int4 = ANY (l.settled)
	ORDER BY l.claimed_at DESC LIMIT 1`)

var insertCancelling = newQuery("insert_cancelling", `INSERT INTO {schema}.messenger_cancelling
		(id, lease, token, place, until, requested_at, by, reason)
	VALUES ($1::uuid, $2::uuid, $3::uuid, $4::int4, $5::timestamptz, $6::timestamptz, $7::text, $8::text)`)

// cancelInHand takes a message out of its lease. It is false if nobody has it in hand.
func (t *Transport) cancelInHand(id uuid, c symphony.Cancellation) (done bool, err error) {
	const doing = "cancel message"
	var (
		token uuid
		place = -1
		until int64
	)
	err = t.retrying(func(ctx context.Context, l *link) error {
		done, place = false, -1
		find := call{query: findDelivery, params: [][]byte{[]byte(t.name), id[:]}, row: func(v [][]byte) error {
			token, place, done = uuidColumn(v[0]), int4Column(v[1]), boolColumn(v[2])
			return nil
		}}
		if err := l.transact(ctx, find); err != nil || done || place < 0 {
			place = -1
			return err
		}
		k := newLocked()
		if err := l.begin(ctx,
			call{query: lockLeases, params: [][]byte{t.nowParam(), uuidArray([]uuid{token})}, row: k.addLease},
			call{query: lockItems, params: [][]byte{uuidArray([]uuid{id})}, row: k.addOurs},
			call{query: findItems, params: [][]byte{uuidArray([]uuid{token})}, row: k.addMessage}); err != nil {
			return err
		}
		r := k.held(token, place, id)
		if r == nil || k.busy(id) {
			l.rollback(ctx)
			if r != nil {
				return errBeingAcked
			}
			place = -1
			return nil
		}
		until = r.until(place)
		if err := l.finish(ctx, t.takeOut(r, k, place, c)...); err != nil {
			return err
		}
		done = true
		return nil
	})
	if err != nil {
		if errors.Is(err, errBeingAcked) {
			return false, fmt.Errorf("postgres: %s %s: %w", doing, id, err)
		}
		return false, t.storageError(doing, err)
	}
	if place >= 0 {
		t.house.expiring(until - t.ahead())
		told := []symphony.Lease{{MessageID: id.String(), Token: token.String(), Index: place}}
		t.cancels.Each(func(w storage.CancelWatch) { w.Told(told) })
	}
	return done, nil
}

// takeOut makes the calls that take an item out of a lease, which is locked, into one of its own.
func (t *Transport) takeOut(r *leaseRow, k *locked, place int, c symphony.Cancellation) []call {
	it := r.items[place]
	var own uuid
	rand.Read(own[:]) // never fails
	left := call{query: markSettled, params: [][]byte{uuidArray([]uuid{r.token}), int4Array(place)}}
	if r.allBut(map[int]bool{place: true}, k.exists) {
		left = call{query: dropLeases, params: [][]byte{uuidArray([]uuid{r.token})}}
	}
	var passes []byte
	if r.controlled {
		raw, _ := json.Marshal(it.pass) // cannot fail
		passes = textArray([]string{string(raw)})
	}
	rank := int2s(1)
	rank.int2(it.rank)
	lease := [][]byte{own[:], []byte(t.name), []byte(r.worker), timeParam(r.claimed), timeParam(ownLeaseEnd), passes,
		uuidArray([]uuid{it.id}), int4Array(it.lane), rank.value(), int4Array(it.ord), timeArray([]int64{it.available}),
		int4Array(it.attempt), int4Array(it.lost), int4Array(it.size)}
	note := [][]byte{it.id[:], own[:], r.token[:], int4Param(place), timeParam(r.until(place)), timeParam(k.now),
		[]byte(cleanText(c.By)), []byte(cleanText(c.Reason))}
	return []call{left, {query: insertLease, params: lease}, {query: insertCancelling, params: note}}
}

// ending is a message in hand that is to be cancelled.
type ending struct {
	cancelledRow
	lease uuid // its own
}

var endingColumns = columns[ending]{
	{"id", func(e *ending, v cell) { e.id = v.uuid() }},
	{"lease", func(e *ending, v cell) { e.lease = v.uuid() }},
	{"token", func(e *ending, v cell) { e.token = v.uuid() }},
	{"place", func(e *ending, v cell) { e.place = v.int4() }},
	{"requested_at", func(e *ending, v cell) { e.requested = timeColumn(v) }},
	{"by", func(e *ending, v cell) { e.by = v.text() }},
	{"reason", func(e *ending, v cell) { e.reason = v.text() }},
}

var (
	findEnding = newQuery("find_ending", `SELECT `+endingColumns.String()+` FROM {schema}.messenger_cancelling
		WHERE CASE WHEN $1::uuid[] IS NULL THEN until <= coalesce($2::timestamptz, now()) ELSE id = ANY ($1) END
		ORDER BY until LIMIT $3::int4`)
	ownLeases = newQuery("own_leases", `SELECT coalesce($1::timestamptz, now()), `+leaseColumns+`
		FROM {schema}.messenger_leases WHERE token = ANY ($2::uuid[])`)
	dropCancelling = newQuery("drop_cancelling", `DELETE FROM {schema}.messenger_cancelling
		WHERE id = ANY ($1::uuid[])`)
)

// endCancelling cancels messages in hand that are to be cancelled: those of some ids, or with nil those whose time is
// over. It tells whether there may be more of the latter. One that is being acked in a transaction of a caller's, which
// cannot succeed, is left for later.
func (s *store) endCancelling(ctx context.Context, ids []uuid) (more bool, err error) {
	var wanted []byte
	if ids != nil {
		wanted = uuidArray(ids)
	}
	err = s.withAgain(ctx, "cancel messages", func(ctx context.Context, l *link) error {
		var list []ending
		params := [][]byte{wanted, s.nowParam(), int4Param(cancelsAtOnce)}
		f, err := s.beginFlow(ctx, l, call{query: findEnding, params: params, row: func(v [][]byte) error {
			var e ending
			endingColumns.read(&e, v)
			list = append(list, e)
			return nil
		}})
		if err != nil {
			return err
		}
		if len(list) == 0 {
			more = false
			l.rollback(ctx)
			return nil
		}
		more, err = f.endCancelling(list)
		more = more && len(list) == cancelsAtOnce
		if err != nil {
			return err
		}
		return f.finish()
	})
	return more, err
}

// endCancelling cancels messages in hand, and tells whether there were any that could be.
func (f *flowTx) endCancelling(list []ending) (any bool, err error) {
	var ids, leases []uuid
	for i := range list {
		ids, leases = append(ids, list[i].id), append(leases, list[i].lease)
	}
	k := newLocked()
	if err := f.ask(
		call{query: lockItems, params: [][]byte{uuidArray(ids)}, row: k.addOurs},
		call{query: unfinishedItems, params: [][]byte{uuidArray(ids)}, row: k.addMessage},
		call{query: ownLeases, params: [][]byte{f.nowParam(), uuidArray(leases)}, row: k.addLease}); err != nil {
		return false, err
	}
	var (
		ends    []flow.Departure
		rows    []cancelledRow
		follows []ended
	)
	ids, leases = nil, nil
	for i := range list {
		e := &list[i]
		if k.busy(e.id) {
			continue
		}
		ids, leases = append(ids, e.id), append(leases, e.lease)
		r := k.leases[e.lease]
		if r == nil || !k.exists[e.id] {
			continue
		}
		it := r.items[0]
		ends = append(ends, flow.Departure{Pass: it.pass, Outcome: symphony.Cancel, Attempt: it.attempt})
		f.counts.of(it.lane).Processing--
		e.attempt, e.started, e.worker = it.attempt, r.claimed, r.worker
		rows = append(rows, e.cancelledRow)
		if it.pass != nil && it.pass.Follows {
			source := symphony.Source{Status: symphony.Cancelled, Attempts: it.attempt}
			follows = append(follows, ended{id: e.id, source: source})
		}
	}
	if err := f.engine.Depart(ends); err != nil {
		return false, err
	}
	if err := f.follow(follows); err != nil {
		return false, err
	}
	f.cancelled(rows)
	f.later(dropLeases, uuidArray(leases))
	f.later(dropCancelling, uuidArray(ids))
	return len(ids) > 0, nil
}

// cancelledRow is a message that becomes cancelled. What is behind reason is of those in hand.
type cancelledRow struct {
	id         uuid
	attempt    int
	requested  int64
	by, reason string

	started int64
	worker  string
	token   uuid
	place   int
}

// cancelCounts counts what a statement has taken from the messages.
const cancelCounts = `counted AS (
		INSERT INTO {schema}.messenger_counters AS c
			(shard, lane, pending, processing, completed, failed, scheduled, cancelled)
		SELECT 0, lane, 0, 0, 0, 0, 0, count(*) FROM gone GROUP BY lane ORDER BY lane
		ON CONFLICT (shard, lane) DO UPDATE SET cancelled = c.cancelled + excluded.cancelled
	)`

var (
	moveToCancelled = cancelQuery("move_to_cancelled", "", "")
	// dropCancelled keeps those that say themselves that they are kept.
	dropCancelled = cancelQuery("drop_cancelled", endedCTE(symphony.Cancelled, "now()", "gone g",
		"("+ownFor("g.extras", cancelledNow)+") IS NOT TRUE"),
		" WHERE "+ownFor("g.extras", cancelledNow))
)

const cancelledNow = "coalesce($1::timestamptz, now())"

// cancelQuery moves messages to the cancelled ones, of those that are deleted the ones that which selects.
func cancelQuery(name, ends, which string) *query {
	return newQuery(name, `WITH gone AS (
		DELETE FROM {schema}.messenger_messages WHERE id = ANY ($2::uuid[]) RETURNING *
	), past AS (
		DELETE FROM {schema}.messenger_attempts WHERE id = ANY ($2::uuid[]) RETURNING *
	), history AS (
		SELECT id, `+historyColumns+` AS attempts FROM past GROUP BY id
	), `+cancelCounts+ends+`
	INSERT INTO {schema}.messenger_cancelled (id, created_at, scheduled_at, started_at, cancelled_at, lane, priority,
		attempt, type, worker, idempotency_key, headers, metadata, attempts, payload, extras,
		requested_at, by, reason, token, place)
	SELECT g.id, g.created_at, g.scheduled_at, r.started_at, $1::timestamptz, g.lane, g.priority,
		r.attempt, g.type, r.worker, g.idempotency_key, g.headers, g.metadata, h.attempts, g.payload, g.extras,
		coalesce(r.requested_at, $1), r.by, r.reason, r.token, r.place
	FROM unnest($2, $3::int4[], $4::timestamptz[], $5::text[], $6::text[], $7::timestamptz[], $8::text[],
		$9::uuid[], $10::int4[]) AS r(id, attempt, requested_at, by, reason, started_at, worker, token, place)
	JOIN gone g ON g.id = r.id LEFT JOIN history h ON h.id = g.id`+which)
}

// cancelled has messages kept as cancelled ones, or deleted where nothing is kept. Every message that is cancelled
// comes here, in the transaction in which that happens.
func (f *flowTx) cancelled(list []cancelledRow) { f.cancels = append(f.cancels, list...) }

// cancelCall does what was put off by cancelled. It is the last call of its transaction, and the only one of its kind:
// it counts in the rows in which fold adds up those of the connections, and fold locks first the latter and then the
// former, in the order of lanes.
func (f *flowTx) cancelCall() call {
	list, n := f.cancels, len(f.cancels)
	ids, attempts, requested, by, reasons := uuids(n), int4s(n), times(n), texts(n), texts(n)
	started, workers, tokens, places := times(n), texts(n), uuids(n), int4s(n)
	for i := range list {
		r := &list[i]
		ids.uuid(r.id)
		attempts.int4(r.attempt)
		requested.time(r.requested)
		by.text(r.by)
		reasons.text(r.reason)
		if started.time(r.started); r.started == 0 {
			workers.null()
			tokens.null()
			places.null()
			continue
		}
		workers.text(r.worker)
		tokens.uuid(r.token)
		places.int4(r.place)
	}
	q := moveToCancelled
	if f.kept.Nothing(symphony.Cancelled) {
		q = dropCancelled
	}
	return call{query: q, params: [][]byte{f.nowParam(), ids.value(), attempts.value(), requested.value(), by.value(),
		reasons.value(), started.value(), workers.value(), tokens.value(), places.value()}}
}

// Cancel cancels messages that were removed.
func (f *flowTx) Cancel(list []*waiting, c symphony.Cancellation) error {
	rows := make([]cancelledRow, len(list))
	var follows []ended
	for i, w := range list {
		rows[i] = cancelledRow{id: w.Row.id, attempt: w.Row.attempt, by: cleanText(c.By), reason: cleanText(c.Reason)}
		source := symphony.Source{Status: symphony.Cancelled, Attempts: w.Row.attempt}
		follows = append(follows, ended{w.Row.id, source, w.Envelope})
	}
	if err := f.follow(follows); err != nil {
		return err
	}
	f.cancelled(rows)
	return nil
}

// cancelledDeliveries finds the deliveries of messages that are to be, or were, cancelled.
var cancelledDeliveries = newQuery("cancelled_deliveries", `SELECT id, token, place, true
	FROM {schema}.messenger_cancelling WHERE id = ANY ($1::uuid[])
	UNION ALL SELECT id, token, place, false
	FROM {schema}.messenger_cancelled WHERE id = ANY ($1) AND token IS NOT NULL`)

// lostFor tells of lost deliveries why: where their messages were cancelled, their error is ErrCancelled. With end,
// those that are to be cancelled are. lost are the places of those that are lost, all of which have errors.
func (s *store) lostFor(ctx context.Context, leases []symphony.Lease, errs []error, lost []int, end bool) {
	var ids []uuid
	wanted := make(map[delivery][]int)
	for _, i := range lost {
		token, ok := parseUUID(leases[i].Token)
		id, ok2 := parseUUID(leases[i].MessageID)
		if d := (delivery{token, leases[i].Index}); ok && ok2 {
			ids, wanted[d] = append(ids, id), append(wanted[d], i)
		}
	}
	if len(ids) == 0 {
		return
	}
	var ending []uuid
	found := make(map[uuid]delivery)
	look := call{query: cancelledDeliveries, params: [][]byte{uuidArray(ids)}, row: func(v [][]byte) error {
		id, d := uuidColumn(v[0]), delivery{uuidColumn(v[1]), int4Column(v[2])}
		if wanted[d] == nil {
			return nil // another delivery of the message
		}
		if found[id] = d; boolColumn(v[3]) {
			ending = append(ending, id)
		}
		return nil
	}}
	if err := s.do(ctx, "look for cancelled messages", look); err != nil {
		for _, i := range lost {
			errs[i] = err // it is looked for again with the next try
		}
		return
	}
	for _, d := range found {
		for _, i := range wanted[d] {
			errs[i] = symphony.ErrCancelled
		}
	}
	if !end || len(ending) == 0 {
		return
	}
	for part := range slices.Chunk(ending, cancelsAtOnce) {
		if _, err := s.endCancelling(ctx, part); err != nil {
			for _, id := range part {
				for _, i := range wanted[found[id]] {
					errs[i] = err
				}
			}
		}
	}
}

// settledOr returns the errors of settlements, with the reason of those that are lost, whose places are given. lost may
// be others as well, which have none.
func (t *Transport) settledOr(
	ctx context.Context, settlements []symphony.Settlement, errs []error, lost []int,
) []error {
	if len(lost) == 0 {
		return errs
	}
	leases := make([]symphony.Lease, len(settlements))
	for i := range settlements {
		leases[i] = settlements[i].Lease
	}
	if errs == nil {
		errs = make([]error, len(settlements))
	}
	t.lostFor(ctx, leases, errs, lost, true)
	if slices.ContainsFunc(errs, func(err error) bool { return err != nil }) {
		return errs
	}
	return nil
}

// lostPlaces are the places of errors that say that a delivery is lost.
func lostPlaces(errs []error) (places []int) {
	for i, err := range errs {
		if errors.Is(err, symphony.ErrLeaseLost) {
			places = append(places, i)
		}
	}
	return places
}

var watchedCancels = newQuery("watched_cancels", `SELECT id, token, place FROM {schema}.messenger_cancelling
	ORDER BY requested_at DESC LIMIT $1::int4`)

// WatchCancels tells of messages in hand that are cancelled.
func (t *Transport) WatchCancels(w storage.CancelWatch) (stop func()) { return t.cancels.Add(w) }

// watchCancels looks for messages that other processes cancel, as long as anything is in hand here.
func (s *store) watchCancels() {
	for s.pause(cancelWatchEvery, nil) {
		inHand := false
		s.cancels.Each(func(w storage.CancelWatch) { inHand = inHand || w.InHand() })
		if !inHand {
			continue
		}
		var list []symphony.Lease
		look := call{query: watchedCancels, params: [][]byte{int4Param(cancelsAtOnce)}, row: func(v [][]byte) error {
			id, token := uuidColumn(v[0]).String(), uuidColumn(v[1]).String()
			list = append(list, symphony.Lease{MessageID: id, Token: token, Index: int4Column(v[2])})
			return nil
		}}
		err := s.do(s.life, "look for cancelled messages", look)
		if s.house.report(s.log, err); err == nil && len(list) > 0 {
			s.cancels.Each(func(w storage.CancelWatch) { w.Told(list) })
		}
	}
}
