package auth_test

import (
	"crypto/tls"
	"net/http"
	"testing"

	"github.com/symphony-messenger/symphony/auth"
)

func TestOrigin_of_cookie_callers(t *testing.T) {
	p, _ := newProject(t)
	a := p.authenticator(t, func(o *auth.Options) {
		o.AllowedOrigins = []string{"https://App.Example", "http://localhost:3000", "https://ported.example:443"}
	})
	cookie := "sb-access-token=" + p.hs256()
	const host = "symphony.test"
	for name, tc := range map[string]struct {
		host    string // default symphony.test
		tls     bool
		headers []string
		ok      bool
	}{
		"own":                             {headers: []string{"Origin", "http://symphony.test"}, ok: true},
		"own, other case":                 {headers: []string{"Origin", "HTTP://Symphony.Test"}, ok: true},
		"own with default port":           {headers: []string{"Origin", "http://symphony.test:80"}, ok: true},
		"own with port":                   {host: "127.0.0.1:8080", headers: []string{"Origin", "http://127.0.0.1:8080"}, ok: true},
		"own, IPv6":                       {host: "[::1]:8080", headers: []string{"Origin", "http://[::1]:8080"}, ok: true},
		"own over TLS":                    {tls: true, headers: []string{"Origin", "https://symphony.test"}, ok: true},
		"own over TLS with default port":  {host: "symphony.test:443", tls: true, headers: []string{"Origin", "https://symphony.test"}, ok: true},
		"own, browser agrees":             {headers: []string{"Origin", "http://symphony.test", "Sec-Fetch-Site", "same-origin"}, ok: true},
		"own behind a TLS proxy":          {headers: []string{"Origin", "https://symphony.test", "Sec-Fetch-Site", "same-origin"}, ok: true},
		"no origin, browser vouches":      {headers: []string{"Sec-Fetch-Site", "same-origin"}, ok: true},
		"allowed":                         {headers: []string{"Origin", "https://app.example", "Sec-Fetch-Site", "cross-site"}, ok: true},
		"allowed with port":               {headers: []string{"Origin", "http://localhost:3000"}, ok: true},
		"allowed with default port":       {headers: []string{"Origin", "https://ported.example"}, ok: true},
		"neither header":                  {},
		"another site":                    {headers: []string{"Origin", "https://evil.example"}},
		"another site, browser says so":   {headers: []string{"Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"}},
		"no origin, cross-site":           {headers: []string{"Sec-Fetch-Site", "cross-site"}},
		"no origin, same-site":            {headers: []string{"Sec-Fetch-Site", "same-site"}},
		"no origin, by hand":              {headers: []string{"Sec-Fetch-Site", "none"}},
		"no origin, odd case":             {headers: []string{"Sec-Fetch-Site", "Same-Origin"}},
		"a sister host":                   {headers: []string{"Origin", "http://www.symphony.test", "Sec-Fetch-Site", "same-site"}},
		"headers that disagree":           {headers: []string{"Origin", "https://evil.example", "Sec-Fetch-Site", "same-origin"}},
		"own, browser says cross-site":    {headers: []string{"Origin", "http://symphony.test", "Sec-Fetch-Site", "cross-site"}},
		"own host, http page to TLS":      {tls: true, headers: []string{"Origin", "http://symphony.test"}},
		"own host, https page to plain":   {headers: []string{"Origin", "https://symphony.test"}},
		"own host, other port":            {headers: []string{"Origin", "http://symphony.test:8081"}},
		"own host, default port of https": {headers: []string{"Origin", "http://symphony.test:443"}},
		"null":                            {headers: []string{"Origin", "null"}},
		"null, browser vouches":           {headers: []string{"Origin", "null", "Sec-Fetch-Site", "same-origin"}},
		"empty":                           {headers: []string{"Origin", ""}},
		"empty, browser vouches":          {headers: []string{"Origin", "", "Sec-Fetch-Site", "same-origin"}},
		"two origins":                     {headers: []string{"Origin", "http://symphony.test", "Origin", "https://evil.example"}},
		"two sites":                       {headers: []string{"Sec-Fetch-Site", "same-origin", "Sec-Fetch-Site", "cross-site"}},
		"a list":                          {headers: []string{"Origin", "http://symphony.test, https://evil.example"}},
		"own with path":                   {headers: []string{"Origin", "http://symphony.test/"}},
		"own as user of another":          {headers: []string{"Origin", "http://symphony.test@evil.example"}},
		"own as beginning of another":     {headers: []string{"Origin", "http://symphony.test.evil.example"}},
		"own as end of another":           {headers: []string{"Origin", "http://evil-symphony.test"}},
		"own, another scheme":             {headers: []string{"Origin", "ftp://symphony.test"}},
		"own without scheme":              {headers: []string{"Origin", "symphony.test"}},
		"allowed, http":                   {headers: []string{"Origin", "http://app.example"}},
		"allowed, other port":             {headers: []string{"Origin", "https://app.example:8443"}},
		"allowed as beginning":            {headers: []string{"Origin", "https://app.example.evil.example"}},
		"Referer is no Origin":            {headers: []string{"Referer", "http://symphony.test/page"}},
		"a proxy's word is no scheme":     {headers: []string{"Origin", "https://symphony.test", "X-Forwarded-Proto", "https"}},
		"a proxy's word is no host":       {headers: []string{"Origin", "http://evil.example", "X-Forwarded-Host", "evil.example"}},
		"no host, browser vouches":        {host: "-", headers: []string{"Origin", "http://evil.example", "Sec-Fetch-Site", "same-origin"}},
		"host and origin of nobody":       {host: "-", headers: []string{"Origin", "http://"}},
	} {
		for _, method := range []string{http.MethodPost, http.MethodDelete, http.MethodPatch, http.MethodPut, http.MethodOptions, "get"} {
			t.Run(name+" "+method, func(t *testing.T) {
				r := request(method, append([]string{"Cookie", cookie}, tc.headers...)...)
				switch tc.host {
				case "":
					r.Host = host
				case "-":
					r.Host = ""
				default:
					r.Host = tc.host
				}
				if tc.tls {
					r.TLS = &tls.ConnectionState{}
				}
				if tc.ok {
					wantPrincipal(t, a, r)
				} else {
					wantRefused(t, a, r, auth.CodeOriginNotAllowed)
				}
			})
		}
	}
	evil := []string{"Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"}
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		t.Run("does not matter to "+method, func(t *testing.T) {
			wantPrincipal(t, a, request(method, append(evil, "Cookie", cookie)...))
		})
	}
	t.Run("does not matter to header callers", func(t *testing.T) {
		wantPrincipal(t, a, request("POST", append(evil, "Authorization", "Bearer "+p.hs256(), "Cookie", cookie)...))
	})
	t.Run("is checked before the token", func(t *testing.T) {
		wantRefused(t, a, request("POST", append(evil, "Cookie", "sb-access-token=x")...), auth.CodeOriginNotAllowed)
	})
}
