package alert

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/symphony-messenger/symphony"
)

// state is the record of a rule and transport. It is written when something changes, not with each look.
type state struct {
	Firing bool `json:"firing"`
	// Since is when it began to fire, or was resolved.
	Since time.Time `json:"since,omitzero"`
	// Turning is since when the signals say otherwise; zero while they do not.
	Turning time.Time `json:"turning,omitzero"`
	// Alert identifies the time from firing to resolution.
	Alert     string    `json:"alert,omitempty"`
	ToldAt    time.Time `json:"toldAt,omitzero"` // the last notification made
	Reminders int       `json:"reminders,omitempty"`
	// Outbox are notifications that not all webhooks have taken, the oldest first.
	Outbox []outgoing `json:"outbox,omitempty"`

	raw []byte // as it is stored, nil if it is not
}

// outgoing is a notification on its way.
type outgoing struct {
	ID   string          `json:"id"`
	Kind Kind            `json:"kind"`
	Made time.Time       `json:"made"`
	Body json.RawMessage `json:"body"`
	// To are the webhooks, by key, that have not taken it.
	To map[string]attempts `json:"to"`
}

// attempts are what was tried with one webhook.
type attempts struct {
	Count int `json:"count"`
	// Next is when it may be tried, or tried again. While somebody tries, it is when that must be over.
	Next time.Time `json:"next"`
}

// Limits of the outbox of a rule and transport.
const (
	maxOutbox = 20             // then the oldest are given up
	giveUp    = 24 * time.Hour // nobody wants to know by then
)

// step is what the signals make of a state: the decision about firing and resolving, and nothing else. It returns the
// kind of notification due, or "".
func (s *state) step(r *reading, hold, reminder time.Duration, now time.Time) Kind {
	if !r.Known {
		return ""
	}
	turns := r.holds()
	if s.Firing {
		turns = r.clear()
	}
	switch {
	case !turns:
		s.Turning = time.Time{}
	case s.Turning.IsZero():
		s.Turning = now
	}
	if turns && now.Sub(s.Turning) >= hold {
		s.Firing, s.Since, s.Turning, s.ToldAt, s.Reminders = !s.Firing, now, time.Time{}, now, 0
		if s.Firing {
			s.Alert = symphony.NewID(now)
			return Firing
		}
		return Resolved
	}
	if s.Firing && reminder > 0 && now.Sub(s.ToldAt) >= reminder {
		s.ToldAt = now
		s.Reminders++
		return Reminder
	}
	return ""
}

// same reports whether two states say the same.
func (s *state) same(o *state) bool {
	return s.Firing == o.Firing && s.Since.Equal(o.Since) && s.Turning.Equal(o.Turning) && s.ToldAt.Equal(o.ToldAt) && len(s.Outbox) == len(o.Outbox)
}

// prune drops notifications whose webhooks are not configured any more, and so are delivered by nobody.
func (s *state) prune(now time.Time) {
	s.Outbox = slices.DeleteFunc(s.Outbox, func(o outgoing) bool { return now.Sub(o.Made) > giveUp+time.Hour })
}

// enqueue has a notification delivered to all webhooks. Of reminders that wait only the last is of use.
func (s *state) enqueue(n outgoing) (dropped []outgoing) {
	if n.Kind == Reminder {
		s.Outbox = slices.DeleteFunc(s.Outbox, func(o outgoing) bool { return o.Kind == Reminder })
	}
	s.Outbox = append(s.Outbox, n)
	if over := len(s.Outbox) - maxOutbox; over > 0 {
		dropped = s.Outbox[:over]
		s.Outbox = s.Outbox[over:]
	}
	return dropped
}

// clone is a state that can be changed.
func (s *state) clone() *state {
	c := *s
	c.Outbox = make([]outgoing, len(s.Outbox))
	for i, o := range s.Outbox {
		to := make(map[string]attempts, len(o.To))
		for k, a := range o.To {
			to[k] = a
		}
		o.To = to
		c.Outbox[i] = o
	}
	return &c
}

func readState(raw []byte) (*state, error) {
	s := &state{}
	if err := json.Unmarshal(raw, s); err != nil {
		return nil, fmt.Errorf("alert: a state cannot be read: %w", err)
	}
	s.raw = raw
	return s, nil
}
