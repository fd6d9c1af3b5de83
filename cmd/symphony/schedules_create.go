package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

func (a *app) schedulesCreateCommand() *cobra.Command {
	var (
		timing                timingFlags
		options               dispatchFlags
		name, missed, overlap string
		disabled              bool
	)
	cmd := &cobra.Command{
		Use:   "create TYPE [PAYLOAD | @FILE | -]",
		Short: "Make a schedule",
		Long: `Make a schedule that dispatches a message of TYPE. PAYLOAD is a JSON object: as an
argument, from a file with @, or from standard input with - or when left out.

Occurrences that could not fire in time, because nothing ran, are by default made up for
by the last of them; --missed all fires each, --missed skip none.`,
		Example: `  symphony schedules create --at 2026-12-24T18:00:00Z greeting '{}'
  symphony schedules create --name cleanup --every 10m --overlap skip cleanup.run '{}'
  symphony schedules create --name report --cron '0 9 * * MON-FRI' --timezone Europe/Berlin report.daily '{}'`,
		Args: cobra.RangeArgs(1, 2),
	}
	timing.add(cmd)
	cmd.MarkFlagsOneRequired("at", "cron", "every")
	flags := cmd.Flags()
	flags.StringVar(&name, "name", "", "`NAME` of the schedule, unique (default: none)")
	flags.StringVar(&missed, "missed", "", "missed occurrences: all, last or skip (default last)")
	flags.StringVar(&overlap, "overlap", "", "while the last message is unfinished: allow or skip (default allow)")
	flags.BoolVar(&disabled, "disabled", false, "make it switched off")
	options.addTo(cmd)
	complete(cmd, "missed", "all", "last", "skip")
	complete(cmd, "overlap", "allow", "skip")
	var req wire.ScheduleRequest
	return act[wire.ScheduleResponse]{
		check: func(args []string) (err error) {
			if req, err = timing.request(); err != nil {
				return err
			}
			payload, err := a.payload(args[1:])
			if err != nil {
				return err
			}
			dispatch, err := options.request(args[0], payload)
			if err != nil {
				return err
			}
			enabled := !disabled
			req.Name, req.Missed, req.Overlap, req.Enabled = optional(name), optional(missed), optional(overlap), &enabled
			req.Message, req.Options = &dispatch.Message, &dispatch.Options.DispatchOptions
			return nil
		},
		do: func(ctx context.Context, r *reached, _ []string) (wire.ScheduleResponse, error) {
			return r.CreateSchedule(ctx, req)
		},
		show: a.showSchedule,
	}.command(a, cmd)
}

// timingFlags say when a schedule fires.
type timingFlags struct {
	at, cron, timezone, start, end string
	every, jitter                  time.Duration
	maxRuns                        int
}

func (f *timingFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.at, "at", "", "once, at this `TIME`, like 2026-12-01T09:00:00Z")
	flags.StringVar(&f.cron, "cron", "", "by this `EXPRESSION` of five fields, six with seconds first, or @daily and the like")
	flags.StringVar(&f.timezone, "timezone", "", "`ZONE` of the cron expression, like Europe/Berlin (default UTC)")
	flags.DurationVar(&f.every, "every", 0, "at this `INTERVAL`, like 90s or 6h; it does not drift")
	flags.StringVar(&f.start, "start", "", "no occurrence before this `TIME`")
	flags.StringVar(&f.end, "end", "", "no occurrence after this `TIME`")
	flags.IntVar(&f.maxRuns, "max-runs", 0, "end after so many")
	flags.DurationVar(&f.jitter, "jitter", 0, "delay each message by up to this `TIME`")
	cmd.MarkFlagsMutuallyExclusive("at", "cron", "every")
}

func (f *timingFlags) request() (wire.ScheduleRequest, error) {
	req := wire.ScheduleRequest{Cron: optional(f.cron), Timezone: optional(f.timezone), Interval: optional(int(f.every.Milliseconds())),
		MaxRuns: optional(f.maxRuns), Jitter: optional(int(f.jitter.Milliseconds()))}
	var errs []error
	for _, t := range []struct {
		flag, text string
		to         **time.Time
	}{{"at", f.at, &req.At}, {"start", f.start, &req.StartAt}, {"end", f.end, &req.EndAt}} {
		if t.text == "" {
			continue
		}
		at, err := time.Parse(time.RFC3339, t.text)
		if err != nil {
			errs = append(errs, fmt.Errorf("--%s must be a time like 2026-12-01T09:00:00Z, is %q", t.flag, t.text))
		}
		*t.to = &at
	}
	if err := errors.Join(errs...); err != nil {
		return req, usageError{err}
	}
	return req, nil
}
