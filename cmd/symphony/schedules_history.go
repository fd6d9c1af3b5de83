package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

func (a *app) schedulesHistoryCommand() *cobra.Command {
	limit := 20
	cmd := &cobra.Command{
		Use:     "history SCHEDULE",
		Short:   "Show what a schedule has done, newest first",
		Example: "  symphony schedules history report\n  symphony schedules history report --limit 100 --json",
		Args:    cobra.ExactArgs(1),
	}
	cmd.Flags().IntVarP(&limit, "limit", "n", limit, "how many entries")
	return query[wire.ScheduleRunsResponse]{
		ask: onSchedule(func(ctx context.Context, r *reached, id string) (wire.ScheduleRunsResponse, error) {
			return r.ScheduleRuns(ctx, id, limit, "")
		}),
		show: a.showRuns,
	}.command(a, cmd)
}

func (a *app) showRuns(page wire.ScheduleRunsResponse) {
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
}
