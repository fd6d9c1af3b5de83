//go:build e2e

// Package e2e runs the built program as its users do: real processes, HTTP, real webhooks of the npm package
// @octokit/webhooks-examples, and kill -9.
package e2e

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony/handler"
	"github.com/symphony-messenger/symphony/internal/pgtest"
)

// binary is the program under test: the one that E2E_PROGRAM names, or one that is built for this run.
var binary = os.Getenv("E2E_PROGRAM")

func TestMain(m *testing.M) {
	if binary != "" {
		os.Exit(m.Run())
	}
	dir, err := os.MkdirTemp("", "symphony-e2e-")
	if err == nil {
		binary = filepath.Join(dir, "symphony")
		var out []byte
		if out, err = exec.Command("go", "build", "-o", binary, "../cmd/symphony").CombinedOutput(); err != nil {
			err = fmt.Errorf("%w: %s", err, out)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// deadline bounds every wait.
const deadline = 90 * time.Second

// until calls done every 20 ms until it says so.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(deadline); !done(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("still waiting for %s after %s", what, deadline)
		}
	}
}

// webhook is one payload and how it is dispatched.
type webhook struct {
	typ     string
	payload json.RawMessage
	key     string // its delivery id
}

// webhooks reads every example of the package.
func webhooks(t *testing.T) []webhook {
	t.Helper()
	files, err := filepath.Glob("node_modules/@octokit/webhooks-examples/*/index.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples (%v); run npm ci in e2e", err)
	}
	var list []webhook
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var events []struct {
			Name     string
			Examples []json.RawMessage
		}
		if err := json.Unmarshal(raw, &events); err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			for i, payload := range e.Examples {
				list = append(list, webhook{e.Name, payload, fmt.Sprintf("%s/%s/%d", filepath.Base(filepath.Dir(file)), e.Name, i)})
			}
		}
	}
	return list
}

// receiver is the Node endpoint that verifies signatures.
type receiver struct {
	url string

	mu    sync.Mutex
	got   map[string][]byte // bodies by message id
	bad   []string
	marks chan struct{} // what was answered before it is in got
	done  chan struct{}
}

// startReceiver starts an endpoint that knows one secret.
func startReceiver(t *testing.T, secret string) *receiver {
	t.Helper()
	cmd := exec.Command("node", "receiver.mjs", secret)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r := &receiver{got: make(map[string][]byte), marks: make(chan struct{}), done: make(chan struct{})}
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-r.done
		cmd.Wait()
	})
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 16<<20)
	if !lines.Scan() {
		t.Fatal("the receiver did not start")
	}
	r.url = "http://127.0.0.1:" + strings.TrimPrefix(lines.Text(), "LISTEN ") + "/hooks"
	go func() {
		defer close(r.done)
		for lines.Scan() {
			if lines.Text() == "MARK" {
				r.marks <- struct{}{}
				continue
			}
			r.take(lines.Text())
		}
	}()
	return r
}

// catchUp returns when all that the endpoint has answered is known here: its answers are quicker than its lines.
func (r *receiver) catchUp(t *testing.T) {
	t.Helper()
	answer, err := http.Get(r.url)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	select {
	case <-r.marks:
	case <-r.done:
		t.Fatal("the receiver has ended")
	}
}

func (r *receiver) take(line string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	word, rest, _ := strings.Cut(line, " ")
	id, encoded, _ := strings.Cut(rest, " ")
	body, err := base64.StdEncoding.DecodeString(encoded)
	if word != "OK" || err != nil {
		r.bad = append(r.bad, line)
		return
	}
	r.got[id] = body
}

// arrived returns what came in under each message id, by the endpoint and by the commands' files.
func arrived(t *testing.T, r *receiver, folder string) map[string]handler.Body {
	t.Helper()
	raw := make(map[string][]byte)
	r.catchUp(t)
	r.mu.Lock()
	for id, body := range r.got {
		raw[id] = body
	}
	r.mu.Unlock()
	files, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		raw[strings.TrimSuffix(filepath.Base(file), ".json")] = body
	}
	out := make(map[string]handler.Body, len(raw))
	for id, body := range raw {
		var b handler.Body
		if err := json.Unmarshal(body, &b); err != nil {
			t.Fatalf("message %s arrived as %q: %v", id, body, err)
		}
		out[id] = b
	}
	return out
}

// storages are what the same stories run on. Each returns the URL of a new database, "" for a file in the server's folder.
var storages = map[string]func(t *testing.T) string{
	"SQLite":     func(*testing.T) string { return "" },
	"PostgreSQL": func(t *testing.T) string { return pgtest.URL(t) },
	"PostgreSQL through PgBouncer": func(t *testing.T) string {
		bouncer := pgtest.PgBouncer(t, pgtest.Start(t, pgtest.Options{}).URL("postgres"), pgtest.BouncerOptions{})
		return bouncer.URL("postgres")
	},
}

// onEachStorage runs a story on each storage, beside other tests: most of a story is waiting for processes.
func onEachStorage(t *testing.T, story func(t *testing.T, database string)) {
	t.Parallel()
	for name, database := range storages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			story(t, database(t))
		})
	}
}

// command is a command of the program in a folder, on a database.
func command(folder, database string, args ...string) *exec.Cmd {
	cmd := exec.Command(binary, args...)
	cmd.Dir = folder
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "SYMPHONY_") { // nothing of who runs the tests gets in
			cmd.Env = append(cmd.Env, v)
		}
	}
	if database != "" {
		cmd.Env = append(cmd.Env, "SYMPHONY_DATABASE_URL="+database)
	}
	return cmd
}

// server is a running "symphony serve" in a folder.
type server struct {
	*testing.T
	database string   // URL, "" for a file in the folder
	args     []string // of launch
	program  string   // launched, if not the one under test
	folder   string
	url      string
	key      string
	cmd      *exec.Cmd
	log      *syncBuffer
}

type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

var listening = regexp.MustCompile(`msg=listening url=(\S+)`)

// start starts the server, at an address that stays the same when it is started again, so that callers need
// not be told.
func (s *server) start(addr string) {
	s.Helper()
	s.log = new(syncBuffer)
	s.cmd = command(s.folder, s.database, "serve", "--addr", addr)
	s.cmd.Stderr, s.cmd.Stdout = s.log, s.log
	if err := s.cmd.Start(); err != nil {
		s.Fatal(err)
	}
	until(s.T, "the server to listen", func() bool {
		m := listening.FindStringSubmatch(s.log.String())
		if m != nil && s.url == "" {
			s.url = m[1]
		}
		return m != nil
	})
}

// kill ends the server as a crash would.
func (s *server) kill() {
	s.Helper()
	if err := s.cmd.Process.Kill(); err != nil {
		s.Fatal(err)
	}
	s.cmd.Wait()
}

// run runs a command of the program in the server's folder.
func (s *server) run(args ...string) string {
	s.Helper()
	cmd := command(s.folder, s.database, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		s.Fatalf("symphony %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return stdout.String()
}

// file is one in a server's folder.
type file struct{ name, text string }

// newServer makes a folder with a configuration, a key and a running server.
func newServer(t *testing.T, database, config string, files ...file) *server {
	t.Helper()
	s := &server{T: t, database: database, folder: t.TempDir()}
	for _, f := range append(files, file{"symphony.yaml", config}) {
		if err := os.WriteFile(filepath.Join(s.folder, f.name), []byte(f.text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.run("migrate")
	var made struct{ Secret string }
	if err := json.Unmarshal([]byte(s.run("keys", "create", "e2e", "--scopes", "dispatch,consume,read,operate", "--json")), &made); err != nil || made.Secret == "" {
		t.Fatalf("no key: %v", err)
	}
	s.key = made.Secret
	s.start(pgtest.FreeAddress(t))
	t.Cleanup(func() {
		s.cmd.Process.Kill()
		s.cmd.Wait()
		if t.Failed() {
			lines := strings.Split(s.log.String(), "\n")
			t.Logf("the end of the server's log:\n%s", strings.Join(lines[max(0, len(lines)-30):], "\n"))
		}
	})
	return s
}

// call sends a request. The error is that of the connection.
func (s *server) call(method, path, body string, out any) (int, error) {
	req, err := http.NewRequest(method, s.url+path, strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("X-API-Key", s.key)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	return resp.StatusCode, json.NewDecoder(resp.Body).Decode(out)
}

// receipt is the answer to a dispatch.
type receipt struct {
	MessageID string
	Duplicate bool
	Error     string
}

func (s *server) dispatch(w webhook) (int, receipt, error) {
	var r receipt
	// By hand, so that the payload's bytes are those of the file.
	status, err := s.call("POST", "/api/symphony/dispatch", fmt.Sprintf(`{"message": {"type": %q, "payload": %s}, "options": {"idempotencyKey": %q}}`, w.typ, w.payload, w.key), &r)
	return status, r, err
}

// counts are what status says.
type counts struct{ Depth, Pending, Processing, Completed, Failed int64 }

func (s *server) status() (c struct{ Queue counts }) {
	if status, err := s.call("GET", "/api/symphony/status", "", &c); err != nil || status != 200 {
		s.Fatalf("status: %d, %v", status, err)
	}
	return c
}

// drained waits until nothing is left to do.
func (s *server) drained() counts {
	s.Helper()
	var c counts
	until(s.T, "the queue to be empty", func() bool {
		c = s.status().Queue
		return c.Depth == 0
	})
	return c
}

// parallel calls f for each webhook, 8 at a time.
func parallel(list []webhook, f func(i int, w webhook)) {
	var all sync.WaitGroup
	next := make(chan int)
	for range 8 {
		all.Go(func() {
			for i := range next {
				f(i, list[i])
			}
		})
	}
	for i := range list {
		next <- i
	}
	close(next)
	all.Wait()
}
