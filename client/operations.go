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
func (c *Client) RetryFailedInBackground(ctx context.Context, r wire.BulkRequest) (wire.OperationResponse, error) {
	return send(ctx, c, wire.StartRetryFailed, "", nil, inBackground(r))
}

// DeleteFailedInBackground deletes many failed messages, as an operation.
func (c *Client) DeleteFailedInBackground(ctx context.Context, r wire.BulkRequest) (wire.OperationResponse, error) {
	return send(ctx, c, wire.StartDeleteFailed, "", nil, inBackground(r))
}

func inBackground(r wire.BulkRequest) wire.BulkRequest {
	yes := true
	r.Background = &yes
	return r
}
