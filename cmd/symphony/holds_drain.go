package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/client"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

func (a *app) drainCommand() *cobra.Command {
	var f targetFlags
	var reason string
	var e endFlags
	var wait bool
	cmd := &cobra.Command{
		Use:   "drain",
		Short: "Accept no messages for a queue or transport",
		Long: `Refuse further messages, for a queue or for the whole transport, while those that are
there are handled. Dispatches fail with the code queue_draining. A drain outlives
restarts; "symphony resume" with the same flags ends it. Without a queue it is the whole
transport, which is asked about first; without a terminal to ask on, --yes is needed.

With --wait the command shows how many are left, and ends when there are none.`,
		Example: "  symphony drain --queue old --wait\n  symphony resume --queue old",
		Args:    cobra.NoArgs,
	}
	f.add(cmd, false)
	e.add(cmd)
	cmd.Flags().StringVar(&reason, "reason", "", "why, for whoever looks at the status")
	cmd.Flags().BoolVarP(&wait, "wait", "w", false, "wait until nothing is left")
	return act[wire.HoldsResponse]{
		check: func([]string) error { return e.check() },
		confirm: func(ctx context.Context, r *reached, _ []string, yes bool) error {
			return a.confirmWhole(ctx, r.Client, &f, "Refuse all messages for transport %s, where %d wait?", yes)
		},
		do: func(ctx context.Context, r *reached, _ []string) (wire.HoldsResponse, error) {
			hold := wire.HoldRequest{HoldTarget: f.target(), Reason: optional(reason), Until: e.until()}
			result, err := r.Drain(ctx, hold)
			if err == nil && wait {
				err = a.awaitEmpty(ctx, r.Client, f)
			}
			return result, err
		},
		show: a.showHolds,
	}.command(a, cmd)
}

// drainInterval is how often a drain is looked at.
const drainInterval = 500 * time.Millisecond

// awaitEmpty waits until a queue, or all of a transport, has no messages left.
func (a *app) awaitEmpty(ctx context.Context, c *client.Client, f targetFlags) error {
	told := int64(-1)
	for {
		status, err := c.Status(ctx, f.transport)
		if err != nil {
			return err
		}
		left := status.Queue.Depth
		if f.queue != "" {
			left = status.Queues[f.queue].Depth
		}
		if left != told {
			fmt.Fprintf(a.err, "%s left\n", plural(int(left), "message"))
			told = left
		}
		if left == 0 {
			return nil
		}
		t := symphony.SystemClock().NewTimer(drainInterval)
		select {
		case <-t.C():
		case <-ctx.Done():
			t.Stop()
			return errInterrupted
		}
	}
}
