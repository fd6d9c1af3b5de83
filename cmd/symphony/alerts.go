package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

func (a *app) alertsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "alerts",
		Short: "Show which alerts fire, and how far all others are from it",
		Long: `Show every rule of the section "alerts" of the configuration, for each transport, with
its value now. Rules are judged by processes that serve or work, which tell webhooks.`,
		Example: "  symphony alerts\n  symphony alerts --json\n  symphony alerts test",
		Args:    noSubcommand,
	}
	cmd.AddCommand(a.alertsTestCommand())
	return query[wire.AlertsResponse]{
		ask:  func(ctx context.Context, r *reached, _ []string) (wire.AlertsResponse, error) { return r.Alerts(ctx) },
		show: a.showAlerts,
	}.command(a, cmd)
}

func (a *app) showAlerts(list wire.AlertsResponse) {
	s := a.style(a.out)
	rows := make([][]string, len(list.Alerts))
	for i, r := range list.Alerts {
		since := ""
		if r.Since != nil {
			since = ago(symphony.SystemClock().Now().Sub(*r.Since))
		}
		rows[i] = []string{r.State, r.Rule, r.Transport, alertValue(r.Value, r.Unit), alertValue(r.Threshold, r.Unit), since, oneLine(r.Text, 100)}
	}
	state := ""
	a.table([]string{"STATE", "RULE", "TRANSPORT", "VALUE", "THRESHOLD", "SINCE", "NOW"}, rows, func(column int, padded string) string {
		if column == 0 {
			state = padded
		}
		switch {
		case column > 0:
			return padded
		case state[0] == 'f' || state[0] == 'p', state[0] == 'r':
			return s.red(padded)
		}
		return s.green(padded)
	})
	if !list.Enabled {
		fmt.Fprintln(a.err, `The rules are not judged: set alerts.enabled, or name a webhook under alerts.webhooks.`)
	}
}

func alertValue(v float64, unit string) string {
	switch unit {
	case "ms":
		return ago(time.Duration(v) * time.Millisecond)
	case "ratio":
		return fmt.Sprintf("%.1f%%", 100*v)
	}
	return fmt.Sprintf("%g", v)
}

func (a *app) alertsTestCommand() *cobra.Command {
	return act[wire.AlertTestResponse]{
		do: testAlerts, show: a.showAlertTest, verdict: refusedAlerts,
	}.command(a, &cobra.Command{
		Use:   "test",
		Short: "Send a test notification to every webhook",
		Long: `Send a notification of type alert.test to every webhook of alerts.webhooks, once, and say
what each answered. It ends with 1 if one did not take it, or if there is none.`,
		Example: "  symphony alerts test",
		Args:    cobra.NoArgs,
	})
}

func testAlerts(ctx context.Context, r *reached, _ []string) (wire.AlertTestResponse, error) {
	done, err := r.TestAlerts(ctx)
	if err == nil && len(done.Webhooks) == 0 {
		err = errors.New("nobody was told: there are no webhooks; name them under alerts.webhooks in the configuration")
	}
	return done, err
}

func (a *app) showAlertTest(done wire.AlertTestResponse) {
	for _, w := range done.Webhooks {
		if w.Delivered {
			fmt.Fprintf(a.out, "%s took it.\n", printable(w.Webhook))
		}
	}
}

func refusedAlerts(done wire.AlertTestResponse) (err error) {
	for _, w := range done.Webhooks {
		if !w.Delivered {
			err = errors.Join(err, fmt.Errorf("%s did not take it: %s", w.Webhook, w.Error))
		}
	}
	return err
}
