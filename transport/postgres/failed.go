package postgres

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
	"github.com/symphony-messenger/symphony/storage"
)

// The dead letter queue is ordered by the ids of its messages, which tell the time of the failure.

// failureTimes gives every failure of this process a time of its own: ids tell times apart by about a quarter of a
// microsecond. Safe for concurrent use.
type failureTimes struct {
	mu   sync.Mutex
	last time.Time
}

// next is a time in µs, moved on a little where it was given out before.
func (f *failureTimes) next(us int64) time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	t := fromMicros(us)
	if next := f.last.Add(500 * time.Nanosecond); t.Before(next) && next.Sub(t) < time.Second {
		t = next
	}
	f.last = t
	return t
}

// failedColumns are what failedMessage reads, in its order.
const failedColumns = `id, queue, message_id, type, priority, created_at, scheduled_at, failed_at, idempotency_key,
	headers, metadata, done, error, error_class, retry_count, max_retries, attempts::text, payload, extras, lane`

func failedMessage(v [][]byte, transport string) symphony.FailedMessage {
	f := symphony.FailedMessage{
		ID: uuidColumn(v[0]).String(), Error: string(v[12]), ErrorClass: string(v[13]),
		RetryCount: int4Column(v[14]), MaxRetries: int4Column(v[15]), FailedAt: fromMicros(timeColumn(v[7])),
		Envelope: symphony.Envelope{
			Transport: transport, Queue: string(v[1]), ID: uuidColumn(v[2]).String(), Type: string(v[3]), Priority: int2Column(v[4]),
			CreatedAt: fromMicros(timeColumn(v[5])), ScheduledAt: fromMicros(timeColumn(v[6])), IdempotencyKey: string(v[8]),
			Payload: bytes.Clone(v[17]),
		},
	}
	// A message may be here because it could not be decoded: show what can be shown.
	f.DecodeErr = errors.Join(decode("headers", v[9], &f.Headers), decode("metadata", v[10], &f.Metadata), decode("done", v[11], &f.Done), f.DecodeExtras(v[18]))
	f.Attempts = readHistory(v[16])
	return f
}

// failedRow reads a row of pageOfFailed.
func failedRow(v [][]byte, transport string) symphony.FailedMessage {
	f := failedMessage(v, transport)
	if boolColumn(v[20]) {
		f.Omitted = &symphony.Omitted{Payload: int4Column(v[21]), Metadata: int4Column(v[22]), Headers: int4Column(v[23]), Attempts: int4Column(v[24])}
	}
	return f
}

// pageOfFailed reads failedColumns of a page, which a query selects with all its columns, without the bodies and attempts
// behind those that have used up its bytes; see detailsText. Five columns more say which these are, and what they have.
func pageOfFailed(page string, bytes int) string {
	return `SELECT id, queue, message_id, type, priority, created_at, scheduled_at, failed_at, idempotency_key,
		CASE WHEN whole THEN headers END, CASE WHEN whole THEN metadata END, done, error, error_class, retry_count, max_retries,
		CASE WHEN whole THEN attempts::text END, CASE WHEN whole THEN payload END, extras, lane,
		NOT whole, octet_length(payload), coalesce(octet_length(metadata), 0), coalesce(octet_length(headers), 0), jsonb_array_length(attempts)
	FROM (SELECT *, coalesce(sum(size) OVER (ORDER BY id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) < ` + strconv.Itoa(bytes) + ` AS whole
		FROM (SELECT *, ` + bodySize + ` AS size FROM (` + page + `) r) sized) shown
	ORDER BY id DESC`
}

// readHistory reads a JSON array of historyColumns.
func readHistory(raw []byte) (list []symphony.Attempt) {
	var attempts []struct {
		Attempt                        int
		StartedAt, FinishedAt, RetryAt int64
		Worker, Error, ErrorClass      string
	}
	if json.Unmarshal(raw, &attempts) == nil {
		for _, a := range attempts {
			list = append(list, symphony.Attempt{Number: a.Attempt, StartedAt: fromMicros(a.StartedAt), FinishedAt: fromMicros(a.FinishedAt),
				Worker: a.Worker, Error: a.Error, ErrorClass: a.ErrorClass, RetryAt: fromMicros(a.RetryAt)})
		}
	}
	return list
}

// condition is a WHERE clause under construction.
type condition struct {
	terms  []string
	params [][]byte
}

// add adds a term in which ? stands for the parameter.
func (c *condition) add(term string, param []byte) {
	c.params = append(c.params, param)
	c.terms = append(c.terms, strings.ReplaceAll(term, "?", "$"+strconv.Itoa(len(c.params))))
}

func (c *condition) String() string { return strings.Join(c.terms, " AND ") }

// where is the condition of a filter.
func (t *Transport) where(f symphony.FailedFilter) *condition {
	c := &condition{}
	c.add("transport = ?::text", []byte(t.name))
	if f.Queue != "" {
		c.add("queue = ?::text", []byte(cleanText(f.Queue)))
	}
	if f.Type != "" {
		c.add("type = ?::text", []byte(cleanText(f.Type)))
	}
	if f.ErrorClass != "" {
		c.add("error_class = ?::text", []byte(cleanText(f.ErrorClass)))
	}
	if f.DispatchedBy != "" {
		c.add(ofCaller+"?::text", []byte(cleanText(f.DispatchedBy)))
	}
	if !f.Since.IsZero() {
		c.add("failed_at >= ?::timestamptz", timeParam(micros(f.Since)))
	}
	if !f.Until.IsZero() {
		c.add("failed_at < ?::timestamptz", timeParam(micros(f.Until)))
	}
	if f.Text != "" {
		c.add(containsTerm("?::text", "type", "error", "payload"), []byte(lowerASCII(cleanText(f.Text))))
	}
	return c
}

var countFailed = newQuery("count_failed", `SELECT coalesce(sum(c.failed), 0)::int8 FROM {schema}.messenger_counters c
	JOIN {schema}.messenger_lanes l ON l.lane = c.lane WHERE l.transport = $1::text`)

// ListFailed returns a page of failed messages, newest failure first.
func (t *Transport) ListFailed(ctx context.Context, q symphony.FailedQuery) (symphony.FailedPage, error) {
	if q.Text != "" {
		return t.searchFailed(ctx, q)
	}
	var page symphony.FailedPage
	do := t.doSearch
	if q.FailedFilter == (symphony.FailedFilter{}) {
		do = t.do // it looks at no more than it returns
	}
	where := t.where(q.FailedFilter)
	total := func(v [][]byte) error {
		page.Total = int8Column(v[0])
		return nil
	}
	count := []call{{query: countFailed, params: [][]byte{[]byte(t.name)}, row: total}}
	if q.NoTotal {
		count = nil
	} else if q.FailedFilter != (symphony.FailedFilter{}) {
		count = []call{{query: &query{sql: "SELECT count(*) FROM {schema}.messenger_failed_messages WHERE " + where.String()}, params: where.params, row: total}}
	}
	listed := t.where(q.FailedFilter)
	offset := q.Offset
	if q.After != "" {
		after, ok := parseUUID(q.After)
		if !ok {
			return page, do(ctx, "list failed messages", count...)
		}
		listed.add("id < ?::uuid", after[:])
		offset = 0
	}
	list := pageOfFailed(fmt.Sprintf("SELECT * FROM {schema}.messenger_failed_messages WHERE %s ORDER BY id DESC LIMIT %d OFFSET %d", listed, q.Limit+1, offset), storage.NewPageBytes(q.Bytes).Left())
	err := do(ctx, "list failed messages", append(count, call{query: &query{sql: list}, params: listed.params, row: func(v [][]byte) error {
		if page.HasMore = len(page.Messages) == q.Limit; !page.HasMore {
			page.Messages = append(page.Messages, failedRow(v, t.name))
		}
		return nil
	}})...)
	if page.HasMore {
		page.Next = page.Messages[len(page.Messages)-1].ID
	}
	return page, err
}

var getFailed = newQuery("get_failed", `SELECT `+failedColumns+` FROM {schema}.messenger_failed_messages WHERE id = $1::uuid AND transport = $2::text`)

// GetFailed returns one failed message.
func (t *Transport) GetFailed(ctx context.Context, id string) (f symphony.FailedMessage, err error) {
	if key, ok := parseUUID(id); ok {
		err = t.do(ctx, "read failed message", call{query: getFailed, params: [][]byte{key[:], []byte(t.name)}, row: func(v [][]byte) error {
			f = failedMessage(v, t.name)
			return nil
		}})
	}
	if err == nil && f.ID == "" {
		err = fmt.Errorf("failed message %s: %w", id, symphony.ErrNotFound)
	}
	return f, err
}

// SelectFailed returns ids of failed messages, oldest failure first.
func (t *Transport) SelectFailed(ctx context.Context, f symphony.FailedFilter, limit int) (ids []string, err error) {
	if f.Text != "" {
		_, err = t.walkFailed(ctx, failedWalk{FailedFilter: f, oldest: true}, func(id uuid) bool {
			ids = append(ids, id.String())
			return len(ids) < limit
		})
		return ids, err
	}
	where := t.where(f)
	sql := fmt.Sprintf("SELECT id FROM {schema}.messenger_failed_messages WHERE %s ORDER BY id LIMIT %d", where, limit)
	err = t.doSearch(ctx, "select failed messages", call{query: &query{sql: sql}, params: where.params, row: func(v [][]byte) error {
		ids = append(ids, uuidColumn(v[0]).String())
		return nil
	}})
	return ids, err
}

// Rows are locked in the order of their ids, so that two calls never wait for each other.
const lockFailed = `ARRAY(SELECT id FROM {schema}.messenger_failed_messages WHERE id = ANY ($1::uuid[]) AND transport = $2::text ORDER BY id FOR UPDATE)`

var takeFailed = newQuery("take_failed", `DELETE FROM {schema}.messenger_failed_messages WHERE id = ANY (`+lockFailed+`)
	RETURNING `+failedColumns+`, headers, metadata, done, coalesce($3::timestamptz, now())`)

var deleteFailed = newQuery("delete_failed", `WITH gone AS (
		DELETE FROM {schema}.messenger_failed_messages WHERE id = ANY (`+lockFailed+`) RETURNING lane
	), counted AS (
		INSERT INTO {schema}.messenger_counters AS c (shard, lane, pending, processing, completed, failed, scheduled)
		SELECT $3::int8, lane, 0, 0, 0, -count(*), 0 FROM gone GROUP BY lane
		ON CONFLICT (shard, lane) DO UPDATE SET failed = c.failed + excluded.failed
	)
	SELECT count(*) FROM gone`)

// RetryFailed dispatches failed messages again.
func (t *Transport) RetryFailed(ctx context.Context, retries []symphony.FailedRetry) ([]string, error) {
	return t.retryAll(ctx, retries, nil)
}

// retryAll dispatches failed messages again: in one transaction with the record of a step, unless that is nil.
func (t *Transport) retryAll(ctx context.Context, retries []symphony.FailedRetry, step *recordStep) ([]string, error) {
	byID := make(map[string]symphony.FailedRetry, len(retries))
	var wanted []uuid
	for _, r := range retries {
		if _, ok := parseUUID(r.NewID); !ok {
			return nil, fmt.Errorf("postgres: retry failed message %s: the new id %q is not a UUID", r.ID, r.NewID)
		}
		if id, ok := parseUUID(r.ID); ok {
			byID[id.String()] = r
			wanted = append(wanted, id)
		}
	}
	if len(wanted) == 0 && step == nil {
		return nil, ctx.Err()
	}
	if err := t.usable(ctx); err != nil {
		return nil, err
	}
	plain, controlled, lanes, err := t.lanesOfFailed(wanted)
	if err != nil {
		return nil, t.storageError("retry failed messages", err)
	}
	if step != nil {
		return t.retryStep(step, plain, controlled, byID, lanes)
	}
	var done []string
	for _, part := range []struct {
		ids        []uuid
		controlled bool
	}{{plain, false}, {controlled, true}} {
		if len(part.ids) == 0 {
			continue
		}
		var (
			some []string
			list []added
		)
		err := t.retrying(func(ctx context.Context, l *link) (err error) {
			some, list, err = t.retryFailed(ctx, l, part.ids, part.controlled, byID, lanes, nil)
			return err
		})
		if err != nil {
			return done, t.storageError("retry failed messages", err)
		}
		t.arrived(list)
		done = append(done, some...)
	}
	return done, nil
}

var failedWays = newQuery("failed_ways", `SELECT id, queue, type, extras FROM {schema}.messenger_failed_messages WHERE id = ANY ($1::uuid[]) AND transport = $2::text`)

// lanesOfFailed tells which failed messages would be under flow control if they were dispatched again, and finds their
// lanes.
func (t *Transport) lanesOfFailed(ids []uuid) (plain, controlled []uuid, lanes map[uuid]*lane, err error) {
	names := make(map[uuid]laneName)
	lanes = make(map[uuid]*lane)
	err = t.retrying(func(ctx context.Context, l *link) error {
		plain, controlled = nil, nil
		err := l.transact(ctx, call{query: failedWays, params: [][]byte{uuidArray(ids), []byte(t.name)}, row: func(v [][]byte) error {
			id, e := uuidColumn(v[0]), symphony.Envelope{Transport: t.name, Queue: string(v[1]), Type: string(v[2])}
			_ = e.DecodeExtras(v[3]) // what cannot be read limits nothing
			e.Flow = e.Flow.Again()
			names[id] = laneName{t.name, e.Queue, t.limits.Covers(&e)}
			if names[id].controlled {
				controlled = append(controlled, id)
			} else {
				plain = append(plain, id)
			}
			return nil
		}})
		for id, name := range names {
			if err == nil {
				lanes[id], err = t.lane(ctx, l, name)
			}
		}
		return err
	})
	return plain, controlled, lanes, err
}

// retryFailed dispatches some failed messages again, in one transaction, with the record of a step unless that is nil.
// controlled says whether any of them is under flow control.
func (t *Transport) retryFailed(ctx context.Context, l *link, ids []uuid, controlled bool, retries map[string]symphony.FailedRetry, lanes map[uuid]*lane, step *recordStep) (done []string, list []added, err error) {
	var rows []*messageRow
	counts := make(deltas)
	take := call{query: takeFailed, params: [][]byte{uuidArray(ids), []byte(t.name), t.nowParam()}, row: func(v [][]byte) error {
		f := failedMessage(v, t.name)
		retry := retries[f.ID]
		n := len(v) - 4
		ln := lanes[uuidColumn(v[0])]
		row := &messageRow{Envelope: &f.Envelope, lane: ln.id, controlled: ln.controlled, headers: bytes.Clone(v[n]), metadata: bytes.Clone(v[n+1]), done: bytes.Clone(v[n+2])}
		row.ID, row.CreatedAt, row.ScheduledAt, row.Flow = retry.NewID, fromMicros(timeColumn(v[n+3])), time.Time{}, f.Flow.Again()
		row.uuid, _ = parseUUID(retry.NewID) // was looked at before
		row.line = flow.Line(int64(ln.id), rankOf(row.Priority), row.Flow)
		if retry.Payload != nil {
			row.Payload = retry.Payload
		}
		rows = append(rows, row)
		counts.of(int4Column(v[n-1])).Failed--
		done = append(done, retry.ID)
		var err error
		row.extras, err = row.EncodeExtras()
		return err
	}}
	var (
		f           *flowTx
		begin, last = []call{take}, []call(nil)
	)
	if step != nil {
		begin = []call{step.look(), take}
	}
	if controlled {
		f, err = t.beginFlow(ctx, l, begin...)
	} else {
		err = l.begin(ctx, begin...)
	}
	if err != nil {
		return nil, nil, err
	}
	if step != nil {
		if !step.same {
			l.rollback(ctx)
			return nil, nil, errStepTaken
		}
		last = append(last, step.save(len(rows)))
	}
	if len(rows) == 0 {
		return nil, nil, l.finish(ctx, last...)
	}
	last = append(last, counts.call(l))
	if !controlled {
		calls, list := t.insert(l, rows, t.nowParam())
		return done, list, l.finish(ctx, append(calls, last...)...)
	}
	if err := f.enter(rows); err != nil {
		return nil, nil, err
	}
	calls, list := t.insert(l, rows, f.nowParam())
	f.calls = append(append(calls, f.calls...), last...)
	return done, list, f.finish()
}

// DeleteFailed deletes failed messages.
func (t *Transport) DeleteFailed(ctx context.Context, ids []string) (deleted int, err error) {
	var wanted []uuid
	for _, name := range ids {
		if id, ok := parseUUID(name); ok {
			wanted = append(wanted, id)
		}
	}
	if err := t.usable(ctx); err != nil || len(wanted) == 0 {
		return 0, err
	}
	err = t.retrying(func(ctx context.Context, l *link) error {
		return l.transact(ctx, call{query: deleteFailed, params: [][]byte{uuidArray(wanted), []byte(t.name), l.nextShard()}, row: func(v [][]byte) error {
			deleted = int(int8Column(v[0]))
			return nil
		}})
	})
	return deleted, t.storageError("delete failed messages", err)
}
