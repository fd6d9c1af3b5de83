package client

import (
	"context"

	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// Purge deletes waiting messages.
func (c *Client) Purge(ctx context.Context, r wire.PurgeRequest) (wire.PurgeResponse, error) {
	return send(ctx, c, wire.PurgeQueue, "", nil, r)
}
