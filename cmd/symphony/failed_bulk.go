package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/client"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// bulkFlags select the failed messages of retry and remove: by id, or all that match a filter.
type bulkFlags struct {
	filterFlags
	all, dryRun, background bool
	rate                    int
}

func (f *bulkFlags) add(cmd *cobra.Command) {
	f.filterFlags.add(cmd)
	cmd.Flags().BoolVar(&f.all, "all", false, "every failed message of the transport, or all that the other flags select")
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "only say how many messages --all selects")
	cmd.Flags().BoolVar(&f.background, "background", false, "do not wait; see symphony operations")
	cmd.Flags().IntVar(&f.rate, "rate", 0, "at most so many messages per second")
}

// check refuses a selection that is empty or says two things.
func (f *bulkFlags) check(ids []string, newest bool) error {
	switch {
	case newest && (f.all || len(ids) > 0 || f.background || f.dryRun || f.rate != 0):
		return usageError{errors.New("--newest names one message: give no ids with it, and nothing about many")}
	case newest:
		return nil
	case f.all && len(ids) > 0:
		return usageError{errors.New("give ids or --all, not both")}
	case !f.all && f.given():
		return usageError{errors.New("these flags select messages for --all; add it to mean every one that matches")}
	case !f.all && f.dryRun:
		return usageError{errors.New("--dry-run says what --all selects; ids name their messages already")}
	case !f.all && len(ids) == 0:
		return usageError{errors.New(`name the messages by id (see "symphony failed list"), or use --all`)}
	case f.rate < 0:
		return usageError{fmt.Errorf("--rate must be at least 1, is %d", f.rate)}
	}
	return nil
}

// selection is what a bulk command works on.
type selection struct {
	wire.BulkRequest
	count int // how many messages there are, or ids
}

// selection selects the ids given, or all that match now. What fails later is not selected: who was told a number, and
// said yes, did not mean those.
func (f *bulkFlags) selection(ctx context.Context, r *reached, ids []string) (selection, error) {
	s := selection{wire.BulkRequest{Transport: optional(f.transport), IDs: ids}, len(ids)}
	if !f.all {
		return s, nil
	}
	filter, err := f.filter()
	if err != nil {
		return s, err
	}
	newest, err := r.FailedList(ctx, client.FailedQuery{Transport: f.transport, FailedFilter: filter, Limit: 1})
	if err != nil {
		return s, err
	}
	s.count = int(newest.Pagination.Total)
	for _, m := range newest.Messages {
		behind := m.FailedAt.Add(time.Microsecond) // storage keeps no shorter times
		filter.Until = &behind
	}
	s.IDs, s.Filter = nil, &filter
	return s, nil
}

// newest is the id of the message that failed last, of those that the flags select.
func (f *bulkFlags) newest(ctx context.Context, r *reached) ([]string, error) {
	filter, err := f.filter()
	if err != nil {
		return nil, err
	}
	page, err := r.FailedList(ctx, client.FailedQuery{Transport: f.transport, FailedFilter: filter, Limit: 1})
	if err != nil {
		return nil, err
	}
	if len(page.Messages) == 0 {
		return nil, fmt.Errorf("no failed message is selected: %w", symphony.ErrNotFound)
	}
	return []string{page.Messages[0].ID}, nil
}

// bulkResult is what retry and remove print for programs.
type bulkResult struct {
	Success  bool `json:"success"`
	DryRun   bool `json:"dryRun,omitzero"`
	Count    int  `json:"count"`
	NotFound int  `json:"notFound"`
}

// manyMessages is from how many messages on a bulk command is an operation, whose progress it shows.
const manyMessages = 2000

// operation reports whether the work is to be done as an operation.
func (f *bulkFlags) operation(s selection) bool {
	return !f.dryRun && s.count > 0 && (f.background || f.rate > 0 || s.count > manyMessages && s.IDs == nil)
}

// bulk moves what is selected, by one request: it is over when it is answered, and Ctrl-C ends it.
func (f *bulkFlags) bulk(ctx context.Context, s selection, move func(context.Context, wire.BulkRequest) (wire.BulkResponse, error)) (bulkResult, error) {
	if f.dryRun || s.count == 0 {
		return bulkResult{Success: true, DryRun: f.dryRun, Count: s.count}, nil
	}
	done, err := move(ctx, s.BulkRequest)
	return bulkResult{Success: err == nil, Count: done.Count, NotFound: done.NotFound}, err
}

// showBulk prints what was done, or would be. Ids that were not there are an error, after all others were served.
func (a *app) showBulk(done, do string, result bulkResult) error {
	switch {
	case a.json:
		if err := a.printJSON(result); err != nil {
			return err
		}
	case result.DryRun:
		fmt.Fprintf(a.out, "Would %s %s.\n", do, plural(result.Count, "failed message"))
	default:
		fmt.Fprintf(a.out, "%s %s.\n", done, plural(result.Count, "failed message"))
	}
	if result.NotFound > 0 {
		return fmt.Errorf("%s not found: %w", plural(result.NotFound, "id"), symphony.ErrNotFound)
	}
	return nil
}

func (a *app) failedRetryCommand() *cobra.Command {
	var (
		f             bulkFlags
		payload, file string
		newest, yes   bool
	)
	cmd := &cobra.Command{
		Use:   "retry [ID…]",
		Short: "Dispatch failed messages again",
		Long: `Take failed messages out of the dead letter queue and dispatch each again as a new
message, with the same type, payload, metadata, headers, queue, priority and
idempotency key, and with all its attempts. Both happen in one transaction.

An ID is the failed message's own or that of the message which failed; --newest names the
one that failed last. With --payload one message is retried with another payload.

The work is done again, so --all asks first; without a terminal to ask on, --yes is needed.
Many are retried as an operation, which goes on by itself; --background does not wait for it.`,
		Example: `  symphony failed retry 019a0f6e-…
  symphony failed retry 019a0f6e-… --payload '{"to": "ada@example.com"}'
  symphony failed retry --newest --type invoice.send
  symphony failed retry --all --type invoice.send --since 2h
  symphony failed retry --all --error-class timeout --dry-run
  symphony failed retry --all --error-class timeout --background --rate 100 --yes`,
		RunE: a.run(func(cmd *cobra.Command, ids []string) error {
			if err := f.check(ids, newest); err != nil {
				return err
			}
			one := newest || len(ids) == 1
			corrected, err := a.correctedPayload(cmd, one, payload, file)
			if err != nil {
				return err
			}
			r, err := a.reach(cmd, storageOnly)
			if err != nil {
				return err
			}
			defer r.close()
			if newest {
				if ids, err = f.newest(cmd.Context(), r); err != nil {
					return err
				}
			}
			if len(ids) == 1 && !f.background {
				return a.retryOne(cmd.Context(), r, f.transport, ids[0], corrected)
			}
			selected, err := f.selection(cmd.Context(), r, ids)
			if err != nil {
				return err
			}
			if f.all && !f.dryRun && selected.count > 0 {
				if err := a.confirm(fmt.Sprintf("Dispatch %s again?", plural(selected.count, "failed message")), yes); err != nil {
					return err
				}
			}
			if f.operation(selected) {
				selected.Rate = optional(f.rate)
				started, err := r.RetryFailedInBackground(cmd.Context(), selected.BulkRequest)
				if err != nil {
					return err
				}
				return a.carry(cmd.Context(), r, started.Operation, f.background, "Retried", "failed message")
			}
			result, err := f.bulk(cmd.Context(), selected, r.RetryFailedBulk)
			if err != nil {
				return err
			}
			return a.showBulk("Retried", "retry", result)
		}),
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&newest, "newest", false, "the message that failed last, of those that the other flags select")
	yesFlag(cmd, &yes)
	cmd.Flags().StringVar(&payload, "payload", "", "retry the one message with this payload: `JSON`, @FILE, or - for standard input")
	cmd.Flags().StringVar(&file, "payload-file", "", "the same, from a `FILE`")
	cmd.MarkFlagsMutuallyExclusive("payload", "payload-file")
	a.jsonFlag(cmd)
	a.reachFlags(cmd)
	return cmd
}

// correctedPayload reads the payload that the flags name, nil for none. one says that they name one message.
func (a *app) correctedPayload(cmd *cobra.Command, one bool, payload, file string) ([]byte, error) {
	switch {
	case cmd.Flags().Changed("payload-file"):
		payload = "@" + file
	case !cmd.Flags().Changed("payload"):
		return nil, nil
	}
	if !one {
		return nil, usageError{errors.New("a payload corrects one message: give exactly one id with it")}
	}
	return a.readPayload(payload)
}

func (a *app) retryOne(ctx context.Context, r *reached, transport, id string, payload []byte) error {
	done, err := r.RetryFailed(ctx, transport, id, payload)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(done)
	}
	s := a.style(a.out)
	fmt.Fprintf(a.out, "%s %s as message %s\n", s.green("retried"), id, s.bold(done.NewMessageID))
	return nil
}

func (a *app) failedRemoveCommand() *cobra.Command {
	var (
		f   bulkFlags
		yes bool
	)
	cmd := &cobra.Command{
		Use:     "remove [ID…]",
		Aliases: []string{"rm", "delete"},
		Short:   "Delete failed messages for good",
		Long: `Delete failed messages. This can't be undone, so more than one is asked about first.
Without a terminal to ask on, --yes is needed. With --all, --dry-run says how many it
would be, and "symphony failed list" with the same flags shows them.`,
		Example: `  symphony failed remove 019a0f6e-…
  symphony failed remove --all --until 720h --dry-run
  symphony failed remove --all --type demo.hello --yes`,
		RunE: a.run(func(cmd *cobra.Command, ids []string) error {
			if err := f.check(ids, false); err != nil {
				return err
			}
			r, err := a.reach(cmd, storageOnly)
			if err != nil {
				return err
			}
			defer r.close()
			selected, err := f.selection(cmd.Context(), r, ids)
			if err != nil {
				return err
			}
			if !f.dryRun && (selected.count > 1 || f.all && selected.count > 0) {
				if err := a.confirm(fmt.Sprintf("Delete %s for good?", plural(selected.count, "failed message")), yes); err != nil {
					return err
				}
			}
			if f.operation(selected) {
				selected.Rate = optional(f.rate)
				started, err := r.DeleteFailedInBackground(cmd.Context(), selected.BulkRequest)
				if err != nil {
					return err
				}
				return a.carry(cmd.Context(), r, started.Operation, f.background, "Deleted", "failed message")
			}
			result, err := f.bulk(cmd.Context(), selected, r.DeleteFailedBulk)
			if err != nil {
				return err
			}
			return a.showBulk("Deleted", "delete", result)
		}),
	}
	f.add(cmd)
	yesFlag(cmd, &yes)
	a.jsonFlag(cmd)
	a.reachFlags(cmd)
	return cmd
}
