package client

import (
	"context"
	"net/http"

	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// Alerts tells how every rule stands.
func (c *Client) Alerts(ctx context.Context) (out wire.AlertsResponse, err error) {
	err = c.do(ctx, http.MethodGet, "/api/symphony/alerts", nil, nil, &out)
	return out, err
}

// TestAlerts has the server post a test notification to every webhook, and tells what came of it.
func (c *Client) TestAlerts(ctx context.Context) (out wire.AlertTestResponse, err error) {
	err = c.do(ctx, http.MethodPost, "/api/symphony/alerts/test", nil, nil, &out)
	return out, err
}
