package main

import (
	"cmp"
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

func (a *app) purgeCommand() *cobra.Command {
	var f targetFlags
	cmd := &cobra.Command{
		Use:   "purge",
		Short: "Delete the waiting messages of a queue or transport",
		Long: `Delete what waits: ready messages, those scheduled for later and those waiting for a
retry. They are gone. Messages in workers' hands and the dead letter queue are left
alone; see "symphony failed delete" for the latter.`,
		Example: "  symphony purge --queue test\n  symphony purge --queue mail --type Newsletter --yes",
		Args:    cobra.NoArgs,
	}
	f.add(cmd, false)
	cmd.Flags().StringVar(&f.typ, "type", "", "only this `TYPE`")
	var status wire.StatusResponse
	return act[wire.PurgeResponse]{
		confirm: func(ctx context.Context, r *reached, _ []string, yes bool) (err error) {
			if status, err = r.Status(ctx, f.transport); err != nil {
				return err
			}
			what, waiting := "transport "+status.Transport, status.Queue.Pending
			if f.queue != "" {
				what, waiting = "queue "+f.queue+" of "+what, status.Queues[f.queue].Pending
			}
			question := fmt.Sprintf("Delete all %d waiting messages of %s?", waiting, what)
			if f.typ != "" {
				question = fmt.Sprintf("Delete all waiting messages of type %s of %s?", f.typ, what)
			}
			return a.confirm(question, yes)
		},
		do: func(ctx context.Context, r *reached, _ []string) (wire.PurgeResponse, error) {
			return r.Purge(ctx, wire.PurgeRequest{
				Transport: optional(f.transport), Queue: optional(f.queue), Type: optional(f.typ),
				Confirm: cmp.Or(f.queue, status.Transport),
			})
		},
		show: func(done wire.PurgeResponse) {
			fmt.Fprintf(a.out, "%s deleted, %d still waiting in transport %s\n",
				plural(done.Count, "message"), done.Pending, status.Transport)
		},
	}.command(a, cmd)
}
