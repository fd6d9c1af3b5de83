package httpapi

import (
	"net/http"

	"github.com/symphony-messenger/symphony/httpapi/wire"
)

var errNoAlerts = unsupported("judges no alerts: no transport keeps their state, or the API was made without Options.Alerts")

func alertsList(c *call) error {
	engine := c.api.o.Alerts
	if engine == nil {
		return errNoAlerts
	}
	list, err := engine.List(c.Context())
	if err != nil {
		return err
	}
	out := wire.AlertsResponse{Success: true, Enabled: c.api.o.AlertsEnabled, Alerts: make([]wire.Alert, len(list))}
	for i, a := range list {
		out.Alerts[i] = wire.Alert{Rule: a.Rule, Transport: a.Transport, Queue: a.Queue, State: a.State, Firing: a.Firing, Since: optional(a.Since), ID: a.ID,
			Value: a.Value, Threshold: a.Threshold, Clear: a.Clear, Unit: a.Unit, Text: a.Text, ToldAt: optional(a.ToldAt), Undelivered: a.Undelivered}
	}
	return c.answer(http.StatusOK, out)
}

func alertsTest(c *call) error {
	engine := c.api.o.Alerts
	if engine == nil {
		return errNoAlerts
	}
	list, err := engine.Test(c.Context())
	if err != nil {
		return err
	}
	out := wire.AlertTestResponse{Success: true, Webhooks: make([]wire.AlertDelivery, len(list))}
	for i, d := range list {
		out.Webhooks[i] = wire.AlertDelivery{Webhook: d.Webhook, Delivered: d.Err == nil}
		if d.Err != nil {
			out.Webhooks[i].Error = d.Err.Error()
		}
	}
	return c.answer(http.StatusOK, out)
}
