package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// patchedBy says which part of a schedule's definition a flag of "schedules update" changes that is not an option's.
var patchedBy = map[string][]string{
	"name": {"name"}, "at": {"at"}, "cron": {"cron"}, "timezone": {"timezone"}, "every": {"interval"},
	"start": {"startAt"}, "end": {"endAt"}, "max-runs": {"maxRuns"}, "jitter": {"jitter"}, "missed": {"missed"}, "overlap": {"overlap"},
	"type": {"message", "type"}, "header": {"options", "headers"}, "metadata": {"options", "metadata"},
}

// kinds are the members of a definition of which a schedule has one. Another one takes its place.
var kinds = []string{"at", "cron", "interval"}

func (a *app) schedulesUpdateCommand() *cobra.Command {
	var (
		timing                     timingFlags
		options                    dispatchFlags
		name, typ, missed, overlap string
	)
	cmd := &cobra.Command{
		Use:   "update SCHEDULE [PAYLOAD | @FILE | -]",
		Short: "Change a schedule",
		Long: `Change what the flags name, and the payload of its message if one is given; all else
stays. An empty value, or 0, takes a setting away: --end '' --max-runs 0. One of --at,
--cron and --every takes the place of the other.`,
		Example: `  symphony schedules update report --cron '0 8 * * MON-FRI'
  symphony schedules update report --end '' --queue low
  symphony schedules update report '{"format": "pdf"}'`,
		Args:        cobra.RangeArgs(1, 2),
		Annotations: emptyTakesAway,
	}
	timing.add(cmd)
	flags := cmd.Flags()
	flags.StringVar(&name, "name", "", "`NAME` of the schedule, unique")
	flags.StringVar(&typ, "type", "", "`TYPE` of its message")
	flags.StringVar(&missed, "missed", "", "missed occurrences: all, last or skip")
	flags.StringVar(&overlap, "overlap", "", "while the last message is unfinished: allow or skip")
	options.addTo(cmd)
	complete(cmd, "missed", "all", "last", "skip")
	complete(cmd, "overlap", "allow", "skip")
	var patch map[string]any
	return act[wire.ScheduleResponse]{
		check: func(args []string) error {
			req, err := timing.request()
			if err != nil {
				return err
			}
			dispatch, err := options.request(typ, nil)
			if err != nil {
				return err
			}
			req.Name, req.Missed, req.Overlap = optional(name), optional(missed), optional(overlap)
			req.Message, req.Options = &wire.Message{Type: typ}, &dispatch.Options.DispatchOptions
			if patch, err = schedulePatch(cmd, req); err != nil {
				return err
			}
			if len(args) > 1 {
				payload, err := a.readPayload(args[1])
				if err != nil {
					return err
				}
				setIn(patch, jsontext.Value(payload), "message", "payload")
			}
			if len(patch) == 0 {
				return usageError{errors.New("nothing is to be changed: give a flag such as --cron, or a payload")}
			}
			return nil
		},
		do: onSchedule(func(ctx context.Context, r *reached, id string) (wire.ScheduleResponse, error) {
			return r.ChangeSchedule(ctx, id, patch)
		}),
		show: a.showSchedule,
	}.command(a, cmd)
}

// schedulePatch is the JSON Merge Patch of the flags that were given: their values in a request, null where it has none.
func schedulePatch(cmd *cobra.Command, req wire.ScheduleRequest) (map[string]any, error) {
	raw, err := json.Marshal(req)
	if err != nil {
		return nil, err
	}
	var values map[string]jsontext.Value
	if err := json.Unmarshal(raw, &values); err != nil {
		return nil, err
	}
	inner := make(map[string]map[string]jsontext.Value)
	for _, part := range []string{"message", "options"} {
		var members map[string]jsontext.Value
		if text, ok := values[part]; ok {
			if err := json.Unmarshal(text, &members); err != nil {
				return nil, fmt.Errorf("%s: %w", part, err)
			}
		}
		inner[part] = members
	}
	patch := make(map[string]any)
	cmd.Flags().Visit(func(flag *pflag.Flag) {
		path := patchedBy[flag.Name]
		if name := flag.Annotations[optionKey]; name != nil {
			path = []string{"options", name[0]}
		}
		if path == nil {
			return
		}
		from := values
		if len(path) == 2 {
			from = inner[path[0]]
		}
		var value any // null takes away
		if v, ok := from[path[len(path)-1]]; ok {
			value = v
		}
		setIn(patch, value, path...)
	})
	for _, kind := range kinds {
		if patch[kind] == nil {
			continue
		}
		for _, other := range kinds {
			if other != kind {
				patch[other] = nil
			}
		}
		if _, given := patch["timezone"]; !given && kind != "cron" {
			patch["timezone"] = nil // it is the expression's
		}
		break
	}
	return patch, nil
}

// setIn sets a member of an object, or of an object in it.
func setIn(object map[string]any, value any, path ...string) {
	for _, name := range path[:len(path)-1] {
		within, ok := object[name].(map[string]any)
		if !ok {
			within = make(map[string]any)
			object[name] = within
		}
		object = within
	}
	object[path[len(path)-1]] = value
}
