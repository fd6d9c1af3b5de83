package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/client"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

func (a *app) limitsCommand() *cobra.Command {
	return section(&cobra.Command{
		Use:   "limits",
		Short: "See and set how much may be handled at once, or started in a time",
		Long: `Limits hold for all workers on all nodes together. Those of the configuration can be replaced,
and others set, while the server runs: for the next message that is handed out, also of those
that wait already. What is set is kept until it is deleted, or until the time that it names.`,
	}, a.limitsListCommand(), a.limitsSetCommand(), a.limitsDeleteCommand())
}

func (a *app) limitsListCommand() *cobra.Command {
	var transport string
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the limits that are configured and set, with their use",
		Example: "  symphony limits list\n  symphony limits list --json",
		Args:    cobra.NoArgs,
	}
	transportFlag(cmd, &transport)
	return query[wire.LimitsResponse]{
		ask: func(ctx context.Context, r *reached, _ []string) (wire.LimitsResponse, error) {
			return r.Limits(ctx, transport)
		},
		show: a.showLimits,
	}.command(a, cmd)
}

// limitFlags say what is limited.
type limitFlags struct{ client.LimitTarget }

func (f *limitFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVarP(&f.Transport, "transport", "t", "", "`NAME` of the transport (default: the default transport)")
	flags.StringVar(&f.Type, "type", "", "messages of this `TYPE`, or a pattern such as Mail.*")
	flags.StringVarP(&f.Queue, "queue", "q", "", "messages of this `QUEUE`")
	flags.StringVar(&f.Key, "key", "", "messages with this concurrency `KEY`; with --type only of these types")
}

func (f *limitFlags) check([]string) error {
	switch {
	case f.Type == "" && f.Queue == "" && f.Key == "":
		return usageError{errors.New("say what is limited: --type, --queue or --key")}
	case f.Queue != "" && (f.Type != "" || f.Key != ""):
		return usageError{errors.New("--queue cannot be combined with --type or --key")}
	}
	return nil
}

func (a *app) limitsSetCommand() *cobra.Command {
	var (
		f           limitFlags
		e           endFlags
		concurrency int
		rate        string
		burst       int
	)
	cmd := &cobra.Command{
		Use:   "set",
		Short: "Set the limit of types, of a queue or of a key",
		Long: `Set a limit, in place of what was set or is configured for the same. What is not given is
unlimited; without --concurrency and --rate nothing limits it until the limit is deleted.`,
		Example: "  symphony limits set --type 'Mail.*' --rate 100/s\n" +
			"  symphony limits set --queue import --concurrency 2 --for 1h\n" +
			"  symphony limits set --key tenant-7 --type Report --concurrency 1",
		Args: cobra.NoArgs,
	}
	f.add(cmd)
	e.add(cmd)
	cmd.Flags().IntVar(&concurrency, "concurrency", 0,
		"how many may be in workers' hands at the same time (default: unlimited)")
	cmd.Flags().StringVar(&rate, "rate", "",
		"how many may start in a time, such as 100/s, 30/m or 5/10s (default: unlimited)")
	cmd.Flags().IntVar(&burst, "burst", 0, "how many of the rate may start at the same moment (default: by the rate)")
	return act[wire.LimitsResponse]{
		check: func(args []string) error {
			if cmd.Flags().Changed("concurrency") && concurrency < 1 {
				return usageError{errors.New("--concurrency must be at least 1; leave it out for unlimited")}
			}
			if err := e.check(); err != nil {
				return err
			}
			return f.check(args)
		},
		do: func(ctx context.Context, r *reached, _ []string) (wire.LimitsResponse, error) {
			return r.SetLimit(ctx, f.LimitTarget, wire.LimitRequest{Concurrency: optional(concurrency),
				Rate: optional(rate), Burst: optional(burst), Until: e.until()})
		},
		show: a.showLimits,
	}.command(a, cmd)
}

func (a *app) limitsDeleteCommand() *cobra.Command {
	var f limitFlags
	cmd := &cobra.Command{
		Use:     "delete",
		Short:   "Go back to the configured limit",
		Example: "  symphony limits delete --type 'Mail.*'\n  symphony limits delete --queue import",
		Args:    cobra.NoArgs,
	}
	f.add(cmd)
	return act[wire.LimitsResponse]{
		check: f.check,
		do: func(ctx context.Context, r *reached, _ []string) (wire.LimitsResponse, error) {
			return r.DeleteLimit(ctx, f.LimitTarget)
		},
		show: a.showLimits,
	}.command(a, cmd)
}

func (a *app) showLimits(of wire.LimitsResponse) {
	if len(of.Limits) == 0 {
		fmt.Fprintln(a.out, "nothing is limited")
		return
	}
	rows := make([][]string, len(of.Limits))
	for i, l := range of.Limits {
		configured, set, tokens := "", "", ""
		if l.Configured != nil {
			configured = limitText(*l.Configured)
		}
		if l.PerKey != nil {
			configured = strings.TrimSpace(configured + " by key " + limitText(*l.PerKey))
		}
		if l.Set != nil {
			set = limitText(l.Set.LimitValue)
			if !l.Set.Until.IsZero() {
				set += " until " + shortTime(l.Set.Until)
			}
		}
		if l.Tokens != nil {
			tokens = strconv.Itoa(*l.Tokens)
		}
		rows[i] = []string{printable(limitName(l)), configured, set, limitText(l.Now), strconv.Itoa(l.Running),
			strconv.Itoa(l.Waiting), tokens, oneLine(pressureText(l.Pressure), 80)}
	}
	a.table([]string{"LIMIT OF", "CONFIGURED", "SET", "NOW", "RUNNING", "WAITING", "TOKENS", "PRESSURE"}, rows, nil)
}

func limitName(l wire.Limit) string {
	switch l.Kind {
	case "queue":
		return "queue " + l.Transport + "/" + l.Queue
	case "key":
		return strings.TrimSpace("key " + l.Key + " " + l.Type)
	}
	return "type " + l.Type
}

func limitText(l wire.LimitValue) string {
	var parts []string
	if l.Concurrency > 0 {
		parts = append(parts, fmt.Sprintf("%d at a time", l.Concurrency))
	}
	if l.Rate != "" {
		parts = append(parts, l.Rate)
	}
	if len(parts) == 0 {
		return "unlimited"
	}
	return strings.Join(parts, ", ")
}

func pressureText(p *wire.LimitPressure) string {
	if p == nil {
		return ""
	}
	text := fmt.Sprintf("%.0f%% of the rate", p.Factor*100)
	if !p.Until.IsZero() {
		text = "waits until " + shortTime(p.Until) + ", then " + text
	}
	return text + ": " + p.From
}

// endFlags say when something ends by itself.
type endFlags struct {
	at  string
	in  time.Duration
	end time.Time
}

func (f *endFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.at, "until", "", "when it ends by itself, such as 2026-12-01T09:00:00Z")
	cmd.Flags().DurationVar(&f.in, "for", 0, "after what time it ends by itself, such as 30m")
}

// check reads the flags.
func (f *endFlags) check() (err error) {
	switch {
	case f.at != "" && f.in != 0:
		return usageError{errors.New("--until cannot be combined with --for")}
	case f.in < 0:
		return usageError{errors.New("--for must be positive")}
	case f.at != "":
		if f.end, err = time.Parse(time.RFC3339, f.at); err != nil {
			return usageError{fmt.Errorf("--until must be a time such as 2026-12-01T09:00:00Z, is %q", f.at)}
		}
	}
	return nil
}

// until is the time that the flags say, nil for none.
func (f *endFlags) until() *time.Time {
	switch {
	case f.in > 0:
		end := symphony.SystemClock().Now().Add(f.in).UTC()
		return &end
	case !f.end.IsZero():
		return &f.end
	}
	return nil
}
