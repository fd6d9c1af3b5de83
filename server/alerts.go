package server

import (
	"context"
	"fmt"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/alert"
	"github.com/symphony-messenger/symphony/config"
	"github.com/symphony-messenger/symphony/handler/httppush"
	"github.com/symphony-messenger/symphony/monitor"
	"github.com/symphony-messenger/symphony/triage"
)

// regressed tells the groups of failures of a transport that were resolved and have failed since: by type and class, as
// texts of errors may have what is not for everybody.
func (n *node) regressed(ctx context.Context, transport string) (list []string, err error) {
	t, err := n.bus.Transport(transport)
	if err != nil {
		return nil, err
	}
	groups, err := triage.GroupsOf(t, symphony.SystemClock())
	if err != nil {
		return nil, err
	}
	found, err := groups.Regressions(ctx)
	for _, g := range found {
		list = append(list, fmt.Sprintf("%s %s (%s)", g.Type, g.ErrorClass, g.Name))
	}
	return list, err
}

// alarm makes the engine of alerts; it is there, to be looked at and tested, also where the rules are not judged.
func (n *node) alarm() error {
	c := n.config.Alerts
	if n.records == nil {
		return nil
	}
	// What is counted for alerts is counted in a window of their own.
	signals, err := monitor.New(monitor.Options{Bus: n.bus, Metrics: n.metrics, Self: n.self, Thresholds: monitor.Thresholds{ErrorWindow: c.Rules().Window}})
	if err != nil {
		return err
	}
	o := alert.Options{Signals: signals, Records: n.records, Rules: c.Rules(), Interval: c.Interval, Reminder: c.Reminder, Node: monitor.NodeName(), Logger: n.log,
		Regressed: n.regressed,
		Changed:   func(told alert.Notification) { n.watch.recorder.Publish(string(told.Type), told.Data) }}
	if o.Reminder == 0 {
		o.Reminder = alert.Off
	}
	for _, w := range c.Webhooks {
		h, err := httppush.New(w.URL, httppush.Options{Secrets: config.Reveal(w.Secrets), Headers: w.Headers})
		if err != nil {
			return err
		}
		o.Webhooks = append(o.Webhooks, h)
	}
	n.alerts, err = alert.New(o)
	return err
}
