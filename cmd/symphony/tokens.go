package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

func (a *app) tokensCommand() *cobra.Command {
	return section(&cobra.Command{
		Use:   "tokens",
		Short: "Show one message to somebody who has no key",
	}, a.tokensCreateCommand())
}

func (a *app) tokensCreateCommand() *cobra.Command {
	const least, most = wire.MinTokenTTL * time.Second, wire.MaxTokenTTL * time.Second
	var ttl time.Duration
	cmd := &cobra.Command{
		Use:   "create ID",
		Short: "Print a token that shows one message",
		Long: `Print a token with which somebody who has nothing else sees how one message is getting on: its
status, progress and times, and of types with public_output its output. Never its payload. Nothing
is stored, so a token cannot be taken back before its time is over. It takes the scope operate; with
dispatch alone it is for messages that are known to be one's own, as with auth.visibility: own.`,
		Example: `  symphony tokens create 019a0f6e-… --ttl 10m
  curl -H "Authorization: Bearer $(symphony tokens create $ID)" $URL/api/symphony/messages/$ID/public`,
		Args: cobra.ExactArgs(1),
	}
	cmd.Flags().DurationVar(&ttl, "ttl", wire.DefaultTokenTTL*time.Second,
		fmt.Sprintf("how long it is good: a `TIME` of whole seconds from %s to %s", span(least), span(most)))
	return act[wire.TokenResponse]{
		check: func([]string) error {
			if ttl < least || ttl > most || ttl%time.Second != 0 {
				const mistake = "--ttl must be whole seconds from %s to %s, is %s"
				return usageError{fmt.Errorf(mistake, span(least), span(most), ttl)}
			}
			return nil
		},
		do: func(ctx context.Context, r *reached, args []string) (wire.TokenResponse, error) {
			return r.CreateToken(ctx, args[0], ttl)
		},
		show: func(made wire.TokenResponse) {
			fmt.Fprintln(a.out, made.Token)
			fmt.Fprintf(a.err, "It is good until %s.\n", made.ExpiresAt.Format(time.RFC3339))
		},
	}.command(a, cmd)
}
