package symphony

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// MaxFilterMetadata is the most members of metadata that a filter asks for.
const MaxFilterMetadata = 10

// MessageFilter selects messages, the same for lists, counts, exports and work in bulk. Zero fields select everything;
// a message is selected that fits all others.
type MessageFilter struct {
	// Status and Statuses together select messages with any of these.
	Status   Status   `json:"status,omitempty"`
	Statuses []Status `json:"statuses,omitempty"`
	Queue    string   `json:"queue,omitempty"`
	Type     string   `json:"type,omitempty"` // exact, or Prefix.* for all that begin with Prefix and the dot
	Priority int      `json:"priority,omitempty"`
	// ErrorClass is exact. It selects failed messages only.
	ErrorClass string `json:"errorClass,omitempty"`
	// FailureGroup is a fingerprint of package triage. It selects failed messages only.
	FailureGroup string `json:"failureGroup,omitempty"`
	// Since and Until, unless zero, bound the time by which a query is ordered, at or after and before: CreatedAt in
	// the order of dispatch, FinishedAt in the order of failure. In the order of dispatch, messages with an id that
	// tells another time than their CreatedAt, by more than MaxIDSkew, may be left out; a Bus makes none.
	Since time.Time `json:"since,omitzero"`
	Until time.Time `json:"until,omitzero"`
	// EndedSince and EndedUntil bound FinishedAt in every order. They select messages that have ended.
	EndedSince time.Time `json:"endedSince,omitzero"`
	EndedUntil time.Time `json:"endedUntil,omitzero"`
	// Text is searched for, ignoring ASCII case, in type and payload; in the order of dispatch also in metadata and
	// headers, in the order of failure also in the error. Each is searched as it is stored, and every character is
	// literal.
	Text string `json:"text,omitempty"`
	// DispatchedBy is who had the message dispatched, exact. Storages have an index of it: only that caller's
	// messages are looked at.
	DispatchedBy string `json:"dispatchedBy,omitempty"`
	// These are exact. CorrelationID selects the message that began the story, too, whose id it is.
	IdempotencyKey string `json:"idempotencyKey,omitempty"`
	CorrelationID  string `json:"correlationId,omitempty"`
	CausationID    string `json:"causationId,omitempty"`
	GroupKey       string `json:"groupKey,omitempty"`
	ConcurrencyKey string `json:"concurrencyKey,omitempty"`
	// Tags selects messages that have all of them, at most MaxTags.
	Tags []string `json:"tag,omitempty"`
	// Worker, exact, selects messages that it has in hand or has completed.
	Worker string `json:"worker,omitempty"`
	// Metadata has for paths into it, the names with dots between them, the value there: a string, or a number or
	// boolean as it is spelled in JSON. At most MaxFilterMetadata.
	Metadata map[string]string `json:"metadata,omitempty"`
	// Closed are patterns of types into which Text and Metadata do not look: where either is given, messages of these
	// types are not selected. Without both it says nothing. Text does not look into callbacks either where there are
	// any: they may carry the output of a message of such a type.
	Closed []string `json:"closed,omitempty"`
	// ScheduledAfter, unless zero, selects messages with a ScheduledAt after it.
	ScheduledAfter time.Time `json:"scheduledAfter,omitzero"`
}

// Unsearched are the patterns of types of which the filter selects no message, because it would have to look into
// them.
func (f *MessageFilter) Unsearched() []string {
	if f.Text == "" && len(f.Metadata) == 0 {
		return nil
	}
	return f.Closed
}

// SkipsCallbacks reports whether the filter selects no message with the header HeaderCallback, because its Text would
// have to look into the output of a message of another type.
func (f *MessageFilter) SkipsCallbacks() bool { return f.Text != "" && len(f.Closed) > 0 }

// Open reports whether messages of a type may be selected, by Unsearched.
func (f *MessageFilter) Open(typ string) bool {
	return !slices.ContainsFunc(f.Unsearched(), func(pattern string) bool { return PatternMatches(pattern, typ) })
}

// SelectsAll reports whether the filter selects everything. It is not named IsZero, because JSON would then leave out a
// filter that is given and empty.
func (f *MessageFilter) SelectsAll() bool { return reflect.ValueOf(f).Elem().IsZero() }

// AllStatuses are the statuses that the filter asks for, nil for all.
func (f *MessageFilter) AllStatuses() []Status {
	if f.Status == "" {
		return f.Statuses
	}
	if slices.Contains(f.Statuses, f.Status) {
		return f.Statuses
	}
	return append([]Status{f.Status}, f.Statuses...)
}

// Wants reports whether messages with a status may be selected.
func (f *MessageFilter) Wants(s Status) bool {
	list := f.AllStatuses()
	return list == nil || slices.Contains(list, s)
}

// TypePrefix is how the types begin that the filter selects. ok is false where it selects one type, or all.
func (f *MessageFilter) TypePrefix() (prefix string, ok bool) {
	if len(f.Type) > len(".*") && strings.HasSuffix(f.Type, ".*") {
		return strings.TrimSuffix(f.Type, "*"), true
	}
	return "", false
}

// Ended reports whether the filter asks for messages that have ended within some time.
func (f *MessageFilter) Ended() bool { return !f.EndedSince.IsZero() || !f.EndedUntil.IsZero() }

// EndedAt reports whether a message that ended at a time is selected by it.
func (f *MessageFilter) EndedAt(t time.Time) bool {
	return !t.Before(f.EndedSince) && (f.EndedUntil.IsZero() || t.Before(f.EndedUntil))
}

// Rare reports whether Carries has anything to look at.
func (f *MessageFilter) Rare() bool {
	return f.IdempotencyKey != "" || f.extras() || len(f.Metadata) > 0
}

// extras reports whether the filter asks for what stands in a message's extras.
func (f *MessageFilter) extras() bool {
	return f.CorrelationID+f.CausationID+f.GroupKey+f.ConcurrencyKey != "" || len(f.Tags) > 0
}

// Carries reports whether an envelope has what the filter asks for of that which few have: its keys, its tags,
// what relates it to others, and its metadata. The rest of the envelope is not looked at.
func (f *MessageFilter) Carries(e *Envelope) bool {
	var flow Flow
	if e.Flow != nil {
		flow = *e.Flow
	}
	same := func(want, got string) bool { return want == "" || want == got }
	if !same(f.IdempotencyKey, e.IdempotencyKey) || !same(f.CorrelationID, e.Correlation()) ||
		!same(f.CausationID, e.CausationID) || !same(f.GroupKey, flow.GroupKey) ||
		!same(f.ConcurrencyKey, flow.ConcurrencyKey) {
		return false
	}
	for _, tag := range f.Tags {
		if e.Terms == nil || !slices.Contains(e.Terms.Tags, tag) {
			return false
		}
	}
	for path, want := range f.Metadata {
		if got, ok := MetadataAt(e.Metadata, path); !ok || got != want {
			return false
		}
	}
	return true
}

// MetadataAt is the value at a path of metadata, where it is a string, number or boolean.
func MetadataAt(m map[string]any, path string) (text string, ok bool) {
	for {
		name, rest, more := strings.Cut(path, ".")
		v, there := m[name]
		if !there {
			return "", false
		}
		if more {
			if m, ok = v.(map[string]any); !ok {
				return "", false
			}
			path = rest
			continue
		}
		switch v := v.(type) {
		case string:
			return v, true
		case json.Number:
			return v.String(), true
		case bool:
			return strconv.FormatBool(v), true
		}
		return "", false
	}
}

// problems appends what is wrong with the filter, in the order of failure or that of dispatch.
func (f *MessageFilter) problems(p *problems, byFailure bool) {
	for _, s := range f.AllStatuses() {
		switch {
		case !slices.Contains(Statuses(), s):
			p.add("status", "must be %s, %s, %s, %s or %s", Pending, Processing, Completed, Failed, Cancelled)
		case byFailure && s != Failed:
			p.add("status", "must be %s in the order of failure", Failed)
		}
	}
	if f.Priority != 0 && (f.Priority < MinPriority || f.Priority > MaxPriority) {
		p.add("priority", "must be %d to %d", MinPriority, MaxPriority)
	}
	for _, text := range []struct{ path, value string }{
		{"queue", f.Queue}, {"type", f.Type}, {"errorClass", f.ErrorClass}, {"q", f.Text}, {"failureGroup", f.FailureGroup},
		{"dispatchedBy", f.DispatchedBy}, {"idempotencyKey", f.IdempotencyKey}, {"correlationId", f.CorrelationID},
		{"causationId", f.CausationID}, {"groupKey", f.GroupKey}, {"concurrencyKey", f.ConcurrencyKey},
		{"worker", f.Worker},
	} {
		p.filter(text.path, text.value)
	}
	if f.FailureGroup != "" && !f.Wants(Failed) {
		p.add("failureGroup", "selects failed messages only")
	}
	if f.ErrorClass != "" && !f.Wants(Failed) {
		p.add("errorClass", "selects failed messages only")
	}
	if len(f.Tags) > MaxTags {
		p.add("tag", "must have at most %d values, has %d", MaxTags, len(f.Tags))
	}
	for _, tag := range f.Tags {
		p.filter("tag", tag)
	}
	if len(f.Metadata) > MaxFilterMetadata {
		p.add("metadata", "must have at most %d members, has %d", MaxFilterMetadata, len(f.Metadata))
	}
	for _, path := range slices.Sorted(maps.Keys(f.Metadata)) {
		p.filter("metadata."+path, f.Metadata[path])
		p.filter("metadata."+path, path)
		if slices.Contains(strings.Split(path, "."), "") {
			p.add("metadata."+path, "must be names with dots between them")
		}
	}
	p.time("since", f.Since)
	p.time("until", f.Until)
	p.time("endedSince", f.EndedSince)
	p.time("endedUntil", f.EndedUntil)
}

// filter appends a problem of a text that selects.
func (p *problems) filter(path, s string) {
	if len(s) > MaxFilterLength {
		p.add(path, "must have at most %d bytes, has %d", MaxFilterLength, len(s))
		return
	}
	p.text(path, s)
}

// text appends a problem of a text that cannot be kept, and so cannot be looked for.
func (p *problems) text(path, s string) {
	if !ValidText(s) {
		p.add(path, "must be valid UTF-8 without NUL")
	}
}
