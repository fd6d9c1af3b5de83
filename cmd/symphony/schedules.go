package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony/client"
	"github.com/symphony-messenger/symphony/httpapi/wire"
	"github.com/symphony-messenger/symphony/scheduler"
)

func (a *app) schedulesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "schedules",
		Short: "Dispatch messages at a time, or again and again",
		Long: `A schedule dispatches its message once at a time, by a cron expression or at an
interval. "symphony serve" and "symphony worker" fire schedules as they become due; so
does the cron route /api/cron/symphony-scheduler, where no process runs all the time.
Each occurrence makes one message, however many nodes there are.

Commands take the id of a schedule or its name.`,
		Example: `  symphony schedules create --name report --cron '0 9 * * MON-FRI' --timezone Europe/Berlin report.daily '{}'
  symphony schedules next --cron '*/15 * * * *'
  symphony schedules list`,
		Args: noSubcommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.schedulesCreateCommand(), a.schedulesUpdateCommand(), a.schedulesListCommand(), a.schedulesShowCommand(), a.schedulesNextCommand(),
		a.schedulesRunsCommand(), a.schedulesFireCommand(),
		a.scheduleAction("enable", "Switch a schedule on", "Its next occurrence is the first from now on.", showOne((*client.Client).EnableSchedule)),
		a.scheduleAction("disable", "Switch a schedule off", "Its occurrences do not happen until it is enabled again.", showOne((*client.Client).DisableSchedule)),
		a.scheduleAction("run", "Dispatch the message of a schedule now", "Whether it is enabled or not. This moves no occurrence and counts for no limit.", runNow),
		a.schedulesDeleteCommand())
	return cmd
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
		RunE: a.run(func(cmd *cobra.Command, args []string) error {
			req, err := timing.request()
			if err != nil {
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
			req.Message, req.Options = &dispatch.Message, &dispatch.Options
			return a.withSchedules(cmd, func(ctx context.Context, c *client.Client) error {
				made, err := c.CreateSchedule(ctx, req)
				if err != nil {
					return err
				}
				return a.showSchedule(made)
			})
		}),
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
	a.jsonFlag(cmd)
	a.reachFlags(cmd)
	return cmd
}

// withSchedules calls do with a way to the schedules.
func (a *app) withSchedules(cmd *cobra.Command, do func(context.Context, *client.Client) error) error {
	r, err := a.reach(cmd, storageOnly)
	if err != nil {
		return err
	}
	defer r.close()
	return do(cmd.Context(), r.Client)
}

// scheduleName is what a person calls a schedule: its name, or its id.
func scheduleName(s wire.Schedule) string {
	if s.Name != nil && *s.Name != "" {
		return *s.Name
	}
	return s.ID
}

// scheduleID finds the schedule that an argument means: an id, or a name.
func scheduleID(ctx context.Context, c *client.Client, arg string) (string, error) {
	page, err := c.Schedules(ctx, client.ScheduleQuery{Name: arg})
	if err != nil || len(page.Schedules) == 0 {
		return arg, err
	}
	return page.Schedules[0].ID, nil
}

func (a *app) scheduleAction(verb, short, long string, do func(*app, context.Context, *client.Client, string) error) *cobra.Command {
	cmd := &cobra.Command{
		Use:     verb + " SCHEDULE",
		Short:   short,
		Long:    short + ". " + long,
		Example: "  symphony schedules " + verb + " report",
		Args:    cobra.ExactArgs(1),
		RunE: a.run(func(cmd *cobra.Command, args []string) error {
			return a.withSchedules(cmd, func(ctx context.Context, c *client.Client) error {
				id, err := scheduleID(ctx, c, args[0])
				if err != nil {
					return err
				}
				return do(a, ctx, c, id)
			})
		}),
	}
	a.jsonFlag(cmd)
	a.reachFlags(cmd)
	return cmd
}

func showOne(do func(*client.Client, context.Context, string) (wire.ScheduleResponse, error)) func(*app, context.Context, *client.Client, string) error {
	return func(a *app, ctx context.Context, c *client.Client, id string) error {
		s, err := do(c, ctx, id)
		if err != nil {
			return err
		}
		return a.showSchedule(s)
	}
}

func runNow(a *app, ctx context.Context, c *client.Client, id string) error {
	result, err := c.RunSchedule(ctx, id)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(result)
	}
	for _, m := range result.Run.Messages {
		fmt.Fprintf(a.out, "%s %s to %s\n", a.style(a.out).green("dispatched"), m.ID, m.Transport)
	}
	return nil
}

func (a *app) schedulesDeleteCommand() *cobra.Command {
	var yes bool
	cmd := a.scheduleAction("delete", "Delete a schedule with its history", "Messages that it dispatched are left alone. It asks first; without a\nterminal to ask on, --yes is needed.",
		func(a *app, ctx context.Context, c *client.Client, id string) error {
			s, err := c.Schedule(ctx, id, 0)
			if err != nil {
				return err
			}
			if err := a.confirm(fmt.Sprintf("Delete the schedule %s with its history?", printable(scheduleName(s.Schedule))), yes); err != nil {
				return err
			}
			return deleteSchedule(a, ctx, c, id)
		})
	cmd.Example += "\n  symphony schedules delete report --yes"
	yesFlag(cmd, &yes)
	return cmd
}

func deleteSchedule(a *app, ctx context.Context, c *client.Client, id string) error {
	result, err := c.DeleteSchedule(ctx, id)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(result)
	}
	fmt.Fprintln(a.out, "deleted", id)
	return nil
}

func (a *app) schedulesListCommand() *cobra.Command {
	var state string
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List schedules, newest first",
		Example: "  symphony schedules list\n  symphony schedules list --state disabled --json",
		Args:    cobra.NoArgs,
		RunE: a.run(func(cmd *cobra.Command, _ []string) error {
			return a.withSchedules(cmd, func(ctx context.Context, c *client.Client) error {
				all := []wire.Schedule{}
				for cursor := ""; ; {
					page, err := c.Schedules(ctx, client.ScheduleQuery{State: state, Cursor: cursor})
					if err != nil {
						return err
					}
					all = append(all, page.Schedules...)
					if cursor = page.NextCursor; cursor == "" {
						break
					}
				}
				if a.json {
					return a.printJSON(map[string]any{"schedules": all})
				}
				a.showSchedules(all)
				return nil
			})
		}),
	}
	cmd.Flags().StringVar(&state, "state", "", "only those that are active, disabled or completed")
	complete(cmd, "state", "active", "disabled", "completed")
	a.jsonFlag(cmd)
	a.reachFlags(cmd)
	return cmd
}

func (a *app) showSchedules(all []wire.Schedule) {
	if len(all) == 0 {
		fmt.Fprintln(a.out, "no schedules")
		return
	}
	rows := make([][]string, len(all))
	for i, s := range all {
		rows[i] = []string{s.ID, oneLine(valueOr(s.Name, "–"), 30), s.State, oneLine(timing(s), 40), oneLine(s.Message.Type, 40), shortTime(valueOr(s.NextRunAt, time.Time{})), fmt.Sprint(s.RunCount), oneLine(s.LastError, 40)}
	}
	st := a.style(a.out)
	a.table([]string{"ID", "NAME", "STATE", "WHEN", "TYPE", "NEXT", "RUNS", "ERROR"}, rows, func(column int, cell string) string {
		if column == 7 {
			return st.red(cell)
		}
		return cell
	})
}

func valueOr[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}

// timing says when a schedule fires, for people.
func timing(s wire.Schedule) string {
	switch {
	case s.At != nil:
		return "at " + shortTime(*s.At)
	case s.Cron != nil:
		zone := valueOr(s.Timezone, "UTC")
		if zone == "UTC" {
			return *s.Cron
		}
		return *s.Cron + " " + zone
	case s.Interval != nil:
		return "every " + (time.Duration(*s.Interval) * time.Millisecond).String()
	}
	return "?"
}

func (a *app) showSchedule(r wire.ScheduleResponse) error {
	if a.json {
		return a.printJSON(r)
	}
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
	return nil
}

func shortTimes(list []time.Time) []string {
	out := make([]string, len(list))
	for i, t := range list {
		out[i] = shortTime(t)
	}
	return slices.Clip(out)
}

func (a *app) schedulesShowCommand() *cobra.Command {
	next := 5
	cmd := &cobra.Command{
		Use:     "show SCHEDULE",
		Short:   "Show a schedule with its next occurrences",
		Example: "  symphony schedules show report\n  symphony schedules show report --next 20 --json",
		Args:    cobra.ExactArgs(1),
		RunE: a.run(func(cmd *cobra.Command, args []string) error {
			return a.withSchedules(cmd, func(ctx context.Context, c *client.Client) error {
				id, err := scheduleID(ctx, c, args[0])
				if err != nil {
					return err
				}
				s, err := c.Schedule(ctx, id, next)
				if err != nil {
					return err
				}
				return a.showSchedule(s)
			})
		}),
	}
	cmd.Flags().IntVarP(&next, "next", "n", next, fmt.Sprintf("how many of its next occurrences to tell, up to %d", scheduler.MaxPreview))
	a.jsonFlag(cmd)
	a.reachFlags(cmd)
	return cmd
}

func (a *app) schedulesNextCommand() *cobra.Command {
	var f timingFlags
	n := 5
	cmd := &cobra.Command{
		Use:     "next [SCHEDULE]",
		Short:   "Tell when a schedule will fire, or would if it were made",
		Long:    "Tell the next occurrences of a schedule, or of what the flags say, without making one.",
		Example: "  symphony schedules next report\n  symphony schedules next --cron '0 9 * * MON-FRI' --timezone Europe/Berlin\n  symphony schedules next --every 90m -n 10",
		Args:    cobra.MaximumNArgs(1),
		RunE: a.run(func(cmd *cobra.Command, args []string) error {
			req, err := f.request()
			if err != nil {
				return err
			}
			if described := req != (wire.ScheduleRequest{}); described == (len(args) == 1) {
				return usageError{errors.New("name a schedule, or describe one with --at, --cron or --every")}
			}
			return a.withSchedules(cmd, func(ctx context.Context, c *client.Client) error {
				result, err := nextRuns(ctx, c, args, wire.PreviewRequest{ScheduleRequest: req, Next: &n})
				if err != nil {
					return err
				}
				if a.json {
					return a.printJSON(result)
				}
				for _, t := range result.NextRuns {
					fmt.Fprintln(a.out, shortTime(t))
				}
				return nil
			})
		}),
	}
	f.add(cmd)
	cmd.Flags().IntVarP(&n, "next", "n", n, fmt.Sprintf("how many, up to %d", scheduler.MaxPreview))
	a.jsonFlag(cmd)
	a.reachFlags(cmd)
	return cmd
}

// nextRuns asks for the occurrences of the schedule that args name, else of the one described.
func nextRuns(ctx context.Context, c *client.Client, args []string, described wire.PreviewRequest) (wire.PreviewResponse, error) {
	if len(args) == 0 {
		return c.PreviewSchedule(ctx, described)
	}
	id, err := scheduleID(ctx, c, args[0])
	if err != nil {
		return wire.PreviewResponse{}, err
	}
	s, err := c.Schedule(ctx, id, *described.Next)
	return wire.PreviewResponse{Success: s.Success, NextRuns: s.Schedule.NextRuns}, err
}

func (a *app) schedulesRunsCommand() *cobra.Command {
	limit := 20
	cmd := &cobra.Command{
		Use:     "history SCHEDULE",
		Short:   "Show what a schedule has done, newest first",
		Example: "  symphony schedules history report\n  symphony schedules history report --limit 100 --json",
		Args:    cobra.ExactArgs(1),
		RunE: a.run(func(cmd *cobra.Command, args []string) error {
			return a.withSchedules(cmd, func(ctx context.Context, c *client.Client) error {
				id, err := scheduleID(ctx, c, args[0])
				if err != nil {
					return err
				}
				page, err := c.ScheduleRuns(ctx, id, limit, "")
				if err != nil {
					return err
				}
				if a.json {
					return a.printJSON(page)
				}
				rows := make([][]string, len(page.Runs))
				for i, r := range page.Runs {
					messages := make([]string, len(r.Messages))
					for j, m := range r.Messages {
						messages[j] = m.ID
					}
					outcome := r.Outcome
					if r.Manual {
						outcome += " by hand"
					}
					rows[i] = []string{shortTime(r.Occurrence), shortTime(r.FiredAt), outcome, strings.Join(messages, " "), oneLine(r.Error, 60)}
				}
				a.table([]string{"OCCURRENCE", "FIRED", "OUTCOME", "MESSAGE", "ERROR"}, rows, nil)
				return nil
			})
		}),
	}
	cmd.Flags().IntVarP(&limit, "limit", "n", limit, "how many entries")
	a.jsonFlag(cmd)
	a.reachFlags(cmd)
	return cmd
}
