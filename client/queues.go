package client

import (
	"context"
	"net/url"

	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// Queues lists a page of the queues that have had messages, or for which something is set. The query takes transport,
// limit and cursor.
func (c *Client) Queues(ctx context.Context, query url.Values) (wire.QueuesResponse, error) {
	return ask(ctx, c, wire.ListQueues, "", query)
}
