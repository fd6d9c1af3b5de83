package client

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// Health tells whether work flows. An unhealthy installation is a report, not an error.
func (c *Client) Health(ctx context.Context) (wire.HealthReport, error) {
	out, err := ask(ctx, c, wire.GetHealth, "", nil)
	var e *Error
	if errors.As(err, &e) && e.Code == "unhealthy" {
		if uerr := json.Unmarshal(e.Details, &out); uerr == nil {
			return out, nil
		}
	}
	return out, err
}
