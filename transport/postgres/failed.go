package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/symphony-messenger/symphony"
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

// failedColumns are what a row of the dead letter queue has beside infoColumns.
var failedColumns = columns[infoRow]{
	{"id", func(r *infoRow, v cell) { r.FailedID = v.id() }},
	{"failure_group", func(r *infoRow, v cell) { r.FailureGroup = v.text() }},
	{"message_id", func(r *infoRow, v cell) { r.ID = v.id() }},
	{"failed_at", func(r *infoRow, v cell) { r.FinishedAt = v.time() }},
	{failedDeliveries, func(r *infoRow, v cell) { r.Deliveries = v.int4() }},
}

// failedDeliveries is how often a failed message was handed to a worker: one that expired never was.
const failedDeliveries = `CASE WHEN retry_count > 0 OR jsonb_array_length(attempts) > 0 THEN retry_count + 1 END`

// pageOfFailed reads failedColumns and infoColumns of a page, which a query selects with all its columns, without the
// bodies and attempts behind those that have used up its bytes; see detailsText.
func pageOfFailed(page string, q *symphony.MessageQuery) string {
	return `SELECT ` + failedColumns.String() + `, ` + infoColumns.String() + `
	FROM (SELECT *, NULL::text AS output, NULL::text AS output_error,
		coalesce(sum(size) OVER (ORDER BY id ` + direction(q) + ` ROWS BETWEEN UNBOUNDED PRECEDING
			AND 1 PRECEDING), 0) < ` +
		strconv.Itoa(storage.NewPageBytes(q.Bytes).Left()) + ` AS whole
		FROM (SELECT *, ` + failedBodySize + ` AS size FROM (` + page + `) r) sized) shown
	ORDER BY id ` + direction(q)
}

// failedMessage reads a row of pageOfFailed.
func (t *Transport) failedMessage(v [][]byte) symphony.MessageInfo {
	r := t.newRow(symphony.Failed)
	infoColumns.read(&r, failedColumns.read(&r, v))
	return r.MessageInfo
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

// where is the condition of a query in the order of failure.
func (t *Transport) where(q *symphony.MessageQuery) *condition {
	f := &q.MessageFilter
	c := &condition{}
	c.add("transport = ANY (?::text[])", t.transportsOf(q))
	if f.Queue != "" {
		c.add("queue = ?::text", []byte(cleanText(f.Queue)))
	}
	if f.ErrorClass != "" {
		c.add("error_class = ?::text", []byte(cleanText(f.ErrorClass)))
	}
	if f.Worker != "" {
		c.terms = append(c.terms, "false") // nobody has failed messages in hand
	}
	for _, bound := range []struct {
		at   time.Time
		term string
	}{
		{f.Since, "failed_at >= "}, {f.Until, "failed_at < "},
		{f.EndedSince, "failed_at >= "}, {f.EndedUntil, "failed_at < "},
	} {
		if !bound.at.IsZero() {
			c.add(bound.term+"?::timestamptz", timeParam(micros(bound.at)))
		}
	}
	if f.FailureGroup != "" {
		c.add("failure_group = ?::text", []byte(cleanText(f.FailureGroup)))
	}
	if f.DispatchedBy != "" {
		c.add(ofCaller+"?::text", []byte(cleanText(f.DispatchedBy)))
	}
	if t.kept.failed != "" {
		c.terms = append(c.terms, at(t.kept.failed, t.nowLiteral()))
	}
	c.common(f)
	for i := range c.terms {
		c.terms[i] = strings.ReplaceAll(c.terms[i], "{id}", "message_id")
	}
	if f.Text != "" {
		c.add(containsTerm("?::text", "type", "error", "payload"), []byte(lowerASCII(cleanText(f.Text))))
	}
	return c
}

// common adds the terms that are the same in every order and table, with {id} for the column of the message's id.
func (c *condition) common(f *symphony.MessageFilter) {
	if prefix, ok := f.TypePrefix(); ok {
		c.add("starts_with(type, ?::text)", []byte(cleanText(prefix)))
	} else if f.Type != "" {
		c.add("type = ?::text", []byte(cleanText(f.Type)))
	}
	for _, pattern := range f.Unsearched() {
		if begin, ok := strings.CutSuffix(pattern, "*"); ok {
			c.add("NOT starts_with(type, ?::text)", []byte(cleanText(begin)))
		} else {
			c.add("type <> ?::text", []byte(cleanText(pattern)))
		}
	}
	if f.SkipsCallbacks() {
		c.terms = append(c.terms, `(headers IS NULL OR strpos(headers, '"`+symphony.HeaderCallback+`"') = 0)`)
	}
	if f.Priority != 0 {
		c.add("priority = ?::int2", int2Param(f.Priority))
	}
	if !f.ScheduledAfter.IsZero() {
		c.add("scheduled_at > ?::timestamptz", timestamp(f.ScheduledAfter))
	}
	if f.IdempotencyKey != "" {
		c.add("idempotency_key = ?::text", []byte(cleanText(f.IdempotencyKey)))
	}
	for _, rare := range []struct{ name, value string }{
		{"correlationId", f.CorrelationID}, {"causationId", f.CausationID},
		{"groupKey", f.GroupKey}, {"concurrencyKey", f.ConcurrencyKey},
	} {
		if rare.value == "" {
			continue
		}
		term := "extras IS NOT NULL AND {schema}.messenger_member(extras, '{" + rare.name + "}') = ?::text"
		if rare.name == "correlationId" {
			if id, ok := messageID(rare.value); ok { // it may be the one that began the story
				c.params = append(c.params, id[:])
				term = "(" + term + " OR {id} = $" + strconv.Itoa(len(c.params)) + "::uuid AND " + ofNoStory + ")"
			}
		}
		c.add(term, []byte(cleanText(rare.value)))
	}
	if len(f.Tags) > 0 {
		tags := make([]string, len(f.Tags))
		for i, tag := range f.Tags {
			tags[i] = cleanText(tag)
		}
		c.add("extras IS NOT NULL AND {schema}.messenger_tags(extras) @> ?::text[]", textArray(tags))
	}
	for _, path := range slices.Sorted(maps.Keys(f.Metadata)) {
		names := strings.Split(cleanText(path), ".")
		c.params = append(c.params, textArray(names))
		at := "$" + strconv.Itoa(len(c.params)) + "::text[]"
		c.add("metadata IS NOT NULL AND {schema}.messenger_member(metadata, "+at+") = ?::text",
			[]byte(cleanText(f.Metadata[path])))
	}
}

// ofNoStory selects messages that carry no correlation id: each began a story of its own.
const ofNoStory = `(extras IS NULL OR {schema}.messenger_member(extras, '{correlationId}') IS NULL)`

var countFailed = newQuery("count_failed", `SELECT coalesce(sum(c.failed), 0)::int8 FROM {schema}.messenger_counters c
	JOIN {schema}.messenger_lanes l ON l.lane = c.lane WHERE l.transport = ANY ($1::text[])`)

// selectsAll reports whether a filter selects every failed message.
func selectsAll(f symphony.MessageFilter) bool {
	f.Status = ""
	f.Statuses = nil
	return f.SelectsAll()
}

// listFailed returns a page in the order of failure.
func (t *Transport) listFailed(ctx context.Context, q *symphony.MessageQuery) (symphony.MessagePage, error) {
	switch {
	case q.ID != "":
		page, err := t.oneFailed(ctx, q)
		if err == nil {
			err = t.retriedAs(ctx, &page, q.ID)
		}
		return page, err
	case q.Text != "":
		return t.searchFailed(ctx, q)
	}
	var (
		page symphony.MessagePage
		do   = t.doSearch
		all  = selectsAll(q.MessageFilter)
	)
	if all {
		do = t.do // it looks at no more than it returns
	}
	listed := t.where(q)
	var calls []call
	if q.Total {
		count := call{query: t.countFailedQuery(), params: [][]byte{t.transportsOf(q)}}
		if !all {
			count = call{query: &query{sql: "SELECT count(*) FROM {schema}.messenger_failed_messages WHERE " + listed.String()}, params: slices.Clone(listed.params)}
		}
		count.row = func(v [][]byte) error {
			page.Total = int8Column(v[0])
			return nil
		}
		calls = append(calls, count)
	}
	offset := q.Offset
	if q.After != "" {
		after, ok := parseUUID(q.After)
		if !ok {
			return page, do(ctx, "list failed messages", calls...)
		}
		listed.add("id "+behind(q)+" ?::uuid", after[:])
		offset = 0
	}
	list := pageOfFailed(fmt.Sprintf("SELECT * FROM {schema}.messenger_failed_messages WHERE %s ORDER BY id %s LIMIT %d OFFSET %d",
		listed, direction(q), q.Limit+1, offset), q)
	err := do(ctx, "list failed messages", append(calls, call{query: &query{sql: list}, params: listed.params, row: func(v [][]byte) error {
		if n := len(page.Messages); n == q.Limit {
			page.Next = page.Messages[n-1].FailedID
		} else {
			page.Messages = append(page.Messages, t.failedMessage(v))
		}
		return nil
	}})...)
	return page, err
}

// listedFailed are some failed messages.
const listedFailed = `SELECT * FROM {schema}.messenger_failed_messages
	WHERE id = ANY ($1::uuid[]) AND transport = ANY ($2::text[])`

// getFailed reads one of them, unless it is past its period.
func (t *Transport) getFailed() *query {
	if t.kept.failed == "" {
		return getFailed
	}
	return &query{sql: pageOfFailed(listedFailed+t.kept.andFailed(t.nowLiteral()), &symphony.MessageQuery{})}
}

var getFailed = newQuery("get_failed", pageOfFailed(listedFailed, &symphony.MessageQuery{}))

// oneFailed returns a page of one failed message.
func (t *Transport) oneFailed(ctx context.Context, q *symphony.MessageQuery) (page symphony.MessagePage, err error) {
	if key, ok := parseUUID(q.ID); ok {
		params := [][]byte{uuidArray([]uuid{key}), t.transportsOf(q)}
		err = t.do(ctx, "read failed message", call{query: t.getFailed(), params: params, row: func(v [][]byte) error {
			page.Messages = append(page.Messages, t.failedMessage(v))
			return nil
		}})
		if err == nil && len(page.Messages) > 0 {
			message, _ := parseUUID(page.Messages[0].ID) // is one
			err = t.do(ctx, "read failed message", notesCall(message[:], &page))
		}
	}
	return page, err
}
