package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

func (a *app) ackCommand() *cobra.Command {
	return act[wire.ReceiptsResponse]{
		need: withHandlers,
		do: func(ctx context.Context, r *reached, receipts []string) (wire.ReceiptsResponse, error) {
			return r.Ack(ctx, wire.AckRequest{Receipts: receipts})
		},
		show: a.showCount("completed"),
	}.command(a, &cobra.Command{
		Use:     "ack RECEIPT...",
		Short:   "Complete messages that were received and handled",
		Long:    "Complete messages by their receipts. The exit code is 4 if a lease was lost; the other messages\nare completed all the same.",
		Example: "  symphony ack \"$receipt\"",
		Args:    cobra.MinimumNArgs(1),
	})
}

// showCount tells for how many receipts something was done.
func (a *app) showCount(done string) func(wire.ReceiptsResponse) {
	return func(answer wire.ReceiptsResponse) {
		fmt.Fprintf(a.out, "%s %s\n", plural(answer.Count, "message"), done)
	}
}
