package wire

import (
	"fmt"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// ReceiveRequest is the body of POST /api/symphony/receive. All is optional.
type ReceiveRequest struct {
	Transport *string `json:"transport,omitzero" description:"Default: the default transport."`
	Queues    Names   `json:"queues,omitzero" absent:"all" minItems:"1" maxItems:"1000" description:"Default: all."`
	Max       *int    `json:"max,omitzero" minimum:"1" maximum:"100" default:"10" description:"The most messages to return."`
	Wait      *int    `json:"wait,omitzero" minimum:"0" maximum:"30000" default:"0" description:"How long to wait for a message when there is none, in milliseconds."`
	Lease     *int    `json:"lease,omitzero" minimum:"1000" maximum:"3600000" default:"30000" description:"How long the messages belong to the caller unless extended, in milliseconds."`
	Worker    *string `json:"worker,omitzero" minLength:"1" maxLength:"100" description:"Names the caller in the attempts' history. Default: its API key or user."`
}

// ReceiveResponse has the messages that were claimed, none if none was ready.
type ReceiveResponse struct {
	Success  bool     `json:"success" required:"true"`
	Messages []Pulled `json:"messages" required:"true"`
}

// Pulled is a message in a pull worker's hands.
type Pulled struct {
	Receipt        string                    `json:"receipt" required:"true" description:"Settles this delivery. Opaque."`
	ID             string                    `json:"id" required:"true"`
	Type           string                    `json:"type" required:"true"`
	Payload        jsontext.Value            `json:"payload" required:"true"`
	Metadata       jsontext.Value            `json:"metadata" required:"true"`
	Headers        map[string]jsontext.Value `json:"headers" required:"true"`
	Transport      string                    `json:"transport" required:"true"`
	Queue          string                    `json:"queue" required:"true"`
	Priority       int                       `json:"priority" required:"true"`
	Attempt        int                       `json:"attempt" required:"true" description:"1 is the first delivery."`
	IdempotencyKey string                    `json:"idempotencyKey,omitzero"`
	CreatedAt      time.Time                 `json:"createdAt" required:"true"`
	ScheduledAt    *time.Time                `json:"scheduledAt,omitzero"`
	LeasedUntil    time.Time                 `json:"leasedUntil" required:"true"`
	Flow
}

// AckRequest is the body of POST /api/symphony/ack.
type AckRequest struct {
	Receipts []string  `json:"receipts,omitzero" maxItems:"1000" description:"Of messages that leave nothing."`
	Items    []AckItem `json:"items,omitzero" maxItems:"1000" description:"With receipts at most as many together."`
}

// Text is the receipt at a place, items behind receipts.
func (r *AckRequest) Text(i int) string {
	if i < len(r.Receipts) {
		return r.Receipts[i]
	}
	return r.Items[i-len(r.Receipts)].Receipt
}

// Path is where in the request that receipt stands.
func (r *AckRequest) Path(i int) string {
	if i < len(r.Receipts) {
		return fmt.Sprintf("receipts[%d]", i)
	}
	return fmt.Sprintf("items[%d].receipt", i-len(r.Receipts))
}

// ExtendRequest is the body of POST /api/symphony/extend.
type ExtendRequest struct {
	Receipts []string `json:"receipts" required:"true" minItems:"1" maxItems:"1000"`
	Lease    *int     `json:"lease,omitzero" minimum:"1000" maximum:"3600000" default:"30000" description:"From now, in milliseconds."`
	Progress *Report  `json:"progress,omitzero" description:"With exactly one receipt: how far its message has come."`
	Log      []string `json:"log,omitzero" maxItems:"100" description:"With exactly one receipt: lines to keep."`
}

// ReceiptsResponse says that all receipts were acked or extended.
type ReceiptsResponse struct {
	Success bool `json:"success" required:"true"`
	Count   int  `json:"count" required:"true"`
}

// LostReceipt is one entry of the details of an answer with code lease_lost, message_cancelled, output_too_large or
// foreign_receipt: a receipt for which nothing was done. Its Code is one of these.
type LostReceipt struct {
	Path    string `json:"path" required:"true"`
	Message string `json:"message" required:"true"`
	Code    string `json:"code" required:"true"`
	Receipt string `json:"receipt" required:"true"`
}

// NackRequest is the body of POST /api/symphony/nack.
type NackRequest struct {
	Receipt    string  `json:"receipt" required:"true"`
	Error      *string `json:"error,omitzero" description:"What went wrong, for the history. Its first 8 KiB are kept; what cannot be kept in a text is replaced."`
	ErrorClass *string `json:"errorClass,omitzero" description:"A short stable word for the kind of error, by which failed messages are filtered, such as the name of its class. Its first 100 characters are kept. Default: nack."`
	RetryAfter *int    `json:"retryAfter,omitzero" minimum:"0" maximum:"86400000" description:"Milliseconds until the next attempt, in place of the policy's backoff, if it allows another attempt at all."`
	Permanent  *bool   `json:"permanent,omitzero" description:"Fails the message without further attempts."`
	Release    *bool   `json:"release,omitzero" description:"Gives the message back as if it had not been received; no attempt is counted."`
}

// NackResponse says what became of the message.
type NackResponse struct {
	Success bool   `json:"success" required:"true"`
	Outcome string `json:"outcome" enum:"retry,fail,release,cancelled" required:"true" description:"retry, fail (it is in the dead letter queue), release, or cancelled: it was cancelled meanwhile."`
	RetryIn *int64 `json:"retryIn,omitzero" description:"With outcome retry: milliseconds until it is ready again."`
}
