//go:build unix

package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/config"
	"github.com/symphony-messenger/symphony/internal/pgtest"
	"github.com/symphony-messenger/symphony/server"
)

const cronSecret = "a-secret-of-the-cron-service"

// function is a serverless function: a handler over a storage, and nothing that runs.
type function struct {
	*testing.T
	server *server.Server
	key    string
}

// newFunction makes the storage and an API key as an operator does, and then what the cold start makes.
func newFunction(t *testing.T, settings []config.Flag, yaml string, handlers func(*symphony.Mux)) function {
	t.Helper()
	settings = append(settings, config.Flag{Name: "secret", Key: "cron.secret", Value: cronSecret})
	first := quiet()
	first.Mode, first.NoWorker = server.Mounted, true
	operator := run(t, configured(t, "", settings...), first)
	if err := operator.stop(); err != nil {
		t.Fatal(err)
	}
	o := quiet()
	o.Mode, o.Handlers = server.HandlerOnly, handlers
	c := configured(t, yaml, settings...)
	if !c.Database.PostgreSQL() {
		c.Database.Path = operator.Database()
	}
	s, err := server.New(t.Context(), c, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return function{t, s, operator.key}
}

// ask has the function answer a request, as a platform does, and decodes the answer.
func (f function) ask(method, path, key, body string) map[string]any {
	f.Helper()
	r := httptest.NewRequestWithContext(f.Context(), method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+key)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	w := httptest.NewRecorder()
	f.server.Handler().ServeHTTP(w, r)
	var answer map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code >= 300 {
		f.Fatalf("%s %s is answered %d: %s", method, path, w.Code, w.Body)
	}
	return answer
}

func (f function) dispatch(typ string) {
	f.Helper()
	f.ask(http.MethodPost, "/api/symphony/dispatch", f.key, `{"message":{"type":"`+typ+`","payload":{}}}`)
}

func (f function) cron(route string) map[string]any {
	f.Helper()
	return f.ask(http.MethodGet, "/api/cron/symphony-"+route, cronSecret, "")
}

// until asks again until it is so.
func (f function) until(what string, so func() bool) {
	f.Helper()
	ctx, cancel := context.WithTimeout(f.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !so() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			f.Fatalf("it never came about that %s", what)
		}
	}
}

// onBoth runs a test over SQLite and PostgreSQL.
func onBoth(t *testing.T, test func(t *testing.T, settings []config.Flag)) {
	t.Run("sqlite", func(t *testing.T) { test(t, nil) })
	t.Run("postgres", func(t *testing.T) {
		test(t, []config.Flag{{Name: "url", Key: "database.url", Value: pgtest.URL(t)}})
	})
}

func TestHandlerOnly_handles_messages_by_the_cron_route(t *testing.T) {
	onBoth(t, func(t *testing.T, settings []config.Flag) {
		got := make(chan string, 1)
		f := newFunction(t, settings, "", handled("order", got))
		if err := f.server.Run(t.Context()); err == nil {
			t.Error("it can be run")
		}
		f.dispatch("order")
		if n := f.cron("worker")["processed"]; n != 1.0 {
			t.Errorf("the cron route processed %v messages, want 1", n)
		}
		if typ := <-got; typ != "order" {
			t.Errorf("the handler got %s", typ)
		}
	})
}

func TestHandlerOnly_fires_schedules_by_the_cron_route(t *testing.T) {
	onBoth(t, func(t *testing.T, settings []config.Flag) {
		got := make(chan string, 100)
		f := newFunction(t, settings, "schedules:\n  - name: report\n    interval: 1s\n    type: report\n", handled("report", got))
		f.until("the schedule fires", func() bool { return f.cron("scheduler")["fired"] != 0.0 })
		f.cron("worker")
		if len(got) == 0 {
			t.Error("the message of the schedule was not handled")
		}
	})
}

func TestHandlerOnly_gives_back_expired_leases_by_the_cron_route(t *testing.T) {
	onBoth(t, func(t *testing.T, settings []config.Flag) {
		got := make(chan string, 1)
		f := newFunction(t, settings, "", handled("order", got))
		f.dispatch("order")
		taken := f.ask(http.MethodPost, "/api/symphony/receive", f.key, `{"lease":1000}`)
		if list, _ := taken["messages"].([]any); len(list) != 1 {
			t.Fatalf("received %v", taken)
		}
		f.until("the message comes back", func() bool { return f.cron("worker")["processed"] == 1.0 })
		<-got
	})
}

func TestHandlerOnly_works_in_bulk_by_the_cron_route(t *testing.T) {
	onBoth(t, func(t *testing.T, settings []config.Flag) {
		down, got := true, make(chan string, 3)
		f := newFunction(t, settings, "", func(mux *symphony.Mux) {
			mux.HandleFunc("order", func(_ context.Context, d *symphony.Delivery) error {
				if down {
					return symphony.Permanent(errors.New("down"))
				}
				got <- d.Type
				return nil
			})
		})
		for range 3 {
			f.dispatch("order")
		}
		f.cron("worker")
		down = false
		started := f.ask(http.MethodPost, "/api/symphony/failed/retry", f.key, `{"filter":{"type":"order"},"background":true}`)
		op, _ := started["operation"].(map[string]any)
		id, _ := op["id"].(string)
		if op["state"] != "running" {
			t.Fatalf("started %v", started)
		}
		// One request does the work in bulk, and then handles what came of it.
		if n := f.cron("worker")["processed"]; n != 3.0 {
			t.Errorf("the cron route processed %v messages, want 3", n)
		}
		after, _ := f.ask(http.MethodGet, "/api/symphony/operations/"+id, f.key, "")["operation"].(map[string]any)
		if after["state"] != "completed" || after["done"] != 3.0 {
			t.Errorf("the operation is %v", after)
		}
	})
}

// What PostgreSQL's nodes do every 20 seconds and more, long after this test, is done by the request.
func TestHandlerOnly_keeps_house_by_the_cron_route(t *testing.T) {
	url := pgtest.URL(t)
	f := newFunction(t, []config.Flag{{Name: "url", Key: "database.url", Value: url}}, "", handled("order", make(chan string, 1)))
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	unfolded := func() (n int) {
		if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM symphony.messenger_counters WHERE shard <> 0").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	f.dispatch("order")
	if unfolded() == 0 {
		t.Fatal("there is nothing to fold")
	}
	f.cron("scheduler")
	if n := unfolded(); n != 0 {
		t.Errorf("%d counters are not folded", n)
	}
}

// What a request has counted is in the storage when it is over: another instance tells it.
func TestHandlerOnly_leaves_nothing_behind_a_request(t *testing.T) {
	settings := []config.Flag{{Name: "url", Key: "database.url", Value: pgtest.URL(t)}}
	f := newFunction(t, settings, "", func(mux *symphony.Mux) {
		mux.HandleFunc("order", func(context.Context, *symphony.Delivery) error { return symphony.Permanent(errors.New("down")) })
	})
	f.dispatch("order")
	f.cron("worker")
	o := quiet()
	o.Mode = server.HandlerOnly
	other, err := server.New(t.Context(), configured(t, "", append(settings, config.Flag{Name: "secret", Key: "cron.secret", Value: cronSecret})...), o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := other.Close(); err != nil {
			t.Error(err)
		}
	}()
	f.server = other
	metrics, err := json.Marshal(f.ask(http.MethodGet, "/api/symphony/metrics", f.key, ""))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(metrics), `"dispatched":1`) || !strings.Contains(string(metrics), `"dead":1`) {
		t.Errorf("the other instance tells %s", metrics)
	}
}
