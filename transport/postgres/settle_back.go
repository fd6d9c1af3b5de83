package postgres

import (
	"encoding/json"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/triage"
)

// What Retry, Release and Fail do. Their deliveries have been found to be held, in the same transaction.

var putBack = newQuery("put_back", `INSERT INTO {schema}.messenger_ready (lane, rank, ord, available_at, id, attempt, lost, size)
	SELECT * FROM unnest($1::int4[], $2::int2[], $3::int4[], $4::timestamptz[], $5::uuid[], $6::int4[], $7::int4[], $8::int4[])`)

var putBackLooked = newQuery("put_back_looked", `INSERT INTO {schema}.messenger_ready (lane, rank, ord, available_at, id, attempt, lost, size, controlled)
	SELECT r.*, (SELECT CASE WHEN l.controlled THEN true END FROM {schema}.messenger_lanes l WHERE l.lane = r.lane)
	FROM unnest($1::int4[], $2::int2[], $3::int4[], $4::timestamptz[], $5::uuid[], $6::int4[], $7::int4[], $8::int4[])
		AS r(lane, rank, ord, available_at, id, attempt, lost, size)`)

var noteAttempts = newQuery("note_attempts", `INSERT INTO {schema}.messenger_attempts AS a (id, attempt, started_at, finished_at, worker, error, error_class, retry_at)
	SELECT * FROM unnest($1::uuid[], $2::int4[], $3::timestamptz[], $4::timestamptz[], $5::text[], $6::text[], $7::text[], $8::timestamptz[])
	ON CONFLICT (id, attempt) DO UPDATE SET started_at = excluded.started_at, finished_at = excluded.finished_at,
		worker = excluded.worker, error = excluded.error, error_class = excluded.error_class, retry_at = excluded.retry_at`)

var keepDone = newQuery("keep_done", `UPDATE {schema}.messenger_messages m SET done = r.done
	FROM unnest($1::uuid[], $2::text[]) AS r(id, done) WHERE m.id = r.id AND m.id = ANY ($1)`)

// noteReady notes when messages are ready, where nothing else tells.
var noteReady = newQuery("note_ready", `UPDATE {schema}.messenger_messages m SET ready_at = r.ready_at
	FROM unnest($1::uuid[], $2::timestamptz[]) AS r(id, ready_at) WHERE m.id = r.id AND m.id = ANY ($1)`)

// moveToFailed moves messages to the dead letter queue with all their attempts.
var moveToFailed = newQuery("move_to_failed", `WITH gone AS (
		DELETE FROM {schema}.messenger_messages WHERE id = ANY ($2::uuid[]) RETURNING *
	), past AS (
		DELETE FROM {schema}.messenger_attempts WHERE id = ANY ($2::uuid[]) RETURNING *
	), history AS (
		SELECT id, `+historyColumns+` AS attempts,
			(array_agg(error ORDER BY attempt DESC))[1] AS error, (array_agg(error_class ORDER BY attempt DESC))[1] AS error_class
		FROM past GROUP BY id
	)
	INSERT INTO {schema}.messenger_failed_messages (id, failed_at, created_at, scheduled_at, lane, transport, queue, message_id, type, priority,
		idempotency_key, headers, metadata, done, error, error_class, retry_count, max_retries, attempts, payload, extras, failure_group)
	SELECT r.failed_id, coalesce($1::timestamptz, now()), g.created_at, g.scheduled_at, g.lane, l.transport, l.queue, g.id, g.type, g.priority,
		g.idempotency_key, g.headers, g.metadata, g.done, CASE WHEN r.keeps THEN h.error ELSE r.error END, CASE WHEN r.keeps THEN h.error_class ELSE r.error_class END,
		r.retry_count, r.max_retries, coalesce(h.attempts, '[]'), g.payload, g.extras,
		-- triage.Compose; where the last attempt tells why it failed, the group is found later
		CASE WHEN r.keeps THEN NULL ELSE '1:' || left(encode(sha256(convert_to(g.type || E'\n' || r.cause, 'UTF8')), 'hex'), 24) END
	FROM (
		SELECT r.*, r.untried AND h.error_class <> '`+symphony.LostClass+`' AS keeps -- symphony.Settlement.Reason
		FROM unnest($2, $3::uuid[], $4::text[], $5::text[], $6::int4[], $7::int4[], $8::bool[], $9::text[])
			AS r(id, failed_id, error, error_class, retry_count, max_retries, untried, cause)
		LEFT JOIN history h ON h.id = r.id
	) r
	JOIN gone g ON g.id = r.id JOIN {schema}.messenger_lanes l ON l.lane = g.lane LEFT JOIN history h ON h.id = g.id`)

var markSettled = newQuery("mark_settled", `UPDATE {schema}.messenger_leases l SET settled = l.settled || r.places
	FROM (SELECT token, array_agg(place) AS places FROM unnest($1::uuid[], $2::int4[]) AS r(token, place) GROUP BY token) r
	WHERE l.token = r.token AND l.token = ANY ($1)`)

// addCounts adds to the counts of lanes.
var addCounts = newQuery("add_counts", `INSERT INTO {schema}.messenger_counters AS c (shard, lane, pending, processing, completed, failed, scheduled)
	SELECT $1::int8, lane, pending, processing, 0, failed, scheduled
	FROM unnest($2::int4[], $3::int8[], $4::int8[], $5::int8[], $6::int8[]) AS r(lane, pending, processing, failed, scheduled)
	ON CONFLICT (shard, lane) DO UPDATE SET pending = c.pending + excluded.pending, processing = c.processing + excluded.processing,
		failed = c.failed + excluded.failed, scheduled = c.scheduled + excluded.scheduled`)

// deltas are changes of counts by lane.
type deltas map[int]*symphony.QueueStats

func (d deltas) of(lane int) *symphony.QueueStats {
	if d[lane] == nil {
		d[lane] = new(symphony.QueueStats)
	}
	return d[lane]
}

func (d deltas) call(l *link) call {
	n := len(d)
	lanes, pending, processing, failed, scheduled := int4s(n), int8s(n), int8s(n), int8s(n), int8s(n)
	for _, lane := range sortedKeys(d) {
		lanes.int4(lane)
		pending.int8(d[lane].Pending)
		processing.int8(d[lane].Processing)
		failed.int8(d[lane].Failed)
		scheduled.int8(d[lane].Scheduled)
	}
	return call{query: addCounts, params: [][]byte{l.nextShard(), lanes.value(), pending.value(), processing.value(), failed.value(), scheduled.value()}}
}

// readyRows are rows for putBack, and what they add to the streams.
type readyRows struct {
	itemRows
	added []added
}

func newReadyRows(n int) *readyRows { return &readyRows{itemRows: newItemRows(n)} }

func (r *readyRows) add(it item) {
	r.itemRows.add(it)
	r.added = append(r.added, added{stream{it.lane, it.rank}, it.available, 1})
}

// call stores the rows. looked is for those that may be in controlled lanes.
func (r *readyRows) call(looked bool) call {
	q := putBack
	if looked {
		q = putBackLooked
	}
	return call{query: q, params: r.params()}
}

// attemptRows are rows for noteAttempts.
type attemptRows struct {
	ids, attempts, started, finished, workers, texts, classes, retries *array
}

func newAttemptRows(n int) *attemptRows {
	return &attemptRows{ids: uuids(n), attempts: int4s(n), started: times(n), finished: times(n), workers: texts(n), texts: texts(n), classes: texts(n), retries: times(n)}
}

// add notes an attempt. retry is when the message is to be tried again, 0 if it is not.
func (r *attemptRows) add(it item, started, finished, retry int64, worker, text, class string) {
	r.ids.uuid(it.id)
	r.attempts.int4(it.attempt)
	r.started.int8(started - epoch)
	r.finished.int8(finished - epoch)
	r.workers.text(worker)
	r.texts.text(cleanText(symphony.ClipError(text)))
	r.classes.text(cleanText(class))
	r.retries.time(retry)
}

func (r *attemptRows) call() call {
	return call{query: noteAttempts, params: [][]byte{r.ids.value(), r.attempts.value(), r.started.value(), r.finished.value(),
		r.workers.value(), r.texts.value(), r.classes.value(), r.retries.value()}}
}

// otherCalls are the statements for all outcomes but Ack.
func (g *settleGroup) otherCalls(l *link, now int64) []call {
	n := len(g.others)
	var (
		back     = newReadyRows(n)
		attempts = newAttemptRows(n)
		counts   = make(deltas)

		doneIDs, done                 = uuids(0), texts(0)
		movedIDs, moved               = uuids(0), times(0)
		failedIDs, failed, errs       = uuids(0), uuids(0), texts(0)
		classes, retries, maxRetries  = texts(0), int4s(0), int4s(0)
		causes                        = texts(0)
		untried                       = bools(0)
		settledTokens, settledIndexes = uuids(n), int4s(n)
	)
	for _, st := range g.others {
		it := st.item
		counts.of(it.lane).Processing--
		if !g.closing[st.token] {
			settledTokens.uuid(st.token)
			settledIndexes.int4(st.Lease.Index)
		}
		if len(st.Done) > 0 {
			doneIDs.uuid(it.id)
			names, _ := json.Marshal(st.Done) // texts can always be encoded
			done.text(cleanText(string(names)))
		}
		if st.Outcome == symphony.Retry {
			it.available = now + max(st.Delay, 0).Microseconds()
		}
		notTried := st.Outcome == symphony.Fail && st.Untried
		if st.Outcome != symphony.Release && !notTried {
			retry := it.available
			if st.Outcome == symphony.Fail {
				retry = 0
			}
			attempts.add(it, atOr(st.StartedAt, now), atOr(st.FinishedAt, now), retry, g.worker[st.token], st.Error, st.ErrorClass)
		}
		switch st.Outcome {
		case symphony.Fail:
			failedIDs.uuid(it.id)
			id, _ := parseUUID(symphony.NewID(g.failures.next(now))) // is one
			failed.uuid(id)
			text, class := cleanText(symphony.ClipError(st.Error)), cleanText(st.ErrorClass)
			errs.text(text)
			classes.text(class)
			causes.text(triage.Cause(class, text))
			retries.int4(st.Retries(it.attempt))
			maxRetries.int4(st.MaxRetries)
			untried.bool(notTried)
			counts.of(it.lane).Failed++
			continue
		case symphony.Release:
			it.attempt--
			if st.Delay > 0 {
				it.available = now + st.Delay.Microseconds()
				movedIDs.uuid(it.id)
				moved.time(it.available)
			}
		}
		back.add(it)
		counts.of(it.lane).Pending++
	}
	if g.flow != nil {
		for _, st := range g.acks {
			if !g.closing[st.token] {
				settledTokens.uuid(st.token)
				settledIndexes.int4(st.Lease.Index)
			}
		}
	}
	g.added = back.added
	var calls []call
	if len(counts) > 0 {
		calls = append(calls, counts.call(l))
	}
	add := func(a *array, c call) {
		if a.n > 0 {
			calls = append(calls, c)
		}
	}
	add(attempts.ids, attempts.call())
	add(doneIDs, call{query: keepDone, params: [][]byte{doneIDs.value(), done.value()}})
	add(movedIDs, call{query: noteReady, params: [][]byte{movedIDs.value(), moved.value()}})
	add(back.ids, back.call(g.flow != nil))
	add(failedIDs, call{query: moveToFailed, params: [][]byte{g.clock, failedIDs.value(), failed.value(), errs.value(), classes.value(), retries.value(), maxRetries.value(), untried.value(),
		causes.value()}})
	add(settledTokens, call{query: markSettled, params: [][]byte{settledTokens.value(), settledIndexes.value()}})
	return calls
}

// atOr is a time in microseconds since 1970, or another one where there is none.
func atOr(t time.Time, otherwise int64) int64 {
	if t.IsZero() {
		return otherwise
	}
	return micros(t)
}
