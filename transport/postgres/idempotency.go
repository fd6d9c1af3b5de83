package postgres

import (
	"cmp"
	"crypto/sha256"
	"slices"
	"strconv"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
)

// keys decides the idempotency keys of a group of sends. First every key is claimed; who loses reads the row that won.
// Then, in the same transaction, the messages whose keys were won are stored. A transaction that wants a key which
// another one has just claimed waits for its end.
type keys struct {
	ops   []*sendOp
	won   map[uuid]bool // by message
	taken map[keyName]*takenKey
	// later are the calls that must be decided again, in a transaction of their own.
	later []*sendOp
}

func (k *keys) patienceText() string { return strconv.FormatInt(keyPatience.Milliseconds(), 10) }

type keyName struct{ transport, key string }

// takenKey is the message that has a key.
type takenKey struct {
	id          string
	queue       string
	scheduled   int64
	fingerprint [sha256.Size]byte
}

// keyPatience is how long a group waits for a key that another transaction has claimed and not committed, and with it all
// that the transaction does afterwards for any lock. Other nodes hold keys for as long as a commit takes.
const keyPatience = 100 * time.Millisecond

// claimKeys takes over keys whose window is over. Its rows are sorted, so that two transactions never wait for each
// other.
var claimKeys = newQuery("claim_keys", `WITH patience AS MATERIALIZED (SELECT set_config('lock_timeout', $9::text, true))
	INSERT INTO {schema}.messenger_idempotency AS i (transport, key, message_id, fingerprint, expires_at, queue, scheduled_at)
	SELECT transport, key, id, fingerprint, coalesce($1::timestamptz, now()) + lifetime * interval '1 microsecond', queue, scheduled_at
	FROM unnest($2::text[], $3::text[], $4::uuid[], $5::bytea[], $6::int8[], $7::text[], $8::timestamptz[])
		AS r(transport, key, id, fingerprint, lifetime, queue, scheduled_at), patience
	ON CONFLICT (transport, key) DO UPDATE SET message_id = excluded.message_id, fingerprint = excluded.fingerprint,
		expires_at = excluded.expires_at, queue = excluded.queue, scheduled_at = excluded.scheduled_at
		WHERE i.expires_at <= coalesce($1, now())
	RETURNING message_id`)

var readKeys = newQuery("read_keys", `SELECT i.transport, i.key, i.message_id, i.fingerprint, i.queue, i.scheduled_at
	FROM unnest($1::text[], $2::text[]) AS r(transport, key)
	CROSS JOIN LATERAL (SELECT * FROM {schema}.messenger_idempotency i WHERE i.transport = r.transport AND i.key = r.key LIMIT 1) i`)

var forgetKeys = newQuery("forget_keys", `DELETE FROM {schema}.messenger_idempotency i USING unnest($1::text[], $2::text[], $3::uuid[]) AS r(transport, key, id)
	WHERE i.transport = r.transport AND i.key = r.key AND i.message_id = r.id`)

// forget gives back keys that were won.
func forget(rows []*messageRow) call {
	n := len(rows)
	transports, names, ids := texts(n), texts(n), uuids(n)
	for _, row := range rows {
		transports.text(row.Transport)
		names.text(row.IdempotencyName())
		ids.uuid(row.uuid)
	}
	return call{query: forgetKeys, params: [][]byte{transports.value(), names.value(), ids.value()}}
}

// firsts are the messages that have keys, one for each key, in the order in which everybody claims them.
func (k *keys) firsts() []*messageRow {
	k.won, k.taken = make(map[uuid]bool), make(map[keyName]*takenKey)
	var firsts []*messageRow
	seen := make(map[keyName]bool)
	for _, o := range k.ops {
		for i := range o.list {
			row := &o.list[i]
			name := keyName{row.Transport, row.IdempotencyName()}
			if row.IdempotencyKey != "" && !seen[name] {
				seen[name] = true
				firsts = append(firsts, row)
			}
		}
	}
	slices.SortFunc(firsts, func(a, b *messageRow) int {
		return cmp.Or(cmp.Compare(a.Transport, b.Transport), cmp.Compare(a.IdempotencyName(), b.IdempotencyName()))
	})
	return firsts
}

// calls claims the keys of all calls, and reads them again.
func (k *keys) calls(s *store) (claim, read call) {
	firsts := k.firsts()
	n := len(firsts)
	transports, names, ids, prints := texts(n), texts(n), uuids(n), byteas(n)
	lifetimes, queues, scheduled := int8s(n), texts(n), times(n)
	for _, row := range firsts {
		transports.text(row.Transport)
		names.text(row.IdempotencyName())
		ids.uuid(row.uuid)
		prints.bytes(row.Fingerprint[:])
		lifetimes.int8(row.IdempotencyWindow.Microseconds())
		queues.text(row.Queue)
		scheduled.time(row.scheduled)
	}
	claim = call{
		query:  claimKeys,
		params: [][]byte{s.nowParam(), transports.value(), names.value(), ids.value(), prints.value(), lifetimes.value(), queues.value(), scheduled.value(), []byte(k.patienceText())},
		row: func(v [][]byte) error {
			k.won[uuidColumn(v[0])] = true
			return nil
		},
	}
	read = call{query: readKeys, params: [][]byte{transports.value(), names.value()}, row: func(v [][]byte) error {
		t := &takenKey{id: uuidColumn(v[2]).String(), queue: string(v[4]), scheduled: timeColumn(v[5])}
		copy(t.fingerprint[:], v[3])
		k.taken[keyName{string(v[0]), string(v[1])}] = t
		return nil
	}}
	return claim, read
}

// decide sets the receipts of all calls and the errors of those that conflict. It returns the messages to store, and
// those that must give their keys back because another message of their call conflicts.
func (k *keys) decide(s *store) (store, undo []*messageRow) {
	k.later = nil
	givenBack := make(map[string]bool) // ids of messages that won a key
	for _, o := range k.ops {
		switch k.settle(s, o, givenBack) {
		case undecided:
			k.later = append(k.later, o)
			fallthrough
		case conflicting:
			for i := range o.list {
				if row := &o.list[i]; row.IdempotencyKey != "" && k.won[row.uuid] {
					undo = append(undo, row)
					givenBack[row.ID] = true
				}
			}
		case decided:
			for i := range o.list {
				if !o.receipts[i].Duplicate {
					store = append(store, &o.list[i])
				}
			}
		}
	}
	return store, undo
}

type decision int

const (
	decided decision = iota
	conflicting
	undecided // a key was won by a message that was not stored then
)

// settle decides one call.
func (k *keys) settle(s *store, o *sendOp, givenBack map[string]bool) decision {
	o.err = nil
	result := decided
	for i := range o.list {
		row := &o.list[i]
		r := &o.receipts[i]
		*r = symphony.Receipt{ID: row.ID, Transport: row.Transport, Queue: row.Queue, ScheduledAt: row.ScheduledAt, IdempotencyKey: row.IdempotencyKey}
		if row.IdempotencyKey == "" || k.won[row.uuid] {
			if err := flow.Drained(s.held(row.Transport), row.Transport, row.Queue); err != nil && result == decided {
				result, o.err = conflicting, err
			}
			continue
		}
		first := k.taken[keyName{row.Transport, row.IdempotencyName()}]
		switch {
		case first == nil || givenBack[first.id]:
			result = undecided
		case first.fingerprint != row.Fingerprint:
			if result == decided {
				result = conflicting
				o.err = &symphony.IdempotencyConflictError{Key: row.IdempotencyKey, Transport: row.Transport, MessageID: first.id}
			}
		default:
			r.ID, r.Queue, r.ScheduledAt, r.Duplicate = first.id, first.queue, fromMicros(first.scheduled), true
		}
	}
	if result == undecided {
		o.err = nil
	}
	return result
}
