package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/auth"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

func (a *app) keysCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "keys",
		Short: "Make, list and revoke API keys",
		Long: "API keys let programs call the HTTP API. Each has scopes:\n\n" + scopesHelp() + `
Only a hash of a key is stored, so a key can be seen once, when it is made.`,
		Example: "  symphony keys create shop --scopes dispatch\n  symphony keys list\n  symphony keys revoke abcdefghijklmnop",
		Args:    noSubcommand,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.keysCreateCommand(), a.keysListCommand(), a.keysRevokeCommand())
	return cmd
}

func (a *app) keysCreateCommand() *cobra.Command {
	var (
		scopes  []string
		expires string
	)
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "Make an API key and print it, once",
		Long: `Make an API key and print it. Note it down: only its hash is stored. NAME tells whose
it is, in lists and logs. Give each program a key of its own with no more scopes than
it needs, so that it can be revoked alone. The scopes, and what each opens:

` + scopesHelp(),
		Example: `  symphony keys create shop --scopes dispatch
  symphony keys create dashboard --scopes read --expires 90d
  export SYMPHONY_API_KEY=$(symphony keys create ops --scopes admin --json | jq -r .secret)`,
		Args: cobra.ExactArgs(1),
		RunE: a.run(func(cmd *cobra.Command, args []string) error {
			req := wire.CreateKeyRequest{Name: args[0], Scopes: scopes}
			if _, err := auth.ParseScopes(strings.Join(scopes, ",")); err != nil {
				return usageError{fmt.Errorf("--scopes: %w", err)}
			}
			var err error
			if req.ExpiresAt, err = parseExpiry(expires); err != nil {
				return err
			}
			r, err := a.reach(cmd, storageOnly)
			if err != nil {
				return err
			}
			defer r.close()
			made, err := r.CreateKey(cmd.Context(), req)
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(made)
			}
			s := a.style(a.out)
			fmt.Fprintf(a.out, "%s\n", s.green(made.Secret))
			fmt.Fprintf(a.err, "This is the key of %s (%s). It is shown only now. Its id is %s.\n", printable(made.Key.Name), strings.Join(made.Key.Scopes, ","), made.Key.ID)
			return nil
		}),
	}
	cmd.Flags().StringSliceVar(&scopes, "scopes", []string{"dispatch", "read"}, "what the key may do: "+strings.Join(auth.ScopeNames(), ", "))
	cmd.Flags().StringVar(&expires, "expires", "", "when the key stops working: a span like 90d or 12h, or a `TIME` like 2027-01-01T00:00:00Z (default: never)")
	complete(cmd, "scopes", auth.ScopeNames()...)
	a.jsonFlag(cmd)
	a.reachFlags(cmd)
	return cmd
}

// scopesHelp lists the scopes with what each opens, in lines that fit a terminal.
func scopesHelp() string {
	var b strings.Builder
	for _, name := range auth.ScopeNames() {
		scope, err := auth.ParseScope(name)
		if err != nil {
			panic(err) // it is one of the names
		}
		fmt.Fprintf(&b, "  %-8s  %s\n", name, strings.ReplaceAll(ansi.Wordwrap(scope.Opens(), 75, ""), "\n", "\n            "))
	}
	return b.String()
}

// parseExpiry reads a time ahead, or how long it is until then.
func parseExpiry(s string) (*time.Time, error) {
	if s == "" {
		return nil, nil
	}
	now := symphony.SystemClock().Now().UTC()
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		var d time.Duration
		if d, err = parseSpan(s); err == nil {
			at = now.Add(d)
		}
	}
	if err != nil || !at.After(now) {
		return nil, usageError{fmt.Errorf("--expires must be a span like 90d or 12h, or a time ahead like 2027-01-01T00:00:00Z, is %q", s)}
	}
	return &at, nil
}

// parseSpan reads a span like 12h, or in days like 90d.
func parseSpan(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n < 100_000 {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	}
	return time.ParseDuration(s)
}

func (a *app) keysListCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List API keys, also revoked and expired ones",
		Long:    "List API keys, oldest first, with their scopes and their last use (up to a minute behind).",
		Example: "  symphony keys list\n  symphony keys list --json",
		Args:    cobra.NoArgs,
		RunE: a.run(func(cmd *cobra.Command, _ []string) error {
			r, err := a.reach(cmd, storageOnly)
			if err != nil {
				return err
			}
			defer r.close()
			list, err := r.Keys(cmd.Context())
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(list)
			}
			if len(list.Keys) == 0 {
				fmt.Fprintln(a.out, `No API keys. Make one with "symphony keys create NAME".`)
				return nil
			}
			rows := make([][]string, len(list.Keys))
			for i, k := range list.Keys {
				used := "never"
				if k.LastUsedAt != nil {
					used = shortTime(*k.LastUsedAt)
				}
				rows[i] = []string{k.ID, oneLine(k.Name, 40), strings.Join(k.Scopes, ","), shortTime(k.CreatedAt), used, keyState(k)}
			}
			a.table([]string{"ID", "NAME", "SCOPES", "CREATED", "LAST USED", "STATE"}, rows, nil)
			return nil
		}),
	}
	a.jsonFlag(cmd)
	a.reachFlags(cmd)
	return cmd
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

func (a *app) keysRevokeCommand() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "revoke ID",
		Short: "Take an API key out of force, for good",
		Long: fmt.Sprintf(`Revoke the API key with this id (see "symphony keys list"). The running server that has the
SQLite file open refuses it from now on; servers on PostgreSQL do within %s.`, auth.KeyCacheTTL),
		Example: "  symphony keys revoke abcdefghijklmnop\n  symphony keys revoke abcdefghijklmnop --yes",
		Args:    cobra.ExactArgs(1),
		RunE: a.run(func(cmd *cobra.Command, args []string) error {
			// Who pastes the key or its prefix means the id in it.
			id, _, _ := strings.Cut(strings.TrimPrefix(args[0], "sym_"), "_")
			r, err := a.reach(cmd, storageOnly)
			if err != nil {
				return err
			}
			defer r.close()
			if err := a.confirm(fmt.Sprintf("Revoke the key %s for good?", printable(id)), yes); err != nil {
				return err
			}
			done, err := r.RevokeKey(cmd.Context(), id)
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(done)
			}
			fmt.Fprintf(a.out, "The key %s is revoked.\n", id)
			return nil
		}),
	}
	yesFlag(cmd, &yes)
	a.jsonFlag(cmd)
	a.reachFlags(cmd)
	return cmd
}

// complete offers fixed values for a flag.
func complete(cmd *cobra.Command, flag string, values ...string) {
	if err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag does not exist
	}
}
