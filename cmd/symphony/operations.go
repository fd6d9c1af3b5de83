package main

import (
	"fmt"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

func (a *app) operationsCommand() *cobra.Command {
	return section(&cobra.Command{
		Use:   "operations",
		Short: "Look after work in bulk that goes on in the background",
		Long: `Messages are retried, deleted and replayed in bulk by operations. They go on whoever asked
for them is gone, and are carried on by another process where one dies; they can be
stopped and resumed. One that has ended is remembered for a week.`,
		Example: `  symphony operations list
  symphony operations watch 019a0f6e-…
  symphony operations stop 019a0f6e-…`,
	}, a.operationsListCommand(), a.operationsShowCommand(), a.operationsStopCommand(), a.operationsResumeCommand(),
		a.operationsWatchCommand())
}

// progressOf is like "120 of 500".
func progressOf(op wire.Operation) string {
	if op.Total == nil {
		return strconv.FormatInt(op.Done, 10)
	}
	return fmt.Sprintf("%d of %d", op.Done, *op.Total)
}

func (a *app) showOperation(op wire.Operation) {
	s := a.style(a.out)
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(a.out, "%s %s\n", s.dim(fmt.Sprintf("%-10s", name)), value)
		}
	}
	line("id", s.bold(op.ID))
	line("kind", op.Kind)
	state := op.State
	switch {
	case state == "running" && op.Node == "":
		state = "running, and waiting for a process that works on it"
	case state == "running":
		state += ", on " + printable(op.Node)
	}
	line("state", state)
	line("done", progressOf(op)+skippedShort(op))
	line("transport", op.Transport)
	if op.Selected > 0 {
		line("selected", plural(op.Selected, "id"))
	}
	if op.Filter != nil {
		if raw, err := json.Marshal(op.Filter); err == nil {
			line("filter", printable(string(raw)))
		}
	}
	if op.Rate > 0 {
		line("rate", fmt.Sprintf("%d a second", op.Rate))
	}
	line("by", printable(op.By))
	line("since", shortTime(op.CreatedAt))
	if op.FinishedAt != nil {
		line("until", shortTime(*op.FinishedAt))
	}
	line("error", s.red(printable(op.Error)))
}

func skippedShort(op wire.Operation) string {
	if op.Skipped == 0 {
		return ""
	}
	return fmt.Sprintf(", %d skipped", op.Skipped)
}
