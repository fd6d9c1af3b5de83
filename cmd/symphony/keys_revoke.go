package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony/auth"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

func (a *app) keysRevokeCommand() *cobra.Command {
	var id string
	return act[wire.DoneResponse]{
		check: func(args []string) error {
			// Who pastes the key or its prefix means the id in it.
			id, _, _ = strings.Cut(strings.TrimPrefix(args[0], "sym_"), "_")
			return nil
		},
		confirm: func(_ context.Context, _ *reached, _ []string, yes bool) error {
			return a.confirm(fmt.Sprintf("Revoke the key %s for good?", printable(id)), yes)
		},
		do: func(ctx context.Context, r *reached, _ []string) (wire.DoneResponse, error) {
			return r.RevokeKey(ctx, id)
		},
		show: func(wire.DoneResponse) { fmt.Fprintf(a.out, "The key %s is revoked.\n", id) },
	}.command(a, &cobra.Command{
		Use:   "revoke ID",
		Short: "Take an API key out of force, for good",
		Long: fmt.Sprintf(`Revoke the API key with this id (see "symphony keys list"). The running server that has the
SQLite file open refuses it from now on; servers on PostgreSQL do within %s.`, auth.KeyCacheTTL),
		Example: "  symphony keys revoke abcdefghijklmnop\n  symphony keys revoke abcdefghijklmnop --yes",
		Args:    cobra.ExactArgs(1),
	})
}
