package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// cancelling is what messages cancel prints for programs.
type cancelling struct {
	Success bool                  `json:"success"`
	Results []wire.CancelResponse `json:"results"`

	err error // the first one, which ended it
}

func (a *app) messagesCancelCommand() *cobra.Command {
	var (
		f      manyFlags
		reason string
	)
	cmd := &cobra.Command{
		Use:   "cancel [ID…]",
		Short: "Cancel messages, wherever they are",
		Long: `Cancel messages. One that waits is cancelled at once. Where a worker has one in hand, the worker is
told to stop: the context of a Go handler ends, a webhook's connection is closed, a program gets SIGTERM, and a pull
worker learns of it with its next call. Nothing that is done with the message counts any more, and it never comes
again. One that is finished is left alone, and the command fails.

With --all every message that waits or is in hand and matches the other flags is cancelled, as an
operation; that is asked about first.`,
		Example: `  symphony messages cancel 019a0f6e-… --reason "ordered twice"
  symphony messages cancel --all --type invoice.send --since 2h --dry-run`,
	}
	f.add(cmd, "unfinished")
	flags := cmd.Flags()
	flags.Lookup("transport").Usage = "`NAME` of the transport (default: whichever has the message)"
	flags.StringVar(&reason, "reason", "", fmt.Sprintf("why, for people; up to %d bytes", symphony.MaxReasonLength))
	many := ofMany{verb: "cancel", done: "Cancelled",
		preview: func(ctx context.Context, r *reached, filter *wire.MessageFilter) (wire.PreviewCountResponse, error) {
			return r.PreviewCancel(ctx, wire.CancelManyRequest{Transport: optional(f.transport), Filter: filter})
		},
		start: func(ctx context.Context, r *reached, filter *wire.MessageFilter) (wire.OperationResponse, error) {
			return r.CancelMessages(ctx, wire.CancelManyRequest{Transport: optional(f.transport), Filter: filter,
				Rate: optional(f.rate), Reason: optional(reason)})
		},
	}
	return a.orMany(act[cancelling]{
		do: func(ctx context.Context, r *reached, ids []string) (cancelling, error) {
			out := cancelling{Results: []wire.CancelResponse{}}
			for _, id := range ids {
				done, err := r.CancelMessage(ctx, f.transport, id, wire.CancelRequest{Reason: optional(reason)})
				if err != nil {
					out.err = fmt.Errorf("message %s: %w", id, err)
					return out, nil
				}
				out.Results = append(out.Results, done)
			}
			out.Success = true
			return out, nil
		},
		show: func(c cancelling) {
			counts := make(map[string]int)
			for _, done := range c.Results {
				counts[done.Status]++
			}
			if n := counts[string(symphony.Cancelled)]; n > 0 {
				fmt.Fprintf(a.out, "Cancelled %s.\n", plural(n, "message"))
			}
			if n := len(c.Results) - counts[string(symphony.Cancelled)]; n > 0 {
				fmt.Fprintf(a.out, "Told the workers of %s; what they do does not count any more.\n", plural(n, "message"))
			}
		},
		verdict: func(c cancelling) error { return c.err },
	}.command(a, cmd), &f, many)
}
