package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/client"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// bulkFlags select the failed messages of retry and remove: by id, or all that match a filter.
type bulkFlags struct {
	filterFlags
	all bool
}

func (f *bulkFlags) add(cmd *cobra.Command) {
	f.filterFlags.add(cmd)
	cmd.Flags().BoolVar(&f.all, "all", false, "every failed message of the transport, or all that the other flags select")
}

// check refuses a selection that is empty or says two things.
func (f *bulkFlags) check(ids []string) error {
	switch {
	case f.all && len(ids) > 0:
		return usageError{errors.New("give ids or --all, not both")}
	case !f.all && f.given():
		return usageError{errors.New("these flags select messages for --all; add it to mean every one that matches")}
	case !f.all && len(ids) == 0:
		return usageError{errors.New(`name the messages by id (see "symphony failed list"), or use --all`)}
	}
	return nil
}

// select returns the ids: those given, or all that match now. What fails later is not among them.
func (f *bulkFlags) ids(ctx context.Context, r *reached, given []string) ([]string, error) {
	if !f.all {
		return given, nil
	}
	filter, err := f.filter()
	if err != nil {
		return nil, err
	}
	var ids []string
	q := client.FailedQuery{Transport: f.transport, FailedFilter: filter, Limit: symphony.MaxFailedPage}
	for {
		page, err := r.FailedList(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, m := range page.Messages {
			ids = append(ids, m.ID)
		}
		if !page.Pagination.HasMore || page.Pagination.NextCursor == "" {
			return ids, nil
		}
		q.Cursor = page.Pagination.NextCursor
	}
}

// bulkStep is how many messages one request moves: few enough that the bar moves and Ctrl-C is heard.
const bulkStep = 500

// bulkResult is what retry and remove print for programs.
type bulkResult struct {
	Success  bool `json:"success"`
	Count    int  `json:"count"`
	NotFound int  `json:"notFound"`
}

// bulk moves the messages in steps and shows how far it is. On an error the result says what was done before it.
func (a *app) bulk(ctx context.Context, ids []string, transport, doing string, move func(context.Context, wire.BulkRequest) (wire.BulkResponse, error)) (bulkResult, error) {
	result := bulkResult{Success: true}
	advance, finish := a.progress(len(ids), doing)
	defer finish()
	for len(ids) > 0 {
		n := min(bulkStep, len(ids))
		done, err := move(ctx, wire.BulkRequest{Transport: optional(transport), IDs: ids[:n]})
		if err != nil {
			result.Success = false
			return result, fmt.Errorf("after %s: %w", plural(result.Count, "message"), err)
		}
		result.Count += done.Count
		result.NotFound += done.NotFound
		ids = ids[n:]
		advance(result.Count + result.NotFound)
	}
	return result, nil
}

// showBulk prints what was done. Ids that were not there are an error, after all others were served.
func (a *app) showBulk(done string, result bulkResult, given bool) error {
	if a.json {
		if err := a.printJSON(result); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(a.out, "%s %s.\n", done, plural(result.Count, "failed message"))
	}
	// With --all it only means that somebody else was faster.
	if result.NotFound > 0 && given {
		return fmt.Errorf("%s not found: %w", plural(result.NotFound, "id"), symphony.ErrNotFound)
	}
	return nil
}

func (a *app) failedRetryCommand() *cobra.Command {
	var (
		f             bulkFlags
		payload, file string
	)
	cmd := &cobra.Command{
		Use:   "retry [ID…]",
		Short: "Dispatch failed messages again",
		Long: `Take failed messages out of the dead letter queue and dispatch each again as a new
message, with the same type, payload, metadata, headers, queue, priority and
idempotency key, and with all its attempts. Both happen in one transaction.

With --payload one message is retried with another payload.`,
		Example: `  symphony failed retry 019a0f6e-…
  symphony failed retry 019a0f6e-… --payload '{"to": "ada@example.com"}'
  symphony failed retry --all --type invoice.send --since 2h
  symphony failed retry --all --error-class timeout`,
		RunE: a.run(func(cmd *cobra.Command, ids []string) error {
			if err := f.check(ids); err != nil {
				return err
			}
			corrected, err := a.correctedPayload(cmd, ids, payload, file)
			if err != nil {
				return err
			}
			r, err := a.reach(cmd, storageOnly)
			if err != nil {
				return err
			}
			defer r.close()
			if len(ids) == 1 {
				return a.retryOne(cmd.Context(), r, f.transport, ids[0], corrected)
			}
			selected, err := f.ids(cmd.Context(), r, ids)
			if err != nil {
				return err
			}
			result, err := a.bulk(cmd.Context(), selected, f.transport, "retrying", r.RetryFailedBulk)
			if err != nil {
				return err
			}
			return a.showBulk("Retried", result, !f.all)
		}),
	}
	f.add(cmd)
	cmd.Flags().StringVar(&payload, "payload", "", "retry the one message with this payload: `JSON`, @FILE, or - for standard input")
	cmd.Flags().StringVar(&file, "payload-file", "", "the same, from a `FILE`")
	cmd.MarkFlagsMutuallyExclusive("payload", "payload-file")
	a.jsonFlag(cmd)
	a.reachFlags(cmd)
	return cmd
}

func (a *app) correctedPayload(cmd *cobra.Command, ids []string, payload, file string) ([]byte, error) {
	switch {
	case cmd.Flags().Changed("payload-file"):
		payload = "@" + file
	case !cmd.Flags().Changed("payload"):
		return nil, nil
	}
	if len(ids) != 1 {
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
Without a terminal to ask on, --yes is needed.`,
		Example: `  symphony failed remove 019a0f6e-…
  symphony failed remove --all --until 720h
  symphony failed remove --all --type demo.hello --yes`,
		RunE: a.run(func(cmd *cobra.Command, ids []string) error {
			if err := f.check(ids); err != nil {
				return err
			}
			r, err := a.reach(cmd, storageOnly)
			if err != nil {
				return err
			}
			defer r.close()
			selected, err := f.ids(cmd.Context(), r, ids)
			if err != nil {
				return err
			}
			if len(selected) > 1 || f.all && len(selected) > 0 {
				if err := a.confirm(fmt.Sprintf("Delete %s for good?", plural(len(selected), "failed message")), yes); err != nil {
					return err
				}
			}
			result, err := a.bulk(cmd.Context(), selected, f.transport, "deleting", r.DeleteFailedBulk)
			if err != nil {
				return err
			}
			return a.showBulk("Deleted", result, !f.all)
		}),
	}
	f.add(cmd)
	yesFlag(cmd, &yes)
	a.jsonFlag(cmd)
	a.reachFlags(cmd)
	return cmd
}
