// Package monitor tells whether work flows: it collects the signals of an installation, of all its nodes, and judges
// its health by them. Alerts evaluate the same signals.
//
//	m, err := monitor.New(monitor.Options{Bus: bus, Metrics: recorder, Self: self})
//	signals := m.Collect(ctx)
//	health := m.Judge(signals)
package monitor

import (
	"errors"
	"fmt"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/metrics"
	"github.com/symphony-messenger/symphony/schedule"
	"github.com/symphony-messenger/symphony/storage"
)

// Options are what a Monitor looks at. Bus is required.
type Options struct {
	Bus *symphony.Bus
	// Metrics knows the attempts of the last minutes. Nil: nothing is known of them.
	Metrics *metrics.Recorder
	// Self describes this process, with the Info of a NodeInfo. It is asked where the storage lists
	// no nodes. Nil: nothing is known of this process.
	Self func() storage.Node
	// Schedules are looked at, too. Nil: there are none.
	Schedules schedule.Store
	// Thresholds say from when on something is a problem.
	Thresholds Thresholds
	// Concurrency is how many messages a worker of this installation handles at a time, for Scale. Default
	// worker.DefaultConcurrency.
	Concurrency int
	// Clock is that of the signals. Where the storage of the default transport has
	// a clock of its own it is that one, as for metrics. Default symphony.SystemClock.
	Clock symphony.Clock
}

// Thresholds say from when on something is a problem. Zero values mean the defaults.
type Thresholds struct {
	// Latency is how long storage may take to answer.
	Latency time.Duration
	// Lag is how long a message that is ready, and not paused, may wait; from LagUnhealthy on work does not flow.
	Lag, LagUnhealthy time.Duration
	// ErrorRate is the share of attempts that may fail, 0 to 1, within ErrorWindow, where there were ErrorSample of
	// them.
	ErrorRate   float64
	ErrorWindow time.Duration
	ErrorSample int
	// NoWorkers is how long messages may be ready while nobody works on their transport.
	NoWorkers time.Duration
	// Stuck is how long a handler may run.
	Stuck time.Duration
	// Overdue is how late a schedule may fire.
	Overdue time.Duration
}

// The default thresholds.
const (
	DefaultLatency      = time.Second
	DefaultLag          = 5 * time.Minute
	DefaultLagUnhealthy = 30 * time.Minute
	DefaultErrorRate    = 0.25
	DefaultErrorWindow  = 5 * time.Minute
	DefaultErrorSample  = 20
	DefaultNoWorkers    = 2 * time.Minute
	DefaultStuck        = 10 * time.Minute
	DefaultOverdue      = time.Minute
)

// WithDefaults returns t with every zero value replaced by its default.
func (t Thresholds) WithDefaults() Thresholds {
	for p, d := range map[*time.Duration]time.Duration{
		&t.Latency: DefaultLatency, &t.Lag: DefaultLag, &t.LagUnhealthy: DefaultLagUnhealthy, &t.ErrorWindow: DefaultErrorWindow,
		&t.NoWorkers: DefaultNoWorkers, &t.Stuck: DefaultStuck, &t.Overdue: DefaultOverdue,
	} {
		if *p == 0 {
			*p = d
		}
	}
	if t.ErrorRate == 0 {
		t.ErrorRate = DefaultErrorRate
	}
	if t.ErrorSample == 0 {
		t.ErrorSample = DefaultErrorSample
	}
	return t
}

// Validate reports every value out of its range. t has its defaults.
func (t Thresholds) Validate() error {
	var errs []error
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"latency", t.Latency}, {"lag", t.Lag}, {"lag unhealthy", t.LagUnhealthy}, {"no workers", t.NoWorkers}, {"stuck", t.Stuck}, {"overdue", t.Overdue},
	} {
		if d.value < 0 {
			errs = append(errs, fmt.Errorf("%s %s: must not be negative", d.name, d.value))
		}
	}
	if t.LagUnhealthy < t.Lag {
		errs = append(errs, fmt.Errorf("lag unhealthy %s: must be at least lag, %s", t.LagUnhealthy, t.Lag))
	}
	if t.ErrorRate < 0 || t.ErrorRate > 1 {
		errs = append(errs, fmt.Errorf("error rate %v: must be 0 to 1", t.ErrorRate))
	}
	if t.ErrorWindow < time.Minute || t.ErrorWindow > metrics.MinRetention {
		errs = append(errs, fmt.Errorf("error window %s: must be %s to %s", t.ErrorWindow, time.Minute, metrics.MinRetention))
	}
	if t.ErrorSample < 0 {
		errs = append(errs, fmt.Errorf("error sample %d: must be at least 1", t.ErrorSample))
	}
	return errors.Join(errs...)
}

// Monitor collects signals and judges them. Safe for concurrent use.
type Monitor struct {
	o     Options
	t     Thresholds
	clock *clockWatch
}

// New makes a monitor. The error lists every threshold out of its range.
func New(o Options) (*Monitor, error) {
	if o.Bus == nil {
		return nil, errors.New("monitor: Bus is required")
	}
	if o.Clock == nil {
		o.Clock = symphony.SystemClock()
	}
	stored, err := o.Bus.Transport(o.Bus.DefaultTransport())
	if err != nil {
		return nil, fmt.Errorf("monitor: %w", err)
	}
	machine := o.Clock
	o.Clock = symphony.StoreClock(stored, o.Clock)
	t := o.Thresholds.WithDefaults()
	if err := t.Validate(); err != nil {
		return nil, fmt.Errorf("monitor: %w", err)
	}
	m := &Monitor{o, t, &clockWatch{machine: machine}}
	m.clock.look()
	return m, nil
}

// Thresholds returns those in force.
func (m *Monitor) Thresholds() Thresholds { return m.t }
