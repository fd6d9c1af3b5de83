package wire

import (
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// StoredMessage is everything that is known about one message.
type StoredMessage struct {
	ID             string                    `json:"id" required:"true"`
	Status         string                    `json:"status" enum:"pending,processing,completed,failed,cancelled" required:"true" description:"pending, processing, completed, failed or cancelled."`
	Transport      string                    `json:"transport" required:"true"`
	Queue          string                    `json:"queue" required:"true"`
	Message        Message                   `json:"message" required:"true"`
	Headers        map[string]jsontext.Value `json:"headers" mask:"value" required:"true"`
	Priority       int                       `json:"priority" required:"true"`
	IdempotencyKey string                    `json:"idempotencyKey,omitzero" mask:"text"`
	CreatedAt      time.Time                 `json:"createdAt" required:"true" description:"When it was dispatched."`
	ScheduledAt    *time.Time                `json:"scheduledAt,omitzero" description:"When its dispatch wanted it delivered, if not at once."`
	AvailableAt    *time.Time                `json:"availableAt,omitzero" description:"Pending: when it is ready, or has been since."`
	StartedAt      *time.Time                `json:"startedAt,omitzero" description:"Processing, and cancelled where a worker had it: when its worker got it. Completed: when its last attempt began."`
	LeasedUntil    *time.Time                `json:"leasedUntil,omitzero" description:"Processing: when its lease ends."`
	FinishedAt     *time.Time                `json:"finishedAt,omitzero" description:"When it was completed, was cancelled or failed for good."`
	Worker         string                    `json:"worker,omitzero" description:"That has it in hand, completed it, or had it when it was cancelled."`
	Attempt        int                       `json:"attempt" required:"true" description:"How often it was handed to a worker."`
	FailedID       string                    `json:"failedId,omitzero" description:"Failed: its id in the dead letter queue."`
	Cancel         *Cancel                   `json:"cancel,omitzero" description:"Cancelled, or processing and to be cancelled: who wanted that, when and why."`
	Error          string                    `json:"error,omitzero" mask:"text" description:"Failed: why."`
	ErrorClass     string                    `json:"errorClass,omitzero"`
	Output         jsontext.Value            `json:"output,omitzero" mask:"value" description:"What its handler left."`
	OutputError    string                    `json:"outputError,omitzero" description:"too_large or invalid_json."`
	Flow
	Unreadable bool     `json:"unreadable,omitzero" description:"Part of it cannot be shown, and is left out: an older release has stored it, or storage was damaged. It can be deleted by its id."`
	Masked     bool     `json:"masked,omitzero" description:"Something of it is hidden from the caller: by the scope observe, or by types.X.redact."`
	Omitted    *Omitted `json:"omitted,omitzero" description:"Only in lists: what is left out of this row, because those before it have used up the bytes of the page. The route of the one message has all."`
}

// Omitted says what a list has left out of a row.
type Omitted struct {
	Payload  int `json:"payload,omitzero" description:"Bytes of the payload, which is shown as an empty object."`
	Metadata int `json:"metadata,omitzero" description:"Bytes of the metadata, likewise."`
	Headers  int `json:"headers,omitzero" description:"Bytes of the headers, likewise."`
	Output   int `json:"output,omitzero" description:"Bytes of the output, which is left out."`
	Attempts int `json:"attempts,omitzero" description:"How many attempts, which are shown as an empty list where they are shown."`
}

// MessagesResponse is a page of messages.
type MessagesResponse struct {
	Success    bool            `json:"success" required:"true"`
	Messages   []StoredMessage `json:"messages" required:"true"`
	Pagination MessagePages    `json:"pagination" required:"true"`
}

// MessagePages says where a page of messages is.
type MessagePages struct {
	Limit      int    `json:"limit" required:"true"`
	HasMore    bool   `json:"hasMore" required:"true" description:"There may be more. With fewer messages than the limit: nothing more matched among as many as one search looks at; go on with nextCursor."`
	NextCursor string `json:"nextCursor,omitzero" description:"Pass as cursor to read on."`
	// Through is told where there may be more.
	Through *time.Time `json:"through,omitzero" description:"The time of dispatch of the last one looked at."`
}

// SearchResponse says where the message with an id is.
type SearchResponse struct {
	Success   bool   `json:"success" required:"true"`
	MessageID string `json:"messageId" required:"true"`
	Transport string `json:"transport" required:"true"`
	Queue     string `json:"queue" required:"true"`
	Type      string `json:"type" required:"true"`
	Status    string `json:"status" enum:"pending,processing,completed,failed,cancelled" required:"true"`
	FailedID  string `json:"failedId,omitzero" description:"Failed: its id in the dead letter queue."`
}

// CountsResponse counts messages by status.
type CountsResponse struct {
	Success bool          `json:"success" required:"true"`
	Counts  MessageCounts `json:"counts" required:"true"`
	Total   int64         `json:"total" required:"true" description:"All of them together."`
	AtLeast bool          `json:"atLeast,omitzero" description:"There may be more than were counted."`
}

// MessageCounts are how many messages have each status. Of those that ended, messages that are still kept are counted.
type MessageCounts struct {
	Pending    int64 `json:"pending" required:"true"`
	Processing int64 `json:"processing" required:"true"`
	Completed  int64 `json:"completed" required:"true"`
	Failed     int64 `json:"failed" required:"true"`
	Cancelled  int64 `json:"cancelled" required:"true"`
}

// MessageResponse is one message.
type MessageResponse struct {
	Success bool         `json:"success" required:"true"`
	Message WholeMessage `json:"message" required:"true"`
}

// WholeMessage is a message with its story.
type WholeMessage struct {
	StoredMessage
	Progress *Progress       `json:"progress,omitzero" description:"What its latest attempt has told."`
	Waiting  *WaitReason     `json:"waiting,omitzero" description:"Pending: why it waits."`
	Log      []string        `json:"log,omitzero" mask:"text" description:"Last lines of the attempt under way, or kept."`
	Attempts []Attempt       `json:"attempts" required:"true" description:"Those that did not succeed, oldest first."`
	Timeline []TimelineEntry `json:"timeline" required:"true" description:"What happened, and will, in its order."`
}

// WaitReason says why a pending message waits, as far as is known.
type WaitReason struct {
	Reason string     `json:"reason" required:"true" enum:"worker,no_worker,breaker,scheduled,retry,hold,limit,rate,group,order"`
	Text   string     `json:"text" mask:"text" required:"true" description:"One sentence for people."`
	Until  *time.Time `json:"until,omitzero" description:"When it can go on at the earliest, if that is known."`
	By     string     `json:"by,omitzero" mask:"text" description:"Who has paused it, the limit, or the handler."`
	// Position is there up to 1,000.
	Position *int `json:"position,omitzero" minimum:"1" description:"Its place in line, 1 for the next one."`
}

// Progress is how far the handling of a message has come.
type Progress struct {
	Done  int64      `json:"done" required:"true"`
	Total *int64     `json:"total,omitzero" description:"If known."`
	Text  string     `json:"text,omitzero" mask:"text" description:"The same for people."`
	At    *time.Time `json:"at,omitzero" description:"When it was told."`
}

// TimelineEntry is one thing that happened, or will, to a message.
type TimelineEntry struct {
	At         time.Time `json:"at" required:"true"`
	Kind       string    `json:"kind" enum:"dispatched,scheduled,started,failed,retry,completed,dead,cancel_requested,cancelled" required:"true" description:"dispatched, scheduled, started, failed, retry, completed, dead, cancel_requested or cancelled."`
	Attempt    int       `json:"attempt,omitzero" description:"Of which attempt this is."`
	Worker     string    `json:"worker,omitzero"`
	Error      string    `json:"error,omitzero" mask:"text"`
	ErrorClass string    `json:"errorClass,omitzero"`
}

// MessageEdit is the body of PATCH /api/symphony/messages/{id}: what is given replaces what is there, null takes it
// away: then the default of the type or the transport holds.
type MessageEdit struct {
	Payload     jsontext.Value `json:"payload,omitzero" audit:"given" description:"An object, never null."`
	Metadata    jsontext.Value `json:"metadata,omitzero" audit:"given" description:"An object."`
	Priority    *int           `json:"priority,omitzero" audit:"keep" minimum:"1" maximum:"10"`
	ScheduledAt *time.Time     `json:"scheduledAt,omitzero" audit:"keep" description:"null: at once."`
	ExpiresAt   *time.Time     `json:"expiresAt,omitzero" audit:"keep" description:"null: never."`
	Tags        []string       `json:"tags,omitzero" audit:"keep" maxItems:"20"`
	MaxRetries  *int           `json:"maxRetries,omitzero" audit:"keep" minimum:"0" maximum:"100"`
}

// ReplayRequest is the optional body of POST /api/symphony/messages/{id}/replay.
type ReplayRequest struct {
	Payload        jsontext.Value `json:"payload,omitzero" audit:"given" description:"In place of the message's payload, a JSON object."`
	IdempotencyKey *string        `json:"idempotencyKey,omitzero" minLength:"1" maxLength:"255" description:"All replays with this key, within the window, make one message. Default: each makes one."`
}

// ReplayResponse answers a replay.
type ReplayResponse struct {
	Success           bool   `json:"success" required:"true"`
	Message           string `json:"message" required:"true"`
	NewMessageID      string `json:"newMessageId" audit:"keep" required:"true"`
	OriginalMessageID string `json:"originalMessageId" required:"true"`
	Duplicate         bool   `json:"duplicate,omitzero" description:"The idempotency key was known: this is the first message."`
}

// ReplayManyRequest is the body of POST /api/symphony/messages/replay.
type ReplayManyRequest struct {
	Transport *string        `json:"transport,omitzero" absent:"default" audit:"keep" description:"Default: the default transport."`
	IDs       IDs            `json:"ids,omitzero" audit:"keep" minItems:"1" maxItems:"10000"`
	Filter    *MessageFilter `json:"filter,omitzero" absent:"nothing" audit:"keep" description:"An empty filter selects every completed message of the transport that is kept."`
	Rate      *int           `json:"rate,omitzero" audit:"keep" minimum:"1" maximum:"100000" description:"At most this many messages per second. Default: as fast as storage takes them."`
	DryRun    *bool          `json:"dryRun,omitzero" audit:"keep" description:"Only count."`
}

// CancelManyRequest is the body of POST /api/symphony/messages/cancel. An empty filter selects all that wait or are in
// hand.
type CancelManyRequest struct {
	Transport *string `json:"transport,omitzero" absent:"default" audit:"keep" description:"Default: the default."`

	IDs    IDs            `json:"ids,omitzero" audit:"keep" minItems:"1" maxItems:"10000"`
	Filter *MessageFilter `json:"filter,omitzero" absent:"nothing" audit:"keep" description:"Of what has not ended."`

	Reason *string `json:"reason,omitzero" audit:"given" maxLength:"500" description:"Why; at most 500 bytes."`

	Rate   *int  `json:"rate,omitzero" audit:"keep" minimum:"1" maximum:"100000" description:"Messages a second."`
	DryRun *bool `json:"dryRun,omitzero" audit:"keep" description:"Only count."`
}

// EditManyRequest is the body of POST /api/symphony/messages/edit. An empty filter selects all that wait. In what is
// set null takes away what is there.
type EditManyRequest struct {
	Transport *string `json:"transport,omitzero" absent:"default" audit:"keep" description:"Default: the default."`

	IDs    IDs            `json:"ids,omitzero" audit:"keep" minItems:"1" maxItems:"10000"`
	Filter *MessageFilter `json:"filter,omitzero" absent:"nothing" audit:"keep" description:"Of what waits."`

	Set jsontext.Value `json:"set,omitzero" audit:"given" description:"Required: as PATCH of one message has it."`

	Rate   *int  `json:"rate,omitzero" audit:"keep" minimum:"1" maximum:"100000" description:"Messages a second."`
	DryRun *bool `json:"dryRun,omitzero" audit:"keep" description:"Only count."`
}

// DeleteManyRequest is the body of POST /api/symphony/messages/delete. An empty filter selects all that wait, where it
// is confirmed by All.
type DeleteManyRequest struct {
	Transport *string `json:"transport,omitzero" absent:"default" audit:"keep" description:"Default: the default."`

	IDs    IDs            `json:"ids,omitzero" audit:"keep" minItems:"1" maxItems:"10000"`
	Filter *MessageFilter `json:"filter,omitzero" absent:"nothing" audit:"keep" description:"Of what waits."`

	All *bool `json:"all,omitzero" audit:"keep" description:"Confirms an empty filter."`

	Rate   *int  `json:"rate,omitzero" audit:"keep" minimum:"1" maximum:"100000" description:"Messages a second."`
	DryRun *bool `json:"dryRun,omitzero" audit:"keep" description:"Only count."`
}

// PreviewCountResponse tells what a bulk operation would do.
type PreviewCountResponse struct {
	Success bool  `json:"success" required:"true"`
	DryRun  bool  `json:"dryRun" audit:"keep" required:"true"`
	Count   int64 `json:"count" audit:"keep" required:"true" description:"Messages that are selected now."`
	AtLeast bool  `json:"atLeast,omitzero" audit:"keep" description:"There may be more than could be counted soon."`
}

// Flow is what few messages have, and what relates them.
type Flow struct {
	CorrelationID  string     `json:"correlationId" required:"true" description:"Shared by the messages of one story: the id of the first."`
	CausationID    string     `json:"causationId,omitzero" description:"The id of the message whose handling dispatched this one."`
	DispatchedBy   string     `json:"dispatchedBy,omitzero" description:"Who had it dispatched: user: and the subject of a Supabase user, or api_key: and the id of an API key where auth.visibility is own."`
	ExpiresAt      *time.Time `json:"expiresAt,omitzero"`
	ConcurrencyKey string     `json:"concurrencyKey,omitzero" mask:"text"`
	GroupKey       string     `json:"groupKey,omitzero" mask:"text"`
	Ordered        bool       `json:"ordered,omitzero"`
	Terms
}

// Terms are what a message has of its own, as its dispatch asked for it.
type Terms struct {
	MaxRetries *int      `json:"maxRetries,omitzero" description:"Retries that it was dispatched with; of a failed message those that were allowed."`
	RetryDelay Delays    `json:"retryDelay,omitzero" description:"Milliseconds before a retry: one number, or a list."`
	Timeout    *int      `json:"timeout,omitzero" description:"Milliseconds that an attempt may take."`
	Retention  *int      `json:"retention,omitzero" description:"Milliseconds for which it is kept once it is completed or cancelled."`
	Tags       []string  `json:"tags,omitzero"`
	URL        string    `json:"url,omitzero" mask:"text" description:"Where it is pushed to."`
	OnSuccess  *Callback `json:"onSuccess,omitzero"`
	OnFailure  *Callback `json:"onFailure,omitzero"`
	RetryOf    *RetryOf  `json:"retryOf,omitzero"`
}

// RetryOf tells which failed message a message was dispatched for again.
type RetryOf struct {
	FailedID  string         `json:"failedId" required:"true"`
	MessageID string         `json:"messageId" required:"true"`
	Payload   jsontext.Value `json:"payload,omitzero" mask:"value" description:"The failed message's, where the retry has corrected it."`
}

// Attempt is one try at a message that did not succeed.
type Attempt struct {
	Attempt    int       `json:"attempt" required:"true"`
	StartedAt  time.Time `json:"startedAt" required:"true"`
	FinishedAt time.Time `json:"finishedAt" required:"true"`
	Worker     string    `json:"worker" required:"true"`
	Error      string    `json:"error" mask:"text" required:"true"`
	ErrorClass string    `json:"errorClass" required:"true"`
	// RetryAt is left out where it was not to be tried again.
	RetryAt *time.Time `json:"retryAt,omitzero" description:"When it was to be tried again; left out where it was not."`
	// Log is in answers about one message only.
	Log []string `json:"log,omitzero" mask:"text" description:"Its last lines. Not in lists."`
}
