package main

import (
	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony/client"
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
	}, a.messagesListCommand(), a.messagesCountsCommand(), a.messagesFindCommand(), a.messagesShowCommand(),
		a.messagesEditCommand(), a.messagesCancelCommand(),
		a.messagesWaitCommand(), a.messagesDeleteCommand(), a.messagesRunNowCommand(), a.messagesReplayCommand(),
		a.messagesExportCommand(), a.messagesImportCommand())
}

// messageFlags select messages.
type messageFlags struct{ filterFlags }

func (f *messageFlags) query() (q client.MessageQuery, err error) {
	q.Transport = f.transport
	q.MessageFilter, err = f.filter()
	return q, err
}
