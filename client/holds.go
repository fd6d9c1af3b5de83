package client

import (
	"context"

	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// Pause stops handing out messages of a queue, of types or of a transport.
func (c *Client) Pause(ctx context.Context, r wire.HoldRequest) (wire.HoldsResponse, error) {
	return send(ctx, c, wire.PauseQueue, "", nil, r)
}

// Drain stops accepting messages for a queue or a transport.
func (c *Client) Drain(ctx context.Context, r wire.HoldRequest) (wire.HoldsResponse, error) {
	return send(ctx, c, wire.DrainQueue, "", nil, r)
}

// Resume ends a pause or a drain. Where there is none of that target the error has code not_found.
func (c *Client) Resume(ctx context.Context, r wire.HoldTarget) (wire.HoldsResponse, error) {
	return send(ctx, c, wire.ResumeQueue, "", nil, r)
}

// Holds lists what is paused or draining in a transport, "" for the default one.
func (c *Client) Holds(ctx context.Context, transport string) (wire.HoldsResponse, error) {
	return ask(ctx, c, wire.ListHolds, "", inTransport(transport))
}
