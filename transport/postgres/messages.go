package postgres

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/storage"
)

// infoRow is a row of the messages' tables as it is shown.
type infoRow struct {
	symphony.MessageInfo
	types *interner
	place int  // one of inMessages and its like
	held  bool // it is in hand
	sizes symphony.Omitted
}

func (t *Transport) newRow(status symphony.Status) infoRow {
	r := infoRow{types: &t.types}
	r.Status = status
	return r
}

// infoColumns are what rows of every status have. What is not whole has no body and no attempts, but their sizes. A
// message that cannot be decoded is shown as far as it can be.
var infoColumns = columns[infoRow]{
	{"transport", func(r *infoRow, v cell) { r.Transport = v.text() }},
	{"queue", func(r *infoRow, v cell) { r.Queue = v.text() }},
	{"created_at", func(r *infoRow, v cell) { r.CreatedAt = v.time() }},
	{"scheduled_at", func(r *infoRow, v cell) { r.ScheduledAt = v.time() }},
	{"priority", func(r *infoRow, v cell) { r.Priority = v.int2() }},
	{"type", func(r *infoRow, v cell) { r.Type = r.types.text(v) }},
	{"idempotency_key", func(r *infoRow, v cell) { r.IdempotencyKey = v.text() }},
	{"CASE WHEN whole THEN headers END", func(r *infoRow, v cell) { r.broken(decode("headers", v, &r.Headers)) }},
	{"CASE WHEN whole THEN metadata END", func(r *infoRow, v cell) { r.broken(decode("metadata", v, &r.Metadata)) }},
	{"CASE WHEN whole THEN payload END", func(r *infoRow, v cell) { r.Payload = bytes.Clone(v) }},
	{"CASE WHEN whole THEN attempts::text END", func(r *infoRow, v cell) { r.Attempts = readHistory(v) }},
	{"CASE WHEN whole THEN output END", func(r *infoRow, v cell) { r.Output = bytes.Clone(v) }},
	{"output_error", func(r *infoRow, v cell) { r.OutputError = v.text() }},
	{"octet_length(output)", func(r *infoRow, v cell) { r.sizes.Output = v.int4() }},
	{"extras", func(r *infoRow, v cell) { r.broken(r.DecodeExtras(v)) }},
	{"done", func(r *infoRow, v cell) { r.broken(decode("done", v, &r.Done)) }},
	{"error", func(r *infoRow, v cell) { r.Error = v.text() }},
	{"error_class", func(r *infoRow, v cell) { r.ErrorClass = v.text() }},
	{"max_retries", func(r *infoRow, v cell) { r.MaxRetries = v.int4() }},
	{"octet_length(payload)", func(r *infoRow, v cell) { r.sizes.Payload = v.int4() }},
	{"octet_length(metadata)", func(r *infoRow, v cell) { r.sizes.Metadata = v.int4() }},
	{"octet_length(headers)", func(r *infoRow, v cell) { r.sizes.Headers = v.int4() }},
	{"jsonb_array_length(attempts)", func(r *infoRow, v cell) { r.sizes.Attempts = v.int4() }},
	{"NOT whole", func(r *infoRow, v cell) {
		if v.bool() {
			r.Omitted = &r.sizes
		}
	}},
}

// broken notes what could not be read.
func (r *infoRow) broken(err error) { r.DecodeErr = errors.Join(r.DecodeErr, err) }

// foundRow is what a statement says of a message before its details, of which only one that is a hit has some.
type foundRow struct {
	hit    bool
	before string // the id of the message before it
}

var foundColumns = columns[foundRow]{
	{"hit", func(r *foundRow, v cell) { r.hit = v.bool() }},
	{"before", func(r *foundRow, v cell) { r.before = v.id() }},
}

// placeColumns are where a message is, beside infoColumns.
var placeColumns = columns[infoRow]{
	{"id", func(r *infoRow, v cell) { r.ID = v.id() }},
	{"place", func(r *infoRow, v cell) { r.place = v.int2() }},
	{"held", func(r *infoRow, v cell) { r.held = v.bool() }},
	{"coalesce(attempt, (attempts->-1->>'attempt')::int4)", func(r *infoRow, v cell) { r.Deliveries = v.int4() }},
	{"worker", func(r *infoRow, v cell) { r.Worker = v.text() }},
	{"started_at", func(r *infoRow, v cell) { r.StartedAt = v.time() }},
	{"until", func(r *infoRow, v cell) { r.LeasedUntil = v.time() }},
	{"finished_at", func(r *infoRow, v cell) { r.FinishedAt = v.time() }},
	{"failure_group", func(r *infoRow, v cell) { r.FailureGroup = v.text() }},
	{"available_at", func(r *infoRow, v cell) { r.AvailableAt = v.time() }},
	{"gate", func(r *infoRow, v cell) { r.Gate = v.text() }},
	{"requested_at", func(r *infoRow, v cell) {
		if v != nil {
			r.Cancel = &symphony.Cancellation{RequestedAt: v.time()}
		}
	}},
	{"by", func(r *infoRow, v cell) {
		if r.Cancel != nil {
			r.Cancel.By = v.text()
		}
	}},
	{"reason", func(r *infoRow, v cell) {
		if r.Cancel != nil {
			r.Cancel.Reason = v.text()
		}
	}},
	{"key", func(r *infoRow, v cell) {
		if v != nil {
			r.FailedID = v.id()
		}
	}},
}

// messageInfo reads the columns behind foundColumns of a row of detailsText.
func (t *Transport) messageInfo(v [][]byte) symphony.MessageInfo {
	r := t.newRow(symphony.Pending)
	infoColumns.read(&r, placeColumns.read(&r, v))
	switch {
	case r.place == inCompleted:
		r.Status = symphony.Completed
	case r.place == inCancelled:
		r.Status = symphony.Cancelled
	case r.place == inFailed:
		r.Status = symphony.Failed
	case r.held:
		r.Status = symphony.Processing
	}
	return r.MessageInfo
}

// ListMessages answers a query.
func (t *Transport) ListMessages(ctx context.Context, q symphony.MessageQuery) (page symphony.MessagePage, err error) {
	q = q.WithDefaults()
	switch {
	case q.ByFailure:
		return t.listFailed(ctx, &q)
	case q.ID != "":
		if page, err = t.oneMessage(ctx, &q); err == nil {
			err = t.retriedAs(ctx, &page, q.ID)
		}
		return page, err
	}
	by, err := t.markOf(ctx, &q)
	if err != nil {
		return page, err
	}
	if by.mark == "" {
		return t.listMessages(ctx, q, nil)
	}
	page, err = storage.Marked(q, by.after, func(q symphony.MessageQuery, marked bool) (symphony.MessagePage, error) {
		if !marked {
			return t.listMessages(ctx, q, nil)
		}
		return t.listMessages(ctx, q, &by)
	})
	page.Indexed = q.Mark() == ""
	return page, err
}

// listMessages answers a query in the order of dispatch: where marked is given, by the marks of messages.
func (t *Transport) listMessages(
	ctx context.Context, q symphony.MessageQuery, marked *byMark,
) (page symphony.MessagePage, err error) {
	if q.CountOnly {
		return t.countMessages(ctx, q, marked)
	}
	limit, bytes := q.Limit, storage.NewPageBytes(q.Bytes)
	page.Next, err = t.inParts(ctx, q, func(q symphony.MessageQuery) (next string, full bool, err error) {
		q.Limit, q.Bytes = limit-len(page.Messages), cmp.Or(bytes.Left(), symphony.NoBodies)
		b, err := t.newSearch(q, marked)
		if err != nil || b.impossible() {
			return "", false, err
		}
		err = t.inspect(ctx, "list messages", call{query: &query{sql: b.listText()}, params: b.params, row: func(v [][]byte) error {
			var f foundRow
			details := foundColumns.read(&f, v)
			switch {
			case !f.hit: // as many as may be were looked at
				next = f.before
			case len(page.Messages) == limit:
				full = true
			default:
				m := t.messageInfo(details)
				if m.Omitted == nil {
					bytes.Message(&m.Envelope, m.Attempts)
					bytes.Bytes(len(m.Output))
				}
				page.Messages = append(page.Messages, m)
			}
			return nil
		}})
		if full && err == nil {
			next = page.Messages[limit-1].ID
		}
		return next, len(page.Messages) == limit, err
	})
	if err != nil {
		return symphony.MessagePage{}, err
	}
	return page, nil
}

// countMessages counts what matches a query.
func (t *Transport) countMessages(
	ctx context.Context, q symphony.MessageQuery, marked *byMark,
) (page symphony.MessagePage, err error) {
	page.Counts = make(map[symphony.Status]int64)
	page.Next, err = t.inParts(ctx, q, func(q symphony.MessageQuery) (next string, full bool, err error) {
		b, err := t.newSearch(q, marked)
		if err != nil || b.impossible() {
			return "", false, err
		}
		err = t.inspect(ctx, "count messages", call{query: &query{sql: b.countText()}, params: b.params, row: func(v [][]byte) error {
			c := countRow{by: make(map[symphony.Status]int64)}
			countColumns.read(&c, v)
			page.Total += c.count
			for s, n := range c.by {
				page.Counts[s] += n
			}
			if c.more {
				next = c.last
			}
			return nil
		}})
		return next, false, err
	})
	if err != nil {
		return symphony.MessagePage{}, err
	}
	return page, nil
}

const (
	// How many messages a search for a text looks at in its first statement, and how long each of the next ones should
	// take: payloads may be large, and a transaction takes no longer than Options.Timeout.
	firstPart = 500
	partTime  = 300 * time.Millisecond
	// searchTime is when a search for a text stops, to go on with the next page.
	searchTime = time.Second
	// searchesAtOnce bounds the connections that searches use, so that others find one.
	searchesAtOnce = 2
)

// inParts calls f for the messages that q may look at: all at once, or some at a time where they are searched for a
// text. f returns where to go on, and whether enough was found.
func (t *Transport) inParts(ctx context.Context, q symphony.MessageQuery, f func(q symphony.MessageQuery) (next string, full bool, err error)) (string, error) {
	if err := t.catchUp(ctx); err != nil {
		return "", err
	}
	if q.Text == "" {
		next, _, err := f(q)
		return next, err
	}
	left, size, began := q.Scan, firstPart, t.clock.Now()
	for {
		q.Scan = min(size, left)
		start := t.clock.Now()
		next, full, err := f(q)
		now := t.clock.Now()
		if left -= q.Scan; err != nil || full || next == "" || left == 0 || now.Sub(began) > searchTime {
			return next, err
		}
		q.After = next
		speed := float64(q.Scan) / max(now.Sub(start), time.Millisecond).Seconds()
		size = min(max(int(speed*partTime.Seconds()), firstPart/10), 8*size)
	}
}

// inOrder has the planner of the transaction read messages in their order, by the indexes: it does not know that most
// statements end long before they have looked at all that they may, and would rather read and sort everything.
var inOrder = newQuery("in_order", `SELECT set_config('enable_sort', 'off', true), set_config('enable_incremental_sort', 'off', true)`)

// inspect runs a statement about many messages.
func (t *Transport) inspect(ctx context.Context, doing string, c call) error {
	return t.searching(ctx, doing, func() error {
		return t.with(ctx, doing, func(ctx context.Context, l *link) error {
			return l.send(ctx, true, true, []call{{query: inOrder}, c})
		})
	})
}

// doSearch is do for calls that may take long: it uses no more connections than searches may have.
func (t *Transport) doSearch(ctx context.Context, doing string, calls ...call) error {
	return t.searching(ctx, doing, func() error { return t.do(ctx, doing, calls...) })
}

// searching runs f when a search may have a connection.
func (t *Transport) searching(ctx context.Context, doing string, f func() error) error {
	patience := t.clock.NewTimer(t.timeout)
	defer patience.Stop()
	select {
	case t.searches <- struct{}{}:
		defer func() { <-t.searches }()
	case <-ctx.Done():
		return ctx.Err()
	case <-t.closing:
		return errClosed
	case <-patience.C():
		return t.storageError(doing, errSlow)
	}
	return f()
}

// messageQuery is a list of one.
func (k *kept) messageQuery() *query {
	b := &search{kept: k, MessageQuery: symphony.MessageQuery{Limit: 1, Scan: 1, Bytes: symphony.MaxPageBytes},
		bounds: []string{"id = $2::uuid"},
		filter: ofTransports, now: "$3::timestamptz"}
	return newQuery("get_message", b.listText())
}

// oneMessage returns a page of one message.
func (t *Transport) oneMessage(ctx context.Context, q *symphony.MessageQuery) (page symphony.MessagePage, err error) {
	key, ok := messageID(q.ID)
	if !ok {
		return page, nil
	}
	if err := t.catchUp(ctx); err != nil {
		return page, err
	}
	params := [][]byte{t.transportsOf(q), key[:], timeParam(t.storeNow())}
	err = t.do(ctx, "read message", call{query: t.kept.getMessage, params: params, row: func(v [][]byte) error {
		page.Messages = append(page.Messages, t.messageInfo(foundColumns.read(new(foundRow), v)))
		return nil
	}}, notesCall(key[:], &page))
	return page, err
}

// catchUp ends leases that have run out and fails messages that expired, so that what is shown is true now.
func (t *Transport) catchUp(ctx context.Context) error {
	if err := t.usable(ctx); err != nil {
		return err
	}
	if err := t.expireIfDue(ctx); err != nil {
		return err
	}
	return t.controlIfDue(ctx)
}
