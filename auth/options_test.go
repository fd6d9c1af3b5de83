package auth_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony/auth"
)

func TestNew_lists_everything_that_is_wrong(t *testing.T) {
	a, err := auth.New(auth.Options{
		Supabase: auth.Supabase{
			URL: "ftp://user:password@project.test", JWTSecrets: []string{secret, "too-short-a-secret"}, RemoteCacheTTL: -1,
		},
		AllowedOrigins: []string{"*", "https://ok.example", "https://path.example/"},
	})
	if a != nil || err == nil {
		t.Fatalf("got %v, %v, want an error", a, err)
	}
	for _, want := range []string{"JWT secret 2 of 2", "at least 32", "ftp://", "cache TTL", `"*"`, `"https://path.example/"`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not mention %s:\n%v", want, err)
		}
	}
	for _, not := range []string{"too-short-a-secret", "password", "ok.example"} {
		if strings.Contains(err.Error(), not) {
			t.Errorf("the error mentions %s:\n%v", not, err)
		}
	}
}

func TestNew_refuses(t *testing.T) {
	for name, opts := range map[string]auth.Options{
		"nothing at all":                   {},
		"only allowed origins":             {AllowedOrigins: []string{"https://app.example"}},
		"a secret without issuer":          {Supabase: auth.Supabase{JWTSecrets: []string{secret}}},
		"remote without URL":               {Supabase: auth.Supabase{JWTSecrets: []string{secret}, Issuer: new(""), Remote: true}},
		"a URL without scheme":             {Supabase: auth.Supabase{URL: "project.supabase.co"}},
		"a URL without host":               {Supabase: auth.Supabase{URL: "https://"}},
		"a URL with query":                 {Supabase: auth.Supabase{URL: "https://p.supabase.co?x=1"}},
		"a URL that is none":               {Supabase: auth.Supabase{URL: "https://p\x7f"}},
		"an empty secret":                  {Supabase: auth.Supabase{URL: "https://p.supabase.co", JWTSecrets: []string{""}}},
		"a long remote cache TTL":          {Supabase: auth.Supabase{URL: "https://p.supabase.co", RemoteCacheTTL: time.Hour}},
		"an origin of another scheme":      {Keys: &auth.MemoryKeys{}, AllowedOrigins: []string{"chrome-extension://abc"}},
		"an origin with user":              {Keys: &auth.MemoryKeys{}, AllowedOrigins: []string{"https://user@app.example"}},
		"a null origin":                    {Keys: &auth.MemoryKeys{}, AllowedOrigins: []string{"null"}},
		"an empty origin":                  {Keys: &auth.MemoryKeys{}, AllowedOrigins: []string{""}},
		"a bad URL though keys are stored": {Keys: &auth.MemoryKeys{}, Supabase: auth.Supabase{URL: "x"}},
	} {
		t.Run(name, func(t *testing.T) {
			if a, err := auth.New(opts); err == nil || a != nil {
				t.Errorf("got %v, %v, want an error", a, err)
			}
		})
	}
}

func TestNew_takes_a_URL_in_any_of_its_forms(t *testing.T) {
	p, _ := newProject(t)
	for _, form := range []string{p.URL, p.URL + "/"} {
		a := p.authenticator(t, func(o *auth.Options) { o.Supabase.URL = form })
		wantPrincipal(t, a, bearer(p.rs256()))
	}
	t.Run("with a path", func(t *testing.T) {
		srv := httptest.NewServer(http.StripPrefix("/supabase", p))
		t.Cleanup(srv.Close)
		a := p.authenticator(t, func(o *auth.Options) { o.Supabase.URL = srv.URL + "/supabase" })
		wantPrincipal(t, a, bearer(p.rs256(set("iss", srv.URL+"/supabase/auth/v1"))))
	})
}
