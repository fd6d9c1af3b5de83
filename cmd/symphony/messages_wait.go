package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// defaultWait is how long commands wait for a message where they are not told.
const defaultWait = 30 * time.Second

func (a *app) messagesWaitCommand() *cobra.Command {
	var (
		transport string
		timeout   time.Duration
	)
	cmd := &cobra.Command{
		Use:   "wait ID",
		Short: "Wait until a message has ended, and print what it leaves",
		Long: `Wait until a message is completed, has failed for good or is cancelled, and print what
its handler has left, as JSON. It ends with 0 if the message is completed, with 1 if it
has failed or was cancelled, and with 5 if it has not ended in time.`,
		Example: "  symphony messages wait 019a0f6e-… --timeout 5m | jq .url",
		Args:    cobra.ExactArgs(1),
	}
	transportFlag(cmd, &transport)
	cmd.Flags().DurationVar(&timeout, "timeout", defaultWait, "wait for this `TIME` at most")
	return query[wire.MessageResponse]{
		ask: func(ctx context.Context, r *reached, args []string) (wire.MessageResponse, error) {
			return waitFor(ctx, r, transport, args[0], timeout)
		},
		show:    func(answer wire.MessageResponse) { a.showOutput(&answer.Message) },
		verdict: func(answer wire.MessageResponse) error { return endOf(&answer.Message) },
	}.command(a, cmd)
}

// waitFor asks for a message until it has ended or the time is over.
func waitFor(ctx context.Context, r *reached, transport, id string, d time.Duration) (m wire.MessageResponse,
	err error) {
	clock := symphony.SystemClock()
	for until := clock.Now().Add(d); ; {
		left := until.Sub(clock.Now())
		m, err = r.WaitMessage(ctx, transport, id, min(max(left, time.Millisecond), wire.MaxWait*time.Millisecond))
		if err != nil || symphony.Status(m.Message.Status).Final() || left <= wire.MaxWait*time.Millisecond {
			return m, err
		}
	}
}

// showOutput prints what a message has left, nothing where it has left nothing.
func (a *app) showOutput(m *wire.WholeMessage) {
	if len(m.Output) > 0 {
		fmt.Fprintln(a.out, string(m.Output))
	}
}

// endOf is what the end of a message is for a command that has waited for it.
func endOf(m *wire.WholeMessage) error {
	switch symphony.Status(m.Status) {
	case symphony.Completed:
		return nil
	case symphony.Failed:
		return fmt.Errorf("message %s failed: %s", m.ID, oneLine(m.Error, 200))
	case symphony.Cancelled:
		return fmt.Errorf("message %s was cancelled", m.ID)
	}
	return fmt.Errorf("message %s is still %s; symphony messages wait %s goes on waiting: %w",
		m.ID, m.Status, m.ID, symphony.ErrUnavailable)
}

// results shows what a message has told and left, as far as it has.
func (a *app) results(m *wire.WholeMessage) {
	s := a.style(a.out)
	if p := m.Progress; p != nil {
		of := ""
		if p.Total != nil {
			of = fmt.Sprintf(" of %d", *p.Total)
		}
		a.detail("progress", fmt.Sprintf("%d%s %s", p.Done, of, printable(p.Text)))
	}
	a.detail("no output", m.OutputError)
	if len(m.Output) > 0 {
		fmt.Fprintf(a.out, "\n%s\n%s\n", s.bold("Output"), m.Output)
	}
	if len(m.Log) > 0 {
		fmt.Fprintf(a.out, "\n%s\n", s.bold("Log"))
		for _, line := range m.Log {
			fmt.Fprintf(a.out, "  %s\n", printable(line))
		}
	}
}
