package dashboard

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

const indexText = `<html><head><base href="/dashboard/" /><meta name="symphony-root" content="/" />` +
	`<script type="module" src="./assets/main-a1.js"></script></head></html>`

var script = strings.Repeat("export const n = 1;\n", 200)

func testPage(t *testing.T, at string) http.Handler {
	t.Helper()
	p, err := newPage(at, fstest.MapFS{
		"index.html":         {Data: []byte(indexText)},
		"favicon.svg":        {Data: []byte("<svg/>")},
		"assets/main-a1.js":  {Data: []byte(script)},
		"assets/logo-a1.png": {Data: []byte("\x89PNG")},
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func get(h http.Handler, target string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, target, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// attribute is what stands behind a text, up to the next quote.
func attribute(t *testing.T, html, before string) string {
	t.Helper()
	_, rest, ok := strings.Cut(html, before)
	value, _, ok2 := strings.Cut(rest, `"`)
	if !ok || !ok2 {
		t.Fatalf("no %s in %q", before, html)
	}
	return value
}

// A browser must find the page's parts and the API from every address, also where a proxy takes a prefix off.
func TestPage_finds_its_parts_and_the_API_from_every_address(t *testing.T) {
	for _, at := range []string{"/dashboard", "/ops/queue/board"} {
		h := testPage(t, at)
		for _, prefix := range []string{"", "/behind/a-proxy"} {
			for _, below := range []string{
				"", "/", "/messages", "/messages/", "/messages/0197?x=/a/b", "/queues/a%2Fb%20c/%F0%9F%98%80",
				"/a/b/c/d",
			} {
				w := get(h, at+below)
				if w.Code != http.StatusOK || w.Header().Get("Cache-Control") != "no-store" {
					t.Errorf("%s%s: %d, %q", at, below, w.Code, w.Header().Get("Cache-Control"))
				}
				seen, err := url.Parse("https://example.com" + prefix + at + below)
				if err != nil {
					t.Fatal(err)
				}
				base, err := seen.Parse(attribute(t, w.Body.String(), `<base href="`))
				if err != nil {
					t.Fatal(err)
				}
				root, err := base.Parse(attribute(t, w.Body.String(), `name="symphony-root" content="`))
				if err != nil {
					t.Fatal(err)
				}
				got := [2]string{base.String(), root.String()}
				want := [2]string{"https://example.com" + prefix + at + "/", "https://example.com" + prefix + "/"}
				if got != want {
					t.Errorf("%s%s%s: base and root are %q, want %q", prefix, at, below, got, want)
				}
			}
		}
	}
}

func TestPage_files(t *testing.T) {
	h := testPage(t, "/dashboard")
	for name, test := range map[string]struct {
		path, kind, cache string
		status            int
	}{
		"a hashed file": {"/dashboard/assets/main-a1.js", "text/javascript; charset=utf-8",
			"public, max-age=31536000, immutable", 200},
		"an image":          {"/dashboard/assets/logo-a1.png", "image/png", "public, max-age=31536000, immutable", 200},
		"a file by its tag": {"/dashboard/favicon.svg", "image/svg+xml", "no-cache", 200},
		"a file of another release": {"/dashboard/assets/main-b2.js", "text/plain; charset=utf-8", "no-store",
			404},
		"the folder of files":   {"/dashboard/assets/", "text/plain; charset=utf-8", "no-store", 404},
		"what is not below":     {"/dashboards", "text/plain; charset=utf-8", "no-store", 404},
		"a name with a dot":     {"/dashboard/types/order.paid", "text/html; charset=utf-8", "no-store", 200},
		"the index by its name": {"/dashboard/index.html", "text/html; charset=utf-8", "no-store", 200},
	} {
		t.Run(name, func(t *testing.T) {
			w := get(h, test.path)
			got := []any{w.Code, w.Header().Get("Content-Type"), w.Header().Get("Cache-Control")}
			if diff := cmp.Diff([]any{test.status, test.kind, test.cache}, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			for header, want := range map[string]string{"Content-Security-Policy": Policy, "X-Frame-Options": "DENY",
				"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"} {
				if got := w.Header().Get(header); got != want {
					t.Errorf("%s is %q, want %q", header, got, want)
				}
			}
		})
	}
}

func TestPage_compresses_for_those_who_take_it(t *testing.T) {
	h := testPage(t, "/dashboard")
	const path = "/dashboard/assets/main-a1.js"
	for accept, zipped := range map[string]bool{
		"": false, "gzip": true, "br, GZIP;q=0.5": true, "gzip;q=0": false, "gzip; q=0.000": false, "br": false,
	} {
		w := get(h, path, "Accept-Encoding", accept)
		if got := w.Header().Get("Content-Encoding") == "gzip"; got != zipped || w.Header().Get("Vary") == "" {
			t.Errorf("Accept-Encoding %q: compressed %t, want %t; Vary %q", accept, got, zipped, w.Header().Get("Vary"))
		}
		var body io.Reader = w.Body
		if zipped {
			z, err := gzip.NewReader(w.Body)
			if err != nil {
				t.Fatal(err)
			}
			body = z
		}
		if got, err := io.ReadAll(body); err != nil || string(got) != script {
			t.Errorf("Accept-Encoding %q: %d bytes (%v), want %d", accept, len(got), err, len(script))
		}
		again := get(h, path, "Accept-Encoding", accept, "If-None-Match", w.Header().Get("ETag"))
		if again.Code != http.StatusNotModified || again.Body.Len() != 0 {
			t.Errorf("asked again with its tag: %d with %d bytes", again.Code, again.Body.Len())
		}
	}
}

func TestPage_is_only_read(t *testing.T) {
	w := httptest.NewRecorder()
	testPage(t, "/dashboard").ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/dashboard/", nil))
	if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("got %d, Allow %q", w.Code, w.Header().Get("Allow"))
	}
	w = httptest.NewRecorder()
	testPage(t, "/dashboard").ServeHTTP(w, httptest.NewRequest(http.MethodHead, "/dashboard/", nil))
	if w.Code != http.StatusOK || w.Body.Len() != 0 || w.Header().Get("Content-Length") == "" {
		t.Errorf("HEAD: %d with %d bytes, length %q", w.Code, w.Body.Len(), w.Header().Get("Content-Length"))
	}
}

// What is in the repository must be what Page needs, and what the policy lets run.
func TestPage_of_this_repository(t *testing.T) {
	h, err := Page(DefaultPath)
	if err != nil {
		t.Fatal(err)
	}
	body := get(h, DefaultPath+"/").Body.String()
	attribute(t, body, `<base href="./`)
	for _, inline := range []string{"<script>", "<style", " style=", "javascript:", " onload="} {
		if strings.Contains(body, inline) {
			t.Errorf("index.html has %s, which the policy does not let in", inline)
		}
	}
}

func TestPage_refuses(t *testing.T) {
	for _, at := range []string{
		"", "/", "dashboard", "/dashboard/", "//evil.example.com", "/a/../b", "/a//b", "/a b", "/api", "/api/x",
		"/docs", "/metrics", "/healthz/x", "/a{b}",
	} {
		if _, err := Page(at); err == nil {
			t.Errorf("the path %q is taken", at)
		}
	}
	_, err := newPage("/d", fstest.MapFS{"x.js": {}})
	if err == nil || !strings.Contains(err.Error(), "npm run build") {
		t.Errorf("without an index: %v", err)
	}
	if _, err := newPage("/d", fstest.MapFS{"index.html": {Data: []byte("<html></html>")}}); err == nil {
		t.Error("an index without a base is taken")
	}
}
