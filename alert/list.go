package alert

import (
	"context"
	"sync"
	"time"

	"github.com/symphony-messenger/symphony"
)

// Alert is the state of a rule for a transport.
type Alert struct {
	Rule, Transport, Queue string
	// State is "ok", "pending" (it holds, not for long enough), "firing", "resolving" (it does not hold, not for long
	// enough) or "unknown" (its value cannot be had; Firing says how it stood).
	State  string
	Firing bool
	// Since is when it began to fire or was resolved, zero if it never was.
	Since                   time.Time
	ID                      string // of the last time that it fired
	Value, Threshold, Clear float64
	Unit, Text              string
	ToldAt                  time.Time // when the last notification was made
	// Undelivered counts notifications that some webhook has not taken yet.
	Undelivered int
}

// List tells how every rule stands. It changes nothing.
func (e *Engine) List(ctx context.Context) ([]Alert, error) {
	states, err := e.states(ctx)
	if err != nil {
		return nil, err
	}
	readings := e.readings(ctx, e.o.Signals.Collect(ctx))
	list := make([]Alert, len(readings))
	for i := range readings {
		r := &readings[i]
		a := Alert{Rule: r.Rule, Transport: r.Transport, Queue: r.Queue, State: "ok", Value: r.Value, Threshold: r.Threshold, Clear: r.Clear, Unit: r.Unit, Text: r.Text}
		if s := states[r.id()]; s != nil {
			a.Firing, a.Since, a.ID, a.ToldAt, a.Undelivered = s.Firing, s.Since, s.Alert, s.ToldAt, len(s.Outbox)
		}
		switch {
		case !r.Known:
			a.State, a.Text = "unknown", "its value cannot be had now"
		case a.Firing && r.clear():
			a.State = "resolving"
		case a.Firing:
			a.State = "firing"
		case r.holds():
			a.State = "pending"
		}
		list[i] = a
	}
	return list, nil
}

// Rules are those that are judged, with their defaults.
func (e *Engine) Rules() Rules { return e.o.Rules }

// Delivery is what came of a test notification at one webhook.
type Delivery struct {
	Webhook string // scheme, host and path
	Err     error  // nil: it was taken
}

// Test posts a test notification to every webhook, once, and tells what came of it.
func (e *Engine) Test(ctx context.Context) ([]Delivery, error) {
	now := e.o.Clock.Now()
	n := Notification{ID: symphony.NewID(now), Type: Test, Timestamp: now.UTC(), Text: "[TEST] This is a test of the alerts of Symphony Messenger. Nothing is wrong.",
		Data: Data{Rule: "test", Since: now.UTC(), Node: e.o.Node}}
	body, err := n.body()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, postTime)
	defer cancel()
	list := make([]Delivery, len(e.hooks))
	var all sync.WaitGroup
	for i, h := range e.hooks {
		all.Go(func() { list[i] = Delivery{h.Endpoint(), h.Post(ctx, n.ID, body)} })
	}
	all.Wait()
	return list, nil
}
