package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// onSchedule has something done to the schedule that the first argument means: an id, or a name.
func onSchedule[T any](
	do func(ctx context.Context, r *reached, id string) (T, error),
) func(context.Context, *reached, []string) (T, error) {
	return func(ctx context.Context, r *reached, args []string) (T, error) {
		id, err := scheduleID(ctx, r.Client, args[0])
		if err != nil {
			var none T
			return none, err
		}
		return do(ctx, r, id)
	}
}

// onScheduleWords are those of a command that does something to one schedule.
func onScheduleWords(verb, short, long string) *cobra.Command {
	return &cobra.Command{
		Use:     verb + " SCHEDULE",
		Short:   short,
		Long:    short + ". " + long,
		Example: "  symphony schedules " + verb + " report",
		Args:    cobra.ExactArgs(1),
	}
}

func (a *app) schedulesEnableCommand() *cobra.Command {
	return act[wire.ScheduleResponse]{
		do: onSchedule(func(ctx context.Context, r *reached, id string) (wire.ScheduleResponse, error) {
			return r.EnableSchedule(ctx, id)
		}),
		show: a.showSchedule,
	}.command(a, onScheduleWords("enable", "Switch a schedule on", "Its next occurrence is the first from now on."))
}

func (a *app) schedulesDisableCommand() *cobra.Command {
	return act[wire.ScheduleResponse]{
		do: onSchedule(func(ctx context.Context, r *reached, id string) (wire.ScheduleResponse, error) {
			return r.DisableSchedule(ctx, id)
		}),
		show: a.showSchedule,
	}.command(a, onScheduleWords("disable", "Switch a schedule off", "Its occurrences do not happen until it is enabled again."))
}

func (a *app) schedulesSkipCommand() *cobra.Command {
	return act[wire.ScheduleResponse]{
		do: onSchedule(func(ctx context.Context, r *reached, id string) (wire.ScheduleResponse, error) {
			return r.SkipSchedule(ctx, id, wire.SkipRequest{})
		}),
		show: a.showSchedule,
	}.command(a, onScheduleWords("skip", "Leave the next occurrence of a schedule out",
		"Also one that is due and cannot be fired. It counts for no limit, and is in the history."))
}

func (a *app) schedulesRunCommand() *cobra.Command {
	return act[wire.ScheduleRunResponse]{
		do: onSchedule(func(ctx context.Context, r *reached, id string) (wire.ScheduleRunResponse, error) {
			return r.RunSchedule(ctx, id)
		}),
		show: func(done wire.ScheduleRunResponse) {
			for _, m := range done.Run.Messages {
				fmt.Fprintf(a.out, "%s %s to %s\n", a.style(a.out).green("dispatched"), m.ID, m.Transport)
			}
		},
	}.command(a, onScheduleWords("run", "Dispatch the message of a schedule now",
		"Whether it is enabled or not. This moves no occurrence and counts for no limit."))
}
