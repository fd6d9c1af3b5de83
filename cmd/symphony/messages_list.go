package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/client"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

func (a *app) messagesListCommand() *cobra.Command {
	var (
		f      messageFlags
		limit  int
		oldest bool
		cursor string
	)
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Search messages, newest first",
		Long: `List messages, newest first. Every character of --search is literal; the case of ASCII
letters is ignored. The server looks at many messages at a time; the search goes on until
it has found as many as --limit says, or has seen all. Ctrl-C shows what was found so far.`,
		Example: `  symphony messages list
  symphony messages list --status pending --queue slow --oldest
  symphony messages list --search '"order": 42' --since 24h --json`,
		Args: cobra.NoArgs,
		RunE: a.run(func(cmd *cobra.Command, _ []string) error {
			q, err := f.query()
			if err != nil {
				return err
			}
			if limit < 1 {
				return usageError{fmt.Errorf("--limit must be at least 1, is %d", limit)}
			}
			if q.Cursor = cursor; oldest {
				q.Sort = "createdAt"
			}
			r, err := a.reach(cmd, storageOnly)
			if err != nil {
				return err
			}
			defer r.close()
			found, err := a.search(cmd.Context(), r, q, limit)
			if err != nil && len(found.Messages) == 0 {
				return err
			}
			return errors.Join(err, tell(a, found, a.showMessages))
		}),
	}
	f.add(cmd)
	cmd.Flags().IntVarP(&limit, "limit", "n", symphony.DefaultMessagePage, "how many to find at most")
	cmd.Flags().BoolVar(&oldest, "oldest", false, "the oldest first")
	cmd.Flags().StringVar(&cursor, "cursor", "", "go on behind this `ID`, where a list before ended")
	a.jsonFlag(cmd)
	a.reachFlags(cmd)
	return cmd
}

// search follows the pages until it has as many messages as asked for. After an error it returns what it has.
func (a *app) search(ctx context.Context, r *reached, q client.MessageQuery, limit int) (found wire.MessagesResponse, err error) {
	bar := a.progress(-1, "Searching")
	defer bar.Close() //nolint:errcheck // it is only drawn
	found = wire.MessagesResponse{Success: true, Messages: []wire.StoredMessage{}}
	for looked := 0; ; {
		q.Limit = min(limit-len(found.Messages), symphony.MaxMessagePage)
		page, err := r.Messages(ctx, q)
		if ctx.Err() != nil {
			err = errInterrupted
		}
		if err != nil {
			return found, err
		}
		found.Messages = append(found.Messages, page.Messages...)
		found.Pagination = page.Pagination
		found.Pagination.Limit = limit
		if len(found.Messages) >= limit || !page.Pagination.HasMore {
			return found, nil
		}
		if len(page.Messages) < q.Limit {
			looked += symphony.MaxMessageScan
			bar.Describe(fmt.Sprintf("Searching: %d found among %d", len(found.Messages), looked))
		}
		_ = bar.Add(1) // it is only drawn
		q.Cursor = page.Pagination.NextCursor
	}
}

func (a *app) showMessages(found wire.MessagesResponse) {
	if len(found.Messages) == 0 {
		fmt.Fprintln(a.out, "No messages.")
	} else {
		rows := make([][]string, len(found.Messages))
		for i, m := range found.Messages {
			rows[i] = []string{m.ID, oneLine(m.Message.Type, 40), m.Queue, m.Status, shortTime(m.CreatedAt), strconv.Itoa(m.Attempt), whatNow(&m)}
		}
		s := a.style(a.out)
		a.table([]string{"ID", "TYPE", "QUEUE", "STATUS", "DISPATCHED", "ATTEMPTS", ""}, rows, func(column int, cell string) string {
			if column == 0 {
				return s.bold(cell)
			}
			return cell
		})
	}
	if p := found.Pagination; p.HasMore {
		fmt.Fprintf(a.out, "There may be more; go on with --cursor %s\n", p.NextCursor)
	}
}

// whatNow says in a few words how a message stands.
func whatNow(m *wire.StoredMessage) string {
	switch {
	case m.Error != "":
		return oneLine(m.Error, 60)
	case m.Status == "pending" && m.AvailableAt != nil && m.AvailableAt.After(symphony.SystemClock().Now()):
		return "ready at " + shortTime(*m.AvailableAt)
	case m.Status == "processing" && m.StartedAt != nil:
		return fmt.Sprintf("on %s since %s", oneLine(m.Worker, 40), shortTime(*m.StartedAt))
	case m.FinishedAt != nil:
		return "at " + shortTime(*m.FinishedAt)
	}
	return ""
}
