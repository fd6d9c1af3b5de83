// Package archive reads and writes messages as files: JSON lines, one message in the shape of the API on each, and CSV,
// one message in each row under a header. What is written can be read back: payload, metadata and headers keep every
// digit and every character, apart from white space between the parts of JSON.
//
// Spreadsheets take a cell that begins with one of = + - @, a tab or a carriage return for a formula, and calculate it
// when the file is opened. In CSV such a cell, and one that begins with an apostrophe, gets an apostrophe in front,
// which a spreadsheet does not show; reading takes it away again.
package archive

import (
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// Format is how messages are written.
type Format string

// The formats.
const (
	JSONL Format = "jsonl"
	CSV   Format = "csv"
)

// MediaType is the format's.
func (f Format) MediaType() string {
	if f == CSV {
		return "text/csv; charset=utf-8"
	}
	return "application/x-ndjson"
}

// Message is one message of a file: a stored message, or a failed one, which has an id of its own and a MessageID. What
// can be read back is all but what became of it.
type Message struct {
	ID             string                    `json:"id"`
	MessageID      string                    `json:"messageId,omitzero"`
	Status         string                    `json:"status,omitzero"`
	Transport      string                    `json:"transport,omitzero"`
	Queue          string                    `json:"queue,omitzero"`
	Message        wire.Message              `json:"message"`
	Headers        map[string]jsontext.Value `json:"headers,omitzero"`
	Priority       int                       `json:"priority,omitzero"`
	IdempotencyKey string                    `json:"idempotencyKey,omitzero"`
	CreatedAt      *time.Time                `json:"createdAt,omitzero"`
	ScheduledAt    *time.Time                `json:"scheduledAt,omitzero"`
	AvailableAt    *time.Time                `json:"availableAt,omitzero"`
	StartedAt      *time.Time                `json:"startedAt,omitzero"`
	LeasedUntil    *time.Time                `json:"leasedUntil,omitzero"`
	FinishedAt     *time.Time                `json:"finishedAt,omitzero"`
	FailedAt       *time.Time                `json:"failedAt,omitzero"`
	Worker         string                    `json:"worker,omitzero"`
	Attempt        int                       `json:"attempt,omitzero"`
	FailedID       string                    `json:"failedId,omitzero"`
	Cancel         *Cancel                   `json:"cancel,omitzero"`
	Error          string                    `json:"error,omitzero"`
	ErrorClass     string                    `json:"errorClass,omitzero"`
	FailureGroup   string                    `json:"failureGroup,omitzero"`
	Output         jsontext.Value            `json:"output,omitzero"`
	OutputError    string                    `json:"outputError,omitzero"`
	RetryCount     int                       `json:"retryCount,omitzero"`
	Attempts       jsontext.Value            `json:"attempts,omitzero"`
	Timeline       jsontext.Value            `json:"timeline,omitzero"`
	wire.Flow
	Masked     bool `json:"masked,omitzero"`     // something of it was hidden
	Unreadable bool `json:"unreadable,omitzero"` // not all of it could be written
}

// Cancel is who wanted a message to be cancelled, when and why.
type Cancel struct {
	RequestedAt *time.Time `json:"requestedAt,omitzero"`
	By          string     `json:"by,omitzero"`
	Reason      string     `json:"reason,omitzero"`
}

func cancelOf(c *wire.Cancel) *Cancel {
	if c == nil {
		return nil
	}
	return &Cancel{RequestedAt: &c.RequestedAt, By: c.By, Reason: c.Reason}
}

// Origin is the id of the message, by which two of its exports are told to be the same. Empty where the file does not
// say.
func (m *Message) Origin() string {
	if m.MessageID != "" {
		return m.MessageID
	}
	return m.ID
}

// Stored is a stored message as a file has it.
func Stored(m *wire.StoredMessage) Message {
	return Message{ID: m.ID, Status: m.Status, Transport: m.Transport, Queue: m.Queue, Message: m.Message, Headers: m.Headers, Priority: m.Priority,
		IdempotencyKey: m.IdempotencyKey, CreatedAt: &m.CreatedAt, ScheduledAt: m.ScheduledAt, AvailableAt: m.AvailableAt, StartedAt: m.StartedAt,
		LeasedUntil: m.LeasedUntil, FinishedAt: m.FinishedAt, Worker: m.Worker, Attempt: m.Attempt, FailedID: m.FailedID, Error: m.Error,
		Cancel:     cancelOf(m.Cancel),
		ErrorClass: m.ErrorClass, Output: m.Output, OutputError: m.OutputError, Flow: m.Flow,
		Masked: m.Masked, Unreadable: m.Unreadable}
}

// Failed is a failed message as a file has it.
func Failed(m *wire.FailedMessage, attempts jsontext.Value) Message {
	flow := m.Flow
	flow.MaxRetries = &m.MaxRetries
	return Message{ID: m.ID, MessageID: m.MessageID, Status: "failed", Transport: m.Transport, Queue: m.Queue, Message: m.Message, Headers: m.Headers,
		Priority: m.Priority, IdempotencyKey: m.IdempotencyKey, CreatedAt: &m.CreatedAt, ScheduledAt: m.ScheduledAt, FailedAt: &m.FailedAt,
		Error: m.Error, ErrorClass: m.ErrorClass, FailureGroup: m.FailureGroup, RetryCount: m.RetryCount,
		Attempts: attempts, Flow: flow,
		Masked: m.Masked, Unreadable: m.Unreadable}
}
