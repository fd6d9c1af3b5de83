package auth_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/symphony-messenger/symphony/auth"
	"github.com/symphony-messenger/symphony/storage"
	"github.com/symphony-messenger/symphony/transport/sqlite"
)

// signedIn is a node of an installation, with the project and the storage of all its nodes.
type signedIn struct {
	*auth.Authenticator
	t        *testing.T
	project  *project
	clock    *clock
	records  storage.Records
	keys     auth.KeyStore
	sessions *auth.Sessions
	key      string
}

func newSignedIn(t *testing.T, change ...func(*auth.Options)) *signedIn {
	t.Helper()
	tr, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "queue.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tr.Close() })
	s := &signedIn{t: t, records: tr, keys: auth.NewRecordKeys(tr)}
	s.project, s.clock = newProject(t)
	s.key = createKey(t, s.keys, s.clock.Now())
	s.Authenticator, s.sessions = s.node(change...)
	return s
}

// node makes another process of the installation.
func (s *signedIn) node(change ...func(*auth.Options)) (*auth.Authenticator, *auth.Sessions) {
	sessions := auth.NewSessions(s.records, s.clock.Now, nil)
	change = append([]func(*auth.Options){func(o *auth.Options) { o.Keys, o.Sessions = s.keys, sessions }}, change...)
	return s.project.authenticator(s.t, change...), sessions
}

// page is a request of the dashboard's page at a host.
func page(method, host string, headers ...string) *http.Request {
	r := request(method, headers...)
	r.Host = host
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return r
}

const public, loopback = "queue.example.com", "127.0.0.1:8080"

// start begins a session with a key or token, and returns the cookie.
func (s *signedIn) start(host, token string) *http.Cookie {
	s.t.Helper()
	r := page("POST", host, "Authorization", "Bearer "+token)
	p, err := s.AuthenticateAnew(r)
	if err != nil {
		s.t.Fatal(err)
	}
	_, cookie, err := s.StartSession(r, p)
	if err != nil {
		s.t.Fatal(err)
	}
	return cookie
}

// with is a request with cookies.
func with(r *http.Request, cookies ...*http.Cookie) *http.Request {
	for _, c := range cookies {
		r.AddCookie(c)
	}
	return r
}

func TestSession_stands_for_exactly_its_caller(t *testing.T) {
	s := newSignedIn(t, func(o *auth.Options) { o.Supabase.AllowServiceRole = true })
	service := s.project.hs256(set("role", "service_role"), drop("sub"))
	for name, token := range map[string]string{
		"an API key": s.key, "a user": s.project.es256(), "a service": service,
		"a user with a role": s.project.hs256(set("app_metadata", map[string]any{"symphony_role": "observe"})),
	} {
		t.Run(name, func(t *testing.T) {
			want := wantPrincipal(t, s, bearer(token))
			cookie := s.start(public, token)
			got := wantPrincipal(t, s, with(page("POST", public), cookie))
			if got.Session.ID == "" || !got.Session.ExpiresAt.After(s.clock.Now()) {
				t.Errorf("its session is %+v", got.Session)
			}
			if strings.Contains(got.Session.ID, cookie.Value[17:]) {
				t.Error("the session's name has the secret")
			}
			got.Session = auth.Session{}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestSession_cookie(t *testing.T) {
	s := newSignedIn(t)
	for host, secure := range map[string]bool{
		public: true, "127.0.0.1:8080": false, "localhost": false, "[::1]:80": false,
		"localhost.example.com": true, "10.0.0.7": true,
	} {
		c := s.start(host, s.key)
		name := strings.TrimPrefix(c.Name, "__Host-")
		if (name != c.Name) != secure || c.Secure != secure || len(name) != len("symphony_session_")+8 {
			t.Errorf("%s: the cookie is %s, secure %t", host, c.Name, c.Secure)
		}
		strict := c.HttpOnly && c.SameSite == http.SameSiteStrictMode
		if !strict || c.Path != "/" || c.Domain != "" || c.MaxAge != 12*60*60 {
			t.Errorf("%s: the cookie is %s", host, c)
		}
		wantPrincipal(t, s, with(page("POST", host), c))
	}
	// A page of a neighbouring name can set the cookie without __Host-: it does not count.
	c := s.start(loopback, s.key)
	wantRefused(t, s, with(page("GET", public), c), auth.CodeMissingCredentials)
	// What the proxy says of the host counts, as it is the browser's.
	r := with(page("GET", "127.0.0.1:9000", "X-Forwarded-Host", public), s.start(public, s.key))
	wantPrincipal(t, s, r)
}

func TestSession_needs_the_page_of_this_origin(t *testing.T) {
	s := newSignedIn(t)
	c := s.start(public, s.key)
	cross := func(method string) *http.Request {
		r := request(method, "Origin", "https://evil.example.com", "Sec-Fetch-Site", "cross-site")
		r.Host = public
		return with(r, c)
	}
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE"} {
		wantRefused(t, s, cross(method), auth.CodeOriginNotAllowed)
	}
	wantPrincipal(t, s, cross("GET"))
	wantPrincipal(t, s, cross("HEAD"))
}

func TestSession_comes_after_headers(t *testing.T) {
	s := newSignedIn(t)
	c := s.start(public, s.key)
	got := wantPrincipal(t, s, with(page("POST", public, "Authorization", "Bearer "+s.project.hs256()), c))
	if got.Kind != auth.KindUser || got.Session.ID != "" {
		t.Errorf("with a token it is %+v", got)
	}
	wantRefused(t, s, with(page("POST", public, "Authorization", "Bearer sym_wrong"), c), auth.CodeAPIKeyInvalid)
	wantRefused(t, s, with(page("POST", public, "X-API-Key", ""), c), auth.CodeAPIKeyInvalid)
	// And before Supabase's cookies, which an application beside it may have set.
	app := &http.Cookie{Name: "sb-access-token", Value: s.project.hs256()}
	if got := wantPrincipal(t, s, with(page("POST", public), app, c)); got.Kind != auth.KindAPIKey {
		t.Errorf("with the application's cookie it is %+v", got)
	}
	if got := wantPrincipal(t, s, with(page("POST", public), app)); got.Kind != auth.KindUser {
		t.Errorf("with the application's cookie alone it is %+v", got)
	}
}

func TestSession_ends(t *testing.T) {
	for name, test := range map[string]struct {
		user bool
		end  func(s *signedIn, c *http.Cookie)
		code string
	}{
		"12 hours after its last use": {false, func(s *signedIn, _ *http.Cookie) { s.clock.Advance(auth.SessionTTL) },
			auth.CodeSessionEnded},
		"with its token": {true, func(s *signedIn, _ *http.Cookie) { s.clock.Advance(time.Hour) },
			auth.CodeSessionEnded},
		"when it is ended": {false, func(s *signedIn, c *http.Cookie) {
			r := with(page("DELETE", public), c)
			gone, err := s.EndSession(r, wantPrincipal(s.t, s, r))
			if err != nil || gone.Name != c.Name || gone.MaxAge >= 0 || gone.Value != "" || !gone.Secure {
				s.t.Errorf("ended by %v, %v", gone, err)
			}
		}, auth.CodeSessionEnded},
		"when its key is revoked": {false, func(s *signedIn, _ *http.Cookie) {
			if err := s.RevokeKey(s.t.Context(), keyID(s.key)); err != nil {
				s.t.Fatal(err)
			}
		}, auth.CodeSessionEnded},
		"when another process revokes its key": {false, func(s *signedIn, _ *http.Cookie) {
			if err := s.keys.RevokeKey(s.t.Context(), keyID(s.key), s.clock.Now()); err != nil {
				s.t.Fatal(err)
			}
			s.clock.Advance(auth.KeyCacheTTL)
		}, auth.CodeAPIKeyRevoked},
		"when another process ends it": {false, func(s *signedIn, c *http.Cookie) {
			other, _ := s.node()
			r := with(page("DELETE", public), c)
			if _, err := other.EndSession(r, wantPrincipal(s.t, other, r)); err != nil {
				s.t.Fatal(err)
			}
			s.clock.Advance(auth.KeyCacheTTL)
		}, auth.CodeSessionEnded},
		"when the project's secret is another one": {true, func(s *signedIn, _ *http.Cookie) {
			s.Authenticator, _ = s.node(func(o *auth.Options) {
				o.Supabase.JWTSecrets = []string{"another secret of the project's that is long enough"}
			})
		}, auth.CodeTokenInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSignedIn(t)
			s.t = t
			token := s.key
			if test.user {
				token = s.project.hs256()
			}
			c := s.start(public, token)
			wantPrincipal(t, s, with(page("POST", public), c))
			test.end(s, c)
			wantRefused(t, s, with(page("POST", public), c), test.code)
		})
	}
}

// A session that is used lasts, and is written at most every five minutes.
func TestSession_is_renewed_by_its_use(t *testing.T) {
	s := newSignedIn(t)
	c := s.start(public, s.key)
	began, renewed := s.clock.Now(), 0
	for s.clock.Now().Sub(began) < 30*time.Hour {
		s.clock.Advance(time.Minute)
		r := with(page("GET", public), c)
		p := wantPrincipal(t, s, r)
		if again := s.RenewSession(r, &p); again != nil {
			renewed++
			if again.Name != c.Name || again.Value != c.Value || again.MaxAge != 12*60*60 ||
				!p.Session.ExpiresAt.Equal(s.clock.Now().Add(auth.SessionTTL)) {
				t.Fatalf("renewed as %v until %s", again, p.Session.ExpiresAt)
			}
		}
	}
	if want := 30 * 60 / 5; renewed != want {
		t.Errorf("renewed %d times in 30 hours, want %d", renewed, want)
	}
	user := s.start(public, s.project.hs256())
	s.clock.Advance(30 * time.Minute)
	r := with(page("GET", public), user)
	p := wantPrincipal(t, s, r)
	if again := s.RenewSession(r, &p); again != nil || !p.Session.ExpiresAt.Equal(p.Expires) {
		t.Errorf("past its token's end: %v, until %s", again, p.Session.ExpiresAt)
	}
}

func TestSession_bounds_those_of_a_caller(t *testing.T) {
	s := newSignedIn(t)
	other := s.start(public, createKey(t, s.keys, s.clock.Now()))
	var cookies []*http.Cookie
	for range auth.MaxSessions + 3 {
		s.clock.Advance(time.Second)
		cookies = append(cookies, s.start(public, s.key))
	}
	for i, c := range append(cookies, other) {
		_, err := s.Authenticate(with(page("GET", public), c))
		if ended := err != nil; ended != (i < 3) {
			t.Errorf("session %d: %v", i, err)
		}
	}
	list, err := storage.List(t.Context(), s.records, "session")
	if err != nil || len(list) != auth.MaxSessions+1 {
		t.Errorf("%d are stored (%v), want %d", len(list), err, auth.MaxSessions+1)
	}
}

// Who signs in again in the same browser leaves no session behind.
func TestSession_takes_the_place_of_the_one_before(t *testing.T) {
	s := newSignedIn(t)
	first := s.start(public, s.key)
	r := with(page("POST", public, "Authorization", "Bearer "+s.project.hs256()), first)
	p, err := s.AuthenticateAnew(r)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.StartSession(r, p); err != nil {
		t.Fatal(err)
	}
	wantRefused(t, s, with(page("GET", public), first), auth.CodeSessionEnded)
}

// What is stored lets nobody in, and says nothing of a token.
func TestSession_is_stored_as_a_hash(t *testing.T) {
	s := newSignedIn(t)
	token := s.project.hs256()
	values := []string{s.start(public, token).Value, s.start(public, s.key).Value}
	code, _, err := s.sessions.NewCode(t.Context(), auth.Local())
	if err != nil {
		t.Fatal(err)
	}
	var stored bytes.Buffer
	for _, kind := range []string{"session", "session_code"} {
		list, err := storage.List(t.Context(), s.records, kind)
		if err != nil || len(list) == 0 {
			t.Fatal(len(list), err)
		}
		for _, r := range list {
			fmt.Fprintf(&stored, "%s %s\n", r.ID, r.Data)
		}
	}
	for _, secret := range append(values, code) {
		_, secret, _ = strings.Cut(secret, ".")
		if strings.Contains(stored.String(), secret) {
			t.Error("a secret is stored")
		}
	}
	for _, part := range strings.Split(token, ".") {
		if strings.Contains(stored.String(), part) {
			t.Error("a token is stored as it is")
		}
	}
}

func TestSession_of_a_bad_cookie(t *testing.T) {
	s := newSignedIn(t)
	good := s.start(public, s.key)
	for name, value := range map[string]string{
		"another secret":  good.Value[:len(good.Value)-3] + "AAA",
		"another caller":  strings.Repeat("0", 16) + good.Value[16:],
		"no secret":       good.Value[:17],
		"nothing like it": "x", "too long": good.Value + "A", "a key": s.key,
	} {
		t.Run(name, func(t *testing.T) {
			bad := *good
			bad.Value = value
			wantRefused(t, s, with(page("GET", public), &bad), auth.CodeSessionEnded)
			wantRefused(t, s, with(page("GET", public), good, &bad), auth.CodeCookieInvalid)
		})
	}
	// That of another installation on this machine is not ours.
	foreign := *s.start(loopback, s.key)
	foreign.Name = "symphony_session_00000000"
	wantRefused(t, s, with(page("GET", loopback), &foreign), auth.CodeMissingCredentials)
}

// A token of a record that somebody has changed is of no use for another caller.
func TestSession_whose_record_was_changed(t *testing.T) {
	s := newSignedIn(t)
	c := s.start(public, s.project.hs256())
	list, err := storage.List(t.Context(), s.records, "session")
	if err != nil || len(list) != 1 {
		t.Fatal(len(list), err)
	}
	for name, data := range map[string]string{
		"another user":       strings.Replace(string(list[0].Data), subject, "somebody-else", 1),
		"no token":           `{"kind":"user","id":"` + subject + `","expiresAt":"2030-01-01T00:00:00Z"}`,
		"no JSON":            `{`,
		"a kind of tomorrow": `{"kind":"robot","id":"1","expiresAt":"2030-01-01T00:00:00Z"}`,
	} {
		t.Run(name, func(t *testing.T) {
			if err := storage.Put(t.Context(), s.records, "session", list[0].ID, []byte(data)); err != nil {
				t.Fatal(err)
			}
			s.clock.Advance(auth.KeyCacheTTL)
			wantRefused(t, s, with(page("GET", public), c), auth.CodeSessionEnded)
		})
	}
}

func TestSession_refuses_a_browser_that_would_not_keep_it(t *testing.T) {
	s := newSignedIn(t)
	for name, test := range map[string]struct {
		headers []string
		refused bool
	}{
		"plain HTTP":            {[]string{"Origin", "http://queue.internal"}, true},
		"HTTPS":                 {[]string{"Origin", "https://queue.internal"}, false},
		"localhost":             {[]string{"Origin", "http://localhost:8080"}, false},
		"no browser":            {nil, false},
		"a proxy that says how": {[]string{"Origin", "http://queue.internal", "X-Forwarded-Proto", "https"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := page("POST", "queue.internal", append(test.headers, "Authorization", "Bearer "+s.key)...)
			p, err := s.AuthenticateAnew(r)
			if err != nil {
				t.Fatal(err)
			}
			_, _, err = s.StartSession(r, p)
			var e *auth.Error
			if refused := errors.As(err, &e) && e.Code == auth.CodeInsecureOrigin; refused != test.refused {
				t.Errorf("got %v", err)
			}
		})
	}
}
