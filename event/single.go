package event

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/symphony-messenger/symphony"
)

// MessageFilter selects messages whose every event a reader is told. What is empty selects everything.
type MessageFilter struct {
	IDs       []string `json:"ids,omitempty"` // any of them
	Transport string   `json:"transport,omitempty"`
	Queue     string   `json:"queue,omitempty"`
	Type      string   `json:"type,omitempty"` // or a pattern
	Tags      []string `json:"tags,omitempty"` // all of them
	// By selects those that carry this DispatchedBy.
	By string `json:"by,omitempty"`
	// Types are the types of events, or patterns of them.
	Types []string `json:"types,omitempty"`
}

// Selective reports whether the filter says which messages it is about, as one must that readers ask with: a transport
// alone does not.
func (f *MessageFilter) Selective() bool {
	return len(f.IDs) > 0 || f.Queue != "" || f.Type != "" || len(f.Tags) > 0
}

// single is an event of one message, as processes tell each other of it.
type single struct {
	Kind string    `json:"-"` // the type of the event
	At   time.Time `json:"at"`
	Node string    `json:"node"` // who tells it
	singleData
	By   string   `json:"by,omitempty"` // DispatchedBy
	Tags []string `json:"tags,omitempty"`

	// lacks says that not all of the message is known, so that it is looked for where a filter asks for more: its tags,
	// and of a message that tells its progress all but its id.
	lacks lack
}

type lack int

const (
	lacksNothing lack = iota
	lacksTags
	lacksAll
)

// singleData is the data of such an event.
type singleData struct {
	MessageID  string                  `json:"messageId"`
	Transport  string                  `json:"transport"`
	Queue      string                  `json:"queue"`
	Type       string                  `json:"type"`
	Attempts   int                     `json:"attempts,omitempty"`
	ErrorClass string                  `json:"errorClass,omitempty"`
	Worker     string                  `json:"worker,omitempty"`
	RetryIn    *int64                  `json:"retryIn,omitempty"` // milliseconds
	Progress   *symphony.ProgressState `json:"progress,omitempty"`
}

// frame is the event as readers get it.
func (s *single) frame() Frame {
	raw, err := json.Marshal(s.singleData)
	if err != nil {
		return Frame{} // it has texts and numbers only
	}
	f, err := frame(Event{At: s.At, Type: s.Kind, Data: raw})
	if err != nil {
		return Frame{}
	}
	f.By = s.By
	return f
}

// selects reports whether the filter selects the message, as far as it is known: what is not known does not speak
// against it. needs says that it depends on what is not known.
func (f *MessageFilter) selects(s *single) (yes, needs bool) {
	switch {
	case !(Filter{patterns: f.Types}).Selects(s.Kind):
		return false, false
	case len(f.IDs) > 0 && !slices.Contains(f.IDs, s.MessageID), f.Transport != "" && f.Transport != s.Transport:
		return false, false
	case s.lacks == lacksAll:
		return true, f.Queue != "" || f.Type != "" || f.By != "" || len(f.Tags) > 0
	case f.Queue != "" && f.Queue != s.Queue, f.By != "" && f.By != s.By,
		f.Type != "" && !symphony.PatternMatches(f.Type, s.Type):
		return false, false
	case len(f.Tags) > 0 && s.lacks == lacksTags:
		return true, true
	}
	for _, tag := range f.Tags {
		if !slices.Contains(s.Tags, tag) {
			return false, false
		}
	}
	return true, false
}

// ofAttempt is the event of an attempt that ended; its Kind is empty where there is none.
func ofAttempt(e *symphony.EndedAttempt) single {
	s := single{By: e.DispatchedBy, lacks: lacksTags, singleData: singleData{
		MessageID: e.MessageID, Transport: e.Transport, Queue: e.Queue, Type: e.Type, Attempts: e.Attempt,
		ErrorClass: e.Settlement.ErrorClass, Worker: e.Worker,
	}}
	switch e.Settlement.Outcome {
	case symphony.Ack:
		s.Kind = MessageCompleted
	case symphony.Fail:
		s.Kind = MessageFailed
	case symphony.Cancel:
		s.Kind, s.ErrorClass = MessageCancelled, ""
	case symphony.Retry:
		wait := e.Settlement.Delay.Milliseconds()
		s.Kind, s.RetryIn = MessageRetrying, &wait
	}
	return s
}

// learn fills in what was not known of a message.
func (s *single) learn(m *symphony.MessageInfo) {
	if s.lacks == lacksAll {
		s.Transport, s.Queue, s.Type, s.By, s.Attempts = m.Transport, m.Queue, m.Type, m.DispatchedBy, m.Deliveries
		s.Worker = m.Worker
	}
	if m.Terms != nil {
		s.Tags = m.Terms.Tags
	}
	s.lacks = lacksNothing
}
