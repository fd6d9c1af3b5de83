package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony/client"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

func (a *app) handlersCommand() *cobra.Command {
	return section(&cobra.Command{
		Use:   "handlers",
		Short: "See what handles messages, and have them pushed to a URL",
		Long: `Handlers that are set push the messages of a pattern of types to a URL, signed, while the
server runs and on all nodes, beside those of the configuration, which win. The origin of
the URL must be among push.allowed_origins.`,
	}, a.handlersListCommand(), a.handlersSetCommand(), a.handlersDeleteCommand(), a.handlersRotateCommand(),
		a.handlersRetireCommand())
}

func (a *app) handlersListCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the handlers that are configured and set",
		Example: "  symphony handlers list\n  symphony handlers list --json",
		Args:    cobra.NoArgs,
	}
	return query[wire.HandlersResponse]{
		need: withHandlers,
		ask: func(ctx context.Context, r *reached, _ []string) (wire.HandlersResponse, error) {
			return r.Handlers(ctx)
		},
		show: a.showHandlers,
	}.command(a, cmd)
}

// inQueueFlag offers --queue, which tells handlers of one pattern apart.
func inQueueFlag(cmd *cobra.Command, queue *string) {
	cmd.Flags().StringVarP(queue, "queue", "q", "",
		"the handler that is for this `QUEUE` alone, such as that of a preview")
}

func (a *app) handlersSetCommand() *cobra.Command {
	var (
		queue, secretFile string
		retries           int
		delays            []time.Duration
		timeout           time.Duration
		keep              bool
		places            int
		queues            []string
		req               wire.HandlerRequest
	)
	cmd := &cobra.Command{
		Use:   "set PATTERN URL",
		Short: "Have the messages of a pattern of types pushed to a URL",
		Long: `Have the messages whose types match PATTERN pushed to URL: a type, Prefix.* or '*'. What is not
given is the default, also where the handler was there before; its secrets stay.

The secret by which the endpoint knows what is pushed is printed for a new handler, and only
then. --secret-file has one of yours sign, such as that of the handlers of the same endpoint.`,
		Example: `  symphony handlers set 'order.*' https://app.example.com/api/symphony
  symphony handlers set '*' https://app.example.com/api/symphony --timeout 1m --concurrency 20
  symphony handlers set '*' https://pr-42.example.com/api/symphony --queue pr-42 --secret-file secret`,
		Args: cobra.ExactArgs(2),
	}
	inQueueFlag(cmd, &queue)
	flags := cmd.Flags()
	flags.StringVar(&secretFile, "secret-file", "",
		"`FILE` with the secret (whsec_…) that signs alone from now on (default: those that sign, or a new one)")
	flags.IntVar(&retries, "max-retries", 0, "attempts after the first (default: as for all messages)")
	flags.DurationSliceVar(&delays, "retry-delay", nil,
		"wait before each retry, separated by commas; the last one repeats")
	flags.DurationVar(&timeout, "timeout", 0, "how long an attempt may take (default: push.timeout)")
	flags.BoolVar(&keep, "keep-output", false, "keep what the endpoint answers in JSON as the output of the message")
	flags.IntVar(&places, "concurrency", 0,
		"how many of a worker's messages it has at the same time (default: half of them)")
	flags.StringSliceVar(&queues, "queues", nil, "only messages of these `QUEUES`, separated by commas (default: all)")
	return act[wire.HandlerResponse]{
		need: withHandlers,
		check: func(args []string) error {
			req = wire.HandlerRequest{URL: args[1]}
			req.Queues = queues
			if flags.Changed("max-retries") || len(delays) > 0 {
				req.Retry = &wire.HandlerRetry{}
			}
			if flags.Changed("max-retries") {
				req.Retry.MaxRetries = &retries
			}
			for _, d := range delays {
				req.Retry.RetryDelay = append(req.Retry.RetryDelay, int(d.Milliseconds()))
			}
			if flags.Changed("timeout") {
				ms := int(timeout.Milliseconds())
				req.Timeout = &ms
			}
			if keep {
				req.KeepOutput = &keep
			}
			if flags.Changed("concurrency") {
				req.Concurrency = &places
			}
			secret, err := secretOf(secretFile)
			req.Secret = secret
			return err
		},
		do: func(ctx context.Context, r *reached, args []string) (wire.HandlerResponse, error) {
			return r.SetHandler(ctx, client.HandlerTarget{Pattern: args[0], Queue: queue}, req)
		},
		show: a.showSecret("is pushed and signed by this secret from now on"),
	}.command(a, cmd)
}

// secretOf reads a secret from a file, nil where none is named.
func secretOf(file string) (*string, error) {
	if file == "" {
		return nil, nil
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, usageError{fmt.Errorf("--secret-file: %w", err)}
	}
	secret := strings.TrimSpace(string(raw))
	if secret == "" {
		return nil, usageError{errors.New("--secret-file: the file is empty")}
	}
	return &secret, nil
}

// showSecret prints the secret of an answer, for a variable, and beside it what it is good for.
func (a *app) showSecret(what string) func(wire.HandlerResponse) {
	return func(of wire.HandlerResponse) {
		if of.Secret != "" {
			fmt.Fprintln(a.out, of.Secret)
			fmt.Fprintf(a.err, "%s %s. It is shown only now.\n", printable(of.Handler.Pattern), what)
			return
		}
		a.showHandlers(wire.HandlersResponse{Handlers: []wire.Handler{of.Handler}})
	}
}

func (a *app) handlersDeleteCommand() *cobra.Command {
	var queue string
	cmd := &cobra.Command{
		Use:   "delete PATTERN",
		Short: "Delete a handler that was set",
		Long: `Delete a handler that was set. Messages that wait for it fail with errorClass no_handler when their
turn comes, unless something else handles them: pause their queue first to keep them.`,
		Example: "  symphony handlers delete 'order.*'\n  symphony handlers delete '*' --queue pr-42",
		Args:    cobra.ExactArgs(1),
	}
	inQueueFlag(cmd, &queue)
	return act[wire.DoneResponse]{
		need: withHandlers,
		do: func(ctx context.Context, r *reached, args []string) (wire.DoneResponse, error) {
			return r.DeleteHandler(ctx, client.HandlerTarget{Pattern: args[0], Queue: queue})
		},
		show: func(done wire.DoneResponse) { fmt.Fprintln(a.out, printable(done.Message)) },
	}.command(a, cmd)
}

func (a *app) handlersRotateCommand() *cobra.Command {
	var queue, secretFile string
	var secret string
	cmd := &cobra.Command{
		Use:   "rotate PATTERN",
		Short: "Make the next secret of a handler",
		Long: `Make the next secret of a handler and print it, once. From now on both sign each push: give the
endpoint the new one, then "symphony handlers retire" the old one.`,
		Example: "  symphony handlers rotate 'order.*'",
		Args:    cobra.ExactArgs(1),
	}
	inQueueFlag(cmd, &queue)
	cmd.Flags().StringVar(&secretFile, "secret-file", "", "`FILE` with the next secret (default: one is made)")
	return act[wire.HandlerResponse]{
		need: withHandlers,
		check: func([]string) error {
			given, err := secretOf(secretFile)
			if given != nil {
				secret = *given
			}
			return err
		},
		do: func(ctx context.Context, r *reached, args []string) (wire.HandlerResponse, error) {
			return r.RotateHandler(ctx, client.HandlerTarget{Pattern: args[0], Queue: queue}, secret)
		},
		show: a.showSecret("is signed by this secret, too, from now on"),
	}.command(a, cmd)
}

func (a *app) handlersRetireCommand() *cobra.Command {
	var queue string
	cmd := &cobra.Command{
		Use:     "retire PATTERN",
		Short:   "Have the newer secret of a handler sign alone",
		Example: "  symphony handlers retire 'order.*'",
		Args:    cobra.ExactArgs(1),
	}
	inQueueFlag(cmd, &queue)
	return act[wire.HandlerResponse]{
		need: withHandlers,
		do: func(ctx context.Context, r *reached, args []string) (wire.HandlerResponse, error) {
			return r.RetireHandler(ctx, client.HandlerTarget{Pattern: args[0], Queue: queue})
		},
		show: a.showSecret(""),
	}.command(a, cmd)
}

func (a *app) showHandlers(of wire.HandlersResponse) {
	if len(of.Handlers) == 0 {
		fmt.Fprintln(a.out, "No handlers.")
		return
	}
	rows := make([][]string, len(of.Handlers))
	for i, h := range of.Handlers {
		source, secrets := h.Source, ""
		if h.Source == wire.HandlerSet {
			source = "set"
		}
		if h.Secrets > 0 {
			secrets = strconv.Itoa(h.Secrets)
		}
		rows[i] = []string{oneLine(h.Pattern, 40), oneLine(handlerQueues(h), 40), source, oneLine(handlerPlace(h), 60),
			secrets, oneLine(handlerNote(h), 80)}
	}
	a.table([]string{"PATTERN", "QUEUES", "SOURCE", "HANDLED BY", "SECRETS", ""}, rows, nil)
}

func handlerQueues(h wire.Handler) string {
	switch {
	case h.Queue != "":
		return h.Queue + " alone"
	case len(h.Queues) > 0:
		return strings.Join(h.Queues, ", ")
	}
	return "all"
}

func handlerPlace(h wire.Handler) string {
	if h.URL != "" {
		return h.URL
	}
	return strings.TrimSpace(h.Kind + " " + h.Name)
}

func handlerNote(h wire.Handler) string {
	switch {
	case h.OverriddenBy != "":
		return "gets nothing: " + h.OverriddenBy + " is configured, and wins"
	case h.Problem != "":
		return "cannot push: " + h.Problem
	}
	return ""
}
