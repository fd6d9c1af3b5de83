package client

import (
	"context"
	"time"

	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// CreateToken makes a token that shows one message to an end user, for a time of a minute to a day, in whole seconds; 0
// is an hour. Without the scope operate it is for messages that the caller has dispatched.
func (c *Client) CreateToken(ctx context.Context, id string, ttl time.Duration) (wire.TokenResponse, error) {
	var r wire.TokenRequest
	if ttl != 0 {
		seconds := int(ttl / time.Second)
		r.TTL = &seconds
	}
	return send(ctx, c, wire.CreateToken, id, nil, r)
}

// PublicMessage returns what a token shows of its message. The client's own key is not sent.
func (c *Client) PublicMessage(ctx context.Context, id, token string) (out wire.PublicResponse, err error) {
	bearer := *c
	bearer.key = token
	return ask(ctx, &bearer, wire.GetPublicMessage, id, nil)
}
