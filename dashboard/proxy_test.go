package dashboard

import (
	"bufio"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/symphony-messenger/symphony/auth"
)

// through is a dashboard before a server that is a function.
func through(t *testing.T, serve http.HandlerFunc) *httptest.Server {
	t.Helper()
	behind := httptest.NewServer(serve)
	t.Cleanup(behind.Close)
	h, err := Handler(behind.URL+"/prefix", Options{})
	if err != nil {
		t.Fatal(err)
	}
	before := httptest.NewServer(h)
	t.Cleanup(before.Close)
	return before
}

func TestHandler_hands_on_the_API_alone(t *testing.T) {
	asked := make(chan string, 1)
	s := through(t, func(w http.ResponseWriter, r *http.Request) {
		asked <- r.URL.RequestURI()
		w.WriteHeader(http.StatusTeapot)
	})
	for path, want := range map[string]string{
		"/api/symphony/messages/a%2Fb?q=1": "/prefix/api/symphony/messages/a%2Fb?q=1",
		"/openapi.json":                    "/prefix/openapi.json",
		"/docs/":                           "/prefix/docs/",
		"/dashboard/queues":                "",
		"/metrics":                         "",
		"/api/cron/symphony-worker":        "",
		"/":                                "",
	} {
		resp, err := http.Get(s.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		got := ""
		if resp.StatusCode == http.StatusTeapot {
			got = <-asked
		}
		if got != want {
			t.Errorf("%s goes to %q, want %q", path, got, want)
		}
	}
}

// What a page of this program sends with a cookie counts at the server as of the server's own origin; what another
// site has the browser send does not.
func TestHandler_keeps_the_rule_for_cookies(t *testing.T) {
	s := through(t, func(w http.ResponseWriter, r *http.Request) {
		if !auth.SameOrigin(r) {
			w.WriteHeader(http.StatusForbidden)
		}
	})
	tls, nextDoor := "https"+strings.TrimPrefix(s.URL, "http"), "http://127.0.0.1:1"
	const other = "https://evil.example.com"
	for name, test := range map[string]struct {
		headers []string
		want    int
	}{
		"the page":                        {[]string{"Origin", s.URL, "Sec-Fetch-Site", "same-origin"}, 200},
		"the page, behind TLS":            {[]string{"Origin", tls, "Sec-Fetch-Site", "same-origin"}, 200},
		"the page, in an old browser":     {[]string{"Origin", s.URL}, 200},
		"another site":                    {[]string{"Origin", other, "Sec-Fetch-Site", "cross-site"}, 403},
		"another site, in an old browser": {[]string{"Origin", other}, 403},
		"another port":                    {[]string{"Origin", nextDoor, "Sec-Fetch-Site", "same-site"}, 403},
		"nobody says":                     {nil, 403},
		"no origin at all":                {[]string{"Origin", "null", "Sec-Fetch-Site", "same-origin"}, 403},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := http.NewRequest(http.MethodPost, s.URL+"/api/symphony/pause", nil)
			if err != nil {
				t.Fatal(err)
			}
			for i := 0; i < len(test.headers); i += 2 {
				r.Header.Set(test.headers[i], test.headers[i+1])
			}
			resp, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != test.want {
				t.Errorf("got %d, want %d", resp.StatusCode, test.want)
			}
		})
	}
}

func TestHandler_hands_events_on_as_they_come(t *testing.T) {
	read := make(chan struct{})
	s := through(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, "data: 1\n\n")
		w.(http.Flusher).Flush()
		select { // the first event has arrived before this answer ends
		case <-read:
		case <-r.Context().Done():
		}
		io.WriteString(w, "data: 2\n\n")
	})
	resp, err := http.Get(s.URL + "/api/symphony/events")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewReader(resp.Body)
	if first, err := lines.ReadString('\n'); err != nil || first != "data: 1\n" {
		t.Fatalf("got %q, %v", first, err)
	}
	close(read)
	if rest, err := io.ReadAll(lines); err != nil || string(rest) != "\ndata: 2\n\n" {
		t.Errorf("got %q, %v", rest, err)
	}
}

// Who connects can make up what an earlier proxy says.
func TestHandler_believes_no_address(t *testing.T) {
	forwarded := make(chan http.Header, 1)
	s := through(t, func(_ http.ResponseWriter, r *http.Request) { forwarded <- r.Header })
	r, err := http.NewRequest(http.MethodGet, s.URL+"/api/symphony/status", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Forwarded-For", "203.0.113.9")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	h := <-forwarded
	if h.Get("X-Forwarded-For") != "127.0.0.1" || "http://"+h.Get("X-Forwarded-Host") != s.URL {
		t.Errorf("the server is told of %q at %q", h.Get("X-Forwarded-For"), h.Get("X-Forwarded-Host"))
	}
}

func TestHandler_says_that_the_server_is_away(t *testing.T) {
	h, err := Handler("http://127.0.0.1:1", Options{})
	if err != nil {
		t.Fatal(err)
	}
	w := get(h, "/api/symphony/status")
	if w.Code != http.StatusBadGateway || !strings.Contains(w.Body.String(), `"server_unreachable"`) {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
	if w = get(h, "/dashboard/"); w.Code != http.StatusOK {
		t.Errorf("the page: %d", w.Code)
	}
}

func TestHandler_refuses_a_target_that_is_none(t *testing.T) {
	for _, target := range []string{"", "queue.internal:8080", "ftp://x", "http://", "http://u:p@x", "http://x?y",
		"http://x#y"} {
		if _, err := Handler(target, Options{}); err == nil {
			t.Errorf("the target %q is taken", target)
		}
	}
	if _, err := Handler("http://x", Options{Path: "/api"}); err == nil {
		t.Error("a path of the API's is taken")
	}
}
