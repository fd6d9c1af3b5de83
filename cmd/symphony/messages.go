package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/client"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

func (a *app) messagesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "messages",
		Short: "Find messages, see what became of them, steer and replay them",
		Long: `Look at messages: those that wait, are in hand, were completed and are kept, or failed.
What failed can be retried with "symphony failed"; what was completed can be replayed.`,
		Example: `  symphony messages list --search ada@example.com
  symphony messages show 019a0f6e-…
  symphony messages replay --all --type invoice.send --since 2h --dry-run`,
		Args: noSubcommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.messagesListCommand(), a.messagesShowCommand(), a.messagesDeleteCommand(), a.messagesRunNowCommand(), a.messagesReplayCommand(),
		a.messagesExportCommand(), a.messagesImportCommand())
	return cmd
}

// messageFlags select messages.
type messageFlags struct {
	transport, status, queue, typ, since, until, search string
	priority                                            int
}

// add offers the flags. The status is not for commands that know it.
func (f *messageFlags) add(cmd *cobra.Command, status bool) {
	flags := cmd.Flags()
	flags.StringVarP(&f.transport, "transport", "t", "", "`NAME` of the transport (default: the default transport)")
	if status {
		flags.StringVar(&f.status, "status", "", "only with this status: pending, processing, completed or failed")
		complete(cmd, "status", "pending", "processing", "completed", "failed")
	}
	flags.StringVarP(&f.queue, "queue", "q", "", "only of this queue")
	flags.StringVar(&f.typ, "type", "", "only of this type")
	flags.IntVar(&f.priority, "priority", 0, fmt.Sprintf("only of this priority, %d to %d", symphony.MinPriority, symphony.MaxPriority))
	flags.StringVar(&f.since, "since", "", "only dispatched since this `TIME`: like 2026-12-01T09:00:00Z, or 2h for two hours ago")
	flags.StringVar(&f.until, "until", "", "only dispatched before this `TIME`")
	flags.StringVar(&f.search, "search", "", "only with this `TEXT` in type, payload, metadata or headers")
}

// given reports whether any flag narrows the selection down.
func (f *messageFlags) given() bool {
	return f.status+f.queue+f.typ+f.since+f.until+f.search != "" || f.priority != 0
}

func (f *messageFlags) query() (q client.MessageQuery, err error) {
	q = client.MessageQuery{Transport: f.transport, Status: f.status, MessageFilter: wire.MessageFilter{Queue: f.queue, Type: f.typ, Priority: f.priority, Q: f.search}}
	if q.Since, err = parseTime("--since", f.since); err == nil {
		q.Until, err = parseTime("--until", f.until)
	}
	return q, err
}

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
			if a.json {
				if perr := a.printJSON(found); perr != nil {
					return perr
				}
				return err
			}
			a.showMessages(found)
			return err
		}),
	}
	f.add(cmd, true)
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

func (a *app) messagesShowCommand() *cobra.Command {
	var transport string
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Show a message with its payload and its story",
		Long: `Show everything known about a message: what it carries, and what happened to it:
when it was dispatched, each attempt with its worker, how it ended and when it is tried
again, and how it was settled.`,
		Example: "  symphony messages show 019a0f6e-…\n  symphony messages show 019a0f6e-… --json | jq .timeline",
		Args:    cobra.ExactArgs(1),
		RunE: a.run(func(cmd *cobra.Command, args []string) error {
			r, err := a.reach(cmd, storageOnly)
			if err != nil {
				return err
			}
			defer r.close()
			m, err := r.Message(cmd.Context(), transport, args[0])
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(m)
			}
			a.showMessage(m)
			return nil
		}),
	}
	cmd.Flags().StringVarP(&transport, "transport", "t", "", "`NAME` of the transport (default: the default transport)")
	a.jsonFlag(cmd)
	a.reachFlags(cmd)
	return cmd
}

func (a *app) showMessage(m wire.MessageResponse) {
	s, line := a.style(a.out), a.detail
	line("id", s.bold(m.ID))
	line("type", printable(m.Message.Type))
	line("status", m.Status)
	line("where", fmt.Sprintf("%s/%s, priority %d", m.Transport, m.Queue, m.Priority))
	line("key", printable(m.IdempotencyKey))
	line("by", printable(m.DispatchedBy))
	if m.CorrelationID != m.ID {
		line("story", printable(m.CorrelationID))
	}
	line("caused by", printable(m.CausationID))
	line("group", printable(m.GroupKey))
	line("limited by", printable(m.ConcurrencyKey))
	if m.ExpiresAt != nil {
		line("expires", shortTime(*m.ExpiresAt))
	}
	for _, part := range []struct {
		name string
		raw  []byte
	}{{"payload", m.Message.Payload}, {"metadata", m.Message.Metadata}, {"headers", mustJSON(m.Headers)}} {
		if len(part.raw) > 0 && string(part.raw) != "{}" {
			line(part.name, indented(part.raw))
		}
	}
	fmt.Fprintf(a.out, "\n%s\n", s.bold("What happened"))
	for _, e := range m.Timeline {
		fmt.Fprintf(a.out, "  %s  %s\n", e.At.Local().Format("2006-01-02 15:04:05.000"), a.happened(e))
	}
	if m.Status == "pending" && m.AvailableAt != nil {
		now := symphony.SystemClock().Now()
		if wait := m.AvailableAt.Sub(now); wait > 0 {
			fmt.Fprintf(a.out, "\nIt is ready in %s. Now: symphony messages run-now %s\n", ago(wait), m.ID)
		} else {
			fmt.Fprintf(a.out, "\nIt has been ready for %s.\n", ago(-wait))
		}
	}
	switch m.Status {
	case "processing":
		if m.LeasedUntil != nil {
			fmt.Fprintf(a.out, "\nIt is in hand; the lease ends %s.\n", shortTime(*m.LeasedUntil))
		}
	case "completed":
		fmt.Fprintf(a.out, "\nDispatch it again: symphony messages replay %s\n", m.ID)
	case "failed":
		fmt.Fprintf(a.out, "\nRetry it: symphony failed retry %s\n", m.FailedID)
	}
}

// happened tells an entry of a timeline.
func (a *app) happened(e wire.TimelineEntry) string {
	s := a.style(a.out)
	attempt := ""
	if e.Attempt > 0 {
		attempt = fmt.Sprintf("attempt %d ", e.Attempt)
	}
	on := ""
	if e.Worker != "" {
		on = " on " + printable(e.Worker)
	}
	switch symphony.TimelineKind(e.Kind) {
	case symphony.TimelineDispatched:
		return "dispatched"
	case symphony.TimelineScheduled:
		return "scheduled for this time"
	case symphony.TimelineStarted:
		return attempt + "started" + on
	case symphony.TimelineFailed:
		return s.red(attempt+"failed: "+oneLine(e.Error, 200)) + s.dim(" ("+printable(e.ErrorClass)+")")
	case symphony.TimelineRetry:
		if e.At.After(symphony.SystemClock().Now().Add(time.Second)) {
			return "to be tried again"
		}
		return "tried again from here on"
	case symphony.TimelineCompleted:
		return s.green("completed") + on
	case symphony.TimelineDead:
		return s.red("failed for good: "+oneLine(e.Error, 200)) + s.dim(" ("+printable(e.ErrorClass)+")")
	}
	return printable(e.Kind)
}
