package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony/httpapi/wire"
	"github.com/symphony-messenger/symphony/monitor"
)

// errUnhealthy is the failure of the health command where work does not flow; the report says why.
var errUnhealthy = errors.New("work does not flow")

func (a *app) healthCommand() *cobra.Command {
	return query[wire.HealthReport]{
		ask: func(ctx context.Context, r *reached, _ []string) (wire.HealthReport, error) {
			report, err := r.Health(ctx)
			if err == nil {
				err = deserted(ctx, r, &report)
			}
			return report, err
		},
		show: a.showHealth,
		verdict: func(report wire.HealthReport) error {
			if report.Status == string(monitor.Unhealthy) {
				return errUnhealthy
			}
			return nil
		},
	}.command(a, &cobra.Command{
		Use:   "health",
		Short: "Tell whether work flows, and what is wrong",
		Long: `Check the installation, all its nodes:

  storage       every transport's storage answers, in time
  lag           no message is ready for too long, paused queues aside
  error_rate    not too many attempts fail
  workers       somebody works where messages wait, and reaches storage
  stuck         no handler runs for too long
  scheduler     schedules fire in time
  circuits      no circuit breaker is open
  clock         the machine's clock was not set within the last hour
  dead_letters  how many there are

Where no server is named and no other process has the database open, it is unhealthy
first of all for that, in a check named process.

healthy and degraded end with 0, unhealthy with 1: work does not flow then. Being idle is
healthy. The section health of the configuration has the thresholds.`,
		Example: "  symphony health\n  symphony health --json\n  symphony health --server https://queue.example.com",
		Args:    cobra.NoArgs,
	})
}

func (a *app) showHealth(report wire.HealthReport) {
	s := a.style(a.out)
	fmt.Fprintf(a.out, "%s\n\n", s.bold(report.Status))
	var rows [][]string
	for _, c := range report.Checks {
		rows = append(rows, []string{c.Name, c.Status, printable(c.Message)})
	}
	a.table([]string{"CHECK", "STATUS", "WHAT"}, rows, func(column int, cell string) string {
		switch {
		case column != 1:
			return cell
		case strings.HasPrefix(cell, "healthy"):
			return s.green(cell)
		}
		return s.red(cell)
	})
}

// deserted adds a check to a report that this process made itself, because no server was named or found: whether any
// process but this command is there to answer, and to work. Storage that can be opened says nothing about that.
func deserted(ctx context.Context, r *reached, report *wire.HealthReport) error {
	if !r.alone {
		return nil
	}
	others := 0
	if r.config.Database.PostgreSQL() {
		known, err := r.Workers(ctx)
		if err != nil {
			return err
		}
		for _, n := range known.Nodes {
			if n.Name != monitor.NodeName() {
				others++
			}
		}
	}
	if others > 0 {
		return nil
	}
	report.Status = string(monitor.Unhealthy)
	report.Checks = slices.Insert(report.Checks, 0, wire.HealthCheck{Name: "process", Status: report.Status, Unit: "processes",
		Message: "no process serves this database or works on it: nothing is handled, and no API answers, until one is started"})
	return nil
}
