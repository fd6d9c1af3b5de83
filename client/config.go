package client

import (
	"context"

	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// Config tells the settings in force at the server, with where each comes from. What is secret is masked.
func (c *Client) Config(ctx context.Context) (wire.ConfigResponse, error) {
	return ask(ctx, c, wire.GetConfig, "", nil)
}
