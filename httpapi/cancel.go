package httpapi

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// messagesCancel cancels a message, wherever it is.
func messagesCancel(c *call) error {
	var req wire.CancelRequest
	err := c.accept(&req, func(bool) (list []symphony.Problem) {
		if n := len(value(req.Reason)); n > symphony.MaxReasonLength {
			message := fmt.Sprintf("must have at most %d bytes, has %d", symphony.MaxReasonLength, n)
			list = append(list, symphony.Problem{Path: "reason", Message: message})
		}
		return list
	})
	if err != nil {
		return err
	}
	id := c.PathValue("id")
	status, err := c.cancel(id, value(req.Reason))
	if err != nil {
		return err
	}
	if status == symphony.Cancelled {
		return c.answer(http.StatusOK, wire.CancelResponse{Success: true, MessageID: id, Status: string(status)})
	}
	return c.answer(http.StatusAccepted, wire.CancelResponse{Success: true, MessageID: id, Status: "cancelling"})
}

// cancel cancels a message of the transport that is named, or of whichever has it.
func (c *call) cancel(id, reason string) (status symphony.Status, err error) {
	transports := c.api.o.Bus.Names()
	if name := c.query["transport"]; name != "" {
		transports = []string{name}
	}
	none := fmt.Errorf("message %s: %w", id, symphony.ErrNotFound)
	for _, name := range transports {
		messages, err := c.messages(name)
		if errors.Is(err, symphony.ErrUnsupported) && len(transports) > 1 {
			continue
		}
		if err != nil {
			return "", err
		}
		status, err = messages.Cancel(c.Context(), id, c.principal.ID, reason)
		if err == nil || !errors.Is(err, symphony.ErrNotFound) {
			return status, err
		}
	}
	return "", none
}

// cancelOf is a request to cancel a message as the API tells it.
func cancelOf(c *symphony.Cancellation) *wire.Cancel {
	if c == nil {
		return nil
	}
	return &wire.Cancel{RequestedAt: c.RequestedAt.UTC(), By: c.By, Reason: c.Reason}
}
