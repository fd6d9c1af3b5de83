package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

func (a *app) typesCommand() *cobra.Command {
	return section(&cobra.Command{
		Use:   "types",
		Short: "See the types of messages, with their handlers, schemas, holds, limits and figures",
	}, a.typesListCommand())
}

func (a *app) typesListCommand() *cobra.Command {
	var (
		f   pageFlags
		typ string
	)
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the types of messages",
		Long: `List the types that were dispatched or handled, and the patterns for which something is
configured or set. What was seen is told by what is counted. Figures are those of the last hour.`,
		Example: "  symphony types list\n  symphony types list --type 'Mail.*' --json",
		Args:    cobra.NoArgs,
	}
	f.add(cmd)
	cmd.Flags().StringVar(&typ, "type", "", "only this `TYPE`, or those of a pattern such as Mail.*")
	return query[wire.TypesResponse]{
		ask: func(ctx context.Context, r *reached, _ []string) (wire.TypesResponse, error) {
			values := f.values()
			if typ != "" {
				values.Set("type", typ)
			}
			return r.Types(ctx, values)
		},
		show: a.showTypes,
	}.command(a, cmd)
}

func (a *app) showTypes(of wire.TypesResponse) {
	if len(of.Types) == 0 {
		fmt.Fprintln(a.out, "No types.")
	} else {
		rows := make([][]string, len(of.Types))
		for i, t := range of.Types {
			seen, handler, dispatched, failed := "never", "", "", ""
			if t.LastSeen != nil {
				seen = shortTime(*t.LastSeen)
			}
			if t.Handler != nil {
				handler = t.Handler.Pattern
			}
			if t.Figures != nil {
				dispatched, failed = number(t.Figures.Dispatched), number(t.Figures.Failed)
			}
			holds := make([]wire.Hold, len(t.Holds))
			for i, h := range t.Holds {
				holds[i] = h.Hold
			}
			rows[i] = []string{oneLine(t.Type, 40), strings.Join(t.Transports, " "), seen, oneLine(handler, 40),
				oneLine(t.Schema, 40), dispatched, failed, steeringText(holds, t.Limits)}
		}
		a.table([]string{"TYPE", "TRANSPORTS", "LAST SEEN", "HANDLER", "SCHEMA", "DISPATCHED", "FAILED", ""}, rows, nil)
	}
	a.showMore(of.Pagination)
}
