package client

import (
	"context"
	"net/url"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// FailedQuery asks for a page of failed messages.
type FailedQuery struct {
	Transport string // "": all transports
	wire.FailedFilter
	Limit  int    // 0: the server's default
	Offset int    // ignored with Cursor
	Cursor string // NextCursor of the page before
}

func (q *FailedQuery) values() url.Values {
	values := inTransport(q.Transport)
	q.Values(values)
	if q.Cursor != "" {
		values.Set("cursor", q.Cursor)
	}
	if q.Limit != 0 {
		values.Set("limit", strconv.Itoa(q.Limit))
	}
	if q.Offset != 0 {
		values.Set("offset", strconv.Itoa(q.Offset))
	}
	return values
}

// FailedList returns a page of failed messages, newest failure first.
func (c *Client) FailedList(ctx context.Context, q FailedQuery) (wire.FailedListResponse, error) {
	return ask(ctx, c, wire.ListFailedMessages, "", q.values())
}

// Failed returns one failed message.
func (c *Client) Failed(ctx context.Context, transport, id string) (wire.FailedResponse, error) {
	return ask(ctx, c, wire.GetFailedMessage, id, c.reading(inTransport(transport)))
}

// RetryFailed dispatches one failed message again, with a corrected payload unless nil.
func (c *Client) RetryFailed(ctx context.Context, transport, id string, payload jsontext.Value) (wire.RetryResponse, error) {
	return send(ctx, c, wire.RetryFailedMessage, id, inTransport(transport), wire.RetryRequest{Payload: payload})
}

// DeleteFailed deletes one failed message.
func (c *Client) DeleteFailed(ctx context.Context, transport, id string) (wire.DoneResponse, error) {
	return ask(ctx, c, wire.DeleteFailedMessage, id, inTransport(transport))
}

// RetryFailedBulk dispatches many failed messages again, before it returns.
func (c *Client) RetryFailedBulk(ctx context.Context, r wire.BulkRequest) (wire.BulkResponse, error) {
	r.Background = new(false)
	return send(ctx, c, wire.RetryFailedMessages, "", nil, r)
}

// DeleteFailedBulk deletes many failed messages, before it returns.
func (c *Client) DeleteFailedBulk(ctx context.Context, r wire.BulkRequest) (wire.BulkResponse, error) {
	r.Background = new(false)
	return send(ctx, c, wire.DeleteFailedMessages, "", nil, r)
}

// PreviewFailedRetry counts the failed messages that would be dispatched again, and shows three examples of what a
// patch makes of them.
func (c *Client) PreviewFailedRetry(ctx context.Context, r wire.BulkRequest) (wire.BulkResponse, error) {
	r.DryRun = new(true)
	return send(ctx, c, wire.RetryFailedMessages, "", nil, r)
}

// PreviewFailedDelete counts the failed messages that would be deleted.
func (c *Client) PreviewFailedDelete(ctx context.Context, r wire.BulkRequest) (wire.BulkResponse, error) {
	r.DryRun = new(true)
	return send(ctx, c, wire.DeleteFailedMessages, "", nil, r)
}
