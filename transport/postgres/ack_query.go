package postgres

import "github.com/symphony-messenger/symphony"

// ackQuery ends deliveries that are held: it deletes their messages, with their history, and keeps a copy if wanted.
// Where it is not, it keeps one of those messages that say themselves that they are kept, and the others' ends are
// remembered.
//
// Locking the lease comes first, so the deliveries cannot be ended by anybody else meanwhile. A message that was ended
// by a transaction for which this one had to wait is not deleted again: the database looks at its newest version.
//
// inTx is for a transaction of the caller's, which may last long, while a lease stands for many messages. The message
// is locked in place of the lease, whose row is only kept from being deleted. It must have been locked by txLockItem
// before: then nobody else can end the delivery any more, and this statement sees what others did until then. In a
// transaction that sees only what was there when it began, txStillHeld has looked.
//
// outputs is for deliveries of which some leave an output.
func ackQuery(name string, keep, inTx, outputs bool) *query {
	kept, now := "", "now()"
	items, output, outputOf := heldItems, "", ""
	if outputs {
		items, output, outputOf = heldItemsWithOutput, ", output, output_error", ", h.output, h.output_error"
	}
	if inTx {
		now = "clock_timestamp()" // now() is when the caller's transaction began
	}
	which, ends := "", ""
	if !keep {
		own := ownFor("g.extras", "coalesce($1::timestamptz, "+now+")")
		which, ends = " WHERE "+own, endedCTE(symphony.Completed, now, "gone g", "("+own+") IS NOT TRUE")
	}
	kept = `, past AS (
			DELETE FROM {schema}.messenger_attempts a WHERE a.id = ANY (ARRAY(SELECT id FROM held WHERE attempt > 1)) RETURNING *
		), history AS (
			SELECT id, ` + historyColumns + ` AS attempts FROM past GROUP BY id
		), kept AS (
			INSERT INTO {schema}.messenger_completed
				(id, created_at, scheduled_at, started_at, completed_at, lane, priority, attempt, type, worker,
					idempotency_key, headers, metadata, attempts, payload, extras` + output + `)
			SELECT g.id, g.created_at, g.scheduled_at, h.started_at, coalesce($1, ` + now + `), g.lane, g.priority, h.attempt, g.type, h.worker,
				g.idempotency_key, g.headers, g.metadata, p.attempts, g.payload, g.extras` + outputOf + `
			FROM gone g JOIN held h ON h.id = g.id LEFT JOIN history p ON p.id = g.id` + which + `
		)` + ends
	held := `locked AS MATERIALIZED (
			SELECT token, worker, claimed_at, expires_at, item_expires, settled FROM {schema}.messenger_leases
			WHERE token = ANY ($2::uuid[]) ORDER BY token FOR NO KEY UPDATE
		), held AS MATERIALIZED (` + items + ` JOIN locked l ON l.token = r.token ` + stillHeld(now) + `)`
	if inTx {
		held = `held AS MATERIALIZED (` + items + ` JOIN {schema}.messenger_leases l ON l.token = r.token
			AND l.token = ANY ($2::uuid[])
			WHERE NOT r.place = ANY (l.settled) AND (coalesce(l.item_expires[r.place + 1], l.expires_at) > coalesce($1::timestamptz, clock_timestamp())
				OR current_setting('transaction_isolation') <> 'read committed')
			FOR KEY SHARE OF l)`
	}
	return newQuery(name, `WITH `+held+`, gone AS (
			DELETE FROM {schema}.messenger_messages m WHERE m.id = ANY (ARRAY(SELECT id FROM held)) RETURNING m.*
		)`+kept+`, counted AS (
			INSERT INTO {schema}.messenger_counters AS c (shard, lane, pending, processing, completed, failed, scheduled)
			SELECT $8::int8, lane, 0, -count(*), count(*), 0, 0 FROM gone GROUP BY lane
			ON CONFLICT (shard, lane) DO UPDATE SET processing = c.processing + excluded.processing, completed = c.completed + excluded.completed
		)
		SELECT id FROM gone`)
}

const heldItems = `
			SELECT r.id, r.attempt, coalesce(r.started_at, l.claimed_at) AS started_at, l.worker
			FROM unnest($3::uuid[], $4::uuid[], $5::int4[], $6::int4[], $7::timestamptz[]) AS r(id, token, place, attempt, started_at)`

// heldItemsWithOutput is heldItems with what each leaves.
const heldItemsWithOutput = `
			SELECT r.id, r.attempt, coalesce(r.started_at, l.claimed_at) AS started_at, l.worker, r.output,
				r.output_error
			FROM unnest($3::uuid[], $4::uuid[], $5::int4[], $6::int4[], $7::timestamptz[], $9::text[], $10::text[])
				AS r(id, token, place, attempt, started_at, output, output_error)`

func stillHeld(now string) string {
	return `WHERE coalesce(l.item_expires[r.place + 1], l.expires_at) > coalesce($1::timestamptz, ` + now + `) AND NOT r.place = ANY (l.settled)`
}

// historyColumns makes a JSON array of rows of attempts. Times are in microseconds since 1970.
const historyColumns = `jsonb_agg(jsonb_build_object('attempt', attempt,
	'startedAt', (extract(epoch FROM started_at) * 1000000)::int8, 'finishedAt', (extract(epoch FROM finished_at) * 1000000)::int8,
	'worker', worker, 'error', error, 'errorClass', error_class, 'retryAt', (extract(epoch FROM retry_at) * 1000000)::int8) ORDER BY attempt)`

var (
	ackAndKeep           = ackQuery("ack_and_keep", true, false, false)
	ackAndKeepOutput     = ackQuery("ack_and_keep_output", true, false, true)
	ackAndDelete         = ackQuery("ack_and_delete", false, false, false)
	ackAndDeleteOutput   = ackQuery("ack_and_delete_output", false, false, true)
	ackAndKeepInTx       = ackQuery("ack_and_keep_in_tx", true, true, false)
	ackAndKeepOutputInTx = ackQuery("ack_and_keep_output_in_tx", true, true, true)
	ackAndDeleteInTx     = ackQuery("ack_and_delete_in_tx", false, true, false)

	ackAndDeleteOutputInTx = ackQuery("ack_and_delete_output_in_tx", false, true, true)
)

// txLockItem locks the message of a delivery that is held, as far as the transaction sees, and tells what it sees.
const txLockItem = `SELECT current_setting('transaction_isolation') FROM {schema}.messenger_messages m WHERE m.id = $1::uuid
	AND EXISTS (SELECT FROM {schema}.messenger_leases l WHERE l.token = $2::uuid AND l.ids[$3::int4 + 1] = m.id AND NOT $3::int4 = ANY (l.settled))
	FOR UPDATE OF m`

// txStillHeld is asked beside a transaction that has locked the message and does not see the present.
var txStillHeld = newQuery("still_held", `SELECT 1 FROM {schema}.messenger_leases l WHERE l.token = $2::uuid AND l.ids[$3::int4 + 1] = $4::uuid
	AND NOT $3::int4 = ANY (l.settled) AND coalesce(l.item_expires[$3 + 1], l.expires_at) > coalesce($1::timestamptz, now())`)
