package client

import (
	"context"
	"net/url"

	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// Types lists a page of the types of messages that were seen, and of patterns for which something is configured. The
// query takes transport, type, counts, limit and cursor.
func (c *Client) Types(ctx context.Context, query url.Values) (wire.TypesResponse, error) {
	return ask(ctx, c, wire.ListTypes, "", query)
}
