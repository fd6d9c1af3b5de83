package monitoring

import (
	"context"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
)

// alerts reads the rules as Prometheus does, with their templates.
func alerts(t *testing.T) []rulefmt.Rule {
	t.Helper()
	groups, errs := rulefmt.ParseFile("alerts.yml", false, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.Default())
	for _, err := range errs {
		t.Error(err)
	}
	if groups == nil || len(groups.Groups) != 1 {
		t.Fatal("want one group of rules")
	}
	return groups.Groups[0].Rules
}

func TestAlertsSayWhatToDo(t *testing.T) {
	var names []string
	for _, r := range alerts(t) {
		if !strings.HasPrefix(r.Alert, "Symphony") || slices.Contains(names, r.Alert) {
			t.Errorf("the alert %q needs a name of its own that begins with Symphony", r.Alert)
		}
		names = append(names, r.Alert)
		if s := r.Labels["severity"]; s != "warning" && s != "critical" {
			t.Errorf("%s has the severity %q", r.Alert, s)
		}
		if r.Annotations["summary"] == "" || r.Annotations["description"] == "" {
			t.Errorf("%s has no summary or no description", r.Alert)
		}
	}
}

func TestExampleConfigurationLoads(t *testing.T) {
	raw, err := os.ReadFile("prometheus.yml")
	if err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(string(raw), slog.Default())
	if err != nil {
		t.Fatal(err)
	}
	if len(c.ScrapeConfigs) != 1 || c.ScrapeConfigs[0].JobName != "symphony" || c.ScrapeConfigs[0].MetricsPath != "/metrics" || !slices.Contains(c.RuleFiles, "alerts.yml") {
		t.Errorf("got %+v", c.ScrapeConfigs)
	}
}

// Each alert fires on series that call for it, after the time it waits, and not on series that do not. Series are those
// of an hour, in steps of a minute; the rules are looked at when it ends.
func TestAlertsFire(t *testing.T) {
	const one = `{job="symphony", instance="a:1", transport="default"}`
	age := func(values string) string {
		return "symphony_oldest_pending_age_seconds{job=\"symphony\", instance=\"a:1\", transport=\"default\", queue=\"q\"} " + values + "\n" +
			// What storage says comes from each process.
			"symphony_oldest_pending_age_seconds{job=\"symphony\", instance=\"b:1\", transport=\"default\", queue=\"q\"} " + values + "\n"
	}
	attempts := func(outcome, values string) string {
		return `symphony_attempts_total{job="symphony", instance="a:1", transport="default", type="order.paid", outcome="` + outcome + `"} ` + values + "\n"
	}
	failed := func(values string) string {
		return `symphony_messages{job="symphony", instance="a:1", transport="default", queue="q", state="failed"} ` + values + "\n"
	}
	processing := func(values string) string {
		return `symphony_messages{job="symphony", instance="a:1", transport="default", queue="q", state="processing"} ` + values + "\n"
	}
	requests := func(code, values string) string {
		return `symphony_http_request_duration_seconds_count{job="symphony", instance="a:1", route="/api/symphony/dispatch", method="POST", code="` + code + `"} ` + values + "\n"
	}
	bucket := func(le, values string) string {
		return `symphony_handler_duration_seconds_bucket{job="symphony", instance="a:1", transport="default", type="order.paid", le="` + le + `"} ` + values + "\n"
	}
	cases := map[string]struct{ fires, quiet []string }{
		"SymphonyProcessDown": {
			fires: []string{`up{job="symphony", instance="a:1"} 1x50 0x9`},
			quiet: []string{`up{job="symphony", instance="a:1"} 1x59`, `up{job="symphony", instance="a:1"} 1x58 0`, `up{job="other", instance="a:1"} 0x59`},
		},
		"SymphonyStorageDown": {
			fires: []string{"symphony_storage_up" + one + " 1x50 0x9"},
			quiet: []string{"symphony_storage_up" + one + " 0x59\n" + `symphony_storage_up{job="symphony", instance="b:1", transport="default"} 1x59`},
		},
		"SymphonyWorkerCutOff": {
			fires: []string{"symphony_worker_storage_failing" + one + " 0x50 1x9"},
			quiet: []string{"symphony_worker_storage_failing" + one + " 0x59"},
		},
		"SymphonyNoWorkers": {
			fires: []string{age("0+60x59"), age("0+60x59") + "symphony_worker_running" + one + " 0x59\n" + processing("0x59")},
			quiet: []string{age("0x59"), age("0+60x59") + "symphony_worker_running" + one + " 1x59", age("0+60x59") + processing("3x59")},
		},
		"SymphonyMessagesTooOld": {fires: []string{age("0+60x59")}, quiet: []string{age("200x59"), age("0x56 600x3")}},
		"SymphonyDeadLettersGrowing": {
			fires: []string{failed("5x55 6x4")},
			quiet: []string{failed("5x59"), failed("9-0.1x59"), failed("5x30 6x29")},
		},
		"SymphonyDeadLettersFlood": {fires: []string{attempts("dead", "0+10x59")}, quiet: []string{attempts("dead", "0+1x59"), attempts("retried", "0+10x59")}},
		"SymphonyAttemptsFailing": {
			fires: []string{attempts("succeeded", "0+60x59") + attempts("retried", "0+20x59") + attempts("dead", "0+10x59")},
			quiet: []string{
				attempts("succeeded", "0+60x59") + attempts("retried", "0+10x59"),
				attempts("succeeded", "0+0.1x59") + attempts("retried", "0+0.9x59"), // too few to tell
				attempts("succeeded", "0+60x59") + attempts("retried", "0x59") + attempts("released", "0+90x59"),
			},
		},
		"SymphonyHandlersSlow": {
			fires: []string{bucket("10", "0x59") + bucket("100", "0+10x59") + bucket("+Inf", "0+10x59")},
			quiet: []string{bucket("10", "0+10x59") + bucket("100", "0+10x59") + bucket("+Inf", "0+10x59")},
		},
		"SymphonyHandlerStuck": {
			fires: []string{"symphony_worker_oldest_handler_seconds" + one + " 0+60x59"},
			quiet: []string{"symphony_worker_oldest_handler_seconds" + one + " 300x59"},
		},
		"SymphonyWorkersBusy": {
			fires: []string{age("40x59") + "symphony_worker_busy" + one + " 10x59\nsymphony_worker_concurrency" + one + " 10x59"},
			quiet: []string{
				age("1x59") + "symphony_worker_busy" + one + " 10x59\nsymphony_worker_concurrency" + one + " 10x59",
				age("40x59") + "symphony_worker_busy" + one + " 5x59\nsymphony_worker_concurrency" + one + " 10x59",
			},
		},
		"SymphonySchedulerLate": {
			fires: []string{`symphony_schedules_late_seconds{job="symphony", instance="a:1"} 0+60x59`},
			quiet: []string{`symphony_schedules_late_seconds{job="symphony", instance="a:1"} 1x59`},
		},
		"SymphonyAPIFailing": {
			fires: []string{requests("201", "0+60x59") + requests("503", "0+10x59")},
			quiet: []string{requests("201", "0+60x59") + requests("404", "0+60x59") + requests("500", "0+1x59")},
		},
	}
	engine := promqltest.NewTestEngine(t, false, 5*time.Minute, 100_000)
	for _, r := range alerts(t) {
		c, ok := cases[r.Alert]
		if !ok {
			t.Errorf("%s has no test", r.Alert)
		}
		for _, series := range slices.Concat(c.fires, c.quiet) {
			store := promqltest.LoadedStorage(t, "load 1m\n  "+strings.ReplaceAll(strings.TrimSpace(series), "\n", "\n  "))
			// An alert fires when its expression has held at each look for as long as it waits.
			held, end := true, 59*time.Minute
			for at := end - time.Duration(r.For); at <= end; at += time.Minute {
				query, err := engine.NewInstantQuery(context.Background(), store, nil, r.Expr, time.Unix(0, 0).Add(at))
				if err != nil {
					t.Fatal(err)
				}
				vector, err := query.Exec(context.Background()).Vector()
				if err != nil {
					t.Fatal(err)
				}
				held = held && len(vector) > 0
				query.Close()
			}
			if want := slices.Contains(c.fires, series); held != want {
				t.Errorf("%s fires: %t, want %t, on\n%s", r.Alert, held, want, series)
			}
		}
	}
}
