package main

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

func (a *app) workersCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "workers",
		Short: "Show the workers and what they are busy with",
		Long: `Show the continuous workers of all nodes, as of their last heartbeats, up to ten seconds
ago, and who else has messages in hand: pull workers, runs of consume, and workers that
died.

  AT WORK  handlers that run, of how many at most
  OLDEST   what has been at work for the longest, and for how long: a worker is stuck
           where that grows, and nothing has ended for as long
  ENDED    how long ago the last attempt ended

"symphony messages show ID" tells all of a message.`,
		Example: "  symphony workers\n  symphony workers --json\n  symphony workers --server https://queue.example.com",
		Args:    noSubcommand,
	}
	cmd.AddCommand(a.workersStartCommand())
	return query[wire.WorkersResponse]{
		ask:  func(ctx context.Context, r *reached, _ []string) (wire.WorkersResponse, error) { return r.Workers(ctx) },
		show: a.showWorkers,
	}.command(a, cmd)
}

func (a *app) showWorkers(got wire.WorkersResponse) {
	s := a.style(a.out)
	var rows [][]string
	for _, n := range got.Nodes {
		for _, w := range n.Workers {
			ended := "–"
			if w.LastEndedAt != nil {
				ended = ago(max(got.Timestamp.Sub(*w.LastEndedAt), 0))
			}
			oldest := "–"
			if len(w.AtWork) > 0 {
				oldest = atWork(w.AtWork[0], got.Timestamp)
			}
			rows = append(rows, []string{n.Name, n.Version, w.Transport, workerState(w, got.Timestamp), fmt.Sprintf("%d of %d", w.Processing, w.Concurrency), oldest, ended, fmt.Sprint(w.Succeeded), fmt.Sprint(w.Failed)})
		}
	}
	if len(rows) == 0 {
		fmt.Fprintln(a.out, "No continuous worker runs.")
	} else {
		a.table([]string{"NODE", "VERSION", "WORKER OF", "STATE", "AT WORK", "OLDEST", "ENDED", "SUCCEEDED", "FAILED"}, rows, func(column int, cell string) string {
			if column == 3 && cell[:4] != "runs" {
				return s.red(cell)
			}
			return cell
		})
	}
	if len(got.Others) == 0 {
		return
	}
	rows = nil
	for _, o := range got.Others {
		left := "ended"
		if d := o.LeasedUntil.Sub(got.Timestamp); d > 0 {
			left = ago(d)
		}
		rows = append(rows, []string{o.Transport, oneLine(cmp.Or(o.Worker, "–"), 40), fmt.Sprint(o.Processing), atWork(o.Oldest, got.Timestamp), left})
	}
	fmt.Fprintln(a.out)
	a.table([]string{"WITHOUT A WORKER HERE", "WHO", "MESSAGES", "OLDEST", "LEASE LEFT"}, rows, nil)
	if got.More {
		fmt.Fprintln(a.out, "More messages are in hand than were looked at.")
	}
}

// workerState is "runs", or what is wrong.
func workerState(w wire.NodeWorker, now time.Time) string {
	switch {
	case len(w.Outages) > 0:
		return fmt.Sprintf("no storage for %s (%s)", ago(max(now.Sub(w.Outages[0].Since), 0)), w.Outages[0].Call)
	case w.Running:
		return "runs"
	case w.StopReason != "":
		return w.StopReason
	}
	return "stopped"
}

// atWork tells of a message and for how long it has been in hand.
func atWork(at wire.AtWork, now time.Time) string {
	text := fmt.Sprintf("%s %s %s", ago(max(now.Sub(at.Since), 0)), oneLine(at.Type, 40), at.MessageID)
	if at.Attempt > 1 {
		text += fmt.Sprintf(" (attempt %d)", at.Attempt)
	}
	if at.Lost {
		text += " (lease lost)"
	}
	return text
}
