package auth_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/symphony-messenger/symphony/auth"
)

func TestCode_begins_one_session(t *testing.T) {
	s := newSignedIn(t)
	local := auth.Local()
	local.Name = "ada"
	holder := wantPrincipal(t, s, bearer(s.key))
	for name, want := range map[string]auth.Principal{"the local administrator": local, "an API key": holder} {
		t.Run(name, func(t *testing.T) {
			code, until, err := s.sessions.NewCode(t.Context(), want)
			if err != nil || !until.Equal(s.clock.Now().Add(auth.CodeTTL)) {
				t.Fatal(until, err)
			}
			// At the same moment, on two nodes: one has it.
			other, _ := s.node()
			var (
				both    sync.WaitGroup
				cookies [2]*http.Cookie
				errs    [2]error
			)
			for i, node := range []*auth.Authenticator{s.Authenticator, other} {
				both.Go(func() { _, cookies[i], errs[i] = node.RedeemCode(page("POST", loopback), code) })
			}
			both.Wait()
			if (errs[0] == nil) == (errs[1] == nil) {
				t.Fatalf("redeemed with %v and %v", errs[0], errs[1])
			}
			for i, err := range errs {
				var e *auth.Error
				if err != nil && (!errors.As(err, &e) || e.Code != auth.CodeLoginInvalid) {
					t.Errorf("the second one: %v", err)
				} else if err == nil {
					got := wantPrincipal(t, s, with(page("POST", loopback), cookies[i]))
					got.Session = auth.Session{}
					if diff := cmp.Diff(want, got); diff != "" {
						t.Errorf("(-want +got)\n%s", diff)
					}
				}
			}
		})
	}
}

func TestCode_is_refused(t *testing.T) {
	s := newSignedIn(t)
	code, _, err := s.sessions.NewCode(t.Context(), wantPrincipal(t, s, bearer(s.key)))
	if err != nil {
		t.Fatal(err)
	}
	refused := func(r *http.Request, code, want string) {
		t.Helper()
		_, cookie, err := s.RedeemCode(r, code)
		var e *auth.Error
		if !errors.As(err, &e) || e.Code != want || cookie != nil {
			t.Errorf("got %v, %v, want %s", cookie, err, want)
		}
	}
	evil := request("POST", "Origin", "https://evil.example.com", "Sec-Fetch-Site", "cross-site")
	refused(evil, code, auth.CodeOriginNotAllowed)
	for _, bad := range []string{"", "x", code + "A", code[:20], strings.Repeat("0", 16) + code[16:]} {
		refused(page("POST", loopback), bad, auth.CodeLoginInvalid)
	}
	s.clock.Advance(auth.CodeTTL)
	refused(page("POST", loopback), code, auth.CodeLoginInvalid)

	again, _, err := s.sessions.NewCode(t.Context(), wantPrincipal(t, s, bearer(s.key)))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.RevokeKey(t.Context(), keyID(s.key)); err != nil {
		t.Fatal(err)
	}
	refused(page("POST", loopback), again, auth.CodeLoginInvalid)
	var e *auth.Error
	_, _, err = s.sessions.NewCode(t.Context(), auth.Principal{Kind: auth.KindUser, ID: subject})
	if !errors.As(err, &e) || e.Code != auth.CodeNoLogin {
		t.Errorf("for a user: %v", err)
	}
}

func TestSweep_deletes_what_is_over(t *testing.T) {
	s := newSignedIn(t)
	s.start(public, s.project.hs256()) // for an hour
	kept := s.start(public, s.key)
	if _, _, err := s.sessions.NewCode(t.Context(), auth.Local()); err != nil {
		t.Fatal(err)
	}
	s.clock.Advance(2 * time.Hour)
	if n, err := s.sessions.Sweep(t.Context()); n != 2 || err != nil {
		t.Errorf("swept %d, %v, want 2", n, err)
	}
	wantPrincipal(t, s, with(page("GET", public), kept))
	s.clock.Advance(auth.SessionTTL)
	if n, err := s.sessions.Sweep(t.Context()); n != 1 || err != nil {
		t.Errorf("swept %d, %v, want 1", n, err)
	}
}

func TestOnThisMachine(t *testing.T) {
	for name, test := range map[string]struct {
		remote, host string
		headers      []string
		want         bool
	}{
		"by address":              {"127.0.0.1:5000", "127.0.0.1:8080", nil, true},
		"by name":                 {"[::1]:5000", "LOCALHOST:8080", nil, true},
		"from another machine":    {"192.0.2.1:5000", "localhost:8080", nil, false},
		"under a name of others":  {"127.0.0.1:5000", "rebound.example.com:8080", nil, false},
		"through a proxy":         {"127.0.0.1:5000", "localhost:8080", []string{"X-Real-IP", "192.0.2.1"}, false},
		"through another proxy":   {"127.0.0.1:5000", "localhost:8080", []string{"Via", "1.1 proxy"}, false},
		"through a third one":     {"127.0.0.1:5000", "localhost:8080", []string{"Forwarded", "for=_x"}, false},
		"over the private socket": {"@", "local", nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr, r.Host = test.remote, test.host
			for i := 0; i < len(test.headers); i += 2 {
				r.Header.Set(test.headers[i], test.headers[i+1])
			}
			if got := auth.OnThisMachine(r); got != test.want {
				t.Errorf("got %t", got)
			}
		})
	}
}
