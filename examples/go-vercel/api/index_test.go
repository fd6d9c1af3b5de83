package handler

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/symphony-messenger/symphony/config"
	"github.com/symphony-messenger/symphony/internal/pgtest"
	"github.com/symphony-messenger/symphony/server"
)

const cronSecret = "a-secret-of-the-cron-service"

// ask calls the function, as a platform does.
func ask(t *testing.T, method, path, bearer, body string) (status int, answer map[string]any) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	w := httptest.NewRecorder()
	Handler(w, r)
	if w.Header().Get("Content-Type") == "application/json" || strings.HasPrefix(w.Body.String(), "{") {
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
			t.Fatalf("%s %s: %v in %s", method, path, err, w.Body)
		}
	}
	return w.Code, answer
}

// newKey makes the tables and an API key, as "symphony migrate up" and "symphony keys create" do.
func newKey(t *testing.T) string {
	t.Helper()
	c, err := config.Load(config.Sources{Environ: os.Environ()})
	if err != nil {
		t.Fatal(err)
	}
	s, err := server.New(t.Context(), c, server.Options{Mode: server.Command})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/api/symphony/keys",
		strings.NewReader(`{"name": "app", "scopes": ["dispatch", "read"]}`))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	s.LocalHandler().ServeHTTP(w, r)
	var made struct{ Secret string }
	if err := json.Unmarshal(w.Body.Bytes(), &made); err != nil || made.Secret == "" {
		t.Fatalf("making a key is answered %d %s", w.Code, w.Body)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return made.Secret
}

func TestHandler(t *testing.T) {
	t.Chdir(t.TempDir()) // where there is no symphony.yaml
	t.Setenv("CRON_SECRET", cronSecret)
	t.Setenv("SYMPHONY_DATABASE_URL", "postgres://nobody@127.0.0.1:1/nowhere?connect_timeout=1")
	if status, _ := ask(t, "GET", "/readyz", "", ""); status != http.StatusServiceUnavailable {
		t.Fatalf("without a database it answers %d", status)
	}

	t.Setenv("SYMPHONY_DATABASE_URL", pgtest.URL(t))
	t.Cleanup(func() {
		if instance.server == nil {
			return
		}
		if err := instance.server.Close(); err != nil {
			t.Error(err)
		}
	})
	key := newKey(t)
	if status, _ := ask(t, "GET", "/readyz", "", ""); status != http.StatusOK {
		t.Fatalf("the next request after a cold start that failed is answered %d", status)
	}
	const order = `{"message": {"type": "order.paid", "payload": {"number": 42}}}`
	if status, _ := ask(t, "POST", "/api/symphony/dispatch", "", order); status != http.StatusUnauthorized {
		t.Errorf("a dispatch without a key is answered %d", status)
	}
	status, receipt := ask(t, "POST", "/api/symphony/dispatch", key, order)
	if status != http.StatusCreated {
		t.Fatalf("a dispatch is answered %d %v", status, receipt)
	}
	for _, cron := range []string{"symphony-scheduler", "symphony-worker"} {
		if status, _ := ask(t, "GET", "/api/cron/"+cron, "a guess", ""); status != http.StatusUnauthorized {
			t.Errorf("%s with another secret is answered %d", cron, status)
		}
		if status, answer := ask(t, "GET", "/api/cron/"+cron, cronSecret, ""); status != http.StatusOK {
			t.Errorf("%s is answered %d %v", cron, status, answer)
		}
	}
	_, shown := ask(t, "GET", "/api/symphony/messages/"+receipt["messageId"].(string), key, "")
	if message, _ := shown["message"].(map[string]any); message["status"] != "completed" {
		t.Errorf("after the cron the message is %v", message)
	}
	if status, _ := ask(t, "GET", "/api/symphony/events", key, ""); status != http.StatusNotImplemented {
		t.Errorf("a stream of events is answered %d", status)
	}
}

// The pages show this program and these settings, and no others.
func TestPages(t *testing.T) {
	program, err := os.ReadFile("index.go")
	if err != nil {
		t.Fatal(err)
	}
	settings, err := os.ReadFile("../vercel.json")
	if err != nil {
		t.Fatal(err)
	}
	from := strings.Index(string(program), "// instance is")
	for page, part := range map[string]string{
		"embedding.md": string(program[from:]), "vercel.md": string(settings),
	} {
		text, err := os.ReadFile("../../../docs/" + page)
		if err != nil {
			t.Fatal(err)
		}
		if from < 0 || !strings.Contains(string(text), part+"```\n") {
			t.Errorf("docs/%s does not show\n%s", page, part)
		}
	}
}
