package symphony

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"strings"
	"time"
)

// A callback is decided in two steps. When its source is dispatched, the bus finds its transport, queue and priority
// and checks all that can be checked, so that nothing is left that could be refused; this is what the source is stored
// with. When the source ends, whoever ends it has Envelope.Follow make the message, and stores it in the same
// transaction.

// Source is the member CallbackSource of a callback's payload: the message that it follows, and how that ended.
type Source struct {
	MessageID string          `json:"messageId"`
	Type      string          `json:"type"`
	Status    Status          `json:"status"` // completed, failed or cancelled
	Output    json.RawMessage `json:"output,omitempty"`
	Error     string          `json:"error,omitempty"`
	// ErrorClass goes with Error. Attempts counts those that were begun.
	ErrorClass string `json:"errorClass,omitempty"`
	Attempts   int    `json:"attempts"`
}

// callbacks appends the problems of a message's callbacks, and returns the terms to store it with on a transport: with
// callbacks for which everything is decided.
func (b *Bus) callbacks(ctx context.Context, p *problems, terms *Terms, typ, transport string) *Terms {
	if terms == nil || terms.OnSuccess == nil && terms.OnFailure == nil {
		return terms
	}
	own := *terms
	for _, c := range []struct {
		path   string
		of     **Callback
		sample Source
	}{
		{"options.onSuccess", &own.OnSuccess, Source{MessageID: nilID, Type: typ, Status: Completed, Attempts: 1}},
		{"options.onFailure", &own.OnFailure, Source{MessageID: nilID, Type: typ, Status: Failed, Error: "text",
			ErrorClass: "class", Attempts: 1}},
	} {
		if *c.of != nil {
			*c.of = b.callback(ctx, p, c.path, **c.of, &c.sample, transport)
		}
	}
	return &own
}

const nilID = "00000000-0000-0000-0000-000000000000"

// callback decides what a callback leaves open, and checks it with a source such as it will have.
func (b *Bus) callback(ctx context.Context, p *problems, path string, c Callback, sample *Source, of string) *Callback {
	if c.Transport == "" {
		names, routed := b.routes.Match(c.Type)
		if !routed {
			names = []string{b.opts.Default}
		}
		if len(names) > 1 {
			p.add(path+".transport", "must name one: messages of type %q go to %s", c.Type, strings.Join(names, ", "))
			return &c
		}
		c.Transport = names[0]
	}
	t := b.transports[c.Transport]
	switch {
	case t == nil:
		p.add(path+".transport", "%v", b.unknown(c.Transport))
		return &c
	case !b.SameStorage(of, c.Transport):
		p.add(path+".transport",
			"%q is kept in another storage than %q of the message, so it could not be "+
				"dispatched in the transaction that ends the message",
			c.Transport, of)
		return &c
	}
	c.Queue = b.queueOf(c.Transport, c.Queue)
	if !p.within(b.bound, c.Type, c.Queue, path+".type", path+".queue") {
		return &c
	}
	if _, declared := b.types.Match(c.Type); !declared && len(b.opts.Types) > 0 {
		p.add(path+".type", "%q is not among the types of this bus", c.Type)
	}
	c.Priority = cmp.Or(b.opts.Defaults[c.Transport].Priority, DefaultPriority)
	stored, plain, err := encoded(ctx, b.opts.Codec, &Message{Type: c.Type, Payload: orEmpty(c.Payload)})
	if err != nil {
		p.fault = cmp.Or(p.fault, err)
		return &c
	}
	if b.opts.Schemas != nil {
		for _, problem := range b.opts.Schemas.CheckPayload(c.Type, withSource(plain, sample)) {
			if strings.HasPrefix(problem.Path, CallbackSource+".") {
				continue // what will be there is not known yet
			}
			p.add(strings.TrimSuffix(path+".payload."+problem.Path, "."), "%s", problem.Message)
		}
	}
	c.Payload = stored
	return &c
}

func orEmpty(payload json.RawMessage) json.RawMessage {
	if payload == nil {
		return json.RawMessage("{}")
	}
	return payload
}

// withSource adds the member CallbackSource to a payload, which is a JSON object, and leaves the rest as it is.
func withSource(payload json.RawMessage, source *Source) json.RawMessage {
	raw, err := json.Marshal(source)
	if err != nil {
		panic(err) // texts, and an output that was checked
	}
	payload = bytes.TrimRight(payload, " \t\r\n")
	body := bytes.TrimRight(payload[:len(payload)-1], " \t\r\n")
	out := make([]byte, 0, len(body)+len(raw)+len(CallbackSource)+5)
	out = append(out, body...)
	if !bytes.HasSuffix(body, []byte{'{'}) {
		out = append(out, ',')
	}
	out = append(out, '"')
	out = append(out, CallbackSource...)
	out = append(out, '"', ':')
	out = append(out, raw...)
	return append(out, '}')
}

// HeaderCallback is a header of callbacks: which one it is, onSuccess or onFailure.
const HeaderCallback = "symphony-callback"

// Follows reports whether something is dispatched when a message with these terms ends. Nil terms have nothing.
func (t *Terms) Follows() bool { return t != nil && (t.OnSuccess != nil || t.OnFailure != nil) }

// Follow returns the message to dispatch because e has ended as source tells, of which MessageID and Type need not be
// set; nil for none. Storages call it once for each message that ends, and store the result in the same transaction. Of
// e it reads the id, the type, the transport and what EncodeExtras keeps.
func (e *Envelope) Follow(source Source, now time.Time) *Envelope {
	if !e.Terms.Follows() {
		return nil
	}
	c, which := e.Terms.OnFailure, "onFailure"
	if source.Status == Completed {
		c, which = e.Terms.OnSuccess, "onSuccess"
	}
	if c == nil {
		return nil
	}
	source.MessageID, source.Type, source.Error = e.ID, e.Type, ClipError(source.Error)
	return &Envelope{
		ID: NewID(now), Type: c.Type, Payload: withSource(orEmpty(c.Payload),
			&source), Headers: map[string]any{HeaderCallback: which},
		Transport: cmp.Or(c.Transport, e.Transport), Queue: cmp.Or(c.Queue,
			DefaultQueue), Priority: cmp.Or(c.Priority, DefaultPriority),
		CreatedAt: now, CorrelationID: e.Correlation(), CausationID: e.ID, DispatchedBy: e.DispatchedBy,
	}
}

// decodeCallback decodes the payload of a callback, which was encoded before it was known how its source would end.
func decodeCallback(ctx context.Context, c Codec, typ string, stored json.RawMessage) (json.RawMessage, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(stored, &members); err != nil {
		return nil, &DecodeError{Err: err}
	}
	var source Source
	if err := json.Unmarshal(members[CallbackSource], &source); err != nil {
		return nil, &DecodeError{Err: err}
	}
	delete(members, CallbackSource)
	rest, err := json.Marshal(members)
	if err != nil {
		return nil, &DecodeError{Err: err}
	}
	plain, err := c.Decode(ctx, typ, rest)
	if err != nil {
		return nil, err
	}
	return withSource(plain, &source), nil
}
