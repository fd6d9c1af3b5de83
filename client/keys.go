package client

import (
	"context"

	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// Keys lists the API keys.
func (c *Client) Keys(ctx context.Context) (wire.KeysResponse, error) {
	return ask(ctx, c, wire.ListAPIKeys, "", nil)
}

// CreateKey makes an API key.
func (c *Client) CreateKey(ctx context.Context, r wire.CreateKeyRequest) (wire.CreateKeyResponse, error) {
	return send(ctx, c, wire.CreateAPIKey, "", nil, r)
}

// RevokeKey revokes an API key.
func (c *Client) RevokeKey(ctx context.Context, id string) (wire.DoneResponse, error) {
	return ask(ctx, c, wire.RevokeAPIKey, id, nil)
}
