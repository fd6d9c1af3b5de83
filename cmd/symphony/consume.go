package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

func (a *app) consumeCommand() *cobra.Command {
	var (
		transport                    string
		queues                       []string
		batch, concurrency, messages int
		timeLimit                    time.Duration
		wait                         bool
	)
	cmd := &cobra.Command{
		Use:   "consume",
		Short: "Handle what waits, then stop",
		Long: `Run a worker until its queue is empty or a limit is hit, and say what it came to.
For one that goes on, use "symphony worker" or "symphony serve".

On the local database the handlers of this folder's configuration run here; on a
server its own handlers run there. Ctrl-C finishes what is in hand.`,
		Example: `  symphony consume
  symphony consume --transport email --queue outbox --message-limit 100
  symphony consume --wait --time-limit 30s --json`,
		Args: cobra.NoArgs,
	}
	flags := cmd.Flags()
	flags.StringVarP(&transport, "transport", "t", "", "`NAME` of the transport (default: the default transport)")
	flags.StringArrayVarP(&queues, "queue", "q", nil, "only this queue; may be repeated (default: all)")
	flags.IntVar(&batch, "batch-size", 0, "messages claimed at once, "+within(1, wire.MaxConsumeBatch, wire.DefaultConsumeBatch))
	flags.IntVar(&concurrency, "concurrency", 0, "handlers that run at the same time, "+within(1, wire.MaxConsumeConcurrency, wire.DefaultConsumeConcurrency))
	flags.IntVarP(&messages, "message-limit", "n", 0, "stop after so many messages (default: none)")
	flags.DurationVar(&timeLimit, "time-limit", 0, "stop claiming after this `TIME`, "+within(wire.MinConsumeTime, wire.MaxConsumeTime, wire.DefaultConsumeTime))
	flags.BoolVarP(&wait, "wait", "w", false, "wait for messages until the time limit")
	return act[wire.ConsumeResponse]{
		need: longRunning,
		do: func(ctx context.Context, r *reached, _ []string) (wire.ConsumeResponse, error) {
			return r.Consume(ctx, wire.ConsumeRequest{
				Transport: optional(transport), Queues: queues, BatchSize: optional(batch), MaxConcurrency: optional(concurrency),
				MessageLimit: optional(messages), TimeLimit: optional(int(timeLimit.Milliseconds())), WaitForMessages: optional(wait),
			})
		},
		show: a.showConsumed,
	}.command(a, cmd)
}

func (a *app) showConsumed(done wire.ConsumeResponse) {
	s, st := done.Stats, a.style(a.out)
	fmt.Fprintf(a.out, "%s handled: %s, %s", plural(int(s.TotalProcessed), "message"),
		st.green(fmt.Sprintf("%d succeeded", s.TotalSucceeded)), failedCount(st, s.TotalFailed))
	if s.TotalCancelled > 0 {
		fmt.Fprintf(a.out, ", %d cancelled", s.TotalCancelled)
	}
	if s.TotalProcessed > 0 {
		fmt.Fprintf(a.out, ", %.1f ms on average", s.AverageProcessingTime)
	}
	fmt.Fprintf(a.out, "; %d waiting", s.CurrentQueueDepth)
	if done.Health.StopReason != "" {
		fmt.Fprintf(a.out, " (stopped: %s)", done.Health.StopReason)
	}
	fmt.Fprintln(a.out)
}

// failedCount is red only if there is something to look at.
func failedCount(s style, n int64) string {
	text := fmt.Sprintf("%d failed", n)
	if n == 0 {
		return text
	}
	return s.red(text)
}
