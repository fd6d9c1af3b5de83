package main

import (
	"fmt"

	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

func (a *app) purgeCommand() *cobra.Command {
	var f targetFlags
	var yes bool
	cmd := &cobra.Command{
		Use:   "purge",
		Short: "Delete the waiting messages of a queue or transport",
		Long: `Delete what waits: ready messages, those scheduled for later and those waiting for a
retry. They are gone. Messages in workers' hands and the dead letter queue are left
alone; see "symphony failed delete" for the latter.`,
		Example: "  symphony purge --queue test\n  symphony purge --queue mail --type Newsletter --yes",
		Args:    cobra.NoArgs,
		RunE: a.run(func(cmd *cobra.Command, _ []string) error {
			r, err := a.reach(cmd, storageOnly)
			if err != nil {
				return err
			}
			defer r.close()
			status, err := r.Status(cmd.Context(), f.transport)
			if err != nil {
				return err
			}
			what, waiting, confirm := "transport "+status.Transport, status.Queue.Pending, status.Transport
			if f.queue != "" {
				what, waiting, confirm = "queue "+f.queue+" of "+what, status.Queues[f.queue].Pending, f.queue
			}
			question := fmt.Sprintf("Delete all %d waiting messages of %s?", waiting, what)
			if f.typ != "" {
				question = fmt.Sprintf("Delete all waiting messages of type %s of %s?", f.typ, what)
			}
			if err := a.confirm(question, yes); err != nil {
				return err
			}
			result, err := r.Purge(cmd.Context(), wire.PurgeRequest{Transport: optional(f.transport), Queue: optional(f.queue), Type: optional(f.typ), Confirm: confirm})
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(result)
			}
			fmt.Fprintf(a.out, "%s deleted, %d still waiting in transport %s\n", plural(result.Count, "message"), result.Pending, status.Transport)
			return nil
		}),
	}
	f.add(cmd, false)
	cmd.Flags().StringVar(&f.typ, "type", "", "only this `TYPE`")
	yesFlag(cmd, &yes)
	a.jsonFlag(cmd)
	a.reachFlags(cmd)
	return cmd
}
