package httpapi

import (
	"net/http"
	"slices"
	"time"

	stdjson "encoding/json"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// removable are the members of a change that null takes away.
var removable = []string{"metadata", "priority", "scheduledAt", "expiresAt", "tags", "maxRetries"}

func messagesEdit(c *call) error {
	var given map[string]jsontext.Value
	if err := c.accept(&given, nil); err != nil {
		return err
	}
	edit, err := c.messageEdit(given)
	if err != nil {
		return err
	}
	messages, err := c.messages(c.query["transport"])
	if err != nil {
		return err
	}
	m, err := messages.Edit(c.Context(), c.PathValue("id"), edit)
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, wire.MessageResponse{Success: true, Message: wholeMessage(&m)})
}

// messageEdit is what a change asks for, in which null takes away what is there.
func (c *call) messageEdit(given map[string]jsontext.Value) (edit symphony.MessageEdit, err error) {
	if len(given) == 0 {
		return edit, invalid(symphony.Problem{Message: "must have at least one member to change"})
	}
	rest := make(map[string]jsontext.Value, len(given))
	for name, v := range given {
		if v.Kind() != 'n' || !slices.Contains(removable, name) {
			rest[name] = v
			continue
		}
		switch name {
		case "metadata":
			edit.Metadata = new(map[string]any)
		case "priority":
			edit.Priority = new(int)
		case "scheduledAt":
			edit.ScheduledAt = new(time.Time)
		case "tags":
			edit.Tags = new([]string)
		case "maxRetries":
			edit.MaxRetries = new(symphony.RetriesByPolicy)
		case "expiresAt":
			edit.ExpiresAt = new(time.Time)
		}
	}
	raw, err := json.Marshal(rest)
	if err != nil {
		return edit, err
	}
	var change wire.MessageEdit
	if err := decode(c.Context(), raw, &change); err != nil {
		return edit, explain(err, &change, func(bool) []symphony.Problem { return edited(&change, &edit) })
	}
	if list := edited(&change, &edit); len(list) > 0 {
		return edit, invalid(list...)
	}
	return edit, nil
}

// edited adds what a change gives to an edit, and returns what is wrong with it that the domain cannot see.
func edited(change *wire.MessageEdit, edit *symphony.MessageEdit) (list []symphony.Problem) {
	if change.Payload != nil {
		edit.Payload = stdjson.RawMessage(change.Payload)
	}
	if change.Metadata != nil {
		edit.Metadata = new(object(change.Metadata, "metadata", &list))
	}
	if change.Priority != nil {
		if edit.Priority = change.Priority; *change.Priority == 0 { // to the domain the default, which is null here
			edit.Priority = new(-1)
		}
	}
	if change.Tags != nil {
		edit.Tags = &change.Tags
	}
	if n := change.MaxRetries; n != nil {
		if edit.MaxRetries = n; *n < 0 { // to the domain the policy's, which is null here
			edit.MaxRetries = new(-2)
		}
	}
	if change.ScheduledAt != nil {
		edit.ScheduledAt = new(instant(change.ScheduledAt, "scheduledAt", &list))
	}
	if change.ExpiresAt != nil {
		edit.ExpiresAt = new(instant(change.ExpiresAt, "expiresAt", &list))
	}
	return list
}
