package client

import (
	"cmp"
	"context"
	"net/url"
	"strings"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// LimitTarget says what a limit bounds: the types of a pattern, a queue of a transport, or messages with one
// concurrency key, there of all types or of those of a pattern.
type LimitTarget struct{ Type, Transport, Queue, Key string }

// Limits lists what limits are configured and set in the storage of a transport, "" for the default one.
func (c *Client) Limits(ctx context.Context, transport string) (wire.LimitsResponse, error) {
	return ask(ctx, c, wire.ListLimits, "", inTransport(transport))
}

// SetLimit sets a limit, in place of what was set or is configured for the same.
func (c *Client) SetLimit(ctx context.Context, t LimitTarget, r wire.LimitRequest) (wire.LimitsResponse, error) {
	switch {
	case t.Key != "":
		return send(ctx, c, wire.SetKeyLimit, t.Key, t.query(), r)
	case t.Queue != "":
		return send(ctx, c, t.ofQueue(wire.SetQueueLimit), t.Queue, nil, r)
	}
	return send(ctx, c, wire.SetTypeLimit, t.Type, t.query(), r)
}

// DeleteLimit goes back to the configured limit. Where nothing was set the error has code not_found.
func (c *Client) DeleteLimit(ctx context.Context, t LimitTarget) (wire.LimitsResponse, error) {
	switch {
	case t.Key != "":
		return ask(ctx, c, wire.DeleteKeyLimit, t.Key, t.query())
	case t.Queue != "":
		e := wire.DeleteQueueLimit
		e.Path = t.path(e.Path)
		return ask(ctx, c, e, t.Queue, nil)
	}
	return ask(ctx, c, wire.DeleteTypeLimit, t.Type, t.query())
}

func (t LimitTarget) ofQueue(
	e wire.Endpoint[wire.LimitRequest, wire.LimitsResponse],
) wire.Endpoint[wire.LimitRequest, wire.LimitsResponse] {
	e.Path = t.path(e.Path)
	return e
}

// path is a path with the transport, whose names need no escaping.
func (t LimitTarget) path(p string) string {
	return strings.Replace(p, "{transport}", url.PathEscape(cmp.Or(t.Transport, symphony.DefaultTransport)), 1)
}

func (t LimitTarget) query() url.Values {
	values := inTransport(t.Transport)
	if t.Key != "" && t.Type != "" {
		values.Set("type", t.Type)
	}
	return values
}
