package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/config"
	"github.com/symphony-messenger/symphony/server"
	"github.com/symphony-messenger/symphony/transport/sqlite"
)

// configured is a configuration in a folder of its own: a file, and settings above it.
func configured(t *testing.T, yaml string, settings ...config.Flag) *config.Config {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "symphony.yaml")
	if err := os.WriteFile(file, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	flags := []config.Flag{addr("127.0.0.1:0")}
	if !slices.ContainsFunc(settings, func(f config.Flag) bool { return strings.HasPrefix(f.Key, "database.") }) {
		flags = append(flags, config.Flag{Name: "database", Key: "database.path", Value: filepath.Join(dir, "queue.db")})
	}
	c, err := config.Load(config.Sources{File: file, Flags: append(flags, settings...)})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func addr(a string) config.Flag { return config.Flag{Name: "addr", Key: "server.addr", Value: a} }

// quiet are options of a server that logs to nobody.
func quiet() server.Options {
	return server.Options{Logger: slog.New(slog.DiscardHandler), FirstKey: true}
}

// running is a server at work, until the test ends or stop is called.
type running struct {
	*server.Server
	key  string
	stop func() error
}

func run(t *testing.T, c *config.Config, o server.Options) running {
	t.Helper()
	started := make(chan server.Started, 1)
	o.Started = func(s server.Started) { started <- s }
	s, err := server.New(t.Context(), c, o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan struct{})
	var ended error
	go func() {
		defer close(done)
		ended = s.Run(ctx)
	}()
	stop := func() error {
		cancel()
		<-done
		return ended
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	select {
	case first := <-started:
		return running{s, first.FirstKey, stop}
	case <-done:
		t.Fatalf("it did not start: %v", ended)
		return running{}
	}
}

// call sends a request, with a key if it is not empty, and returns status and body.
func call(t *testing.T, method, url, key, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

func dispatch(t *testing.T, url, key, typ string) {
	t.Helper()
	status, body := call(t, http.MethodPost, url+"/api/symphony/dispatch", key, `{"message":{"type":"`+typ+`","payload":{"n":1}}}`)
	if status != http.StatusOK && status != http.StatusAccepted && status != http.StatusCreated {
		t.Fatalf("dispatch is answered %d: %s", status, body)
	}
}

// handled has each message of a type sent to a channel.
func handled(typ string, to chan<- string) func(*symphony.Mux) {
	return func(mux *symphony.Mux) {
		mux.HandleFunc(typ, func(_ context.Context, d *symphony.Delivery) error {
			to <- d.Type
			return nil
		})
	}
}

func TestNew_tells_mistakes_of_the_configuration(t *testing.T) {
	for name, test := range map[string]struct {
		yaml string
		key  string
	}{
		"a schema that is not there":      {"types:\n  order:\n    schema: nowhere.json\n", "types.order.schema"},
		"a certificate that is not there": {"server:\n  tls:\n    cert: nowhere.pem\n    key: nowhere.pem\n", "server.tls"},
		"a handler that cannot be made":   {"handlers:\n  - type: order\n    command:\n      run: [a, \"b\\0c\"]\n", "handlers[0]"},
	} {
		t.Run(name, func(t *testing.T) {
			c := configured(t, test.yaml)
			for what, err := range map[string]error{"New": opened(t, c), "Check": server.Check(t.Context(), c)} {
				var mistakes *config.Error
				if !errors.As(err, &mistakes) {
					t.Fatalf("%s: %v, want a *config.Error", what, err)
				}
				if !slices.ContainsFunc(mistakes.Problems, func(p config.Problem) bool { return p.Key == test.key }) {
					t.Errorf("%s: %v, want a mistake in %s", what, err, test.key)
				}
			}
			l, err := server.New(t.Context(), configured(t, "", config.Flag{Name: "database", Key: "database.path", Value: c.Database.Path}), quiet())
			if err != nil {
				t.Fatalf("the database is not left as it was: %v", err)
			}
			if err := l.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// opened is the error of New.
func opened(t *testing.T, c *config.Config) error {
	t.Helper()
	s, err := server.New(t.Context(), c, quiet())
	if err == nil {
		err = s.Close()
	}
	return err
}

func TestRun_tells_mistakes_of_schedules(t *testing.T) {
	c := configured(t, "schedules:\n  - name: report\n    cron: '0 9 * * *'\n    timezone: Mars/Phobos\n    type: report\n")
	s, err := server.New(t.Context(), c, quiet())
	if err != nil {
		t.Fatal(err)
	}
	var mistakes *config.Error
	if err := s.Run(t.Context()); !errors.As(err, &mistakes) {
		t.Errorf("Run: %v, want a *config.Error", err)
	}
}

func TestNew_refuses_an_address_that_others_reach(t *testing.T) {
	c := configured(t, "", addr("0.0.0.0:0"))
	var exposed *server.ExposedError
	if err := opened(t, c); !errors.As(err, &exposed) {
		t.Fatalf("%v, want an *ExposedError", err)
	}
	if _, err := os.Stat(c.Database.Path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it left a database behind: %v", err)
	}
}

func TestNew_waits_for_a_file_that_is_open_for_a_moment(t *testing.T) {
	c := configured(t, "")
	first, err := server.New(t.Context(), c, server.Options{Mode: server.Command, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	o := quiet()
	o.Patience = server.NoPatience
	var locked *sqlite.LockedError
	if _, err := server.New(t.Context(), c, o); !errors.As(err, &locked) {
		t.Errorf("without patience: %v, want a *sqlite.LockedError", err)
	}
	waited := false
	o.Patience, o.Waiting = 0, func(*sqlite.LockedError) {
		waited = true
		if err := first.Close(); err != nil {
			t.Error(err)
		}
	}
	s, err := server.New(t.Context(), c, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil || !waited {
		t.Errorf("waited is %t, and closing is %v", waited, err)
	}
}

func TestNew_does_not_wait_for_a_server(t *testing.T) {
	c := configured(t, "")
	run(t, c, quiet())
	var locked *sqlite.LockedError
	if _, err := server.New(t.Context(), c, quiet()); !errors.As(err, &locked) || locked.Socket == "" {
		t.Errorf("%v, want a *sqlite.LockedError with a socket", err)
	}
}

func TestRun_serves_an_own_listener(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o := quiet()
	o.Listener = l
	s := run(t, configured(t, "", addr("0.0.0.0:0")), o) // the configured address is not looked at
	if want := "http://" + l.Addr().String(); s.URL() != want {
		t.Errorf("the URL is %s, want %s", s.URL(), want)
	}
	if status, body := call(t, http.MethodGet, s.URL()+"/readyz", "", ""); status != http.StatusOK {
		t.Errorf("readyz is answered %d: %s", status, body)
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the listener is not closed: %v", err)
	}
}

func TestOwn_handlers_work_beside_configured_ones(t *testing.T) {
	pushed := make(chan string, 1)
	webhook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var got struct{ Type string }
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			t.Error(err)
		}
		pushed <- got.Type
	}))
	defer webhook.Close()
	own := make(chan string, 2)
	o := quiet()
	o.Handlers = func(mux *symphony.Mux) {
		handled("order.paid", own)(mux)
		handled("mail", own)(mux)
	}
	s := run(t, configured(t, "handlers:\n  - type: order.paid\n    http:\n      url: "+webhook.URL+"\n"), o)
	dispatch(t, s.URL(), s.key, "order.paid")
	if got := <-own; got != "order.paid" {
		t.Errorf("the own handler got %s", got)
	}
	if got := <-pushed; got != "order.paid" {
		t.Errorf("the configured handler got %s", got)
	}
	if _, err := s.Bus().Dispatch(t.Context(), "mail", struct{}{}, symphony.DispatchOptions{}); err != nil {
		t.Fatal(err)
	}
	if got := <-own; got != "mail" {
		t.Errorf("the own handler got %s", got)
	}
}

// A message with a URL of its own is pushed there, signed, and nobody else gets it: no handler of its type, and no pull
// worker.
func TestRun_pushes_messages_to_URLs_of_their_own(t *testing.T) {
	const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	pushed := make(chan *http.Request, 1)
	webhook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		pushed <- r
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"rows": 3}`)
	}))
	defer webhook.Close()
	o := quiet()
	o.NoWorker = true
	o.Handlers = func(mux *symphony.Mux) {
		mux.HandleFunc("*", func(context.Context, *symphony.Delivery) error {
			t.Error("a handler of the type got it")
			return nil
		})
	}
	s := run(t, configured(t, "push:\n  allowed_origins: ["+webhook.URL+"]\n  allow_private: true\n  keep_output: true\n"+
		"  secret: "+secret+"\n"), o)
	api := s.URL() + "/api/symphony"
	send := func(url string) (int, string) {
		return call(t, http.MethodPost, api+"/dispatch", s.key,
			`{"message":{"type":"order.paid","payload":{"n":1}},"options":{"url":"`+url+`"}}`)
	}
	if code, body := send("https://elsewhere.example.com/"); code != http.StatusBadRequest ||
		!strings.Contains(body, `"path":"options.url"`) || !strings.Contains(body, "push.allowed_origins") {
		t.Errorf("another origin is answered %d: %s", code, body)
	}
	code, body := send(webhook.URL + "/orders?a=b")
	var sent struct{ MessageID string }
	if err := json.Unmarshal([]byte(body), &sent); err != nil || code != http.StatusCreated {
		t.Fatalf("dispatch is answered %d: %s", code, body)
	}
	if _, body := call(t, http.MethodPost, api+"/receive", s.key, `{}`); !strings.Contains(body, `"messages":[]`) {
		t.Errorf("a pull worker got %s", body)
	}
	if _, body := call(t, http.MethodGet, api+"/messages/"+sent.MessageID, s.key, ""); !strings.Contains(body,
		"It is pushed to a URL of its own") {
		t.Errorf("why it waits is not said: %s", body)
	}
	if code, body := call(t, http.MethodPost, api+"/consume", s.key, `{}`); code != http.StatusOK ||
		!strings.Contains(body, `"totalSucceeded":1`) {
		t.Fatalf("consume is answered %d: %s", code, body)
	}
	r := <-pushed
	if r.URL.RequestURI() != "/orders?a=b" || r.Header.Get("Webhook-Id") != sent.MessageID ||
		r.Header.Get("Webhook-Signature") == "" || r.Header.Get("Symphony-Receipt") == "" {
		t.Errorf("pushed to %s with %v", r.URL, r.Header)
	}
	if _, body := call(t, http.MethodGet, api+"/messages/"+sent.MessageID, s.key, ""); !strings.Contains(body,
		`"output":{"rows":3}`) && !strings.Contains(body, `"output":{"rows": 3}`) {
		t.Errorf("no output: %s", body)
	}
}

func TestMounted_serves_on_an_own_mux(t *testing.T) {
	own := make(chan string, 1)
	o := quiet()
	o.Mode, o.Handlers = server.Mounted, handled("order", own)
	s := run(t, configured(t, ""), o)
	if s.URL() != "" {
		t.Errorf("it listens at %s", s.URL())
	}
	mux := http.NewServeMux()
	mux.Handle("/api/symphony/", s.Handler())
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "a shop") })
	site := httptest.NewServer(mux)
	defer site.Close()
	if _, body := call(t, http.MethodGet, site.URL, "", ""); body != "a shop" {
		t.Errorf("the program's own page is %q", body)
	}
	if status, _ := call(t, http.MethodGet, site.URL+"/api/symphony/status", "", ""); status != http.StatusUnauthorized {
		t.Errorf("without a key it is answered %d", status)
	}
	dispatch(t, site.URL, s.key, "order")
	<-own
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	if status, body := call(t, http.MethodPost, site.URL+"/api/symphony/dispatch", s.key, `{"message":{"type":"order","payload":{}}}`); status != http.StatusServiceUnavailable {
		t.Errorf("after Run it is answered %d: %s", status, body)
	}
}

func TestMounted_lets_requests_in_progress_finish(t *testing.T) {
	o := quiet()
	o.Mode = server.Mounted
	began, goOn := make(chan struct{}), make(chan struct{})
	o.Handlers = func(mux *symphony.Mux) {
		mux.HandleFunc("order", func(context.Context, *symphony.Delivery) error {
			close(began)
			<-goOn
			return nil
		})
	}
	o.NoWorker = true
	s := run(t, configured(t, ""), o)
	site := httptest.NewServer(s.Handler())
	defer site.Close()
	dispatch(t, site.URL, s.key, "order")
	answered := make(chan int, 1)
	go func() {
		status, _ := call(t, http.MethodPost, site.URL+"/api/symphony/consume", s.key, `{}`)
		answered <- status
	}()
	<-began
	stopped := make(chan error, 1)
	go func() { stopped <- s.stop() }()
	close(goOn)
	if status := <-answered; status != http.StatusOK {
		t.Errorf("the run in progress is answered %d", status)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if got := completed(t, s.Database()); got != 1 {
		t.Errorf("%d messages are completed, want 1", got)
	}
}

// completed counts the completed messages of a database that nobody has open.
func completed(t *testing.T, path string) int64 {
	t.Helper()
	db, err := sqlite.Open(t.Context(), path, sqlite.Options{Name: "default"})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	stats, err := db.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return stats.Completed
}

func TestRun_finishes_what_is_in_hand_and_closes_the_storage_last(t *testing.T) {
	began, goOn := make(chan struct{}), make(chan struct{})
	o := quiet()
	o.Handlers = func(mux *symphony.Mux) {
		mux.HandleFunc("order", func(context.Context, *symphony.Delivery) error {
			close(began)
			<-goOn
			return nil
		})
	}
	var log bytes.Buffer
	o.Logger = slog.New(slog.NewTextHandler(&log, nil))
	s := run(t, configured(t, ""), o)
	dispatch(t, s.URL(), s.key, "order")
	<-began
	stopped := make(chan error, 1)
	go func() { stopped <- s.stop() }()
	close(goOn)
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
	if got := completed(t, s.Database()); got != 1 {
		t.Errorf("%d messages are completed, want 1", got)
	}
	if _, err := s.Bus().Dispatch(t.Context(), "order", struct{}{}, symphony.DispatchOptions{}); !errors.Is(err, symphony.ErrClosed) {
		t.Errorf("afterwards a dispatch is %v, want ErrClosed", err)
	}
	at := -1
	for _, line := range []string{"msg=stopping", `msg="worker stopped"`, "msg=stopped"} {
		next := strings.Index(log.String(), line)
		if next <= at {
			t.Errorf("%s is not logged in order:\n%s", line, log.String())
		}
		at = next
	}
	if err := s.Run(t.Context()); err == nil {
		t.Error("it can be run again")
	}
	if err := s.Close(); err != nil {
		t.Errorf("closing again: %v", err)
	}
}

func TestTwo_servers_work_in_one_process(t *testing.T) {
	var servers [2]running
	var got [2]chan string
	for i := range servers {
		got[i] = make(chan string, 1)
		o := quiet()
		o.Handlers = handled("order", got[i])
		servers[i] = run(t, configured(t, ""), o)
	}
	for i, s := range servers {
		dispatch(t, s.URL(), s.key, "order")
		<-got[i]
	}
	if status, _ := call(t, http.MethodGet, servers[0].URL()+"/api/symphony/status", servers[1].key, ""); status != http.StatusUnauthorized {
		t.Errorf("the key of the other one is answered %d", status)
	}
}
