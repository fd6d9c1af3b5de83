package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony/client"
	"github.com/symphony-messenger/symphony/httpapi/wire"
	"github.com/symphony-messenger/symphony/scheduler"
)

func (a *app) schedulesNextCommand() *cobra.Command {
	var f timingFlags
	n := wire.DefaultPreview
	cmd := &cobra.Command{
		Use:     "next [SCHEDULE]",
		Short:   "Tell when a schedule will fire, or would if it were made",
		Long:    "Tell the next occurrences of a schedule, or of what the flags say, without making one.",
		Example: "  symphony schedules next report\n  symphony schedules next --cron '0 9 * * MON-FRI' --timezone Europe/Berlin\n  symphony schedules next --every 90m -n 10",
		Args:    cobra.MaximumNArgs(1),
	}
	f.add(cmd)
	cmd.Flags().IntVarP(&n, "next", "n", n, fmt.Sprintf("how many, up to %d", scheduler.MaxPreview))
	var req wire.ScheduleRequest
	return query[wire.PreviewResponse]{
		check: func(args []string) (err error) {
			if req, err = f.request(); err != nil {
				return err
			}
			if described := req != (wire.ScheduleRequest{}); described == (len(args) == 1) {
				return usageError{errors.New("name a schedule, or describe one with --at, --cron or --every")}
			}
			return nil
		},
		ask: func(ctx context.Context, r *reached, args []string) (wire.PreviewResponse, error) {
			return nextRuns(ctx, r.Client, args, wire.PreviewRequest{ScheduleRequest: req, Next: &n})
		},
		show: func(next wire.PreviewResponse) {
			for _, t := range next.NextRuns {
				fmt.Fprintln(a.out, shortTime(t))
			}
		},
	}.command(a, cmd)
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
