package main

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony/httpapi/wire"
	"github.com/symphony-messenger/symphony/storage"
)

func (a *app) statusCommand() *cobra.Command {
	var transport string
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Count what waits, runs, is done and failed",
		Long: `Count the messages of each transport and queue:

  PENDING     ready, scheduled for later, or waiting for a retry
  PROCESSING  in the hands of a worker
  COMPLETED   handled, since the transport was created
  FAILED      in the dead letter queue (see "symphony failed list")
  CANCELLED   since the transport was created, where any were
  SCHEDULED   those pending that were dispatched for a time still ahead
  OLDEST      how long the oldest ready message has been waiting

It costs the same however many messages there are.`,
		Example: "  symphony status\n  symphony status --transport email --json\n  symphony status --server https://queue.example.com",
		Args:    cobra.NoArgs,
	}
	cmd.Flags().StringVarP(&transport, "transport", "t", "", "only this transport (default: all)")
	return query[statusAnswer]{
		ask: func(ctx context.Context, r *reached, _ []string) (statusAnswer, error) {
			first, err := r.Status(ctx, transport)
			if err != nil || transport != "" {
				return statusAnswer{one: transport != "", transports: []wire.StatusResponse{first}}, err
			}
			all, err := r.statuses(ctx, first)
			return statusAnswer{transports: all}, err
		},
		show: func(all statusAnswer) { a.showStatus(all.transports) },
	}.command(a, cmd)
}

// statusAnswer has the status of each transport. Where one was asked for, programs get it alone.
type statusAnswer struct {
	transports []wire.StatusResponse
	one        bool
}

// MarshalJSONTo writes what was asked for.
func (s statusAnswer) MarshalJSONTo(enc *jsontext.Encoder) error {
	if s.one {
		return json.MarshalEncode(enc, s.transports[0])
	}
	return json.MarshalEncode(enc, map[string]any{"transports": s.transports})
}

// statuses are those of all transports, as configured. first is the one of the default transport.
func (r *reached) statuses(ctx context.Context, first wire.StatusResponse) ([]wire.StatusResponse, error) {
	all := make([]wire.StatusResponse, len(first.Transports))
	for i, name := range first.Transports {
		if name == first.Transport {
			all[i] = first
			continue
		}
		var err error
		if all[i], err = r.Status(ctx, name); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (a *app) showStatus(all []wire.StatusResponse) {
	var (
		rows      [][]string
		cancelled bool // some were
	)
	row := func(transport, queue string, c wire.Counts, scheduled, oldest int64) {
		age := "–"
		if oldest > 0 {
			age = ago(time.Duration(oldest) * time.Millisecond)
		}
		rows = append(rows, []string{
			transport, queue, fmt.Sprint(c.Pending), fmt.Sprint(c.Processing), fmt.Sprint(c.Completed), fmt.Sprint(c.Failed), fmt.Sprint(scheduled), age,
			fmt.Sprint(c.Cancelled),
		})
		cancelled = cancelled || c.Cancelled > 0
	}
	for _, t := range all {
		if len(t.Queues) != 1 {
			row(t.Transport, "", t.Queue, t.ScheduledMessages, t.OldestPendingAge)
		}
		for _, name := range slices.Sorted(maps.Keys(t.Queues)) {
			q := t.Queues[name]
			row(t.Transport, name, q.Counts, q.ScheduledMessages, q.OldestPendingAge)
		}
	}
	s := a.style(a.out)
	header := []string{"TRANSPORT", "QUEUE", "PENDING", "PROCESSING", "COMPLETED", "FAILED", "SCHEDULED", "OLDEST",
		"CANCELLED"}
	if !cancelled {
		header = header[:len(header)-1]
		for i := range rows {
			rows[i] = rows[i][:len(header)]
		}
	}
	a.table(header, rows, func(column int, cell string) string {
		if column == 5 && cell[0] != '0' {
			return s.red(cell)
		}
		return cell
	})
	for _, t := range all {
		if len(t.Holds) > 0 {
			fmt.Fprintln(a.out)
			a.showHolds(wire.HoldsResponse{Transport: t.Transport, Holds: t.Holds})
		}
	}
	for _, t := range all {
		if w := t.Workers; w != nil && w.Running == 0 && w.Stopped > 0 {
			fmt.Fprintf(a.out, "\n%s\n", s.red(fmt.Sprintf("No worker works on transport %s: %s stopped by request. Bring them back with \"symphony workers start\".", t.Transport, were(w.Stopped, "worker"))))
		}
	}
	for i, t := range all {
		same := func(other wire.StatusResponse) bool { return reflect.DeepEqual(other.Storage, t.Storage) }
		if t.Storage != nil && !slices.ContainsFunc(all[:i], same) { // one storage may have several transports
			b := t.Storage
			fmt.Fprintf(a.out, "\nStorage: %s.\n", storage.Bytes{At: b.At, Total: b.Total, Kinds: b.Kinds,
				Approximate: b.Approximate})
		}
	}
	if len(all) > 0 {
		a.showBreakers(all[0])
	}
	if len(all) > 0 && len(all[0].Nodes) > 0 {
		a.showNodes(all[0])
	}
}

// showBreakers shows the handlers that are not called because they keep failing, of this node or of all nodes.
func (a *app) showBreakers(status wire.StatusResponse) {
	var rows [][]string
	add := func(node string, list []wire.Breaker) {
		for _, b := range list {
			rows = append(rows, []string{oneLine(b.Handler, 40), node, b.State, fmt.Sprint(b.Failures), shortTime(b.OpenedAt), shortTime(b.ProbeAt)})
		}
	}
	for _, n := range status.Nodes {
		add(n.Name, n.Breakers)
	}
	if len(status.Nodes) == 0 {
		add("–", status.Breakers)
	}
	if len(rows) > 0 {
		fmt.Fprintln(a.out)
		a.table([]string{"CIRCUIT OF", "NODE", "STATE", "FAILURES", "SINCE", "NEXT PROBE"}, rows, nil)
	}
}

// showNodes shows the processes that share the database: a row for each worker, or one for a node without any.
func (a *app) showNodes(status wire.StatusResponse) {
	var rows [][]string
	for _, n := range status.Nodes {
		node := []string{n.Name, n.Version, ago(status.Timestamp.Sub(n.StartedAt))}
		if len(n.Workers) == 0 {
			rows = append(rows, append(node, "–", "", "", ""))
		}
		for _, w := range n.Workers {
			rows = append(rows, append(slices.Clone(node), w.Transport, fmt.Sprintf("%d of %d", w.Processing, w.Concurrency), fmt.Sprint(w.Succeeded), fmt.Sprint(w.Failed)))
		}
	}
	fmt.Fprintln(a.out)
	a.table([]string{"NODE", "VERSION", "UP", "WORKER OF", "AT WORK", "SUCCEEDED", "FAILED"}, rows, nil)
}
