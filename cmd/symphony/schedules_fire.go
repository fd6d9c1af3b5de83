package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

func (a *app) schedulesFireCommand() *cobra.Command {
	return act[wire.SchedulerResponse]{
		need: withHandlers, do: fireAll, show: a.showFired,
	}.command(a, &cobra.Command{
		Use:   "fire",
		Short: "Fire what is due, once",
		Long: `Dispatch the messages of all schedules that are due and end: for a crontab, where no
process runs all the time. "symphony serve" and "symphony worker" do so by themselves.

It is the cron route /api/cron/symphony-scheduler from the command line: on a server it
takes the cron secret in place of an API key.`,
		Example: "  symphony schedules fire && symphony consume",
		Args:    cobra.NoArgs,
	})
}

// fireAll fires what is due until nothing more is, or the rest is in other hands.
func fireAll(ctx context.Context, r *reached, _ []string) (sum wire.SchedulerResponse, err error) {
	for {
		result, err := r.FireSchedules(ctx)
		if err != nil {
			return sum, err
		}
		did := result.Fired + result.Skipped + result.Failed
		result.Fired, result.Skipped, result.Failed = result.Fired+sum.Fired, result.Skipped+sum.Skipped, result.Failed+sum.Failed
		sum = result
		if !result.More || did == 0 {
			return sum, nil
		}
	}
}

func (a *app) showFired(sum wire.SchedulerResponse) {
	fmt.Fprintf(a.out, "%d fired, %d skipped, %s; next %s\n", sum.Fired, sum.Skipped,
		failedCount(a.style(a.out), int64(sum.Failed)), shortTime(valueOr(sum.NextRunAt, time.Time{})))
}
