package symphony

import (
	"cmp"
	"context"
	"encoding/json"
	"time"
)

// MessageEdit changes a pending message. Nil fields leave what they are about as it is.
type MessageEdit struct {
	// Payload is a JSON object that replaces the payload.
	Payload json.RawMessage
	// Metadata replaces the metadata; that of a nil map removes it.
	Metadata *map[string]any
	// Priority is 1 to 10, or 0 for the transport's default.
	Priority *int
	// ScheduledAt is the earliest time of delivery; zero or past means now.
	ScheduledAt *time.Time
	// ExpiresAt is that of Flow; zero means never. It must be after the time of delivery.
	ExpiresAt *time.Time
	// Tags replace those of Terms; none removes them.
	Tags *[]string
	// MaxRetries is that of Terms, 0 to MaxRetries, or RetriesByPolicy.
	MaxRetries *int
}

// RetriesByPolicy, as the MaxRetries of an edit, has the policy say how often a message is retried.
const RetriesByPolicy = -1

// problems returns what is wrong with an edit, whatever the message is. Paths are the names of its members in JSON.
func (m *MessageEdit) problems() *problems {
	p := &problems{}
	if m.Payload != nil {
		p.object("payload", m.Payload)
	}
	if m.Metadata != nil {
		p.free("metadata", *m.Metadata)
	}
	if n := m.Priority; n != nil && *n != 0 && (*n < MinPriority || *n > MaxPriority) {
		p.add("priority", "must be %d to %d", MinPriority, MaxPriority)
	}
	if m.Tags != nil {
		p.tags("tags", *m.Tags)
	}
	if n := m.MaxRetries; n != nil && *n != RetriesByPolicy && (*n < 0 || *n > MaxRetries) {
		p.add("maxRetries", "must be 0 to %d", MaxRetries)
	}
	if m.ScheduledAt != nil {
		p.time("scheduledAt", *m.ScheduledAt)
	}
	if m.ExpiresAt != nil {
		p.time("expiresAt", *m.ExpiresAt)
	}
	return p
}

// Problems returns what is wrong with an edit, whatever the message is. Paths are the names of its members in JSON.
func (m *MessageEdit) Problems() []Problem { return m.problems().list }

// Edit changes a pending message and returns it. It is checked as at its dispatch, and waits with the attempts that it
// has had, where and for as long as it would have waited had it been dispatched so. Errors: ErrNotFound, a
// *MessageStatusError where it is not pending, a *ValidationError whose paths are the names of MessageEdit's fields in
// JSON, and those of the bus's codec.
func (m *Messages) Edit(ctx context.Context, id string, edit MessageEdit) (MessageInfo, error) {
	if err := edit.problems().err(); err != nil {
		return MessageInfo{}, err
	}
	before, err := m.Get(ctx, id)
	if err != nil {
		return MessageInfo{}, err
	}
	editor, err := m.editor(ctx, &before.Envelope, &edit)
	if err != nil {
		return MessageInfo{}, err
	}
	at, err := m.at(ctx, id)
	if err != nil {
		return MessageInfo{}, err
	}
	if err := at.store.EditMessage(ctx, id, editor.apply); err != nil {
		return MessageInfo{}, err
	}
	return m.Get(ctx, id)
}

// editor changes messages of one type as an edit says.
type editor struct {
	*MessageEdit
	payload  json.RawMessage // as it is stored
	priority int             // the transport's default
	flow     bool            // the transport has flow control
	maxBytes int
}

// editor makes what changes a message like this one within a transaction. The edit's own problems are known to be none,
// and of the message its transport and type matter, which never change.
func (m *Messages) editor(ctx context.Context, of *Envelope, edit *MessageEdit) (*editor, error) {
	o := &m.bus.opts
	d := &editor{MessageEdit: edit, priority: cmp.Or(o.Defaults[of.Transport].Priority, DefaultPriority),
		flow: m.bus.transports[of.Transport].Capabilities().Flow, maxBytes: o.MaxMessageBytes}
	if edit.Payload == nil {
		return d, nil
	}
	stored, plain, err := encoded(ctx, o.Codec, &Message{Type: of.Type, Payload: edit.Payload})
	if err != nil {
		return nil, err
	}
	var p problems
	p.payload(o.Schemas, of.Type, plain, "payload")
	if d.payload = stored; o.Codec != nil {
		p.object("payload", stored)
	}
	return d, p.err()
}

// apply changes an envelope. What that makes wrong with it is a *ValidationError.
func (d *editor) apply(e *Envelope) error {
	var p problems
	if d.Payload != nil {
		e.Payload = d.payload
	}
	if d.Metadata != nil {
		e.Metadata = *d.Metadata
	}
	if size := len(e.Payload) + jsonSize(e.Metadata); size > d.maxBytes && (d.Payload != nil || d.Metadata != nil) {
		path := "payload"
		if d.Payload == nil {
			path = "metadata"
		}
		p.add(path, "payload and metadata must have at most %d bytes together, have %d", d.maxBytes, size)
	}
	if d.Priority != nil {
		e.Priority = cmp.Or(*d.Priority, d.priority)
	}
	if d.ScheduledAt != nil {
		e.ScheduledAt = *d.ScheduledAt
	}
	if at := d.ExpiresAt; at != nil {
		if !d.flow && !at.IsZero() {
			p.add("expiresAt", "transport %q has no flow control", e.Transport)
		} else {
			e.expireAt(*at)
		}
	}
	d.terms(e)
	d.times(&p, e)
	return p.err()
}

// terms changes the terms of an envelope, of which others may have the same.
func (d *editor) terms(e *Envelope) {
	if d.Tags == nil && d.MaxRetries == nil {
		return
	}
	terms := Terms{}
	if e.Terms != nil {
		terms = *e.Terms
	}
	if d.Tags != nil {
		terms.Tags = distinct(*d.Tags)
	}
	if n := d.MaxRetries; n != nil {
		if terms.MaxRetries = n; *n == RetriesByPolicy {
			terms.MaxRetries = nil
		}
	}
	e.Terms = terms.orNil()
}

// times appends what is wrong with the times of an edited message, if any of them was edited.
func (d *editor) times(p *problems, e *Envelope) {
	if e.Flow == nil || e.Flow.ExpiresAt.IsZero() || d.ExpiresAt == nil && d.ScheduledAt == nil {
		return
	}
	path, at := "expiresAt", e.Flow.ExpiresAt
	if d.ExpiresAt == nil {
		path = "scheduledAt"
	}
	tell := func(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
	if !at.After(e.ScheduledAt) {
		p.add(path, "must be so that expiresAt (%s) is after scheduledAt (%s)", tell(at), tell(e.ScheduledAt))
	}
}

// expireAt sets when the message expires, zero for never.
func (e *Envelope) expireAt(at time.Time) {
	switch {
	case e.Flow == nil && at.IsZero():
		return
	case e.Flow == nil:
		e.Flow = &Flow{}
	}
	if e.Flow.ExpiresAt = at; *e.Flow == (Flow{}) {
		e.Flow = nil
	}
}

// jsonSize is how many bytes metadata have as JSON, which they are known to have.
func jsonSize(metadata map[string]any) int {
	var p problems
	return p.free("", metadata)
}
