package httpapi_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/httpapi"
	"github.com/symphony-messenger/symphony/httpapi/wire"
	"github.com/symphony-messenger/symphony/metrics"
	"github.com/symphony-messenger/symphony/monitor"
	"github.com/symphony-messenger/symphony/storage"
)

// monitored adds to a server what tells how work flows. The process says of itself what info is.
func monitored(t *testing.T, o *httpapi.Options, info *monitor.NodeInfo) {
	t.Helper()
	var err error
	quiet := slog.New(slog.DiscardHandler)
	if o.Metrics, err = metrics.New(o.Records, metrics.Options{Logger: quiet}); err != nil {
		t.Fatal(err)
	}
	self := func() storage.Node {
		raw, _ := json.Marshal(info)
		return storage.Node{ID: "n", Name: "here:1", Version: "test", StartedAt: time.Now(), SeenAt: time.Now(), Info: raw}
	}
	if o.Monitor, err = monitor.New(monitor.Options{Bus: o.Bus, Metrics: o.Metrics, Self: self}); err != nil {
		t.Fatal(err)
	}
	o.Observer = o.Metrics
	o.Exposition = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "symphony_up 1") })
}

func monitoredFixture(t *testing.T, info *monitor.NodeInfo, change func(*httpapi.Options)) *fixture {
	t.Helper()
	return newFixture(t, func(o *httpapi.Options) {
		monitored(t, o, info)
		if change != nil {
			change(o)
		}
	})
}

func TestMetrics(t *testing.T) {
	var recorder *metrics.Recorder
	f := monitoredFixture(t, &monitor.NodeInfo{}, func(o *httpapi.Options) { recorder = o.Metrics })
	id := f.dispatch("Order", `{"queue":"fast"}`)
	f.call("POST", nackPath, `{"receipt":"`+f.receive(`{"worker":"me"}`)[0]["receipt"].(string)+`","errorClass":"busy","retryAfter":0}`)
	f.call("POST", ackPath, `{"receipts":`+receiptsOf(f.receive(`{}`))+`}`)
	recorder.AttemptsEnded([]symphony.EndedAttempt{{MessageID: id, Transport: "email", Type: "Mail", Attempt: 2, Settlement: symphony.Settlement{
		Outcome: symphony.Ack, StartedAt: time.Now(), FinishedAt: time.Now().Add(200 * time.Millisecond)}}})
	a := f.call("GET", "/api/symphony/metrics?minutes=5", "", "Authorization", "Bearer "+f.keys["read"])
	var got wire.MetricsResponse
	if err := json.Unmarshal([]byte(a.raw), &got); err != nil || a.status != 200 {
		t.Fatal(a.status, a.raw, err)
	}
	if want := (wire.Totals{Processed: 3, Succeeded: 2, Failed: 1, Retried: 1}); got.Totals != want {
		t.Errorf("totals %+v, want %+v", got.Totals, want)
	}
	if got.SuccessRate < 0.66 || got.SuccessRate > 0.67 || got.MaxProcessingTime != 200 || got.P99 < 196 || got.P99 > 200 || got.Throughput <= 0 {
		t.Errorf("timing %+v", got.Timing)
	}
	if len(got.Series) != 5 || got.Step != 1 || got.EndTime.Sub(got.StartTime) != 5*time.Minute || got.Series[4].Processed+got.Series[3].Processed != 3 {
		t.Errorf("series %+v", got.Series)
	}
	last := slices.MaxFunc(got.Series, func(a, b wire.MetricsPoint) int { return cmp.Compare(a.P99, b.P99) })
	if last.P50 > last.P95 || last.P95 > last.P99 || last.P99 < 196 || last.P99 > 200 ||
		last.WaitingP99 < last.WaitingP50 {
		t.Errorf("percentiles of a step: %+v", last)
	}
	if got.ByMessageType["Order"].Failed != 1 || got.ByMessageType["Mail"].Succeeded != 1 || got.ByTransport["email"].Processed != 1 {
		t.Errorf("by type %+v, by transport %+v", got.ByMessageType, got.ByTransport)
	}
	if diff := gocmp.Diff([]wire.ErrorCount{{ErrorClass: "busy", Count: 1}}, got.Errors); diff != "" {
		t.Errorf("errors (-want +got)\n%s", diff)
	}
	only := f.call("GET", "/api/symphony/metrics?transport=email&type=Mail&startTime="+time.Now().Add(-10*time.Minute).UTC().Format(time.RFC3339)+"&step=5", "")
	if n := only.body["totals"].(map[string]any)["processed"].(json.Number); n != "1" {
		t.Errorf("of Mail alone: %s", only.raw)
	}
}

func TestMetricsByQueue(t *testing.T) {
	f := monitoredFixture(t, &monitor.NodeInfo{}, nil)
	f.dispatch("Order", `{"queue":"fast"}`)
	receipts := f.receive(`{"queues":["fast"],"worker":"me"}`)
	f.call("POST", nackPath, `{"receipt":"`+receipts[0]["receipt"].(string)+`","errorClass":"busy","permanent":true}`)
	for by, want := range map[string][]string{
		"type": {"/Order"}, "queue": {"default/fast"}, "worker": {"default/me"}, "status": {"/failed"},
	} {
		query := "/api/symphony/metrics?minutes=5&step=5&groupBy=" + by
		a := f.call("GET", query, "", "Authorization", "Bearer "+f.keys["read"])
		var got wire.MetricsResponse
		if err := json.Unmarshal([]byte(a.raw), &got); err != nil || a.status != 200 || got.GroupBy != by {
			t.Fatal(a.status, a.raw, err)
		}
		var names []string
		for _, g := range got.Groups {
			names = append(names, g.Transport+"/"+g.Name)
			if len(g.Series) != 1 || g.Series[0].Totals != g.Totals || g.Errors == nil {
				t.Errorf("by %s: %+v", by, g)
			}
		}
		if diff := gocmp.Diff(want, names); diff != "" {
			t.Errorf("by %s (-want +got)\n%s", by, diff)
		}
	}
	a := f.call("GET", "/api/symphony/metrics?queue=fast", "")
	var got wire.MetricsResponse
	if err := json.Unmarshal([]byte(a.raw), &got); err != nil {
		t.Fatal(err)
	}
	if want := (wire.Totals{Processed: 1, Failed: 1, Dead: 1}); got.Totals != want || got.Groups != nil {
		t.Errorf("of one queue: %+v with %d groups, want %+v without", got.Totals, len(got.Groups), want)
	}
}

func TestScaleTellsHowManyWorkersAQueueNeeds(t *testing.T) {
	f := monitoredFixture(t, &monitor.NodeInfo{}, nil)
	f.dispatch("Order", `{"queue":"fast"}`)
	query := "/api/symphony/scale?queue=fast&concurrency=3&drain=30000"
	a := f.call("GET", query, "", "Authorization", "Bearer "+f.keys["read"])
	var got wire.ScaleResponse
	if err := json.Unmarshal([]byte(a.raw), &got); err != nil || a.status != 200 {
		t.Fatal(a.status, a.raw, err)
	}
	got.OldestAge = 0
	want := wire.ScaleResponse{
		Success: true, Transport: "default", Queue: "fast", Backlog: 1, Concurrency: 3, Drain: 30_000,
		DesiredWorkers: 1,
	}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for query, path := range map[string]string{
		"queue=a b": "queue", "queue=": "queue", "concurrency=0": "concurrency", "drain=999": "drain",
		"drain=x": "drain", "transport=nope": "transport", "workers=3": "workers",
	} {
		a := f.call("GET", "/api/symphony/scale?"+strings.ReplaceAll(query, " ", "%20"), "")
		if a.status != 400 || !slices.Contains(a.paths(), path) {
			t.Errorf("%s: %d %s, want 400 about %s", query, a.status, a.raw, path)
		}
	}
}

func TestMetricsQueriesAreChecked(t *testing.T) {
	f := monitoredFixture(t, &monitor.NodeInfo{}, nil)
	now := time.Now().UTC()
	stamp := func(d time.Duration) string { return now.Add(d).Format(time.RFC3339) }
	for query, want := range map[string]string{
		"minutes=0": "minutes", "minutes=10081": "minutes", "minutes=x": "minutes", "minutes=": "minutes",
		"step=0": "step", "step=-5": "step", "minutes=7000&step=7": "step", "minutes=2000&step=1": "step",
		"endTime=" + stamp(0): "startTime", "startTime=yesterday": "startTime",
		"startTime=" + stamp(-time.Hour) + "&endTime=" + stamp(-2*time.Hour): "endTime",
		"startTime=" + stamp(time.Hour):                                      "startTime",
		"startTime=" + stamp(-8*24*time.Hour):                                "startTime",
		"minutes=5&startTime=" + stamp(-time.Hour):                           "minutes",
		"transport=nope": "transport", "window=5": "window",
		"groupBy=colour": "groupBy", "type=A&queue=b": "queue", "queue=a&worker=b": "queue",
		"worker=w&groupBy=queue": "groupBy", "groups=5": "groups",
		"groupBy=queue&groups=51": "groups", "groupBy=queue&groups=0": "groups",
		"type=A&groupBy=status": "groupBy", "groupBy=type&minutes=180&step=1": "step", "groupBy=": "groupBy",
	} {
		a := f.call("GET", "/api/symphony/metrics?"+query, "")
		if a.status != 400 || !slices.Contains(a.paths(), want) {
			t.Errorf("%s: %d %s, want 400 about %s", query, a.status, a.raw, want)
		}
	}
}

func TestHealthReport(t *testing.T) {
	info := &monitor.NodeInfo{}
	f := monitoredFixture(t, info, nil)
	if a := f.call("GET", "/api/symphony/health", "", "Authorization", "Bearer "+f.keys["read"]); a.status != 200 || a.body["status"] != "healthy" || a.body["success"] != true || len(a.body["checks"].([]any)) != 9 {
		t.Errorf("idle: %d %s", a.status, a.raw)
	}
	info.Workers = []monitor.NodeWorker{{Name: "w", Transport: "default", Running: true, AtWork: []monitor.AtWork{{MessageID: "m", Type: "T", Since: time.Now().Add(-time.Hour)}}}}
	if a := f.call("GET", "/api/symphony/health", ""); a.status != 200 || a.body["status"] != "degraded" || !strings.Contains(a.raw, "message m of type T has been at work for 1h0m0s at worker w") {
		t.Errorf("stuck: %d %s", a.status, a.raw)
	}
	f.tr.Close()
	a := f.call("GET", "/api/symphony/health", "")
	if a.status == 401 || a.status == 503 && a.code() != "unhealthy" { // its key is kept there, too
		local := newServer(t, f.api.LocalHandler())
		resp, err := http.Get(local.URL + "/api/symphony/health")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		a = answer{status: resp.StatusCode, header: resp.Header}
		if err := json.NewDecoder(resp.Body).Decode(&a.body); err != nil {
			t.Fatal(err)
		}
	}
	details, _ := a.body["details"].(map[string]any)
	if a.status != 503 || a.code() != "unhealthy" || details["status"] != "unhealthy" || a.header.Get("Retry-After") == "" {
		t.Errorf("storage is gone: %d %v", a.status, a.body)
	}
	if strings.Contains(f.log.String(), `"level":"ERROR"`) && strings.Contains(f.log.String(), "/api/symphony/health") && strings.Contains(f.log.String(), `"level":"ERROR","msg":"request","method":"GET","route":"/api/symphony/health"`) {
		t.Error("an unhealthy report is logged as a failure of the server")
	}
}

func TestWorkersShowWhoHasWhat(t *testing.T) {
	info := &monitor.NodeInfo{Workers: []monitor.NodeWorker{{
		Name: "w", Transport: "default", Running: true, Concurrency: 10, Processing: 1, Queues: []string{"fast"},
	}}}
	f := monitoredFixture(t, info, nil)
	for range 3 {
		f.dispatch("Order", `{}`)
	}
	if _, err := f.tr.Receive(context.Background(), symphony.ReceiveOptions{Max: 1, Worker: "w"}); err != nil {
		t.Fatal(err)
	}
	f.receive(`{"max":2,"worker":"php-7","lease":60000}`)
	a := f.call("GET", "/api/symphony/workers", "", "Authorization", "Bearer "+f.keys["read"])
	var got wire.WorkersResponse
	if err := json.Unmarshal([]byte(a.raw), &got); err != nil || a.status != 200 {
		t.Fatal(a.status, a.raw, err)
	}
	if len(got.Nodes) != 1 || len(got.Nodes[0].Workers) != 1 || got.Nodes[0].Workers[0].Concurrency != 10 ||
		!slices.Equal(got.Nodes[0].Workers[0].Queues, []string{"fast"}) || got.Nodes[0].Name != "here:1" {
		t.Errorf("nodes %+v", got.Nodes)
	}
	if len(got.Others) != 1 || got.Others[0].Worker != "php-7" || got.Others[0].Processing != 2 || got.Others[0].Oldest.Type != "Order" || time.Until(got.Others[0].LeasedUntil) < 50*time.Second {
		t.Errorf("others %+v", got.Others)
	}
}

func TestScrapesNeedAuthenticationUnlessOpen(t *testing.T) {
	f := monitoredFixture(t, &monitor.NodeInfo{}, nil)
	for header, want := range map[string]int{"": 401, "Bearer " + f.keys["dispatch"]: 403, "Bearer " + f.keys["read"]: 200} {
		if a := f.call("GET", "/metrics", "", "Authorization", header); a.status != want {
			t.Errorf("with %.12q: %d %s, want %d", header, a.status, a.raw, want)
		}
	}
	open := monitoredFixture(t, &monitor.NodeInfo{}, func(o *httpapi.Options) { o.MetricsOpen = true })
	if a := open.call("GET", "/metrics", "", "Authorization", ""); a.status != 200 || a.raw != "symphony_up 1\n" {
		t.Errorf("open: %d %s", a.status, a.raw)
	}
}

func TestEachRequestIsCounted(t *testing.T) {
	type request struct {
		route, method string
		status        int
	}
	seen := make(chan request, 10)
	f := monitoredFixture(t, &monitor.NodeInfo{}, func(o *httpapi.Options) {
		o.Requests = func(route, method string, status int, took time.Duration) {
			if took <= 0 {
				t.Errorf("took %s", took)
			}
			seen <- request{route, method, status}
		}
	})
	f.call("GET", "/api/symphony/failed/x?y=1", "")
	f.call("GET", "/nowhere/"+strings.Repeat("x", 100), "")
	for _, want := range []request{{"/api/symphony/failed/{id}", "GET", 400}, {"", "GET", 404}} {
		if got := <-seen; got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}

func TestServersWithoutMetricsSaySo(t *testing.T) {
	f := newFixture(t, nil)
	for _, path := range []string{
		"/api/symphony/metrics", "/api/symphony/health", "/api/symphony/workers", "/api/symphony/scale", "/metrics",
	} {
		if a := f.call("GET", path, ""); a.status != 501 || a.code() != "not_supported" {
			t.Errorf("%s: %d %s", path, a.status, a.raw)
		}
	}
}
