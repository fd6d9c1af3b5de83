package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/symphony-messenger/symphony/client"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// The server waits for the application, pushes to it what it handles, leaves other queues to pull workers where it is
// told to, and leaves nothing behind.
func TestDev(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	var hook atomic.Pointer[webhooks.Webhook]
	pushed := make(chan string, 10)
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if h := hook.Load(); h == nil || err != nil || h.Verify(body, r.Header) != nil {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if r.Method == http.MethodGet {
			_, _ = io.WriteString(w, `{"types":["order.*"]}`)
			return
		}
		pushed <- r.Header.Get("Webhook-Id")
	}))
	defer target.Close()
	lines, out := io.Pipe()
	file := filepath.Join(t.TempDir(), "symphony.yaml")
	if err := os.WriteFile(file, []byte("worker: {continuous: {queues: [default]}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := &dev{app: &app{out: out, err: io.Discard, json: true, configFile: file}, target: target.URL + "/api/symphony",
		writeEnv: filepath.Join(t.TempDir(), ".env.local")}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.run(ctx) }()
	told := json.NewDecoder(bufio.NewReader(lines))
	var started struct{ URL, APIKey, WebhookSecret, Dashboard string }
	if err := told.Decode(&started); err != nil {
		t.Fatal(err)
	}
	c, err := client.New(started.URL, started.APIKey, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	pulled, err := c.Dispatch(t.Context(), wire.DispatchRequest{
		Message: wire.Message{Type: "partner.notify", Payload: []byte(`{}`)},
		Options: wire.AskedOptions{DispatchOptions: wire.DispatchOptions{Queue: new("partner")}}})
	if err != nil {
		t.Fatal(err)
	}
	// Dispatched before the application takes part, it waits, and does not fail for want of a handler.
	made, err := c.Dispatch(t.Context(), wire.DispatchRequest{
		Message: wire.Message{Type: "order.paid", Payload: []byte(`{}`)}})
	if err != nil {
		t.Fatal(err)
	}
	h, err := webhooks.NewWebhook(started.WebhookSecret)
	if err != nil {
		t.Fatal(err)
	}
	hook.Store(h)
	if got := <-pushed; got != made.MessageID {
		t.Errorf("pushed %s, want %s", got, made.MessageID)
	}
	var line struct {
		ID, Type, Result string
		Attempt          int
	}
	err = told.Decode(&line)
	if err != nil || line.ID != made.MessageID || line.Result != "completed" || line.Attempt != 1 {
		t.Errorf("%+v, %v", line, err)
	}
	got, err := c.Receive(t.Context(), wire.ReceiveRequest{Queues: []string{"partner"}})
	if err != nil || len(got.Messages) != 1 || got.Messages[0].ID != pulled.MessageID || got.Messages[0].Attempt != 1 {
		t.Errorf("a pull worker got %+v, %v; want %s", got, err, pulled.MessageID)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, started.URL+"/healthz", nil)
	if err != nil {
		t.Fatal(err)
	}
	hosts := map[string]int{"evil.example.com": 403, "localhost": 200, "127.0.0.1:1": 200, "[::1]": 200}
	for host, want := range hosts {
		req.Host = host
		answer, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("as %s: %s", host, answer.Status)
		}
	}
	env, err := os.ReadFile(d.writeEnv)
	if err != nil || !strings.Contains(string(env), "SYMPHONY_API_KEY="+started.APIKey+"\n") {
		t.Errorf("%q, %v", env, err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// A port that is taken is told with the flag that this command has.
func TestDev_port_taken(t *testing.T) {
	taken := httptest.NewServer(http.NotFoundHandler())
	defer taken.Close()
	d := &dev{app: &app{out: io.Discard, err: io.Discard}, target: taken.URL,
		port: taken.Listener.Addr().(*net.TCPAddr).Port}
	if err := d.run(t.Context()); err == nil || !strings.Contains(err.Error(), "--port 0 takes a free port") {
		t.Errorf("got %v", err)
	}
}

// A file tells of types and users; the database and what is pushed to stay those of a server for development.
func TestDevConfig_file(t *testing.T) {
	dir, file := t.TempDir(), filepath.Join(t.TempDir(), "symphony.yaml")
	yaml := "env: production\nauth: {visibility: own}\ntypes: {export.run: {public_output: true}}\n" +
		"database: {url: \"postgres://db.example.com/app\"}\npush: {allowed_origins: [\"https://app.example.com\"]}\n"
	if err := os.WriteFile(file, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := devConfig(dir, "http://localhost:3000", file)
	if err != nil {
		t.Fatal(err)
	}
	if c.Auth.Visibility != "own" || len(c.Types) != 1 || !c.Types[0].PublicOutput {
		t.Errorf("the file does not count: %+v, %+v", c.Auth, c.Types)
	}
	if c.Env != "development" || c.Database.PostgreSQL() || c.Database.Path != filepath.Join(dir, "symphony.db") || !c.Push.AllowPrivate ||
		!slices.Equal(c.Push.AllowedOrigins, []string{"http://localhost:3000"}) {
		t.Errorf("not a server for development: %q, %+v, %+v", c.Env, c.Database, c.Push)
	}
}

func TestDev_refuses(t *testing.T) {
	for _, target := range []string{
		"", "localhost:3000", "ftp://localhost/", "http://app.example.com/", "http://a:b@localhost/",
	} {
		if _, err := devOrigin(target); err == nil {
			t.Errorf("%q is taken", target)
		}
	}
}

func TestMergeEnv(t *testing.T) {
	values := [][2]string{{"SYMPHONY_URL", "u"}, {"SYMPHONY_API_KEY", "k"}}
	const spaced = "export SYMPHONY_URL=\"x\"\r\nA=1\nSYMPHONY_API_KEY = old\n"
	for old, want := range map[string]string{
		spaced:                            "export SYMPHONY_URL=u\r\nA=1\nSYMPHONY_API_KEY=k\n",
		"":                                "SYMPHONY_URL=u\nSYMPHONY_API_KEY=k\n",
		"A=1":                             "A=1\nSYMPHONY_URL=u\nSYMPHONY_API_KEY=k\n",
		"# SYMPHONY_URL=x\nB='2'\n":       "# SYMPHONY_URL=x\nB='2'\nSYMPHONY_URL=u\nSYMPHONY_API_KEY=k\n",
		"SYMPHONY_URL=x\nSYMPHONY_URLS=y": "SYMPHONY_URL=u\nSYMPHONY_URLS=y\nSYMPHONY_API_KEY=k\n",
	} {
		if got := mergeEnv(old, values); got != want {
			t.Errorf("%q: got %q, want %q", old, got, want)
		}
	}
}

func TestWriteEnv_keeps_the_mode_and_follows_no_link(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "env"), filepath.Join(dir, "link")
	if err := os.WriteFile(file, []byte("A=1\n"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	values := [][2]string{{"B", "2"}}
	what, err := writeEnv(file, values)
	info, serr := os.Stat(file)
	if err != nil || serr != nil || info.Mode().Perm() != 0o640 || !strings.Contains(what, "changed: B") {
		t.Errorf("%s %v, %v", what, info.Mode(), err)
	}
	for _, path := range []string{link, dir, filepath.Join(dir, "none", "env")} {
		if _, err := writeEnv(path, values); err == nil {
			t.Errorf("%s was written", path)
		}
	}
	if raw, err := os.ReadFile(file); err != nil || string(raw) != "A=1\nB=2\n" {
		t.Errorf("%q, %v", raw, err)
	}
}
