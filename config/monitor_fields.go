package config

import (
	"fmt"
	"strconv"
	"time"

	"github.com/symphony-messenger/symphony/metrics"
	"github.com/symphony-messenger/symphony/monitor"
)

// Metrics configures what is counted and who may see it.
type Metrics struct {
	Enabled   bool
	Retention time.Duration
	Open      bool   // GET /metrics needs no authentication
	Addr      string // where it is served alone, too; "": nowhere
}

func metricsFields(m *Metrics) []*field {
	return []*field{
		{key: "metrics.enabled", value: boolean{&m.Enabled}, def: "true",
			doc: "Count messages and measure handlers by minute, for `symphony metrics`, the health, alerts and Prometheus."},
		{key: "metrics.retention", value: duration{p: &m.Retention, min: metrics.MinRetention, max: metrics.MaxRetention}, def: formatDuration(metrics.DefaultRetention),
			doc: fmt.Sprintf("How long these figures are kept: by minute for %s at most, by the hour beyond that.", formatDuration(metrics.DetailRetention))},
		{key: "metrics.open", value: boolean{&m.Open}, def: "false",
			doc: "Show `/metrics`, for Prometheus, without authentication. Else it takes an API key with the scope read."},
		{key: "metrics.addr", value: text{p: &m.Addr, about: "HOST:PORT", optional: true, check: checkAddr},
			doc: "Serve `/metrics` alone, without authentication, here as well; also by `symphony worker`, which listens nowhere else. Keep it in a private network."},
	}
}

func healthFields(t *monitor.Thresholds) []*field {
	return []*field{
		{key: "health.latency", value: duration{p: &t.Latency, min: time.Millisecond, max: time.Minute}, def: formatDuration(monitor.DefaultLatency),
			doc: "Degraded when storage takes that long to answer."},
		{key: "health.lag", value: duration{p: &t.Lag, min: time.Second}, def: formatDuration(monitor.DefaultLag),
			doc: "Degraded when a message has been ready for that long, paused queues aside."},
		{key: "health.lag_unhealthy", value: duration{p: &t.LagUnhealthy, min: time.Second}, def: formatDuration(monitor.DefaultLagUnhealthy),
			doc: "Unhealthy when a message has been ready for that long."},
		{key: "health.error_rate", value: decimal{&t.ErrorRate, 0.0001, 1}, def: fmt.Sprint(monitor.DefaultErrorRate),
			doc: "Degraded when that share of a transport's attempts fails."},
		{key: "health.error_window", value: duration{p: &t.ErrorWindow, min: time.Minute, max: metrics.MinRetention}, def: formatDuration(monitor.DefaultErrorWindow),
			doc: "The time that `health.error_rate` is taken over, and in which somebody must have worked for a transport without continuous workers to be attended."},
		{key: "health.error_sample", value: number{p: &t.ErrorSample, min: 1}, def: strconv.Itoa(monitor.DefaultErrorSample),
			doc: "How many attempts there must be for their share of failures to tell anything."},
		{key: "health.no_workers", value: duration{p: &t.NoWorkers, min: time.Second}, def: formatDuration(monitor.DefaultNoWorkers),
			doc: "Unhealthy when a message has been ready for that long on a transport on which nobody works. Where a cron job runs the worker, make it longer than the time between two runs."},
		{key: "health.stuck", value: duration{p: &t.Stuck, min: time.Second}, def: formatDuration(monitor.DefaultStuck),
			doc: "Degraded when a handler has run for that long."},
		{key: "health.overdue", value: duration{p: &t.Overdue, min: time.Second}, def: formatDuration(monitor.DefaultOverdue),
			doc: "Degraded when a schedule is that late."},
	}
}
