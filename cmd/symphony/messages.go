package main

import (
	"fmt"

	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/client"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

func (a *app) messagesCommand() *cobra.Command {
	return section(&cobra.Command{
		Use:   "messages",
		Short: "Find messages, see what became of them, steer and replay them",
		Long: `Look at messages: those that wait, are in hand, were completed and are kept, or failed.
What failed can be retried with "symphony failed"; what was completed can be replayed.`,
		Example: `  symphony messages list --search ada@example.com
  symphony messages show 019a0f6e-…
  symphony messages replay --all --type invoice.send --since 2h --dry-run`,
	}, a.messagesListCommand(), a.messagesShowCommand(), a.messagesEditCommand(), a.messagesCancelCommand(),
		a.messagesDeleteCommand(), a.messagesRunNowCommand(), a.messagesReplayCommand(),
		a.messagesExportCommand(), a.messagesImportCommand())
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
		flags.StringVar(&f.status, "status", "", "only with this status: pending, processing, completed, failed or cancelled")
		complete(cmd, "status", "pending", "processing", "completed", "failed", "cancelled")
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
