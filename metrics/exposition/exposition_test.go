package exposition_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony/symphonytest/testclock"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/metrics"
	"github.com/symphony-messenger/symphony/metrics/exposition"
	"github.com/symphony-messenger/symphony/symphonytest"
	"github.com/symphony-messenger/symphony/transport/sqlite"
	"github.com/symphony-messenger/symphony/worker"
)

var noon = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

type fixture struct {
	*exposition.Exposition
	tr       *sqlite.Transport
	bus      *symphony.Bus
	recorder *metrics.Recorder
	clock    *testclock.Clock
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{clock: testclock.New(noon)}
	f.tr = symphonytest.Storage(t, sqlite.Options{Clock: f.clock})
	t.Cleanup(func() { f.tr.Close() })
	quiet := slog.New(slog.DiscardHandler)
	var err error
	if f.recorder, err = metrics.New(f.tr, metrics.Options{Clock: f.clock, Logger: quiet}); err != nil {
		t.Fatal(err)
	}
	if f.bus, err = symphony.NewBus([]symphony.Transport{f.tr}, symphony.BusOptions{Observer: f.recorder, Clock: f.clock}); err != nil {
		t.Fatal(err)
	}
	snapshots := func() []worker.Snapshot {
		return []worker.Snapshot{{Transport: "default", Name: "w", Running: true, Concurrency: 10, Processing: 3, AtWork: []worker.AtWork{{Since: noon}}, Outages: []worker.Outage{{}}}}
	}
	f.Exposition, err = exposition.New(exposition.Options{Bus: f.bus, Recorder: f.recorder, Workers: snapshots, Schedules: f.tr, Version: "1.2.3", Clock: f.clock, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *fixture) scrape(t *testing.T) string {
	t.Helper()
	w := httptest.NewRecorder()
	f.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
	raw, err := io.ReadAll(w.Body)
	if err != nil || w.Code != 200 {
		t.Fatalf("%d %s, %v", w.Code, raw, err)
	}
	return string(raw)
}

func (f *fixture) busy(t *testing.T) {
	t.Helper()
	for _, queue := range []string{"a", "a", "b"} {
		if _, err := f.bus.Dispatch(context.Background(), "Order", struct{}{}, symphony.DispatchOptions{Queue: queue}); err != nil {
			t.Fatal(err)
		}
	}
	for _, outcome := range []symphony.Outcome{symphony.Ack, symphony.Ack, symphony.Retry, symphony.Fail, symphony.Release} {
		f.recorder.AttemptsEnded([]symphony.EndedAttempt{{Transport: "default", Queue: "a", Type: "Order", Attempt: 1, CreatedAt: noon,
			Settlement: symphony.Settlement{Outcome: outcome, StartedAt: noon.Add(2 * time.Second), FinishedAt: noon.Add(2*time.Second + 30*time.Millisecond)}}})
	}
	f.Request("/api/symphony/dispatch", "POST", 201, 3*time.Millisecond)
	f.Request("", "MADEUP", 404, time.Millisecond)
	f.clock.Advance(90 * time.Second)
}

func TestScrape(t *testing.T) {
	f := newFixture(t)
	f.busy(t)
	got := f.scrape(t)
	for _, want := range []string{
		`symphony_messages{queue="a",state="pending",transport="default"} 2`,
		`symphony_messages{queue="b",state="failed",transport="default"} 0`,
		`symphony_oldest_pending_age_seconds{queue="a",transport="default"} 90`,
		`symphony_completed_total{queue="a",transport="default"} 0`,
		`symphony_storage_up{transport="default"} 1`,
		`symphony_dispatched_total{transport="default",type="Order"} 3`,
		`symphony_attempts_total{outcome="succeeded",transport="default",type="Order"} 2`,
		`symphony_attempts_total{outcome="retried",transport="default",type="Order"} 1`,
		`symphony_attempts_total{outcome="dead",transport="default",type="Order"} 1`,
		`symphony_attempts_total{outcome="released",transport="default",type="Order"} 1`,
		`symphony_handler_duration_seconds_bucket{transport="default",type="Order",le="0.025"} 0`,
		`symphony_handler_duration_seconds_bucket{transport="default",type="Order",le="0.05"} 4`,
		`symphony_handler_duration_seconds_count{transport="default",type="Order"} 4`,
		`symphony_wait_seconds_bucket{transport="default",le="2.5"} 4`,
		`symphony_wait_seconds_sum{transport="default"} 8`,
		`symphony_queue_dispatched_total{queue="a",transport="default"} 2`,
		`symphony_queue_dispatched_total{queue="b",transport="default"} 1`,
		`symphony_queue_attempts_total{outcome="dead",queue="a",transport="default"} 1`,
		`symphony_queue_attempts_total{outcome="dead",queue="b",transport="default"} 0`,
		`symphony_queue_handler_duration_seconds_count{queue="a",transport="default"} 4`,
		`symphony_queue_wait_seconds_sum{queue="a",transport="default"} 8`,
		`symphony_worker_running{transport="default"} 1`,
		`symphony_worker_busy{transport="default"} 3`,
		`symphony_worker_oldest_handler_seconds{transport="default"} 90`,
		`symphony_worker_storage_failing{transport="default"} 1`,
		`symphony_schedules_due 0`,
		`symphony_http_request_duration_seconds_count{code="201",method="POST",route="/api/symphony/dispatch"} 1`,
		`symphony_http_request_duration_seconds_count{code="404",method="other",route=""} 1`,
		`version="1.2.3"`, `go_goroutines`, `process_cpu_seconds_total`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("lacks %s", want)
		}
	}
	if t.Failed() {
		t.Log(got)
	}
}

func TestScrape_follows_the_conventions(t *testing.T) {
	f := newFixture(t)
	f.busy(t)
	problems, err := testutil.GatherAndLint(f.Gatherer())
	if err != nil || len(problems) > 0 {
		t.Errorf("%+v, %v", problems, err)
	}
}

func TestScrape_is_bounded(t *testing.T) {
	f := newFixture(t)
	for i := range 500 {
		if _, err := f.bus.Dispatch(t.Context(), fmt.Sprint("type", i), struct{}{}, symphony.DispatchOptions{Queue: fmt.Sprint("queue", i)}); err != nil {
			t.Fatal(err)
		}
	}
	got := f.scrape(t)
	if n := strings.Count(got, "symphony_dispatched_total{"); n != metrics.MaxSeries+1 {
		t.Errorf("%d types, want %d", n, metrics.MaxSeries+1)
	}
	if n := strings.Count(got, "symphony_queue_dispatched_total{"); n != metrics.MaxSeries+1 {
		t.Errorf("%d queues with counters, want %d", n, metrics.MaxSeries+1)
	}
	if n := strings.Count(got, "symphony_oldest_pending_age_seconds{"); n != exposition.MaxQueues+1 {
		t.Errorf("%d queues, want %d", n, exposition.MaxQueues+1)
	}
	if want := `symphony_messages{queue="other",state="pending",transport="default"} 400`; !strings.Contains(got, want) {
		t.Errorf("lacks %s", want)
	}
}

func TestScrape_works_while_storage_does_not(t *testing.T) {
	f := newFixture(t)
	f.busy(t)
	f.tr.Close()
	got := f.scrape(t)
	for _, want := range []string{`symphony_storage_up{transport="default"} 0`, `symphony_dispatched_total{transport="default",type="Order"} 3`} {
		if !strings.Contains(got, want) {
			t.Errorf("lacks %s in\n%s", want, got)
		}
	}
	if strings.Contains(got, "symphony_messages{") {
		t.Error("messages are shown that nobody knows of")
	}
}
