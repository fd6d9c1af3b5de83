package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

func (a *app) failedShowCommand() *cobra.Command {
	var transport string
	var unmask bool
	cmd := &cobra.Command{
		Use:     "show ID",
		Short:   "Show a failed message with its payload and attempts",
		Long:    "Show everything known about a failed message: what it carries, and how each attempt ended.",
		Example: "  symphony failed show 019a0f6e-…\n  symphony failed show 019a0f6e-… --json | jq .message.payload",
		Args:    cobra.ExactArgs(1),
	}
	transportFlag(cmd, &transport)
	unmaskFlag(cmd, &unmask)
	return query[wire.FailedMessage]{
		ask: func(ctx context.Context, r *reached, args []string) (wire.FailedMessage, error) {
			m, err := r.seeing(unmask).Failed(ctx, transport, args[0])
			return m.FailedMessage, err
		},
		show: a.showFailed,
	}.command(a, cmd)
}

func (a *app) showFailed(m wire.FailedMessage) {
	s, line := a.style(a.out), a.detail
	line("id", s.bold(m.ID))
	line("type", printable(m.Message.Type))
	line("message", m.MessageID)
	line("where", fmt.Sprintf("%s/%s, priority %d", m.Transport, m.Queue, m.Priority))
	line("created", shortTime(m.CreatedAt))
	if m.ScheduledAt != nil {
		line("scheduled", shortTime(*m.ScheduledAt))
	}
	line("failed", shortTime(m.FailedAt))
	line("key", printable(m.IdempotencyKey))
	line("by", printable(m.DispatchedBy))
	line("error", s.red(printable(m.Error)))
	line("class", printable(m.ErrorClass))
	a.bodies(m.Message, m.Headers)
	fmt.Fprintf(a.out, "\n%s\n", s.bold(fmt.Sprintf("%s, %s allowed", plural(len(m.Attempts), "attempt"), plural(m.MaxRetries+1, "attempt"))))
	for _, t := range m.Attempts {
		took := t.FinishedAt.Sub(t.StartedAt).Round(time.Millisecond)
		fmt.Fprintf(a.out, "  %d. %s, %s, on %s: %s %s\n", t.Attempt, shortTime(t.StartedAt), took, printable(t.Worker),
			s.red(oneLine(t.Error, 200)), s.dim("("+printable(t.ErrorClass)+")"))
	}
	fmt.Fprintf(a.out, "\nRetry it:   symphony failed retry %s\nCorrect it: symphony failed retry %s --payload '{…}'\n", m.ID, m.ID)
}

// bodies prints what a message carries, leaving out what is empty.
func (a *app) bodies(m wire.Message, headers map[string]jsontext.Value) {
	for _, part := range []struct {
		name string
		raw  []byte
	}{{"payload", m.Payload}, {"metadata", m.Metadata}, {"headers", mustJSON(headers)}} {
		if len(part.raw) > 0 && string(part.raw) != "{}" {
			a.detail(part.name, indented(part.raw))
		}
	}
}

// mustJSON marshals what can always be marshalled.
func mustJSON(v map[string]jsontext.Value) []byte {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return raw
}

// indented is JSON for people, under the names of detail.
func indented(raw []byte) string {
	var b bytes.Buffer
	if err := json.Indent(&b, raw, strings.Repeat(" ", 13), "  "); err != nil {
		return printable(string(raw))
	}
	return printable(b.String())
}
