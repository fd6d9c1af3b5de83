package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

func (a *app) extendCommand() *cobra.Command {
	var lease time.Duration
	cmd := &cobra.Command{
		Use:     "extend RECEIPT...",
		Short:   "Keep received messages for longer",
		Long:    "Have the leases of received messages end after --lease from now. The exit code is 4 if one was\nlost; the others are extended all the same.",
		Example: "  symphony extend --lease 5m \"$receipt\"",
		Args:    cobra.MinimumNArgs(1),
	}
	cmd.Flags().DurationVar(&lease, "lease", 0, "from now, "+within(symphony.MinLease, symphony.MaxLease, symphony.DefaultLease))
	return act[wire.ReceiptsResponse]{
		need: withHandlers,
		do: func(ctx context.Context, r *reached, receipts []string) (wire.ReceiptsResponse, error) {
			return r.Extend(ctx, wire.ExtendRequest{Receipts: receipts, Lease: optional(int(lease.Milliseconds()))})
		},
		show: a.showCount("extended"),
	}.command(a, cmd)
}
