package main

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/spf13/pflag"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// optionKey annotates a flag with the name in JSON of the option that it sets.
const optionKey = "symphony-option"

// option is a flag that sets one option of a dispatch. Zero values, like none, leave it out.
type option[T string | int | bool] struct{ to **T }

// addOption adds a flag that sets an option of o, which to is a field of.
func addOption[T string | int | bool](flags *pflag.FlagSet, o *wire.DispatchOptions, to **T, name, short, usage string) {
	f := flags.VarPF(option[T]{to}, name, short, usage)
	if f.Value.Type() == "bool" {
		f.NoOptDefVal = "true"
	}
	f.Annotations = map[string][]string{optionKey: {optionName(o, to)}}
}

// parsed is a flag that sets an option which is more than a text, a number or a switch. An empty text leaves it out.
type parsed[T any] struct {
	to    *T
	kind  string
	parse func(string) (T, error)
	text  func(T) string
}

// addParsed adds such a flag; to is a field of o.
func addParsed[T any](flags *pflag.FlagSet, o *wire.DispatchOptions, p parsed[T], name, usage string) {
	flags.Var(p, name, usage)
	flags.Lookup(name).Annotations = map[string][]string{optionKey: {optionName(o, p.to)}}
}

func (p parsed[T]) Type() string { return p.kind }

func (p parsed[T]) String() string {
	if p.to == nil || reflect.ValueOf(*p.to).IsZero() {
		return ""
	}
	return p.text(*p.to)
}

func (p parsed[T]) Set(s string) (err error) {
	var v T
	if s != "" {
		v, err = p.parse(s)
	}
	if err == nil {
		*p.to = v
	}
	return err
}

// count is a number of which 0 is one.
func count(to **int) parsed[*int] {
	return parsed[*int]{to, "number", func(s string) (*int, error) {
		n, err := strconv.Atoi(s)
		return &n, err
	}, func(n *int) string { return strconv.Itoa(*n) }}
}

// duration is a time in milliseconds.
func duration(to **int) parsed[*int] {
	return parsed[*int]{to, "time", func(s string) (*int, error) {
		d, err := time.ParseDuration(s)
		ms := int(d.Milliseconds())
		return &ms, err
	}, func(ms *int) string { return inTime(*ms) }}
}

func inTime(n int) string { return (time.Duration(n) * time.Millisecond).String() }

// durations are times in milliseconds.
func durations(to *wire.Delays) parsed[wire.Delays] {
	return parsed[wire.Delays]{to, "times", func(s string) (list wire.Delays, err error) {
		for part := range strings.SplitSeq(s, ",") {
			d, err := time.ParseDuration(part)
			if err != nil {
				return nil, err
			}
			list = append(list, int(d.Milliseconds()))
		}
		return list, nil
	}, func(list wire.Delays) string {
		texts := make([]string, len(list))
		for i, n := range list {
			texts[i] = inTime(n)
		}
		return strings.Join(texts, ",")
	}}
}

// words are tags, with commas between, or one by one.
func words(to *[]string) parsed[[]string] {
	return parsed[[]string]{to, "tags", func(s string) ([]string, error) {
		return append(*to, strings.Split(s, ",")...), nil
	}, func(list []string) string { return strings.Join(list, ",") }}
}

// follower is a callback: its type, or a JSON object.
func follower(to **wire.Callback) parsed[*wire.Callback] {
	return parsed[*wire.Callback]{to, "callback", func(s string) (*wire.Callback, error) {
		if !strings.HasPrefix(strings.TrimSpace(s), "{") {
			return &wire.Callback{Type: s}, nil
		}
		c := new(wire.Callback)
		if err := json.Unmarshal([]byte(s), c, json.RejectUnknownMembers(true)); err != nil {
			return nil, errors.New("must be a type, or a JSON object such as " +
				`{"type": "report.done", "payload": {}, "queue": "mail"}`)
		}
		return c, nil
	}, func(c *wire.Callback) string {
		if c.Payload == nil && c.Queue == nil && c.Transport == nil {
			return c.Type
		}
		raw, err := json.Marshal(c)
		if err != nil {
			return c.Type
		}
		return string(raw)
	}}
}

// optionName is the name in JSON of a field of o.
func optionName(o *wire.DispatchOptions, field any) string {
	for f, v := range reflect.ValueOf(o).Elem().Fields() {
		if v.Addr().Interface() == field {
			return nameInJSON(f)
		}
	}
	panic(fmt.Sprintf("%T is no field of the options", field))
}

func nameInJSON(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

func (o option[T]) Type() string {
	var zero T
	return reflect.TypeOf(zero).String()
}

func (o option[T]) String() string {
	var zero T
	if o.to != nil && *o.to != nil {
		zero = **o.to
	}
	return fmt.Sprint(zero)
}

func (o option[T]) Set(s string) (err error) {
	var v T
	switch p := any(&v).(type) {
	case *string:
		*p = s
	case *int:
		*p, err = strconv.Atoi(s)
	case *bool:
		*p, err = strconv.ParseBool(s)
	}
	if err == nil {
		*o.to = optional(v)
	}
	return err
}

// terms shows what a message has of its own.
func (a *app) terms(t *wire.Terms) {
	line := a.detail
	if t.MaxRetries != nil {
		line("retries", fmt.Sprintf("%d at most", *t.MaxRetries))
	}
	if t.RetryDelay != nil {
		line("retried after", durations(&t.RetryDelay).String())
	}
	if t.Timeout != nil {
		line("timeout", inTime(*t.Timeout))
	}
	if t.Retention != nil {
		line("kept for", inTime(*t.Retention))
	}
	line("tags", printable(strings.Join(t.Tags, ", ")))
	line("pushed to", printable(t.URL))
	line("on success", printable(follower(&t.OnSuccess).String()))
	line("on failure", printable(follower(&t.OnFailure).String()))
	if t.RetryOf != nil {
		line("retry of", fmt.Sprintf("%s, failed as %s", printable(t.RetryOf.MessageID), printable(t.RetryOf.FailedID)))
	}
}
