package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

func (a *app) messagesCountsCommand() *cobra.Command {
	var (
		f     messageFlags
		exact bool
	)
	cmd := query[wire.CountsResponse]{
		need: storageOnly,
		ask: func(ctx context.Context, r *reached, _ []string) (wire.CountsResponse, error) {
			q, err := f.query()
			if err != nil {
				return wire.CountsResponse{}, err
			}
			return r.CountMessages(ctx, q, exact)
		},
		show: a.showCounts,
	}.command(a, &cobra.Command{
		Use:   "counts",
		Short: "Count messages by status",
		Long: `Count messages by their status, with the flags that select them in a list. Of those that
are completed, messages that are still kept are counted. Large counts end early, and say so.`,
		Example: `  symphony messages counts
  symphony messages counts --type 'invoice.*' --metadata customer.id=42`,
		Args: cobra.NoArgs,
	})
	f.add(cmd)
	cmd.Flags().BoolVar(&exact, "exact", false, "count all, where an index or a counter carries what is asked for")
	return cmd
}

func (a *app) messagesFindCommand() *cobra.Command {
	return query[wire.SearchResponse]{
		need: storageOnly,
		ask: func(ctx context.Context, r *reached, args []string) (wire.SearchResponse, error) {
			return r.FindMessage(ctx, args[0])
		},
		show: func(m wire.SearchResponse) {
			fmt.Fprintf(a.out, "%s is %s, in %s/%s.\n", m.MessageID, m.Status, m.Transport, m.Queue)
		},
	}.command(a, &cobra.Command{
		Use:   "find ID",
		Short: "Say which transport has a message, and its status",
		Long:  "Look in all transports for the message with this id, or with this id in the dead letter queue.",
		Args:  cobra.ExactArgs(1),
	})
}

func (a *app) showCounts(n wire.CountsResponse) {
	more := ""
	if n.AtLeast {
		more = " or more"
	}
	rows := [][]string{
		{"pending", fmt.Sprint(n.Counts.Pending)}, {"processing", fmt.Sprint(n.Counts.Processing)},
		{"completed", fmt.Sprint(n.Counts.Completed)}, {"failed", fmt.Sprint(n.Counts.Failed)},
		{"cancelled", fmt.Sprint(n.Counts.Cancelled)},
		{"all", fmt.Sprint(n.Total) + more},
	}
	a.table([]string{"STATUS", "MESSAGES"}, rows, nil)
}
