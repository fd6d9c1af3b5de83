package postgres

import (
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
	"github.com/symphony-messenger/symphony/triage"
)

// waiting is a message that nobody has in hand: ready, or before a gate.
type waiting = flow.Message[located]

// newWaiting is a message of an envelope.
func (s *store) newWaiting(e *symphony.Envelope, p located) *waiting {
	return &waiting{Row: p, Envelope: e, Lane: int64(s.lanes.line(p.lane)), Rank: p.rank, Attempt: p.attempt,
		Available: fromMicros(p.available)}
}

// waitingColumns are what readWaiting reads.
const waitingColumns = `w.tid::text, w.gate, w.lane, w.rank, w.ord, w.available_at, w.id, w.attempt, w.lost, w.size, m.type, m.extras`

func (s *store) readWaiting(v [][]byte) *waiting {
	p := located{tid: string(v[0]), item: readItem(v[2:10])}
	e := s.envelope(p.lane, v[10], v[11])
	e.ID = p.id.String()
	w := s.newWaiting(e, p)
	w.Gate = string(v[1])
	return w
}

// envelope is what decides about a message's way, of its lane, type and extras.
func (s *store) envelope(lane int, typ, extras []byte) *symphony.Envelope {
	e := &symphony.Envelope{Type: string(typ)}
	if ln := s.lanes.numbered(lane); ln != nil {
		e.Transport, e.Queue = ln.transport, ln.queue
	}
	_ = e.DecodeExtras(extras) // what cannot be read limits nothing
	return e
}

// findWaiting finds waiting messages under flow control by their ids. Rows that a claim of another kind holds are left
// out.
var findWaiting = newQuery("find_waiting", `SELECT `+waitingColumns+` FROM (
		SELECT * FROM (SELECT ctid AS tid, NULL::text AS gate, lane, rank, ord, available_at, id, attempt, lost, size
			FROM {schema}.messenger_ready WHERE id = ANY ($1::uuid[]) AND controlled IS NOT NULL FOR UPDATE SKIP LOCKED) r
		UNION ALL
		SELECT ctid, gate, lane, rank, ord, available_at, id, attempt, lost, size FROM {schema}.messenger_parked WHERE id = ANY ($1)
	) w JOIN {schema}.messenger_messages m ON m.id = w.id`)

// Find finds waiting messages by their ids.
func (f *flowTx) Find(rows []located) ([]*waiting, error) {
	if err := f.flush(); err != nil {
		return nil, err
	}
	ids := uuids(len(rows))
	for _, r := range rows {
		ids.uuid(r.id)
	}
	byID := make(map[uuid]*waiting)
	err := f.ask(call{query: findWaiting, params: [][]byte{ids.value()}, row: func(v [][]byte) error {
		w := f.readWaiting(v)
		byID[w.Row.id] = w
		return nil
	}})
	list := make([]*waiting, len(rows))
	for i, r := range rows {
		list[i] = byID[r.id]
	}
	return list, err
}

var (
	dropReady  = takePicked
	dropParked = newQuery("drop_parked", `DELETE FROM {schema}.messenger_parked WHERE ctid = ANY ($1::text[]::tid[])`)
	// unschedule uncounts messages that were scheduled for later.
	unschedule = newQuery("unschedule", `DELETE FROM {schema}.messenger_scheduled s USING {schema}.messenger_messages m
		WHERE m.id = ANY ($1::uuid[]) AND s.scheduled_at = m.scheduled_at AND s.id = m.id RETURNING s.lane`)
	dropMessages = newQuery("drop_messages", `WITH gone AS (DELETE FROM {schema}.messenger_messages WHERE id = ANY ($1::uuid[]))
		DELETE FROM {schema}.messenger_attempts WHERE id = ANY ($1)`)
)

func waitingIDs(list []*waiting) []byte {
	ids := uuids(len(list))
	for _, w := range list {
		ids.uuid(w.Row.id)
	}
	return ids.value()
}

// unschedule uncounts messages that were scheduled.
func (f *flowTx) unschedule(list []*waiting) call {
	return call{query: unschedule, params: [][]byte{waitingIDs(list)}, row: func(v [][]byte) error {
		f.counts.of(int4Column(v[0])).Scheduled--
		return nil
	}}
}

// Remove takes waiting messages out of their places. All of them are there: their rows were found in this transaction.
func (f *flowTx) Remove(list []*waiting) ([]*waiting, error) {
	var ready, parked []string
	for _, w := range list {
		f.counts.of(w.Row.lane).Pending--
		if w.Gate == "" {
			ready = append(ready, w.Row.tid)
		} else {
			parked = append(parked, w.Row.tid)
		}
	}
	calls := []call{f.unschedule(list)}
	if len(ready) > 0 {
		calls = append(calls, call{query: dropReady, params: [][]byte{textArray(ready)}})
	}
	if len(parked) > 0 {
		calls = append(calls, call{query: dropParked, params: [][]byte{textArray(parked)}})
	}
	return list, f.ask(calls...)
}

// Delete deletes messages that were removed.
func (f *flowTx) Delete(list []*waiting) error {
	f.later(dropMessages, waitingIDs(list))
	return nil
}

// Bury fails messages that were removed.
func (f *flowTx) Bury(list []*waiting, reasons []*symphony.ExpiredError) error {
	n := len(list)
	messages, failed, errs, classes := uuids(n), uuids(n), texts(n), texts(n)
	causes := texts(n)
	retries, most, untried := int4s(n), int4s(n), bools(n)
	var follows []ended
	for i, w := range list {
		messages.uuid(w.Row.id)
		id, _ := parseUUID(symphony.NewID(f.failures.next(f.now))) // a valid UUID by construction
		failed.uuid(id)
		errs.text(reasons[i].Error())
		classes.text(reasons[i].ErrorClass())
		causes.text(triage.Cause(reasons[i].ErrorClass(), reasons[i].Error()))
		retries.int4(0)
		most.int4(0)
		untried.bool(false)
		f.counts.of(w.Row.lane).Failed++
		source := symphony.Source{Status: symphony.Failed, Error: reasons[i].Error(), ErrorClass: reasons[i].ErrorClass()}
		follows = append(follows, ended{w.Row.id, source, w.Envelope})
	}
	if err := f.follow(follows); err != nil {
		return err
	}
	f.later(moveToFailed, f.nowParam(), messages.value(), failed.value(), errs.value(), classes.value(),
		retries.value(), most.value(), untried.value(), causes.value())
	return nil
}

var hurryParked = newQuery("hurry_parked", `UPDATE {schema}.messenger_parked
	SET available_at = $2::timestamptz, ord = $3::int4 WHERE ctid = $1::text::tid`)

// Hurry makes a waiting message available now. It is there: its row was found in this transaction.
func (f *flowTx) Hurry(w *waiting) (bool, error) {
	it := w.Row.item
	it.available, it.ord = f.now, f.nextOrd(1)
	move := call{query: hurryParked, params: [][]byte{[]byte(w.Row.tid), f.nowParam(), int4Param(it.ord)}}
	if w.Gate == "" {
		f.back.add(it)
		move = call{query: dropReady, params: [][]byte{textArray([]string{w.Row.tid})}}
	}
	note := call{query: noteReady, params: [][]byte{uuidArray([]uuid{it.id}), timeArray([]int64{f.now})}}
	return true, f.ask(note, f.unschedule([]*waiting{w}), move)
}

var readUnique = newQuery("read_unique", `SELECT r.n, u.message_id, l.queue, m.scheduled_at
	FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS r(transport, kind, key, n)
	JOIN {schema}.messenger_unique u ON u.transport = r.transport AND u.kind = r.kind AND u.key = r.key
	JOIN {schema}.messenger_messages m ON m.id = u.message_id JOIN {schema}.messenger_lanes l ON l.lane = m.lane`)

// Holders finds the messages that have debounce or throttle keys.
func (f *flowTx) Holders(keys []flow.Key) ([]*flow.Holder[located], error) {
	transports, kinds, names := texts(len(keys)), texts(len(keys)), texts(len(keys))
	for _, k := range keys {
		transports.text(k.Transport)
		kinds.text(k.Kind)
		names.text(cleanText(k.Name))
	}
	list := make([]*flow.Holder[located], len(keys))
	params := [][]byte{transports.value(), kinds.value(), names.value()}
	err := f.ask(call{query: readUnique, params: params, row: func(v [][]byte) error {
		i, id := int(int8Column(v[0]))-1, uuidColumn(v[1])
		list[i] = &flow.Holder[located]{Row: located{item: item{id: id}}, Receipt: symphony.Receipt{ID: id.String(),
			Transport: keys[i].Transport, Queue: string(v[2]), ScheduledAt: fromMicros(timeColumn(v[3]))}}
		return nil
	}})
	return list, err
}

var (
	insertExpiring = newQuery("insert_expiring", `INSERT INTO {schema}.messenger_expiring (expires_at, id)
		SELECT * FROM unnest($1::timestamptz[], $2::uuid[]) ON CONFLICT DO NOTHING`)
	insertUnique = newQuery("insert_unique", `INSERT INTO {schema}.messenger_unique (transport, kind, key, message_id)
		SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::uuid[])
		ON CONFLICT (transport, kind, key) DO UPDATE SET message_id = excluded.message_id`)
	freeUnique = newQuery("free_unique", `DELETE FROM {schema}.messenger_unique
		WHERE transport = $1::text AND kind = $2::text AND key = $3::text AND message_id = $4::uuid`)
)

// Note keeps by what new messages are known while they wait.
func (f *flowTx) Note(list []*waiting) error {
	expires, expiring := times(0), uuids(0)
	transports, kinds, keys, ids := texts(0), texts(0), texts(0), uuids(0)
	for _, w := range list {
		if at := w.Flow.ExpiresAt; !at.IsZero() {
			expires.time(micros(at))
			expiring.uuid(w.Row.id)
			f.soonest = min(f.soonest, micros(at))
		}
		if kind, key := w.Flow.Unique(); kind != "" {
			transports.text(w.Transport)
			kinds.text(kind)
			keys.text(cleanText(key))
			ids.uuid(w.Row.id)
		}
	}
	if expiring.n > 0 {
		f.later(insertExpiring, expires.value(), expiring.value())
	}
	if keys.n > 0 {
		f.later(insertUnique, transports.value(), kinds.value(), keys.value(), ids.value())
	}
	return nil
}

// Free frees the debounce or throttle keys of messages.
func (f *flowTx) Free(list []*waiting) error {
	for _, w := range list {
		kind, key := w.Flow.Unique()
		f.later(freeUnique, []byte(w.Transport), []byte(kind), []byte(cleanText(key)), w.Row.id[:])
	}
	return nil
}

var takeExpiring = newQuery("take_expiring", `WITH gone AS (DELETE FROM {schema}.messenger_expiring WHERE ctid = ANY (ARRAY(
		SELECT ctid FROM {schema}.messenger_expiring
		WHERE expires_at <= $1::timestamptz ORDER BY expires_at LIMIT $2::int4)) RETURNING expires_at, id)
	SELECT expires_at, id FROM gone`)

// Expired takes notes of messages that expired.
func (f *flowTx) Expired(n int) (list []flow.Expiry[located], err error) {
	err = f.ask(call{query: takeExpiring, params: [][]byte{f.nowParam(), int4Param(n)}, row: func(v [][]byte) error {
		e := flow.Expiry[located]{At: fromMicros(timeColumn(v[0]))}
		e.Row.id = uuidColumn(v[1])
		list = append(list, e)
		return nil
	}})
	return list, err
}
