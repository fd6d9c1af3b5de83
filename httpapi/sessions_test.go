package httpapi_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/symphony-messenger/symphony/auth"
	"github.com/symphony-messenger/symphony/httpapi"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

const sessionPath = "/api/symphony/session"

// signIn begins a session with a key of a scope, and returns the headers of a page that has it.
func (f *fixture) signIn(scope string) (page []string, cookie string) {
	f.Helper()
	a := f.call("POST", sessionPath, "", "Authorization", "Bearer "+f.keys[scope])
	if a.status != 201 {
		f.Fatalf("got %d %s", a.status, a.raw)
	}
	cookie, _, _ = strings.Cut(a.header.Get("Set-Cookie"), ";")
	return []string{"Authorization", "", "Sec-Fetch-Site", "same-origin", "Cookie", cookie}, cookie
}

func TestSession_tells_who_and_where(t *testing.T) {
	f := newFixture(t, func(o *httpapi.Options) {
		o.Installation = httpapi.Installation{
			Environment: "Production", Color: "red", Storage: "sqlite", Timezone: "Europe/Berlin",
			TraceURL: "https://traces.example.com/{traceId}",
			Servers:  []wire.ServerLink{{Name: "Staging", URL: "https://staging.example.com"}},
		}
	})
	page, _ := f.signIn("observe")
	a := f.call("GET", sessionPath, "", page...)
	expires, err := time.Parse(time.RFC3339, a.body["expiresAt"].(string))
	if left := time.Until(expires); err != nil || left < auth.SessionTTL-time.Minute || left > auth.SessionTTL {
		t.Errorf("it expires in %s (%v)", left, err)
	}
	id, _, _ := strings.Cut(strings.TrimPrefix(f.keys["observe"], "sym_"), "_")
	want := map[string]any{
		"success": true, "caller": map[string]any{"kind": "api_key", "id": id, "name": "observe"},
		"scopes": []any{"observe"}, "environment": map[string]any{"name": "Production", "color": "red"},
		"expiresAt": a.body["expiresAt"], "session": true, "version": "test", "storage": "sqlite",
		"timezone": "Europe/Berlin", "ownMessages": false, "readOnly": false,
		"traceUrl": "https://traces.example.com/{traceId}",
		"servers":  []any{map[string]any{"name": "Staging", "url": "https://staging.example.com"}},
	}
	if diff := cmp.Diff(want, a.body); a.status != 200 || diff != "" {
		t.Errorf("%d (-want +got)\n%s", a.status, diff)
	}
	begun := f.call("POST", sessionPath, "", "Authorization", "Bearer "+f.keys["observe"])
	want["expiresAt"] = begun.body["expiresAt"]
	if diff := cmp.Diff(want, begun.body); begun.status != 201 || diff != "" {
		t.Errorf("when it begins: %d (-want +got)\n%s", begun.status, diff)
	}
	// Callers without a session are told the same, and that they have none.
	want["session"] = false
	delete(want, "expiresAt")
	a = f.call("GET", sessionPath, "", "Authorization", "Bearer "+f.keys["observe"])
	if diff := cmp.Diff(want, a.body); diff != "" {
		t.Errorf("with the key (-want +got)\n%s", diff)
	}
}

func TestSession_calls_as_its_caller(t *testing.T) {
	f := newFixture(t, nil)
	page, cookie := f.signIn("operate")
	cross := []string{"Authorization", "", "Cookie", cookie, "Origin", "https://evil.example.com",
		"Sec-Fetch-Site", "cross-site"}
	bad := []string{"Authorization", "Bearer sym_x", "Cookie", cookie}
	for name, test := range map[string]struct {
		method, path string
		headers      []string
		status       int
		code         string
	}{
		"what its key may":         {"POST", "/api/symphony/pause", page, 200, ""},
		"what its key may not":     {"GET", "/api/symphony/keys", page, 403, "insufficient_scope"},
		"from another site":        {"POST", "/api/symphony/pause", cross, 403, "origin_not_allowed"},
		"reading from another one": {"GET", sessionPath, cross, 200, ""},
		"a header goes before it":  {"GET", "/api/symphony/keys", []string{"Cookie", cookie}, 200, ""},
		"a bad header, too":        {"GET", "/api/symphony/holds", bad, 401, "api_key_invalid"},
		"it begins no other one":   {"POST", sessionPath, page, 401, "missing_credentials"},
	} {
		t.Run(name, func(t *testing.T) {
			body := ""
			if test.path == "/api/symphony/pause" {
				body = `{"transport":"default"}`
			}
			a := f.call(test.method, test.path, body, test.headers...)
			if a.status != test.status || a.code() != test.code {
				t.Errorf("got %d %s", a.status, a.raw)
			}
		})
	}
	a := f.call("DELETE", sessionPath, "", page...)
	if a.status != 200 || !strings.Contains(a.header.Get("Set-Cookie"), "Max-Age=0") {
		t.Errorf("ended: %d, %s", a.status, a.header.Get("Set-Cookie"))
	}
	// The browser is rid of the cookie of a session that is over, however it ended.
	a = f.call("GET", sessionPath, "", page...)
	if a.status != 401 || a.code() != "session_ended" || !strings.Contains(a.header.Get("Set-Cookie"), "Max-Age=0") {
		t.Errorf("after that: %d %s, %s", a.status, a.raw, a.header.Get("Set-Cookie"))
	}
	if a := f.call("DELETE", sessionPath, ""); a.status != 200 || a.header.Get("Set-Cookie") != "" {
		t.Errorf("without one: %d %s", a.status, a.raw)
	}
}

// A read-only dashboard changes nothing, whatever its page sends; keys are what they are.
func TestSession_of_a_read_only_dashboard(t *testing.T) {
	f := newFixture(t, func(o *httpapi.Options) { o.Installation.ReadOnly = true })
	page, _ := f.signIn("admin")
	for _, rt := range f.api.Routes() {
		if !strings.HasPrefix(rt.Path, "/api/symphony/") || rt.Path == "/api/symphony/events" {
			continue
		}
		path := strings.NewReplacer("{id}", "0197", "{transport}", "default").Replace(rt.Path)
		a := f.call(rt.Method, path, "", page...)
		changes := rt.Method != http.MethodGet && !strings.HasPrefix(rt.Path, sessionPath) &&
			rt.Path != wire.PreviewSchedule.Path
		if refused := a.status == 403 && a.code() == "read_only"; refused != changes {
			t.Errorf("%s %s: %d %s", rt.Method, rt.Path, a.status, a.raw)
		}
		if rt.Method == http.MethodDelete && rt.Path == sessionPath {
			page, _ = f.signIn("admin")
		}
	}
	if a := f.call("GET", sessionPath, "", page...); a.body["readOnly"] != true {
		t.Errorf("it is told %s", a.raw)
	}
	if a := f.call("POST", "/api/symphony/pause", `{"transport":"default"}`); a.status != 200 {
		t.Errorf("with the key: %d %s", a.status, a.raw)
	}
}

func TestSession_is_in_the_audit_trail(t *testing.T) {
	f := newFixture(t, func(o *httpapi.Options) {
		o.Dashboard = &httpapi.Dashboard{Path: "/dashboard", Page: http.NotFoundHandler()}
	})
	page, cookie := f.signIn("read")
	if a := f.call("POST", sessionPath+"/code", "", page...); a.status != 201 {
		t.Fatalf("got %d %s", a.status, a.raw)
	}
	f.call("DELETE", sessionPath, "", page...)
	want := []string{"session.start ok", "session.code ok", "session.end ok"}
	if diff := cmp.Diff(want, f.trail("action=session.*")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	_, secret, _ := strings.Cut(cookie, ".")
	if all := f.call("GET", "/api/symphony/audit", "").raw + f.log.String(); strings.Contains(all, secret) {
		t.Error("the session's secret is in the audit trail or the log")
	}
}

func TestSession_code(t *testing.T) {
	at := "http://localhost:8080"
	f := newFixture(t, func(o *httpapi.Options) {
		o.Dashboard = &httpapi.Dashboard{Path: "/ops/queue", Page: http.NotFoundHandler()}
		o.Installation.URL = func() string { return at }
	})
	a := f.call("POST", sessionPath+"/code", "")
	code, _ := a.body["code"].(string)
	if a.status != 201 || code == "" || a.body["path"] != "/ops/queue/login" ||
		a.body["url"] != "http://localhost:8080/ops/queue/login?code="+code {
		t.Errorf("got %d %s", a.status, a.raw)
	}
	at = ""
	if a := f.call("POST", sessionPath+"/code", ""); a.status != 201 || a.body["url"] != nil {
		t.Errorf("where the address is not known: %d %s", a.status, a.raw)
	}
}

func TestSession_where_there_are_none(t *testing.T) {
	f := newFixture(t, func(o *httpapi.Options) { o.Sessions = nil })
	for _, request := range [][2]string{
		{"POST", sessionPath}, {"DELETE", sessionPath}, {"POST", sessionPath + "/code"},
	} {
		if a := f.call(request[0], request[1], ""); a.status != 501 || a.code() != "not_supported" {
			t.Errorf("%s %s: %d %s", request[0], request[1], a.status, a.raw)
		}
	}
	if a := f.call("GET", sessionPath, ""); a.status != 200 || a.body["session"] != false {
		t.Errorf("who am I: %d %s", a.status, a.raw)
	}
	if a := f.call("GET", sessionPath+"/ways", ""); a.status != 200 || a.body["apiKey"] != false {
		t.Errorf("ways: %d %s", a.status, a.raw)
	}
}

func TestSession_ways_are_open(t *testing.T) {
	f := newFixture(t, func(o *httpapi.Options) { o.Installation.Environment = "Production" })
	a := f.call("GET", sessionPath+"/ways", "", "Authorization", "")
	if a.status != 200 || a.body["apiKey"] != true || !strings.Contains(a.raw, `"name":"Production"`) ||
		strings.Contains(a.raw, "version") {
		t.Errorf("got %d %s", a.status, a.raw)
	}
}

func TestStreamsEndWithTheirSession(t *testing.T) {
	inTime(t, nil, func(l *lasting) {
		begin := func(credential string) string {
			if status, text, _ := l.call("POST", sessionPath, "", credential); status != 201 {
				l.Fatalf("got %d %s", status, text)
			}
			return l.cookie
		}
		cookie := begin(l.secret)
		l.after(50*time.Second, func() {
			if status, text, _ := l.call("DELETE", sessionPath, "", cookie); status != 200 {
				l.Errorf("got %d %s", status, text)
			}
		})
		if status, _, took := l.call("GET", eventsPath, "", cookie); status != 200 || took != time.Minute {
			t.Errorf("ended after 50 s, it took %d %v", status, took)
		}
		user := begin(l.token(40 * time.Second))
		if status, _, took := l.call("GET", eventsPath, "", user); status != 200 || took != 40*time.Second {
			t.Errorf("with a token of 40 s, it took %d %v", status, took)
		}
		cookie = begin(l.secret)
		l.after(time.Second, l.revoke)
		if status, _, took := l.call("GET", eventsPath, "", cookie); status != 200 || took != 15*time.Second {
			t.Errorf("with its key revoked, it took %d %v", status, took)
		}
	})
}

// A page that is open for long is never signed out while it is used, and its cookie is sent anew.
func TestSession_is_renewed_by_calls(t *testing.T) {
	inTime(t, nil, func(l *lasting) {
		if status, text, _ := l.call("POST", sessionPath, "", l.secret); status != 201 {
			l.Fatalf("got %d %s", status, text)
		}
		cookie := l.cookie
		for range 10 {
			<-time.After(6 * time.Hour)
			l.cookie = ""
			if status, text, _ := l.call("GET", sessionPath, "", cookie); status != 200 || l.cookie != cookie {
				t.Fatalf("got %d %s, cookie %q", status, text, l.cookie)
			}
		}
	})
}
