package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/auth"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

func (a *app) keysCreateCommand() *cobra.Command {
	var (
		scopes        []string
		types, queues []string
		expires       string
		req           wire.CreateKeyRequest
	)
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "Make an API key and print it, once",
		Long: `Make an API key and print it. Note it down: only its hash is stored. NAME tells whose
it is, in lists and logs. Give each program a key of its own with no more scopes than
it needs, so that it can be revoked alone. The scopes, and what each opens:

` + scopesHelp() + `
A key can be bound to types of messages, or patterns of types, with the scope dispatch
alone, and to queues with the scopes dispatch and consume. It then dispatches and works
on such messages, and is refused everything else.`,
		Example: `  symphony keys create shop --scopes dispatch
  symphony keys create dashboard --scopes read --expires 90d
  symphony keys create signup-form --scopes dispatch --type 'signup.*' --queue web
  export SYMPHONY_API_KEY=$(symphony keys create ops --scopes admin --json | jq -r .secret)`,
		Args: cobra.ExactArgs(1),
	}
	cmd.Flags().StringSliceVar(&scopes, "scopes", []string{"dispatch", "read"}, "what the key may do: "+strings.Join(auth.ScopeNames(), ", ")+"; default with --type or --queue: dispatch")
	cmd.Flags().StringVar(&expires, "expires", "", "when the key stops working: a span like 90d or 12h, or a `TIME` like 2027-01-01T00:00:00Z (default: never)")
	cmd.Flags().StringArrayVarP(&types, "type", "t", nil,
		"bind it to messages of this `TYPE`, or pattern like 'order.*'; may be repeated (default: all)")
	cmd.Flags().StringArrayVarP(&queues, "queue", "q", nil, "bind it to this queue; may be repeated (default: all)")
	complete(cmd, "scopes", auth.ScopeNames()...)
	return act[wire.CreateKeyResponse]{
		check: func(args []string) (err error) {
			if _, err := auth.ParseScopes(strings.Join(scopes, ",")); err != nil {
				return usageError{fmt.Errorf("--scopes: %w", err)}
			}
			if (len(types) > 0 || len(queues) > 0) && !cmd.Flags().Changed("scopes") {
				scopes = []string{auth.ScopeDispatch.String()} // read cannot be bound
			}
			req = wire.CreateKeyRequest{Name: args[0], Scopes: scopes, Bound: wire.Bound{Types: types, Queues: queues}}
			req.ExpiresAt, err = parseExpiry(expires)
			return err
		},
		do: func(ctx context.Context, r *reached, _ []string) (wire.CreateKeyResponse, error) {
			return r.CreateKey(ctx, req)
		},
		show: a.showNewKey,
	}.command(a, cmd)
}

func (a *app) showNewKey(made wire.CreateKeyResponse) {
	fmt.Fprintf(a.out, "%s\n", a.style(a.out).green(made.Secret))
	what := strings.Join(made.Key.Scopes, ",")
	if bound := keyBound(&made.Key); bound != "" {
		what += ", bound to " + bound
	}
	fmt.Fprintf(a.err, "This is the key of %s (%s). It is shown only now. Its id is %s.\n",
		printable(made.Key.Name), what, made.Key.ID)
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
