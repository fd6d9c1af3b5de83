package postgres

import (
	"context"
	"slices"

	"github.com/symphony-messenger/symphony"
)

// waiting is a message that nobody has in hand: ready, or before a gate.
type waiting struct {
	item
	tid  string
	gate string // empty: ready
	symphony.Envelope
}

// waitingColumns are what readWaiting reads.
const waitingColumns = `w.tid::text, w.gate, w.lane, w.rank, w.ord, w.available_at, w.id, w.attempt, w.lost, w.size, m.type, m.extras`

// findWaiting finds waiting messages under flow control by their ids. Rows that a claim of another kind holds are left out.
var findWaiting = newQuery("find_waiting", `SELECT `+waitingColumns+` FROM (
		SELECT * FROM (SELECT ctid AS tid, NULL::text AS gate, lane, rank, ord, available_at, id, attempt, lost, size
			FROM {schema}.messenger_ready WHERE id = ANY ($1::uuid[]) AND controlled IS NOT NULL FOR UPDATE SKIP LOCKED) r
		UNION ALL
		SELECT ctid, gate, lane, rank, ord, available_at, id, attempt, lost, size FROM {schema}.messenger_parked WHERE id = ANY ($1)
	) w JOIN {schema}.messenger_messages m ON m.id = w.id`)

func (s *store) readWaiting(v [][]byte) *waiting {
	w := &waiting{tid: string(v[0]), gate: string(v[1]), item: readItem(v[2:10])}
	w.Type = string(v[10])
	if ln := s.lanes.numbered(w.lane); ln != nil {
		w.Transport, w.Queue = ln.transport, ln.queue
	}
	_ = w.DecodeExtras(v[11]) // what cannot be read limits nothing
	return w
}

func (f *flowTx) find(ids []uuid) ([]*waiting, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	if err := f.flush(); err != nil {
		return nil, err
	}
	var list []*waiting
	err := f.ask(call{query: findWaiting, params: [][]byte{uuidArray(ids)}, row: func(v [][]byte) error {
		list = append(list, f.readWaiting(v))
		return nil
	}})
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

// withdraw takes waiting messages out of their places and out of all that is known about waiting messages. The messages
// themselves stay.
func (f *flowTx) withdraw(list []*waiting) error {
	if len(list) == 0 {
		return nil
	}
	var (
		ready, parked, names []string
		ids                  []uuid
	)
	for _, w := range list {
		ids = append(ids, w.id)
		if w.gate == "" {
			ready = append(ready, w.tid)
		} else {
			parked = append(parked, w.tid)
			names = append(names, w.gate)
		}
		if line := lineName(w.lane, w.rank, w.Flow); line != "" {
			names = append(names, line)
		}
	}
	if err := f.load(names); err != nil {
		return err
	}
	calls := []call{{query: unschedule, params: [][]byte{uuidArray(ids)}, row: func(v [][]byte) error {
		f.counts.of(int4Column(v[0])).Scheduled--
		return nil
	}}}
	if len(ready) > 0 {
		calls = append(calls, call{query: dropReady, params: [][]byte{textArray(ready)}})
	}
	if len(parked) > 0 {
		calls = append(calls, call{query: dropParked, params: [][]byte{textArray(parked)}})
	}
	if err := f.ask(calls...); err != nil {
		return err
	}
	var lines []string
	for _, w := range list {
		f.counts.of(w.lane).Pending--
		line := lineName(w.lane, w.rank, w.Flow)
		if w.gate != "" {
			g := f.gates[w.gate]
			g.parked--
			g.dirty = true
		}
		// It leaves its group's line, unless it waited for that; a retry has left a line of turns before.
		if line != "" {
			if w.gate != line && (w.Flow.Ordered || w.attempt == 0) {
				f.step(line, -1)
			}
			lines = append(lines, line)
		}
		if w.Flow != nil {
			f.begun(w.Transport, w.Flow, w.id)
		}
	}
	return f.advance(unique(lines))
}

// uniqueKey is the key by which a message is one of its kind.
type uniqueKey struct{ transport, kind, key string }

func uniqueOf(transport string, f *symphony.Flow) (k uniqueKey, ok bool) {
	kind, name := f.Unique()
	return uniqueKey{transport, kind, name}, kind != ""
}

var freeUnique = newQuery("free_unique", `DELETE FROM {schema}.messenger_unique WHERE transport = $1::text AND kind = $2::text AND key = $3::text AND message_id = $4::uuid`)

// begun frees the debounce or throttle key of a message that does not wait any more.
func (f *flowTx) begun(transport string, flow *symphony.Flow, id uuid) {
	if k, ok := uniqueOf(transport, flow); ok {
		f.calls = append(f.calls, call{query: freeUnique, params: [][]byte{[]byte(k.transport), []byte(k.kind), []byte(cleanText(k.key)), id[:]}})
	}
}

var readUnique = newQuery("read_unique", `SELECT u.transport, u.kind, u.key, u.message_id, l.queue, m.scheduled_at
	FROM unnest($1::text[], $2::text[], $3::text[]) AS r(transport, kind, key)
	JOIN {schema}.messenger_unique u ON u.transport = r.transport AND u.kind = r.kind AND u.key = r.key
	JOIN {schema}.messenger_messages m ON m.id = u.message_id JOIN {schema}.messenger_lanes l ON l.lane = m.lane`)

// meet looks for waiting messages with the debounce and throttle keys of new ones. Those that are throttled are dropped
// from the list, and those that are debounced take the waiting ones away.
func (f *flowTx) meet(rows []*messageRow, receipt func(*messageRow) *symphony.Receipt) (kept, dropped []*messageRow, err error) {
	transports, kinds, keys := texts(0), texts(0), texts(0)
	for _, row := range rows {
		if k, ok := uniqueOf(row.Transport, row.Flow); ok {
			transports.text(k.transport)
			kinds.text(k.kind)
			keys.text(cleanText(k.key))
		}
	}
	if keys.n == 0 {
		return rows, nil, nil
	}
	type first struct {
		symphony.Receipt
		id  uuid
		row *messageRow // of this call
	}
	known := make(map[uniqueKey]*first)
	err = f.ask(call{query: readUnique, params: [][]byte{transports.value(), kinds.value(), keys.value()}, row: func(v [][]byte) error {
		k := uniqueKey{string(v[0]), string(v[1]), string(v[2])}
		id := uuidColumn(v[3])
		known[k] = &first{id: id, Receipt: symphony.Receipt{ID: id.String(), Transport: k.transport, Queue: string(v[4]), ScheduledAt: fromMicros(timeColumn(v[5])), Dropped: true}}
		return nil
	}})
	if err != nil {
		return nil, nil, err
	}
	var replaced []uuid
	by := make(map[uuid]*messageRow)
	for _, row := range rows {
		k, ok := uniqueOf(row.Transport, row.Flow)
		k.key = cleanText(k.key)
		before := known[k]
		if ok && before != nil && k.kind == symphony.UniqueThrottle {
			*receipt(row) = before.Receipt
			dropped = append(dropped, row)
			continue
		}
		if ok && before != nil {
			if before.row != nil { // of the same call: it is not stored at all
				kept = slices.DeleteFunc(kept, func(r *messageRow) bool { return r == before.row })
				dropped = append(dropped, before.row)
				receipt(row).Replaced = before.ID
			} else {
				replaced = append(replaced, before.id)
				by[before.id] = row
			}
		}
		if ok {
			known[k] = &first{row: row, Receipt: symphony.Receipt{ID: row.ID, Transport: row.Transport, Queue: row.Queue, ScheduledAt: row.ScheduledAt, Dropped: true}}
		}
		kept = append(kept, row)
	}
	found, err := f.find(replaced)
	if err != nil {
		return nil, nil, err
	}
	var gone []uuid
	for _, w := range found {
		receipt(by[w.id]).Replaced = w.id.String()
		gone = append(gone, w.id)
	}
	if err := f.withdraw(found); err != nil {
		return nil, nil, err
	}
	if len(gone) > 0 {
		f.calls = append(f.calls, call{query: dropMessages, params: [][]byte{uuidArray(gone)}})
	}
	return kept, dropped, nil
}

var (
	insertExpiring = newQuery("insert_expiring", `INSERT INTO {schema}.messenger_expiring (expires_at, id) SELECT * FROM unnest($1::timestamptz[], $2::uuid[])`)
	insertUnique   = newQuery("insert_unique", `INSERT INTO {schema}.messenger_unique (transport, kind, key, message_id)
		SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::uuid[])
		ON CONFLICT (transport, kind, key) DO UPDATE SET message_id = excluded.message_id`)
)

// register notes what new messages are known by while they wait, and has those of groups queue up.
func (f *flowTx) register(rows []*messageRow) error {
	var (
		expires, expiring            = times(0), uuids(0)
		transports, kinds, keys, ids = texts(0), texts(0), texts(0), uuids(0)
		lines                        []string
		soonest                      = int64(never)
	)
	for _, row := range rows {
		if row.Flow == nil {
			continue
		}
		if at := row.Flow.ExpiresAt; !at.IsZero() {
			expires.time(micros(at))
			expiring.uuid(row.uuid)
			soonest = min(soonest, micros(at))
		}
		if k, ok := uniqueOf(row.Transport, row.Flow); ok {
			transports.text(k.transport)
			kinds.text(k.kind)
			keys.text(cleanText(k.key))
			ids.uuid(row.uuid)
		}
		if row.line != "" {
			lines = append(lines, row.line)
		}
	}
	if expiring.n > 0 {
		f.calls = append(f.calls, call{query: insertExpiring, params: [][]byte{expires.value(), expiring.value()}})
		f.house.controlling(soonest - f.ahead())
	}
	if keys.n > 0 {
		f.calls = append(f.calls, call{query: insertUnique, params: [][]byte{transports.value(), kinds.value(), keys.value(), ids.value()}})
	}
	if len(lines) == 0 {
		return nil
	}
	if err := f.load(lines); err != nil {
		return err
	}
	ord := f.nextOrd(len(rows))
	for i, row := range rows {
		if row.line == "" {
			continue
		}
		g := f.gates[row.line]
		g.parked++
		g.dirty = true
		f.parked.add(row.line, 0, item{
			id: row.uuid, lane: row.lane, rank: rankOf(row.Priority), ord: ord + i, available: max(f.now, row.scheduled),
			size: len(row.Payload) + len(row.metadata) + len(row.headers),
		})
	}
	return f.advance(unique(lines))
}

var takeExpiring = newQuery("take_expiring", `WITH gone AS (DELETE FROM {schema}.messenger_expiring WHERE ctid = ANY (ARRAY(
		SELECT ctid FROM {schema}.messenger_expiring WHERE expires_at <= $1::timestamptz ORDER BY expires_at LIMIT $2::int4)) RETURNING id)
	SELECT id FROM gone`)

// expireWaiting fails messages that were not begun in time.
func (f *flowTx) expireWaiting() error {
	var ids []uuid
	err := f.ask(call{query: takeExpiring, params: [][]byte{f.nowParam(), int4Param(purgeWaitingRows)}, row: func(v [][]byte) error {
		ids = append(ids, uuidColumn(v[0]))
		return nil
	}})
	if err != nil {
		return err
	}
	list, err := f.find(ids)
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(w *waiting) bool { return w.attempt > 0 || w.Flow == nil }) // those were begun
	if len(list) == 0 {
		return nil
	}
	if err := f.withdraw(list); err != nil {
		return err
	}
	n := len(list)
	messages, failed, errs, classes, retries, most, untried := uuids(n), uuids(n), texts(n), texts(n), int4s(n), int4s(n), bools(n)
	for _, w := range list {
		cause := &symphony.ExpiredError{At: w.Flow.ExpiresAt}
		messages.uuid(w.id)
		id, _ := parseUUID(symphony.NewID(f.failures.next(f.now))) // is one
		failed.uuid(id)
		errs.text(cause.Error())
		classes.text(cause.ErrorClass())
		retries.int4(0)
		most.int4(0)
		untried.bool(false)
		f.counts.of(w.lane).Failed++
	}
	f.calls = append(f.calls, call{query: moveToFailed, params: [][]byte{f.nowParam(), messages.value(), failed.value(), errs.value(), classes.value(), retries.value(), most.value(), untried.value()}})
	return nil
}

// storeControlled is storeGroup for calls with messages under flow control.
func (s *store) storeControlled(ctx context.Context, l *link, ops []*sendOp) (later []*sendOp, list []added, err error) {
	for _, o := range ops {
		if err := s.findLanes(ctx, l, o); err != nil {
			return nil, nil, err
		}
	}
	k := &keys{ops: ops}
	var claims []call
	if slices.ContainsFunc(ops, (*sendOp).keyed) {
		claim, look := k.calls(s)
		claims = append(claims, claim, look)
	}
	f, err := s.beginFlow(ctx, l, claims...)
	if err != nil {
		return nil, nil, err
	}
	rows, undo := k.decide(s)
	receipts := make(map[*messageRow]*symphony.Receipt)
	for _, o := range ops {
		for i := range o.list {
			receipts[&o.list[i]] = &o.receipts[i]
		}
	}
	rows, dropped, err := f.meet(rows, func(row *messageRow) *symphony.Receipt { return receipts[row] })
	if err != nil {
		return nil, nil, err
	}
	for _, row := range dropped {
		if row.IdempotencyKey != "" && k.won[row.uuid] {
			undo = append(undo, row)
		}
	}
	if err := f.register(rows); err != nil {
		return nil, nil, err
	}
	calls, list := s.insert(l, rows, f.nowParam())
	f.calls = append(calls, f.calls...)
	if len(undo) > 0 {
		f.calls = append(f.calls, forget(undo))
	}
	return k.later, list, f.finish()
}
