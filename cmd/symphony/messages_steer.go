package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// steered is what delete and run-now print for programs.
type steered struct {
	Success bool `json:"success"`
	Count   int  `json:"count"`

	err error // the first one, which ended it
}

// steerCommand completes a command that does something to messages of a transport, one after the other. The first error
// ends it.
func (a *app) steerCommand(
	cmd *cobra.Command, transport *string, done string, do func(context.Context, *reached, string, string) error,
) *cobra.Command {
	cmd.Args = cobra.MinimumNArgs(1)
	return act[steered]{
		do: func(ctx context.Context, r *reached, ids []string) (steered, error) {
			for i, id := range ids {
				if err := do(ctx, r, *transport, id); err != nil {
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
	var f manyFlags
	cmd := &cobra.Command{
		Use:   "delete [ID…]",
		Short: "Delete messages that wait",
		Long: `Delete pending messages: ready, scheduled, or waiting for a retry. One that a worker has in
hand, or that is finished, is left alone, and the command fails.

With --all every message that waits and matches the other flags is deleted, as an operation;
that is asked about first. "symphony messages cancel" keeps what was cancelled, and why.`,
		Example: `  symphony messages delete 019a0f6e-…
  symphony messages delete --all --queue imports --dry-run`,
	}
	f.add(cmd, "pending")
	request := func(filter *wire.MessageFilter) wire.DeleteManyRequest {
		req := wire.DeleteManyRequest{Transport: optional(f.transport), Filter: filter, Rate: optional(f.rate)}
		if filter.SelectsAll() {
			req.All = new(true)
		}
		return req
	}
	remove := func(ctx context.Context, r *reached, transport, id string) error {
		_, err := r.DeleteMessage(ctx, transport, id)
		return err
	}
	return a.orMany(a.steerCommand(cmd, &f.transport, "Deleted", remove), &f, ofMany{verb: "delete", done: "Deleted",
		preview: func(ctx context.Context, r *reached, filter *wire.MessageFilter) (wire.PreviewCountResponse, error) {
			return r.PreviewDelete(ctx, request(filter))
		},
		start: func(ctx context.Context, r *reached, filter *wire.MessageFilter) (wire.OperationResponse, error) {
			return r.DeleteMessages(ctx, request(filter))
		},
	})
}

func (a *app) messagesRunNowCommand() *cobra.Command {
	var transport string
	cmd := &cobra.Command{
		Use:     "run-now ID…",
		Short:   "Drop the delay of messages that wait for their time",
		Long:    "Make pending messages ready at once, be they scheduled or waiting for a retry.",
		Example: "  symphony messages run-now 019a0f6e-…",
	}
	transportFlag(cmd, &transport)
	run := func(ctx context.Context, r *reached, transport, id string) error {
		_, err := r.RunMessageNow(ctx, transport, id)
		return err
	}
	return a.steerCommand(cmd, &transport, "Made ready", run)
}
