package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony/client"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// programEnv makes the test binary the program itself, so that it can be sent a signal and killed.
const programEnv = "SHOP_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(programEnv) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// shop is the program at work.
type shop struct {
	t       *testing.T
	url     string
	key     string
	command *exec.Cmd
}

// open starts the program in a folder, whose first start prints a key.
func open(t *testing.T, folder, key string) *shop {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	s := &shop{t: t, url: "http://127.0.0.1:" + port, key: key}
	s.command = exec.CommandContext(context.WithoutCancel(t.Context()), os.Args[0])
	s.command.Dir = folder
	s.command.Env = []string{programEnv + "=1", "PORT=" + port, "SYMPHONY_DATABASE=shop.db", "HOME=" + folder}
	stderr, err := s.command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := s.command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.command.Process.Kill() }) // it has ended already where the test was successful
	lines := bufio.NewScanner(stderr)
	for lines.Scan() && !strings.Contains(lines.Text(), "the shop is open") {
		t.Log(lines.Text())
	}
	go func() { _, _ = io.Copy(io.Discard, stderr) }()
	if key == "" {
		first := bufio.NewScanner(stdout)
		first.Scan()
		s.key = regexp.MustCompile(`sym_\S+`).FindString(first.Text())
		if s.key == "" {
			t.Fatalf("the first start prints %q, and no key", first.Text())
		}
	}
	return s
}

func (s *shop) client() *client.Client {
	s.t.Helper()
	c, err := client.New(s.url, s.key, client.Options{})
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

func (s *shop) get(path string) (status int, body string) {
	s.t.Helper()
	return s.do(http.MethodGet, path, "")
}

func (s *shop) do(method, path, text string) (status int, body string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(text))
	if err != nil {
		s.t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer.StatusCode, string(raw)
}

// order places an order, and returns its message's id.
func (s *shop) order(body string) string {
	s.t.Helper()
	status, answer := s.do(http.MethodPost, "/orders", body)
	var receipt struct{ MessageID string }
	if err := json.Unmarshal([]byte(answer), &receipt); status != http.StatusAccepted || err != nil {
		s.t.Fatalf("POST /orders is answered %d %s", status, answer)
	}
	return receipt.MessageID
}

// handled waits until a message is completed.
func (s *shop) handled(id string) {
	s.t.Helper()
	m, err := s.client().WaitMessage(s.t.Context(), "", id, 20*time.Second)
	if err != nil || m.Message.Status != "completed" {
		s.t.Fatalf("message %s is %s: %v", id, m.Message.Status, err)
	}
}

// stop ends the program as a supervisor does.
func (s *shop) stop() {
	s.t.Helper()
	if err := s.command.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	if err := s.command.Wait(); err != nil {
		s.t.Fatalf("SIGTERM: the program ends with %v", err)
	}
}

func TestShop(t *testing.T) {
	folder := t.TempDir()
	s := open(t, folder, "")

	t.Run("an order is handled in the same process, and sent twice it is one message", func(t *testing.T) {
		id := s.order(`{"number": 42, "item": "A horn", "cents": 19900}`)
		s.handled(id)
		if again := s.order(`{"number": 42, "item": "A horn", "cents": 19900}`); again != id {
			t.Errorf("the second dispatch is message %s, want %s", again, id)
		}
		if _, got := s.get("/invoices/42"); got != "Invoice for order 42\nA horn: 199.00\n" {
			t.Errorf("the invoice is %q", got)
		}
		status, _ := s.do(http.MethodPost, "/orders", `{"number": 42, "item": "A drum", "cents": 100}`)
		if status != http.StatusConflict {
			t.Errorf("another order of that number is answered %d", status)
		}
		if status, _ := s.do(http.MethodPost, "/orders", `{"number": 0}`); status != http.StatusBadRequest {
			t.Errorf("an order without an item is answered %d", status)
		}
	})

	t.Run("the dashboard and the API are on the program's mux", func(t *testing.T) {
		if status, body := s.get("/dashboard/"); status != http.StatusOK || !strings.Contains(body, "<html") {
			t.Errorf("GET /dashboard/ is answered %d %.100s", status, body)
		}
		if status, _ := s.get("/api/symphony/status"); status != http.StatusUnauthorized {
			t.Errorf("GET /api/symphony/status without a key is answered %d", status)
		}
		if _, err := s.client().Status(t.Context(), ""); err != nil {
			t.Error(err)
		}
	})

	t.Run("a dead letter has the reason", func(t *testing.T) {
		receipt, err := s.client().Dispatch(t.Context(), wire.DispatchRequest{
			Message: wire.Message{Type: "order.paid", Payload: []byte(`{"number": 7}`)},
		})
		if err != nil {
			t.Fatal(err)
		}
		m, err := s.client().WaitMessage(t.Context(), "", receipt.MessageID, 20*time.Second)
		if err != nil || m.Message.Status != "failed" {
			t.Errorf("the message is %s: %v", m.Message.Status, err)
		}
	})

	t.Run("what was accepted outlives SIGTERM and SIGKILL", func(t *testing.T) {
		id := s.order(`{"number": 43, "item": "A drum", "cents": 5000}`)
		s.stop()
		s = open(t, folder, s.key)
		s.handled(id)
		id = s.order(`{"number": 44, "item": "A flute", "cents": 9900}`)
		if err := s.command.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = s.command.Wait() // it was killed
		s = open(t, folder, s.key)
		s.handled(id)
		for _, number := range []string{"43", "44"} {
			if _, err := os.Stat(filepath.Join(folder, "invoices", number+".txt")); err != nil {
				t.Error(err)
			}
		}
		s.stop()
	})
}
