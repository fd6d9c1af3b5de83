package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

func (a *app) messagesShowCommand() *cobra.Command {
	var transport string
	var unmask bool
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Show a message with its payload and its story",
		Long: `Show everything known about a message: what it carries, and what happened to it:
when it was dispatched, each attempt with its worker, how it ended and when it is tried
again, and how it was settled.`,
		Example: `  symphony messages show 019a0f6e-…
  symphony messages show 019a0f6e-… --json | jq .message.timeline`,
		Args: cobra.ExactArgs(1),
	}
	transportFlag(cmd, &transport)
	unmaskFlag(cmd, &unmask)
	return query[wire.MessageResponse]{
		ask: func(ctx context.Context, r *reached, args []string) (wire.MessageResponse, error) {
			return r.seeing(unmask).Message(ctx, transport, args[0])
		},
		show: a.showMessage,
	}.command(a, cmd)
}

func (a *app) showMessage(answer wire.MessageResponse) {
	m := &answer.Message
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
	if m.Cancel != nil {
		line("cancelled by", printable(m.Cancel.By))
		line("because", printable(m.Cancel.Reason))
	}
	a.terms(&m.Terms)
	a.bodies(m.Message, m.Headers)
	a.results(m)
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
		if m.Waiting != nil {
			fmt.Fprintln(a.out, printable(m.Waiting.Text))
		}
	}
	switch m.Status {
	case "processing":
		if m.LeasedUntil != nil {
			fmt.Fprintf(a.out, "\nIt is in hand; the lease ends %s.\n", shortTime(*m.LeasedUntil))
		}
		if m.Cancel != nil {
			fmt.Fprintln(a.out, "It is to be cancelled: when its worker has ended, or with the lease.")
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
	case symphony.TimelineCancelRequested:
		return "somebody wanted it cancelled"
	case symphony.TimelineCancelled:
		return "cancelled"
	case symphony.TimelineDead:
		return s.red("failed for good: "+oneLine(e.Error, 200)) + s.dim(" ("+printable(e.ErrorClass)+")")
	}
	return printable(e.Kind)
}
