package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

func (a *app) messagesEditCommand() *cobra.Command {
	var (
		transport string
		set       []string
	)
	cmd := &cobra.Command{
		Use:   "edit ID",
		Short: "Change a message that waits",
		Long: `Change a pending message: its payload, metadata, priority, scheduledAt or expiresAt. It is
checked as at its dispatch, and waits on with the attempts that it has had. null takes away
what is there. One that a worker has in hand, or that is finished, is left alone.`,
		Example: `  symphony messages edit 019a0f6e-… --set priority=9 --set scheduledAt=null
  symphony messages edit 019a0f6e-… --set payload=@order.json`,
		Args: cobra.ExactArgs(1),
	}
	transportFlag(cmd, &transport)
	cmd.Flags().StringArrayVar(&set, "set", nil,
		"`NAME=VALUE` to change: a JSON value, @FILE with one, or a text; may be repeated")
	return act[wire.MessageResponse]{
		do: func(ctx context.Context, r *reached, ids []string) (out wire.MessageResponse, err error) {
			change, err := a.changes(set)
			if err != nil {
				return out, err
			}
			return r.EditMessage(ctx, transport, ids[0], change)
		},
		show: func(m wire.MessageResponse) {
			fmt.Fprintf(a.out, "%s message %s\n", a.style(a.out).green("edited"), m.Message.ID)
		},
	}.command(a, cmd)
}

// changes are what --set says, by name.
func (a *app) changes(set []string) (map[string]any, error) {
	if len(set) == 0 {
		return nil, usageError{fmt.Errorf("say what to change, such as --set priority=9")}
	}
	change := make(map[string]any, len(set))
	for _, s := range set {
		name, value, ok := strings.Cut(s, "=")
		if !ok || name == "" {
			return nil, usageError{fmt.Errorf("--set %q must be NAME=VALUE", s)}
		}
		if strings.HasPrefix(value, "@") {
			raw, err := a.readPayload(value)
			if err != nil {
				return nil, err
			}
			value = string(raw)
		}
		if change[name] = value; json.Valid([]byte(value)) {
			change[name] = json.RawMessage(value)
		}
	}
	return change, nil
}
