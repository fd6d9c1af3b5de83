package monitor_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
	"github.com/symphony-messenger/symphony/metrics"
	"github.com/symphony-messenger/symphony/monitor"
	"github.com/symphony-messenger/symphony/schedule"
	"github.com/symphony-messenger/symphony/storage"
	"github.com/symphony-messenger/symphony/symphonytest"
	"github.com/symphony-messenger/symphony/symphonytest/testclock"
	"github.com/symphony-messenger/symphony/transport/sqlite"
	"github.com/symphony-messenger/symphony/worker"
)

var noon = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

// fixture is an installation in memory, whose process says of itself what info is.
type fixture struct {
	*testing.T
	*monitor.Monitor
	clock   *testclock.Clock
	tr      *sqlite.Transport
	bus     *symphony.Bus
	metrics *metrics.Recorder
	info    monitor.NodeInfo
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{T: t, clock: testclock.New(noon)}
	f.tr = symphonytest.Storage(t, sqlite.Options{Clock: f.clock})
	t.Cleanup(func() { f.tr.Close() })
	var err error
	if f.metrics, err = metrics.New(f.tr, metrics.Options{Clock: f.clock, Logger: slog.New(slog.DiscardHandler)}); err != nil {
		t.Fatal(err)
	}
	if f.bus, err = symphony.NewBus([]symphony.Transport{f.tr, f.tr.Named("email")}, symphony.BusOptions{Clock: f.clock, Observer: f.metrics}); err != nil {
		t.Fatal(err)
	}
	self := func() storage.Node {
		raw, err := json.Marshal(f.info)
		if err != nil {
			t.Error(err)
		}
		return storage.Node{ID: "1", Name: "here:1", Info: raw}
	}
	if f.Monitor, err = monitor.New(monitor.Options{Bus: f.bus, Metrics: f.metrics, Self: self, Schedules: f.tr, Clock: f.clock}); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *fixture) dispatch(transport, queue string) {
	f.Helper()
	if _, err := f.bus.Dispatch(context.Background(), "Order", struct{}{}, symphony.DispatchOptions{Transport: transport, Queue: queue}); err != nil {
		f.Fatal(err)
	}
}

// attempts has n attempts end, of which some failed.
func (f *fixture) attempts(transport string, n, failed int) {
	for i := range n {
		e := symphony.EndedAttempt{Transport: transport, Type: "Order", Attempt: 1, Settlement: symphony.Settlement{Outcome: symphony.Ack}}
		if i < failed {
			e.Settlement.Outcome = symphony.Retry
		}
		f.metrics.AttemptsEnded([]symphony.EndedAttempt{e})
	}
}

func (f *fixture) works(transport string) {
	f.info.Workers = append(f.info.Workers, monitor.NodeWorker{Name: "w", Transport: transport, Running: true, Concurrency: 10})
}

func TestHealth(t *testing.T) {
	for name, test := range map[string]struct {
		happens func(f *fixture)
		want    monitor.Status
		check   string // that says so
		says    string
	}{
		"idle":                      {func(*fixture) {}, monitor.Healthy, "", ""},
		"idle without any worker":   {func(f *fixture) { f.clock.Advance(24 * time.Hour) }, monitor.Healthy, "", ""},
		"a message just came":       {func(f *fixture) { f.dispatch("default", ""); f.clock.Advance(time.Minute) }, monitor.Healthy, "", ""},
		"nobody works":              {func(f *fixture) { f.dispatch("email", ""); f.clock.Advance(3 * time.Minute) }, monitor.Unhealthy, "workers", "nobody works on transport email"},
		"somebody works elsewhere":  {func(f *fixture) { f.works("default"); f.dispatch("email", ""); f.clock.Advance(3 * time.Minute) }, monitor.Unhealthy, "workers", "email"},
		"a pull worker works":       {func(f *fixture) { f.dispatch("email", ""); f.clock.Advance(3 * time.Minute); f.attempts("email", 1, 0) }, monitor.Healthy, "", ""},
		"a pull worker has one":     {pullOne, monitor.Healthy, "", ""},
		"a message waits":           {func(f *fixture) { f.works("default"); f.dispatch("default", "slow"); f.clock.Advance(6 * time.Minute) }, monitor.Degraded, "lag", "queue slow of transport default has been ready for 6m0s"},
		"a message waits for long":  {func(f *fixture) { f.works("default"); f.dispatch("default", ""); f.clock.Advance(31 * time.Minute) }, monitor.Unhealthy, "lag", "31m"},
		"its queue is paused":       {paused("slow"), monitor.Healthy, "", ""},
		"another queue is paused":   {paused("other"), monitor.Degraded, "lag", "slow"},
		"the transport is paused":   {paused(""), monitor.Healthy, "", ""},
		"scheduled for later":       {later, monitor.Healthy, "", ""},
		"attempts fail":             {func(f *fixture) { f.attempts("default", 40, 20) }, monitor.Degraded, "error_rate", "20 of 40"},
		"few attempts fail":         {func(f *fixture) { f.attempts("default", 100, 5) }, monitor.Healthy, "", ""},
		"too few to tell":           {func(f *fixture) { f.attempts("default", 10, 10) }, monitor.Healthy, "", ""},
		"they failed a while ago":   {func(f *fixture) { f.attempts("default", 40, 40); f.clock.Advance(7 * time.Minute) }, monitor.Healthy, "", ""},
		"a handler is stuck":        {stuck(11 * time.Minute), monitor.Degraded, "stuck", "message m of type Order has been at work for 11m0s at worker w"},
		"a handler takes its time":  {stuck(9 * time.Minute), monitor.Healthy, "", ""},
		"a worker lost its storage": {outage, monitor.Degraded, "workers", "cannot reach storage (receive)"},
		"workers were stopped":      {stopped("default"), monitor.Degraded, "workers", "were stopped by request, and none works until they are started again"},
		"and messages wait":         {func(f *fixture) { stopped("default")(f); f.dispatch("default", ""); f.clock.Advance(time.Second) }, monitor.Unhealthy, "workers", "stopped by request"},
		"others still work":         {func(f *fixture) { stopped("default")(f); f.works("default") }, monitor.Healthy, "", ""},
		"a worker ended by itself":  {func(f *fixture) { stopped("default")(f); f.info.Workers[0].StopReason = "message_limit" }, monitor.Healthy, "", ""},
		"a schedule is late":        {lateSchedule(2 * time.Minute), monitor.Degraded, "scheduler", "1 schedules are due, the first for 2m"},
		"a schedule is due":         {lateSchedule(time.Second), monitor.Healthy, "", ""},
		"a circuit is open":         {func(f *fixture) { f.info.Breakers = []monitor.OpenBreaker{{Handler: "shop", State: "open"}} }, monitor.Degraded, "circuits", "shop"},
		"dead letters":              {deadLetter, monitor.Healthy, "", ""},
		"storage is gone":           {func(f *fixture) { f.tr.Close() }, monitor.Unhealthy, "storage", "default"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			test.happens(f)
			got := f.Judge(f.Collect(t.Context()))
			if got.Status != test.want || len(got.Checks) != 9 {
				t.Errorf("%s, want %s: %+v", got.Status, test.want, got.Checks)
			}
			for _, c := range got.Checks {
				if c.Message == "" {
					t.Errorf("check %s says nothing", c.Name)
				}
				if c.Name == test.check && (c.Status != test.want || !strings.Contains(c.Message, test.says)) {
					t.Errorf("%+v, want %s about %q", c, test.want, test.says)
				}
			}
		})
	}
}

func pullOne(f *fixture) {
	f.dispatch("default", "")
	f.clock.Advance(3 * time.Minute)
	f.dispatch("default", "")
	if got, err := f.tr.Receive(context.Background(), symphony.ReceiveOptions{Max: 1}); err != nil || len(got) != 1 {
		f.Fatal(got, err)
	}
}

func paused(queue string) func(*fixture) {
	return func(f *fixture) {
		f.works("default")
		f.dispatch("default", "slow")
		h := flow.Hold{HoldTarget: flow.HoldTarget{Queue: queue}, Mode: flow.Paused}
		if err := f.tr.Hold(context.Background(), h); err != nil {
			f.Fatal(err)
		}
		f.clock.Advance(10 * time.Minute)
	}
}

func later(f *fixture) {
	if _, err := f.bus.Dispatch(context.Background(), "Order", struct{}{}, symphony.DispatchOptions{Delay: time.Hour}); err != nil {
		f.Fatal(err)
	}
	f.clock.Advance(50 * time.Minute)
}

func stuck(d time.Duration) func(*fixture) {
	return func(f *fixture) {
		f.works("default")
		f.info.Workers[0].AtWork = []monitor.AtWork{{MessageID: "m", Type: "Order", Since: noon}, {MessageID: "n", Type: "Order", Since: noon.Add(time.Second)}}
		f.clock.Advance(d)
	}
}

func outage(f *fixture) {
	f.works("default")
	f.info.Workers[0].Outages = []monitor.Outage{{Call: "receive", Since: noon, Error: "away"}}
}

func lateSchedule(late time.Duration) func(*fixture) {
	return func(f *fixture) {
		s := schedule.Schedule{ID: symphony.NewID(noon), Name: "s", At: noon, NextRunAt: noon, DueAt: noon,
			Message: symphony.Message{Type: "Report", Payload: []byte(`{}`)}, CreatedAt: noon, UpdatedAt: noon, Version: 1}
		if _, err := schedule.Create(context.Background(), f.tr, s); err != nil {
			f.Fatal(err)
		}
		f.clock.Advance(late)
	}
}

func deadLetter(f *fixture) {
	f.dispatch("default", "")
	got, err := f.tr.Receive(context.Background(), symphony.ReceiveOptions{})
	if err != nil || len(got) != 1 {
		f.Fatal(got, err)
	}
	f.tr.Settle(context.Background(), []symphony.Settlement{{Lease: got[0].Lease, Outcome: symphony.Fail}})
}

// stopped has a worker that was stopped by request.
func stopped(transport string) func(*fixture) {
	return func(f *fixture) {
		f.info.Workers = append(f.info.Workers, monitor.NodeWorker{Name: "w", Transport: transport, StopReason: worker.StopRequested})
	}
}

func TestHealth_counts_dead_letters(t *testing.T) {
	f := newFixture(t)
	deadLetter(f)
	h := f.Judge(f.Collect(t.Context()))
	if c := h.Checks[8]; c.Name != monitor.CheckDeadLetters || c.Value != 1 || c.Status != monitor.Healthy {
		t.Errorf("%+v", c)
	}
}

func TestHealth_names_a_clock_that_was_set(t *testing.T) {
	f := newFixture(t)
	look := func() monitor.Check {
		t.Helper()
		for _, c := range f.Judge(f.Collect(t.Context())).Checks {
			if c.Name == monitor.CheckClock {
				return c
			}
		}
		t.Fatal("there is no check of the clock")
		return monitor.Check{}
	}
	f.clock.Advance(24 * time.Hour)
	if c := look(); c.Status != monitor.Healthy {
		t.Errorf("when time has passed: %+v", c)
	}
	for by, says := range map[time.Duration]string{-time.Hour: "set back by 1h0m0s", 2 * time.Hour: "set forward, or the machine slept, by 2h0m0s"} {
		f.clock.Step(by)
		f.clock.Advance(time.Minute)
		look()
		f.clock.Advance(time.Minute)
		if c := look(); c.Status != monitor.Degraded || !strings.Contains(c.Message, says) || !strings.Contains(c.Message, "noticed 1m0s ago") {
			t.Errorf("set by %s: %+v", by, c)
		}
		f.clock.Advance(time.Hour)
		if c := look(); c.Status != monitor.Healthy {
			t.Errorf("an hour later: %+v", c)
		}
	}
}

func TestNew_reports_every_threshold_out_of_range(t *testing.T) {
	f := newFixture(t)
	_, err := monitor.New(monitor.Options{Bus: f.bus, Thresholds: monitor.Thresholds{Lag: time.Hour, ErrorRate: 2, ErrorWindow: time.Second, Stuck: -1}})
	for _, want := range []string{"lag unhealthy", "error rate", "error window", "stuck"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not tell of %s", err, want)
		}
	}
	if _, err := monitor.New(monitor.Options{}); err == nil {
		t.Error("no bus is needed")
	}
}

func TestCollect_takes_no_longer_than_its_context(t *testing.T) {
	f := newFixture(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := f.Collect(ctx)
	for _, tr := range s.Transports {
		if !errors.Is(tr.Err, context.Canceled) {
			t.Errorf("%+v", tr)
		}
	}
	if h := f.Judge(s); h.Status != monitor.Unhealthy {
		t.Error(fmt.Sprint(h))
	}
}
