package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

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
	}
	flags := cmd.Flags()
	flags.StringVarP(&text, "error", "e", "", "what went wrong, for the history")
	flags.StringVar(&class, "error-class", "", "a short word for the kind of error (default nack)")
	flags.DurationVar(&retryAfter, "retry-after", 0, "try again in this `TIME`, not when the policy says")
	flags.BoolVar(&permanent, "permanent", false, "do not try again")
	flags.BoolVar(&release, "release", false, "give it back; no attempt is counted")
	cmd.MarkFlagsMutuallyExclusive("release", "permanent", "retry-after")
	return act[wire.NackResponse]{
		need: withHandlers,
		do: func(ctx context.Context, r *reached, args []string) (wire.NackResponse, error) {
			req := wire.NackRequest{
				Receipt: args[0], Error: optional(text), ErrorClass: optional(class), Permanent: optional(permanent), Release: optional(release),
			}
			if flags.Changed("retry-after") {
				ms := int(retryAfter.Milliseconds())
				req.RetryAfter = &ms
			}
			return r.Nack(ctx, req)
		},
		show: a.showNacked,
	}.command(a, cmd)
}

func (a *app) showNacked(done wire.NackResponse) {
	switch done.Outcome {
	case "retry":
		fmt.Fprintf(a.out, "is tried again in %s\n", ago(time.Duration(*done.RetryIn)*time.Millisecond))
	case "fail":
		fmt.Fprintln(a.out, "failed for good; it is in the dead letter queue")
	default:
		fmt.Fprintln(a.out, "given back")
	}
}
