package config

import (
	"time"

	"github.com/symphony-messenger/symphony/monitor"
)

// Metrics configures what is counted and who may see it.
type Metrics struct {
	// Count messages and measure handlers by minute, for `symphony metrics`, the health, alerts and Prometheus.
	Enabled bool `key:"enabled" default:"true"`
	// How long these figures are kept: by minute for [metrics.DetailRetention] at most, by the hour beyond that.
	Retention time.Duration `key:"retention" min:"metrics.MinRetention" max:"metrics.MaxRetention" default:"metrics.DefaultRetention"`
	// Show `/metrics`, for Prometheus, without authentication. Else it takes an API key with the scope read.
	Open bool `key:"open" default:"false"`
	// Serve `/metrics` alone, without authentication, here as well; also by `symphony worker`, which listens nowhere
	// else. Keep it in a private network.
	Addr string `key:"addr" about:"HOST:PORT" empty:"ok" check:"Addr"`
}

// Health configures from when on something is wrong.
type Health struct {
	// Degraded when storage takes that long to answer.
	Latency time.Duration `key:"latency" min:"1ms" max:"1m" default:"monitor.DefaultLatency"`
	// Degraded when a message has been ready for that long, paused queues aside.
	Lag time.Duration `key:"lag" min:"1s" default:"monitor.DefaultLag"`
	// Unhealthy when a message has been ready for that long.
	LagUnhealthy time.Duration `key:"lag_unhealthy" min:"1s" default:"monitor.DefaultLagUnhealthy"`
	// Degraded when that share of a transport's attempts fails.
	ErrorRate float64 `key:"error_rate" min:"0.0001" max:"1" default:"monitor.DefaultErrorRate"`
	// The time that `health.error_rate` is taken over, and in which somebody must have worked for a transport without
	// continuous workers to be attended.
	ErrorWindow time.Duration `key:"error_window" min:"1m" max:"metrics.MinRetention" default:"monitor.DefaultErrorWindow"`
	// How many attempts there must be for their share of failures to tell anything.
	ErrorSample int `key:"error_sample" min:"1" default:"monitor.DefaultErrorSample"`
	// Unhealthy when a message has been ready for that long on a transport on which nobody works. Where a cron job
	// runs the worker, make it longer than the time between two runs.
	NoWorkers time.Duration `key:"no_workers" min:"1s" default:"monitor.DefaultNoWorkers"`
	// Degraded when a handler has run for that long.
	Stuck time.Duration `key:"stuck" min:"1s" default:"monitor.DefaultStuck"`
	// Degraded when a schedule is that late.
	Overdue time.Duration `key:"overdue" min:"1s" default:"monitor.DefaultOverdue"`
}

// Thresholds are those of package monitor.
func (h Health) Thresholds() monitor.Thresholds { return monitor.Thresholds(h) }
