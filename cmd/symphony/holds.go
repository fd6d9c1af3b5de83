package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/client"
	"github.com/symphony-messenger/symphony/flow"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// targetFlags say which part of a transport is meant.
type targetFlags struct{ transport, queue, typ string }

func (f *targetFlags) add(cmd *cobra.Command, types bool) {
	flags := cmd.Flags()
	flags.StringVarP(&f.transport, "transport", "t", "", "`NAME` of the transport (default: the default transport)")
	flags.StringVarP(&f.queue, "queue", "q", "", "only this `QUEUE` (default: all)")
	if types {
		flags.StringVar(&f.typ, "type", "", "only this `TYPE`, or a pattern such as Mail.*")
	}
}

func (f *targetFlags) target() wire.HoldTarget {
	return wire.HoldTarget{Transport: optional(f.transport), Queue: optional(f.queue), Type: optional(f.typ)}
}

func (a *app) pauseCommand() *cobra.Command {
	var f targetFlags
	var reason string
	var yes bool
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
		RunE: a.hold(func(ctx context.Context, c *client.Client) (wire.HoldsResponse, error) {
			if err := a.confirmWhole(ctx, c, &f, "Hand out no more messages of transport %s, %d of which wait?", yes); err != nil {
				return wire.HoldsResponse{}, err
			}
			return c.Pause(ctx, wire.HoldRequest{HoldTarget: f.target(), Reason: optional(reason)})
		}),
	}
	f.add(cmd, true)
	yesFlag(cmd, &yes)
	cmd.Flags().StringVar(&reason, "reason", "", "why, for whoever looks at the status")
	a.jsonFlag(cmd)
	a.reachFlags(cmd)
	return cmd
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

func (a *app) resumeCommand() *cobra.Command {
	var f targetFlags
	cmd := &cobra.Command{
		Use:     "resume",
		Short:   "End a pause or a drain",
		Long:    "End what \"symphony pause\" or \"symphony drain\" began with the same flags. The exit code is 3 if\nnothing of the kind is stopped.",
		Example: "  symphony resume --queue mail\n  symphony resume --type 'Report.*'",
		Args:    cobra.NoArgs,
		RunE: a.hold(func(ctx context.Context, c *client.Client) (wire.HoldsResponse, error) {
			return c.Resume(ctx, f.target())
		}),
	}
	f.add(cmd, true)
	a.jsonFlag(cmd)
	a.reachFlags(cmd)
	return cmd
}

func (a *app) holdsCommand() *cobra.Command {
	var f targetFlags
	cmd := &cobra.Command{
		Use:     "holds",
		Short:   "List what is paused or draining",
		Example: "  symphony holds\n  symphony holds --transport email --json",
		Args:    cobra.NoArgs,
		RunE: a.hold(func(ctx context.Context, c *client.Client) (wire.HoldsResponse, error) {
			return c.Holds(ctx, f.transport)
		}),
	}
	cmd.Flags().StringVarP(&f.transport, "transport", "t", "", "`NAME` of the transport (default: the default transport)")
	a.jsonFlag(cmd)
	a.reachFlags(cmd)
	return cmd
}

// hold is the RunE of a command that answers with what is stopped.
func (a *app) hold(do func(context.Context, *client.Client) (wire.HoldsResponse, error)) func(*cobra.Command, []string) error {
	return a.run(func(cmd *cobra.Command, _ []string) error {
		r, err := a.reach(cmd, storageOnly)
		if err != nil {
			return err
		}
		defer r.close()
		result, err := do(cmd.Context(), r.Client)
		if err != nil {
			return err
		}
		if a.json {
			return a.printJSON(result)
		}
		a.showHolds(result.Transport, result.Holds)
		return nil
	})
}

func (a *app) showHolds(transport string, holds []wire.Hold) {
	if len(holds) == 0 {
		fmt.Fprintf(a.out, "nothing of %s is paused or draining\n", transport)
		return
	}
	rows := make([][]string, len(holds))
	for i, h := range holds {
		what := flow.HoldTarget{Queue: h.Queue, Type: h.Type}.String()
		rows[i] = []string{h.Mode, printable(what), shortTime(h.Since), oneLine(h.By, 30), oneLine(h.Reason, 60)}
	}
	a.table([]string{"MODE", "OF " + transport, "SINCE", "BY", "REASON"}, rows, nil)
}

func (a *app) drainCommand() *cobra.Command {
	var f targetFlags
	var reason string
	var wait, yes bool
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
		RunE: a.run(func(cmd *cobra.Command, _ []string) error {
			r, err := a.reach(cmd, storageOnly)
			if err != nil {
				return err
			}
			defer r.close()
			if err := a.confirmWhole(cmd.Context(), r.Client, &f, "Refuse all messages for transport %s, where %d wait?", yes); err != nil {
				return err
			}
			result, err := r.Drain(cmd.Context(), wire.HoldRequest{HoldTarget: f.target(), Reason: optional(reason)})
			if err != nil {
				return err
			}
			if wait {
				if err := a.awaitEmpty(cmd.Context(), r.Client, f); err != nil {
					return err
				}
			}
			if a.json {
				return a.printJSON(result)
			}
			a.showHolds(result.Transport, result.Holds)
			return nil
		}),
	}
	f.add(cmd, false)
	cmd.Flags().StringVar(&reason, "reason", "", "why, for whoever looks at the status")
	cmd.Flags().BoolVarP(&wait, "wait", "w", false, "wait until nothing is left")
	yesFlag(cmd, &yes)
	a.jsonFlag(cmd)
	a.reachFlags(cmd)
	return cmd
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

// done prints an answer that says in words what was done.
func (a *app) done(result wire.DoneResponse, err error) error {
	switch {
	case err != nil:
		return err
	case a.json:
		return a.printJSON(result)
	}
	fmt.Fprintln(a.out, result.Message)
	return nil
}
