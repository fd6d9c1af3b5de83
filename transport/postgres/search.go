package postgres

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/symphony-messenger/symphony"
)

// Messages are listed in the order of their ids, by merging the indexes of the four tables in which they can be. A
// list, a count and a look at one message are one statement each, so what they say is of one moment: a message that
// moves meanwhile is seen where it was or where it is, and once.
//
// A statement is made so that it stops as soon as it has found enough or looked at enough. Only for what it has found
// does it then read payloads, attempts and leases.

// The places of messages, as the statements number them.
const (
	inMessages = iota
	inCompleted
	inFailed
	inCancelled
)

// search is a statement about messages under construction.
type search struct {
	symphony.MessageQuery
	params [][]byte
	bounds []string // terms about id
	caller string   // term about DispatchedBy, empty for none
	mark   string   // a parameter by which messages are found; empty where they are walked through
	story  string   // the id of the message that began it, a parameter; empty for none
	filter string   // with {id} for the column of the message's id
	kept   *kept
	now    string   // the time at which those are selected that are not past their periods
	worker string   // a parameter, empty for none
	kind   []string // terms about the kind of a failure
	ended  []string // terms about {ended}, when the message ended
}

// ofCaller, with a parameter behind it, selects the rows of one caller. Messages that carry a DispatchedBy are in
// indexes of their own, whose condition it repeats: only his rows are looked at, however many others there are.
const ofCaller = `starts_with(extras, '` + symphony.ExtrasDispatchedBy + `') AND extras::json ->> 'dispatchedBy' = `

func (b *search) param(value []byte, kind string) string {
	b.params = append(b.params, value)
	return "$" + strconv.Itoa(len(b.params)) + "::" + kind
}

// newSearch makes the parts of a statement that select: where marked is given, by the marks of messages.
func (t *Transport) newSearch(q symphony.MessageQuery, marked *byMark) (*search, error) {
	b := &search{MessageQuery: q.WithDefaults(), kept: t.kept, params: [][]byte{t.transportsOf(&q)}}
	if q.After != "" {
		after, ok := messageID(q.After)
		if !ok {
			return nil, &symphony.ValidationError{Problems: []symphony.Problem{{Path: "cursor", Message: "must be the id of a message"}}}
		}
		b.bounds = append(b.bounds, "id "+behind(&q)+" "+b.param(after[:], "uuid"))
	}
	terms := []string{ofTransports}
	if q.Queue != "" {
		queue := b.param([]byte(cleanText(q.Queue)), "text")
		terms[0] = strings.TrimSuffix(ofTransports, "))") + " AND queue = " + queue + "))"
	}
	c := condition{params: b.params}
	c.common(&q.MessageFilter)
	b.params, terms = c.params, append(terms, c.terms...)
	if !q.Since.IsZero() {
		id := idAt(q.Since.Add(-symphony.MaxIDSkew))
		b.bounds = append(b.bounds, "id >= "+b.param(id[:], "uuid"))
		terms = append(terms, "created_at >= "+b.param(timestamp(q.Since), "timestamptz"))
	}
	if !q.Until.IsZero() {
		id := idAt(q.Until.Add(symphony.MaxIDSkew))
		b.bounds = append(b.bounds, "id < "+b.param(id[:], "uuid"))
		terms = append(terms, "created_at < "+b.param(timestamp(q.Until), "timestamptz"))
	}
	if q.DispatchedBy != "" {
		b.caller = ofCaller + b.param([]byte(cleanText(q.DispatchedBy)), "text")
	}
	if q.Text != "" {
		terms = append(terms, containsTerm(b.param([]byte(lowerASCII(cleanText(q.Text))), "text"), "type", "payload", "metadata", "headers"))
	}
	b.filter = strings.Join(terms, " AND ")
	if q.ErrorClass != "" {
		b.kind = append(b.kind, "error_class = "+b.param([]byte(cleanText(q.ErrorClass)), "text"))
	}
	if q.FailureGroup != "" {
		b.kind = append(b.kind, "failure_group = "+b.param([]byte(cleanText(q.FailureGroup)), "text"))
	}
	if q.Worker != "" {
		b.worker = b.param([]byte(cleanText(q.Worker)), "text")
	}
	if !q.EndedSince.IsZero() {
		b.ended = append(b.ended, "{ended} >= "+b.param(timestamp(q.EndedSince), "timestamptz"))
	}
	if !q.EndedUntil.IsZero() {
		b.ended = append(b.ended, "{ended} < "+b.param(timestamp(q.EndedUntil), "timestamptz"))
	}
	if b.wants(symphony.Completed) || b.wants(symphony.Cancelled) || b.wants(symphony.Failed) && t.kept.failed != "" {
		b.now = b.param(timeParam(t.storeNow()), "timestamptz")
	}
	if marked != nil {
		b.useMarks(marked)
	}
	return b, nil
}

// ofTransports selects the rows of the transports that a statement is about.
const ofTransports = "lane = ANY (ARRAY(SELECT lane FROM {schema}.messenger_lanes WHERE transport = ANY ($1::text[])))"

// transportsOf are those that a query is about, as a parameter.
func (t *Transport) transportsOf(q *symphony.MessageQuery) []byte {
	if len(q.Transports) > 0 {
		return textArray(q.Transports)
	}
	return textArray([]string{t.name})
}

// wants reports whether messages of a place may be found: in hand, or waiting, and inCompleted and inFailed.
func (b *search) wants(s symphony.Status) bool {
	if !b.Wants(s) {
		return false
	}
	switch s {
	case symphony.Pending:
		return b.worker == "" && len(b.ended) == 0 && len(b.kind) == 0
	case symphony.Processing:
		return len(b.ended) == 0 && len(b.kind) == 0
	case symphony.Completed, symphony.Cancelled:
		return len(b.kind) == 0
	}
	return b.worker == ""
}

// impossible reports whether no message can have all that is asked for.
func (b *search) impossible() bool {
	return !slices.ContainsFunc(symphony.Statuses(), b.wants)
}

// hit is whether the filter selects a row of a table that has the message's id, and when it ended, under these names.
func (b *search) hit(id, ended string, more ...string) string {
	terms := append([]string{b.filter}, more...)
	if ended != "" {
		terms = append(terms, b.ended...)
	}
	return strings.NewReplacer("{id}", id, "{ended}", ended).Replace(strings.Join(terms, " AND "))
}

// messageID is the id of a message as it is written everywhere; anything else is none.
func messageID(s string) (uuid, bool) {
	id, ok := parseUUID(s)
	return id, ok && id.String() == s
}

// timestamp is a bound: what is stored, in whole microseconds, is before it where it is before t.
func timestamp(t time.Time) []byte { return int8Param(microsUp(t) - epoch) }

// idAt is the least id of a moment.
func idAt(t time.Time) (id uuid) {
	ms := min(max(t.UnixMilli(), 0), 1<<48-1)
	for i := range 6 {
		id[i] = byte(ms >> (8 * (5 - i)))
	}
	return id
}

// containsTerm is true where one of the columns has a text, which is in lower case. Letters beyond ASCII are compared
// as they are. Each column is looked at by itself, so that no match spans two of them.
func containsTerm(text string, columns ...string) string {
	var terms []string
	for _, column := range columns {
		// With the collation C, lower is for ASCII only, and many times as fast as translate.
		terms = append(terms, fmt.Sprintf(`strpos(lower(%s COLLATE "C"), %s) > 0`, column, text))
	}
	return "(" + strings.Join(terms, " OR ") + ")"
}

func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}, s)
}

// within is the condition for the bounds, with the name that the id has in a table.
func (b *search) within(id string) string {
	terms := []string{"true"}
	for _, bound := range b.bounds {
		terms = append(terms, id+strings.TrimPrefix(bound, "id"))
	}
	return strings.Join(terms, " AND ")
}

// handText has the ids that are in hand, sorted. Where an id would stand in it is found by halving, so that it costs
// next to nothing to ask whether a message is in hand, however many are, and whatever the planner thinks of that
// number.
func (b *search) handText() string {
	if !b.CountOnly && b.wants(symphony.Pending) == b.wants(symphony.Processing) {
		return "hand AS (SELECT)" // nobody asks
	}
	within := b.within("u.id")
	if b.worker != "" {
		within += " AND l.worker = " + b.worker
	}
	return `hand AS MATERIALIZED (
		SELECT ARRAY(
			SELECT u.id FROM {schema}.messenger_leases l CROSS JOIN LATERAL unnest(l.ids) WITH ORDINALITY u(id, n)
			WHERE l.transport = ANY ($1::text[]) AND NOT (u.n - 1)::int4 = ANY (l.settled) AND ` + within + `
			ORDER BY u.id) AS ids)`
}

const isInHand = `((SELECT ids FROM hand)[width_bucket(id, (SELECT ids FROM hand))] = id) IS TRUE`

// sourceText reads a place in the order of the ids, each by itself: else the planner does not think of merging them.
func (b *search) sourceText(table string, p place, more ...string) string {
	where := append([]string{b.within(p.id)}, more...)
	if b.caller != "" {
		where = append(where, b.caller)
	}
	return fmt.Sprintf(`(SELECT %[1]s AS id, %[2]d::int2 AS place, lane, %[3]s AS at, %[4]s AS key, (%[5]s) IS TRUE AS hit
			FROM %[6]s WHERE %[7]s ORDER BY %[1]s %[8]s LIMIT %[9]d)`, p.id, p.number, p.at, p.key, p.selected, table,
		strings.Join(where, " AND "), direction(&b.MessageQuery), b.Scan+1)
}

// sourcesText reads the places of messages with the statuses asked for. Of each message: where it is, its key in its
// table, and whether the filter selects it.
func (b *search) sourcesText() string {
	var (
		list   []string
		places []place
	)
	add := func(p place, more ...string) {
		if b.mark != "" {
			places = append(places, p)
			return
		}
		list = append(list, b.sourceText("{schema}."+p.table, p, more...))
	}
	const noTime, noKey = "NULL::timestamptz", "NULL::uuid"
	waiting := place{inMessages, "messenger_messages", "id", noTime, noKey, b.hit("id", "")}
	switch pending, processing := b.wants(symphony.Pending), b.wants(symphony.Processing); {
	case pending && processing:
		add(waiting)
	case pending:
		waiting.selected = b.hit("id", "", "NOT "+isInHand)
		add(waiting)
	case processing && b.mark != "":
		waiting.selected = b.hit("id", "", isInHand)
		add(waiting)
	case processing:
		// Few messages are in hand: each is looked up by its key.
		waiting.id, waiting.selected = "hand.h", b.hit("hand.h", "")
		list = append(list, b.sourceText(`(SELECT h FROM unnest((SELECT ids FROM hand)) h
			ORDER BY h `+direction(&b.MessageQuery)+`) hand
			CROSS JOIN LATERAL (SELECT * FROM {schema}.messenger_messages m WHERE m.id = hand.h LIMIT 1) m`, waiting))
	}
	if b.wants(symphony.Completed) {
		terms := []string{at(b.kept.completed, b.now)}
		if b.worker != "" {
			terms = append(terms, "worker = "+b.worker)
		}
		add(place{inCompleted, "messenger_completed", "id", "completed_at", noKey,
			b.hit("id", "completed_at", terms...)})
	}
	if b.wants(symphony.Cancelled) {
		terms := []string{at(b.kept.cancelled, b.now)}
		if b.worker != "" {
			terms = append(terms, "worker = "+b.worker)
		}
		add(place{inCancelled, "messenger_cancelled", "id", noTime, noKey, b.hit("id", "cancelled_at", terms...)})
	}
	if b.wants(symphony.Failed) {
		terms := slices.Clone(b.kind)
		if b.kept.failed != "" {
			terms = append(terms, at(b.kept.failed, b.now))
		}
		// Failures of a kind have indexes, so that only these are looked at.
		add(place{inFailed, "messenger_failed_messages", "message_id", noTime, "id",
			b.hit("message_id", "failed_at", terms...)}, b.kind...)
	}
	if b.mark != "" {
		list = b.markedText(places)
	}
	return strings.Join(list, "\n\t\tUNION ALL ")
}

// numberedText has the next messages in their order, one more than may be looked at, with their numbers.
func (b *search) numberedText() string {
	return fmt.Sprintf(`SELECT *, row_number() OVER byid AS n, lag(id) OVER byid AS before
		FROM (SELECT * FROM (%[1]s) found ORDER BY id %[2]s LIMIT %[3]d) looked WINDOW byid AS (ORDER BY id %[2]s)`,
		b.sourcesText(), direction(&b.MessageQuery), b.Scan+1)
}

// direction is the order of a query.
func direction(q *symphony.MessageQuery) string {
	if q.Oldest {
		return "ASC"
	}
	return "DESC"
}

// behind compares an id with one that comes before it in the order of a query.
func behind(q *symphony.MessageQuery) string {
	if q.Oldest {
		return ">"
	}
	return "<"
}

// listText finds a page, and the message behind the last one that may be looked at.
func (b *search) listText() string {
	return fmt.Sprintf(`WITH %[1]s, page AS MATERIALIZED (
		SELECT id, place, lane, at, key, hit AND n <= %[2]d AS hit, n, before FROM (%[3]s) numbered
		WHERE (hit AND n <= %[2]d) OR n > %[2]d ORDER BY id %[4]s LIMIT %[5]d
	), %[6]s`, b.handText(), b.Scan, b.numberedText(), direction(&b.MessageQuery), b.Limit+1, b.heldText()) + detailsText(b.Bytes)
}

// countRow is what a count says.
type countRow struct {
	count int64
	last  string // the id of the last message that may be looked at
	more  bool   // there are others behind it
	by    map[symphony.Status]int64
}

// countColumns count messages, of which $scan may be looked at.
var countColumns = columns[countRow]{
	{"count(*) FILTER (WHERE hit AND n <= $scan)", func(r *countRow, v cell) { r.count = int8Column(v) }},
	{"max(id::text) FILTER (WHERE n = $scan)", func(r *countRow, v cell) { r.last = v.text() }},
	{"count(*) > $scan", func(r *countRow, v cell) { r.more = v.bool() }},
	countOf(symphony.Pending, "place = 0 AND NOT held"),
	countOf(symphony.Processing, "place = 0 AND held"),
	countOf(symphony.Completed, "place = 1"),
	countOf(symphony.Failed, "place = 2"),
	countOf(symphony.Cancelled, "place = 3"),
}

// countOf counts the messages of a status.
func countOf(s symphony.Status, condition string) column[countRow] {
	return column[countRow]{"count(*) FILTER (WHERE hit AND n <= $scan AND " + condition + ")", func(r *countRow, v cell) {
		if n := int8Column(v); n > 0 {
			r.by[s] = n
		}
	}}
}

func (b *search) countText() string {
	counts := strings.ReplaceAll(countColumns.String(), "$scan", strconv.Itoa(b.Scan))
	return "WITH " + b.handText() + "\n\tSELECT " + counts + " FROM (SELECT *, " + isInHand +
		" AS held FROM (" + b.numberedText() + ") numbered) counted"
}

// heldText has the deliveries of the page's messages.
func (b *search) heldText() string {
	wanted, overlap := "place = 0 AND hit", ""
	if b.Limit == 1 {
		overlap = " AND l.ids && wanted.ids" // a quick look first
	}
	if !b.wants(symphony.Processing) {
		wanted = "false"
	}
	return fmt.Sprintf(`held AS MATERIALIZED (
		SELECT u.id, l.worker, l.claimed_at, coalesce(l.item_expires[u.n], l.expires_at) AS until, l.attempts[u.n] AS attempt
		FROM (SELECT ARRAY(SELECT id FROM page WHERE %[1]s ORDER BY id) AS ids) wanted
		CROSS JOIN {schema}.messenger_leases l CROSS JOIN LATERAL unnest(l.ids) WITH ORDINALITY u(id, n)
		WHERE l.transport = ANY ($1::text[]) AND (SELECT count(*) FROM page WHERE %[1]s) > 0
			AND wanted.ids[width_bucket(u.id, wanted.ids)] = u.id AND NOT (u.n - 1)::int4 = ANY (l.settled)%[2]s
	)`, wanted, overlap)
}

// detailsText reads what there is to know about a page of messages.
//
// When a message is ready is told by its dispatch, its last attempt or ready_at, not by the row by which it waits: in
// an uncontrolled lane that cannot be found by the message's id, and in a group's line its time is that of the line.
// Where the last two disagree, the one counts by which the message waits. An attempt that a node of an older release
// noted does not tell; then some ready rows after its end are looked at.
const rowsText = `
	SELECT p.n, p.hit, p.id, p.place, held.id IS NOT NULL AS held, p.before, q.transport, q.queue,
		d.created_at, d.scheduled_at, d.priority, d.type, d.idempotency_key, d.headers, d.metadata, d.payload, d.extras,
		coalesce(d.attempts, a.attempts) AS attempts, coalesce(d.attempt, held.attempt) AS attempt, coalesce(d.worker, held.worker) AS worker,
		coalesce(d.started_at, held.claimed_at) AS started_at, coalesce(k.until, held.until) AS until, d.finished_at,
		coalesce(d.requested_at, k.requested_at) AS requested_at, coalesce(d.by, k.by) AS by, coalesce(d.reason, k.reason) AS reason,
		p.key, d.error, d.error_class, d.done, d.max_retries, d.output, d.output_error, d.failure_group,
		CASE
			WHEN p.place <> 0 OR held.id IS NOT NULL THEN NULL
			WHEN a.attempts IS NULL THEN coalesce(d.ready_at, greatest(d.created_at, d.scheduled_at))
			WHEN d.ready_at = coalesce(` + waitingAt + `, (
				SELECT w.available_at FROM {schema}.messenger_ready w
				WHERE w.lane = p.lane AND w.rank = (10 - d.priority)::int2 AND w.available_at = d.ready_at AND w.id = p.id LIMIT 1)) THEN d.ready_at
			ELSE coalesce(a.retry_at, ` + waitingAt + `, (
				SELECT w.available_at FROM (
					SELECT available_at, id FROM {schema}.messenger_ready w
					WHERE w.lane = p.lane AND w.rank = (10 - d.priority)::int2 AND w.available_at >= a.finished_at
					ORDER BY w.lane, w.rank, w.available_at, w.ord LIMIT 2000) w
				WHERE w.id = p.id LIMIT 1), a.finished_at)
		END AS available_at,
		CASE WHEN p.hit AND p.place = 0 AND held.id IS NULL THEN
			(SELECT w.gate FROM {schema}.messenger_parked w WHERE w.id = p.id LIMIT 1) END AS gate
	FROM page p
	LEFT JOIN {schema}.messenger_lanes q ON q.lane = p.lane
	LEFT JOIN held ON held.id = p.id
	LEFT JOIN {schema}.messenger_cancelling k ON k.id = held.id
	LEFT JOIN LATERAL (
		SELECT created_at, scheduled_at, priority, type, idempotency_key, headers, metadata, payload, extras, ready_at,
			NULL::jsonb AS attempts, NULL::int4 AS attempt, NULL::text AS worker, NULL::timestamptz AS started_at, NULL::timestamptz AS finished_at,
			NULL::text AS error, NULL::text AS error_class, NULL::text AS done, NULL::int4 AS max_retries,
			NULL::timestamptz AS requested_at, NULL::text AS by, NULL::text AS reason, NULL::text AS output,
				NULL::text AS output_error, NULL::text AS failure_group
		FROM {schema}.messenger_messages m WHERE p.place = 0 AND m.id = p.id
		UNION ALL
		SELECT created_at, scheduled_at, priority, type, idempotency_key, headers, metadata, payload, extras, NULL,
			attempts, attempt, worker, started_at, completed_at, NULL, NULL, NULL, NULL, NULL, NULL, NULL, output,
				output_error, NULL
		FROM {schema}.messenger_completed m WHERE p.place = 1 AND m.id = p.id AND m.completed_at = p.at
		UNION ALL
		SELECT created_at, scheduled_at, priority, type, idempotency_key, headers, metadata, payload, extras, NULL,
			attempts, coalesce(` + failedDeliveries + `, 0), NULL, NULL, failed_at, error, error_class, done,
				max_retries, NULL, NULL, NULL, NULL, NULL, failure_group
		FROM {schema}.messenger_failed_messages m WHERE p.place = 2 AND m.id = p.key
		UNION ALL
		SELECT created_at, scheduled_at, priority, type, idempotency_key, headers, metadata, payload, extras, NULL,
			attempts, attempt, worker, started_at, cancelled_at, NULL, NULL, NULL, NULL, requested_at, by, reason,
				NULL, NULL, NULL
		FROM {schema}.messenger_cancelled m WHERE p.place = 3 AND m.id = p.id
		LIMIT 1) d ON p.hit
	LEFT JOIN LATERAL (
		SELECT ` + historyColumns + ` AS attempts, (array_agg(retry_at ORDER BY attempt DESC))[1] AS retry_at, max(finished_at) AS finished_at
		FROM {schema}.messenger_attempts m WHERE m.id = p.id AND p.place = 0 AND p.hit) a ON true`

// detailsText is what there is to know about a page of messages, whose bodies have so many bytes: what comes behind
// those that have used them up comes without. Only sizes are read of what is left out.
func detailsText(bytes int) string {
	return `
	SELECT ` + foundColumns.String() + `, ` + placeColumns.String() + `, ` + infoColumns.String() + `
	FROM (SELECT *, coalesce(sum(size) OVER (ORDER BY n ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) < ` + strconv.Itoa(bytes) + ` AS whole
		FROM (SELECT *, coalesce(` + bodySize + `, 0) AS size FROM (` + rowsText + `) r) sized) shown
	ORDER BY n`
}

// bodySize is what a row counts for against the bytes of a page. The length of what is stored aside of its row is known
// without reading it.
const bodySize = failedBodySize + ` + coalesce(octet_length(output), 0)`

// failedBodySize is that of a row of the dead letter queue.
const failedBodySize = `octet_length(payload) + coalesce(octet_length(metadata),
	0) + coalesce(octet_length(headers), 0) + coalesce(octet_length(attempts::text), 0)`

// waitingAt is the time of the row by which a message waits that can be found by its id.
const waitingAt = `(SELECT w.available_at FROM {schema}.messenger_parked w WHERE w.id = p.id LIMIT 1),
				(SELECT w.available_at FROM {schema}.messenger_ready w WHERE w.id = p.id AND w.controlled IS NOT NULL LIMIT 1)`
