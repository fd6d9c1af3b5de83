package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

func (a *app) dispatchCommand() *cobra.Command {
	var f dispatchFlags
	cmd := &cobra.Command{
		Use:   "dispatch TYPE [PAYLOAD | @FILE | -]",
		Short: "Store a message for a worker",
		Long: `Store one message and print its id. When the command ends with 0 the message is on
disk, and a worker will handle it.

PAYLOAD is a JSON object: as an argument, from a file with @, or from standard input
with - or when left out. The route for TYPE, the transport's queue and its priority
are used where no flag says otherwise.

With --wait it goes on until the message has ended, prints what its handler has left, as
JSON, and ends with 0 if it is completed, with 1 if it has failed or was cancelled, and
with 5 if it has not ended in time. What was dispatched is told on standard error then.

With --idempotency-key, any number of dispatches with the same key, TYPE and PAYLOAD
make one message; with another TYPE or PAYLOAD the exit code is 4.`,
		Example: `  symphony dispatch demo.hello '{"name": "Ada"}'
  symphony dispatch invoice.send @invoice.json --priority 9 --queue urgent
  echo '{"order": 42}' | symphony dispatch order.placed --idempotency-key order-42
  symphony dispatch report.monthly '{}' --at 2026-12-01T06:00:00Z
  symphony dispatch reminder '{}' --delay 15m --server https://queue.example.com
  symphony dispatch export.orders '{"month": "2026-11"}' --wait=2m | jq .url`,
		Args: cobra.RangeArgs(1, 2),
	}
	f.add(cmd)
	var (
		req  wire.DispatchRequest
		wait time.Duration
	)
	cmd.Flags().DurationVar(&wait, "wait", 0, "wait for the end, for this `TIME` at most, and print what it leaves")
	cmd.Flags().Lookup("wait").NoOptDefVal = defaultWait.String()
	return act[dispatched]{
		check: func(args []string) error {
			payload, err := a.payload(args[1:])
			if err != nil {
				return err
			}
			req, err = f.request(args[0], payload)
			return err
		},
		need: withHandlers,
		do: func(ctx context.Context, r *reached, _ []string) (d dispatched, err error) {
			if d.DispatchResponse, err = r.Dispatch(ctx, req); err != nil || wait <= 0 {
				return d, err
			}
			m, err := waitFor(ctx, r, d.Transport, d.MessageID, wait)
			d.Message = &m.Message
			return d, err
		},
		show: func(d dispatched) {
			if d.Message == nil {
				a.showReceipt(a.out, d.DispatchResponse)
				return
			}
			a.showReceipt(a.err, d.DispatchResponse)
			a.showOutput(d.Message)
		},
		verdict: func(d dispatched) error {
			if d.Message == nil {
				return nil
			}
			return endOf(d.Message)
		},
	}.command(a, cmd)
}

// dispatched is what a dispatch came to, and where that was waited for, what became of the message.
type dispatched struct {
	wire.DispatchResponse
	Message *wire.WholeMessage `json:"message,omitzero"`
}

// dispatchFlags are the options of a dispatch: those that flags set as they are, and those that mean something else
// to people.
type dispatchFlags struct {
	options           wire.DispatchOptions
	at                string
	delay, expires    time.Duration
	headers, metadata []string
}

func (f *dispatchFlags) add(cmd *cobra.Command) {
	flags, o := cmd.Flags(), &f.options
	flags.DurationVarP(&f.delay, "delay", "d", 0, "deliver no earlier than in this `TIME`, like 90s or 2h")
	flags.StringVar(&f.at, "at", "", "deliver no earlier than at this `TIME`, like 2026-12-01T09:00:00Z")
	addOption(flags, o, &o.IdempotencyKey, "idempotency-key", "k", "make one message of all dispatches with this `KEY`")
	flags.DurationVar(&f.expires, "expires-in", 0, "if it is not begun within this `TIME`, have it fail as expired")
	f.addTo(cmd)
	cmd.MarkFlagsMutuallyExclusive("delay", "at")
}

// addTo adds the options that a schedule's message has, too.
func (f *dispatchFlags) addTo(cmd *cobra.Command) {
	flags, o := cmd.Flags(), &f.options
	addOption(flags, o, &o.Transport, "transport", "t", "`NAME` of the transport (default: the route for the type)")
	addOption(flags, o, &o.Queue, "queue", "q", "`NAME` of the queue (default: the transport's)")
	addOption(flags, o, &o.Priority, "priority", "p", fmt.Sprintf("%d to %d, %d goes first (default: the transport's)",
		symphony.MinPriority, symphony.MaxPriority, symphony.MaxPriority))
	flags.StringArrayVarP(&f.headers, "header", "H", nil, "send `NAME=VALUE`, or a JSON object, along; may be repeated")
	flags.StringArrayVarP(&f.metadata, "metadata", "m", nil,
		"keep `NAME=VALUE`, or a JSON object, beside the payload; may be repeated")
	addOption(flags, o, &o.ConcurrencyKey, "concurrency-key", "",
		"handle messages with this `KEY` one at a time, or as the limits of their type say")
	addOption(flags, o, &o.GroupKey, "group", "", "take turns with other groups, such as tenants; `KEY` names this one")
	addOption(flags, o, &o.Ordered, "ordered", "", "handle the messages of the group in the order of their dispatch")
	addOption(flags, o, &o.DebounceKey, "debounce-key", "", "take the place of the message with this `KEY` that waits")
	addOption(flags, o, &o.ThrottleKey, "throttle-key", "", "store nothing while a message with this `KEY` waits")
	addParsed(flags, o, count(&o.MaxRetries), "max-retries",
		"try it up to `N` times after the first (default: as the policy says)")
	addParsed(flags, o, durations(&o.RetryDelay), "retry-delay",
		"wait this `TIME` before a retry, or a list like 1s,10s,1m, of which the last repeats")
	addParsed(flags, o, duration(&o.Timeout), "timeout",
		"let each attempt take this `TIME` at most (default: the handler's)")
	addParsed(flags, o, duration(&o.Retention), "retention",
		"keep it for this `TIME` once it is completed or cancelled; 0s: not at all (default: as the settings say)")
	addParsed(flags, o, words(&o.Tags), "tag", "have it found by this `WORD`; may be repeated")
	addOption(flags, o, &o.URL, "url", "",
		"push it to this `URL`, of an origin in push.allowed_origins, instead of to a handler")
	addParsed(flags, o, follower(&o.OnSuccess), "on-success",
		"dispatch a message of this `TYPE`, or as a JSON object says, when it is completed")
	addParsed(flags, o, follower(&o.OnFailure), "on-failure",
		"dispatch a message of this `TYPE`, or as a JSON object says, when it fails for good or is cancelled")
	addOption(flags, o, &o.CorrelationID, "correlation-id", "",
		"`ID` that the messages of one story share (default: its own)")
	addOption(flags, o, &o.CausationID, "causation-id", "", "`ID` of the message that caused this one")
}

func (f *dispatchFlags) request(typ string, payload []byte) (wire.DispatchRequest, error) {
	o := f.options
	var errs []error
	switch {
	case f.expires < 0:
		errs = append(errs, errors.New("--expires-in must not be negative"))
	case f.expires > 0:
		at := symphony.SystemClock().Now().Add(f.expires)
		o.ExpiresAt = &at
	}
	switch {
	case f.delay < 0:
		errs = append(errs, errors.New("--delay must not be negative"))
	case f.delay > 0:
		ms := int(f.delay.Milliseconds())
		o.Delay = &ms
	case f.at != "":
		at, err := time.Parse(time.RFC3339, f.at)
		if err != nil {
			errs = append(errs, fmt.Errorf("--at must be a time like 2026-12-01T09:00:00Z, is %q", f.at))
		}
		o.ScheduledAt = &at
	}
	headers, err := parseValues("--header", f.headers)
	errs = append(errs, err)
	metadata, err := parseValues("--metadata", f.metadata)
	errs = append(errs, err)
	if err := errors.Join(errs...); err != nil {
		return wire.DispatchRequest{}, usageError{err}
	}
	if len(headers) > 0 {
		o.Headers = headers
	}
	if len(metadata) > 0 {
		if o.Metadata, err = json.Marshal(metadata); err != nil {
			return wire.DispatchRequest{}, err
		}
	}
	return wire.DispatchRequest{Message: wire.Message{Type: typ, Payload: payload},
		Options: wire.AskedOptions{DispatchOptions: o}}, nil
}

// optional is nil for a flag that was not given.
func optional[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

// parseValues makes one object of what a flag that may be repeated has: NAME=VALUE, a text, or a JSON object.
func parseValues(flag string, given []string) (map[string]jsontext.Value, error) {
	all := map[string]json.RawMessage{}
	for _, m := range given {
		if strings.HasPrefix(m, "{") {
			if err := json.Unmarshal([]byte(m), &all); err != nil {
				return nil, fmt.Errorf("%s %s: %w", flag, m, err)
			}
			continue
		}
		name, value, ok := strings.Cut(m, "=")
		if !ok {
			return nil, fmt.Errorf("%s must be NAME=VALUE or a JSON object, is %q", flag, m)
		}
		text, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		all[name] = text
	}
	out := make(map[string]jsontext.Value, len(all))
	for name, v := range all {
		out[name] = jsontext.Value(v)
	}
	return out, nil
}

// payload reads the payload from where the argument says.
func (a *app) payload(args []string) ([]byte, error) {
	arg := "-"
	if len(args) > 0 {
		arg = args[0]
	} else if isTerminal(a.in) {
		return nil, usageError{errors.New(`the payload is missing: give a JSON object like '{"name": "Ada"}', @FILE, or - for standard input`)}
	}
	return a.readPayload(arg)
}

func (a *app) readPayload(arg string) ([]byte, error) {
	raw := []byte(arg)
	var err error
	switch file, isFile := strings.CutPrefix(arg, "@"); {
	case arg == "-":
		raw, err = io.ReadAll(a.in)
	case isFile:
		raw, err = os.ReadFile(file)
	}
	if err != nil {
		return nil, usageError{fmt.Errorf("payload: %w", err)}
	}
	raw = bytes.TrimSpace(raw)
	if !json.Valid(raw) {
		return nil, usageError{errors.New(`the payload is not valid JSON; give an object like '{"name": "Ada"}', @FILE, or - for standard input`)}
	}
	return raw, nil
}

func (a *app) showReceipt(to io.Writer, r wire.DispatchResponse) {
	s := a.style(to)
	show := func(r wire.Receipt) {
		what := "dispatched"
		switch {
		case r.Duplicate:
			what = "known already"
		case r.Dropped:
			what = "dropped for"
		}
		fmt.Fprintf(to, "%s %s to %s/%s", s.green(what), s.bold(r.MessageID), r.Transport, r.Queue)
		if r.ScheduledAt != nil {
			fmt.Fprintf(to, ", not before %s", shortTime(*r.ScheduledAt))
		}
		if r.Replaced != "" {
			fmt.Fprintf(to, ", in place of %s", r.Replaced)
		}
		fmt.Fprintln(to)
	}
	show(r.Receipt)
	for _, also := range r.Also {
		show(also)
	}
}
