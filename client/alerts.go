package client

import (
	"context"

	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// Alerts tells how every rule stands.
func (c *Client) Alerts(ctx context.Context) (wire.AlertsResponse, error) {
	return ask(ctx, c, wire.ListAlerts, "", nil)
}

// TestAlerts has the server post a test notification to every webhook, and tells what came of it.
func (c *Client) TestAlerts(ctx context.Context) (wire.AlertTestResponse, error) {
	return ask(ctx, c, wire.TestAlerts, "", nil)
}
