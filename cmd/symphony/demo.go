package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/config"
)

// demoPattern are the types that serve handles itself while no handlers are configured.
const demoPattern = "demo.*"

// demo registers the handler of the demo messages where no handlers are configured.
func demo(c *config.Config, log *slog.Logger) func(*symphony.Mux) {
	return func(mux *symphony.Mux) {
		if len(c.Handlers) == 0 {
			mux.Handle(demoPattern, demoHandler(log), symphony.HandlerOptions{Name: "demo"})
		}
	}
}

// errDemo is how a demo message fails that asks for it.
var errDemo = errors.New(`the payload says "fail": true`)

// demoHandler lets a newcomer see a message handled, break one, and mend it.
func demoHandler(log *slog.Logger) symphony.Handler {
	return symphony.HandlerFunc(func(ctx context.Context, d *symphony.Delivery) error {
		var payload struct {
			Fail bool `json:"fail"`
		}
		if err := json.Unmarshal(d.Payload, &payload); err != nil {
			return symphony.Permanent(err)
		}
		if payload.Fail {
			return symphony.Permanent(errDemo)
		}
		log.InfoContext(ctx, "demo message handled", "message_id", d.ID, "type", d.Type, "transport", d.Transport, "queue", d.Queue, "attempt", d.Attempt)
		return nil
	})
}
