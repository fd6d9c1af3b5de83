package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/storage"
)

// messageInfo reads a row of detailsText.
func (t *Transport) messageInfo(v [][]byte) symphony.MessageInfo {
	m := symphony.MessageInfo{
		Envelope: symphony.Envelope{
			Transport: t.name, ID: uuidColumn(v[1]).String(), Queue: string(v[5]), CreatedAt: fromMicros(timeColumn(v[6])), ScheduledAt: fromMicros(timeColumn(v[7])),
			Priority: int2Column(v[8]), Type: t.types.text(v[9]), IdempotencyKey: string(v[10]), Payload: bytes.Clone(v[13]),
		},
		Attempts: readHistory(v[15]), Worker: string(v[17]), StartedAt: fromMicros(timeColumn(v[18])), LeasedUntil: fromMicros(timeColumn(v[19])),
		FinishedAt: fromMicros(timeColumn(v[20])), Error: string(v[22]), ErrorClass: string(v[23]), AvailableAt: fromMicros(timeColumn(v[24])),
	}
	// A message that cannot be decoded is shown as far as it can.
	m.DecodeErr = errors.Join(decode("headers", v[11], &m.Headers), decode("metadata", v[12], &m.Metadata), m.DecodeExtras(v[14]))
	if boolColumn(v[25]) {
		m.Omitted = &symphony.Omitted{Payload: int4Column(v[26]), Metadata: int4Column(v[27]), Headers: int4Column(v[28]), Attempts: int4Column(v[29])}
	}
	if v[16] != nil {
		m.Deliveries = int4Column(v[16])
	} else if n := len(m.Attempts); n > 0 {
		m.Deliveries = m.Attempts[n-1].Number
	}
	switch place := int2Column(v[2]); {
	case place == inCompleted:
		m.Status = symphony.Completed
	case place == inFailed:
		m.Status, m.FailedID = symphony.Failed, uuidColumn(v[21]).String()
	case boolColumn(v[3]):
		m.Status = symphony.Processing
	default:
		m.Status = symphony.Pending
	}
	return m
}

// ListMessages returns a page of messages.
func (t *Transport) ListMessages(ctx context.Context, q symphony.MessageQuery) (page symphony.MessagePage, err error) {
	q = q.WithDefaults()
	limit, bytes := q.Limit, storage.NewPageBytes(q.Bytes)
	page.Next, err = t.inParts(ctx, q, func(q symphony.MessageQuery) (next string, full bool, err error) {
		q.Limit, q.Bytes = limit-len(page.Messages), bytes.Left()
		b, err := t.newSearch(q)
		if err != nil {
			return "", false, err
		}
		err = t.inspect(ctx, "list messages", call{query: &query{sql: b.listText()}, params: b.params, row: func(v [][]byte) error {
			switch {
			case !boolColumn(v[0]): // as many as may be were looked at
				next = uuidColumn(v[4]).String()
			case len(page.Messages) == limit:
				full = true
			default:
				m := t.messageInfo(v)
				if m.Omitted == nil {
					bytes.Message(&m.Envelope, m.Attempts)
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

// CountMessages counts messages.
func (t *Transport) CountMessages(ctx context.Context, q symphony.MessageQuery) (c symphony.MessageCount, err error) {
	c.Next, err = t.inParts(ctx, q.WithDefaults(), func(q symphony.MessageQuery) (next string, full bool, err error) {
		b, err := t.newSearch(q)
		if err != nil {
			return "", false, err
		}
		err = t.inspect(ctx, "count messages", call{query: &query{sql: b.countText()}, params: b.params, row: func(v [][]byte) error {
			c.Count += int8Column(v[0])
			if boolColumn(v[2]) {
				next = string(v[1])
			}
			return nil
		}})
		return next, false, err
	})
	if err != nil {
		return symphony.MessageCount{}, err
	}
	return c, nil
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

// inParts calls f for the messages that q may look at: all at once, or some at a time where they are searched for a text. f
// returns where to go on, and whether enough was found.
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

// getMessage is a list of one.
var getMessage = func() *query {
	b := &search{MessageQuery: symphony.MessageQuery{Limit: 1, Scan: 1, Bytes: symphony.MaxPageBytes}, bounds: []string{"id = $2::uuid"},
		filter: "lane = ANY (ARRAY(SELECT lane FROM {schema}.messenger_lanes WHERE transport = $1::text))", kept: "$3::timestamptz"}
	return newQuery("get_message", b.listText())
}()

// GetMessage returns one message.
func (t *Transport) GetMessage(ctx context.Context, id string) (m symphony.MessageInfo, err error) {
	key, ok := messageID(id)
	if ok {
		if err := t.catchUp(ctx); err != nil {
			return m, err
		}
		err = t.do(ctx, "read message", call{query: getMessage, params: [][]byte{[]byte(t.name), key[:], t.keptSince()}, row: func(v [][]byte) error {
			m = t.messageInfo(v)
			return nil
		}})
	}
	if err == nil && m.ID == "" {
		err = fmt.Errorf("message %s: %w", id, symphony.ErrNotFound)
	}
	return m, err
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
