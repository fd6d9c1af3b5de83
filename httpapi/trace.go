package httpapi

import (
	"context"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/tracing"
)

// traced returns the request's context with the trace that its headers continue, for what is dispatched with it.
func (c *call) traced() context.Context {
	t := tracing.FromRequest(c.Header)
	if t.Parent == "" {
		return c.Context()
	}
	return symphony.ContextWithTrace(c.Context(), t)
}
