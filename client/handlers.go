package client

import (
	"context"
	"net/url"

	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// HandlerTarget says which handler is meant: that of a pattern of types, or the one of a pattern that is for one queue
// alone.
type HandlerTarget struct{ Pattern, Queue string }

func (t HandlerTarget) query() url.Values {
	values := url.Values{}
	if t.Queue != "" {
		values.Set("queue", t.Queue)
	}
	return values
}

// Handlers lists what handles messages: what is configured, and what is set.
func (c *Client) Handlers(ctx context.Context) (wire.HandlersResponse, error) {
	return ask(ctx, c, wire.ListHandlers, "", nil)
}

// Handler returns one handler.
func (c *Client) Handler(ctx context.Context, t HandlerTarget) (wire.HandlerResponse, error) {
	return ask(ctx, c, wire.GetHandler, t.Pattern, t.query())
}

// SetHandler has messages pushed to a URL. The answer for a new handler has its secret, unless the request has one.
func (c *Client) SetHandler(ctx context.Context, t HandlerTarget, r wire.HandlerRequest) (wire.HandlerResponse, error) {
	return send(ctx, c, wire.SetHandler, t.Pattern, t.query(), r)
}

// DeleteHandler deletes a handler that was set.
func (c *Client) DeleteHandler(ctx context.Context, t HandlerTarget) (wire.DoneResponse, error) {
	return ask(ctx, c, wire.DeleteHandler, t.Pattern, t.query())
}

// RotateHandler makes the next secret of a handler, or takes the given one: both sign until RetireHandler.
func (c *Client) RotateHandler(ctx context.Context, t HandlerTarget, secret string) (wire.HandlerResponse, error) {
	var r wire.HandlerSecretRequest
	if secret != "" {
		r.Secret = &secret
	}
	return send(ctx, c, wire.RotateHandler, t.Pattern, t.query(), r)
}

// RetireHandler has the newer secret of a handler sign alone.
func (c *Client) RetireHandler(ctx context.Context, t HandlerTarget) (wire.HandlerResponse, error) {
	return ask(ctx, c, wire.RetireHandler, t.Pattern, t.query())
}
