package symphony

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// DeadLetters is the dead letter queue of one transport, or of all: failed messages to list, inspect, correct, retry
// and delete. Package operation retries and deletes them in bulk. Safe for concurrent use.
type DeadLetters struct{ messages *Messages }

// Failed returns the dead letter queue of a transport, or with an empty name that of all transports that keep one.
// Errors: an *UnknownTransportError, or ErrUnsupported where the transport keeps none.
func (b *Bus) Failed(transport string) (*DeadLetters, error) {
	m, err := b.Messages(transport)
	if err != nil {
		return nil, err
	}
	return &DeadLetters{m}, nil
}

// Of returns the failed messages that carry a DispatchedBy, which must not be empty, as if there were no others:
// those are not listed or found, retried or deleted.
func (d *DeadLetters) Of(dispatchedBy string) *DeadLetters {
	return &DeadLetters{d.messages.Of(dispatchedBy)}
}

// List returns a page of failed messages in the order of their failure, the newest first unless the query says
// otherwise; MessageQuery.ByFailure need not be set. What is out of range is a *ValidationError; the path of After is
// "cursor", of Text "q".
func (d *DeadLetters) List(ctx context.Context, q MessageQuery) (MessagePage, error) {
	q.ByFailure = true
	return d.messages.List(ctx, q)
}

// Get returns one failed message, ErrNotFound, or a *RetriedError. The id is its FailedID or its own, as logs and
// dispatches tell it; the same goes for Retry and Delete.
func (d *DeadLetters) Get(ctx context.Context, id string) (MessageInfo, error) {
	f, err := d.messages.one(ctx, MessageQuery{ID: id, ByFailure: true})
	if !errors.Is(err, ErrNotFound) || errors.As(err, new(*RetriedError)) {
		return f, err
	}
	switch m, err := d.messages.Get(ctx, id); {
	case err != nil && !errors.Is(err, ErrNotFound):
		return MessageInfo{}, err
	case err == nil && m.Status == Failed:
		return m, nil
	}
	return MessageInfo{}, fmt.Errorf("failed message %s: %w", id, ErrNotFound)
}

// Select returns up to limit FailedIDs of messages that match the filter, oldest failure first, behind the one with the
// FailedID after; empty: from the first. Errors are as of List.
func (d *DeadLetters) Select(ctx context.Context, f MessageFilter, after string, limit int) (ids []string, err error) {
	q := MessageQuery{MessageFilter: f, ByFailure: true, Oldest: true, After: after, Bytes: NoBodies}.WithDefaults()
	if problems := q.Problems(""); len(problems) > 0 {
		return nil, &ValidationError{problems}
	}
	var none bool
	if q.MessageFilter, none = d.messages.own(f); none {
		return nil, nil
	}
	for {
		q.Limit = limit - len(ids)
		page, err := d.messages.list(ctx, q)
		if err != nil {
			return nil, err
		}
		for i := range page.Messages {
			ids = append(ids, page.Messages[i].FailedID)
		}
		if page.Next == "" || len(ids) >= limit {
			return ids, nil
		}
		q.After = page.Next
	}
}

// Retry dispatches one failed message again and returns the new message's id. A payload that is not nil corrects the
// message's. An unknown id, or one that was retried or deleted before, is ErrNotFound.
func (d *DeadLetters) Retry(ctx context.Context, id string, payload json.RawMessage) (string, error) {
	if payload != nil {
		var err error
		if payload, err = d.checked(ctx, id, payload); err != nil {
			return "", err
		}
	}
	newID := NewID(d.Now())
	if err := d.move(ctx, FailedMove{ID: id, NewID: newID, Payload: payload}); err != nil {
		return "", err
	}
	return newID, nil
}

// checked is Corrected for a message that is known by its id, which is looked for where its type matters.
func (d *DeadLetters) checked(ctx context.Context, id string, payload json.RawMessage) (json.RawMessage, error) {
	o := &d.messages.bus.opts
	var p problems
	f := &MessageInfo{}
	if p.object("payload", payload); len(p.list) == 0 && (o.Schemas != nil || o.Codec != nil) {
		found, err := d.Get(ctx, id)
		if err != nil {
			return nil, err
		}
		f = &found
	}
	return d.Corrected(ctx, f, payload)
}

// Corrected checks the payload that is to replace a failed message's, and returns it as it is stored, for a FailedMove.
// What is wrong with it is a *ValidationError; other errors are the codec's.
func (d *DeadLetters) Corrected(ctx context.Context, f *MessageInfo, payload json.RawMessage) (json.RawMessage, error) {
	o := &d.messages.bus.opts
	var p problems
	if p.object("payload", payload); len(p.list) == 0 && (o.Schemas != nil || o.Codec != nil) {
		stored, plain, err := encoded(ctx, o.Codec, &Message{Type: f.Type, Payload: payload})
		if err != nil {
			return nil, err
		}
		payload = stored
		p.payload(o.Schemas, f.Type, plain, "payload")
	}
	if len(payload) > o.MaxMessageBytes {
		p.add("payload", "must have at most %d bytes, has %d", o.MaxMessageBytes, len(payload))
	}
	return payload, p.err()
}

// Plain is the payload of a failed message as handlers see it: without what the bus's codec has made of it.
func (d *DeadLetters) Plain(ctx context.Context, f *MessageInfo) (json.RawMessage, error) {
	c := d.messages.bus.opts.Codec
	if c == nil {
		return f.Payload, nil
	}
	plain, err := c.Decode(ctx, f.Type, f.Payload)
	if err != nil {
		return nil, fmt.Errorf("decode the payload: %w", err)
	}
	return plain, nil
}

// Delete removes one failed message for good. An unknown id is ErrNotFound.
func (d *DeadLetters) Delete(ctx context.Context, id string) error {
	return d.move(ctx, FailedMove{ID: id})
}

// move moves one message, which either of its ids names.
func (d *DeadLetters) move(ctx context.Context, move FailedMove) error {
	one := len(d.messages.transports) == 1
	if one && d.messages.owner == "" { // most are named by their FailedID
		if n, err := d.messages.store.MoveFailed(ctx, []FailedMove{move}); err != nil || n > 0 {
			return err
		}
	}
	f, err := d.Get(ctx, move.ID)
	if errors.Is(err, ErrNotFound) { // whatever became of it: it is not here any more
		return fmt.Errorf("failed message %s: %w", move.ID, ErrNotFound)
	}
	if err != nil {
		return err
	}
	store := d.messages.store
	if !one {
		at, err := d.messages.bus.Messages(f.Transport)
		if err != nil {
			return err
		}
		store = at.store
	}
	id := move.ID
	move.ID = f.FailedID
	n, err := store.MoveFailed(ctx, []FailedMove{move})
	if err == nil && n == 0 {
		err = fmt.Errorf("failed message %s: %w", id, ErrNotFound)
	}
	return err
}

// Now is the time by the clock of the storage, which dates failures; of several storages by that of the first.
func (d *DeadLetters) Now() time.Time {
	if d.messages.parts != nil {
		return d.messages.parts[0].clock.Now()
	}
	return d.messages.clock.Now()
}

// Move takes failed messages out of the dead letter queue, in one transaction, and returns how many. Unknown ids are
// left out, and those of other callers than Of names. It is for work in bulk, on one transport; see package operation.
func (d *DeadLetters) Move(ctx context.Context, moves []FailedMove) (int, error) {
	if d.messages.owner != "" {
		var mine []FailedMove
		for _, move := range moves {
			switch _, err := d.messages.one(ctx, MessageQuery{ID: move.ID, ByFailure: true}); {
			case err == nil: // whose a message is never changes
				mine = append(mine, move)
			case !errors.Is(err, ErrNotFound):
				return 0, err
			}
		}
		moves = mine
	}
	if len(moves) == 0 {
		return 0, nil
	}
	if len(d.messages.transports) != 1 {
		return 0, fmt.Errorf("messages of several transports are moved one by one: %w", ErrUnsupported)
	}
	return d.messages.store.MoveFailed(ctx, moves)
}
