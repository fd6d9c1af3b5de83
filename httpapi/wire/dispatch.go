package wire

import (
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// DispatchRequest is the body of POST /api/symphony/dispatch, and one entry of a batch.
type DispatchRequest struct {
	Message Message      `json:"message" required:"true"`
	Options AskedOptions `json:"options,omitzero"`
}

// AskedOptions are the options of a message, and what its dispatcher wants to have in the answer.
type AskedOptions struct {
	DispatchOptions
	Token *bool `json:"token,omitzero" default:"false" description:"Answer a token that shows this message."`
}

// Message is what an application dispatches.
type Message struct {
	Type     string         `json:"type" mask:"type" audit:"keep" required:"true" minLength:"1" maxLength:"255" description:"Names the kind of message. Routes and handlers are found by it. Printable characters."`
	Payload  jsontext.Value `json:"payload" mask:"value" audit:"given" required:"true" description:"A JSON object. It is stored byte for byte; in answers it is without the white space between its parts."`
	Metadata jsontext.Value `json:"metadata,omitzero" mask:"value" description:"A JSON object of free data beside the payload."`
}

// DispatchOptions say how a message is dispatched. All are optional.
type DispatchOptions struct {
	Transport      *string                   `json:"transport,omitzero" audit:"keep" description:"Where the message is stored. Default: the route for its type, else the default transport."`
	Queue          *string                   `json:"queue,omitzero" audit:"keep" description:"The queue within the transport. Default: the transport's."`
	Priority       *int                      `json:"priority,omitzero" audit:"keep" minimum:"1" maximum:"10" description:"10 goes first. Default: the transport's, else 5."`
	ScheduledAt    *time.Time                `json:"scheduledAt,omitzero" description:"The earliest time of delivery. In the past means now."`
	IdempotencyKey *string                   `json:"idempotencyKey,omitzero" mask:"text" minLength:"1" maxLength:"255" description:"All dispatches with this key to this transport, within the window, make one message."`
	Metadata       jsontext.Value            `json:"metadata,omitzero" mask:"value" description:"A JSON object, merged over the message's metadata."`
	Headers        map[string]jsontext.Value `json:"headers,omitzero" mask:"value" description:"Travel with the message: at most 64, of any JSON value. traceparent among them continues a trace."`
	Delay          *int                      `json:"delay,omitzero" minimum:"0" description:"Milliseconds until delivery, instead of scheduledAt."`
	ExpiresAt      *time.Time                `json:"expiresAt,omitzero" description:"A message that no handler has begun by then goes to the dead letter queue, with errorClass expired."`
	ConcurrencyKey *string                   `json:"concurrencyKey,omitzero" mask:"text" minLength:"1" maxLength:"255" description:"Messages with the same key are handled one at a time, or as the limits of their type say."`
	GroupKey       *string                   `json:"groupKey,omitzero" mask:"text" minLength:"1" maxLength:"255" description:"Groups of the same queue, such as tenants, take turns."`
	Ordered        *bool                     `json:"ordered,omitzero" description:"Messages of the group are handled one after the other, in the order of their dispatch. Needs groupKey."`
	DebounceKey    *string                   `json:"debounceKey,omitzero" mask:"text" minLength:"1" maxLength:"255" description:"Takes the place of the message with this key that waits."`
	ThrottleKey    *string                   `json:"throttleKey,omitzero" mask:"text" minLength:"1" maxLength:"255" description:"Is dropped while a message with this key waits."`
	MaxRetries     *int                      `json:"maxRetries,omitzero" audit:"keep" minimum:"0" maximum:"100" description:"Attempts after the first. Default: as the type's, else the transport's policy says."`
	RetryDelay     Delays                    `json:"retryDelay,omitzero" minItems:"1" maxItems:"100" description:"Milliseconds before a retry, 0 to 86400000: one number, or a list of 1 to 100, one before each retry, of which the last repeats. Default: as the policy says."`
	Timeout        *int                      `json:"timeout,omitzero" audit:"keep" minimum:"100" maximum:"86400000" description:"Milliseconds that an attempt may take. Pull workers are told it. Default: the handler's."`
	Retention      *int                      `json:"retention,omitzero" audit:"keep" minimum:"0" maximum:"315360000000" description:"Milliseconds for which it is kept once it is completed or cancelled, 0 for not at all. If not set: as the settings say."`
	Tags           []string                  `json:"tags,omitzero" audit:"keep" maxItems:"20" description:"Words by which it is found: at most 20, each of 1 to 64 printable characters without a comma."`
	URL            *string                   `json:"url,omitzero" mask:"text" minLength:"1" maxLength:"2048" description:"Pushed there (http or https) instead of to the configured handler. Its origin must be among push.allowed_origins. It is never handed to receive."`
	OnSuccess      *Callback                 `json:"onSuccess,omitzero" description:"A message that is dispatched in the transaction that completes this one."`
	OnFailure      *Callback                 `json:"onFailure,omitzero" description:"A message that is dispatched in the transaction in which this one fails for good or is cancelled."`
	CorrelationID  *string                   `json:"correlationId,omitzero" minLength:"1" maxLength:"255" description:"Shared by the messages of one story. Default: the message's own id."`
	CausationID    *string                   `json:"causationId,omitzero" minLength:"1" maxLength:"255" description:"The id of the message whose handling dispatches this one."`
}

// Callback is a message that is dispatched in the transaction that ends another one, its source: once for each message
// that ends. It has the correlation id of its source, whose id is its causation id.
type Callback struct {
	Type      string         `json:"type" mask:"type" audit:"keep" required:"true" minLength:"1" maxLength:"255" description:"Names the kind of message, in printable characters."`
	Payload   jsontext.Value `json:"payload,omitzero" audit:"given" mask:"value" description:"A JSON object without a member source, which it gets: messageId, type, status, output, error, errorClass and attempts of the message that it follows."`
	Queue     *string        `json:"queue,omitzero" audit:"keep" minLength:"1" description:"Default: the transport's."`
	Transport *string        `json:"transport,omitzero" audit:"keep" minLength:"1" description:"One of the same storage. Default: the route for the type, else the default transport."`
}

// Receipt tells what became of one dispatched message.
type Receipt struct {
	MessageID      string     `json:"messageId" required:"true" description:"UUID of version 7."`
	Transport      string     `json:"transport" required:"true"`
	Queue          string     `json:"queue" required:"true"`
	ScheduledAt    *time.Time `json:"scheduledAt,omitzero"`
	IdempotencyKey string     `json:"idempotencyKey,omitzero"`
	Duplicate      bool       `json:"duplicate,omitzero" description:"The idempotency key was known: this is the first message."`
	Dropped        bool       `json:"dropped,omitzero" description:"A message with the same throttle key waits: this is that one."`
	Replaced       string     `json:"replaced,omitzero" description:"The id of the waiting message with the same debounce key whose place this one has taken."`
	Token          string     `json:"token,omitzero" description:"Where options.token asks for it. Good for an hour."`
	Also           []Receipt  `json:"also,omitzero" description:"Where the type's route names several transports: the messages for the further ones."`
}

// DispatchResponse answers a dispatch.
type DispatchResponse struct {
	Success bool `json:"success" required:"true"`
	Receipt
}

// BatchRequest is the body of POST /api/symphony/dispatch/batch.
type BatchRequest struct {
	Messages Batch `json:"messages" required:"true" minItems:"1" maxItems:"1000" description:"All are stored, or none."`
}

// BatchResponse answers a batch, in the order given.
type BatchResponse struct {
	Success bool      `json:"success" required:"true"`
	Results []Receipt `json:"results" required:"true"`
}
