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
		f   manyFlags
		set []string
	)
	cmd := &cobra.Command{
		Use:   "edit [ID]",
		Short: "Change messages that wait",
		Long: `Change a pending message: its payload, metadata, priority, scheduledAt, expiresAt, tags or
maxRetries. It is checked as at its dispatch, and waits on with the attempts that it has had.
null takes away what is there. One that a worker has in hand, or that is finished, is left alone.

With --all every message that waits and matches the other flags is changed, as an operation;
that is asked about first. Those that the change would spoil stay as they are.`,
		Example: `  symphony messages edit 019a0f6e-… --set priority=9 --set scheduledAt=null
  symphony messages edit 019a0f6e-… --set payload=@order.json
  symphony messages edit --all --type newsletter.send --set priority=1 --rate 500`,
	}
	f.add(cmd, "pending")
	cmd.Flags().StringArrayVar(&set, "set", nil,
		"`NAME=VALUE` to change: a JSON value, @FILE with one, or a text; may be repeated")
	request := func(filter *wire.MessageFilter) (req wire.EditManyRequest, err error) {
		change, err := a.changes(set)
		if err != nil {
			return req, err
		}
		req = wire.EditManyRequest{Transport: optional(f.transport), Filter: filter, Rate: optional(f.rate)}
		raw, err := json.Marshal(change)
		req.Set = raw
		return req, err
	}
	many := ofMany{verb: "change", done: "Changed",
		preview: func(ctx context.Context, r *reached, filter *wire.MessageFilter) (wire.PreviewCountResponse, error) {
			req, err := request(filter)
			if err != nil {
				return wire.PreviewCountResponse{}, err
			}
			return r.PreviewEdit(ctx, req)
		},
		start: func(ctx context.Context, r *reached, filter *wire.MessageFilter) (wire.OperationResponse, error) {
			req, err := request(filter)
			if err != nil {
				return wire.OperationResponse{}, err
			}
			return r.EditMessages(ctx, req)
		},
	}
	return a.orMany(act[wire.MessageResponse]{
		check: func(ids []string) error {
			if len(ids) > 1 {
				return usageError{fmt.Errorf("give one id, or --all; %d ids are given", len(ids))}
			}
			return nil
		},
		do: func(ctx context.Context, r *reached, ids []string) (out wire.MessageResponse, err error) {
			change, err := a.changes(set)
			if err != nil {
				return out, err
			}
			return r.EditMessage(ctx, f.transport, ids[0], change)
		},
		show: func(m wire.MessageResponse) {
			fmt.Fprintf(a.out, "%s message %s\n", a.style(a.out).green("edited"), m.Message.ID)
		},
	}.command(a, cmd), &f, many)
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
