package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// filterFlags select messages: one flag for each member of wire.MessageFilter.
type filterFlags struct {
	transport string
	wanted    wire.MessageFilter
	times     map[string]*string // by flag
	metadata  []string
}

// filterNames are the names of flags that are not those of their members, and filterUsages what the flags do.
var (
	filterNames  = map[string]string{"q": "search", "groupKey": "group"}
	filterUsages = map[string]string{
		"status":          "only with this `STATUS`: pending, processing, completed, failed or cancelled; may be repeated",
		"queue":           "only of this queue",
		"type":            "only of this type, or Prefix.* for all that begin with it",
		"priority":        fmt.Sprintf("only of this priority, %d to %d", symphony.MinPriority, symphony.MaxPriority),
		"search":          "only with this `TEXT` in type, payload, metadata or headers (failed ones: in the error, too)",
		"since":           "only dispatched (failed ones: failed) since this `TIME`: like 2026-12-01T09:00:00Z, or 2h",
		"until":           "only dispatched, or failed, before this `TIME`",
		"ended-since":     "only completed or failed since this `TIME`",
		"ended-until":     "only completed or failed before this `TIME`",
		"tag":             "only with this `TAG`; repeated: with all of them",
		"idempotency-key": "only with this idempotency `KEY`",
		"correlation-id":  "only of the story with this `ID`",
		"causation-id":    "only dispatched while the message with this `ID` was handled",
		"group":           "only of the group with this `KEY`",
		"concurrency-key": "only with this concurrency `KEY`",
		"error-class":     "only failed with this class of error, like timeout or no_handler",
		"failure-group":   "only dead letters of this `GROUP` of failures",
		"dispatched-by":   "only dispatched by this `CALLER`, like user:<id>",
		"worker":          "only in the hands of this `WORKER`, or completed by it",
		"metadata":        "only with this in their metadata: `PATH=VALUE`, like customer.id=42; may be repeated",
	}
)

// add offers the flags, but for members that the command has no use for.
func (f *filterFlags) add(cmd *cobra.Command, without ...string) {
	flags := cmd.Flags()
	f.times = make(map[string]*string)
	flags.StringVarP(&f.transport, "transport", "t", "",
		"`NAME` of the transport (default: all; to change messages in bulk the default transport)")
	for _, m := range wire.FilterMembers() {
		if slices.Contains(without, m.Name) {
			continue
		}
		name := flagName(m.Name)
		usage := filterUsages[name]
		switch v := m.Of(&f.wanted).(type) {
		case *string:
			short := ""
			if name == "queue" {
				short = "q"
			}
			flags.StringVarP(v, name, short, "", usage)
		case *int:
			flags.IntVar(v, name, 0, usage)
		case *wire.Names:
			flags.StringArrayVar((*[]string)(v), name, nil, usage)
			if enum := m.Tag.Get("enum"); enum != "" {
				complete(cmd, name, strings.Split(enum, ",")...)
			}
		case **time.Time:
			f.times[name] = flags.String(name, "", usage)
		case *wire.Equalities:
			flags.StringArrayVar(&f.metadata, name, nil, usage)
		}
	}
}

// flagName is the name of the flag for a member.
func flagName(member string) string {
	if name := filterNames[member]; name != "" {
		return name
	}
	var b strings.Builder
	for _, r := range member {
		if unicode.IsUpper(r) {
			b.WriteByte('-')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// given reports whether any flag narrows the selection down.
func (f *filterFlags) given() bool {
	for _, text := range f.times {
		if *text != "" {
			return true
		}
	}
	return !f.wanted.SelectsAll() || len(f.metadata) > 0
}

// filter is what the flags ask for.
func (f *filterFlags) filter() (filter wire.MessageFilter, err error) {
	filter = f.wanted
	for _, m := range wire.FilterMembers() {
		at, ok := m.Of(&filter).(**time.Time)
		if text := f.times[flagName(m.Name)]; ok && text != nil {
			if *at, err = parseTime("--"+flagName(m.Name), *text); err != nil {
				return filter, err
			}
		}
	}
	for _, pair := range f.metadata {
		path, value, ok := strings.Cut(pair, "=")
		if !ok || path == "" {
			return filter, usageError{fmt.Errorf("--metadata must be PATH=VALUE, is %s", strconv.Quote(pair))}
		}
		if filter.Metadata == nil {
			filter.Metadata = make(map[string]string)
		}
		filter.Metadata[path] = value
	}
	return filter, nil
}

// parseTime reads a time, or how long ago it was.
func parseTime(flag, s string) (*time.Time, error) {
	if s == "" {
		return nil, nil
	}
	if d, err := time.ParseDuration(s); err == nil && d >= 0 {
		t := symphony.SystemClock().Now().Add(-d).UTC()
		return &t, storable(flag, t)
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return nil, usageError{fmt.Errorf("%s must be a time like 2026-12-01T09:00:00Z or a span like 2h, is %q", flag, s)}
	}
	return &t, storable(flag, t)
}
