package server

import (
	"github.com/symphony-messenger/symphony/alert"
	"github.com/symphony-messenger/symphony/config"
	"github.com/symphony-messenger/symphony/handler/httppush"
	"github.com/symphony-messenger/symphony/monitor"
)

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
		Changed: func(told alert.Notification) { n.watch.recorder.Publish(string(told.Type), told.Data) }}
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
