// Package wire has the JSON shapes of the HTTP API, shared by the server (package httpapi) and the Go client (package
// client). The struct tags also make the OpenAPI document. Durations are in milliseconds, times RFC 3339 in UTC.
package wire

import (
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// DispatchRequest is the body of POST /api/symphony/dispatch, and one entry of a batch.
type DispatchRequest struct {
	Message Message         `json:"message" required:"true"`
	Options DispatchOptions `json:"options,omitzero"`
}

// Message is what an application dispatches.
type Message struct {
	Type     string         `json:"type" audit:"keep" required:"true" minLength:"1" maxLength:"255" description:"Names the kind of message. Routes and handlers are found by it. Printable characters."`
	Payload  jsontext.Value `json:"payload" audit:"given" required:"true" description:"A JSON object. It is stored byte for byte; in answers it is without the white space between its parts."`
	Metadata jsontext.Value `json:"metadata,omitzero" description:"A JSON object of free data beside the payload."`
}

// DispatchOptions say how a message is dispatched. All are optional.
type DispatchOptions struct {
	Transport      *string                   `json:"transport,omitzero" audit:"keep" description:"Where the message is stored. Default: the route for its type, else the default transport."`
	Queue          *string                   `json:"queue,omitzero" audit:"keep" description:"The queue within the transport. Default: the transport's."`
	Priority       *int                      `json:"priority,omitzero" audit:"keep" minimum:"1" maximum:"10" description:"10 goes first. Default: the transport's, else 5."`
	ScheduledAt    *time.Time                `json:"scheduledAt,omitzero" description:"The earliest time of delivery. In the past means now."`
	IdempotencyKey *string                   `json:"idempotencyKey,omitzero" minLength:"1" maxLength:"255" description:"All dispatches with this key to this transport, within the window, make one message."`
	Metadata       jsontext.Value            `json:"metadata,omitzero" description:"A JSON object, merged over the message's metadata."`
	Headers        map[string]jsontext.Value `json:"headers,omitzero" description:"Travel with the message: at most 64, of any JSON value. traceparent among them continues a trace."`
	Delay          *int                      `json:"delay,omitzero" minimum:"0" description:"Milliseconds until delivery, instead of scheduledAt."`
	ExpiresAt      *time.Time                `json:"expiresAt,omitzero" description:"A message that no handler has begun by then goes to the dead letter queue, with errorClass expired."`
	ConcurrencyKey *string                   `json:"concurrencyKey,omitzero" minLength:"1" maxLength:"255" description:"Messages with the same key are handled one at a time, or as the limits of their type say."`
	GroupKey       *string                   `json:"groupKey,omitzero" minLength:"1" maxLength:"255" description:"Groups of the same queue, such as tenants, take turns."`
	Ordered        *bool                     `json:"ordered,omitzero" description:"Messages of the group are handled one after the other, in the order of their dispatch. Needs groupKey."`
	DebounceKey    *string                   `json:"debounceKey,omitzero" minLength:"1" maxLength:"255" description:"Takes the place of the message with this key that waits."`
	ThrottleKey    *string                   `json:"throttleKey,omitzero" minLength:"1" maxLength:"255" description:"Is dropped while a message with this key waits."`
	CorrelationID  *string                   `json:"correlationId,omitzero" minLength:"1" maxLength:"255" description:"Shared by the messages of one story. Default: the message's own id."`
	CausationID    *string                   `json:"causationId,omitzero" minLength:"1" maxLength:"255" description:"The id of the message whose handling dispatches this one."`
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

// ConsumeRequest is the body of POST /api/symphony/consume. All is optional.
type ConsumeRequest struct {
	Transport       *string `json:"transport,omitzero" description:"Default: the default transport."`
	Queues          Names   `json:"queues,omitzero" absent:"all" minItems:"1" maxItems:"1000" description:"Default: all."`
	BatchSize       *int    `json:"batchSize,omitzero" minimum:"1" maximum:"100" default:"10"`
	MaxConcurrency  *int    `json:"maxConcurrency,omitzero" minimum:"1" maximum:"20" default:"5"`
	TimeLimit       *int    `json:"timeLimit,omitzero" minimum:"1000" maximum:"55000" default:"50000" description:"Milliseconds."`
	MessageLimit    *int    `json:"messageLimit,omitzero" minimum:"1"`
	WaitForMessages *bool   `json:"waitForMessages,omitzero" default:"false" description:"Keep waiting until the time limit instead of returning when nothing is ready."`
}

// ConsumeResponse tells what a bounded run came to.
type ConsumeResponse struct {
	Success bool   `json:"success" required:"true"`
	Stats   Stats  `json:"stats" required:"true"`
	Health  Health `json:"health" required:"true"`
}

// CronResponse is ConsumeResponse with the number of messages processed.
type CronResponse struct {
	Success   bool   `json:"success" required:"true"`
	Processed int64  `json:"processed" required:"true"`
	Stats     Stats  `json:"stats" required:"true"`
	Health    Health `json:"health" required:"true"`
}

// Stats count a run's attempts.
type Stats struct {
	TotalProcessed        int64   `json:"totalProcessed" required:"true"`
	TotalSucceeded        int64   `json:"totalSucceeded" required:"true"`
	TotalFailed           int64   `json:"totalFailed" required:"true" description:"Attempts whose handler failed, retried or not."`
	AverageProcessingTime float64 `json:"averageProcessingTime" required:"true" description:"Milliseconds."`
	CurrentQueueDepth     int64   `json:"currentQueueDepth" required:"true"`
}

// Health is the state of a worker.
type Health struct {
	Running     bool   `json:"running" required:"true"`
	Processing  bool   `json:"processing" required:"true"`
	Uptime      int64  `json:"uptime" required:"true" description:"Milliseconds."`
	MemoryUsage uint64 `json:"memoryUsage" required:"true" description:"Bytes."`
	StopReason  string `json:"stopReason,omitzero" description:"Why the run ended: empty, message_limit, time_limit, memory_limit, failure_limit or stopped."`
}

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
	Receipts []string `json:"receipts" required:"true" minItems:"1" maxItems:"1000"`
}

// ExtendRequest is the body of POST /api/symphony/extend.
type ExtendRequest struct {
	Receipts []string `json:"receipts" required:"true" minItems:"1" maxItems:"1000"`
	Lease    *int     `json:"lease,omitzero" minimum:"1000" maximum:"3600000" default:"30000" description:"From now, in milliseconds."`
}

// ReceiptsResponse says that all receipts were acked or extended.
type ReceiptsResponse struct {
	Success bool `json:"success" required:"true"`
	Count   int  `json:"count" required:"true"`
}

// LostReceipt is one entry of the details of an answer with code lease_lost or foreign_receipt: a receipt for which
// nothing was done. Its Code is one of these.
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
	Outcome string `json:"outcome" enum:"retry,fail,release" required:"true" description:"retry, fail (it is in the dead letter queue) or release."`
	RetryIn *int64 `json:"retryIn,omitzero" description:"With outcome retry: milliseconds until it is ready again."`
}

// HoldRequest is the body of POST /api/symphony/pause and /drain.
type HoldRequest struct {
	HoldTarget
	Reason *string `json:"reason,omitzero" audit:"keep" maxLength:"500" description:"Why, for people."`
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
	By     string    `json:"by,omitzero"`
	Reason string    `json:"reason,omitzero"`
}

// HoldsResponse lists what is stopped in a transport, oldest first.
type HoldsResponse struct {
	Success   bool   `json:"success" required:"true"`
	Transport string `json:"transport" required:"true"`
	Holds     []Hold `json:"holds" required:"true"`
}

// PurgeRequest is the body of POST /api/symphony/purge.
type PurgeRequest struct {
	Transport *string `json:"transport,omitzero" absent:"default" audit:"keep" description:"Default: the default transport."`
	Queue     *string `json:"queue,omitzero" absent:"all" audit:"keep" minLength:"1" maxLength:"100" description:"Default: all."`
	Type      *string `json:"type,omitzero" absent:"all" audit:"keep" minLength:"1" maxLength:"255" description:"Only this type."`
	Confirm   string  `json:"confirm" required:"true" description:"Must repeat the name of the queue, or of the transport where no queue is given: what is purged is gone."`
}

// PurgeResponse counts what was deleted.
type PurgeResponse struct {
	Success bool  `json:"success" required:"true"`
	Count   int   `json:"count" audit:"keep" required:"true"`
	Pending int64 `json:"pending" required:"true" description:"Messages of the transport that still wait."`
}

// FailedMessage is a message in the dead letter queue.
type FailedMessage struct {
	ID             string                    `json:"id" required:"true" description:"Of this failure."`
	MessageID      string                    `json:"messageId" required:"true"`
	Transport      string                    `json:"transport" required:"true"`
	Queue          string                    `json:"queue" required:"true"`
	Message        Message                   `json:"message" required:"true"`
	Headers        map[string]jsontext.Value `json:"headers" required:"true"`
	Priority       int                       `json:"priority" required:"true"`
	IdempotencyKey string                    `json:"idempotencyKey" required:"true"`
	Error          string                    `json:"error" required:"true"`
	ErrorClass     string                    `json:"errorClass" required:"true"`
	RetryCount     int                       `json:"retryCount" required:"true"`
	MaxRetries     int                       `json:"maxRetries" required:"true"`
	FailedAt       time.Time                 `json:"failedAt" required:"true"`
	CreatedAt      time.Time                 `json:"createdAt" required:"true"`
	ScheduledAt    *time.Time                `json:"scheduledAt,omitzero"`
	Attempts       []Attempt                 `json:"attempts" required:"true"`
	Flow
	Unreadable bool     `json:"unreadable,omitzero" description:"Part of it cannot be shown, and is left out: an older release has stored it, or storage was damaged. It can be deleted by its id."`
	Omitted    *Omitted `json:"omitted,omitzero" description:"Only in lists: what is left out of this row, because those before it have used up the bytes of the page. The route of the one message has all."`
}

// Flow is what few messages have, and what relates them.
type Flow struct {
	CorrelationID  string     `json:"correlationId" required:"true" description:"Shared by the messages of one story: the id of the first."`
	CausationID    string     `json:"causationId,omitzero" description:"The id of the message whose handling dispatched this one."`
	DispatchedBy   string     `json:"dispatchedBy,omitzero" description:"Who had it dispatched: user: and the subject of a Supabase user, or api_key: and the id of an API key where auth.visibility is own."`
	ExpiresAt      *time.Time `json:"expiresAt,omitzero"`
	ConcurrencyKey string     `json:"concurrencyKey,omitzero"`
	GroupKey       string     `json:"groupKey,omitzero"`
	Ordered        bool       `json:"ordered,omitzero"`
}

// Attempt is one try at a message that did not succeed.
type Attempt struct {
	Attempt    int       `json:"attempt" required:"true"`
	StartedAt  time.Time `json:"startedAt" required:"true"`
	FinishedAt time.Time `json:"finishedAt" required:"true"`
	Worker     string    `json:"worker" required:"true"`
	Error      string    `json:"error" required:"true"`
	ErrorClass string    `json:"errorClass" required:"true"`
	// RetryAt is left out where it was not to be tried again.
	RetryAt *time.Time `json:"retryAt,omitzero" description:"When it was to be tried again; left out where it was not."`
}

// FailedListResponse is a page of failed messages, newest failure first.
type FailedListResponse struct {
	Success    bool            `json:"success" required:"true"`
	Messages   []FailedMessage `json:"messages" required:"true"`
	Pagination Pagination      `json:"pagination" required:"true"`
}

// Pagination says where a page is.
type Pagination struct {
	Total      int64  `json:"total" required:"true"`
	Limit      int    `json:"limit" required:"true"`
	Offset     int    `json:"offset" required:"true"`
	HasMore    bool   `json:"hasMore" required:"true"`
	NextCursor string `json:"nextCursor,omitzero" description:"Pass as cursor to read on; deep lists are read faster so."`
}

// FailedResponse is one failed message.
type FailedResponse struct {
	Success bool `json:"success" required:"true"`
	FailedMessage
}

// RetryRequest is the optional body of POST /api/symphony/failed/{id}/retry.
type RetryRequest struct {
	Payload jsontext.Value `json:"payload,omitzero" audit:"given" description:"A corrected payload, a JSON object."`
}

// RetryResponse answers a retry.
type RetryResponse struct {
	Success                 bool   `json:"success" required:"true"`
	Message                 string `json:"message" required:"true"`
	NewMessageID            string `json:"newMessageId" audit:"keep" required:"true"`
	OriginalFailedMessageID string `json:"originalFailedMessageId" required:"true"`
}

// DoneResponse says that something was done.
type DoneResponse struct {
	Success bool   `json:"success" required:"true"`
	Message string `json:"message" required:"true"`
}

// BulkRequest selects failed messages by id or by filter.
type BulkRequest struct {
	Transport *string       `json:"transport,omitzero" absent:"default" audit:"keep" description:"Default: the default transport."`
	IDs       IDs           `json:"ids,omitzero" audit:"keep" minItems:"1" maxItems:"10000"`
	Filter    *FailedFilter `json:"filter,omitzero" audit:"keep" absent:"nothing" description:"An empty filter selects every failed message of the transport; to delete them, all must be given with it."`
	All       *bool         `json:"all,omitzero" audit:"keep" description:"Confirms an empty filter: to delete every failed message it must be true."`
	// Background and Rate make an operation of it.
	Background *bool `json:"background,omitzero" audit:"keep" description:"Answer at once, with 202 and the operation that goes on by itself."`
	Rate       *int  `json:"rate,omitzero" audit:"keep" minimum:"1" maximum:"100000" description:"In the background: at most this many messages per second. Default: as fast as storage takes them."`
}

// FailedFilter selects failed messages. A member that is left out selects everything; one that is null or empty is refused.
type FailedFilter struct {
	Queue      string     `json:"queue,omitzero" absent:"all" minLength:"1"`
	Type       string     `json:"type,omitzero" absent:"all" minLength:"1"`
	ErrorClass string     `json:"errorClass,omitzero" absent:"all" minLength:"1"`
	Since      *time.Time `json:"since,omitzero" absent:"all"`
	Until      *time.Time `json:"until,omitzero" absent:"all"`
	Q          string     `json:"q,omitzero" absent:"all" minLength:"1" description:"Text in type, payload or error; every character is literal."`
}

// BulkResponse counts what was done.
type BulkResponse struct {
	Success  bool  `json:"success" required:"true"`
	Count    int   `json:"count" audit:"keep" required:"true" description:"Messages retried or deleted."`
	NotFound int   `json:"notFound" audit:"keep" required:"true" description:"Ids that named no failed message."`
	Failed   int64 `json:"failed" required:"true" description:"Messages left in the dead letter queue."`
}

// Key is an API key as it is listed; the key itself is shown once, when it is made.
type Key struct {
	ID         string     `json:"id" audit:"keep" required:"true"`
	Name       string     `json:"name" required:"true"`
	Prefix     string     `json:"prefix" required:"true" description:"The beginning of the key, by which its owner recognises it."`
	Scopes     []string   `json:"scopes" required:"true"`
	CreatedAt  time.Time  `json:"createdAt" required:"true"`
	LastUsedAt *time.Time `json:"lastUsedAt,omitzero"`
	RevokedAt  *time.Time `json:"revokedAt,omitzero"`
	ExpiresAt  *time.Time `json:"expiresAt,omitzero"`
	Unreadable bool       `json:"unreadable,omitzero" description:"Part of it cannot be shown, and is left out: an older release has stored it, or storage was damaged. It can be deleted by its id."`
}

// CreateKeyRequest is the body of POST /api/symphony/keys.
type CreateKeyRequest struct {
	Name      string     `json:"name" audit:"keep" required:"true" minLength:"1" maxLength:"100"`
	Scopes    []string   `json:"scopes" audit:"keep" required:"true" minItems:"1" description:"dispatch, consume, read, operate, admin."`
	ExpiresAt *time.Time `json:"expiresAt,omitzero" audit:"keep"`
}

// CreateKeyResponse has the key, which cannot be had again.
type CreateKeyResponse struct {
	Success bool   `json:"success" required:"true"`
	Key     Key    `json:"key" audit:"within" required:"true"`
	Secret  string `json:"secret" required:"true" description:"The API key. It is not stored and cannot be shown again."`
}

// KeysResponse lists all keys, oldest first.
type KeysResponse struct {
	Success bool  `json:"success" required:"true"`
	Keys    []Key `json:"keys" required:"true"`
}

// HealthResponse answers /healthz and /readyz.
type HealthResponse struct {
	Success bool   `json:"success" required:"true"`
	Status  string `json:"status" required:"true"`
	Version string `json:"version,omitzero"`
}

// Error is the body of every answer that is not a success.
type Error struct {
	Error   string         `json:"error" required:"true" description:"A sentence for people."`
	Code    string         `json:"code" required:"true" description:"A stable word for programs."`
	Details jsontext.Value `json:"details,omitzero" description:"With code validation_failed: an array of path and message, at most 100 of them."`
	// MoreProblems counts the others.
	MoreProblems int `json:"moreProblems,omitzero" description:"How many problems there are beside those in details."`
}
