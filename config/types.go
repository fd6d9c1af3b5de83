package config

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
	"github.com/symphony-messenger/symphony/redact"
)

// typeSection is one entry of the section types while it is read.
type typeSection struct {
	pattern  string
	settings typeSettings
	fields   []*field
	place    place
}

// typeSettings are a Type as it is set.
type typeSettings struct {
	// File with the JSON Schema that payloads must fit; others are refused at dispatch.
	Schema string `key:"schema" about:"path"`
	// Members of payload, metadata, headers and output that are shown to nobody but who handles the message: paths
	// such as `card.number`, `*.token` (any name) or `**.password` (at any depth), which lead through arrays, too.
	// A type has the paths of all patterns that match it. Administrators can read what is hidden with unmask=true,
	// which is audited. See docs/masking.md.
	Redact []string `key:"redact" about:"a list of paths" check:"Redact"`
	// Members of metadata by which messages are found fast: paths such as `customer.id`. A type has the paths of all
	// patterns that match it. See docs/finding.md.
	Index []string `key:"index" about:"a list of paths" check:"IndexPath"`
	// How many of them may be in workers' hands at the same time, on all nodes together.
	Concurrency int `key:"concurrency" min:"1" max:"1000000"`
	// How many of them may be started in a time.
	Rate flow.Rate `key:"rate"`
	// How many may start at the same moment after a pause. If not set: what the rate allows in 50 ms, at least 1.
	Burst int `key:"burst" min:"1" max:"1000000"`
	// Show the outputs of these messages to who has a token for one; see docs/tokens.md.
	PublicOutput bool `key:"public_output" default:"false"`
	// Keep the logs of attempts that `failed`, or of `all`.
	KeepLogs string `key:"keep_logs" of:"KeepFailedLogs,KeepAllLogs" default:"KeepFailedLogs"`

	PerKey    perKey    `key:"per_key"`
	Retry     Retry     `key:"retry"`
	Retention Retention `key:"retention"`
}

// The values of keep_logs.
const (
	KeepFailedLogs = "failed"
	KeepAllLogs    = "all"
)

// perKey is the limit of messages with one key as it is set.
type perKey struct {
	// The same for messages with one `concurrencyKey`, each key for itself. If not set: 1.
	Concurrency int `key:"concurrency" max:"1000000" unlimited:"yes" min:"1"`
	// The same for messages with one `concurrencyKey`.
	Rate flow.Rate `key:"rate"`
	// How many may start at the same moment after a pause. If not set: what the rate allows in 50 ms, at least 1.
	Burst int `key:"burst" min:"1" max:"1000000"`
}

// queueSection is one entry of the section queues while it is read.
type queueSection struct {
	name     string
	settings queueSettings
	fields   []*field
	place    place
}

// queueSettings are a Queue as it is set.
type queueSettings struct {
	// How many of its messages may be in workers' hands at the same time, on all nodes together.
	Concurrency int `key:"concurrency" min:"1" max:"1000000"`
	// How many of its messages may be started in a time.
	Rate flow.Rate `key:"rate"`
	// How many may start at the same moment after a pause. If not set: what the rate allows in 50 ms, at least 1.
	Burst int `key:"burst" min:"1" max:"1000000"`

	Retention Retention `key:"retention"`
}

// limit makes a limit of what was set.
func limit(concurrency int, rate flow.Rate, burst int) flow.Limit {
	rate.Burst = burst
	return flow.Limit{Concurrency: concurrency, Rate: rate}
}

// types reads the section types: patterns with what applies to their messages.
func (d *document) types(e entry) {
	for _, e := range d.entries(e.value, e.key, e.at) {
		if err := symphony.ValidatePattern(e.name); err != nil {
			d.problem(e.at, e.key, "%v", err)
			continue
		}
		t := &typeSection{pattern: e.name, place: e.at}
		t.fields = under([]string{"types", e.name}, overriding(settings(&t.settings)))
		d.section(e.value, "", t.fields, nil)
		d.loader.types = append(d.loader.types, t)
	}
}

// queues reads the section queues: names of the form transport/queue with their settings.
func (d *document) queues(e entry) {
	for _, e := range d.entries(e.value, e.key, e.at) {
		q := &queueSection{name: e.name, place: e.at}
		q.fields = under([]string{"queues", e.name}, settings(&q.settings))
		d.section(e.value, "", q.fields, nil)
		d.loader.queues = append(d.loader.queues, q)
	}
}

// finishTypes checks what no single setting of types and queues can tell.
func (l *loader) finishTypes() {
	c := l.config
	needsRate := func(at place, fields []*field, prefix string, r flow.Rate) {
		if r.Count == 0 && r.Burst > 0 {
			l.problem(at, dotted(slices.Concat(fields[0].prefix, []string{prefix + "burst"})), "needs a rate")
		}
	}
	for _, t := range l.types {
		set := &t.settings
		made := Type{Pattern: t.pattern, Schema: set.Schema, Redact: set.Redact,
			Index: set.Index, KeepLogs: set.KeepLogs == KeepAllLogs, PublicOutput: set.PublicOutput,
			Retention: set.Retention, Limit: flow.TypeLimit{
				Limit:  limit(set.Concurrency, set.Rate, set.Burst),
				PerKey: limit(set.PerKey.Concurrency, set.PerKey.Rate, set.PerKey.Burst),
			}}
		if isSet(t.fields, "retry.") {
			l.inheritRetry(t.fields)
			made.Retry = &set.Retry
		}
		if n := len(set.Redact); n > redact.MaxPaths {
			key := dotted([]string{"types", t.pattern, "redact"})
			l.problem(t.place, key, "must have at most %d paths, has %d", redact.MaxPaths, n)
		}
		if n := len(set.Index); n > symphony.MaxFilterMetadata {
			key := dotted([]string{"types", t.pattern, "index"})
			l.problem(t.place, key, "must have at most %d paths, has %d", symphony.MaxFilterMetadata, n)
		}
		needsRate(t.place, t.fields, "", made.Limit.Rate)
		needsRate(t.place, t.fields, "per_key.", made.Limit.PerKey.Rate)
		c.Types = append(c.Types, made)
		c.fields = append(c.fields, t.fields...)
	}
	for _, q := range l.queues {
		transport, queue, ok := strings.Cut(q.name, "/")
		key := dotted(q.fields[0].prefix)
		switch {
		case !ok || symphony.ValidateName(queue) != nil:
			l.problem(q.place, key, "must be named transport/queue, like default/%s", symphony.DefaultQueue)
			continue
		case l.transports[transport] == nil:
			l.unknownTransport(key, transport, q.place)
			continue
		}
		made := Queue{Name: q.name, Limit: limit(q.settings.Concurrency, q.settings.Rate, q.settings.Burst),
			Retention: q.settings.Retention}
		needsRate(q.place, q.fields, "", made.Limit.Rate)
		c.Queues = append(c.Queues, made)
		c.fields = append(c.fields, q.fields...)
	}
	if len(l.problems) > 0 {
		return
	}
	// What is left is what a rate and its burst ask of each other.
	if _, err := flow.NewLimits(c.limitOptions()); err != nil {
		for line := range strings.SplitSeq(err.Error(), "\n") {
			l.problem(place{level: byFile, source: c.File}, "", "%s", line)
		}
	}
}

// rate is a number of starts in a time: "100/s", "10/m", "5/10s".
type rate struct{ p *flow.Rate }

func (v rate) set(in input) error {
	if err := only(scalar, in); err != nil {
		return err
	}
	r, err := flow.ParseRate(in.text)
	if err != nil {
		return err
	}
	v.p.Count, v.p.Per = r.Count, r.Per
	return nil
}

func (v rate) show() any {
	if v.p.Count == 0 {
		return ""
	}
	return fmt.Sprintf("%d/%s", v.p.Count, formatDuration(v.p.Per))
}
func (v rate) describe() string { return `a rate like "100/s", "30/m" or "5/10s"` }
func (v rate) mayBeEmpty() bool { return false }

// concurrency is a number, or "unlimited".
type concurrency struct{ number }

const unlimited = "unlimited"

func (v concurrency) set(in input) error {
	if in.shape == scalar && in.text == unlimited {
		*v.p = flow.NoLimit
		return nil
	}
	return v.number.set(in)
}

func (v concurrency) show() any {
	if *v.p == flow.NoLimit {
		return unlimited
	}
	return *v.p
}
func (v concurrency) describe() string { return v.number.describe() + ", or " + unlimited }

// durations is a list of durations, from nothing to max.
type durations struct {
	p   *[]time.Duration
	max time.Duration
}

func (v durations) set(in input) error {
	var items []string
	switch {
	case in.shape == sequence:
		items = in.list
	case in.shape == scalar && in.text != "":
		items = strings.Split(in.text, ",")
	case in.shape == mapping:
		return fmt.Errorf("must be a list, is %s", in.shape)
	}
	all := make([]time.Duration, 0, len(items))
	for _, item := range items {
		d, err := time.ParseDuration(strings.TrimSpace(item))
		if err != nil || d < 0 || d > v.max {
			return fmt.Errorf(`entries must be durations like "30s" up to %s, one is %q`, formatDuration(v.max), item)
		}
		all = append(all, d)
	}
	*v.p = all
	return nil
}

func (v durations) show() any {
	texts := make([]string, len(*v.p))
	for i, d := range *v.p {
		texts[i] = formatDuration(d)
	}
	return texts
}
func (v durations) describe() string { return `a list of durations like ["1s", "1m", "1h"]` }
func (v durations) mayBeEmpty() bool { return true }
