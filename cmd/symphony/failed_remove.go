package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func (a *app) failedRemoveCommand() *cobra.Command {
	var (
		f   bulkFlags
		yes bool
	)
	cmd := &cobra.Command{
		Use:     "remove [ID…]",
		Aliases: []string{"rm", "delete"},
		Short:   "Delete failed messages for good",
		Long: `Delete failed messages. This can't be undone, so more than one is asked about first.
Without a terminal to ask on, --yes is needed. With --all, --dry-run says how many it
would be, and "symphony failed list" with the same flags shows them.`,
		Example: `  symphony failed remove 019a0f6e-…
  symphony failed remove --all --until 720h --dry-run
  symphony failed remove --all --type demo.hello --yes`,
		RunE: a.run(func(cmd *cobra.Command, ids []string) error {
			if err := f.check(ids, false); err != nil {
				return err
			}
			r, err := a.reach(cmd, storageOnly)
			if err != nil {
				return err
			}
			defer r.close()
			selected, err := f.selection(cmd.Context(), r, ids)
			if err != nil {
				return err
			}
			if !f.dryRun && (selected.count > 1 || f.all && selected.count > 0) {
				if err := a.confirm(fmt.Sprintf("Delete %s for good?", plural(selected.count, "failed message")), yes); err != nil {
					return err
				}
			}
			if f.operation(selected) {
				selected.Rate = optional(f.rate)
				started, err := r.DeleteFailedInBackground(cmd.Context(), selected.BulkRequest)
				if err != nil {
					return err
				}
				return a.carry(cmd.Context(), r, started.Operation, f.background, "Deleted", "failed message")
			}
			result, err := f.bulk(cmd.Context(), selected, r.DeleteFailedBulk)
			if err != nil {
				return err
			}
			return a.showBulk("Deleted", "delete", result)
		}),
	}
	f.add(cmd)
	yesFlag(cmd, &yes)
	a.jsonFlag(cmd)
	a.reachFlags(cmd)
	return cmd
}
