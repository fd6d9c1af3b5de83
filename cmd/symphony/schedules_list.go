package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony/client"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

func (a *app) schedulesListCommand() *cobra.Command {
	var state string
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List schedules, newest first",
		Example: "  symphony schedules list\n  symphony schedules list --state disabled --json",
		Args:    cobra.NoArgs,
	}
	cmd.Flags().StringVar(&state, "state", "", "only those that are active, disabled or completed")
	complete(cmd, "state", "active", "disabled", "completed")
	return query[scheduleList]{
		ask: func(ctx context.Context, r *reached, _ []string) (scheduleList, error) {
			all := scheduleList{Schedules: []wire.Schedule{}}
			for cursor := ""; ; {
				page, err := r.Schedules(ctx, client.ScheduleQuery{State: state, Cursor: cursor})
				if err != nil {
					return all, err
				}
				all.Schedules = append(all.Schedules, page.Schedules...)
				if cursor = page.NextCursor; cursor == "" {
					return all, nil
				}
			}
		},
		show: func(all scheduleList) { a.showSchedules(all.Schedules) },
	}.command(a, cmd)
}

// scheduleList is what the command prints for programs: all pages together.
type scheduleList struct {
	Schedules []wire.Schedule `json:"schedules"`
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
