package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/symphony-messenger/symphony/handler/httppush"
)

func (a *app) secretsCommand() *cobra.Command {
	return section(&cobra.Command{
		Use:   "secrets",
		Short: "Make secrets that sign what is pushed",
	}, a.secretsGenerateCommand())
}

func (a *app) secretsGenerateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "generate",
		Short: "Print a new secret, by which an endpoint knows what is pushed to it",
		Long: `Print a new secret: "whsec_" and 32 random bytes in base64, as Standard Webhooks have it. The server
signs with it (http.secrets of a handler, push.secret, "symphony handlers set --secret-file"), and
the endpoint verifies with it. Nothing is stored.`,
		Example: `  symphony secrets generate > secret
  echo "SYMPHONY_WEBHOOK_SECRET=$(symphony secrets generate)" >> .env.local`,
		Args: cobra.NoArgs,
		RunE: a.run(func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(a.out, httppush.NewSecret())
			return err
		}),
	}
	return cmd
}
