// Package handler holds what the handlers in its folders share: the shape in which a message leaves for a program that
// is not written in Go. Package httppush posts it to an endpoint, package command writes it to a program's standard
// input.
package handler

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/symphony-messenger/symphony"
)

// Body is a message as other programs receive it, one JSON object:
//
//	{"id": "01980a3e-…", "type": "order.paid", "transport": "default", "queue": "default", "priority": 5, "attempt": 1,
//	 "createdAt": "2026-12-01T09:00:00.5Z", "correlationId": "01980a3e-…", "metadata": {}, "headers": {}, "payload": {"order": 42}}
//
// The names are those of the HTTP API. A Go program that receives messages can unmarshal into it.
type Body struct {
	// ID stays the same from attempt to attempt: receivers recognize by it a message they have seen.
	ID        string `json:"id"`
	Type      string `json:"type"`
	Transport string `json:"transport"`
	Queue     string `json:"queue"`
	// Priority is 1 to 10, 10 first.
	Priority int `json:"priority"`
	// Attempt counts deliveries; 1 is the first.
	Attempt   int       `json:"attempt"`
	CreatedAt time.Time `json:"createdAt"`
	// ScheduledAt is left out of messages that were to be delivered at once, IdempotencyKey of those without one.
	ScheduledAt    time.Time `json:"scheduledAt,omitzero"`
	IdempotencyKey string    `json:"idempotencyKey,omitempty"`
	// CorrelationID is shared by the messages of one story, CausationID the message whose handling dispatched this one,
	// if any. A receiver that dispatches messages gives the first on, and its ID as their causation.
	CorrelationID string `json:"correlationId"`
	CausationID   string `json:"causationId,omitempty"`
	// Metadata and Headers are always objects, if empty ones. Numbers keep every digit.
	Metadata map[string]any `json:"metadata"`
	Headers  map[string]any `json:"headers"`
	// Payload is what was dispatched, byte for byte.
	Payload json.RawMessage `json:"payload,omitempty"`
}

// Encode returns the Body of a delivery as JSON. Times are in UTC. The error, of a message that an older release has
// stored, or whose storage was damaged, is permanent.
func Encode(d *symphony.Delivery) ([]byte, error) {
	b := Body{
		ID: d.ID, Type: d.Type, Transport: d.Transport, Queue: d.Queue, Priority: d.Priority, Attempt: d.Attempt,
		CreatedAt: d.CreatedAt.UTC(), ScheduledAt: d.ScheduledAt.UTC(), IdempotencyKey: d.IdempotencyKey,
		CorrelationID: d.Correlation(), CausationID: d.CausationID,
		Metadata: d.Metadata, Headers: d.Headers,
	}
	if b.Metadata == nil {
		b.Metadata = map[string]any{}
	}
	if b.Headers == nil {
		b.Headers = map[string]any{}
	}
	raw, err := json.Marshal(b)
	if err != nil {
		// No retry mends what is stored.
		return nil, fmt.Errorf("encode message %s: %w", d.ID, &symphony.DecodeError{Err: err})
	}
	// json.Marshal would compact and escape the payload, so it is added by hand, as the last member.
	const member = `,"payload":`
	body := make([]byte, 0, len(raw)+len(member)+len(d.Payload))
	body = append(body, raw[:len(raw)-1]...)
	body = append(body, member...)
	body = append(body, d.Payload...)
	return append(body, '}'), nil
}

// Trace returns the trace that goes along with a delivery: that of the handler's context, such as the span of the
// attempt, else what the message's headers name.
func Trace(ctx context.Context, d *symphony.Delivery) symphony.TraceContext {
	if t := symphony.TraceFrom(ctx); t.Parent != "" {
		return t
	}
	return d.Trace()
}
