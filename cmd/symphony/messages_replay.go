package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// replayFlags are those of replay.
type replayFlags struct {
	messageFlags
	all, dryRun, background, yes bool
	rate                         int
	payload, file, key           string
}

// check refuses a selection that is empty or says two things.
func (f *replayFlags) check(ids []string) error {
	switch {
	case f.all && len(ids) > 0:
		return usageError{errors.New("give ids or --all, not both")}
	case !f.all && f.given():
		return usageError{errors.New("these flags select messages for --all; add it to mean every one that matches")}
	case !f.all && len(ids) == 0:
		return usageError{errors.New(`name the messages by id (see "symphony messages list --status completed"), or use --all`)}
	case (f.payload != "" || f.file != "" || f.key != "") && (f.all || f.background || f.rate != 0 || len(ids) != 1):
		return usageError{errors.New("a payload or key is for one message: give exactly one id with it, and nothing about many")}
	case f.rate < 0:
		return usageError{fmt.Errorf("--rate must be at least 1, is %d", f.rate)}
	}
	return nil
}

func (a *app) messagesReplayCommand() *cobra.Command {
	var f replayFlags
	cmd := &cobra.Command{
		Use:   "replay [ID…]",
		Short: "Dispatch completed messages again",
		Long: `Dispatch what was completed again, as new messages with the same type, payload, metadata,
headers, queue and priority. The work is done again, so more than one is asked about
first. Each message is dispatched exactly once, even where servers are killed meanwhile.

Many are replayed as an operation: the command follows it, or with --background leaves it
to the server. --rate spreads them over time. Messages that failed are retried instead, see
"symphony failed retry".`,
		Example: `  symphony messages replay 019a0f6e-…
  symphony messages replay 019a0f6e-… --payload '{"to": "ada@example.com"}'
  symphony messages replay --all --type invoice.send --since 2h --dry-run
  symphony messages replay --all --type invoice.send --since 2h --rate 50 --yes`,
		RunE: a.run(func(cmd *cobra.Command, ids []string) error {
			if err := f.check(ids); err != nil {
				return err
			}
			payload, err := a.correctedPayload(cmd, len(ids) == 1, f.payload, f.file)
			if err != nil {
				return err
			}
			q, err := f.query()
			if err != nil {
				return err
			}
			r, err := a.reach(cmd, storageOnly)
			if err != nil {
				return err
			}
			defer r.close()
			if len(ids) == 1 && !f.background && !f.dryRun {
				return a.replayOne(cmd.Context(), r, &f, ids[0], payload)
			}
			request := wire.ReplayManyRequest{Transport: optional(f.transport), IDs: ids, Rate: optional(f.rate)}
			if f.all {
				request.IDs, request.Filter = nil, &q.MessageFilter
			}
			return a.replayMany(cmd.Context(), r, &f, request)
		}),
	}
	f.add(cmd, "status", "idempotencyKey", "failureGroup")
	flags := cmd.Flags()
	flags.BoolVar(&f.all, "all", false, "every completed message of the transport that is kept, or all that the other flags select")
	flags.BoolVar(&f.dryRun, "dry-run", false, "only say how many messages there are")
	flags.BoolVar(&f.background, "background", false, "do not wait; see symphony operations")
	flags.IntVar(&f.rate, "rate", 0, "at most so many messages per second")
	flags.StringVar(&f.payload, "payload", "", "replay the one message with this payload: `JSON`, @FILE, or - for standard input")
	flags.StringVar(&f.file, "payload-file", "", "the same, from a `FILE`")
	flags.StringVar(&f.key, "idempotency-key", "", "idempotency `KEY` for the one new message, so that repeating the command makes no second one")
	cmd.MarkFlagsMutuallyExclusive("payload", "payload-file")
	yesFlag(cmd, &f.yes)
	a.jsonFlag(cmd)
	a.reachFlags(cmd)
	return cmd
}

func (a *app) replayOne(ctx context.Context, r *reached, f *replayFlags, id string, payload []byte) error {
	done, err := r.ReplayMessage(ctx, f.transport, id, wire.ReplayRequest{Payload: payload, IdempotencyKey: optional(f.key)})
	if err != nil {
		return err
	}
	return tell(a, done, func(wire.ReplayResponse) {
		s, note := a.style(a.out), ""
		if done.Duplicate {
			note = " (the key was used before: this is that message)"
		}
		fmt.Fprintf(a.out, "%s %s as message %s%s\n", s.green("replayed"), id, s.bold(done.NewMessageID), note)
	})
}

func (a *app) replayMany(ctx context.Context, r *reached, f *replayFlags, request wire.ReplayManyRequest) error {
	if f.dryRun || !f.yes {
		count, err := r.PreviewReplay(ctx, request)
		if err != nil {
			return err
		}
		switch {
		case f.dryRun:
			return tell(a, count, func(wire.PreviewCountResponse) {
				atLeast := ""
				if count.AtLeast {
					atLeast = "at least "
				}
				fmt.Fprintf(a.out, "Would replay %s%s.\n", atLeast, plural(int(count.Count), "message"))
			})
		case count.Count > 1:
			if err := a.confirm(fmt.Sprintf("Dispatch %s again?", plural(int(count.Count), "message")), false); err != nil {
				return err
			}
		}
	}
	started, err := r.ReplayMessages(ctx, request)
	if err != nil {
		return err
	}
	return a.carry(ctx, r, started.Operation, f.background, "Replayed", "message")
}
