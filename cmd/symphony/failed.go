package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/client"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

func (a *app) failedCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "failed",
		Short: "Look after messages that could not be handled (the dead letter queue)",
		Long: `A message that fails for good, or too often, goes to the dead letter queue with its
error and its attempts. It stays there until it is retried or removed.`,
		Example: `  symphony failed list
  symphony failed show 019a0f6e-…
  symphony failed retry 019a0f6e-… --payload '{"to": "ada@example.com"}'`,
		Args: noSubcommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.failedListCommand(), a.failedShowCommand(), a.failedRetryCommand(), a.failedRemoveCommand(), a.failedExportCommand())
	return cmd
}

// filterFlags select failed messages.
type filterFlags struct {
	transport, queue, typ, class, since, until, search string
}

func (f *filterFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVarP(&f.transport, "transport", "t", "", "`NAME` of the transport (default: the default transport)")
	flags.StringVarP(&f.queue, "queue", "q", "", "only of this queue")
	flags.StringVar(&f.typ, "type", "", "only of this type")
	flags.StringVar(&f.class, "error-class", "", "only with this class of error, like timeout or no_handler")
	flags.StringVar(&f.since, "since", "", "only failed since this `TIME`: like 2026-12-01T09:00:00Z, or 2h for two hours ago")
	flags.StringVar(&f.until, "until", "", "only failed before this `TIME`")
	flags.StringVar(&f.search, "search", "", "only with this `TEXT` in type, payload or error")
}

// given reports whether any flag narrows the selection down.
func (f *filterFlags) given() bool {
	return f.queue+f.typ+f.class+f.since+f.until+f.search != ""
}

func (f *filterFlags) filter() (wire.FailedFilter, error) {
	filter := wire.FailedFilter{Queue: f.queue, Type: f.typ, ErrorClass: f.class, Q: f.search}
	var err error
	if filter.Since, err = parseTime("--since", f.since); err != nil {
		return filter, err
	}
	filter.Until, err = parseTime("--until", f.until)
	return filter, err
}

// parseTime reads a time, or how long ago it was.
func parseTime(flag, s string) (*time.Time, error) {
	if s == "" {
		return nil, nil
	}
	if d, err := time.ParseDuration(s); err == nil && d >= 0 {
		t := symphony.SystemClock().Now().Add(-d).UTC()
		return &t, storable(flag, t)
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return nil, usageError{fmt.Errorf("%s must be a time like 2026-12-01T09:00:00Z or a span like 2h, is %q", flag, s)}
	}
	return &t, storable(flag, t)
}

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
		RunE: a.run(func(cmd *cobra.Command, _ []string) error {
			filter, err := f.filter()
			if err != nil {
				return err
			}
			r, err := a.reach(cmd, storageOnly)
			if err != nil {
				return err
			}
			defer r.close()
			page, err := r.FailedList(cmd.Context(), client.FailedQuery{Transport: f.transport, FailedFilter: filter, Limit: limit, Offset: offset})
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(page)
			}
			return a.showFailedPage(page)
		}),
	}
	f.add(cmd)
	cmd.Flags().IntVarP(&limit, "limit", "n", symphony.DefaultMessagePage, fmt.Sprintf("how many to list, 1 to %d", symphony.MaxMessagePage))
	cmd.Flags().IntVar(&offset, "offset", 0, "how many to skip")
	a.jsonFlag(cmd)
	a.reachFlags(cmd)
	return cmd
}

func (a *app) showFailedPage(page wire.FailedListResponse) error {
	p := page.Pagination
	if len(page.Messages) == 0 {
		fmt.Fprintln(a.out, "No failed messages.")
		return nil
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
	return nil
}

func (a *app) failedShowCommand() *cobra.Command {
	var transport string
	cmd := &cobra.Command{
		Use:     "show ID",
		Short:   "Show a failed message with its payload and attempts",
		Long:    "Show everything known about a failed message: what it carries, and how each attempt ended.",
		Example: "  symphony failed show 019a0f6e-…\n  symphony failed show 019a0f6e-… --json | jq .message.payload",
		Args:    cobra.ExactArgs(1),
		RunE: a.run(func(cmd *cobra.Command, args []string) error {
			r, err := a.reach(cmd, storageOnly)
			if err != nil {
				return err
			}
			defer r.close()
			m, err := r.Failed(cmd.Context(), transport, args[0])
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(m.FailedMessage)
			}
			a.showFailed(m.FailedMessage)
			return nil
		}),
	}
	cmd.Flags().StringVarP(&transport, "transport", "t", "", "`NAME` of the transport (default: the default transport)")
	a.jsonFlag(cmd)
	a.reachFlags(cmd)
	return cmd
}

func (a *app) showFailed(m wire.FailedMessage) {
	s, line := a.style(a.out), a.detail
	line("id", s.bold(m.ID))
	line("type", printable(m.Message.Type))
	line("message", m.MessageID)
	line("where", fmt.Sprintf("%s/%s, priority %d", m.Transport, m.Queue, m.Priority))
	line("created", shortTime(m.CreatedAt))
	if m.ScheduledAt != nil {
		line("scheduled", shortTime(*m.ScheduledAt))
	}
	line("failed", shortTime(m.FailedAt))
	line("key", printable(m.IdempotencyKey))
	line("by", printable(m.DispatchedBy))
	line("error", s.red(printable(m.Error)))
	line("class", printable(m.ErrorClass))
	for _, part := range []struct {
		name string
		raw  []byte
	}{{"payload", m.Message.Payload}, {"metadata", m.Message.Metadata}, {"headers", mustJSON(m.Headers)}} {
		if len(part.raw) > 0 && string(part.raw) != "{}" {
			line(part.name, indented(part.raw))
		}
	}
	fmt.Fprintf(a.out, "\n%s\n", s.bold(fmt.Sprintf("%s, %s allowed", plural(len(m.Attempts), "attempt"), plural(m.MaxRetries+1, "attempt"))))
	for _, t := range m.Attempts {
		took := t.FinishedAt.Sub(t.StartedAt).Round(time.Millisecond)
		fmt.Fprintf(a.out, "  %d. %s, %s, on %s: %s %s\n", t.Attempt, shortTime(t.StartedAt), took, printable(t.Worker),
			s.red(oneLine(t.Error, 200)), s.dim("("+printable(t.ErrorClass)+")"))
	}
	fmt.Fprintf(a.out, "\nRetry it:   symphony failed retry %s\nCorrect it: symphony failed retry %s --payload '{…}'\n", m.ID, m.ID)
}

// mustJSON marshals what can always be marshalled.
func mustJSON(v map[string]jsontext.Value) []byte {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return raw
}

// indented is JSON for people, under the names of showFailed.
func indented(raw []byte) string {
	var b bytes.Buffer
	if err := json.Indent(&b, raw, strings.Repeat(" ", 13), "  "); err != nil {
		return printable(string(raw))
	}
	return printable(b.String())
}
