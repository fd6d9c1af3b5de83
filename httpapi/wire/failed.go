package wire

import (
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// FailedMessage is a message in the dead letter queue.
type FailedMessage struct {
	ID             string                    `json:"id" required:"true" description:"Of this failure."`
	MessageID      string                    `json:"messageId" required:"true"`
	Transport      string                    `json:"transport" required:"true"`
	Queue          string                    `json:"queue" required:"true"`
	Message        Message                   `json:"message" required:"true"`
	Headers        map[string]jsontext.Value `json:"headers" mask:"value" required:"true"`
	Priority       int                       `json:"priority" required:"true"`
	IdempotencyKey string                    `json:"idempotencyKey" mask:"text" required:"true"`
	Error          string                    `json:"error" mask:"text" required:"true"`
	ErrorClass     string                    `json:"errorClass" required:"true"`
	FailureGroup   string                    `json:"failureGroup,omitzero"`
	RetryCount     int                       `json:"retryCount" required:"true"`
	MaxRetries     int                       `json:"maxRetries" required:"true"`
	FailedAt       time.Time                 `json:"failedAt" required:"true"`
	CreatedAt      time.Time                 `json:"createdAt" required:"true"`
	ScheduledAt    *time.Time                `json:"scheduledAt,omitzero"`
	Attempts       []Attempt                 `json:"attempts" required:"true"`
	Flow
	Unreadable bool     `json:"unreadable,omitzero" description:"Part of it cannot be shown, and is left out: an older release has stored it, or storage was damaged. It can be deleted by its id."`
	Masked     bool     `json:"masked,omitzero" description:"Something of it is hidden from the caller: by the scope observe, or by types.X.redact."`
	Omitted    *Omitted `json:"omitted,omitzero" description:"Only in lists: what is left out of this row, because those before it have used up the bytes of the page. The route of the one message has all."`
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

// BulkRequest selects failed messages by id or by filter.
type BulkRequest struct {
	Transport *string       `json:"transport,omitzero" absent:"default" audit:"keep" description:"Default: the default transport."`
	IDs       IDs           `json:"ids,omitzero" audit:"keep" minItems:"1" maxItems:"10000"`
	Filter    *FailedFilter `json:"filter,omitzero" audit:"keep" absent:"nothing" description:"An empty filter selects every failed message of the transport; to delete them, all must be given with it."`
	All       *bool         `json:"all,omitzero" audit:"keep" description:"Confirms an empty filter: to delete every failed message it must be true."`
	// Patch is of retries only.
	Patch jsontext.Value `json:"patch,omitzero" audit:"given" description:"Retry: a JSON merge patch of payloads."`
	// Background and Rate make an operation of it.
	Background *bool `json:"background,omitzero" audit:"keep" description:"Answer at once, with 202 and the operation that goes on by itself. Default: where more than 10000 are selected."`
	Rate       *int  `json:"rate,omitzero" audit:"keep" minimum:"1" maximum:"100000" description:"In the background: messages a second."`
	DryRun     *bool `json:"dryRun,omitzero" audit:"keep" description:"Only count; with a patch, show three examples."`
}

// BulkResponse counts what was done.
type BulkResponse struct {
	Success  bool  `json:"success" required:"true"`
	DryRun   bool  `json:"dryRun,omitzero" audit:"keep" description:"Nothing was done; count is of what would be."`
	Count    int   `json:"count" audit:"keep" required:"true" description:"Messages retried or deleted."`
	NotFound int   `json:"notFound" audit:"keep" required:"true" description:"Ids that named no failed message."`
	Failed   int64 `json:"failed" required:"true" description:"Messages left in the dead letter queue."`
	// Examples are of dry runs with a patch.
	Examples []PatchExample `json:"examples,omitzero" audit:"drop" description:"Of a dry run with a patch: three."`
}
