package symphony

import (
	"encoding/json"
	"time"
)

// Flow is how one message is to be let through, beside its priority and its time. Envelopes have none where nothing of
// it was asked for.
type Flow struct {
	// ExpiresAt is when a message that no handler has begun goes to the dead letter queue, with ExpiredError. Zero:
	// never.
	ExpiresAt time.Time `json:"expiresAt,omitzero"`
	// ConcurrencyKey names what the limits by key count together; see Limits. Without a configured limit, messages with
	// the same key are handled one at a time.
	ConcurrencyKey string `json:"concurrencyKey,omitempty"`
	// GroupKey names the group, such as a tenant, of which messages take turns with other groups of the same queue.
	GroupKey string `json:"groupKey,omitempty"`
	// Ordered has the messages of the group handled one after the other in the order of their dispatch (or of their
	// time, for scheduled ones): the next begins when the one before is completed or failed for good.
	Ordered bool `json:"ordered,omitempty"`
	// DebounceKey has the message take the place of one with the same key that waits and was never begun.
	DebounceKey string `json:"debounceKey,omitempty"`
	// ThrottleKey has the message dropped while one with the same key waits that was never begun.
	ThrottleKey string `json:"throttleKey,omitempty"`
	// KeysOf is whose these two keys are; see DispatchOptions.
	KeysOf string `json:"keysOf,omitempty"`
}

// The kinds of keys by which a message is the one that waits.
const (
	UniqueDebounce = "debounce"
	UniqueThrottle = "throttle"
)

// Unique returns the debounce or throttle key as storages keep it: its kind, and its name, which is another one for
// each owner. Both are empty without a key, and for no flow.
func (f *Flow) Unique() (kind, name string) {
	switch {
	case f == nil:
	case f.DebounceKey != "":
		return UniqueDebounce, keyName(f.KeysOf, f.DebounceKey)
	case f.ThrottleKey != "":
		return UniqueThrottle, keyName(f.KeysOf, f.ThrottleKey)
	}
	return "", ""
}

// extras are the rare fields of an envelope, as storages keep them: in one column, empty for most messages.
// DispatchedBy is the first, so that storages tell by how the text begins, which is ExtrasDispatchedBy, whether it is
// there.
type extras struct {
	DispatchedBy  string `json:"dispatchedBy,omitempty"`
	CorrelationID string `json:"correlationId,omitempty"`
	CausationID   string `json:"causationId,omitempty"`
	*Flow
	*Terms
}

// ExtrasDispatchedBy is how the text of EncodeExtras begins where the message has a DispatchedBy, which is this JSON
// object's member dispatchedBy. Storages index messages by it; the index has these messages only.
const ExtrasDispatchedBy = `{"dispatchedBy":`

// EncodeExtras returns the fields of e that few messages have (who dispatched it, correlation, causation, Flow,
// Terms) as a JSON object for a storage to keep, nil if it has none.
func (e *Envelope) EncodeExtras() ([]byte, error) {
	if e.CorrelationID == "" && e.CausationID == "" && e.Flow == nil && e.Terms == nil && e.DispatchedBy == "" {
		return nil, nil
	}
	return json.Marshal(extras{e.DispatchedBy, e.CorrelationID, e.CausationID, e.Flow, e.Terms})
}

// DecodeExtras sets the fields that EncodeExtras kept. Nothing in raw leaves e as it is.
func (e *Envelope) DecodeExtras(raw []byte) error {
	if len(raw) == 0 {
		return nil
	}
	x := extras{Flow: new(Flow), Terms: new(Terms)}
	if err := json.Unmarshal(raw, &x); err != nil {
		return err
	}
	e.DispatchedBy, e.CorrelationID, e.CausationID = x.DispatchedBy, x.CorrelationID, x.CausationID
	if *x.Flow != (Flow{}) {
		e.Flow = x.Flow
	}
	e.Terms = x.orNil()
	return nil
}

// Correlation is the id that the messages of one story share: CorrelationID, or of a message that began its story, ID.
func (e *Envelope) Correlation() string {
	if e.CorrelationID == "" {
		return e.ID
	}
	return e.CorrelationID
}

// Again is the flow of a failed message that is dispatched again: its groups and limits still hold, while its time to
// expire, and what it might have replaced, are over.
func (f *Flow) Again() *Flow {
	if f == nil {
		return nil
	}
	again := *f
	again.ExpiresAt, again.DebounceKey, again.ThrottleKey, again.KeysOf = time.Time{}, "", "", ""
	if again == (Flow{}) {
		return nil
	}
	return &again
}

// flow returns what the options ask for, nil if that is nothing.
func (o *DispatchOptions) flow() *Flow {
	f := Flow{ExpiresAt: o.ExpiresAt, ConcurrencyKey: o.ConcurrencyKey, GroupKey: o.GroupKey, Ordered: o.Ordered,
		DebounceKey: o.DebounceKey, ThrottleKey: o.ThrottleKey}
	if f == (Flow{}) {
		return nil
	}
	if f.DebounceKey != "" || f.ThrottleKey != "" {
		f.KeysOf = o.KeysOf
	}
	return &f
}

// setFlow has the options ask for f, which may be nil.
func (o *DispatchOptions) setFlow(f *Flow) {
	if f == nil {
		return
	}
	o.ExpiresAt, o.ConcurrencyKey, o.GroupKey, o.Ordered = f.ExpiresAt, f.ConcurrencyKey, f.GroupKey, f.Ordered
	o.DebounceKey, o.ThrottleKey, o.KeysOf = f.DebounceKey, f.ThrottleKey, f.KeysOf
}

// flow appends the problems of the options that are about flow and correlation.
func (p *problems) flow(o *DispatchOptions) {
	for _, key := range []struct{ path, value string }{
		{"options.concurrencyKey", o.ConcurrencyKey}, {"options.groupKey", o.GroupKey},
		{"options.debounceKey", o.DebounceKey}, {"options.throttleKey", o.ThrottleKey},
		{"options.correlationId", o.CorrelationID}, {"options.causationId", o.CausationID},
	} {
		p.key(key.path, key.value)
	}
	switch {
	case o.Delay < 0:
		p.add("options.delay", "must not be negative")
	case o.Delay > MaxDelay:
		p.add("options.delay", "must be at most %d ms", MaxDelay.Milliseconds())
	case o.Delay > 0 && !o.ScheduledAt.IsZero():
		p.add("options.delay", "cannot be combined with scheduledAt")
	}
	switch {
	case o.ExpiresAt.IsZero():
	case !StorableTime(o.ExpiresAt):
		p.time("options.expiresAt", o.ExpiresAt)
	case !o.ExpiresAt.After(o.ScheduledAt):
		p.add("options.expiresAt", "must be after scheduledAt")
	}
	if o.Ordered && o.GroupKey == "" {
		p.add("options.ordered", "needs a groupKey")
	}
	if o.DebounceKey != "" && o.ThrottleKey != "" {
		p.add("options.debounceKey", "cannot be combined with throttleKey")
	}
}
