package httpapi

import (
	"errors"
	"net/http"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

func pause(c *call) error { return c.hold(flow.Paused) }
func drain(c *call) error { return c.hold(flow.Draining) }

func (c *call) hold(mode flow.HoldMode) error {
	var req wire.HoldRequest
	check := func(bool) []symphony.Problem {
		list := holdProblems(req.HoldTarget)
		if req.Until != nil && !req.Until.After(c.api.stored.Now()) {
			list = append(list, symphony.Problem{Path: "until", Message: "must be in the future"})
		}
		return list
	}
	if err := c.accept(&req, check); err != nil {
		return err
	}
	name, target := c.holdTarget(req.HoldTarget)
	control, err := flow.ControlOf(c.api.o.Bus, name)
	if err != nil {
		return err
	}
	h := flow.Hold{HoldTarget: target, Mode: mode, By: c.principal.ID, Reason: value(req.Reason),
		Until: value(req.Until)}
	if err := control.Hold(c.Context(), h); err != nil {
		return err
	}
	return c.answerHolds(name, control)
}

func resume(c *call) error {
	var req wire.HoldTarget
	if err := c.accept(&req, func(bool) []symphony.Problem { return holdProblems(req) }); err != nil {
		return err
	}
	name, target := c.holdTarget(req)
	control, err := flow.ControlOf(c.api.o.Bus, name)
	if err != nil {
		return err
	}
	err = control.Release(c.Context(), target, c.principal.ID)
	if errors.Is(err, symphony.ErrNotFound) {
		return say(errNotHeld, "nothing was done: %s of transport %s is neither paused nor draining", target, name)
	}
	if err != nil {
		return err
	}
	return c.answerHolds(name, control)
}

func (c *call) holdTarget(t wire.HoldTarget) (transport string, target flow.HoldTarget) {
	return c.transportOr(value(t.Transport)), flow.HoldTarget{Queue: value(t.Queue), Type: value(t.Type)}
}

// holdProblems are what the domain cannot see: that something was given, and empty.
func holdProblems(t wire.HoldTarget) (list []symphony.Problem) {
	for _, given := range [...]struct {
		path string
		text *string
	}{{"transport", t.Transport}, {"queue", t.Queue}, {"type", t.Type}} {
		if given.text != nil && *given.text == "" {
			list = append(list, symphony.Problem{Path: given.path, Message: "must not be empty; leave it out for all"})
		}
	}
	return list
}

func holds(c *call) error {
	control, err := flow.ControlOf(c.api.o.Bus, c.transport())
	if err != nil {
		return err
	}
	return c.answerHolds(c.transport(), control)
}

func (c *call) answerHolds(transport string, control *flow.Controller) error {
	list, err := control.Holds(c.Context())
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, wire.HoldsResponse{Success: true, Transport: transport, Holds: wireHolds(list)})
}

func wireHolds(list []flow.Hold) []wire.Hold {
	out := make([]wire.Hold, len(list))
	for i, h := range list {
		out[i] = wire.Hold{Mode: string(h.Mode), Queue: h.Queue, Type: h.Type, Since: h.Since.UTC(), By: h.By, Reason: h.Reason}
		if !h.Until.IsZero() {
			out[i].Until = h.Until.UTC()
		}
	}
	return out
}
