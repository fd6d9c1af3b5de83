package httpapi_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/httpapi"
)

// Consume runs are bounded: each holds up to twenty handlers for up to a minute.
func TestConsume_refuses_too_many_runs_at_once(t *testing.T) {
	f := newFixture(t, nil)
	const most = 16
	// Each caller gets half of what is free, so that the next one gets in as well.
	var callers [][]string
	for _, n := range []int{8, 4, 2, 1, 1} {
		made := f.call("POST", "/api/symphony/keys", `{"name":"worker","scopes":["consume"]}`)
		key, _ := made.body["secret"].(string)
		for range n {
			callers = append(callers, []string{"Authorization", "Bearer " + key})
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	started := make(chan struct{}, most)
	f.mux.HandleFunc("Hello", func(context.Context, *symphony.Delivery) error {
		started <- struct{}{}
		<-ctx.Done()
		return nil
	})
	for range most {
		f.call("POST", dispatchPath, hello)
	}
	var runs sync.WaitGroup
	const one = `{"batchSize":1,"maxConcurrency":1,"messageLimit":1}`
	for i := range most {
		runs.Go(func() {
			if a := f.call("POST", "/api/symphony/consume", one, callers[i]...); a.status != 200 {
				t.Errorf("got %d %s", a.status, a.raw)
				started <- struct{}{}
			}
		})
		<-started
		if i == 7 {
			a := f.call("POST", "/api/symphony/consume", one, callers[i]...)
			if a.status != http.StatusTooManyRequests || a.code() != "rate_limited" || a.header.Get("Retry-After") == "" {
				t.Errorf("more than its share: %d %s", a.status, a.raw)
			}
		}
	}
	if a := f.call("POST", "/api/symphony/consume", ""); a.status != http.StatusTooManyRequests || a.code() != "too_many_consumers" || a.header.Get("Retry-After") == "" {
		t.Errorf("one run more: %d %s", a.status, a.raw)
	}
	cancel()
	runs.Wait()
	if a := f.call("POST", "/api/symphony/consume", ""); a.status != 200 {
		t.Errorf("after they ended: %d %s", a.status, a.raw)
	}
}

// A cron that calls again while a run is in progress is answered at once.
func TestCron_runs_once_at_a_time(t *testing.T) {
	f := newFixture(t, nil)
	ctx, cancel := context.WithCancel(context.Background())
	started := make(chan struct{})
	f.mux.HandleFunc("Hello", func(context.Context, *symphony.Delivery) error {
		close(started)
		<-ctx.Done()
		return nil
	})
	f.call("POST", dispatchPath, hello)
	secret := []string{"Authorization", "Bearer " + cronSecret}
	first := make(chan answer, 1)
	go func() { first <- f.call("POST", "/api/cron/symphony-worker", "", secret...) }()
	<-started
	second := f.call("GET", "/api/cron/symphony-worker", "", secret...)
	if second.status != 200 || words(second.body["processed"], second.body["health"].(map[string]any)["running"]) != "0 true" {
		t.Errorf("while one runs: %d %s", second.status, second.raw)
	}
	cancel()
	if a := <-first; a.status != 200 || words(a.body["processed"]) != "1" {
		t.Errorf("the first run: %d %s", a.status, a.raw)
	}
}

func TestDispatch_prefers_the_traceparent_among_the_headers(t *testing.T) {
	f := newFixture(t, nil)
	f.call("POST", dispatchPath, `{"message":{"type":"a","payload":{}},"options":{"headers":{"traceparent":"00-own"}}}`, "Traceparent", "00-http")
	got, err := f.tr.Receive(context.Background(), symphony.ReceiveOptions{})
	if err != nil || len(got) != 1 || !strings.HasSuffix(got[0].Header("traceparent"), "own") {
		t.Errorf("got %+v, %v", got, err)
	}
}

// A server that shuts down ends its runs, takes no new ones, and answers everything else.
func TestDraining(t *testing.T) {
	secret := []string{"Authorization", "Bearer " + cronSecret}
	for name, run := range map[string]struct {
		path, body string
		headers    []string
	}{
		"consume":        {"/api/symphony/consume", `{"waitForMessages":true}`, nil},
		"the cron route": {"/api/cron/symphony-worker", "", secret},
	} {
		t.Run(name, func(t *testing.T) {
			draining, drain := context.WithCancel(context.Background())
			f := newFixture(t, func(o *httpapi.Options) { o.Draining = draining })
			finish, started := make(chan struct{}), make(chan struct{})
			f.mux.HandleFunc("Hello", func(context.Context, *symphony.Delivery) error {
				close(started)
				<-finish
				return nil
			})
			f.call("POST", dispatchPath, hello)
			ended := make(chan answer)
			go func() { ended <- f.call("POST", run.path, run.body, run.headers...) }()
			<-started
			if a := f.call("GET", "/readyz", ""); a.status != 200 {
				t.Errorf("readyz before: %d %s", a.status, a.raw)
			}
			drain()
			for _, test := range []struct {
				method, path, body string
				headers            []string
				status             int
				code               string
			}{
				{"GET", "/readyz", "", nil, 503, "not_ready"},
				{"POST", run.path, run.body, run.headers, 503, "not_ready"},
				{"POST", run.path, run.body, []string{"Authorization", ""}, 401, ""},
				{"GET", "/healthz", "", nil, 200, ""},
				{"GET", "/api/symphony/status", "", nil, 200, ""},
				{"POST", dispatchPath, `{"message":{"type":"Other","payload":{}}}`, nil, 201, ""},
			} {
				a := f.call(test.method, test.path, test.body, test.headers...)
				if a.status != test.status || test.code != "" && a.code() != test.code || (a.status == 503) != (a.header.Get("Retry-After") != "") {
					t.Errorf("%s %s: got %d %s", test.method, test.path, a.status, a.raw)
				}
			}
			close(finish)
			a := <-ended
			stats, health := a.body["stats"].(map[string]any), a.body["health"].(map[string]any)
			if got := words(a.status, stats["totalSucceeded"], health["stopReason"]); got != "200 1 stopped" {
				t.Errorf("in progress: got %s in %s", got, a.raw)
			}
		})
	}
}
