package main

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

func (a *app) queuesCommand() *cobra.Command {
	return section(&cobra.Command{
		Use:   "queues",
		Short: "See the queues, with what they have, what stops them and what limits them",
	}, a.queuesListCommand())
}

// pageFlags choose a page of a list that is ordered by names.
type pageFlags struct {
	transport, cursor string
	limit             int
}

func (f *pageFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&f.transport, "transport", "t", "", "only this transport (default: all)")
	cmd.Flags().IntVarP(&f.limit, "limit", "n", symphony.DefaultMessagePage,
		"entries of the page: "+within(1, symphony.MaxMessagePage, symphony.DefaultMessagePage))
	cmd.Flags().StringVar(&f.cursor, "cursor", "", "go on behind this `NAME`, where a list before ended")
}

func (f *pageFlags) values() url.Values {
	values := url.Values{"limit": {strconv.Itoa(f.limit)}}
	for name, value := range map[string]string{"transport": f.transport, "cursor": f.cursor} {
		if value != "" {
			values.Set(name, value)
		}
	}
	return values
}

func (a *app) queuesListCommand() *cobra.Command {
	var f pageFlags
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the queues",
		Long: `List every queue that has ever had a message, or for which a limit or a hold is set. It costs
the same however many messages there are.`,
		Example: "  symphony queues list\n  symphony queues list --transport email --json",
		Args:    cobra.NoArgs,
	}
	f.add(cmd)
	return query[wire.QueuesResponse]{
		ask: func(ctx context.Context, r *reached, _ []string) (wire.QueuesResponse, error) {
			return r.Queues(ctx, f.values())
		},
		show: a.showQueues,
	}.command(a, cmd)
}

func (a *app) showQueues(of wire.QueuesResponse) {
	if len(of.Queues) == 0 {
		fmt.Fprintln(a.out, "No queues.")
	} else {
		rows := make([][]string, len(of.Queues))
		for i, q := range of.Queues {
			oldest := ""
			if q.OldestPendingAge > 0 {
				oldest = ago(time.Duration(q.OldestPendingAge) * time.Millisecond)
			}
			rows[i] = []string{q.Transport, q.Queue, number(q.Pending), number(q.Processing), number(q.Completed),
				number(q.Failed), oldest, steeringText(q.Holds, q.Limits)}
		}
		a.table([]string{"TRANSPORT", "QUEUE", "PENDING", "PROCESSING", "COMPLETED", "FAILED", "OLDEST", ""}, rows, nil)
	}
	a.showMore(of.Pagination)
}

// number is a count as text.
func number(n int64) string { return strconv.FormatInt(n, 10) }

// steeringText says in a few words what stops and limits something.
func steeringText(holds []wire.Hold, limits []wire.Limit) string {
	var parts []string
	for _, h := range holds {
		parts = append(parts, h.Mode)
	}
	for _, l := range limits {
		text := limitText(l.Now)
		if l.PerKey != nil && l.Now == (wire.LimitValue{}) {
			text = limitText(*l.PerKey) + " by key"
		}
		parts = append(parts, text)
	}
	return oneLine(strings.Join(parts, "; "), 60)
}

// showMore says how to go on behind a page.
func (a *app) showMore(p wire.NamePages) {
	if p.HasMore {
		fmt.Fprintf(a.out, "There are more; go on with --cursor %s\n", shellWord(p.NextCursor))
	}
}
