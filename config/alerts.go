package config

import (
	"fmt"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/symphony-messenger/symphony/alert"
)

// Alerts configures package alert.
type Alerts struct {
	// Judge the rules. If not set: `true` where `alerts.webhooks` names one. Without webhooks alerts are events, and
	// stand in `symphony alerts`.
	Enabled bool `key:"enabled"`
	// The time between two looks.
	Interval time.Duration `key:"interval" min:"1s" max:"10m" default:"alert.DefaultInterval"`
	// How long a rule must hold before it fires, and not hold before it is resolved.
	For time.Duration `key:"for" max:"24h" default:"alert.DefaultFor"`
	// After how long an alert that goes on is told again. 0s: never.
	Reminder time.Duration `key:"reminder" max:"720h" default:"alert.DefaultReminder"`
	// The time in which dead letters and attempts are counted, in whole minutes.
	Window time.Duration `key:"window" min:"1m" max:"1h" default:"alert.DefaultWindow"`
	// An alert is resolved when its value is down to this part of the threshold.
	ClearRatio float64 `key:"clear_ratio" min:"0.01" max:"1" default:"alert.DefaultClearRatio"`

	DeadLetters   DeadLettersRule   `key:"dead_letters"`
	OldestMessage OldestMessageRule `key:"oldest_message"`
	ErrorRate     ErrorRateRule     `key:"error_rate"`
	NoWorkers     NoWorkersRule     `key:"no_workers"`
	StorageBytes  StorageBytesRule  `key:"storage_bytes"`
	Regression    RegressionRule    `key:"regression"`

	Webhooks []HTTPHandler
}

// DeadLettersRule is the rule on messages that fail for good.
type DeadLettersRule struct {
	// Watch for messages that fail for good.
	Enabled bool `key:"enabled" default:"true"`
	// Fires when so many messages of a transport, or more, went to the dead letter queue within `alerts.window`.
	Count int `key:"count" min:"1" max:"1000000" default:"alert.DefaultDeadLetters"`
}

// OldestMessageRule is the rule on messages that wait.
type OldestMessageRule struct {
	// Watch for messages that wait.
	Enabled bool `key:"enabled" default:"true"`
	// Fires when a message that is ready, and not paused, has waited for so long.
	Age time.Duration `key:"age" min:"1s" default:"alert.DefaultOldest"`
}

// ErrorRateRule is the rule on attempts that fail.
type ErrorRateRule struct {
	// Watch for attempts that fail.
	Enabled bool `key:"enabled" default:"true"`
	// Fires when this share of the attempts on a transport, or more, failed within `alerts.window`.
	Rate float64 `key:"rate" min:"0.001" max:"1" default:"alert.DefaultErrorRate"`
	// With fewer attempts it does not fire.
	Sample int `key:"sample" min:"1" max:"1000000" default:"alert.DefaultErrorSample"`
}

// NoWorkersRule is the rule on transports that nobody works on.
type NoWorkersRule struct {
	// Watch for transports that nobody works on.
	Enabled bool `key:"enabled" default:"true"`
	// Fires when a message has been ready for so long, and nobody works on its transport.
	After time.Duration `key:"after" min:"1s" default:"alert.DefaultNoWorkers"`
}

// StorageBytesRule is the rule on what a storage uses.
type StorageBytesRule struct {
	// Watch how many bytes the storage uses.
	Enabled bool `key:"enabled" default:"true"`
	// Fires when the tables and logs of a storage use so many bytes, or more, without what is free in a SQLite file.
	Bytes int64 `key:"bytes" min:"1MiB" default:"alert.DefaultStorageBytes"`
}

// RegressionRule is the rule on failures that come back.
type RegressionRule struct {
	// Watch for groups of failures that were resolved and fail again.
	Enabled bool `key:"enabled" default:"true"`
	// Fires when so many groups, or more, are so.
	Count int `key:"count" min:"1" max:"10000" default:"alert.DefaultRegressions"`
}

// Rules are the rules for package alert.
func (a Alerts) Rules() alert.Rules {
	r := alert.Rules{
		DeadLetters: a.DeadLetters.Count, Oldest: a.OldestMessage.Age, ErrorRate: a.ErrorRate.Rate, ErrorSample: a.ErrorRate.Sample,
		NoWorkers: a.NoWorkers.After, StorageBytes: a.StorageBytes.Bytes, Regressions: a.Regression.Count,
		Window: a.Window, For: a.For, ClearRatio: a.ClearRatio,
	}
	if a.For == 0 {
		r.For = alert.Off
	}
	if !a.DeadLetters.Enabled {
		r.DeadLetters = alert.Off
	}
	if !a.OldestMessage.Enabled {
		r.Oldest = alert.Off
	}
	if !a.ErrorRate.Enabled {
		r.ErrorRate = alert.Off
	}
	if !a.NoWorkers.Enabled {
		r.NoWorkers = alert.Off
	}
	if !a.StorageBytes.Enabled {
		r.StorageBytes = alert.Off
	}
	if !a.Regression.Enabled {
		r.Regressions = alert.Off
	}
	return r
}

const alertsEnabled = "alerts.enabled"

// webhookSection is one entry of the list alerts.webhooks while it is read.
type webhookSection struct {
	settings webhookSettings
	fields   []*field
	place    place
}

// webhookSettings are an HTTPHandler as it is set for alerts.
type webhookSettings struct {
	// POST each notification to this URL, as a Standard Webhook. Required.
	URL string `key:"url" about:"URL" check:"Endpoint" hide:"Endpoint"`
	// Sign with these secrets (whsec_…); several while one is rotated.
	Secrets []Secret `key:"secrets" check:"WebhookSecret"`
	// Further headers of the request.
	Headers map[string]string `key:"headers" about:"a mapping" check:"Headers" secret:"yes"`
}

// webhooks reads a list of webhooks.
func (d *document) webhooks(e entry) {
	switch t := d.resolve(e.value).(type) {
	case nil, *ast.NullNode:
	case *ast.SequenceNode:
		for i, item := range t.Values {
			w := &webhookSection{place: d.nodeAt(item)}
			w.fields = under([]string{"alerts", "webhooks", fmt.Sprintf("[%d]", i)}, settings(&w.settings))
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
		a.Webhooks = append(a.Webhooks, HTTPHandler(w.settings))
		l.config.fields = append(l.config.fields, w.fields...)
	}
	if l.placeOf(alertsEnabled).level == byDefault {
		a.Enabled = len(a.Webhooks) > 0
	}
}
