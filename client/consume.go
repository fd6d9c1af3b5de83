package client

import (
	"context"

	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// Consume runs a worker on the server until its queue is empty or a limit is hit.
func (c *Client) Consume(ctx context.Context, r wire.ConsumeRequest) (wire.ConsumeResponse, error) {
	return send(ctx, c, wire.ConsumeMessages, "", nil, r)
}
