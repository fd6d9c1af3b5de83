package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/client"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

func (a *app) failedGroupsCommand() *cobra.Command {
	return section(&cobra.Command{
		Use:   "groups",
		Short: "Look after failed messages by kinds of failure",
		Long: `Failures are of one group where the type, the error's class and its text are the same but for
numbers, ids, quoted texts, addresses and times. A group is retried or deleted as a whole, ignored
for a while, or resolved: one that is resolved and fails again raises an alert.`,
		Example: `  symphony failed groups list
  symphony failed groups retry 1:7c41… --patch '{"currency": "EUR"}' --dry-run
  symphony failed groups resolve 1:7c41… --note "fixed in 1.4.2"`,
	}, a.groupsListCommand(), a.groupsRetryCommand(), a.groupsDeleteCommand(), a.groupsIgnoreCommand(),
		a.groupsResolveCommand())
}

func (a *app) groupsListCommand() *cobra.Command {
	var (
		f filterFlags
		q client.GroupQuery
	)
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List groups of failures, those that failed last first",
		Example: "  symphony failed groups list --type invoice.send --state regressed",
		Args:    cobra.NoArgs,
	}
	f.add(cmd, "status", "tag", "idempotencyKey", "correlationId", "causationId", "groupKey", "concurrencyKey",
		"worker", "metadata")
	cmd.Flags().IntVar(&q.Limit, "limit", symphony.DefaultMessagePage, "how many to list")
	cmd.Flags().StringVar(&q.Cursor, "cursor", "", "go on behind another page")
	cmd.Flags().StringVar(&q.State, "state", "", "only those that are open, ignored, resolved or regressed")
	complete(cmd, "state", "open", "ignored", "resolved", "regressed")
	cmd.Flags().BoolVar(&q.Left, "left", false, "only those of which failed messages are left")
	return query[wire.FailureGroupsResponse]{
		ask: func(ctx context.Context, r *reached, _ []string) (out wire.FailureGroupsResponse, err error) {
			filter, err := f.filter()
			if err != nil {
				return out, err
			}
			q.Transport, q.FailedFilter = f.transport, filter
			return r.FailureGroups(ctx, q)
		},
		show: a.showFailureGroups,
	}.command(a, cmd)
}

func (a *app) showFailureGroups(page wire.FailureGroupsResponse) {
	if len(page.Groups) == 0 {
		fmt.Fprintln(a.out, "Nothing has failed.")
		return
	}
	s := a.style(a.out)
	for _, g := range page.Groups {
		state := g.State
		if g.Regressed {
			state = s.red("regressed")
		}
		fmt.Fprintf(a.out, "%s  %s  %s %s\n", s.bold(g.Group), state, printable(g.Type), printable(g.ErrorClass))
		fmt.Fprintf(a.out, "  %s left of %d, last %s: %s\n", plural(int(g.Count), "failed message"), g.Failures,
			g.LastSeen.Local().Format(time.DateTime), oneLine(g.Sample, maxExample))
		if g.Note != "" {
			fmt.Fprintf(a.out, "  note: %s\n", oneLine(g.Note, maxExample))
		}
	}
	if page.HasMore {
		fmt.Fprintf(a.out, "There are more: --cursor %s\n", page.NextCursor)
	}
}

// groupFlags are those of a command on all failed messages of a group.
type groupFlags struct {
	transport               string
	dryRun, background, yes bool
	rate                    int
}

func (f *groupFlags) add(cmd *cobra.Command) {
	groupTransport(cmd, &f.transport)
	flags := cmd.Flags()
	flags.BoolVar(&f.dryRun, "dry-run", false, "only say how many messages there are")
	flags.BoolVar(&f.background, "background", false, "do not wait; see symphony operations")
	flags.IntVar(&f.rate, "rate", 0, "at most so many messages per second")
	yesFlag(cmd, &f.yes)
	cmd.Args = cobra.ExactArgs(1)
}

func groupTransport(cmd *cobra.Command, name *string) {
	cmd.Flags().StringVarP(name, "transport", "t", "", "`NAME` of the transport (default: whichever has the group)")
}

func (a *app) groupsRetryCommand() *cobra.Command {
	var (
		f     groupFlags
		patch string
	)
	cmd := &cobra.Command{
		Use:   "retry GROUP",
		Short: "Dispatch the failed messages of a group again",
		Long: `Dispatch all failed messages of a group again, as "symphony failed retry" does, after asking.
With --patch their payloads are corrected by a JSON merge patch; --dry-run shows what it makes of
three of them. Those that it would break stay where they are, and count as skipped.`,
		Example: `  symphony failed groups retry 1:7c41… --patch '{"currency": "EUR"}' --dry-run
  symphony failed groups retry 1:7c41… --patch '{"currency": "EUR"}' --rate 50`,
	}
	f.add(cmd)
	cmd.Flags().StringVar(&patch, "patch", "",
		"correct payloads by this JSON merge patch: `JSON`, @FILE, or - for standard input")
	cmd.RunE = a.run(func(cmd *cobra.Command, args []string) error {
		merge, err := a.patch(patch)
		if err != nil {
			return err
		}
		r, err := a.reach(cmd, storageOnly)
		if err != nil {
			return err
		}
		defer r.close()
		request := wire.GroupRetryRequest{Patch: merge, Rate: optional(f.rate)}
		preview, err := r.PreviewGroupRetry(cmd.Context(), f.transport, args[0], request)
		if err != nil {
			return err
		}
		n := plural(int(preview.Count), "failed message")
		if f.dryRun {
			return tell(a, preview, func(wire.GroupPreviewResponse) {
				fmt.Fprintf(a.out, "Would retry %s.\n", n)
				if merge != nil {
					a.showExamples(preview.Examples)
				}
			})
		}
		if err := a.confirm(fmt.Sprintf("Dispatch %s again?", n), f.yes); err != nil {
			return err
		}
		started, err := r.RetryGroup(cmd.Context(), f.transport, args[0], request)
		if err != nil {
			return err
		}
		return a.carry(cmd.Context(), r, started.Operation, f.background, "Retried", "failed message")
	})
	a.jsonFlag(cmd)
	a.reachFlags(cmd)
	return cmd
}

func (a *app) groupsDeleteCommand() *cobra.Command {
	var f groupFlags
	cmd := &cobra.Command{
		Use:     "delete GROUP",
		Short:   "Delete the failed messages of a group for good",
		Example: "  symphony failed groups delete 1:7c41… --dry-run",
	}
	f.add(cmd)
	cmd.RunE = a.run(func(cmd *cobra.Command, args []string) error {
		r, err := a.reach(cmd, storageOnly)
		if err != nil {
			return err
		}
		defer r.close()
		preview, err := r.PreviewGroupDelete(cmd.Context(), f.transport, args[0])
		if err != nil {
			return err
		}
		n := plural(int(preview.Count), "failed message")
		if f.dryRun {
			return tell(a, preview, func(wire.PreviewCountResponse) { fmt.Fprintf(a.out, "Would delete %s.\n", n) })
		}
		if err := a.confirm(fmt.Sprintf("Delete %s for good?", n), f.yes); err != nil {
			return err
		}
		request := wire.GroupDeleteRequest{Rate: optional(f.rate)}
		started, err := r.DeleteGroup(cmd.Context(), f.transport, args[0], request)
		if err != nil {
			return err
		}
		return a.carry(cmd.Context(), r, started.Operation, f.background, "Deleted", "failed message")
	})
	a.jsonFlag(cmd)
	a.reachFlags(cmd)
	return cmd
}

func (a *app) groupsIgnoreCommand() *cobra.Command {
	var (
		transport, note, until string
		span                   time.Duration
		count                  int64
	)
	cmd := &cobra.Command{
		Use:   "ignore GROUP",
		Short: "Ignore a group for a time, a number of failures, or until further notice",
		Example: `  symphony failed groups ignore 1:7c41… --for 24h --note "the partner's API is down"
  symphony failed groups ignore 1:7c41… --count 100`,
		Args: cobra.ExactArgs(1),
	}
	groupTransport(cmd, &transport)
	flags := cmd.Flags()
	flags.StringVar(&note, "note", "", "why, for people")
	flags.StringVar(&until, "until", "", "until this `TIME`, like 2026-12-01T09:00:00Z")
	flags.DurationVar(&span, "for", 0, "for so long")
	flags.Int64Var(&count, "count", 0, "until it has failed so often")
	cmd.MarkFlagsMutuallyExclusive("until", "for", "count")
	return act[wire.FailureGroupResponse]{
		do: func(ctx context.Context, r *reached, args []string) (out wire.FailureGroupResponse, err error) {
			req := wire.GroupIgnoreRequest{Note: optional(note), Count: optional(count)}
			if span > 0 {
				until = symphony.SystemClock().Now().Add(span).UTC().Format(time.RFC3339)
			}
			if until != "" {
				at, err := time.Parse(time.RFC3339, until)
				if err != nil {
					return out, usageError{fmt.Errorf("--until must be a time like 2026-12-01T09:00:00Z, is %q", until)}
				}
				req.Until = &at
			}
			return r.IgnoreGroup(ctx, transport, args[0], req)
		},
		show: a.showDecision,
	}.command(a, cmd)
}

func (a *app) groupsResolveCommand() *cobra.Command {
	var transport, note string
	cmd := &cobra.Command{
		Use:   "resolve GROUP",
		Short: "Say that the cause of a group's failures is removed",
		Long: `Say that the cause is removed. The failed messages stay where they are; retry or delete them as
well. When the group fails again it is open, and the alert "regression" fires.`,
		Example: `  symphony failed groups resolve 1:7c41… --note "fixed in 1.4.2"`,
		Args:    cobra.ExactArgs(1),
	}
	groupTransport(cmd, &transport)
	cmd.Flags().StringVar(&note, "note", "", "what was done, for people")
	return act[wire.FailureGroupResponse]{
		do: func(ctx context.Context, r *reached, args []string) (wire.FailureGroupResponse, error) {
			return r.ResolveGroup(ctx, transport, args[0], wire.GroupResolveRequest{Note: optional(note)})
		},
		show: a.showDecision,
	}.command(a, cmd)
}

func (a *app) showDecision(r wire.FailureGroupResponse) {
	until := ""
	if r.Group.Until != nil {
		until = " until " + r.Group.Until.Local().Format(time.DateTime)
	}
	fmt.Fprintf(a.out, "Group %s is %s%s.\n", a.style(a.out).bold(r.Group.Group), r.Group.State, until)
}
