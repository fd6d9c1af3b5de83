package client

import (
	"context"
	"net/http"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// Pause stops handing out messages of a queue, of types or of a transport.
func (c *Client) Pause(ctx context.Context, r wire.HoldRequest) (out wire.HoldsResponse, err error) {
	err = c.do(ctx, http.MethodPost, "/api/symphony/pause", nil, r, &out)
	return out, err
}

// Drain stops accepting messages for a queue or a transport.
func (c *Client) Drain(ctx context.Context, r wire.HoldRequest) (out wire.HoldsResponse, err error) {
	err = c.do(ctx, http.MethodPost, "/api/symphony/drain", nil, r, &out)
	return out, err
}

// Resume ends a pause or a drain. Where there is none of that target the error has code not_found.
func (c *Client) Resume(ctx context.Context, r wire.HoldTarget) (out wire.HoldsResponse, err error) {
	err = c.do(ctx, http.MethodPost, "/api/symphony/resume", nil, r, &out)
	return out, err
}

// Holds lists what is paused or draining in a transport, "" for the default one.
func (c *Client) Holds(ctx context.Context, transport string) (out wire.HoldsResponse, err error) {
	err = c.do(ctx, http.MethodGet, "/api/symphony/holds", inTransport(transport), nil, &out)
	return out, err
}

// Purge deletes waiting messages.
func (c *Client) Purge(ctx context.Context, r wire.PurgeRequest) (out wire.PurgeResponse, err error) {
	err = c.do(ctx, http.MethodPost, "/api/symphony/purge", nil, r, &out)
	return out, err
}

// StopWorkers asks all workers that run now to stop. They do not come back by themselves; see StartWorkers.
func (c *Client) StopWorkers(ctx context.Context) (out wire.DoneResponse, err error) {
	err = c.do(ctx, http.MethodPost, "/api/symphony/workers/stop", nil, nil, &out)
	return out, err
}

// StartWorkers brings back the workers that StopWorkers stopped, in servers that still run.
func (c *Client) StartWorkers(ctx context.Context) (out wire.DoneResponse, err error) {
	err = c.do(ctx, http.MethodPost, "/api/symphony/workers/start", nil, nil, &out)
	return out, err
}

// Receive claims messages, waiting for one as long as the request says. See Pull for a worker that does all of it.
func (c *Client) Receive(ctx context.Context, r wire.ReceiveRequest) (out wire.ReceiveResponse, err error) {
	err = c.do(ctx, http.MethodPost, "/api/symphony/receive", nil, r, &out)
	return out, err
}

// Ack completes messages. Where leases were lost the error has code lease_lost, or foreign_receipt for receipts of another
// installation or version, and Error.Lost names their receipts; the others are completed.
func (c *Client) Ack(ctx context.Context, r wire.AckRequest) (out wire.ReceiptsResponse, err error) {
	err = c.do(ctx, http.MethodPost, "/api/symphony/ack", nil, r, &out)
	return out, err
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
	err = c.do(ctx, http.MethodPost, "/api/symphony/nack", nil, r, &out)
	return out, err
}

// Extend keeps messages for longer. Errors as with Ack.
func (c *Client) Extend(ctx context.Context, r wire.ExtendRequest) (out wire.ReceiptsResponse, err error) {
	err = c.do(ctx, http.MethodPost, "/api/symphony/extend", nil, r, &out)
	return out, err
}
