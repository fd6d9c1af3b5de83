//go:build unix

package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/symphony-messenger/symphony/config"
	"github.com/symphony-messenger/symphony/server"
)

func exec(t *testing.T, url, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
}

// Servers that were started before there is an application work for it from the moment at which its handlers are set,
// on all nodes, and go on with them after a restart.
func TestRun_works_with_handlers_that_are_set(t *testing.T) {
	onBoth(t, func(t *testing.T, settings []config.Flag) {
		t.Parallel()
		pushed := make(chan string, 10)
		app := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			pushed <- r.URL.Path
		}))
		defer app.Close()
		yaml := "push: {allowed_origins: ['" + app.URL + "'], allow_private: true}\n"
		c := configured(t, yaml, settings...)
		o := quiet()
		first := server.Options{Logger: o.Logger, FirstKey: true}
		if settings != nil {
			first.NoWorker = true // another node handles
		}
		s := run(t, c, first)
		if settings != nil {
			run(t, configured(t, yaml, settings...), o)
		}
		arrive := func(at running, path string) {
			t.Helper()
			if status, answer := call(t, "POST", at.URL()+"/api/symphony/dispatch", s.key,
				`{"message":{"type":"order.paid","payload":{}}}`); status != 201 {
				t.Fatalf("dispatch: %d %s", status, answer)
			}
			select {
			case got := <-pushed:
				if got != path {
					t.Fatalf("pushed to %s, want %s", got, path)
				}
			case <-time.After(30 * time.Second):
				t.Fatal("nothing was pushed")
			}
		}
		const of = "/api/symphony/handlers/order.*"
		status, answer := call(t, "PUT", s.URL()+of, s.key, `{"url":"`+app.URL+`/first"}`)
		if status != 201 || !strings.Contains(answer, "whsec_") {
			t.Fatalf("set: %d %s", status, answer)
		}
		arrive(s, "/first") // without the node that handles having had the time to look
		if status, answer := call(t, "GET", s.URL()+"/api/symphony/status", s.key, ""); status != 200 ||
			strings.Contains(answer, `"failedMessages":1`) {
			t.Fatalf("status: %d %s", status, answer)
		}
		if settings != nil {
			return
		}
		if err := s.stop(); err != nil {
			t.Fatal(err)
		}
		again := run(t, c, server.Options{Logger: o.Logger})
		arrive(again, "/first")
	})
}

// A node of a release that knows of no such handlers would have their messages fail.
func TestHandlers_are_refused_beside_an_older_node(t *testing.T) {
	onBoth(t, func(t *testing.T, settings []config.Flag) {
		if settings == nil {
			return // a SQLite file belongs to one process
		}
		t.Parallel()
		yaml := "push: {allowed_origins: ['http://127.0.0.1:1'], allow_private: true}\n"
		s := run(t, configured(t, yaml, settings...), quiet())
		exec(t, settings[0].Value, `INSERT INTO symphony.messenger_nodes (id, seen_at, started_at, name, version, info)
			VALUES ('00000000-0000-7000-8000-000000000001', now(), now(), 'old', '0.1', '{"workers":[],"process":"p"}'),
				('00000000-0000-7000-8000-000000000002', now(), now(), 'program', '', '{}')`)
		set := func() (int, string) {
			return call(t, "PUT", s.URL()+"/api/symphony/handlers/order", s.key, `{"url":"http://127.0.0.1:1/"}`)
		}
		status, answer := set()
		var e struct{ Code, Error string }
		if json.Unmarshal([]byte(answer), &e) != nil || status != 409 || e.Code != "older_nodes" ||
			!strings.Contains(e.Error, "alive, where messages would fail for want of one: old;") {
			t.Errorf("beside it: %d %s", status, answer)
		}
		exec(t, settings[0].Value, `DELETE FROM symphony.messenger_nodes WHERE name = 'old'`)
		if status, answer = set(); status != 201 {
			t.Errorf("without it: %d %s", status, fmt.Sprint(answer))
		}
	})
}
