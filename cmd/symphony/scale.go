package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony/client"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

func (a *app) scaleCommand() *cobra.Command {
	var q client.ScaleQuery
	cmd := &cobra.Command{
		Use:   "scale",
		Short: "Tell how many workers a queue needs",
		Long: `Tell how many workers a queue needs, by what arrives, what waits and how long a message
takes. Autoscalers ask for the same over HTTP: GET /api/symphony/scale.

DESIRED is run time * (arrivals + retries + backlog / drain) / concurrency, rounded up; at
least what the messages in hand take up, and at least 1 while anything is ready. Rates are
those of the last five minutes.`,
		Example: "  symphony scale --queue mail\n  symphony scale --queue mail --concurrency 20 --drain 5m --json",
		Args:    cobra.NoArgs,
	}
	transportFlag(cmd, &q.Transport)
	cmd.Flags().StringVarP(&q.Queue, "queue", "q", "", "`NAME` of the queue (default \"default\")")
	cmd.Flags().IntVar(&q.Concurrency, "concurrency", 0,
		"how many messages a worker handles at a time (default: worker.continuous.concurrency)")
	cmd.Flags().DurationVar(&q.Drain, "drain", 0,
		fmt.Sprintf("within what `TIME` the backlog is to be handled (default %s)", wire.DefaultDrain*time.Millisecond))
	return query[wire.ScaleResponse]{
		ask: func(ctx context.Context, r *reached, _ []string) (wire.ScaleResponse, error) { return r.Scale(ctx, q) },
		show: func(s wire.ScaleResponse) {
			oldest := "–"
			if s.OldestAge > 0 {
				oldest = ago(time.Duration(s.OldestAge) * time.Millisecond)
			}
			desired := fmt.Sprint(s.DesiredWorkers)
			if s.Paused {
				desired += " (paused)"
			}
			head := []string{"QUEUE", "BACKLOG", "IN HAND", "OLDEST", "ARRIVE", "RETRIED", "HANDLED", "RUN TIME", "DESIRED"}
			a.table(head, [][]string{{
				oneLine(s.Queue, 40), fmt.Sprint(s.Backlog), fmt.Sprint(s.Processing), oldest, pace(s.ArrivalRate),
				pace(s.RetryRate), pace(s.HandleRate), took(s.AverageRunTime), desired,
			}}, nil)
		},
	}.command(a, cmd)
}
