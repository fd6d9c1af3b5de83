package wire

import (
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Operation is work in bulk that is done in the background.
type Operation struct {
	ID        string           `json:"id" audit:"keep" required:"true"`
	Kind      string           `json:"kind" enum:"failed.retry,failed.delete,messages.replay,messages.cancel,messages.edit,messages.delete" audit:"keep" required:"true"`
	State     string           `json:"state" enum:"running,stopped,completed,failed" required:"true" description:"running, stopped, completed or failed."`
	Transport string           `json:"transport" required:"true"`
	Selected  int              `json:"selected,omitzero" description:"How many ids it was asked for, unless by filter."`
	Filter    *OperationFilter `json:"filter,omitzero" description:"What it was asked for, unless by ids. Its until was set to the beginning where it was not before: what comes later is left alone."`
	Set       []string         `json:"set,omitzero" audit:"keep" description:"Which members of messages are changed."`
	Reason    string           `json:"reason,omitzero" mask:"text" description:"Why messages are cancelled."`
	Rate      int              `json:"rate,omitzero" description:"At most this many messages per second."`
	Total     *int64           `json:"total,omitzero" audit:"keep" description:"How many messages were selected at the beginning; left out while they are being counted."`
	Done      int64            `json:"done" audit:"keep" required:"true" description:"Messages retried, deleted, replayed, cancelled or changed so far."`
	Skipped   int64            `json:"skipped" required:"true" description:"Messages that were not there any more, had another status by then, or were refused."`
	Error     string           `json:"error,omitzero" mask:"text" description:"What holds it up, ended it, or had it skip a message."`
	By        string           `json:"by,omitzero" description:"Who asked for it."`
	Node      string           `json:"node,omitzero" description:"Which process works on it."`
	CreatedAt time.Time        `json:"createdAt" required:"true"`
	StartedAt *time.Time       `json:"startedAt,omitzero"`
	UpdatedAt time.Time        `json:"updatedAt" required:"true"`
	// FinishedAt is of the states stopped, completed and failed.
	FinishedAt *time.Time `json:"finishedAt,omitzero"`
	Unreadable bool       `json:"unreadable,omitzero" description:"Part of it cannot be shown, and is left out: an older release has stored it, or storage was damaged. It can be deleted by its id."`
}

// OperationFilter is the filter of an operation, on messages or failed messages.
type OperationFilter struct {
	Status         []string       `json:"status,omitzero"`
	Queue          string         `json:"queue,omitzero"`
	Type           string         `json:"type,omitzero"`
	Priority       int            `json:"priority,omitzero"`
	ErrorClass     string         `json:"errorClass,omitzero"`
	FailureGroup   string         `json:"failureGroup,omitzero"`
	Since          *time.Time     `json:"since,omitzero"`
	Until          *time.Time     `json:"until,omitzero"`
	EndedSince     *time.Time     `json:"endedSince,omitzero"`
	EndedUntil     *time.Time     `json:"endedUntil,omitzero"`
	Tag            []string       `json:"tag,omitzero"`
	IdempotencyKey string         `json:"idempotencyKey,omitzero" mask:"text"`
	CorrelationID  string         `json:"correlationId,omitzero"`
	CausationID    string         `json:"causationId,omitzero"`
	GroupKey       string         `json:"groupKey,omitzero" mask:"text"`
	ConcurrencyKey string         `json:"concurrencyKey,omitzero" mask:"text"`
	DispatchedBy   string         `json:"dispatchedBy,omitzero"`
	Worker         string         `json:"worker,omitzero"`
	Metadata       jsontext.Value `json:"metadata,omitzero" mask:"value" description:"Values by path, as they were asked for."`
	Q              string         `json:"q,omitzero" mask:"text"`
}

// OperationResponse is one operation.
type OperationResponse struct {
	Success   bool      `json:"success" required:"true"`
	Operation Operation `json:"operation" audit:"within" required:"true"`
}

// OperationsResponse is a page of operations, newest first.
type OperationsResponse struct {
	Success    bool        `json:"success" required:"true"`
	Operations []Operation `json:"operations" required:"true"`
	HasMore    bool        `json:"hasMore" required:"true"`
	NextCursor string      `json:"nextCursor,omitzero" description:"Pass as cursor to read on."`
}
