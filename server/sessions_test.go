package server_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony/config"
	"github.com/symphony-messenger/symphony/internal/pgtest"
)

const sessionPath = "/api/symphony/session"

// asPage sends a request as a page of a server does, with the cookies that the browser has for it.
func asPage(t *testing.T, method, url, key string, cookies []*http.Cookie) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	for _, c := range cookies {
		r.AddCookie(c)
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(text)
}

func TestSessions_outlive_the_process(t *testing.T) {
	c := configured(t, "dashboard: {environment: {name: Production, color: red}}\n")
	first := run(t, c, quiet())
	begun, text := asPage(t, http.MethodPost, first.URL()+sessionPath, first.key, nil)
	if begun.StatusCode != http.StatusCreated {
		t.Fatalf("got %d %s", begun.StatusCode, text)
	}
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	second := run(t, c, quiet())
	resp, text := asPage(t, http.MethodGet, second.URL()+sessionPath, "", begun.Cookies())
	var told struct {
		Caller      struct{ Kind string }
		Storage     string
		Timezone    string
		Environment struct{ Name, Color string }
	}
	if err := json.Unmarshal([]byte(text), &told); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("after a restart: %d %s", resp.StatusCode, text)
	}
	if told.Caller.Kind != "api_key" || told.Storage != "sqlite" || told.Timezone == "" ||
		told.Environment.Color != "red" {
		t.Errorf("got %s", text)
	}
}

// Every node of a database takes a session that another one has begun, and lets it end with its key.
func TestSessions_are_those_of_all_nodes(t *testing.T) {
	url := config.Flag{Name: "url", Key: "database.url", Value: pgtest.URL(t)}
	one := run(t, configured(t, "", url), quiet())
	two := run(t, configured(t, "", url), quiet())
	begun, text := asPage(t, http.MethodPost, one.URL()+sessionPath, one.key, nil)
	if begun.StatusCode != http.StatusCreated {
		t.Fatalf("got %d %s", begun.StatusCode, text)
	}
	resp, text := asPage(t, http.MethodGet, two.URL()+sessionPath, "", begun.Cookies())
	if resp.StatusCode != http.StatusOK || !strings.Contains(text, `"storage":"postgres"`) {
		t.Fatalf("the other node answers %d %s", resp.StatusCode, text)
	}
	// Revoked here, the key is not good at once here and soon there: the session has no life of its own.
	id, _, _ := strings.Cut(strings.TrimPrefix(one.key, "sym_"), "_")
	resp, text = asPage(t, http.MethodDelete, one.URL()+"/api/symphony/keys/"+id, "", begun.Cookies())
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("got %d %s", resp.StatusCode, text)
	}
	resp, text = asPage(t, http.MethodGet, one.URL()+sessionPath, "", begun.Cookies())
	if resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("the node that revoked it answers %d %s", resp.StatusCode, text)
	}
	patience := time.After(time.Minute) // it takes auth.KeyCacheTTL; package auth holds that
	for status := 0; status != http.StatusUnauthorized; {
		resp, _ := asPage(t, http.MethodGet, two.URL()+sessionPath, "", begun.Cookies())
		status = resp.StatusCode
		select {
		case <-patience:
			t.Fatal("the other node still takes it")
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// The link that a start prints opens the dashboard as the local administrator, on the machine itself.
func TestLoginLink(t *testing.T) {
	s := run(t, configured(t, ""), quiet())
	link, err := s.LoginLink(t.Context())
	if err != nil || !strings.HasPrefix(link, s.DashboardURL()+"/login?code=") {
		t.Fatalf("got %q, %v", link, err)
	}
	status, text := call(t, http.MethodGet, link, "", "")
	if status != http.StatusOK || !strings.Contains(text, "<button") {
		t.Fatalf("the link answers %d %s", status, text)
	}
	at, code, _ := strings.Cut(link, "?code=")
	press := func() *http.Response {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, at, strings.NewReader("code="+code))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", s.URL())
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp
	}
	done := press()
	if done.StatusCode != http.StatusSeeOther || press().StatusCode != http.StatusUnauthorized {
		t.Fatalf("the button answers %d", done.StatusCode)
	}
	resp, text := asPage(t, http.MethodGet, s.URL()+sessionPath, "", done.Cookies())
	if resp.StatusCode != http.StatusOK || !strings.Contains(text, `"kind":"local"`) {
		t.Errorf("the session is %d %s", resp.StatusCode, text)
	}
	off := run(t, configured(t, "dashboard: {enabled: false}\n"), quiet())
	if link, err := off.LoginLink(t.Context()); link != "" || err != nil {
		t.Errorf("without a dashboard: %q, %v", link, err)
	}
}
