package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

func (a *app) nodesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "nodes",
		Short: "Show the processes that share the storage",
		Long: `Show the processes that share the storage, as of their last heartbeats, up to ten seconds
ago. A SQLite file has one. "symphony workers" tells what each is busy with.

  AT WORK  handlers that run, of how many at most`,
		Example: "  symphony nodes\n  symphony nodes stop web-1:4711\n" +
			"  symphony nodes --json --server https://queue.example.com",
		Args: noSubcommand,
	}
	cmd.AddCommand(a.nodesStopCommand(), a.nodesStartCommand())
	return query[wire.NodesResponse]{
		ask:  func(ctx context.Context, r *reached, _ []string) (wire.NodesResponse, error) { return r.Nodes(ctx) },
		show: a.showNodeList,
	}.command(a, cmd)
}

func (a *app) showNodeList(got wire.NodesResponse) {
	if len(got.Nodes) == 0 {
		fmt.Fprintln(a.out, "No process serves or works.")
		return
	}
	s := a.style(a.out)
	rows := make([][]string, len(got.Nodes))
	for i, n := range got.Nodes {
		state, memory := "works", "–"
		switch {
		case n.Stopped && n.Concurrency == 0:
			state = "stopped"
		case n.Concurrency == 0:
			state = "no workers"
		}
		if n.Memory > 0 {
			memory = fmt.Sprintf("%d MiB", n.Memory>>20)
		}
		rows[i] = []string{
			n.ID, oneLine(n.Name, 40), cmp.Or(oneLine(n.Version, 20), "–"), state,
			fmt.Sprintf("%d of %d", n.Processing, n.Concurrency), memory, ago(max(got.Timestamp.Sub(n.StartedAt), 0)),
		}
	}
	header := []string{"ID", "NODE", "VERSION", "STATE", "AT WORK", "MEMORY", "UP"}
	a.table(header, rows, func(column int, cell string) string {
		if column == 3 && strings.HasPrefix(cell, "stopped") {
			return s.red(cell)
		}
		return cell
	})
}

// onNode has something done to the node that the first argument means: an id, or a name.
func onNode(
	do func(ctx context.Context, r *reached, id string) (wire.DoneResponse, error),
) func(context.Context, *reached, []string) (wire.DoneResponse, error) {
	return func(ctx context.Context, r *reached, args []string) (wire.DoneResponse, error) {
		list, err := r.Nodes(ctx)
		if err != nil {
			return wire.DoneResponse{}, err
		}
		var ids []string
		for _, n := range list.Nodes {
			if n.ID == args[0] || n.Name == args[0] {
				ids = append(ids, n.ID)
			}
		}
		switch len(ids) {
		case 1:
			return do(ctx, r, ids[0])
		case 0:
			return wire.DoneResponse{}, usageError{
				fmt.Errorf("there is no node %q; \"symphony nodes\" lists them", args[0])}
		}
		return wire.DoneResponse{}, usageError{
			fmt.Errorf("%d nodes are called %q; name one by its id", len(ids), args[0])}
	}
}

func (a *app) nodesStopCommand() *cobra.Command {
	return act[wire.DoneResponse]{
		do: onNode(func(ctx context.Context, r *reached, id string) (wire.DoneResponse, error) {
			return r.StopNode(ctx, id)
		}),
		show: a.showDone,
	}.command(a, &cobra.Command{
		Use:   "stop NODE",
		Short: "Have the workers of one node finish what they do and stop",
		Long: `Ask the workers of one process, by its id or name, to stop gracefully: they finish what is in
hand and give back what has not begun, within about a second of being told. Others take
over. "symphony worker" ends then, for its supervisor to start it anew; "symphony serve"
goes on serving HTTP until its workers are started again.`,
		Example: "  symphony nodes stop web-1:4711",
		Args:    cobra.ExactArgs(1),
	})
}

func (a *app) nodesStartCommand() *cobra.Command {
	return act[wire.DoneResponse]{
		do: onNode(func(ctx context.Context, r *reached, id string) (wire.DoneResponse, error) {
			return r.StartNode(ctx, id)
		}),
		show: a.showDone,
	}.command(a, &cobra.Command{
		Use:   "start NODE",
		Short: "Bring back the workers of one node that were stopped",
		Long: `Have one process, by its id or name, start its workers again that "symphony nodes stop" or
"symphony stop-workers" stopped. It does within about a second.`,
		Example: "  symphony nodes start web-1:4711",
		Args:    cobra.ExactArgs(1),
	})
}
