package main

import (
	"context"

	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

func (a *app) stopWorkersCommand() *cobra.Command {
	return act[wire.DoneResponse]{
		confirm: func(_ context.Context, _ *reached, _ []string, yes bool) error {
			return a.confirm("Stop all workers of all processes, until they are started again?", yes)
		},
		do: func(ctx context.Context, r *reached, _ []string) (wire.DoneResponse, error) {
			return r.StopWorkers(ctx)
		},
		show: a.showDone,
	}.command(a, &cobra.Command{
		Use:   "stop-workers",
		Short: "Have all workers finish what they do and stop",
		Long: `Ask all workers that use the storage, in all processes, to stop gracefully: they finish
what is in hand, give back what has not begun, and say so. They see it within about a
second. Workers that are started later are not concerned. As it stops all that is done,
it is asked about first; without a terminal to ask on, --yes is needed.

"symphony worker" ends then, for its supervisor to start it anew, say with a new
release. "symphony serve" goes on serving HTTP, without a worker: it does not come back by
itself, but by "symphony workers start" or when the server is restarted.`,
		Example: "  symphony stop-workers\n  symphony stop-workers --yes --server https://queue.example.com",
		Args:    cobra.NoArgs,
	})
}
