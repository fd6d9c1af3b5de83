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
	settings scheduleSettings
	payload  json.RawMessage
	fields   []*field
	place    place
}

// scheduleSettings are a Schedule as it is set.
type scheduleSettings struct {
	// Its name, which must stay the same. Required.
	Name string `key:"name" about:"name" check:"name"`
	// Once, at this time.
	At time.Time `key:"at"`
	// Five fields, six with seconds first, or `@daily` and the like.
	Cron string `key:"cron" about:"cron expression"`
	// The time zone of `cron`, like `Europe/Berlin`. If not set: UTC.
	Timezone string `key:"timezone" about:"time zone"`
	// The time between two occurrences, which does not drift.
	Interval time.Duration `key:"interval" min:"schedule.MinInterval" max:"schedule.MaxInterval"`
	// No occurrence is before.
	StartAt time.Time `key:"start_at"`
	// No occurrence is after.
	EndAt time.Time `key:"end_at"`
	// Ends after so many.
	MaxRuns int `key:"max_runs" min:"1" max:"1000000000"`
	// Delays each occurrence's message by up to this, the same on all nodes.
	Jitter time.Duration `key:"jitter" max:"schedule.MaxJitter"`
	// What becomes of occurrences that could not fire in time.
	Missed string `key:"missed" of:"schedule.MissedAll,schedule.MissedLast,schedule.MissedSkip" default:"schedule.MissedLast"`
	// `skip`: an occurrence does not happen while the message of the last one is unfinished.
	Overlap string `key:"overlap" of:"schedule.OverlapAllow,schedule.OverlapSkip" default:"schedule.OverlapAllow"`
	// `false` switches it off.
	Enabled bool `key:"enabled" default:"true"`
	// The type of its message. Required.
	Type string `key:"type" about:"text"`
	// Where its message goes. If not set: by the route of the type.
	Transport string `key:"transport" about:"name" check:"name"`
	// The queue of its message. If not set: the transport's.
	Queue string `key:"queue" about:"name" check:"name"`
	// The priority of its message. If not set: the transport's.
	Priority int `key:"priority" min:"symphony.MinPriority" max:"symphony.MaxPriority"`
}

// schedule makes the schedule.
func (s *scheduleSection) schedule() Schedule {
	set := &s.settings
	return Schedule{Source: s.place.source, Schedule: schedule.Schedule{
		Name: set.Name, At: set.At, Cron: set.Cron, Timezone: set.Timezone, Interval: set.Interval, StartAt: set.StartAt, EndAt: set.EndAt,
		MaxRuns: set.MaxRuns, Jitter: set.Jitter, Missed: schedule.MissedPolicy(set.Missed), Overlap: schedule.OverlapPolicy(set.Overlap),
		Disabled: !set.Enabled, Message: symphony.Message{Type: set.Type, Payload: s.payload},
		Options: symphony.DispatchOptions{Transport: set.Transport, Queue: set.Queue, Priority: set.Priority},
	}}
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
		prefix := []string{"schedules", fmt.Sprintf("[%d]", i)}
		s.fields = under(prefix, settings(&s.settings))
		setDefaults(s.fields)
		s.payload = json.RawMessage(`{}`)
		entries := d.entries(item, dotted(prefix), s.place)
		rest := entries[:0]
		for _, e := range entries {
			if e.name == "payload" {
				d.payload(e, &s.payload)
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
		if s.settings.Type == "" {
			l.problem(s.place, key, "needs a type")
		}
		l.config.Schedules = append(l.config.Schedules, s.schedule())
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
