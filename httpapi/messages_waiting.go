package httpapi

import (
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// waitReasons are the reasons of package flow as the API tells them.
var waitReasons = map[flow.Reason]string{flow.WaitsForWorker: "worker", flow.WaitsForTime: "scheduled",
	flow.WaitsForRetry: "retry", flow.WaitsForHold: "hold", flow.WaitsForType: "limit", flow.WaitsForQueue: "limit",
	flow.WaitsForKey: "limit", flow.WaitsForTurn: "group", flow.WaitsForOrder: "order"}

// waiting says why a message waits, nil for one that is not pending.
func (c *call) waiting(m *symphony.MessageInfo) (*wire.WaitReason, error) {
	if m.Status != symphony.Pending {
		return nil, nil
	}
	t, err := c.api.o.Bus.Transport(m.Transport)
	if err != nil {
		return nil, err
	}
	var holds []flow.Hold
	if control := flow.Of(t); control != nil {
		if holds, err = control.Holds(c.Context()); err != nil {
			return nil, err
		}
	}
	w, ok := flow.WaitOf(m, holds, c.storeClock(t).Now())
	if !ok {
		return nil, nil
	}
	out := &wire.WaitReason{Reason: waitReasons[w.Reason], Text: w.Text(), Until: optional(w.Until)}
	switch w.Reason {
	case flow.WaitsForHold:
		out.By = w.By
	case flow.WaitsForType:
		out.By = w.Type
	case flow.WaitsForQueue:
		out.By = w.Queue
	}
	return out, nil
}
