package main

import (
	"context"

	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

func (a *app) workersStartCommand() *cobra.Command {
	return act[wire.DoneResponse]{
		do: func(ctx context.Context, r *reached, _ []string) (wire.DoneResponse, error) {
			return r.StartWorkers(ctx)
		},
		show: a.showDone,
	}.command(a, &cobra.Command{
		Use:   "start",
		Short: "Bring back the workers that stop-workers stopped",
		Long: `Have all servers whose workers were stopped by "symphony stop-workers", and that still run,
start new ones. They do within about a second. A "symphony worker" that ended is for its
supervisor to start.`,
		Example: "  symphony workers start\n  symphony workers start --server https://queue.example.com",
		Args:    cobra.NoArgs,
	})
}
