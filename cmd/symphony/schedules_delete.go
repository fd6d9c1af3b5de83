package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

func (a *app) schedulesDeleteCommand() *cobra.Command {
	var found wire.Schedule
	cmd := onScheduleWords("delete", "Delete a schedule with its history",
		"Messages that it dispatched are left alone. It asks first; without a\nterminal to ask on, --yes is needed.")
	cmd.Example += "\n  symphony schedules delete report --yes"
	return act[wire.DoneResponse]{
		confirm: func(ctx context.Context, r *reached, args []string, yes bool) error {
			id, err := scheduleID(ctx, r.Client, args[0])
			if err != nil {
				return err
			}
			answer, err := r.Schedule(ctx, id, 0)
			if err != nil {
				return err
			}
			found = answer.Schedule
			return a.confirm(fmt.Sprintf("Delete the schedule %s with its history?", printable(scheduleName(found))), yes)
		},
		do: func(ctx context.Context, r *reached, _ []string) (wire.DoneResponse, error) {
			return r.DeleteSchedule(ctx, found.ID)
		},
		show: func(wire.DoneResponse) { fmt.Fprintln(a.out, "deleted", found.ID) },
	}.command(a, cmd)
}
