package client

import (
	"context"

	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// Dispatch dispatches one message.
func (c *Client) Dispatch(ctx context.Context, r wire.DispatchRequest) (wire.DispatchResponse, error) {
	return send(ctx, c, wire.DispatchMessage, "", nil, r)
}

// DispatchBatch dispatches up to 1000 messages, all or nothing.
func (c *Client) DispatchBatch(ctx context.Context, r wire.BatchRequest) (wire.BatchResponse, error) {
	return send(ctx, c, wire.DispatchMessages, "", nil, r)
}
