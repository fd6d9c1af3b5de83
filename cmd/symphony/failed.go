package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

func (a *app) failedCommand() *cobra.Command {
	return section(&cobra.Command{
		Use:   "failed",
		Short: "Look after messages that could not be handled (the dead letter queue)",
		Long: `A message that fails for good, or too often, goes to the dead letter queue with its
error and its attempts. It stays there until it is retried or removed.`,
		Example: `  symphony failed list
  symphony failed show 019a0f6e-…
  symphony failed retry 019a0f6e-… --payload '{"to": "ada@example.com"}'`,
	}, a.failedListCommand(), a.failedShowCommand(), a.failedRetryCommand(), a.failedRemoveCommand(), a.failedExportCommand())
}

// filterFlags select failed messages.
type filterFlags struct {
	transport, queue, typ, class, since, until, search string
}

func (f *filterFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVarP(&f.transport, "transport", "t", "", "`NAME` of the transport (default: the default transport)")
	flags.StringVarP(&f.queue, "queue", "q", "", "only of this queue")
	flags.StringVar(&f.typ, "type", "", "only of this type")
	flags.StringVar(&f.class, "error-class", "", "only with this class of error, like timeout or no_handler")
	flags.StringVar(&f.since, "since", "", "only failed since this `TIME`: like 2026-12-01T09:00:00Z, or 2h for two hours ago")
	flags.StringVar(&f.until, "until", "", "only failed before this `TIME`")
	flags.StringVar(&f.search, "search", "", "only with this `TEXT` in type, payload or error")
}

// given reports whether any flag narrows the selection down.
func (f *filterFlags) given() bool {
	return f.queue+f.typ+f.class+f.since+f.until+f.search != ""
}

func (f *filterFlags) filter() (wire.FailedFilter, error) {
	filter := wire.FailedFilter{Queue: f.queue, Type: f.typ, ErrorClass: f.class, Q: f.search}
	var err error
	if filter.Since, err = parseTime("--since", f.since); err != nil {
		return filter, err
	}
	filter.Until, err = parseTime("--until", f.until)
	return filter, err
}

// parseTime reads a time, or how long ago it was.
func parseTime(flag, s string) (*time.Time, error) {
	if s == "" {
		return nil, nil
	}
	if d, err := time.ParseDuration(s); err == nil && d >= 0 {
		t := symphony.SystemClock().Now().Add(-d).UTC()
		return &t, storable(flag, t)
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return nil, usageError{fmt.Errorf("%s must be a time like 2026-12-01T09:00:00Z or a span like 2h, is %q", flag, s)}
	}
	return &t, storable(flag, t)
}
