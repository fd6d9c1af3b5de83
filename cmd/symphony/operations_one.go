package main

import (
	"context"

	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// operationCommand completes a command about one operation, which it prints in the end.
func (a *app) operationCommand(
	cmd *cobra.Command, do func(ctx context.Context, r *reached, id string) (wire.Operation, error),
) *cobra.Command {
	cmd.Args = cobra.ExactArgs(1)
	return act[wire.Operation]{
		do: func(ctx context.Context, r *reached, args []string) (wire.Operation, error) {
			return do(ctx, r, args[0])
		},
		show: a.showOperation,
	}.command(a, cmd)
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
	return a.operationCommand(&cobra.Command{Use: "stop ID", Short: "Stop an operation", Long: "Stop an operation. When the command returns, nothing more is begun; what was done stays done. Of messages that " +
		"are cancelled, edited\nor deleted, those that were begun by then may still be done.",
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
