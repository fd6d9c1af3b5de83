package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony/client"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

func (a *app) pauseCommand() *cobra.Command {
	var f targetFlags
	var reason string
	var e endFlags
	cmd := &cobra.Command{
		Use:   "pause",
		Short: "Hand no messages of a queue, type or transport to workers",
		Long: `Stop handing out messages: of a queue, of a type, or of the whole transport. Messages
are accepted meanwhile, and those in workers' hands are finished. A pause outlives
restarts; "symphony resume" with the same flags ends it.

Without a queue or type it is the whole transport, which is asked about first; without a
terminal to ask on, --yes is needed.`,
		Example: "  symphony pause --queue mail --reason 'mail server is down'\n  symphony pause --type 'Report.*'\n  symphony pause --yes",
		Args:    cobra.NoArgs,
	}
	f.add(cmd, true)
	e.add(cmd)
	cmd.Flags().StringVar(&reason, "reason", "", "why, for whoever looks at the status")
	return act[wire.HoldsResponse]{
		check: func([]string) error { return e.check() },
		confirm: func(ctx context.Context, r *reached, _ []string, yes bool) error {
			return a.confirmWhole(ctx, r.Client, &f, "Hand out no more messages of transport %s, %d of which wait?", yes)
		},
		do: func(ctx context.Context, r *reached, _ []string) (wire.HoldsResponse, error) {
			hold := wire.HoldRequest{HoldTarget: f.target(), Reason: optional(reason), Until: e.until()}
			return r.Pause(ctx, hold)
		},
		show: a.showHolds,
	}.command(a, cmd)
}

// confirmWhole asks before a whole transport is stopped, and warns of a queue or type that nothing is known of, which is
// probably misspelt. question takes the transport's name and how many messages wait there.
func (a *app) confirmWhole(ctx context.Context, c *client.Client, f *targetFlags, question string, yes bool) error {
	status, err := c.Status(ctx, f.transport)
	if err != nil {
		return err
	}
	if _, known := status.Queues[f.queue]; f.queue != "" && !known {
		fmt.Fprintf(a.err, "Transport %s has no queue %s yet: is this the name you mean?\n", status.Transport, printable(f.queue))
	}
	if f.typ != "" && !strings.Contains(f.typ, "*") {
		// Of a type there is no register; what is still kept has to do.
		page, err := c.Messages(ctx, client.MessageQuery{Transport: f.transport, MessageFilter: wire.MessageFilter{Type: f.typ}, Limit: 1})
		if err == nil && len(page.Messages) == 0 {
			fmt.Fprintf(a.err, "Transport %s has kept no message of type %s: is this the name you mean?\n", status.Transport, printable(f.typ))
		}
	}
	if f.queue != "" || f.typ != "" {
		return nil
	}
	return a.confirmAll(fmt.Sprintf(question, status.Transport, status.Queue.Pending), "name a --queue", yes)
}
