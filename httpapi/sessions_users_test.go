package httpapi_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/symphony-messenger/symphony/auth"
	"github.com/symphony-messenger/symphony/httpapi"
)

// gotrue is the authentication server of a Supabase project, as far as signing in goes: ada's password is "secret", and
// a code is good once, with the verifier of its challenge.
type gotrue struct {
	*httptest.Server
	mu    sync.Mutex
	flows map[string]string // challenges by code
	links []string          // to whom, and where they lead back to
}

func newGotrue(t *testing.T) *gotrue {
	t.Helper()
	g := &gotrue{flows: map[string]string{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /auth/v1/settings", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"external":{"email":true,"phone":true,"github":true,"google":true,"apple":false}}`)
	})
	mux.HandleFunc("POST /auth/v1/token", g.token)
	mux.HandleFunc("POST /auth/v1/otp", func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			Email     string `json:"email"`
			Challenge string `json:"code_challenge"`
			Create    bool   `json:"create_user"`
		}
		json.NewDecoder(r.Body).Decode(&body)
		if body.Email != "ada@example.com" || body.Create {
			w.WriteHeader(http.StatusUnprocessableEntity)
			fmt.Fprint(w, `{"code":422,"error_code":"otp_disabled","msg":"Signups not allowed for otp"}`)
			return
		}
		g.links = append(g.links, body.Email+" "+g.code(body.Challenge)+" "+r.URL.Query().Get("redirect_to"))
		fmt.Fprint(w, `{}`)
	})
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Apikey") != "anon" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(g.Close)
	return g
}

// code is one that comes back for a challenge.
func (g *gotrue) code(challenge string) string {
	code := fmt.Sprint("code-", len(g.flows))
	g.flows[code] = challenge
	return code
}

func (g *gotrue) token(w http.ResponseWriter, r *http.Request) {
	var body map[string]string
	json.NewDecoder(r.Body).Decode(&body)
	good := body["email"] == "ada@example.com" && body["password"] == "secret"
	if r.URL.Query().Get("grant_type") == "pkce" {
		sum := sha256.Sum256([]byte(body["code_verifier"]))
		challenge, known := g.flows[body["auth_code"]]
		if good = known && challenge == base64.RawURLEncoding.EncodeToString(sum[:]); good {
			delete(g.flows, body["auth_code"])
		}
	}
	if !good {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"code":400,"error_code":"invalid_credentials","msg":"Invalid login credentials"}`)
		return
	}
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"iss": g.URL + "/auth/v1", "aud": "authenticated", "role": "authenticated", "sub": "ada-1",
		"email": "ada@example.com", "exp": time.Now().Add(time.Hour).Unix(),
	}).SignedString([]byte(jwtSecret))
	if err != nil {
		panic(err)
	}
	json.NewEncoder(w).Encode(map[string]string{"access_token": token})
}

// supabaseFixture is a server whose users are those of a project.
func supabaseFixture(t *testing.T) (*fixture, *gotrue) {
	t.Helper()
	g := newGotrue(t)
	return newFixture(t, func(o *httpapi.Options) {
		a, err := auth.New(auth.Options{Keys: o.Keys, Sessions: o.Sessions,
			Supabase: auth.Supabase{URL: g.URL, JWTSecrets: []string{jwtSecret}, APIKey: "anon"}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { a.Close(context.Background()) })
		o.Auth = a
		o.Dashboard = &httpapi.Dashboard{Path: "/ops/board", Page: http.NotFoundHandler()}
	}), g
}

// page sends a request as a page of the server.
func (f *fixture) page(method, path, body string, headers ...string) answer {
	f.Helper()
	return f.call(method, path, body, append([]string{"Authorization", "", "Sec-Fetch-Site", "same-origin",
		"Origin", f.server.URL}, headers...)...)
}

// cookies are those that an answer sets, by name, with an empty value where it takes one away.
func (a answer) cookies() map[string]string {
	set := map[string]string{}
	for _, c := range (&http.Response{Header: a.header}).Cookies() {
		set[c.Name] = c.Value
	}
	return set
}

// signedInAs is whose session an answer has begun.
func (f *fixture) signedInAs(a answer) string {
	f.Helper()
	for name, value := range a.cookies() {
		if strings.HasPrefix(name, "symphony_session_") {
			caller, _ := f.page("GET", sessionPath, "", "Cookie", name+"="+value).body["caller"].(map[string]any)
			return words(caller["kind"], caller["id"], caller["name"])
		}
	}
	return ""
}

const ada = "user ada-1 ada@example.com"

func TestSignIn_ways_are_those_of_the_project(t *testing.T) {
	f, g := supabaseFixture(t)
	for range 2 { // and once more when it is away
		a := f.page("GET", sessionPath+"/ways", "")
		want := map[string]any{"success": true, "apiKey": true, "password": true, "magicLink": true,
			"providers":   []any{"github", "google"},
			"environment": map[string]any{"name": "", "color": ""}}
		if diff := cmp.Diff(want, a.body); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		g.Close()
	}
}

func TestSignIn_by_password(t *testing.T) {
	f, _ := supabaseFixture(t)
	const path = sessionPath + "/password"
	good := `{"email":"ada@example.com","password":"secret"}`
	a := f.page("POST", path, good)
	if got := f.signedInAs(a); a.status != 201 || got != ada || strings.Contains(a.raw, "eyJ") {
		t.Fatalf("got %d %s as %q", a.status, a.raw, got)
	}
	if diff := cmp.Diff([]string{"session.login ok"}, f.trail("action=session.login&who=ada-1")); diff != "" {
		t.Errorf("the audit trail (-want +got)\n%s", diff)
	}
	long := strings.Repeat("a", 321)
	evil := []string{"Origin", "https://evil.example.com", "Sec-Fetch-Site", "cross-site"}
	for name, test := range map[string]struct {
		body    string
		headers []string
		status  int
		code    string
	}{
		"a wrong password": {`{"email":"ada@example.com","password":"wrong"}`, nil, 401, "sign_in_refused"},
		"another site":     {good, evil, 403, "origin_not_allowed"},
		"no password":      {`{"email":"ada@example.com"}`, nil, 400, "validation_failed"},
		"a long address":   {`{"email":"` + long + `","password":"x"}`, nil, 400, "validation_failed"},
		"another member":   {`{"email":"ada@example.com","password":"secret","x":1}`, nil, 400, "validation_failed"},
	} {
		if a := f.page("POST", path, test.body, test.headers...); a.status != test.status || a.code() != test.code ||
			a.header.Get("Set-Cookie") != "" {
			t.Errorf("%s: %d %s", name, a.status, a.raw)
		}
	}
	for range 10 {
		a = f.page("POST", path, `{"email":"ada@example.com","password":"wrong"}`)
	}
	if a.status != 429 || a.header.Get("Retry-After") == "" {
		t.Errorf("who guesses gets %d %s", a.status, a.raw)
	}
	if all := f.log.String(); strings.Contains(all, "secret\"") || strings.Contains(all, "eyJ") {
		t.Error("a password or a token is in the log")
	}
}

func TestSignIn_by_a_link_in_a_mail(t *testing.T) {
	f, g := supabaseFixture(t)
	asked := f.page("POST", sessionPath+"/magic-link", `{"email":"ada@example.com","root":"/queue/"}`)
	unknown := f.page("POST", sessionPath+"/magic-link", `{"email":"nobody@example.com"}`)
	if asked.status != 200 || unknown.status != 200 || asked.raw != unknown.raw || len(g.links) != 1 {
		t.Fatalf("got %d %s, %d %s, and %d links", asked.status, asked.raw, unknown.status, unknown.raw, len(g.links))
	}
	mail := strings.Fields(g.links[0])
	if want := f.server.URL + "/queue/api/symphony/session/callback"; mail[2] != want {
		t.Errorf("it leads back to %s, want %s", mail[2], want)
	}
	back := sessionPath + "/callback?code=" + mail[1]
	flow := "symphony_signin=" + asked.cookies()["symphony_signin"]
	// In another browser it is of no use, nor with a cookie that somebody made up.
	for _, cookie := range []string{"", "symphony_signin=x", flow + "x", strings.Replace(flow, "=", "=1", 1)} {
		a := f.call("GET", back, "", "Authorization", "", "Cookie", cookie)
		if a.status != 401 || f.signedInAs(a) != "" {
			t.Errorf("with the cookie %q: %d %s", cookie, a.status, a.raw)
		}
	}
	done := f.call("GET", back, "", "Authorization", "", "Cookie", flow)
	if done.status != http.StatusSeeOther || f.signedInAs(done) != ada {
		t.Errorf("in the browser that asked: %d %s", done.status, done.raw)
	}
}

func TestSignIn_by_OAuth(t *testing.T) {
	f, g := supabaseFixture(t)
	a := f.call("GET", sessionPath+"/oauth?provider=github", "", "Authorization", "")
	to, err := url.Parse(a.header.Get("Location"))
	if err != nil || a.status != http.StatusSeeOther || !strings.HasPrefix(to.String(), g.URL+"/auth/v1/authorize?") {
		t.Fatalf("got %d %s to %s", a.status, a.raw, to)
	}
	query := to.Query()
	got := words(query.Get("provider"), query.Get("redirect_to"), query.Get("code_challenge_method"))
	if want := words("github", f.server.URL+"/api/symphony/session/callback", "s256"); got != want {
		t.Errorf("it leads to %s, want %s", got, want)
	}
	code := g.code(query.Get("code_challenge"))
	cookie := "symphony_signin=" + a.cookies()["symphony_signin"]
	done := f.call("GET", sessionPath+"/callback?code="+code, "", "Authorization", "", "Cookie", cookie,
		"Sec-Fetch-Site", "cross-site")
	if done.status != http.StatusSeeOther || done.header.Get("Location") != "../../../ops/board/" ||
		f.signedInAs(done) != ada {
		t.Errorf("back: %d %s to %q", done.status, done.raw, done.header.Get("Location"))
	}
	if gone, ok := done.cookies()["symphony_signin"]; !ok || gone != "" {
		t.Errorf("the cookie is left: %v", done.cookies())
	}
	again := f.call("GET", sessionPath+"/callback?code="+code, "", "Authorization", "", "Cookie", cookie)
	if again.status != 401 || f.signedInAs(again) != "" {
		t.Errorf("the same way again: %d %s", again.status, again.raw)
	}
	for _, bad := range []string{"/oauth?provider=../x", "/oauth", "/callback", "/callback?error=access_denied",
		"/oauth?provider=github&root=//evil.example.com/"} {
		a := f.call("GET", sessionPath+bad, "", "Authorization", "")
		if a.status < 400 || a.status >= 500 || a.header.Get("Location") != "" || len(a.cookies()) != 0 {
			t.Errorf("%s: %d %s", bad, a.status, a.raw)
		}
	}
}

func TestSignIn_that_fails_leads_back_to_the_dashboard(t *testing.T) {
	f, _ := supabaseFixture(t)
	for _, path := range []string{sessionPath + "/callback?error=access_denied", "/ops/board/login?code=x"} {
		a := f.call("GET", path, "", "Authorization", "")
		here, err := url.Parse(path)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, link := range regexp.MustCompile(`href="([^"]*)"`).FindAllStringSubmatch(a.raw, -1) {
			to, err := here.Parse(link[1])
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, to.Path)
		}
		want := []string{"/ops/board/login.css", "/ops/board/favicon.svg", "/ops/board/"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", path, diff)
		}
	}
}

func TestSignIn_where_no_project_is_configured(t *testing.T) {
	f := newFixture(t, nil)
	body := `{"email":"ada@example.com","password":"secret"}`
	if a := f.page("POST", sessionPath+"/password", body); a.status != 403 || a.code() != "no_sign_in" {
		t.Errorf("by password: %d %s", a.status, a.raw)
	}
	a := f.page("POST", sessionPath+"/magic-link", `{"email":"ada@example.com"}`)
	if a.status != 403 || a.code() != "no_sign_in" {
		t.Errorf("by a link: %d %s", a.status, a.raw)
	}
}
