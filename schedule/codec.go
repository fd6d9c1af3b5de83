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

// options are those of the message, whole. Delay hides the one within, which is in nanoseconds.
type options struct {
	symphony.DispatchOptions
	Delay int64 `json:"delay,omitempty"`
}

// EncodeDefinition returns, as a JSON object for a storage to keep, the definition without what storages keep by
// itself: name, source, the message's type and payload, and whether it is enabled.
func (s *Schedule) EncodeDefinition() ([]byte, error) {
	return json.Marshal(definition{
		At: s.At, Cron: s.Cron, Timezone: s.Timezone, Interval: s.Interval.Milliseconds(), StartAt: s.StartAt, EndAt: s.EndAt,
		MaxRuns: s.MaxRuns, Jitter: s.Jitter.Milliseconds(), Missed: s.Missed, Overlap: s.Overlap, Metadata: s.Message.Metadata,
		Options: options{s.Options, s.Options.Delay.Milliseconds()},
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
	s.Options = d.Options.DispatchOptions
	s.Options.Delay = time.Duration(d.Options.Delay) * ms
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
