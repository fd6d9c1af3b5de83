package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony/client"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

func (a *app) metricsCommand() *cobra.Command {
	var (
		q            client.MetricsQuery
		since, until string
	)
	cmd := &cobra.Command{
		Use:   "metrics",
		Short: "Show what happened lately and how long it took",
		Long: `Show how many messages were dispatched and attempts succeeded and failed, how long
handlers took and messages waited, by type and transport, which errors there were, and
all that over time. It covers all nodes, and outlasts restarts.

RETRIED failed with another attempt to come, DEAD for good. Percentiles are within 2% of
the exact ones. Figures are kept for metrics.retention, by minute for the last two days.

--by queue, worker or status shows those beside the types. Figures are kept by each of
them, not by two at once: of --type, --queue and --worker there can be one.`,
		Example: `  symphony metrics
  symphony metrics --by queue
  symphony metrics --minutes 1440 --type order.created
  symphony metrics --since 7d --step 60 --json`,
		Args: cobra.NoArgs,
	}
	cmd.Flags().IntVarP(&q.Minutes, "minutes", "m", 0, fmt.Sprintf("the last so many, this one included (default %d)", wire.DefaultMetricsMinutes))
	cmd.Flags().StringVar(&since, "since", "", "from this `TIME` (like 2026-12-01T09:00:00Z) or span ago (like 90m or 7d) on")
	cmd.Flags().StringVar(&until, "until", "", "up to this `TIME` or span ago (default: now)")
	cmd.Flags().IntVar(&q.Step, "step", 0, "`MINUTES` between two points of the series (default: 1 for a day)")
	cmd.Flags().StringVar(&q.Type, "type", "", "only this `TYPE`")
	cmd.Flags().StringVar(&q.Queue, "queue", "", "only this `QUEUE`")
	cmd.Flags().StringVar(&q.Worker, "worker", "", "only this `WORKER`")
	cmd.Flags().StringVar(&q.GroupBy, "by", "", "show type, queue, worker or status")
	cmd.Flags().StringVarP(&q.Transport, "transport", "t", "", "only this transport (default: all)")
	complete(cmd, "by", "type", "queue", "worker", "status")
	cmd.MarkFlagsMutuallyExclusive("type", "queue", "worker")
	cmd.MarkFlagsMutuallyExclusive("minutes", "since")
	cmd.MarkFlagsMutuallyExclusive("minutes", "until")
	return query[wire.MetricsResponse]{
		check: func([]string) (err error) {
			if q.StartTime, err = parseMoment("--since", since); err == nil {
				q.EndTime, err = parseMoment("--until", until)
			}
			return err
		},
		ask: func(ctx context.Context, r *reached, _ []string) (wire.MetricsResponse, error) {
			return r.Metrics(ctx, q)
		},
		show: a.showMetrics,
	}.command(a, cmd)
}

func (a *app) showMetrics(m wire.MetricsResponse) {
	s := a.style(a.out)
	fmt.Fprintf(a.out, "%s to %s: %s dispatched, %d attempts (%s), %.1f%% failed\n\n",
		shortTime(m.StartTime), shortTime(m.EndTime), plural(int(m.Totals.Dispatched), "message"), m.Totals.Processed, pace(m.Throughput), 100*m.FailureRate)
	if m.Totals == (wire.Totals{}) {
		return
	}
	timing := func(name string, average, p50, p95, p99, longest float64) []string {
		return []string{name, took(average), took(p50), took(p95), took(p99), took(longest)}
	}
	w := m.Waiting
	a.table([]string{"TIME OF", "AVERAGE", "P50", "P95", "P99", "MAX"}, [][]string{
		timing("handlers", m.AverageProcessingTime, m.P50, m.P95, m.P99, m.MaxProcessingTime),
		timing("waiting", w.Average, w.P50, w.P95, w.P99, w.Max),
	}, nil)
	fmt.Fprintln(a.out)
	a.showSeries(m)
	fmt.Fprintln(a.out)
	switch {
	case m.GroupBy != "":
		a.showGroups(m)
	case len(m.ByMessageType) > 0:
		a.showFigures("TYPE", m.ByMessageType)
	}
	if len(m.ByTransport) > 1 {
		fmt.Fprintln(a.out)
		a.showFigures("TRANSPORT", m.ByTransport)
	}
	if len(m.Errors) > 0 {
		rows := make([][]string, len(m.Errors))
		for i, e := range m.Errors {
			rows[i] = []string{oneLine(e.ErrorClass, 60), fmt.Sprint(e.Count)}
		}
		fmt.Fprintln(a.out)
		a.table([]string{"ERROR", "ATTEMPTS"}, rows, func(column int, cell string) string {
			if column == 0 {
				return s.red(cell)
			}
			return cell
		})
	}
}

// shownFigures bounds the rows of a table; the rest is to be had with --json.
const shownFigures = 30

// showGroups prints the groups of an answer.
func (a *app) showGroups(m wire.MetricsResponse) {
	transports := make(map[string]bool)
	for _, g := range m.Groups {
		transports[g.Transport] = true
	}
	figures := make(map[string]wire.Figures, len(m.Groups))
	for _, g := range m.Groups {
		if g.Transport != "" && len(transports) > 1 {
			g.Name = g.Transport + "/" + g.Name
		}
		figures[g.Name] = g.Figures
	}
	a.showFigures(strings.ToUpper(m.GroupBy), figures)
}

// showFigures prints a row for each, those with the most attempts first.
func (a *app) showFigures(of string, m map[string]wire.Figures) {
	names := slices.SortedFunc(maps.Keys(m), func(x, y string) int {
		return cmp.Or(cmp.Compare(m[y].Processed, m[x].Processed), cmp.Compare(m[y].Dispatched, m[x].Dispatched), strings.Compare(x, y))
	})
	rest := max(len(names)-shownFigures, 0)
	var rows [][]string
	for _, name := range names[:len(names)-rest] {
		f := m[name]
		rows = append(rows, []string{oneLine(name, 40), fmt.Sprint(f.Dispatched), fmt.Sprint(f.Succeeded), fmt.Sprint(f.Retried), fmt.Sprint(f.Dead),
			fmt.Sprintf("%.1f%%", 100*f.FailureRate), took(f.AverageProcessingTime), took(f.P95), took(f.P99), took(f.Waiting.P95)})
	}
	s := a.style(a.out)
	a.table([]string{of, "DISPATCHED", "SUCCEEDED", "RETRIED", "DEAD", "FAILED", "AVERAGE", "P95", "P99", "WAIT P95"}, rows, func(column int, cell string) string {
		if (column == 3 || column == 4) && cell[0] != '0' {
			return s.red(cell)
		}
		return cell
	})
	if rest > 0 {
		fmt.Fprintf(a.out, "and %d more; --json has them\n", rest)
	}
}

// sparkWidth is how many columns a series takes at most.
const sparkWidth = 60

// showSeries draws attempts and failures over time.
func (a *app) showSeries(m wire.MetricsResponse) {
	each := (len(m.Series) + sparkWidth - 1) / sparkWidth // points to a column
	var attempts, failures []int64
	for part := range slices.Chunk(m.Series, each) {
		var n, bad int64
		for _, p := range part {
			n += p.Processed
			bad += p.Failed
		}
		attempts, failures = append(attempts, n), append(failures, bad)
	}
	column := time.Duration(each*m.Step) * time.Minute
	line := func(name string, values []int64, paint func(string) string) {
		fmt.Fprintf(a.out, "%-9s %s  up to %d in %s\n", name, paint(spark(values)), slices.Max(values), span(column))
	}
	s := a.style(a.out)
	line("attempts", attempts, s.green)
	line("failures", failures, s.red)
}

// pace is a rate per second for people.
func pace(perSecond float64) string {
	if perSecond < 1 {
		return fmt.Sprintf("%.2f a minute", 60*perSecond)
	}
	return fmt.Sprintf("%.1f a second", perSecond)
}

// span is a whole number of minutes for people.
func span(d time.Duration) string {
	if d%time.Hour == 0 {
		return plural(int(d/time.Hour), "hour")
	}
	return plural(int(d/time.Minute), "minute")
}

// spark draws values as bars. The smallest that is not 0 can be seen.
func spark(values []int64) string {
	bars := []rune("▁▂▃▄▅▆▇█")
	top := max(slices.Max(values), 1)
	var b strings.Builder
	for _, v := range values {
		if v == 0 {
			b.WriteByte(' ')
			continue
		}
		b.WriteRune(bars[int64(len(bars)-1)*v/top])
	}
	return b.String()
}

// took is a duration in milliseconds for people: three figures at most.
func took(ms float64) string {
	switch d := time.Duration(ms * float64(time.Millisecond)); {
	case ms == 0:
		return "–"
	case ms < 10:
		return fmt.Sprintf("%.2fms", ms)
	case ms < 1000:
		return fmt.Sprintf("%.0fms", ms)
	case ms < 60_000:
		return fmt.Sprintf("%.1fs", ms/1000)
	default:
		return ago(d)
	}
}
