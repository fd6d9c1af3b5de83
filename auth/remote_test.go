package auth_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/symphony-messenger/symphony/auth"
)

func remotely(o *auth.Options) { o.Supabase.Remote = true }

func (p *project) wantConfirmations(t *testing.T, want int64) {
	t.Helper()
	if got := p.userCalls.Load(); got != want {
		t.Errorf("asked the server %d times, want %d", got, want)
	}
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(code) }
}

// says answers like the authentication server does.
func says(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

const sessionGone = `{"code":403,"error_code":"session_not_found","msg":"Session from session_id claim in JWT does not exist"}`

func TestRemote_request(t *testing.T) {
	p, _ := newProject(t)
	var got http.Header
	confirm := *p.user.Load()
	p.setUser(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Clone()
		confirm(w, r)
	})
	token := p.rs256()
	wantPrincipal(t, p.authenticator(t, remotely, func(o *auth.Options) { o.Supabase.APIKey = "anon-key" }), bearer(token))
	if diff := cmp.Diff([]string{"Bearer " + token, "anon-key"}, []string{got.Get("Authorization"), got.Get("Apikey")}); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
	wantPrincipal(t, p.authenticator(t, remotely), bearer(token))
	if _, sent := got["Apikey"]; sent {
		t.Error("sent an apikey header that is not configured")
	}
}

func TestRemote_off_by_default(t *testing.T) {
	p, _ := newProject(t)
	p.setUser(status(http.StatusForbidden))
	wantPrincipal(t, p.authenticator(t), bearer(p.hs256()))
	p.wantConfirmations(t, 0)
}

func TestRemote_is_asked_only_about_good_tokens(t *testing.T) {
	p, _ := newProject(t)
	a := p.authenticator(t, remotely)
	wantRefused(t, a, bearer("x.y.z"), auth.CodeTokenInvalid)
	wantRefused(t, a, bearer(p.hs256(set("exp", 1))), auth.CodeTokenExpired)
	wantRefused(t, a, bearer(p.hs256(set("is_anonymous", true))), auth.CodeAnonymousNotAllowed)
	p.wantConfirmations(t, 0)
}

func TestRemote_answers(t *testing.T) {
	elsewhere, _ := newProject(t)
	for name, tc := range map[string]struct {
		handler http.HandlerFunc
		code    string
	}{
		"a session that ended":    {says(http.StatusForbidden, sessionGone), auth.CodeSessionRevoked},
		"a token that is no good": {says(http.StatusUnauthorized, `{"code":401,"msg":"invalid JWT"}`), auth.CodeSessionRevoked},
		"a refusal of a newer API version": {says(http.StatusForbidden, `{"code":"session_not_found","message":"Session does not exist"}`),
			auth.CodeSessionRevoked},
		"a gateway that wants a key": {says(http.StatusUnauthorized, `{"message":"No API key found in request","hint":"No apikey request header or url param was found."}`),
			auth.CodeAuthUnavailable},
		"a gateway that does not know the key": {says(http.StatusUnauthorized, `{"message":"Invalid API key","hint":"Double check your Supabase anon or service_role API key."}`),
			auth.CodeAuthUnavailable},
		"a gateway's page":   {says(http.StatusForbidden, "<html>Forbidden</html>"), auth.CodeAuthUnavailable},
		"401":                {status(http.StatusUnauthorized), auth.CodeAuthUnavailable},
		"403":                {status(http.StatusForbidden), auth.CodeAuthUnavailable},
		"400":                {status(http.StatusBadRequest), auth.CodeAuthUnavailable},
		"404":                {status(http.StatusNotFound), auth.CodeAuthUnavailable},
		"429":                {status(http.StatusTooManyRequests), auth.CodeAuthUnavailable},
		"500":                {status(http.StatusInternalServerError), auth.CodeAuthUnavailable},
		"503":                {status(http.StatusServiceUnavailable), auth.CodeAuthUnavailable},
		"204":                {status(http.StatusNoContent), auth.CodeAuthUnavailable},
		"cut off":            {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, auth.CodeAuthUnavailable},
		"a sign-in page":     {reply("<html>"), auth.CodeAuthUnavailable},
		"an empty object":    {reply("{}"), auth.CodeAuthUnavailable},
		"an empty body":      {reply(""), auth.CodeAuthUnavailable},
		"another user":       {reply(`{"id":"somebody-else"}`), auth.CodeAuthUnavailable},
		"too much of a user": {reply(`{"id":"` + subject + `","x":"` + strings.Repeat("x", 1<<20) + `"}`), auth.CodeAuthUnavailable},
		"a redirect to a yes": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL+r.URL.Path, http.StatusTemporaryRedirect)
		}, auth.CodeAuthUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			p, _ := newProject(t)
			p.setUser(tc.handler)
			wantRefused(t, p.authenticator(t, remotely), bearer(p.hs256()), tc.code)
		})
	}
	elsewhere.wantConfirmations(t, 0)
}

func TestRemote_answers_are_remembered(t *testing.T) {
	for name, ttl := range map[string]time.Duration{"by default": 0, "as configured": 5 * time.Second} {
		t.Run(name, func(t *testing.T) {
			p, clock := newProject(t)
			a := p.authenticator(t, remotely, func(o *auth.Options) { o.Supabase.RemoteCacheTTL = ttl })
			if ttl == 0 {
				ttl = auth.DefaultRemoteCacheTTL
			}
			yes, token, other := *p.user.Load(), p.hs256(), p.hs256(set("session_id", "another"))
			wantPrincipal(t, a, bearer(token))
			wantPrincipal(t, a, bearer(other))
			p.wantConfirmations(t, 2)

			p.setUser(says(http.StatusForbidden, sessionGone))
			clock.Advance(ttl - 1)
			wantPrincipal(t, a, bearer(token))
			p.wantConfirmations(t, 2)
			clock.Advance(1)
			wantRefused(t, a, bearer(token), auth.CodeSessionRevoked)
			wantRefused(t, a, bearer(token), auth.CodeSessionRevoked)
			p.wantConfirmations(t, 3)

			p.setUser(yes)
			clock.Advance(ttl)
			wantPrincipal(t, a, bearer(token))
			p.wantConfirmations(t, 4)
		})
	}
	t.Run("but not failures", func(t *testing.T) {
		p, _ := newProject(t)
		a, yes := p.authenticator(t, remotely), *p.user.Load()
		p.setUser(status(http.StatusBadGateway))
		wantRefused(t, a, bearer(p.hs256()), auth.CodeAuthUnavailable)
		p.setUser(yes)
		wantPrincipal(t, a, bearer(p.hs256()))
	})
	t.Run("and never beyond the token's exp", func(t *testing.T) {
		p, clock := newProject(t)
		a := p.authenticator(t, remotely)
		token := p.hs256(set("exp", p.Now().Add(time.Second).Unix()))
		wantPrincipal(t, a, bearer(token))
		clock.Advance(time.Second + auth.ClockLeeway)
		wantRefused(t, a, bearer(token), auth.CodeTokenExpired)
	})
}

func TestRemote_caller_who_leaves_does_not_fail_the_others(t *testing.T) {
	p, _ := newProject(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	wantPrincipal(t, p.authenticator(t, remotely), bearer(p.hs256()).WithContext(ctx))
}

func TestRemote_that_hangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newBubbleProject(t)
		p.setUser(func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		a := p.authenticator(t, remotely)
		token, start := p.hs256(), time.Now()
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() { wantRefused(t, a, bearer(token), auth.CodeAuthUnavailable) })
		}
		wg.Wait()
		if got := time.Since(start); got != 3*time.Second {
			t.Errorf("held for %s, want 3s", got)
		}
		p.wantConfirmations(t, 1)
	})
}

func TestCheckRemote(t *testing.T) {
	wantsKey := says(http.StatusUnauthorized, `{"message":"No API key found in request"}`)
	for name, tc := range map[string]struct {
		handler http.HandlerFunc
		key     string
		want    string // a part of the error, "" for none
	}{
		"a server that refuses requests without a token": {says(http.StatusUnauthorized, `{"code":401,"error_code":"no_authorization","msg":"This endpoint requires a Bearer token"}`), "", ""},
		"a gateway without the project's key":            {wantsKey, "", "set SUPABASE_ANON_KEY"},
		"a gateway with another project's key":           {wantsKey, "another", "is not a key of this project"},
		"a server that is down":                          {status(http.StatusBadGateway), "", "status 502"},
		"something that answers yes to anything":         {reply(`{"id":"x"}`), "", "without a token"},
	} {
		t.Run(name, func(t *testing.T) {
			p, _ := newProject(t)
			p.setUser(tc.handler)
			a := p.authenticator(t, remotely, func(o *auth.Options) { o.Supabase.APIKey = tc.key })
			err := a.CheckRemote(t.Context())
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want an error with %q", err, tc.want)
			}
		})
	}
	t.Run("not where tokens are not confirmed", func(t *testing.T) {
		p, _ := newProject(t)
		if err := p.authenticator(t).CheckRemote(t.Context()); err != nil {
			t.Error(err)
		}
		p.wantConfirmations(t, 0)
	})
}
