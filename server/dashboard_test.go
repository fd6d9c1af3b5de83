package server_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/symphony-messenger/symphony/config"
)

// page reads what a browser would, without following.
func page(t *testing.T, url string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var text strings.Builder
	if _, err := io.Copy(&text, resp.Body); err != nil {
		t.Fatal(err)
	}
	return resp, text.String()
}

func TestHandler_serves_the_dashboard(t *testing.T) {
	s := run(t, configured(t, "dashboard: {path: /ops/queue}\n"), quiet())
	for _, path := range []string{"/ops/queue", "/ops/queue/", "/ops/queue/messages?status=failed&x=%zz",
		"/ops/queue/queues/a%2Fb"} {
		resp, text := page(t, s.URL()+path)
		if resp.StatusCode != http.StatusOK || !strings.Contains(text, `name="symphony-root" content="../../"`) ||
			resp.Header.Get("Content-Security-Policy") == "" || resp.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %v\n%s", path, resp.StatusCode, resp.Header, text)
		}
	}
	resp, _ := page(t, s.URL()+"/")
	if resp.StatusCode != http.StatusFound || resp.Header.Get("Location") != "ops/queue/" {
		t.Errorf("the root answers %d, %q", resp.StatusCode, resp.Header.Get("Location"))
	}
	for path, want := range map[string]int{
		"/ops/queue/assets/none.js": 404, "/dashboard": 404, "/ops": 404, "/api/symphony/status": 401,
	} {
		if resp, _ := page(t, s.URL()+path); resp.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, resp.StatusCode, want)
		}
	}
	if status, body := call(t, http.MethodPost, s.URL()+"/ops/queue", "", ""); status != http.StatusMethodNotAllowed {
		t.Errorf("POST answers %d %s", status, body)
	}
}

func TestHandler_without_the_dashboard(t *testing.T) {
	s := run(t, configured(t, "", config.Flag{Name: "off", Key: "dashboard.enabled", Value: "false"}), quiet())
	for _, path := range []string{"/", "/dashboard", "/dashboard/"} {
		resp, text := page(t, s.URL()+path)
		if resp.StatusCode != http.StatusNotFound || !strings.Contains(text, `"not_found"`) {
			t.Errorf("%s: %d %s", path, resp.StatusCode, text)
		}
	}
}
