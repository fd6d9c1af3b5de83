package monitoring

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// binary is the program under test, built once.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "symphony-monitoring-")
	if err == nil {
		binary = filepath.Join(dir, "symphony")
		build := exec.Command("go", "build", "-o", binary, "./cmd/symphony")
		build.Dir = ".." // the program is of another module
		var out []byte
		if out, err = build.CombinedOutput(); err != nil {
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
const deadline = 60 * time.Second

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

// server is a running "symphony serve" in a folder of its own.
type server struct {
	*testing.T
	folder string
	env    []string
	url    string
	key    string
	cmd    *exec.Cmd
	log    *logBuffer
}

type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

var listening = regexp.MustCompile(`msg=listening url=(\S+)`)

// start starts the server with a configuration and variables, and makes a key for it.
func start(t *testing.T, config string, env ...string) *server {
	t.Helper()
	s := &server{T: t, folder: t.TempDir(), env: env, log: new(logBuffer)}
	if err := os.WriteFile(filepath.Join(s.folder, "symphony.yaml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	var made struct{ Secret string }
	s.run("migrate")
	if err := json.Unmarshal([]byte(s.run("keys", "create", "test", "--scopes", "dispatch,consume,operate,read", "--json")), &made); err != nil {
		t.Fatal(err)
	}
	s.key = made.Secret
	s.cmd = s.command("serve", "--addr", "127.0.0.1:0")
	s.cmd.Stderr, s.cmd.Stdout = s.log, s.log
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.stop()
		if t.Failed() {
			t.Logf("the server's log:\n%s", s.log.String())
		}
	})
	until(t, "the server to listen", func() bool {
		m := listening.FindStringSubmatch(s.log.String())
		if m != nil {
			s.url = m[1]
		}
		return m != nil
	})
	return s
}

// stop ends the server as an operator would, and waits for it.
func (s *server) stop() {
	if s.cmd.ProcessState == nil {
		s.cmd.Process.Signal(syscall.SIGTERM)
		s.cmd.Wait()
	}
}

// command is a command of the program, without the variables of the caller that would change it.
func (s *server) command(args ...string) *exec.Cmd {
	cmd := exec.Command(binary, args...)
	cmd.Dir = s.folder
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "SYMPHONY_") && !strings.HasPrefix(v, "OTEL_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, s.env...)
	return cmd
}

func (s *server) run(args ...string) string {
	s.Helper()
	cmd := s.command(args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		s.Fatalf("symphony %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return stdout.String()
}

// call sends a request and returns the body of its answer. Headers are name, value, name, value…
func (s *server) call(want int, method, path, body string, headers ...string) string {
	s.Helper()
	req, err := http.NewRequest(method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.key)
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != want {
		s.Fatalf("%s %s answered %d %s, %v; want %d", method, path, resp.StatusCode, raw, err, want)
	}
	return string(raw)
}
