package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/audit"
	"github.com/symphony-messenger/symphony/client"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

func (a *app) auditCommand() *cobra.Command {
	var (
		q            client.AuditQuery
		since, until string
	)
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Show who did what",
		Long: `Show what people did, newest first: retried, deleted, purged, paused, made keys and
schedules, and the like, with who did it and what came of it. Dispatching and working on
messages is not among it. Commands that work on the database without a server are
recorded with the user of the operating system.

An entry is written before the deed, and nothing is done that cannot be recorded. The
outcome "unfinished" means that it goes on, or that the process ended before it could say.`,
		Example: `  symphony audit
  symphony audit --action 'failed.*' --since 24h
  symphony audit --who ops --json
  symphony audit --target 01a2b3c4-0000-7000-8000-000000000000`,
		Args: cobra.NoArgs,
	}
	cmd.Flags().StringVar(&q.Action, "action", "", "only this `ACTION`, or those of a pattern like 'failed.*'")
	cmd.Flags().StringVar(&q.Who, "who", "", "only what the one with this `ID` or name did")
	cmd.Flags().StringVar(&q.Target, "target", "", "only what was done to what has this `ID` or name: a message, a queue")
	cmd.Flags().StringVar(&since, "since", "", "not older than this `TIME` (like 2026-12-01T09:00:00Z) or span (like 90m or 7d)")
	cmd.Flags().StringVar(&until, "until", "", "older than this `TIME` or span")
	cmd.Flags().IntVar(&q.Limit, "limit", 0, "how many, "+within(1, audit.MaxPage, audit.DefaultPage))
	cmd.Flags().StringVar(&q.Cursor, "cursor", "", "go on behind a page: its nextCursor")
	return query[wire.AuditResponse]{
		check: func([]string) (err error) {
			if q.Since, err = parseMoment("--since", since); err == nil {
				q.Until, err = parseMoment("--until", until)
			}
			return err
		},
		ask:  func(ctx context.Context, r *reached, _ []string) (wire.AuditResponse, error) { return r.Audit(ctx, q) },
		show: a.showAudit,
	}.command(a, cmd)
}

func (a *app) showAudit(page wire.AuditResponse) {
	if len(page.Entries) == 0 && !page.HasMore {
		fmt.Fprintln(a.out, "Nothing was found.")
		return
	}
	s := a.style(a.out)
	rows := make([][]string, len(page.Entries))
	for i, e := range page.Entries {
		outcome := e.Outcome
		if e.Code != "" {
			outcome += " " + e.Code
		}
		if e.Count > 1 {
			outcome += fmt.Sprintf(" (%d times)", e.Count)
		}
		rows[i] = []string{shortTime(e.At), e.Action, outcome, oneLine(auditWho(e.Who), 30), oneLine(members(e.Target, e.Result), 90)}
	}
	a.table([]string{"WHEN", "ACTION", "OUTCOME", "WHO", "WHAT"}, rows, func(column int, padded string) string {
		if column == 2 && !strings.HasPrefix(padded, "ok") {
			return s.red(padded)
		}
		return padded
	})
	if page.HasMore {
		fmt.Fprintf(a.err, "There is more: --cursor %s\n", page.NextCursor)
	}
}

// auditWho names someone: by name and kind, and by id where there is no name.
func auditWho(w wire.AuditWho) string {
	name := w.Name
	if name == "" {
		name = w.ID
	}
	return name + " (" + w.Kind + ")"
}

// parseMoment reads a time, or how long ago it was; "" is the zero time.
func parseMoment(flag, s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, s)
	if err == nil {
		return at, storable(flag, at)
	}
	d, err := parseSpan(s)
	if err != nil || d < 0 {
		return time.Time{}, usageError{fmt.Errorf("%s must be a time like 2026-12-01T09:00:00Z or a span like 90m or 7d, is %q", flag, s)}
	}
	at = symphony.SystemClock().Now().Add(-d)
	return at, storable(flag, at)
}

// storable refuses a time that no message has, such as one that stands for none.
func storable(flag string, at time.Time) error {
	if !symphony.StorableTime(at) {
		return usageError{fmt.Errorf("%s %s, is %s", flag, symphony.TimeProblem, at.UTC().Format(time.RFC3339))}
	}
	return nil
}
