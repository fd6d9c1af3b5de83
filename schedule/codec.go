package schedule

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/symphony-messenger/symphony"
)

// definition is a schedule's definition as storages keep it in one column, so that a field more needs no column more.
// Durations are in milliseconds. The payload is kept apart, byte for byte.
type definition struct {
	At       time.Time      `json:"at,omitzero"`
	Cron     string         `json:"cron,omitempty"`
	Timezone string         `json:"timezone,omitempty"`
	Interval int64          `json:"interval,omitempty"`
	StartAt  time.Time      `json:"startAt,omitzero"`
	EndAt    time.Time      `json:"endAt,omitzero"`
	MaxRuns  int            `json:"maxRuns,omitempty"`
	Jitter   int64          `json:"jitter,omitempty"`
	Missed   MissedPolicy   `json:"missed"`
	Overlap  OverlapPolicy  `json:"overlap"`
	Metadata map[string]any `json:"metadata,omitempty"`
	Options  options        `json:"options"`
}

// options are the symphony.DispatchOptions that a schedule may have.
type options struct {
	Transport      string         `json:"transport,omitempty"`
	Queue          string         `json:"queue,omitempty"`
	Priority       int            `json:"priority,omitempty"`
	Metadata       map[string]any `json:"metadata,omitempty"`
	Headers        map[string]any `json:"headers,omitempty"`
	Delay          int64          `json:"delay,omitempty"`
	ExpiresAt      time.Time      `json:"expiresAt,omitzero"`
	ConcurrencyKey string         `json:"concurrencyKey,omitempty"`
	GroupKey       string         `json:"groupKey,omitempty"`
	Ordered        bool           `json:"ordered,omitempty"`
	DebounceKey    string         `json:"debounceKey,omitempty"`
	ThrottleKey    string         `json:"throttleKey,omitempty"`
	CorrelationID  string         `json:"correlationId,omitempty"`
	CausationID    string         `json:"causationId,omitempty"`
	DispatchedBy   string         `json:"dispatchedBy,omitempty"`
	KeysOf         string         `json:"keysOf,omitempty"`
}

// EncodeDefinition returns, as a JSON object for a storage to keep, the definition without what storages keep by
// itself: name, source, the message's type and payload, and whether it is enabled.
func (s *Schedule) EncodeDefinition() ([]byte, error) {
	o := &s.Options
	return json.Marshal(definition{
		At: s.At, Cron: s.Cron, Timezone: s.Timezone, Interval: s.Interval.Milliseconds(), StartAt: s.StartAt, EndAt: s.EndAt,
		MaxRuns: s.MaxRuns, Jitter: s.Jitter.Milliseconds(), Missed: s.Missed, Overlap: s.Overlap, Metadata: s.Message.Metadata,
		Options: options{
			Transport: o.Transport, Queue: o.Queue, Priority: o.Priority, Metadata: o.Metadata, Headers: o.Headers,
			Delay: o.Delay.Milliseconds(), ExpiresAt: o.ExpiresAt, ConcurrencyKey: o.ConcurrencyKey, GroupKey: o.GroupKey,
			Ordered: o.Ordered, DebounceKey: o.DebounceKey, ThrottleKey: o.ThrottleKey,
			CorrelationID: o.CorrelationID, CausationID: o.CausationID, DispatchedBy: o.DispatchedBy, KeysOf: o.KeysOf,
		},
	})
}

// DecodeDefinition sets what EncodeDefinition kept, or DecodeErr.
func (s *Schedule) DecodeDefinition(raw []byte) {
	var d definition
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if err := dec.Decode(&d); err != nil {
		s.DecodeErr = &symphony.DecodeError{Err: err}
		return
	}
	const ms = time.Millisecond
	s.At, s.Cron, s.Timezone, s.Interval = d.At, d.Cron, d.Timezone, time.Duration(d.Interval)*ms
	s.StartAt, s.EndAt, s.MaxRuns, s.Jitter = d.StartAt, d.EndAt, d.MaxRuns, time.Duration(d.Jitter)*ms
	s.Missed, s.Overlap, s.Message.Metadata = d.Missed, d.Overlap, d.Metadata
	o := &d.Options
	s.Options = symphony.DispatchOptions{
		Transport: o.Transport, Queue: o.Queue, Priority: o.Priority, Metadata: o.Metadata, Headers: o.Headers,
		Delay: time.Duration(o.Delay) * ms, ExpiresAt: o.ExpiresAt, ConcurrencyKey: o.ConcurrencyKey, GroupKey: o.GroupKey,
		Ordered: o.Ordered, DebounceKey: o.DebounceKey, ThrottleKey: o.ThrottleKey,
		CorrelationID: o.CorrelationID, CausationID: o.CausationID, DispatchedBy: o.DispatchedBy, KeysOf: o.KeysOf,
	}
}

// EncodeMessages returns the messages of a run as a JSON array for a storage to keep, nil if there are none.
func EncodeMessages(list []MessageRef) []byte {
	if len(list) == 0 {
		return nil
	}
	raw, err := json.Marshal(list)
	if err != nil {
		panic(err) // they are texts
	}
	return raw
}

// DecodeMessages returns what EncodeMessages kept.
func DecodeMessages(raw []byte) (list []MessageRef) {
	// What cannot be read counts as none, so that the history around it can be seen.
	_ = json.Unmarshal(raw, &list)
	return list
}
