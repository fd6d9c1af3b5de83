package main

import (
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
		RunE: a.run(func(cmd *cobra.Command, _ []string) error {
			r, err := a.reach(cmd, withHandlers)
			if err != nil {
				return err
			}
			defer r.close()
			req := wire.ReceiveRequest{Transport: optional(transport), Queues: queues, Worker: optional(worker),
				Max: optional(most), Wait: optional(int(wait.Milliseconds())), Lease: optional(int(lease.Milliseconds()))}
			result, err := r.Receive(cmd.Context(), req)
			if err != nil {
				return err
			}
			return a.printJSON(result)
		}),
	}
	flags := cmd.Flags()
	flags.StringVarP(&transport, "transport", "t", "", "`NAME` of the transport (default: the default transport)")
	flags.StringArrayVarP(&queues, "queue", "q", nil, "only this queue; may be repeated (default: all)")
	flags.IntVarP(&most, "max", "n", 0, "the most messages, "+within(1, wire.MaxPull, wire.DefaultPull))
	flags.DurationVarP(&wait, "wait", "w", 0, fmt.Sprintf("wait so long for a message when there is none, up to %s (default: not at all)", wire.MaxPullWait))
	flags.DurationVar(&lease, "lease", 0, "keep the messages for this `TIME`, "+within(symphony.MinLease, symphony.MaxLease, symphony.DefaultLease))
	flags.StringVar(&worker, "worker", "", "`NAME` of the worker in the history (default: the API key)")
	a.reachFlags(cmd)
	return cmd
}

func (a *app) ackCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "ack RECEIPT...",
		Short:   "Complete messages that were received and handled",
		Long:    "Complete messages by their receipts. The exit code is 4 if a lease was lost; the other messages\nare completed all the same.",
		Example: "  symphony ack \"$receipt\"",
		Args:    cobra.MinimumNArgs(1),
		RunE: a.run(func(cmd *cobra.Command, receipts []string) error {
			r, err := a.reach(cmd, withHandlers)
			if err != nil {
				return err
			}
			defer r.close()
			result, err := r.Ack(cmd.Context(), wire.AckRequest{Receipts: receipts})
			if err != nil {
				return err
			}
			return a.showCount(result, "completed")
		}),
	}
	a.jsonFlag(cmd)
	a.reachFlags(cmd)
	return cmd
}

func (a *app) showCount(result wire.ReceiptsResponse, done string) error {
	if a.json {
		return a.printJSON(result)
	}
	fmt.Fprintf(a.out, "%s %s\n", plural(result.Count, "message"), done)
	return nil
}

func (a *app) extendCommand() *cobra.Command {
	var lease time.Duration
	cmd := &cobra.Command{
		Use:     "extend RECEIPT...",
		Short:   "Keep received messages for longer",
		Long:    "Have the leases of received messages end after --lease from now. The exit code is 4 if one was\nlost; the others are extended all the same.",
		Example: "  symphony extend --lease 5m \"$receipt\"",
		Args:    cobra.MinimumNArgs(1),
		RunE: a.run(func(cmd *cobra.Command, receipts []string) error {
			r, err := a.reach(cmd, withHandlers)
			if err != nil {
				return err
			}
			defer r.close()
			result, err := r.Extend(cmd.Context(), wire.ExtendRequest{Receipts: receipts, Lease: optional(int(lease.Milliseconds()))})
			if err != nil {
				return err
			}
			return a.showCount(result, "extended")
		}),
	}
	cmd.Flags().DurationVar(&lease, "lease", 0, "from now, "+within(symphony.MinLease, symphony.MaxLease, symphony.DefaultLease))
	a.jsonFlag(cmd)
	a.reachFlags(cmd)
	return cmd
}

func (a *app) nackCommand() *cobra.Command {
	var (
		text, class        string
		retryAfter         time.Duration
		permanent, release bool
	)
	cmd := &cobra.Command{
		Use:   "nack RECEIPT",
		Short: "Report that a received message could not be handled",
		Long: `Say that handling a received message failed. It is retried by the retry policy of its
type, or goes to the dead letter queue when its attempts are used up. With --release
it is given back as if it had not been received.`,
		Example: `  symphony nack "$receipt" --error "mail server is down" --retry-after 5m
  symphony nack "$receipt" --permanent --error "no such address" --error-class bad_address`,
		Args: cobra.ExactArgs(1),
		RunE: a.run(func(cmd *cobra.Command, args []string) error {
			r, err := a.reach(cmd, withHandlers)
			if err != nil {
				return err
			}
			defer r.close()
			req := wire.NackRequest{Receipt: args[0], Error: optional(text), ErrorClass: optional(class), Permanent: optional(permanent), Release: optional(release)}
			if cmd.Flags().Changed("retry-after") {
				ms := int(retryAfter.Milliseconds())
				req.RetryAfter = &ms
			}
			result, err := r.Nack(cmd.Context(), req)
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(result)
			}
			switch result.Outcome {
			case "retry":
				fmt.Fprintf(a.out, "is tried again in %s\n", ago(time.Duration(*result.RetryIn)*time.Millisecond))
			case "fail":
				fmt.Fprintln(a.out, "failed for good; it is in the dead letter queue")
			default:
				fmt.Fprintln(a.out, "given back")
			}
			return nil
		}),
	}
	flags := cmd.Flags()
	flags.StringVarP(&text, "error", "e", "", "what went wrong, for the history")
	flags.StringVar(&class, "error-class", "", "a short word for the kind of error (default nack)")
	flags.DurationVar(&retryAfter, "retry-after", 0, "try again in this `TIME`, not when the policy says")
	flags.BoolVar(&permanent, "permanent", false, "do not try again")
	flags.BoolVar(&release, "release", false, "give it back; no attempt is counted")
	cmd.MarkFlagsMutuallyExclusive("release", "permanent", "retry-after")
	a.jsonFlag(cmd)
	a.reachFlags(cmd)
	return cmd
}
