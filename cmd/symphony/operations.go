package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony/client"
	"github.com/symphony-messenger/symphony/httpapi/wire"
	"github.com/symphony-messenger/symphony/operation"
)

func (a *app) operationsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "operations",
		Short: "Look after work in bulk that goes on in the background",
		Long: `Messages are retried, deleted and replayed in bulk by operations. They go on whoever asked
for them is gone, and are carried on by another process where one dies; they can be
stopped and resumed. One that has ended is remembered for a week.`,
		Example: `  symphony operations list
  symphony operations watch 019a0f6e-…
  symphony operations stop 019a0f6e-…`,
		Args: noSubcommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.operationsListCommand(), a.operationsShowCommand(), a.operationsStopCommand(), a.operationsResumeCommand(), a.operationsWatchCommand())
	return cmd
}

func (a *app) operationsListCommand() *cobra.Command {
	var q client.OperationQuery
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List operations, newest first",
		Long:    "List what goes on in the background, and what has ended within the last week.",
		Example: "  symphony operations list --state running",
		Args:    cobra.NoArgs,
		RunE: a.run(func(cmd *cobra.Command, _ []string) error {
			r, err := a.reach(cmd, storageOnly)
			if err != nil {
				return err
			}
			defer r.close()
			page, err := r.Operations(cmd.Context(), q)
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(page)
			}
			if len(page.Operations) == 0 {
				fmt.Fprintln(a.out, "No operations.")
				return nil
			}
			rows := make([][]string, len(page.Operations))
			for i, op := range page.Operations {
				rows[i] = []string{op.ID, op.Kind, op.State, progressOf(op), shortTime(op.CreatedAt), oneLine(op.By, 24), oneLine(op.Error, 60)}
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
			return nil
		}),
	}
	cmd.Flags().StringVar(&q.State, "state", "", "only in this `STATE`: running, stopped, completed or failed")
	complete(cmd, "state", string(operation.Running), string(operation.Stopped), string(operation.Completed), string(operation.Failed))
	cmd.Flags().IntVarP(&q.Limit, "limit", "n", operation.DefaultPage, "how many to list")
	cmd.Flags().StringVar(&q.Cursor, "cursor", "", "go on behind this `ID`, where a list before ended")
	a.jsonFlag(cmd)
	a.reachFlags(cmd)
	return cmd
}

// progressOf is like "120 of 500".
func progressOf(op wire.Operation) string {
	if op.Total == nil {
		return strconv.FormatInt(op.Done, 10)
	}
	return fmt.Sprintf("%d of %d", op.Done, *op.Total)
}

// operationCommand makes a command about one operation.
func (a *app) operationCommand(cmd *cobra.Command, do func(ctx context.Context, r *reached, id string) (wire.Operation, error)) *cobra.Command {
	cmd.Args = cobra.ExactArgs(1)
	cmd.RunE = a.run(func(cmd *cobra.Command, args []string) error {
		r, err := a.reach(cmd, storageOnly)
		if err != nil {
			return err
		}
		defer r.close()
		op, err := do(cmd.Context(), r, args[0])
		if err != nil {
			return err
		}
		if a.json {
			return a.printJSON(op)
		}
		a.showOperation(op)
		return nil
	})
	a.jsonFlag(cmd)
	a.reachFlags(cmd)
	return cmd
}

func (a *app) showOperation(op wire.Operation) {
	s := a.style(a.out)
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(a.out, "%s %s\n", s.dim(fmt.Sprintf("%-10s", name)), value)
		}
	}
	line("id", s.bold(op.ID))
	line("kind", op.Kind)
	state := op.State
	switch {
	case state == "running" && op.Node == "":
		state = "running, and waiting for a process that works on it"
	case state == "running":
		state += ", on " + printable(op.Node)
	}
	line("state", state)
	line("done", progressOf(op)+skippedShort(op))
	line("transport", op.Transport)
	if op.Selected > 0 {
		line("selected", plural(op.Selected, "id"))
	}
	if op.Filter != nil {
		if raw, err := json.Marshal(op.Filter); err == nil {
			line("filter", printable(string(raw)))
		}
	}
	if op.Rate > 0 {
		line("rate", fmt.Sprintf("%d a second", op.Rate))
	}
	line("by", printable(op.By))
	line("since", shortTime(op.CreatedAt))
	if op.FinishedAt != nil {
		line("until", shortTime(*op.FinishedAt))
	}
	line("error", s.red(printable(op.Error)))
}

func skippedShort(op wire.Operation) string {
	if op.Skipped == 0 {
		return ""
	}
	return fmt.Sprintf(", %d skipped", op.Skipped)
}

func (a *app) operationsShowCommand() *cobra.Command {
	return a.operationCommand(&cobra.Command{Use: "show ID", Short: "Show an operation with its progress", Long: "Show what an operation was asked for and how far it is.",
		Example: "  symphony operations show 019a0f6e-…"},
		func(ctx context.Context, r *reached, id string) (wire.Operation, error) {
			answer, err := r.Operation(ctx, id)
			return answer.Operation, err
		})
}

func (a *app) operationsStopCommand() *cobra.Command {
	return a.operationCommand(&cobra.Command{Use: "stop ID", Short: "Stop an operation", Long: "Stop an operation. When the command returns it is at a stand; what was done stays done.",
		Example: "  symphony operations stop 019a0f6e-…"},
		func(ctx context.Context, r *reached, id string) (wire.Operation, error) {
			answer, err := r.StopOperation(ctx, id)
			return answer.Operation, err
		})
}

func (a *app) operationsResumeCommand() *cobra.Command {
	wait := false
	cmd := a.operationCommand(&cobra.Command{Use: "resume ID", Short: "Go on with an operation that was stopped or has failed",
		Long: "Go on with an operation from where it was. With --wait the command follows it, and does the\nwork itself where no other process has the database open.", Example: "  symphony operations resume 019a0f6e-…"},
		func(ctx context.Context, r *reached, id string) (wire.Operation, error) {
			answer, err := r.ResumeOperation(ctx, id)
			if err != nil || !wait {
				return answer.Operation, err
			}
			return a.follow(ctx, r, answer.Operation)
		})
	cmd.Flags().BoolVar(&wait, "wait", false, "follow it to its end")
	return cmd
}

func (a *app) operationsWatchCommand() *cobra.Command {
	return a.operationCommand(&cobra.Command{Use: "watch ID", Short: "Follow an operation to its end",
		Long:    "Show the progress of an operation until it has ended. Where no other process has the database\nopen, the command does the work itself.",
		Example: "  symphony operations watch 019a0f6e-…"},
		func(ctx context.Context, r *reached, id string) (wire.Operation, error) {
			answer, err := r.Operation(ctx, id)
			if err != nil {
				return answer.Operation, err
			}
			return a.follow(ctx, r, answer.Operation)
		})
}
