package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony/client"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

func (a *app) schedulesCommand() *cobra.Command {
	return section(&cobra.Command{
		Use:   "schedules",
		Short: "Dispatch messages at a time, or again and again",
		Long: `A schedule dispatches its message once at a time, by a cron expression or at an
interval. "symphony serve" and "symphony worker" fire schedules as they become due; so
does the cron route /api/cron/symphony-scheduler, where no process runs all the time.
Each occurrence makes one message, however many nodes there are.

Commands take the id of a schedule or its name.`,
		Example: `  symphony schedules create --name report --cron '0 9 * * MON-FRI' --timezone Europe/Berlin report.daily '{}'
  symphony schedules next --cron '*/15 * * * *'
  symphony schedules list`,
	}, a.schedulesCreateCommand(), a.schedulesUpdateCommand(), a.schedulesListCommand(), a.schedulesShowCommand(),
		a.schedulesNextCommand(), a.schedulesHistoryCommand(), a.schedulesFireCommand(), a.schedulesEnableCommand(),
		a.schedulesDisableCommand(), a.schedulesRunCommand(), a.schedulesSkipCommand(), a.schedulesDeleteCommand())
}

// scheduleName is what a person calls a schedule: its name, or its id.
func scheduleName(s wire.Schedule) string {
	if s.Name != nil && *s.Name != "" {
		return *s.Name
	}
	return s.ID
}

// scheduleID finds the schedule that an argument means: an id, or a name.
func scheduleID(ctx context.Context, c *client.Client, arg string) (string, error) {
	page, err := c.Schedules(ctx, client.ScheduleQuery{Name: arg})
	if err != nil || len(page.Schedules) == 0 {
		return arg, err
	}
	return page.Schedules[0].ID, nil
}

func valueOr[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}

// timing says when a schedule fires, for people.
func timing(s wire.Schedule) string {
	switch {
	case s.At != nil:
		return "at " + shortTime(*s.At)
	case s.Cron != nil:
		zone := valueOr(s.Timezone, "UTC")
		if zone == "UTC" {
			return *s.Cron
		}
		return *s.Cron + " " + zone
	case s.Interval != nil:
		return "every " + (time.Duration(*s.Interval) * time.Millisecond).String()
	}
	return "?"
}
