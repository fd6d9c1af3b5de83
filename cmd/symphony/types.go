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
		f      pageFlags
		typ    string
		counts bool
	)
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the types of messages",
		Long: `List the types that were dispatched or handled, and the patterns for which something is
configured or set. What was seen is told by what is counted. Figures are those of the last hour.
With --counts each type has how many of its messages wait and are in hand. Where there are
more than are looked at, they are followed by a plus.`,
		Example: "  symphony types list --counts\n  symphony types list --type 'Mail.*' --json",
		Args:    cobra.NoArgs,
	}
	f.add(cmd)
	cmd.Flags().StringVar(&typ, "type", "", "only this `TYPE`, or those of a pattern such as Mail.*")
	cmd.Flags().BoolVar(&counts, "counts", false, "count the messages of each type that wait and that are in hand")
	return query[wire.TypesResponse]{
		ask: func(ctx context.Context, r *reached, _ []string) (wire.TypesResponse, error) {
			values := f.values()
			if typ != "" {
				values.Set("type", typ)
			}
			if counts {
				values.Set("counts", "true")
			}
			return r.Types(ctx, values)
		},
		show: func(of wire.TypesResponse) { a.showTypes(of, counts) },
	}.command(a, cmd)
}

func (a *app) showTypes(of wire.TypesResponse, counts bool) {
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
				oneLine(t.Schema, 40)}
			if counts {
				rows[i] = append(rows[i], atLeast(t.Pending, of.PendingAtLeast),
					atLeast(t.Processing, of.ProcessingAtLeast))
			}
			rows[i] = append(rows[i], dispatched, failed, steeringText(holds, t.Limits))
		}
		columns := []string{"TYPE", "TRANSPORTS", "LAST SEEN", "HANDLER", "SCHEMA"}
		if counts {
			columns = append(columns, "PENDING", "PROCESSING")
		}
		a.table(append(columns, "DISPATCHED", "FAILED", ""), rows, nil)
	}
	a.showMore(of.Pagination)
}

// atLeast is a count as text, empty where there is none.
func atLeast(n *int64, more bool) string {
	switch {
	case n == nil:
		return ""
	case more:
		return number(*n) + "+"
	}
	return number(*n)
}
