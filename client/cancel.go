package client

import (
	"context"

	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// CancelMessage cancels a message, wherever it is. An empty transport is whichever has it. Where a worker has it, the
// answer's status is cancelling: the worker is told, and nothing that it does with the message counts any more.
func (c *Client) CancelMessage(
	ctx context.Context, transport, id string, r wire.CancelRequest,
) (wire.CancelResponse, error) {
	return send(ctx, c, wire.CancelMessage, id, inTransport(transport), r)
}
