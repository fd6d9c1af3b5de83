package symphony

import (
	"context"
	"encoding/json"
	"fmt"
)

// Codec changes payloads before they are stored and changes them back for handlers, for example to encrypt or compress
// them. Storages, the server, and people who read the tables see only what Encode returned. Set it as BusOptions.Codec
// where messages are dispatched and with Mux.UseCodec where they are handled. Package codec has one that encrypts.
//
// Implementations are safe for concurrent use.
type Codec interface {
	// Encode returns the JSON object to store for the payload of a message type. It is never given what it returned
	// itself.
	Encode(ctx context.Context, typ string, payload json.RawMessage) (json.RawMessage, error)

	// Decode returns the payload that Encode was given. What was never encoded is returned as it is, so that a codec
	// can be introduced while messages wait. An error fails the attempt, which is retried unless the error is
	// Permanent.
	Decode(ctx context.Context, typ string, stored json.RawMessage) (json.RawMessage, error)
}

// UseCodec sets the codec that decodes payloads before handlers get them, and before DeliveryFrom returns them. A
// handler with HandlerOptions.StoredPayload gets them as they are stored. A payload is decoded once for each attempt.
func (m *Mux) UseCodec(c Codec) { m.codec = c }

// attempt is a delivery in the hands of a Mux.
type attempt struct {
	stored *Delivery
	plain  *Delivery // once decoded
	// outcome is what the last handler has set that succeeded and set something.
	outcome *outcome
}

// result is that of an attempt of which nothing else is to be told.
func (a *attempt) result(err error) Result {
	if err != nil || a.outcome == nil {
		return Result{Err: err}
	}
	return Result{Output: a.outcome.output, OutputError: a.outcome.err}
}

// delivery returns what a handler gets.
func (a *attempt) delivery(ctx context.Context, c Codec, stored bool) (*Delivery, error) {
	if c == nil || stored {
		return a.stored, nil
	}
	if a.plain == nil {
		decode := c.Decode
		if a.stored.Headers[HeaderCallback] != nil {
			decode = func(ctx context.Context, typ string, stored json.RawMessage) (json.RawMessage, error) {
				return decodeCallback(ctx, c, typ, stored)
			}
		}
		payload, err := decode(ctx, a.stored.Type, a.stored.Payload)
		if err != nil {
			return nil, fmt.Errorf("decode the payload: %w", err)
		}
		plain := *a.stored
		plain.Payload = payload
		a.plain = &plain
	}
	return a.plain, nil
}

// encoded returns the payload of a message to store, and as handlers will see it. A payload that was stored before,
// such as that of a message that is dispatched again, is encoded anew.
func encoded(ctx context.Context, c Codec, m *Message) (stored, plain json.RawMessage, err error) {
	if c == nil {
		return m.Payload, m.Payload, nil
	}
	if plain, err = c.Decode(ctx, m.Type, m.Payload); err != nil {
		return nil, nil, fmt.Errorf("decode the payload: %w", err)
	}
	if stored, err = c.Encode(ctx, m.Type, plain); err != nil {
		return nil, nil, fmt.Errorf("encode the payload: %w", err)
	}
	return stored, plain, nil
}
