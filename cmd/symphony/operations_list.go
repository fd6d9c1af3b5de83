package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony/client"
	"github.com/symphony-messenger/symphony/httpapi/wire"
	"github.com/symphony-messenger/symphony/operation"
)

func (a *app) operationsListCommand() *cobra.Command {
	var q client.OperationQuery
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List operations, newest first",
		Long:    "List what goes on in the background, and what has ended within the last week.",
		Example: "  symphony operations list --state running",
		Args:    cobra.NoArgs,
	}
	cmd.Flags().StringVar(&q.State, "state", "", "only in this `STATE`: running, stopped, completed or failed")
	complete(cmd, "state", string(operation.Running), string(operation.Stopped), string(operation.Completed), string(operation.Failed))
	cmd.Flags().IntVarP(&q.Limit, "limit", "n", operation.DefaultPage, "how many to list")
	cmd.Flags().StringVar(&q.Cursor, "cursor", "", "go on behind this `ID`, where a list before ended")
	return query[wire.OperationsResponse]{
		ask: func(ctx context.Context, r *reached, _ []string) (wire.OperationsResponse, error) {
			return r.Operations(ctx, q)
		},
		show: a.showOperations,
	}.command(a, cmd)
}

func (a *app) showOperations(page wire.OperationsResponse) {
	if len(page.Operations) == 0 {
		fmt.Fprintln(a.out, "No operations.")
		return
	}
	rows := make([][]string, len(page.Operations))
	for i, op := range page.Operations {
		rows[i] = []string{
			op.ID, op.Kind, op.State, progressOf(op), shortTime(op.CreatedAt), oneLine(op.By, 24), oneLine(op.Error, 60),
		}
	}
	s := a.style(a.out)
	a.table([]string{"ID", "KIND", "STATE", "DONE", "SINCE", "BY", ""}, rows, func(column int, cell string) string {
		switch column {
		case 0:
			return s.bold(cell)
		case 6:
			return s.red(cell)
		}
		return cell
	})
	if page.HasMore {
		fmt.Fprintf(a.out, "There are more; go on with --cursor %s\n", page.NextCursor)
	}
}
