package dashboard

import (
	"cmp"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"

	"github.com/symphony-messenger/symphony/auth"
)

// Options are what a Handler needs not be told. All are optional.
type Options struct {
	// Path is where the dashboard is. Default DefaultPath.
	Path string
	// Transport reaches the server. Default http.DefaultTransport.
	Transport http.RoundTripper
	// Logger is told where the server cannot be reached. Default slog.Default().
	Logger *slog.Logger
}

// proxied are the paths that go to the server: the API, and the document that describes it.
func proxied(path string) bool {
	return strings.HasPrefix(path, "/api/symphony/") || path == "/openapi.json" || path == "/openapi.yaml" ||
		path == "/docs" || strings.HasPrefix(path, "/docs/")
}

// Handler serves the dashboard of the server at a URL, such as http://queue.internal:8080, in another program: the page
// at Options.Path, and beside it the API under its own paths, where the server's answers come from, streams of events
// as they are written. The metrics and the cron routes are not handed on, nor does signing in by a link work here,
// which is for browsers on the server's machine.
//
// To the browser the page and the API are of this program's origin. So the server cannot see whether a request with a
// cookie comes from a page of this program; Handler looks at that by the server's rule, and says so to the server by an
// Origin of its own. The server has to be told in auth.allowed_origins of no further origin for it. What Handler
// listens on decides who can reach the server: it lets in nobody whom the server would not, but it opens a way there.
//
// The error says what is wrong with the target or the path. Safe for concurrent use.
func Handler(target string, o Options) (http.Handler, error) {
	base, err := url.Parse(target)
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Hostname() == "" || base.User != nil ||
		base.RawQuery != "" || base.Fragment != "" {
		return nil, fmt.Errorf("dashboard: the target must be a URL like http://queue.internal:8080, is %q", target)
	}
	page, err := Page(cmp.Or(o.Path, DefaultPath))
	if err != nil {
		return nil, err
	}
	log := o.Logger
	if log == nil {
		log = slog.Default()
	}
	proxy := &httputil.ReverseProxy{
		Transport:     o.Transport,
		FlushInterval: -1,
		ErrorLog:      slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		Rewrite:       func(r *httputil.ProxyRequest) { rewrite(r, base) },
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			if r.Context().Err() == nil {
				log.Warn("the server of the dashboard cannot be reached", "error", err)
			}
			unreachable(w)
		},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if proxied(r.URL.Path) {
			proxy.ServeHTTP(w, r)
			return
		}
		page.ServeHTTP(w, r)
	}), nil
}

// rewrite makes of a request to this program one to the server.
func rewrite(r *httputil.ProxyRequest, base *url.URL) {
	own := auth.SameOrigin(r.In)
	r.SetURL(base)
	// What an earlier proxy says of the way is lost: whoever connects could have made it up.
	r.SetXForwarded()
	if !own {
		return // and is refused by the server where it comes by a cookie, unless the origin is one of those allowed
	}
	r.Out.Header.Set("Sec-Fetch-Site", "same-origin")
	if r.In.Header["Origin"] != nil {
		r.Out.Header.Set("Origin", base.Scheme+"://"+base.Host)
	}
}

// unreachable answers as the API does.
func unreachable(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Retry-After", "2")
	w.WriteHeader(http.StatusBadGateway)
	_ = json.NewEncoder(w).Encode(map[string]string{
		"error": "The server of this dashboard cannot be reached.", "code": "server_unreachable"})
}
