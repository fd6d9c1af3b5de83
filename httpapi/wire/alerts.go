package wire

import "time"

// AlertsResponse tells how every rule stands.
type AlertsResponse struct {
	Success bool    `json:"success" required:"true"`
	Enabled bool    `json:"enabled" required:"true" description:"Whether the rules are judged; see alerts.enabled in the configuration. Where not, nobody is told of anything: values are those of now, and firing, since, id and toldAt are as they were when the rules were last judged."`
	Alerts  []Alert `json:"alerts" required:"true"`
}

// Alert is a rule for a transport.
type Alert struct {
	Rule        string     `json:"rule" required:"true" description:"Like no_workers."`
	Transport   string     `json:"transport" required:"true"`
	Queue       string     `json:"queue,omitzero" description:"Where the oldest message is."`
	State       string     `json:"state" enum:"ok,pending,firing,resolving,unknown" required:"true" description:"ok. pending: it holds, not for long enough. firing. resolving: it fires and does not hold any more, not for long enough. unknown: its value cannot be had now."`
	Firing      bool       `json:"firing" required:"true"`
	Since       *time.Time `json:"since,omitzero" description:"When it began to fire, or was resolved; left out if it never fired."`
	ID          string     `json:"id,omitzero" description:"Of the last alert, the same from firing to resolution."`
	Value       float64    `json:"value" required:"true"`
	Threshold   float64    `json:"threshold" required:"true" description:"The rule holds at this value and above."`
	Clear       float64    `json:"clear" required:"true" description:"An alert is resolved at this value and below."`
	Unit        string     `json:"unit" required:"true" description:"messages, ms, ratio, bytes or groups."`
	Text        string     `json:"text" required:"true"`
	ToldAt      *time.Time `json:"toldAt,omitzero" description:"When the last notification was made."`
	Undelivered int        `json:"undelivered" required:"true" description:"Notifications that some webhook has not taken yet."`
}

// AlertTestResponse tells what came of a test notification.
type AlertTestResponse struct {
	Success  bool            `json:"success" required:"true"`
	Webhooks []AlertDelivery `json:"webhooks" required:"true" audit:"keep"`
}

// AlertDelivery is what one webhook answered.
type AlertDelivery struct {
	Webhook   string `json:"webhook" required:"true" description:"Scheme, host and path."`
	Delivered bool   `json:"delivered" required:"true"`
	Error     string `json:"error,omitzero" mask:"text"`
}
