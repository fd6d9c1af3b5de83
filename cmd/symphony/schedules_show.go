package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony/httpapi/wire"
	"github.com/symphony-messenger/symphony/scheduler"
)

func (a *app) schedulesShowCommand() *cobra.Command {
	next := wire.DefaultPreview
	cmd := &cobra.Command{
		Use:     "show SCHEDULE",
		Short:   "Show a schedule with its next occurrences",
		Example: "  symphony schedules show report\n  symphony schedules show report --next 20 --json",
		Args:    cobra.ExactArgs(1),
	}
	cmd.Flags().IntVarP(&next, "next", "n", next, fmt.Sprintf("how many of its next occurrences to tell, up to %d", scheduler.MaxPreview))
	return query[wire.ScheduleResponse]{
		ask: onSchedule(func(ctx context.Context, r *reached, id string) (wire.ScheduleResponse, error) {
			return r.Schedule(ctx, id, next)
		}),
		show: a.showSchedule,
	}.command(a, cmd)
}

func (a *app) showSchedule(r wire.ScheduleResponse) {
	s, st := r.Schedule, a.style(a.out)
	fmt.Fprintf(a.out, "%s %s %s, %s\n", st.bold(s.ID), printable(valueOr(s.Name, "")), st.green(s.State), printable(timing(s)))
	line := func(name, value string) {
		if value != "" && value != "–" {
			fmt.Fprintf(a.out, "  %-10s %s\n", name, printable(value))
		}
	}
	line("message", s.Message.Type+" "+oneLine(string(s.Message.Payload), 80))
	if options, err := json.Marshal(valueOr(s.Options, wire.DispatchOptions{})); err == nil && string(options) != "{}" {
		line("options", oneLine(string(options), 80))
	}
	line("start", shortTime(valueOr(s.StartAt, time.Time{})))
	line("end", shortTime(valueOr(s.EndAt, time.Time{})))
	line("next", shortTime(valueOr(s.NextRunAt, time.Time{})))
	line("last", shortTime(valueOr(s.LastRunAt, time.Time{})))
	runs := fmt.Sprint(s.RunCount)
	if s.MaxRuns != nil {
		runs += fmt.Sprintf(" of %d", *s.MaxRuns)
	}
	line("runs", runs)
	if s.Jitter != nil {
		line("jitter", "up to "+(time.Duration(*s.Jitter)*time.Millisecond).String())
	}
	line("missed", valueOr(s.Missed, ""))
	line("overlap", valueOr(s.Overlap, ""))
	line("error", s.LastError)
	if len(s.NextRuns) > 0 {
		line("upcoming", strings.Join(shortTimes(s.NextRuns), ", "))
	}
}

func shortTimes(list []time.Time) []string {
	out := make([]string, len(list))
	for i, t := range list {
		out[i] = shortTime(t)
	}
	return slices.Clip(out)
}
