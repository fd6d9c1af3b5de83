package alert

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/monitor"
	"github.com/symphony-messenger/symphony/storage"
)

// reading is what a rule says of a transport at one moment.
type reading struct {
	Rule, Transport string
	Queue           string // where the oldest message is
	// Known is false where the value could not be had.
	Known bool
	// The rule holds while Value is Threshold or more, and is clear once it is Clear or less.
	Value, Threshold, Clear float64
	Unit                    string // "messages", "ms", "ratio" or "bytes"
	// Text says what the value means.
	Text string
}

func (r *reading) id() string  { return r.Rule + "/" + r.Transport }
func (r *reading) holds() bool { return r.Value >= r.Threshold }
func (r *reading) clear() bool { return r.Value <= r.Clear && !r.holds() }

// readings are those of every rule and transport.
func (e *Engine) readings(ctx context.Context, s monitor.Signals) (list []reading) {
	rules := e.o.Rules
	add := func(r reading) {
		r.Clear = r.Threshold * rules.ClearRatio
		list = append(list, r)
	}
	for i := range s.Transports {
		t := &s.Transports[i]
		if !t.Keeps {
			continue
		}
		counted := t.Err == nil && s.AttemptsErr == nil
		if rules.DeadLetters != Off {
			add(reading{Rule: DeadLetters, Transport: t.Name, Known: counted, Value: float64(t.Attempts.Dead), Threshold: float64(rules.DeadLetters), Unit: "messages",
				Text: fmt.Sprintf("%d messages went to the dead letter queue of transport %s within %s; %d are in it", t.Attempts.Dead, t.Name, short(s.Window), t.Stats.Failed)})
		}
		if rules.Oldest != Off {
			text := fmt.Sprintf("a message of transport %s, queue %s, has been ready for %s and is not handled; %d wait", t.Name, t.OldestQueue, short(t.OldestAge), t.Stats.Pending)
			if t.OldestAge == 0 {
				text = fmt.Sprintf("no message of transport %s waits to be handled", t.Name)
			}
			add(reading{Rule: OldestMessage, Transport: t.Name, Queue: t.OldestQueue, Known: t.Err == nil, Value: millis(t.OldestAge), Threshold: millis(rules.Oldest), Unit: "ms", Text: text})
		}
		if rules.ErrorRate != Off {
			a := t.Attempts
			r := reading{Rule: ErrorRate, Transport: t.Name, Known: counted, Threshold: rules.ErrorRate, Unit: "ratio",
				Text: fmt.Sprintf("%d of %d attempts of transport %s failed within %s", a.Failed, a.Ended(), t.Name, short(s.Window))}
			if a.Ended() >= int64(rules.ErrorSample) { // fewer say nothing, and that is no alert
				r.Value = math.Round(a.ErrorRate()*1000) / 1000
			}
			add(r)
		}
		if rules.NoWorkers != Off {
			r := reading{Rule: NoWorkers, Transport: t.Name, Known: counted && s.NodesErr == nil, Threshold: millis(rules.NoWorkers), Unit: "ms",
				Text: fmt.Sprintf("transport %s is worked on, or nothing waits there", t.Name)}
			if since, ok := s.Unattended(*t); ok {
				r.Value = millis(since)
				r.Text = fmt.Sprintf("nobody works on transport %s, where a message has been ready for %s; %d wait", t.Name, short(since), t.Stats.Pending)
			}
			add(r)
		}
		if rules.StorageBytes != Off && t.Bytes != nil {
			used := t.Bytes.Used()
			add(reading{Rule: StorageBytes, Transport: t.Name, Known: t.Err == nil && !t.Bytes.At.IsZero(),
				Value: float64(used), Threshold: float64(rules.StorageBytes), Unit: "bytes",
				Text: fmt.Sprintf("the storage of transport %s uses %s; with what is free in it %s",
					t.Name, storage.Size(used), t.Bytes)})
		}
		if rules.Regressions != Off && e.o.Regressed != nil {
			add(e.regression(ctx, t.Name))
		}
	}
	return list
}

// regression is what the rule on groups of failures says of a transport.
func (e *Engine) regression(ctx context.Context, transport string) reading {
	samples, err := e.o.Regressed(ctx, transport)
	unable := errors.Is(err, symphony.ErrUnsupported) // it has no groups, so none that is resolved
	r := reading{Rule: Regression, Transport: transport, Known: err == nil || unable, Value: float64(len(samples)),
		Threshold: float64(e.o.Rules.Regressions), Unit: "groups",
		Text: fmt.Sprintf("no failure of transport %s that was resolved has come back", transport)}
	if len(samples) > 0 {
		told := strings.Join(samples[:min(len(samples), toldRegressions)], "; ")
		r.Text = fmt.Sprintf("%d failures of transport %s that were resolved have come back: %s",
			len(samples), transport, told)
	}
	return r
}

// toldRegressions is how many groups an alert names.
const toldRegressions = 5

func millis(d time.Duration) float64 { return float64(d.Milliseconds()) }

// short is a time for people.
func short(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d days", d/(24*time.Hour))
	case d >= time.Hour:
		return fmt.Sprintf("%dh%02dm", d/time.Hour, d%time.Hour/time.Minute)
	case d >= time.Minute && d%time.Minute == 0:
		return fmt.Sprintf("%dm", d/time.Minute)
	}
	return d.Round(time.Second).String()
}
