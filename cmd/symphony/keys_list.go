package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/auth"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

func (a *app) keysListCommand() *cobra.Command {
	return query[wire.KeysResponse]{
		ask:  func(ctx context.Context, r *reached, _ []string) (wire.KeysResponse, error) { return r.Keys(ctx) },
		show: a.showKeys,
	}.command(a, &cobra.Command{
		Use:     "list",
		Short:   "List API keys, also revoked and expired ones",
		Long:    "List API keys, oldest first, with their scopes, their last use (up to a minute behind) and what they are bound to.",
		Example: "  symphony keys list\n  symphony keys list --json",
		Args:    cobra.NoArgs,
	})
}

func (a *app) showKeys(list wire.KeysResponse) {
	if len(list.Keys) == 0 {
		fmt.Fprintln(a.out, `No API keys. Make one with "symphony keys create NAME".`)
		return
	}
	rows := make([][]string, len(list.Keys))
	for i, k := range list.Keys {
		used := "never"
		if k.LastUsedAt != nil {
			used = shortTime(*k.LastUsedAt)
		}
		rows[i] = []string{
			k.ID, oneLine(k.Name, 40), strings.Join(k.Scopes, ","), shortTime(k.CreatedAt), used, keyState(k),
			cmp.Or(oneLine(keyBound(&k), 60), "–"),
		}
	}
	a.table([]string{"ID", "NAME", "SCOPES", "CREATED", "LAST USED", "STATE", "BOUND TO"}, rows, nil)
}

// keyBound says what a key is bound to, empty for nothing.
func keyBound(k *wire.Key) string {
	if k.Types == nil && k.Queues == nil {
		return ""
	}
	return (&auth.Binding{Types: k.Types, Queues: k.Queues}).String()
}

func keyState(k wire.Key) string {
	switch {
	case k.RevokedAt != nil:
		return "revoked " + shortTime(*k.RevokedAt)
	case k.ExpiresAt != nil && !symphony.SystemClock().Now().Before(*k.ExpiresAt):
		return "expired " + shortTime(*k.ExpiresAt)
	case k.ExpiresAt != nil:
		return "until " + shortTime(*k.ExpiresAt)
	}
	return "in force"
}
