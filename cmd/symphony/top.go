package main

import (
	"errors"
	"fmt"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/spf13/cobra"
)

// The range of --interval.
const (
	minTopInterval = 200 * time.Millisecond
	maxTopInterval = time.Minute
)

func (a *app) topCommand() *cobra.Command {
	var interval time.Duration
	cmd := &cobra.Command{
		Use:   "top",
		Short: "Watch queues, workers and failures, and mend them",
		Long: `Show what is going on, on the whole terminal: queues with their rates, workers with what
they are busy with, and the latest failures. It looks again every second.

Tab goes from part to part, the arrow keys choose a line, Enter shows all about it. A
failed message is retried with r, corrected in your editor ($VISUAL, $EDITOR) and retried
with e, and deleted with d; a queue is paused and resumed with p. ? lists all keys, q ends.`,
		Example: `  symphony top
  symphony top --interval 5s --server https://queue.example.com`,
		Args: cobra.NoArgs,
		RunE: a.run(func(cmd *cobra.Command, _ []string) error {
			if interval < minTopInterval || interval > maxTopInterval {
				return usageError{fmt.Errorf("--interval must be %s to %s, is %s", minTopInterval, maxTopInterval, interval)}
			}
			if !isTerminal(a.in) || !isTerminal(a.out) {
				return usageError{errors.New(`top needs a terminal; "symphony status" and "symphony failed list" print once`)}
			}
			r, err := a.reach(cmd, storageOnly)
			if err != nil {
				return err
			}
			defer r.close()
			m := newTop(cmd.Context(), r, interval, a.editor())
			program := tea.NewProgram(m, tea.WithContext(cmd.Context()), tea.WithInput(a.in), tea.WithOutput(a.out),
				tea.WithEnvironment(a.environ), tea.WithoutSignalHandler())
			_, err = program.Run()
			if errors.Is(err, tea.ErrProgramKilled) && cmd.Context().Err() != nil {
				return errInterrupted
			}
			return err
		}),
	}
	cmd.Flags().DurationVar(&interval, "interval", time.Second, "how long between two looks")
	a.reachFlags(cmd)
	return cmd
}

// editor is the command that a person edits text with.
func (a *app) editor() string {
	for _, name := range []string{"VISUAL", "EDITOR"} {
		if command := a.environment(name); command != "" {
			return command
		}
	}
	return "vi"
}
