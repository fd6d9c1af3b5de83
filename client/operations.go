package client

import (
	"context"
	"net/url"
	"strconv"

	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// OperationQuery asks for a page of operations. Zero fields select everything.
type OperationQuery struct {
	State  string
	Limit  int    // 0: the server's default
	Cursor string // NextCursor of the page before
}

// Operations returns a page of operations, newest first.
func (c *Client) Operations(ctx context.Context, q OperationQuery) (out wire.OperationsResponse, err error) {
	values := url.Values{}
	for name, value := range map[string]string{"state": q.State, "cursor": q.Cursor} {
		if value != "" {
			values.Set(name, value)
		}
	}
	if q.Limit != 0 {
		values.Set("limit", strconv.Itoa(q.Limit))
	}
	return ask(ctx, c, wire.ListOperations, "", values)
}

// Operation returns one operation with its progress.
func (c *Client) Operation(ctx context.Context, id string) (wire.OperationResponse, error) {
	return ask(ctx, c, wire.GetOperation, id, nil)
}

// StopOperation stops an operation. When it returns, nothing more is done.
func (c *Client) StopOperation(ctx context.Context, id string) (wire.OperationResponse, error) {
	return ask(ctx, c, wire.StopOperation, id, nil)
}

// ResumeOperation goes on with an operation that was stopped or has failed.
func (c *Client) ResumeOperation(ctx context.Context, id string) (wire.OperationResponse, error) {
	return ask(ctx, c, wire.ResumeOperation, id, nil)
}

// RetryFailedInBackground dispatches many failed messages again, as an operation.
func (c *Client) RetryFailedInBackground(ctx context.Context, r wire.BulkRequest) (out wire.OperationResponse, err error) {
	return c.inBackground(ctx, wire.RetryFailedMessages, r)
}

// DeleteFailedInBackground deletes many failed messages, as an operation.
func (c *Client) DeleteFailedInBackground(ctx context.Context, r wire.BulkRequest) (out wire.OperationResponse, err error) {
	return c.inBackground(ctx, wire.DeleteFailedMessages, r)
}

func (c *Client) inBackground(
	ctx context.Context, e wire.Endpoint[wire.BulkRequest, wire.BulkResponse], r wire.BulkRequest,
) (out wire.OperationResponse, err error) {
	yes := true
	r.Background = &yes
	err = c.do(ctx, e.Method, e.Path, "", nil, r, &out)
	return out, err
}
