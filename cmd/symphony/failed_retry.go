package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony/httpapi/wire"
	"github.com/symphony-messenger/symphony/triage"
)

func (a *app) failedRetryCommand() *cobra.Command {
	var (
		f             bulkFlags
		payload, file string
		patch         string
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

With --patch the payloads are corrected by a JSON merge patch: its members replace theirs, null
takes away. --dry-run then shows what it makes of three of them. What it would break stays where
it is, and counts as skipped.

The work is done again, so --all asks first; without a terminal to ask on, --yes is needed.
Many are retried as an operation, which goes on by itself; --background does not wait for it.`,
		Example: `  symphony failed retry 019a0f6e-…
  symphony failed retry 019a0f6e-… --payload '{"to": "ada@example.com"}'
  symphony failed retry --newest --type invoice.send
  symphony failed retry --all --type invoice.send --since 2h
  symphony failed retry --all --error-class timeout --dry-run
  symphony failed retry --all --type invoice.send --patch '{"currency": "EUR"}' --rate 50
  symphony failed retry --all --error-class timeout --background --rate 100 --yes`,
		RunE: a.run(func(cmd *cobra.Command, ids []string) error {
			if err := f.check(ids, newest); err != nil {
				return err
			}
			one := newest || len(ids) == 1
			if patch != "" && one {
				return usageError{errors.New("--patch corrects many messages; give one its --payload")}
			}
			merge, err := a.patch(patch)
			if err != nil {
				return err
			}
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
			if selected.Patch = merge; f.dryRun && merge != nil {
				preview, err := r.PreviewFailedRetry(cmd.Context(), selected.BulkRequest)
				if err != nil {
					return err
				}
				return tell(a, preview, func(wire.BulkResponse) {
					fmt.Fprintf(a.out, "Would retry %s.\n", plural(preview.Count, "failed message"))
					a.showExamples(preview.Examples)
				})
			}
			if f.all && !f.dryRun && selected.count > 0 {
				if err := a.confirm(fmt.Sprintf("Dispatch %s again?", plural(selected.count, "failed message")), yes); err != nil {
					return err
				}
			}
			if f.operation(selected) || merge != nil && selected.count > 0 { // it tells what was skipped
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
	cmd.Flags().StringVar(&patch, "patch", "",
		"correct payloads by this JSON merge patch: `JSON`, @FILE, or - for standard input")
	cmd.MarkFlagsMutuallyExclusive("payload", "payload-file", "patch")
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

// patch reads a JSON merge patch, nil for none.
func (a *app) patch(text string) ([]byte, error) {
	if text == "" {
		return nil, nil
	}
	raw, err := a.readPayload(text)
	if err == nil {
		_, err = triage.ParsePatch(raw)
	}
	if err != nil {
		return nil, usageError{fmt.Errorf("--patch: %w", err)}
	}
	return raw, nil
}

// showExamples prints what a patch makes of some payloads.
func (a *app) showExamples(list []wire.PatchExample) {
	for _, e := range list {
		fmt.Fprintf(a.out, "\n%s\n  before  %s\n", a.style(a.out).bold(e.ID), oneLine(string(e.Before), maxExample))
		if e.After != nil {
			fmt.Fprintf(a.out, "  after   %s\n", oneLine(string(e.After), maxExample))
		}
		for _, p := range e.Problems {
			fmt.Fprintf(a.out, "  %s  %s %s\n", a.style(a.out).red("stays"), p.Path, p.Message)
		}
	}
}

// maxExample is how many characters of a payload an example shows.
const maxExample = 200

func (a *app) retryOne(ctx context.Context, r *reached, transport, id string, payload []byte) error {
	done, err := r.RetryFailed(ctx, transport, id, payload)
	if err != nil {
		return err
	}
	return tell(a, done, func(wire.RetryResponse) {
		s := a.style(a.out)
		fmt.Fprintf(a.out, "%s %s as message %s\n", s.green("retried"), id, s.bold(done.NewMessageID))
	})
}
