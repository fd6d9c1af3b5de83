package main

import (
	"context"

	"github.com/spf13/cobra"
)

// query is a command that asks for something and shows the answer: it reaches the messages, asks, and prints what comes
// back. Beside its flags and words a command is no more than this.
type query[T any] struct {
	// check looks for mistakes in usage before anything is reached. Nil: there are none that cobra does not find.
	check func(args []string) error
	need  need
	ask   func(ctx context.Context, r *reached, args []string) (T, error)
	// show prints the answer for people. Nil: it is for programs only, and the command has no --json.
	show func(answer T)
	// verdict is the failure that an answer stands for, after it was printed. Nil: none does.
	verdict func(answer T) error
}

// act is a query that changes something.
type act[T any] struct {
	check func(args []string) error
	need  need
	// confirm asks a person first, unless yes is set by --yes. Nil: nobody is asked, and the command has no --yes.
	confirm func(ctx context.Context, r *reached, args []string, yes bool) error
	do      func(ctx context.Context, r *reached, args []string) (T, error)
	show    func(answer T)
	verdict func(answer T) error
}

// command completes a command: how it runs, and the flags of all that reach the messages.
func (q query[T]) command(a *app, cmd *cobra.Command) *cobra.Command {
	cmd.RunE = a.run(func(cmd *cobra.Command, args []string) error {
		if q.check != nil {
			if err := q.check(args); err != nil {
				return err
			}
		}
		r, err := a.reach(cmd, q.need)
		if err != nil {
			return err
		}
		defer r.close()
		answer, err := q.ask(cmd.Context(), r, args)
		if err != nil {
			return err
		}
		if err := tell(a, answer, q.show); err != nil || q.verdict == nil {
			return err
		}
		return q.verdict(answer)
	})
	if q.show != nil {
		a.jsonFlag(cmd)
	}
	a.reachFlags(cmd)
	return cmd
}

// command completes a command.
func (c act[T]) command(a *app, cmd *cobra.Command) *cobra.Command {
	var yes bool
	if c.confirm != nil {
		yesFlag(cmd, &yes)
	}
	ask := func(ctx context.Context, r *reached, args []string) (T, error) {
		if c.confirm != nil {
			if err := c.confirm(ctx, r, args, yes); err != nil {
				var none T
				return none, err
			}
		}
		return c.do(ctx, r, args)
	}
	return query[T]{check: c.check, need: c.need, ask: ask, show: c.show, verdict: c.verdict}.command(a, cmd)
}

// tell prints an answer: with --json, or where show is nil, as it is, else by show.
func tell[T any](a *app, answer T, show func(T)) error {
	if a.json || show == nil {
		return a.printJSON(answer)
	}
	show(answer)
	return nil
}

// section is a command that only has subcommands.
func section(cmd *cobra.Command, of ...*cobra.Command) *cobra.Command {
	cmd.Args = noSubcommand
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	cmd.AddCommand(of...)
	return cmd
}

// transportFlag offers --transport.
func unmaskFlag(cmd *cobra.Command, unmask *bool) {
	cmd.Flags().BoolVar(unmask, "unmask", false,
		"show what types.X.redact hides; needs the scope admin, and is audited")
}

func transportFlag(cmd *cobra.Command, name *string) {
	cmd.Flags().StringVarP(name, "transport", "t", "", "`NAME` of the transport (default: the default transport)")
}
