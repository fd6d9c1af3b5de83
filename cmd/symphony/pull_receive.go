package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

func (a *app) receiveCommand() *cobra.Command {
	var (
		transport, worker string
		queues            []string
		most              int
		wait, lease       time.Duration
	)
	cmd := &cobra.Command{
		Use:   "receive",
		Short: "Claim messages for a script to handle",
		Long: `Claim messages and print them as JSON, each with a receipt. The script that handles
them settles each by its receipt before the lease ends: "symphony ack" when it is
done, "symphony nack" when that failed, "symphony extend" for more time.

Without a running server a lease ends with the command on a SQLite database, so the
command needs a server, or PostgreSQL.`,
		Example: `  symphony receive --max 1 --wait 20s
  symphony receive --queue mail --lease 2m | jq -c '.messages[]'`,
		Args: cobra.NoArgs,
	}
	flags := cmd.Flags()
	transportFlag(cmd, &transport)
	flags.StringArrayVarP(&queues, "queue", "q", nil, "only this queue; may be repeated (default: all)")
	flags.IntVarP(&most, "max", "n", 0, "the most messages, "+within(1, wire.MaxPull, wire.DefaultPull))
	flags.DurationVarP(&wait, "wait", "w", 0, fmt.Sprintf("wait so long for a message when there is none, up to %s (default: not at all)", wire.MaxPullWait))
	flags.DurationVar(&lease, "lease", 0, "keep the messages for this `TIME`, "+within(symphony.MinLease, symphony.MaxLease, symphony.DefaultLease))
	flags.StringVar(&worker, "worker", "", "`NAME` of the worker in the history (default: the API key)")
	return query[wire.ReceiveResponse]{
		need: withHandlers,
		ask: func(ctx context.Context, r *reached, _ []string) (wire.ReceiveResponse, error) {
			return r.Receive(ctx, wire.ReceiveRequest{
				Transport: optional(transport), Queues: queues, Worker: optional(worker), Max: optional(most),
				Wait: optional(int(wait.Milliseconds())), Lease: optional(int(lease.Milliseconds())),
			})
		},
	}.command(a, cmd)
}
