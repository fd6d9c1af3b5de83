package client

import (
	"context"

	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// StopWorkers asks all workers that run now to stop. They do not come back by themselves; see StartWorkers.
func (c *Client) StopWorkers(ctx context.Context) (wire.DoneResponse, error) {
	return ask(ctx, c, wire.StopWorkers, "", nil)
}

// StartWorkers brings back the workers that StopWorkers stopped, in servers that still run.
func (c *Client) StartWorkers(ctx context.Context) (wire.DoneResponse, error) {
	return ask(ctx, c, wire.StartWorkers, "", nil)
}

// Workers shows the workers of all nodes, and who else has messages in hand.
func (c *Client) Workers(ctx context.Context) (wire.WorkersResponse, error) {
	return ask(ctx, c, wire.ListWorkers, "", nil)
}
