package config

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/schedule"
)

// Schedule configures a schedule, which is found by its name.
type Schedule struct {
	schedule.Schedule
	// Source is where the schedule is configured, as file:line:column.
	Source string
}

// scheduleSection is one entry of the section schedules while it is read.
type scheduleSection struct {
	settings Schedule
	missed   string
	overlap  string
	fields   []*field
	place    place
}

func scheduleFields(s *scheduleSection) []*field {
	sch := &s.settings.Schedule
	return []*field{
		{key: "name", value: text{p: &sch.Name, about: "name", check: symphony.ValidateName}, doc: "Its name, which must stay the same. Required."},
		{key: "at", value: instant{&sch.At}, doc: "Once, at this time."},
		{key: "cron", value: text{p: &sch.Cron, about: "cron expression"}, doc: "Five fields, six with seconds first, or `@daily` and the like."},
		{key: "timezone", value: text{p: &sch.Timezone, about: "time zone"}, doc: "The time zone of `cron`, like `Europe/Berlin`. If not set: UTC."},
		{key: "interval", value: duration{p: &sch.Interval, min: schedule.MinInterval, max: schedule.MaxInterval}, doc: "The time between two occurrences, which does not drift."},
		{key: "start_at", value: instant{&sch.StartAt}, doc: "No occurrence is before."},
		{key: "end_at", value: instant{&sch.EndAt}, doc: "No occurrence is after."},
		{key: "max_runs", value: number{&sch.MaxRuns, 1, 1_000_000_000}, doc: "Ends after so many."},
		{key: "jitter", value: duration{p: &sch.Jitter, max: schedule.MaxJitter}, doc: "Delays each occurrence's message by up to this, the same on all nodes."},
		{key: "missed", value: choice{&s.missed, []string{string(schedule.MissedAll), string(schedule.MissedLast), string(schedule.MissedSkip)}}, def: string(schedule.MissedLast),
			doc: "What becomes of occurrences that could not fire in time."},
		{key: "overlap", value: choice{&s.overlap, []string{string(schedule.OverlapAllow), string(schedule.OverlapSkip)}}, def: string(schedule.OverlapAllow),
			doc: "`skip`: an occurrence does not happen while the message of the last one is unfinished."},
		{key: "enabled", value: negation{&sch.Disabled}, def: "true", doc: "`false` switches it off."},
		{key: "type", value: text{p: &sch.Message.Type, about: "text"}, doc: "The type of its message. Required."},
		{key: "transport", value: text{p: &sch.Options.Transport, about: "name", check: symphony.ValidateName}, doc: "Where its message goes. If not set: by the route of the type."},
		{key: "queue", value: text{p: &sch.Options.Queue, about: "name", check: symphony.ValidateName}, doc: "The queue of its message. If not set: the transport's."},
		{key: "priority", value: number{&sch.Options.Priority, symphony.MinPriority, symphony.MaxPriority}, doc: "The priority of its message. If not set: the transport's."},
	}
}

// schedules reads a list of schedules.
func (d *document) schedules(e entry) {
	list, ok := d.resolve(e.value).(*ast.SequenceNode)
	if _, null := e.value.(*ast.NullNode); null || e.value == nil {
		return
	}
	if !ok {
		d.problem(e.at, e.key, "must be a list of schedules, each with its name")
		return
	}
	for i, item := range list.Values {
		s := &scheduleSection{place: d.nodeAt(item)}
		s.settings.Source = s.place.source
		prefix := []string{"schedules", fmt.Sprintf("[%d]", i)}
		s.fields = under(prefix, scheduleFields(s))
		setDefaults(s.fields)
		s.settings.Message.Payload = json.RawMessage(`{}`)
		entries := d.entries(item, dotted(prefix), s.place)
		rest := entries[:0]
		for _, e := range entries {
			if e.name == "payload" {
				d.payload(e, &s.settings.Message.Payload)
				continue
			}
			rest = append(rest, e)
		}
		d.fill(rest, "", s.fields, nil)
		d.loader.schedules = append(d.loader.schedules, s)
	}
}

// payload reads a mapping as a JSON object.
func (d *document) payload(e entry, to *json.RawMessage) {
	switch d.resolve(e.value).(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
	default:
		d.problem(e.at, e.key, "must be a mapping, which becomes a JSON object")
		return
	}
	raw, err := jsonOf(d, e.value)
	if err != nil {
		d.problem(d.valueAt(e), e.key, "%v", err)
		return
	}
	*to = raw
}

// jsonOf turns YAML into JSON. Numbers are written as they are in the file, so that they keep every digit; 010 is ten, as YAML
// 1.2 has it.
func jsonOf(d *document, n ast.Node) (json.RawMessage, error) {
	switch t := d.resolve(n).(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		parts := []string{}
		for _, e := range d.entries(t, "payload", d.nodeAt(t)) {
			name, err := json.Marshal(e.name)
			if err != nil {
				return nil, err
			}
			value, err := jsonOf(d, e.value)
			if err != nil {
				return nil, err
			}
			parts = append(parts, string(name)+":"+string(value))
		}
		return json.RawMessage("{" + strings.Join(parts, ",") + "}"), nil
	case *ast.SequenceNode:
		parts := make([]string, len(t.Values))
		for i, item := range t.Values {
			value, err := jsonOf(d, item)
			if err != nil {
				return nil, err
			}
			parts[i] = string(value)
		}
		return json.RawMessage("[" + strings.Join(parts, ",") + "]"), nil
	case *ast.IntegerNode, *ast.FloatNode, *ast.StringNode:
		// The parser takes long numbers, and 1e3, for texts, and 010 for an octal number.
		if quoted := t.GetToken().Type; quoted != token.SingleQuoteType && quoted != token.DoubleQuoteType {
			if number, ok := jsonNumber(t.GetToken().Value); ok {
				return json.RawMessage(number), nil
			}
		}
	}
	var v any
	if err := yaml.NodeToValue(n, &v); err != nil {
		return nil, fmt.Errorf("cannot be written as JSON")
	}
	return json.Marshal(v)
}

// yamlNumber is a decimal number by the core schema of YAML 1.2: its sign, digits before and behind the point, and exponent.
var yamlNumber = regexp.MustCompile(`^([-+]?)([0-9]*)(?:\.([0-9]*))?([eE][-+]?[0-9]+)?$`)

// jsonNumber writes a number of YAML as one of JSON, with every digit but zeros in front, which JSON does not know.
func jsonNumber(text string) (string, bool) {
	m := yamlNumber.FindStringSubmatch(text)
	if m == nil || m[2] == "" && m[3] == "" {
		return "", false
	}
	number := strings.TrimLeft(m[2], "0")
	if number == "" {
		number = "0"
	}
	if m[3] != "" {
		number += "." + m[3]
	}
	return strings.TrimPrefix(m[1], "+") + number + m[4], true
}

// finishSchedules hands over the schedules. Whether a cron expression can be read, and a message dispatched, is for package
// scheduler to say; see ScheduleError.
func (l *loader) finishSchedules() {
	for _, s := range l.schedules {
		key := dotted(s.fields[0].prefix)
		if s.settings.Name == "" {
			l.problem(s.place, key, "needs a name")
		}
		if s.settings.Message.Type == "" {
			l.problem(s.place, key, "needs a type")
		}
		s.settings.Missed, s.settings.Overlap = schedule.MissedPolicy(s.missed), schedule.OverlapPolicy(s.overlap)
		l.config.Schedules = append(l.config.Schedules, s.settings)
		l.config.fields = append(l.config.fields, s.fields...)
	}
}

// schedulePlace finds the schedule that a path of package scheduler is about.
var schedulePlace = regexp.MustCompile(`^schedules\[([0-9]+)\]\.?(.*)$`)

// ScheduleError makes mistakes of the configuration of what scheduler.Apply says is wrong with Config.Schedules.
func (c *Config) ScheduleError(list []symphony.Problem) *Error {
	e := &Error{}
	for _, p := range list {
		problem := Problem{Source: c.File, Key: p.Path, Message: p.Message}
		if m := schedulePlace.FindStringSubmatch(p.Path); m != nil {
			if i, err := strconv.Atoi(m[1]); err == nil && i < len(c.Schedules) {
				problem.Source = c.Schedules[i].Source
			}
		}
		e.Problems = append(e.Problems, problem)
	}
	return e
}

// instant is a time.
type instant struct{ p *time.Time }

func (v instant) set(in input) error {
	if err := only(scalar, in); err != nil {
		return err
	}
	at, err := time.Parse(time.RFC3339, in.text)
	if err != nil {
		return fmt.Errorf("must be %s, is %q", v.describe(), in.text)
	}
	if !symphony.StorableTime(at) {
		return fmt.Errorf("%s, is %q", symphony.TimeProblem, in.text)
	}
	*v.p = at
	return nil
}

func (v instant) show() any        { return v.p.Format(time.RFC3339) }
func (v instant) describe() string { return "a time like 2026-12-01T09:00:00Z" }
func (v instant) mayBeEmpty() bool { return false }
