package main

import (
	"context"

	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

func (a *app) resumeCommand() *cobra.Command {
	var f targetFlags
	cmd := &cobra.Command{
		Use:     "resume",
		Short:   "End a pause or a drain",
		Long:    "End what \"symphony pause\" or \"symphony drain\" began with the same flags. The exit code is 3 if\nnothing of the kind is stopped.",
		Example: "  symphony resume --queue mail\n  symphony resume --type 'Report.*'",
		Args:    cobra.NoArgs,
	}
	f.add(cmd, true)
	return act[wire.HoldsResponse]{
		do: func(ctx context.Context, r *reached, _ []string) (wire.HoldsResponse, error) {
			return r.Resume(ctx, f.target())
		},
		show: a.showHolds,
	}.command(a, cmd)
}
