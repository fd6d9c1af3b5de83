package client

import (
	"context"

	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// Status counts the messages of a transport, "" for the default one.
func (c *Client) Status(ctx context.Context, transport string) (wire.StatusResponse, error) {
	return ask(ctx, c, wire.GetStatus, "", inTransport(transport))
}
