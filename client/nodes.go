package client

import (
	"context"

	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// Nodes lists the processes that share the storage, with their workers.
func (c *Client) Nodes(ctx context.Context) (wire.NodesResponse, error) {
	return ask(ctx, c, wire.ListNodes, "", nil)
}

// StopNode asks the workers of one node to stop. They do not come back by themselves; see StartNode.
func (c *Client) StopNode(ctx context.Context, id string) (wire.DoneResponse, error) {
	return ask(ctx, c, wire.StopNode, id, nil)
}

// StartNode brings back the workers of one node that StopNode or StopWorkers stopped.
func (c *Client) StartNode(ctx context.Context, id string) (wire.DoneResponse, error) {
	return ask(ctx, c, wire.StartNode, id, nil)
}
