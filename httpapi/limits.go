package httpapi

import (
	"cmp"
	"net/http"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// Limits at run time are those of a storage: of all its transports.

func listLimits(c *call) error {
	control, err := flow.ControlOf(c.api.o.Bus, c.transport())
	if err != nil {
		return err
	}
	return c.answerLimits(control)
}

// limitTarget is what a request is about, by its path and its query, and the transport whose storage keeps it.
func (c *call) limitTarget(kind string) (transport string, t flow.LimitTarget) {
	name := c.PathValue("id")
	switch transport = c.transport(); kind {
	case "queue":
		transport = c.PathValue("transport")
		return transport, flow.LimitTarget{Transport: transport, Queue: name}
	case "key":
		return transport, flow.LimitTarget{Key: name, Type: c.query["type"]}
	}
	return transport, flow.LimitTarget{Type: name}
}

func setLimit(kind string) func(*call) error {
	return func(c *call) error {
		transport, t := c.limitTarget(kind)
		set := flow.SetLimit{LimitTarget: t, By: c.principal.ID}
		var req wire.LimitRequest
		check := func(wrong bool) (list []symphony.Problem) {
			if wrong {
				return nil
			}
			set.Limit, list = limitOf(req)
			return list
		}
		if err := c.accept(&req, check); err != nil {
			return err
		}
		set.Until = value(req.Until)
		control, err := flow.ControlOf(c.api.o.Bus, transport)
		if err != nil {
			return err
		}
		before, err := control.SetLimit(c.Context(), set)
		if err != nil {
			return err
		}
		c.noteLimit(t, before)
		return c.answerLimits(control)
	}
}

// limitOf is the limit that is asked for.
func limitOf(req wire.LimitRequest) (l flow.Limit, list []symphony.Problem) {
	if l.Concurrency = value(req.Concurrency); req.Concurrency != nil && l.Concurrency < 1 {
		list = append(list, symphony.Problem{Path: "concurrency", Message: "must be at least 1; null is unlimited"})
	}
	if req.Rate != nil {
		rate, err := flow.ParseRate(*req.Rate)
		if err != nil {
			return l, append(list, symphony.Problem{Path: "rate", Message: err.Error()})
		}
		l.Rate = rate
	}
	if req.Burst == nil {
		return l, list
	}
	switch l.Rate.Burst = *req.Burst; {
	case req.Rate == nil:
		list = append(list, symphony.Problem{Path: "burst", Message: "needs a rate"})
	case *req.Burst < 1:
		list = append(list, symphony.Problem{Path: "burst", Message: "must be at least 1"})
	case l.Rate.Burst > l.Rate.Count:
		list = append(list, symphony.Problem{Path: "burst", Message: "must not be more than the rate's number"})
	}
	return l, list
}

func deleteLimit(kind string) func(*call) error {
	return func(c *call) error {
		transport, t := c.limitTarget(kind)
		control, err := flow.ControlOf(c.api.o.Bus, transport)
		if err != nil {
			return err
		}
		before, err := control.DeleteLimit(c.Context(), t)
		if err != nil {
			return err
		}
		c.noteLimit(t, before)
		return c.answerLimits(control)
	}
}

func (c *call) answerLimits(control *flow.Controller) error {
	list, err := control.LimitStates(c.Context())
	if err != nil {
		return err
	}
	out := make([]wire.Limit, len(list))
	for i, s := range list {
		out[i] = wireLimit(s, c.api.stored.Now())
	}
	return c.answer(http.StatusOK, wire.LimitsResponse{Success: true, Limits: out})
}

func wireLimit(s flow.LimitState, now time.Time) wire.Limit {
	l := wire.Limit{Kind: "type", Type: s.Type, Transport: s.Transport, Queue: s.Queue, Key: s.Key,
		Configured: wireLimitValue(s.Configured), PerKey: wireLimitValue(s.PerKey),
		Now: *wireLimitValue(&s.Now), Running: s.Running, Waiting: s.Waiting}
	switch {
	case s.Key != "":
		l.Kind = "key"
	case s.Queue != "":
		l.Kind = "queue"
	}
	if s.Tokens >= 0 {
		l.Tokens = &s.Tokens
	}
	if s.Set == nil {
		return l
	}
	if s.Set.Set {
		l.Set = wireLimitSet(s.Set)
	}
	if p := s.Set.Pressure; p != (flow.Pressure{}) {
		l.Pressure = &wire.LimitPressure{Factor: p.FactorAt(now), From: p.From}
		if p.Until.After(now) {
			l.Pressure.Until = p.Until.UTC()
		}
	}
	return l
}

// noteLimit has the audit trail tell of which limit the call was, and what was set before.
func (c *call) noteLimit(t flow.LimitTarget, before *flow.SetLimit) {
	c.noteResult("limit", t.String())
	if before != nil {
		c.noteResult("before", wireLimitSet(before))
	}
}

// wireLimitSet is a limit that was set.
func wireLimitSet(s *flow.SetLimit) *wire.LimitSet {
	set := &wire.LimitSet{LimitValue: *wireLimitValue(&s.Limit), Since: s.Since.UTC(), By: s.By}
	if !s.Until.IsZero() {
		set.Until = s.Until.UTC()
	}
	return set
}

// wireLimitValue is a limit, nil for nil.
func wireLimitValue(l *flow.Limit) *wire.LimitValue {
	if l == nil {
		return nil
	}
	return &wire.LimitValue{Concurrency: max(l.Concurrency, 0), Rate: l.Rate.String(),
		Burst: cmp.Or(l.Rate.Burst, 0)}
}
