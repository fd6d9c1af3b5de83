package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/client"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

func (a *app) failedListCommand() *cobra.Command {
	var (
		f             filterFlags
		limit, offset int
	)
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List failed messages, newest failure first",
		Long: `List what is in the dead letter queue, newest failure first. The first column is the
id that show, retry and remove take.`,
		Example: `  symphony failed list
  symphony failed list --type invoice.send --since 2h
  symphony failed list --error-class no_handler --json`,
		Args: cobra.NoArgs,
	}
	f.add(cmd, "status")
	cmd.Flags().IntVarP(&limit, "limit", "n", symphony.DefaultMessagePage, fmt.Sprintf("how many to list, 1 to %d", symphony.MaxMessagePage))
	cmd.Flags().IntVar(&offset, "offset", 0, "how many to skip")
	var filter wire.FailedFilter
	return query[wire.FailedListResponse]{
		check: func([]string) (err error) {
			filter, err = f.filter()
			return err
		},
		ask: func(ctx context.Context, r *reached, _ []string) (wire.FailedListResponse, error) {
			return r.FailedList(ctx, client.FailedQuery{
				Transport: f.transport, FailedFilter: filter, Limit: limit, Offset: offset,
			})
		},
		show: a.showFailedPage,
	}.command(a, cmd)
}

func (a *app) showFailedPage(page wire.FailedListResponse) {
	p := page.Pagination
	if len(page.Messages) == 0 {
		fmt.Fprintln(a.out, "No failed messages.")
		return
	}
	rows := make([][]string, len(page.Messages))
	for i, m := range page.Messages {
		rows[i] = []string{m.ID, oneLine(m.Message.Type, 40), m.Queue, shortTime(m.FailedAt), strconv.Itoa(m.RetryCount + 1), oneLine(m.ErrorClass, 24), oneLine(m.Error, 80)}
	}
	s := a.style(a.out)
	a.table([]string{"ID", "TYPE", "QUEUE", "FAILED", "ATTEMPTS", "CLASS", "ERROR"}, rows, func(column int, cell string) string {
		switch column {
		case 0:
			return s.bold(cell)
		case 5, 6:
			return s.red(cell)
		}
		return cell
	})
	if shown := int64(p.Offset + len(page.Messages)); p.HasMore {
		fmt.Fprintf(a.out, "%d of %d; go on with --offset %d\n", len(page.Messages), p.Total, shown)
	}
}
