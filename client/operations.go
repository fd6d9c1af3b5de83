package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/symphony-messenger/symphony/httpapi/wire"
)

const operationsPath = "/api/symphony/operations"

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
	err = c.do(ctx, http.MethodGet, operationsPath, values, nil, &out)
	return out, err
}

// Operation returns one operation with its progress.
func (c *Client) Operation(ctx context.Context, id string) (out wire.OperationResponse, err error) {
	err = c.do(ctx, http.MethodGet, operationsPath+"/"+url.PathEscape(id), nil, nil, &out)
	return out, err
}

// StopOperation stops an operation. When it returns, nothing more is done.
func (c *Client) StopOperation(ctx context.Context, id string) (out wire.OperationResponse, err error) {
	err = c.do(ctx, http.MethodPost, operationsPath+"/"+url.PathEscape(id)+"/stop", nil, nil, &out)
	return out, err
}

// ResumeOperation goes on with an operation that was stopped or has failed.
func (c *Client) ResumeOperation(ctx context.Context, id string) (out wire.OperationResponse, err error) {
	err = c.do(ctx, http.MethodPost, operationsPath+"/"+url.PathEscape(id)+"/resume", nil, nil, &out)
	return out, err
}

// RetryFailedInBackground dispatches many failed messages again, as an operation.
func (c *Client) RetryFailedInBackground(ctx context.Context, r wire.BulkRequest) (out wire.OperationResponse, err error) {
	return c.inBackground(ctx, "retry", r)
}

// DeleteFailedInBackground deletes many failed messages, as an operation.
func (c *Client) DeleteFailedInBackground(ctx context.Context, r wire.BulkRequest) (out wire.OperationResponse, err error) {
	return c.inBackground(ctx, "delete", r)
}

func (c *Client) inBackground(ctx context.Context, do string, r wire.BulkRequest) (out wire.OperationResponse, err error) {
	yes := true
	r.Background = &yes
	err = c.do(ctx, http.MethodPost, "/api/symphony/failed/"+do, nil, r, &out)
	return out, err
}
