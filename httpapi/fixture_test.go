package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/audit"
	"github.com/symphony-messenger/symphony/auth"
	"github.com/symphony-messenger/symphony/handler/dynamic"
	"github.com/symphony-messenger/symphony/handler/httppush"
	"github.com/symphony-messenger/symphony/httpapi"
	"github.com/symphony-messenger/symphony/operation"
	"github.com/symphony-messenger/symphony/scheduler"
	"github.com/symphony-messenger/symphony/storage"
	"github.com/symphony-messenger/symphony/symphonytest"
	"github.com/symphony-messenger/symphony/transport/inline"
	"github.com/symphony-messenger/symphony/transport/sqlite"
	"github.com/symphony-messenger/symphony/transport/transporttest"
	"github.com/symphony-messenger/symphony/worker"
)

const cronSecret = "cron-secret-of-the-test"

// fixture is a server with the transports default, email (of one storage) and sync, and a key of each scope.
type fixture struct {
	*testing.T
	server *httptest.Server
	api    *httpapi.API
	tr     *sqlite.Transport
	bus    *symphony.Bus
	mux    *symphony.Mux
	keys   map[string]string // by scope
	log    *bytes.Buffer
}

func newFixture(t *testing.T, change func(*httpapi.Options)) *fixture {
	t.Helper()
	f := &fixture{T: t, mux: symphony.NewMux(), tr: symphonytest.Storage(t, sqlite.Options{}), keys: make(map[string]string), log: new(bytes.Buffer)}
	t.Cleanup(func() { f.tr.Close() })
	var err error
	f.bus, err = symphony.NewBus([]symphony.Transport{f.tr, f.tr.Named("email"), inline.Open(f.mux, inline.Options{})},
		symphony.BusOptions{Routes: map[string][]string{"Mail.*": {"email"}, "Both": {"default", "email"}}})
	if err != nil {
		t.Fatal(err)
	}
	store := auth.NewRecordKeys(f.tr)
	for _, name := range auth.ScopeNames() {
		scope, err := auth.ParseScope(name)
		if err != nil {
			t.Fatal(err)
		}
		plain, key, err := auth.GenerateKey(scope.String(), auth.Scopes(scope), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if err := store.CreateKey(context.Background(), key); err != nil {
			t.Fatal(err)
		}
		f.keys[scope.String()] = plain
	}
	sessions := auth.NewSessions(f.tr, nil, nil)
	a, err := auth.New(auth.Options{Keys: store, Sessions: sessions})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(context.Background()) })
	cron, err := auth.NewCron(cronSecret)
	if err != nil {
		t.Fatal(err)
	}
	schedules, err := scheduler.New(f.tr, f.bus, scheduler.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ops, err := operation.New(f.bus, operation.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		ops.Run(ctx)
	}()
	t.Cleanup(func() {
		end()
		<-ended
	})
	o := httpapi.Options{Sessions: sessions, Scheduler: schedules, Operations: ops, Bus: f.bus, Mux: f.mux, Auth: a, Cron: cron, Keys: store, Records: f.tr, Version: "test",
		CronWorker: func(string) worker.Options {
			return worker.Options{Concurrency: 5, BatchSize: 10, TimeLimit: 50 * time.Second}
		},
		Logger: slog.New(slog.NewJSONHandler(f.log, nil))}
	o.AccessLog = o.Logger
	origins, err := httppush.NewOrigins([]string{"https://app.example.com"}, false)
	if err != nil {
		t.Fatal(err)
	}
	handlers := dynamic.Options{Records: f.tr, Mux: f.mux, Origins: origins, Logger: o.Logger}
	if o.Handlers, err = dynamic.New(handlers); err != nil {
		t.Fatal(err)
	}
	if store, ok := symphony.Transport(f.tr).(storage.Log); ok {
		o.Audit = audit.New(store, audit.Options{})
	}
	if change != nil {
		change(&o)
	}
	if f.api, err = httpapi.New(o); err != nil {
		t.Fatal(err)
	}
	f.server = httptest.NewServer(f.api.Handler())
	t.Cleanup(f.server.Close)
	return f
}

// answer is what the server said.
type answer struct {
	status int
	header http.Header
	raw    string
	body   map[string]any
}

func (a answer) code() string { s, _ := a.body["code"].(string); return s }

// message is the one that the answer is about.
func (a answer) message() map[string]any { m, _ := a.body["message"].(map[string]any); return m }

// paths are the paths of a validation error's details.
func (a answer) paths() (paths []string) {
	details, _ := a.body["details"].([]any)
	for _, d := range details {
		paths = append(paths, d.(map[string]any)["path"].(string))
	}
	return paths
}

// call sends a request as an administrator. Headers are name, value, name, value…; an empty value removes one.
func (f *fixture) call(method, path, body string, headers ...string) answer {
	f.Helper()
	req, err := http.NewRequest(method, f.server.URL+path, strings.NewReader(body))
	if err != nil {
		f.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+f.keys["admin"])
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		if req.Header.Del(headers[i]); headers[i+1] != "" {
			req.Header.Set(headers[i], headers[i+1])
		}
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		f.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		f.Fatal(err)
	}
	a := answer{status: resp.StatusCode, header: resp.Header, raw: string(raw)}
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json") {
		dec := json.NewDecoder(bytes.NewReader(raw))
		dec.UseNumber()
		if err := dec.Decode(&a.body); err != nil {
			f.Fatalf("%s %s answered %q: %v", method, path, raw, err)
		}
	}
	return a
}

// fail puts a message of a type into the dead letter queue and returns its failed id.
func (f *fixture) fail(typ, payload string) string {
	f.Helper()
	if a := f.call("POST", "/api/symphony/dispatch", `{"message":{"type":"`+typ+`","payload":`+payload+`}}`); a.status != 201 {
		f.Fatalf("dispatch: %d %s", a.status, a.raw)
	}
	got, err := f.tr.Receive(context.Background(), symphony.ReceiveOptions{})
	if err != nil || len(got) != 1 {
		f.Fatalf("got %d messages, %v", len(got), err)
	}
	f.tr.Settle(context.Background(), []symphony.Settlement{{Lease: got[0].Lease, Outcome: symphony.Fail, Error: "boom " + typ, ErrorClass: "test", MaxRetries: 3,
		StartedAt: time.Now(), FinishedAt: time.Now()}})
	page, err := transporttest.ListFailed(context.Background(), f.tr, symphony.MessageQuery{Limit: 1})
	if err != nil || len(page.Messages) != 1 {
		f.Fatalf("got %+v, %v", page, err)
	}
	return page.Messages[0].FailedID
}

func newServer(t *testing.T, h http.Handler) *httptest.Server {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

// words puts values side by side.
func words(values ...any) string { return strings.TrimSpace(fmt.Sprintln(values...)) }
