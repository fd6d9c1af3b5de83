package httpapi

import (
	"slices"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
	"github.com/symphony-messenger/symphony/httpapi/wire"
	"github.com/symphony-messenger/symphony/monitor"
)

// waitReasons are the reasons of package flow as the API tells them.
var waitReasons = map[flow.Reason]string{flow.WaitsForWorker: "worker", flow.WaitsForTime: "scheduled",
	flow.WaitsForRetry: "retry", flow.WaitsForHold: "hold", flow.WaitsForType: "limit", flow.WaitsForQueue: "limit",
	flow.WaitsForKey: "limit", flow.WaitsForTurn: "group", flow.WaitsForOrder: "order",
	flow.WaitsForBreaker: "breaker", flow.WaitsForNobody: "no_worker"}

// waiting says why a message waits, nil for one that is not pending.
func (c *call) waiting(m *symphony.MessageInfo) (*wire.WaitReason, error) {
	t, err := c.api.o.Bus.Transport(m.Transport)
	if err != nil {
		return nil, err
	}
	w, ok, err := flow.WaitOf(c.Context(), t, m)
	if err != nil || !ok {
		return nil, err
	}
	if w.Reason == flow.WaitsForWorker || w.Reason == flow.WaitsForTime {
		if w, err = c.amid(w, t, m); err != nil {
			return nil, err
		}
	}
	out := &wire.WaitReason{Reason: waitReasons[w.Reason], Text: w.Text(), Until: optional(w.Until), By: w.By}
	if w.Rate {
		out.Reason = "rate"
	}
	if w.Position > 0 {
		out.Position = &w.Position
	}
	if out.By == "" {
		switch w.Reason {
		case flow.WaitsForType:
			out.By = w.Type
		case flow.WaitsForQueue:
			out.By = w.Queue
		}
	}
	return out, nil
}

// amid says more of a wait by who works on the message's queue.
func (c *call) amid(w flow.Wait, t symphony.Transport, m *symphony.MessageInfo) (flow.Wait, error) {
	stats, err := t.Stats(c.Context())
	if err != nil {
		return w, err
	}
	nodes := []monitor.Node{{NodeInfo: monitor.NodeInfo{Breakers: c.openBreakers()}}}
	if c.api.o.Monitor != nil {
		if nodes, err = c.api.o.Monitor.Nodes(c.Context()); err != nil {
			return w, err
		}
	}
	now := c.storeClock(t).Now()
	pattern, names := c.api.o.Mux.Handlers(m.Type)
	var everywhere, anywhere []flow.Stopped
	working, free := 0, 0
	for _, n := range nodes {
		works := slices.ContainsFunc(n.Workers, func(w monitor.NodeWorker) bool {
			return w.Running && w.Transport == m.Transport
		})
		var stopped []flow.Stopped
		for _, b := range breakersOf(n.Breakers, pattern, names) {
			anywhere = append(anywhere, flow.Stopped{Handler: b.Handler})
			if b.ProbeAt.After(now) {
				stopped = append(stopped, flow.Stopped{Handler: b.Handler, Until: b.ProbeAt})
			}
		}
		if !works {
			continue
		}
		working++
		if everywhere = append(everywhere, stopped...); len(stopped) == 0 {
			free++
		}
	}
	if working == 0 || free > 0 {
		everywhere = nil
	}
	return w.Amid(m, stats.Queues[m.Queue], everywhere, anywhere, now), nil
}
