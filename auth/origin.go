package auth

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// origins holds the origins besides the server's own that may send cookies, in normal form.
type origins map[string]struct{}

func newOrigins(allowed []string) (origins, error) {
	set := origins{}
	var errs []error
	for _, s := range allowed {
		origin, err := normalOrigin(s)
		if err != nil {
			errs = append(errs, fmt.Errorf("allowed origin %q: %w", s, err))
			continue
		}
		set[origin] = struct{}{}
	}
	return set, errors.Join(errs...)
}

// check refuses a cookie caller's request that another site may have provoked. The package comment
// states the rule. Sec-Fetch-Site is believed before the scheme of Origin, as behind a proxy that
// ends TLS this server can't tell https://host from http://host, and the browser can.
func (o origins) check(r *http.Request) error {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return nil
	}
	return o.from(r)
}

// SameOrigin reports whether a browser says that a page of the host that r was sent to has sent it, by the rule for
// cookies in the package comment, whatever the method is. It is for proxies, which send a request to another host.
func SameOrigin(r *http.Request) bool { return origins(nil).from(r) == nil }

// from refuses what no page of an origin that may send cookies has sent.
func (o origins) from(r *http.Request) error {
	origin, sites := r.Header["Origin"], r.Header["Sec-Fetch-Site"]
	if len(origin) > 1 || len(sites) > 1 {
		return errOrigin()
	}
	sameSite := len(sites) == 1 && sites[0] == "same-origin"
	if len(origin) == 0 {
		if sameSite {
			return nil
		}
		return errOrigin()
	}
	sent, err := normalOrigin(origin[0])
	if err != nil {
		return errOrigin()
	}
	if _, ok := o[sent]; ok {
		return nil
	}
	scheme := "http"
	switch {
	case sameSite:
		scheme, _, _ = strings.Cut(sent, ":")
	case len(sites) == 1:
		return errOrigin()
	case r.TLS != nil:
		scheme = "https"
	}
	if own, _ := normalOrigin(scheme + "://" + r.Host); own != sent {
		return errOrigin()
	}
	return nil
}

func errOrigin() error {
	return forbidden(CodeOriginNotAllowed,
		"A cookie authenticates only requests from this server's own origin or an allowed one. Send a token in the Authorization header instead.")
}

// normalOrigin returns scheme://host[:port] in lower case and without the scheme's default port.
func normalOrigin(s string) (string, error) {
	u, err := url.Parse(strings.ToLower(s))
	if err != nil {
		return "", errors.New("not a URL")
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" || u.User != nil ||
		u.Scheme+"://"+u.Host != strings.ToLower(s) {
		return "", errors.New("not of the form https://host or https://host:port")
	}
	port := map[string]string{"http": ":80", "https": ":443"}[u.Scheme]
	return u.Scheme + "://" + strings.TrimSuffix(u.Host, port), nil
}
