package alert

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Kind is what a notification is about.
type Kind string

// The kinds.
const (
	Firing   Kind = "alert.firing"
	Reminder Kind = "alert.reminder" // it goes on
	Resolved Kind = "alert.resolved"
	Test     Kind = "alert.test"
)

// Notification is the body that webhooks get.
type Notification struct {
	// ID is the webhook-id: the same in every attempt.
	ID        string    `json:"id"`
	Type      Kind      `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	// Text is for people, in one line; chat programs show it.
	Text string `json:"text"`
	Data Data   `json:"data"`
}

// Data is for programs.
type Data struct {
	// Alert is the same from firing to resolution.
	Alert     string    `json:"alert"`
	Rule      string    `json:"rule"`
	Transport string    `json:"transport"`
	Queue     string    `json:"queue,omitempty"`
	Value     float64   `json:"value"`
	Threshold float64   `json:"threshold"`
	Unit      string    `json:"unit"`
	Since     time.Time `json:"since"` // when it began to fire
	// Reminder is 1 for the first.
	Reminder int    `json:"reminder,omitempty"`
	Node     string `json:"node,omitempty"` // that judged
}

// notification tells what a reading has made of a state. began is when the alert began to fire.
func (e *Engine) notification(id string, kind Kind, r *reading, s *state, began, now time.Time) Notification {
	word := strings.ToUpper(strings.TrimPrefix(string(kind), "alert."))
	text := fmt.Sprintf("[%s] %s: %s", word, r.Rule, r.Text)
	if kind != Firing {
		text += fmt.Sprintf(" (firing since %s, for %s)", began.UTC().Format(time.RFC3339), short(now.Sub(began)))
	}
	return Notification{ID: id, Type: kind, Timestamp: now.UTC(), Text: text, Data: Data{
		Alert: s.Alert, Rule: r.Rule, Transport: r.Transport, Queue: r.Queue, Value: r.Value, Threshold: r.Threshold, Unit: r.Unit,
		Since: began.UTC(), Reminder: s.Reminders, Node: e.o.Node,
	}}
}

func (n Notification) body() (json.RawMessage, error) {
	raw, err := json.Marshal(n)
	if err != nil {
		return nil, fmt.Errorf("alert: %w", err)
	}
	return raw, nil
}
