package main

import (
	"github.com/spf13/cobra"
)

func (a *app) failedCommand() *cobra.Command {
	return section(&cobra.Command{
		Use:   "failed",
		Short: "Look after messages that could not be handled (the dead letter queue)",
		Long: `A message that fails for good, or too often, goes to the dead letter queue with its
error and its attempts. It stays there until it is retried or removed.`,
		Example: `  symphony failed list
  symphony failed show 019a0f6e-…
  symphony failed retry 019a0f6e-… --payload '{"to": "ada@example.com"}'`,
	}, a.failedListCommand(), a.failedShowCommand(), a.failedGroupsCommand(), a.failedRetryCommand(),
		a.failedRemoveCommand(), a.failedExportCommand())
}
