package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony/flow"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// targetFlags say which part of a transport is meant.
type targetFlags struct{ transport, queue, typ string }

func (f *targetFlags) add(cmd *cobra.Command, types bool) {
	flags := cmd.Flags()
	flags.StringVarP(&f.transport, "transport", "t", "", "`NAME` of the transport (default: the default transport)")
	flags.StringVarP(&f.queue, "queue", "q", "", "only this `QUEUE` (default: all)")
	if types {
		flags.StringVar(&f.typ, "type", "", "only this `TYPE`, or a pattern such as Mail.*")
	}
}

func (f *targetFlags) target() wire.HoldTarget {
	return wire.HoldTarget{Transport: optional(f.transport), Queue: optional(f.queue), Type: optional(f.typ)}
}

func (a *app) holdsCommand() *cobra.Command {
	var f targetFlags
	cmd := &cobra.Command{
		Use:     "holds",
		Short:   "List what is paused or draining",
		Example: "  symphony holds\n  symphony holds --transport email --json",
		Args:    cobra.NoArgs,
	}
	transportFlag(cmd, &f.transport)
	return query[wire.HoldsResponse]{
		ask: func(ctx context.Context, r *reached, _ []string) (wire.HoldsResponse, error) {
			return r.Holds(ctx, f.transport)
		},
		show: a.showHolds,
	}.command(a, cmd)
}

func (a *app) showHolds(of wire.HoldsResponse) {
	transport, holds := of.Transport, of.Holds
	if len(holds) == 0 {
		fmt.Fprintf(a.out, "nothing of %s is paused or draining\n", transport)
		return
	}
	rows := make([][]string, len(holds))
	for i, h := range holds {
		what := flow.HoldTarget{Queue: h.Queue, Type: h.Type}.String()
		rows[i] = []string{h.Mode, printable(what), shortTime(h.Since), shortTime(h.Until),
			oneLine(h.By, 30), oneLine(h.Reason, 60)}
	}
	a.table([]string{"MODE", "OF " + transport, "SINCE", "UNTIL", "BY", "REASON"}, rows, nil)
}
