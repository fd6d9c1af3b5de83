package flow

import (
	"maps"
	"slices"
	"time"

	"github.com/symphony-messenger/symphony"
)

// Back-pressure: an endpoint that is asked too often says so, by 429 or 503 with Retry-After. Then what goes to it
// waits until the time it named, and where a rate is set, half of it is left; see Pressed.

const (
	// MaxPressure is the longest time for which an endpoint can stop its messages.
	MaxPressure = time.Hour
	// MinPressure is how long an endpoint's wish holds that names no time, and the least time between two halvings.
	MinPressure = time.Second
	// LeastFactor is how much of a rate is left at least.
	LeastFactor = 0.01
	// RecoveryStep is how much of a rate comes back in each RecoveryTime in which nobody asks for less.
	RecoveryStep = 0.1
	RecoveryTime = time.Minute
)

// Pressure is what endpoints asked for.
type Pressure struct {
	// Until is when messages may go to the endpoint again.
	Until time.Time `json:"until,omitzero"`
	// Factor is how much of the rate was left at a time At. 0: all of it.
	Factor float64   `json:"factor,omitzero"`
	At     time.Time `json:"at,omitzero"`
	// From is who asked, for people: the endpoint and what it answered.
	From string `json:"from,omitempty"`
}

// FactorAt is how much of the rate is left at a time, up to 1.
func (p Pressure) FactorAt(now time.Time) float64 {
	if p.Factor == 0 {
		return 1
	}
	steps := max(now.Sub(p.At)/RecoveryTime, 0)
	return min(p.Factor+float64(steps)*RecoveryStep, 1)
}

// slow is a rate under pressure.
func (p Pressure) slow(r Rate, now time.Time) Rate {
	f := p.FactorAt(now)
	if f >= 1 || r.Count == 0 {
		return r
	}
	r.Per = time.Duration(float64(r.Per) / f)
	if r.Burst > 0 {
		r.Burst = max(int(float64(r.Burst)*f), 1)
	}
	return r
}

// end is when nothing is left of the pressure, or its pause is over; zero for no pressure.
func (p Pressure) end() time.Time {
	if p.Factor == 0 {
		return p.Until
	}
	at := p.At
	for f := p.Factor; f < 1-1e-9; f += RecoveryStep {
		at = at.Add(RecoveryTime)
	}
	if p.Until.After(at) {
		return p.Until
	}
	return at
}

func (p Pressure) over(now time.Time) bool { return !p.end().After(now) }

// Ask is what an endpoint asked for when it was given a message.
type Ask struct {
	Message *symphony.Envelope
	Pattern string        // of the handler
	Wait    time.Duration // until it may be asked again
	From    string        // see Pressure
}

// Change is what the endpoint's wish changes.
func (a Ask) Change(now, _ time.Time, l *Limits) (save []SetLimit, _ []LimitTarget, _ error) {
	return l.Pressed(a, now), nil, nil
}

// Pressed says what an endpoint's wish makes of the limits that are set. What goes to its handler waits, or where the
// message has a key what has that key; the rates that bound the message are halved.
func (l *Limits) Pressed(a Ask, now time.Time) (save []SetLimit) {
	wait := min(max(a.Wait, MinPressure), MaxPressure)
	key := ""
	if a.Message.Flow != nil {
		key = a.Message.Flow.ConcurrencyKey
	}
	hold := LimitTarget{Type: a.Pattern, Key: key}
	changed := make(map[string]SetLimit)
	get := func(t LimitTarget) SetLimit {
		if s, ok := changed[t.name()]; ok {
			return s
		}
		if s, ok := l.setOf(t); ok {
			return s
		}
		return SetLimit{LimitTarget: t, Since: now}
	}
	if s := get(hold); now.Add(wait).After(s.Pressure.Until) {
		s.Pressure.Until, s.Pressure.From = now.Add(wait), a.From
		changed[hold.name()] = s
	}
	for _, g := range l.Gates(a.Message) {
		t, ok := targetOf(g.Name)
		if !ok || g.Rate.Count == 0 || t.Queue != "" || (key != "") != (t.Key != "") {
			continue
		}
		s := get(t)
		// Many messages are told the same at a time; that halves the rate once.
		if p := s.Pressure; p.Factor != 0 && now.Before(p.At.Add(wait)) {
			continue
		}
		s.Pressure.Factor, s.Pressure.At = max(s.Pressure.FactorAt(now)/2, LeastFactor), now
		if s.Pressure.From == "" {
			s.Pressure.From = a.From
		}
		changed[t.name()] = s
	}
	return slices.SortedFunc(maps.Values(changed), compareTargets)
}
