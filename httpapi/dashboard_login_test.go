package httpapi_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/symphony-messenger/symphony/auth"
	"github.com/symphony-messenger/symphony/httpapi"
)

// loginFixture is a server with a dashboard at /ops/board, whose login is at localhost.
func loginFixture(t *testing.T) (f *fixture, at string, sessions *auth.Sessions) {
	t.Helper()
	f = newFixture(t, func(o *httpapi.Options) {
		page := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
		o.Dashboard = &httpapi.Dashboard{Path: "/ops/board", Page: page}
		o.Installation.Environment = "Production <1>"
		sessions = o.Sessions
	})
	return f, "/ops/board/login", sessions
}

func (f *fixture) code(sessions *auth.Sessions) string {
	f.Helper()
	p := auth.Local()
	p.Name = "<ada>"
	code, _, err := sessions.NewCode(f.Context(), p)
	if err != nil {
		f.Fatal(err)
	}
	return code
}

// press sends the form of the page, as a browser on this machine does.
func (f *fixture) press(at, code string, headers ...string) answer {
	f.Helper()
	form := url.Values{"code": {code}}.Encode()
	return f.call("POST", at, form, append([]string{"Authorization", "", "Content-Type",
		"application/x-www-form-urlencoded", "Sec-Fetch-Site", "same-origin", "Origin", f.server.URL}, headers...)...)
}

func TestLogin_shows_a_button_and_signs_in_once(t *testing.T) {
	f, at, sessions := loginFixture(t)
	code := f.code(sessions)
	for range 2 { // looking uses nothing up
		a := f.call("GET", at+"?code="+code, "", "Authorization", "")
		if a.status != 200 || !strings.Contains(a.raw, `name="code" value="`+code+`"`) ||
			!strings.Contains(a.raw, "&lt;ada&gt;") || !strings.Contains(a.raw, "Production &lt;1&gt;") ||
			a.header.Get("Set-Cookie") != "" {
			t.Fatalf("got %d %s", a.status, a.raw)
		}
		if h := a.header; h.Get("Cache-Control") != "no-store" || h.Get("Referrer-Policy") != "same-origin" ||
			!strings.Contains(h.Get("Content-Security-Policy"), "frame-ancestors 'none'") {
			t.Errorf("headers %v", h)
		}
	}
	a := f.press(at, code)
	if a.status != http.StatusSeeOther || a.header.Get("Location") != "./" {
		t.Fatalf("got %d %s, to %q", a.status, a.raw, a.header.Get("Location"))
	}
	cookie, _, _ := strings.Cut(a.header.Get("Set-Cookie"), ";")
	a = f.call("GET", sessionPath, "", "Authorization", "", "Cookie", cookie)
	caller, _ := a.body["caller"].(map[string]any)
	if a.status != 200 || caller["kind"] != "local" || caller["name"] != "<ada>" {
		t.Errorf("the session is %d %s", a.status, a.raw)
	}
	for _, again := range []answer{f.press(at, code), f.call("GET", at+"?code="+code, "", "Authorization", "")} {
		if again.status != 401 || !strings.Contains(again.raw, "used already") || again.header.Get("Set-Cookie") != "" {
			t.Errorf("again: %d %s", again.status, again.raw)
		}
	}
	if diff := cmp.Diff([]string{"session.login ok"}, f.trail("action=session.login")); diff != "" {
		t.Errorf("the audit trail (-want +got)\n%s", diff)
	}
	if strings.Contains(f.log.String(), code) {
		t.Error("the code is in the log")
	}
}

func TestLogin_refuses(t *testing.T) {
	f, at, sessions := loginFixture(t)
	code := f.code(sessions)
	evil := []string{"Origin", "https://evil.example.com", "Sec-Fetch-Site", "cross-site"}
	for name, test := range map[string]struct {
		do     func() answer
		status int
	}{
		"a proxy":               {func() answer { return f.press(at, code, "X-Forwarded-For", "203.0.113.9") }, 403},
		"another site":          {func() answer { return f.press(at, code, evil...) }, 403},
		"no origin at all":      {func() answer { return f.press(at, code, "Origin", "", "Sec-Fetch-Site", "") }, 403},
		"another code":          {func() answer { return f.press(at, code[:20]) }, 401},
		"no code":               {func() answer { return f.press(at, "") }, 401},
		"a code in the address": {func() answer { return f.press(at+"?code="+code, "") }, 401},
		"a body that is JSON":   {func() answer { return f.press(at, code, "Content-Type", "application/json") }, 415},
		"a body that is long":   {func() answer { return f.press(at, strings.Repeat("x", 5000)) }, 400},
		"looking from a proxy":  {func() answer { return f.call("GET", at+"?code="+code, "", "Via", "proxy") }, 403},
		"looking for another":   {func() answer { return f.call("GET", at+"?code=x", "") }, 401},
	} {
		t.Run(name, func(t *testing.T) {
			a := test.do()
			if a.status != test.status || a.header.Get("Set-Cookie") != "" ||
				!strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
				t.Errorf("got %d %s", a.status, a.raw)
			}
		})
	}
	// A name that somebody has lead to this machine.
	r := httptest.NewRequest(http.MethodGet, at+"?code="+code, nil)
	r.Host, r.RemoteAddr = "rebound.example.com:8080", "127.0.0.1:4000"
	w := httptest.NewRecorder()
	f.api.Handler().ServeHTTP(w, r)
	if w.Code != http.StatusForbidden {
		t.Errorf("under another name: %d %s", w.Code, w.Body)
	}
	// Nothing of that has used it up.
	if a := f.press(at, code); a.status != http.StatusSeeOther {
		t.Errorf("after all that: %d %s", a.status, a.raw)
	}
}

func TestLogin_without_a_code_is_the_dashboard(t *testing.T) {
	f, at, _ := loginFixture(t)
	if a := f.call("GET", at, "", "Authorization", ""); a.status != http.StatusTeapot {
		t.Errorf("got %d %s", a.status, a.raw)
	}
	a := f.call("GET", at+".css", "")
	if a.status != 200 || !strings.HasPrefix(a.header.Get("Content-Type"), "text/css") {
		t.Errorf("its style: %d %v", a.status, a.header)
	}
}
