package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// Dispatch dispatches one message.
func (c *Client) Dispatch(ctx context.Context, r wire.DispatchRequest) (out wire.DispatchResponse, err error) {
	err = c.do(ctx, http.MethodPost, "/api/symphony/dispatch", nil, r, &out)
	return out, err
}

// DispatchBatch dispatches up to 1000 messages, all or nothing.
func (c *Client) DispatchBatch(ctx context.Context, r wire.BatchRequest) (out wire.BatchResponse, err error) {
	err = c.do(ctx, http.MethodPost, "/api/symphony/dispatch/batch", nil, r, &out)
	return out, err
}

// Consume runs a worker on the server until its queue is empty or a limit is hit.
func (c *Client) Consume(ctx context.Context, r wire.ConsumeRequest) (out wire.ConsumeResponse, err error) {
	err = c.do(ctx, http.MethodPost, "/api/symphony/consume", nil, r, &out)
	return out, err
}

// Status counts the messages of a transport, "" for the default one.
func (c *Client) Status(ctx context.Context, transport string) (out wire.StatusResponse, err error) {
	err = c.do(ctx, http.MethodGet, "/api/symphony/status", inTransport(transport), nil, &out)
	return out, err
}

// FailedQuery asks for a page of failed messages.
type FailedQuery struct {
	Transport string
	wire.FailedFilter
	Limit  int    // 0: the server's default
	Offset int    // ignored with Cursor
	Cursor string // NextCursor of the page before
}

func (q *FailedQuery) values() url.Values {
	values := inTransport(q.Transport)
	set := func(name, value string) {
		if value != "" {
			values.Set(name, value)
		}
	}
	setTime := func(name string, t *time.Time) {
		if t != nil {
			values.Set(name, t.UTC().Format(time.RFC3339Nano))
		}
	}
	set("queue", q.Queue)
	set("type", q.Type)
	set("errorClass", q.ErrorClass)
	set("q", q.Q)
	set("cursor", q.Cursor)
	setTime("since", q.Since)
	setTime("until", q.Until)
	if q.Limit != 0 {
		values.Set("limit", strconv.Itoa(q.Limit))
	}
	if q.Offset != 0 {
		values.Set("offset", strconv.Itoa(q.Offset))
	}
	return values
}

// FailedList returns a page of failed messages, newest failure first.
func (c *Client) FailedList(ctx context.Context, q FailedQuery) (out wire.FailedListResponse, err error) {
	err = c.do(ctx, http.MethodGet, "/api/symphony/failed", q.values(), nil, &out)
	return out, err
}

// Failed returns one failed message.
func (c *Client) Failed(ctx context.Context, transport, id string) (out wire.FailedResponse, err error) {
	err = c.do(ctx, http.MethodGet, "/api/symphony/failed/"+url.PathEscape(id), inTransport(transport), nil, &out)
	return out, err
}

// RetryFailed dispatches one failed message again, with a corrected payload unless nil.
func (c *Client) RetryFailed(ctx context.Context, transport, id string, payload jsontext.Value) (out wire.RetryResponse, err error) {
	err = c.do(ctx, http.MethodPost, "/api/symphony/failed/"+url.PathEscape(id)+"/retry", inTransport(transport), wire.RetryRequest{Payload: payload}, &out)
	return out, err
}

// DeleteFailed deletes one failed message.
func (c *Client) DeleteFailed(ctx context.Context, transport, id string) (out wire.DoneResponse, err error) {
	err = c.do(ctx, http.MethodDelete, "/api/symphony/failed/"+url.PathEscape(id), inTransport(transport), nil, &out)
	return out, err
}

// RetryFailedBulk dispatches many failed messages again.
func (c *Client) RetryFailedBulk(ctx context.Context, r wire.BulkRequest) (out wire.BulkResponse, err error) {
	err = c.do(ctx, http.MethodPost, "/api/symphony/failed/retry", nil, r, &out)
	return out, err
}

// DeleteFailedBulk deletes many failed messages.
func (c *Client) DeleteFailedBulk(ctx context.Context, r wire.BulkRequest) (out wire.BulkResponse, err error) {
	err = c.do(ctx, http.MethodPost, "/api/symphony/failed/delete", nil, r, &out)
	return out, err
}

// Keys lists the API keys.
func (c *Client) Keys(ctx context.Context) (out wire.KeysResponse, err error) {
	err = c.do(ctx, http.MethodGet, "/api/symphony/keys", nil, nil, &out)
	return out, err
}

// CreateKey makes an API key.
func (c *Client) CreateKey(ctx context.Context, r wire.CreateKeyRequest) (out wire.CreateKeyResponse, err error) {
	err = c.do(ctx, http.MethodPost, "/api/symphony/keys", nil, r, &out)
	return out, err
}

// RevokeKey revokes an API key.
func (c *Client) RevokeKey(ctx context.Context, id string) (out wire.DoneResponse, err error) {
	err = c.do(ctx, http.MethodDelete, "/api/symphony/keys/"+url.PathEscape(id), nil, nil, &out)
	return out, err
}

func inTransport(name string) url.Values {
	values := url.Values{}
	if name != "" {
		values.Set("transport", name)
	}
	return values
}
