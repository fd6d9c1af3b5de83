package client

import (
	"context"

	"github.com/symphony-messenger/symphony"
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

// Purge deletes waiting messages.
func (c *Client) Purge(ctx context.Context, r wire.PurgeRequest) (wire.PurgeResponse, error) {
	return send(ctx, c, wire.PurgeQueue, "", nil, r)
}

// StopWorkers asks all workers that run now to stop. They do not come back by themselves; see StartWorkers.
func (c *Client) StopWorkers(ctx context.Context) (wire.DoneResponse, error) {
	return ask(ctx, c, wire.StopWorkers, "", nil)
}

// StartWorkers brings back the workers that StopWorkers stopped, in servers that still run.
func (c *Client) StartWorkers(ctx context.Context) (wire.DoneResponse, error) {
	return ask(ctx, c, wire.StartWorkers, "", nil)
}

// Receive claims messages, waiting for one as long as the request says. See Pull for a worker that does all of it.
func (c *Client) Receive(ctx context.Context, r wire.ReceiveRequest) (wire.ReceiveResponse, error) {
	return send(ctx, c, wire.ReceiveMessages, "", nil, r)
}

// Ack completes messages. Where leases were lost the error has code lease_lost, or foreign_receipt for receipts of another
// installation or version, and Error.Lost names their receipts; the others are completed.
func (c *Client) Ack(ctx context.Context, r wire.AckRequest) (wire.ReceiptsResponse, error) {
	return send(ctx, c, wire.AckMessages, "", nil, r)
}

// Nack reports that a message was not handled. Error and ErrorClass may be any texts: they are cleaned and cut.
func (c *Client) Nack(ctx context.Context, r wire.NackRequest) (out wire.NackResponse, err error) {
	if r.Error != nil {
		text := symphony.ClipError(*r.Error)
		r.Error = &text
	}
	if r.ErrorClass != nil {
		class := symphony.CleanClass(*r.ErrorClass)
		r.ErrorClass = &class
	}
	return send(ctx, c, wire.NackMessage, "", nil, r)
}

// Extend keeps messages for longer. Errors as with Ack.
func (c *Client) Extend(ctx context.Context, r wire.ExtendRequest) (wire.ReceiptsResponse, error) {
	return send(ctx, c, wire.ExtendLeases, "", nil, r)
}
