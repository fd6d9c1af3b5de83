package wire

import "time"

// Cancel is a request to cancel a message.
type Cancel struct {
	RequestedAt time.Time `json:"requestedAt" required:"true"`
	By          string    `json:"by,omitzero" description:"Who wanted it."`
	Reason      string    `json:"reason,omitzero" mask:"text"`
}

// CancelRequest is the optional body of POST /api/symphony/messages/{id}/cancel.
type CancelRequest struct {
	Reason *string `json:"reason,omitzero" audit:"keep" maxLength:"500" description:"Why, for people."`
}

// CancelResponse answers a cancellation.
type CancelResponse struct {
	Success   bool   `json:"success" required:"true"`
	MessageID string `json:"messageId" required:"true"`
	Status    string `json:"status" enum:"cancelled,cancelling" audit:"keep" required:"true" description:"cancelling: a worker has it, and is told."`
}
