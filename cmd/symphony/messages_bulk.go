package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// manyFlags have a command on messages by their ids do the same with all that match a filter.
type manyFlags struct {
	messageFlags
	all, dryRun, background, yes bool
	rate                         int
}

func (f *manyFlags) add(cmd *cobra.Command, of string) {
	f.messageFlags.add(cmd, "failureGroup", "errorClass")
	flags := cmd.Flags()
	flags.BoolVar(&f.all, "all", false, "every "+of+" message of the transport, or all that the other flags select")
	flags.BoolVar(&f.dryRun, "dry-run", false, "only say how many messages --all selects")
	flags.BoolVar(&f.background, "background", false, "do not wait for --all; see symphony operations")
	flags.IntVar(&f.rate, "rate", 0, "with --all: at most so many messages per second")
	yesFlag(cmd, &f.yes)
}

// check refuses a selection that is empty or says two things.
func (f *manyFlags) check(ids []string) error {
	switch {
	case f.all && len(ids) > 0:
		return usageError{errors.New("give ids or --all, not both")}
	case !f.all && f.given():
		return usageError{errors.New("these flags select messages for --all; add it to mean every one that matches")}
	case !f.all && (f.dryRun || f.background || f.rate != 0):
		return usageError{errors.New("--dry-run, --background and --rate are for --all")}
	case !f.all && len(ids) == 0:
		return usageError{errors.New(`name the messages by id (see "symphony messages list"), or use --all`)}
	case f.rate < 0:
		return usageError{fmt.Errorf("--rate must be at least 1, is %d", f.rate)}
	}
	return nil
}

// ofMany is what a command does with many messages.
type ofMany struct {
	verb, done string // like "cancel" and "Cancelled"
	preview    func(ctx context.Context, r *reached, f *wire.MessageFilter) (wire.PreviewCountResponse, error)
	start      func(ctx context.Context, r *reached, f *wire.MessageFilter) (wire.OperationResponse, error)
}

// orMany completes a command that has been completed for ids: with --all it does what many says.
func (a *app) orMany(cmd *cobra.Command, f *manyFlags, many ofMany) *cobra.Command {
	byID := cmd.RunE
	cmd.Args = cobra.ArbitraryArgs
	bulk := a.run(func(cmd *cobra.Command, _ []string) error {
		q, err := f.query()
		if err != nil {
			return err
		}
		r, err := a.reach(cmd, storageOnly)
		if err != nil {
			return err
		}
		defer r.close()
		return a.many(cmd.Context(), r, f, &q.MessageFilter, many)
	})
	checked := a.run(func(_ *cobra.Command, ids []string) error { return f.check(ids) })
	cmd.RunE = func(cmd *cobra.Command, ids []string) error {
		if err := checked(cmd, ids); err != nil {
			return err
		}
		if f.all {
			return bulk(cmd, ids)
		}
		return byID(cmd, ids)
	}
	return cmd
}

// many does with all messages that a filter selects what was asked for, after it was counted and confirmed.
func (a *app) many(ctx context.Context, r *reached, f *manyFlags, filter *wire.MessageFilter, do ofMany) error {
	if f.dryRun || !f.yes {
		found, err := do.preview(ctx, r, filter)
		if err != nil {
			return err
		}
		n := plural(int(found.Count), "message")
		if found.AtLeast {
			n = "at least " + n
		}
		if f.dryRun {
			return tell(a, found, func(wire.PreviewCountResponse) { fmt.Fprintf(a.out, "Would %s %s.\n", do.verb, n) })
		}
		if found.Count > 0 {
			question := fmt.Sprintf("%s %s?", string(do.verb[0]-'a'+'A')+do.verb[1:], n)
			if err := a.confirm(question, false); err != nil {
				return err
			}
		}
	}
	started, err := do.start(ctx, r, filter)
	if err != nil {
		return err
	}
	return a.carry(ctx, r, started.Operation, f.background, do.done, "message")
}
