package config

import (
	"fmt"
	"strconv"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/symphony-messenger/symphony/alert"
)

// Alerts configures package alert.
type Alerts struct {
	Enabled  bool
	Interval time.Duration
	Reminder time.Duration // 0: none
	Webhooks []HTTPHandler

	window, hold  time.Duration
	clearRatio    float64
	deadLetters   int
	oldest        time.Duration
	errorRate     float64
	errorSample   int
	noWorkers     time.Duration
	deadLettersOn bool
	oldestOn      bool
	errorRateOn   bool
	noWorkersOn   bool
}

// Rules are the rules for package alert.
func (a Alerts) Rules() alert.Rules {
	r := alert.Rules{DeadLetters: a.deadLetters, Oldest: a.oldest, ErrorRate: a.errorRate, ErrorSample: a.errorSample, NoWorkers: a.noWorkers,
		Window: a.window, For: a.hold, ClearRatio: a.clearRatio}
	if a.hold == 0 {
		r.For = alert.Off
	}
	if !a.deadLettersOn {
		r.DeadLetters = alert.Off
	}
	if !a.oldestOn {
		r.Oldest = alert.Off
	}
	if !a.errorRateOn {
		r.ErrorRate = alert.Off
	}
	if !a.noWorkersOn {
		r.NoWorkers = alert.Off
	}
	return r
}

const alertsEnabled = "alerts.enabled"

func alertFields(a *Alerts) []*field {
	return []*field{
		{key: alertsEnabled, value: boolean{&a.Enabled},
			doc: "Judge the rules. If not set: `true` where `alerts.webhooks` names one. Without webhooks alerts are events, and stand in `symphony alerts`."},
		{key: "alerts.interval", value: duration{p: &a.Interval, min: time.Second, max: 10 * time.Minute}, def: formatDuration(alert.DefaultInterval),
			doc: "The time between two looks."},
		{key: "alerts.for", value: duration{p: &a.hold, max: 24 * time.Hour}, def: formatDuration(alert.DefaultFor),
			doc: "How long a rule must hold before it fires, and not hold before it is resolved."},
		{key: "alerts.reminder", value: duration{p: &a.Reminder, max: 30 * 24 * time.Hour}, def: formatDuration(alert.DefaultReminder),
			doc: "After how long an alert that goes on is told again. 0s: never."},
		{key: "alerts.window", value: duration{p: &a.window, min: time.Minute, max: time.Hour}, def: formatDuration(alert.DefaultWindow),
			doc: "The time in which dead letters and attempts are counted, in whole minutes."},
		{key: "alerts.clear_ratio", value: decimal{&a.clearRatio, 0.01, 1}, def: fmt.Sprint(alert.DefaultClearRatio),
			doc: "An alert is resolved when its value is down to this part of the threshold."},
		{key: "alerts.dead_letters.enabled", value: boolean{&a.deadLettersOn}, def: "true", doc: "Watch for messages that fail for good."},
		{key: "alerts.dead_letters.count", value: number{&a.deadLetters, 1, 1_000_000}, def: strconv.Itoa(alert.DefaultDeadLetters),
			doc: "Fires when so many messages of a transport, or more, went to the dead letter queue within `alerts.window`."},
		{key: "alerts.oldest_message.enabled", value: boolean{&a.oldestOn}, def: "true", doc: "Watch for messages that wait."},
		{key: "alerts.oldest_message.age", value: duration{p: &a.oldest, min: time.Second}, def: formatDuration(alert.DefaultOldest),
			doc: "Fires when a message that is ready, and not paused, has waited for so long."},
		{key: "alerts.error_rate.enabled", value: boolean{&a.errorRateOn}, def: "true", doc: "Watch for attempts that fail."},
		{key: "alerts.error_rate.rate", value: decimal{&a.errorRate, 0.001, 1}, def: fmt.Sprint(alert.DefaultErrorRate),
			doc: "Fires when this share of the attempts on a transport, or more, failed within `alerts.window`."},
		{key: "alerts.error_rate.sample", value: number{&a.errorSample, 1, 1_000_000}, def: strconv.Itoa(alert.DefaultErrorSample),
			doc: "With fewer attempts it does not fire."},
		{key: "alerts.no_workers.enabled", value: boolean{&a.noWorkersOn}, def: "true", doc: "Watch for transports that nobody works on."},
		{key: "alerts.no_workers.after", value: duration{p: &a.noWorkers, min: time.Second}, def: formatDuration(alert.DefaultNoWorkers),
			doc: "Fires when a message has been ready for so long, and nobody works on its transport."},
	}
}

// webhookSection is one entry of the list alerts.webhooks while it is read.
type webhookSection struct {
	settings HTTPHandler
	fields   []*field
	place    place
}

func webhookFields(h *HTTPHandler) []*field {
	table := []*field{
		{key: "url", value: text{p: &h.URL, about: "URL", check: checkEndpoint, hide: hideEndpoint}, doc: "POST each notification to this URL, as a Standard Webhook. Required."},
	}
	table = append(table, withFile(&field{key: "secrets", value: secrets{p: &h.Secrets, check: checkWebhookSecret},
		doc: "Sign with these secrets (whsec_…); several while one is rotated."})...)
	return append(table, &field{key: "headers", value: dictionary{p: &h.Headers, about: "a mapping", secret: true, check: checkHeaders},
		doc: "Further headers of the request."})
}

// webhooks reads a list of webhooks.
func (d *document) webhooks(e entry) {
	switch t := d.resolve(e.value).(type) {
	case nil, *ast.NullNode:
	case *ast.SequenceNode:
		for i, item := range t.Values {
			w := &webhookSection{place: d.nodeAt(item)}
			w.fields = under([]string{"alerts", "webhooks", fmt.Sprintf("[%d]", i)}, webhookFields(&w.settings))
			d.section(item, "", w.fields, nil)
			d.loader.webhooks = append(d.loader.webhooks, w)
		}
	default:
		d.problem(e.at, e.key, "must be a list of webhooks, each with its url")
	}
}

func (l *loader) finishAlerts() {
	a := &l.config.Alerts
	seen := map[string]bool{}
	for _, w := range l.webhooks {
		key := dotted(w.fields[0].prefix)
		switch {
		case !isSet(w.fields, "url"):
			l.problem(w.place, key, "needs a url")
		case seen[w.settings.URL]:
			l.problem(w.place, key, "another webhook has this url")
		}
		seen[w.settings.URL] = true
		a.Webhooks = append(a.Webhooks, w.settings)
		l.config.fields = append(l.config.fields, w.fields...)
	}
	if l.placeOf(alertsEnabled).level == byDefault {
		a.Enabled = len(a.Webhooks) > 0
	}
}
