package wire

import (
	"time"
)

// HoldRequest is the body of POST /api/symphony/pause and /drain.
type HoldRequest struct {
	HoldTarget
	Reason *string    `json:"reason,omitzero" audit:"keep" maxLength:"500" description:"Why, for people."`
	Until  *time.Time `json:"until,omitzero" audit:"keep" description:"When it ends by itself."`
}

// HoldTarget says what to stop or resume: a queue, the types of a pattern, or with neither the whole transport.
type HoldTarget struct {
	Transport *string `json:"transport,omitzero" absent:"default" audit:"keep" description:"Default: the default transport."`
	Queue     *string `json:"queue,omitzero" absent:"all" audit:"keep" minLength:"1" maxLength:"100"`
	Type      *string `json:"type,omitzero" absent:"all" audit:"keep" minLength:"1" maxLength:"255" description:"A type or a pattern such as Mail.*. Not with drain, and not with queue."`
}

// Hold is a part of a transport that was stopped.
type Hold struct {
	Mode   string    `json:"mode" enum:"paused,draining" required:"true" description:"paused: messages are accepted and none is handed out. draining: messages are handed out and none is accepted."`
	Queue  string    `json:"queue,omitzero"`
	Type   string    `json:"type,omitzero"`
	Since  time.Time `json:"since" required:"true"`
	Until  time.Time `json:"until,omitzero" description:"When it ends by itself."`
	By     string    `json:"by,omitzero"`
	Reason string    `json:"reason,omitzero"`
}

// HoldsResponse lists what is stopped in a transport, oldest first.
type HoldsResponse struct {
	Success   bool   `json:"success" required:"true"`
	Transport string `json:"transport" required:"true"`
	Holds     []Hold `json:"holds" required:"true"`
}
