package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
)

// steered is what delete and run-now print for programs.
type steered struct {
	Success bool `json:"success"`
	Count   int  `json:"count"`

	err error // the first one, which ended it
}

// steerCommand completes a command that does something to messages, one after the other. The first error ends it.
func (a *app) steerCommand(
	cmd *cobra.Command, done string, do func(ctx context.Context, r *reached, transport, id string) error,
) *cobra.Command {
	var transport string
	cmd.Args = cobra.MinimumNArgs(1)
	transportFlag(cmd, &transport)
	return act[steered]{
		do: func(ctx context.Context, r *reached, ids []string) (steered, error) {
			for i, id := range ids {
				if err := do(ctx, r, transport, id); err != nil {
					return steered{Count: i, err: fmt.Errorf("message %s: %w", id, err)}, nil
				}
			}
			return steered{Success: true, Count: len(ids)}, nil
		},
		show: func(s steered) {
			if s.Count > 0 {
				fmt.Fprintf(a.out, "%s %s.\n", done, plural(s.Count, "message"))
			}
		},
		verdict: func(s steered) error { return s.err },
	}.command(a, cmd)
}

func (a *app) messagesDeleteCommand() *cobra.Command {
	return a.steerCommand(&cobra.Command{
		Use:   "delete ID…",
		Short: "Delete messages that wait",
		Long: `Delete pending messages: ready, scheduled, or waiting for a retry. One that a worker has in
hand, or that is finished, is left alone, and the command fails.`,
		Example: "  symphony messages delete 019a0f6e-…",
	}, "Deleted", func(ctx context.Context, r *reached, transport, id string) error {
		_, err := r.DeleteMessage(ctx, transport, id)
		return err
	})
}

func (a *app) messagesRunNowCommand() *cobra.Command {
	return a.steerCommand(&cobra.Command{
		Use:     "run-now ID…",
		Short:   "Drop the delay of messages that wait for their time",
		Long:    "Make pending messages ready at once, be they scheduled or waiting for a retry.",
		Example: "  symphony messages run-now 019a0f6e-…",
	}, "Made ready", func(ctx context.Context, r *reached, transport, id string) error {
		_, err := r.RunMessageNow(ctx, transport, id)
		return err
	})
}
