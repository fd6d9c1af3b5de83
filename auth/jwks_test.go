package auth_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/symphony-messenger/symphony/auth"
)

func (p *project) wantFetches(t *testing.T, want int64) {
	t.Helper()
	if got := p.jwksCalls.Load(); got != want {
		t.Errorf("the keys were fetched %d times, want %d", got, want)
	}
}

func withKid(p *project, kid string) string {
	return sign(jwt.SigningMethodRS256, rsaKey(), p.claims(), map[string]any{"kid": kid})
}

// recovers brings the keys' host back. Nobody waits while the last fetch has failed, so the caller who
// begins the one that succeeds is still refused.
func (p *project) recovers(t *testing.T, a *auth.Authenticator, online http.HandlerFunc) {
	t.Helper()
	release := make(chan struct{})
	p.setJWKS(func(w http.ResponseWriter, r *http.Request) {
		<-release
		online(w, r)
	})
	wantRefused(t, a, bearer(p.rs256()), auth.CodeAuthUnavailable)
	close(release)
	synctest.Wait()
}

func TestJWKS_is_fetched_once_while_young(t *testing.T) {
	p, clock := newProject(t)
	a := p.authenticator(t)
	p.wantFetches(t, 0)
	for range 50 {
		wantPrincipal(t, a, bearer(p.rs256()))
		wantPrincipal(t, a, bearer(p.es256()))
	}
	p.wantFetches(t, 1)
	clock.Advance(auth.JWKSMaxAge - 1)
	wantPrincipal(t, a, bearer(p.rs256()))
	p.wantFetches(t, 1)
	clock.Advance(1)
	wantPrincipal(t, a, bearer(p.rs256()))
	p.wantFetches(t, 2)
}

func TestJWKS_is_not_fetched_for_secrets(t *testing.T) {
	p, _ := newProject(t)
	wantPrincipal(t, p.authenticator(t), bearer(p.hs256()))
	p.wantFetches(t, 0)
}

func TestJWKS_rotation(t *testing.T) {
	p, clock := newProject(t)
	a := p.authenticator(t)
	wantPrincipal(t, a, bearer(p.rs256()))
	clock.Advance(auth.JWKSMinInterval)

	next := sign(jwt.SigningMethodES256, otherECKey(), p.claims(), map[string]any{"kid": "next"})
	p.setKeys(jwkOf("rsa", rsaKey()), jwkOf("next", otherECKey()))
	t.Run("a new key works at once", func(t *testing.T) { wantPrincipal(t, a, bearer(next)) })
	t.Run("a key of the past still offered works", func(t *testing.T) { wantPrincipal(t, a, bearer(p.rs256())) })
	t.Run("a key withdrawn is not used, and refused once the keys were fetched for it", func(t *testing.T) {
		wantRefused(t, a, bearer(p.es256()), auth.CodeAuthUnavailable)
		clock.Advance(auth.JWKSMinInterval)
		wantRefused(t, a, bearer(p.es256()), auth.CodeTokenInvalid)
	})
	t.Run("a key withdrawn is refused when the keys are old", func(t *testing.T) {
		p.setKeys(jwkOf("next", otherECKey()))
		wantPrincipal(t, a, bearer(p.rs256()))
		clock.Advance(auth.JWKSMaxAge)
		wantRefused(t, a, bearer(p.rs256()), auth.CodeTokenInvalid)
		wantPrincipal(t, a, bearer(sign(jwt.SigningMethodES256, otherECKey(), p.claims(), map[string]any{"kid": "next"})))
	})
	t.Run("a kid given to another key means that key", func(t *testing.T) {
		p.setKeys(jwkOf("rsa", otherRSAKey()))
		clock.Advance(auth.JWKSMaxAge)
		wantRefused(t, a, bearer(p.rs256()), auth.CodeTokenInvalid)
		wantPrincipal(t, a, bearer(sign(jwt.SigningMethodRS256, otherRSAKey(), p.claims(), map[string]any{"kid": "rsa"})))
	})
	t.Run("all keys withdrawn", func(t *testing.T) {
		p.setKeys([]jwk{}...)
		clock.Advance(auth.JWKSMaxAge)
		wantRefused(t, a, bearer(p.rs256()), auth.CodeTokenInvalid)
	})
}

func TestJWKS_flood_of_unknown_kids(t *testing.T) {
	p, clock := newProject(t)
	a := p.authenticator(t)
	good := p.rs256()
	wantPrincipal(t, a, bearer(good))
	p.wantFetches(t, 1)

	flood := func() {
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				for j := range 25 {
					wantRefused(t, a, bearer(withKid(p, fmt.Sprint("kid ", i, j))), auth.CodeAuthUnavailable)
				}
			})
		}
		wg.Wait()
	}
	flood()
	p.wantFetches(t, 1)
	clock.Advance(auth.JWKSMinInterval)
	wantRefused(t, a, bearer(withKid(p, "one for which the keys are fetched")), auth.CodeTokenInvalid)
	p.wantFetches(t, 2)
	for i := range int64(3) {
		clock.Advance(auth.JWKSMinInterval)
		wantRefused(t, a, bearer(withKid(p, "again")), auth.CodeTokenInvalid)
		flood()
		p.wantFetches(t, 3+i)
	}
	wantPrincipal(t, a, bearer(good))
}

func TestJWKS_new_key_between_fetches_is_unavailable_until_the_next(t *testing.T) {
	p, clock := newProject(t)
	a := p.authenticator(t)
	wantPrincipal(t, a, bearer(p.rs256()))
	p.setKeys(jwkOf("rsa", rsaKey()), jwkOf("next", otherECKey()))
	next := sign(jwt.SigningMethodES256, otherECKey(), p.claims(), map[string]any{"kid": "next"})

	clock.Advance(auth.JWKSMinInterval - 3*time.Second)
	wantRefused(t, a, bearer(next), auth.CodeAuthUnavailable)
	_, err := a.Authenticate(bearer(next))
	var refusal *auth.Error
	if !errors.As(err, &refusal) || refusal.RetryAfter != 3*time.Second {
		t.Errorf("got %#v, want RetryAfter 3s", err)
	}
	p.wantFetches(t, 1)
	clock.Advance(3 * time.Second)
	wantPrincipal(t, a, bearer(next))
}

func TestJWKS_concurrent_callers_share_one_fetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newBubbleProject(t)
		release := make(chan struct{})
		answer := *p.jwks.Load()
		p.setJWKS(func(w http.ResponseWriter, r *http.Request) {
			<-release
			answer(w, r)
		})
		a := p.authenticator(t)
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() { wantPrincipal(t, a, bearer(p.es256())) })
		}
		synctest.Wait()
		close(release)
		wg.Wait()
		p.wantFetches(t, 1)
	})
}

func TestJWKS_offline_grace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newBubbleProject(t)
		var log bytes.Buffer
		a := p.authenticator(t, func(o *auth.Options) { o.Logger = logTo(&log) })
		start := time.Now()
		online := *p.jwks.Load()
		wantPrincipal(t, a, bearer(p.rs256()))
		p.setJWKS(func(w http.ResponseWriter, r *http.Request) { http.Error(w, "down", http.StatusInternalServerError) })

		at := func(age time.Duration) {
			<-time.After(age - time.Since(start))
			synctest.Wait()
		}
		at(auth.JWKSMinInterval)
		wantRefused(t, a, bearer(withKid(p, "perhaps new")), auth.CodeAuthUnavailable)
		for age := auth.JWKSMaxAge; age < auth.JWKSGrace; age += time.Minute {
			at(age)
			wantPrincipal(t, a, bearer(p.rs256()))
			wantRefused(t, a, bearer(withKid(p, "perhaps new")), auth.CodeAuthUnavailable)
		}
		at(auth.JWKSGrace)
		wantRefused(t, a, bearer(p.rs256()), auth.CodeAuthUnavailable)
		wantPrincipal(t, a, bearer(p.hs256()))
		synctest.Wait()

		at(auth.JWKSGrace + auth.JWKSMinInterval)
		p.recovers(t, a, online)
		wantPrincipal(t, a, bearer(p.rs256()))
		at(auth.JWKSGrace + 2*auth.JWKSMinInterval)
		wantRefused(t, a, bearer(withKid(p, "unknown after all")), auth.CodeTokenInvalid)
		if got := strings.Count(log.String(), "can't be fetched"); got != 1 {
			t.Errorf("the outage was logged %d times, want once:\n%s", got, log.String())
		}
		if !strings.Contains(log.String(), "can be fetched again") {
			t.Errorf("the recovery was not logged:\n%s", log.String())
		}
	})
}

func TestJWKS_down_from_the_start(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newBubbleProject(t)
		online := *p.jwks.Load()
		p.setJWKS(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusBadGateway) })
		a := p.authenticator(t)
		for range 20 {
			wantRefused(t, a, bearer(p.rs256()), auth.CodeAuthUnavailable)
		}
		p.wantFetches(t, 1)
		<-time.After(auth.JWKSMinInterval)
		p.recovers(t, a, online)
		wantPrincipal(t, a, bearer(p.rs256()))
	})
}

func TestJWKS_that_hangs(t *testing.T) {
	hang := func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	drip := func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(`{"keys":[`))
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}
	for name, handler := range map[string]http.HandlerFunc{"before the answer": hang, "in the answer": drip} {
		t.Run(name+" holds a caller for 3 s, once", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newBubbleProject(t)
				p.setJWKS(handler)
				a := p.authenticator(t)
				start := time.Now()
				wantRefused(t, a, bearer(p.rs256()), auth.CodeAuthUnavailable)
				if got := time.Since(start); got != 3*time.Second {
					t.Errorf("held for %s, want 3s", got)
				}
				<-time.After(auth.JWKSMinInterval)
				start = time.Now()
				wantRefused(t, a, bearer(p.rs256()), auth.CodeAuthUnavailable)
				if got := time.Since(start); got != 0 {
					t.Errorf("held again, for %s", got)
				}
				synctest.Wait()
				p.wantFetches(t, 2)
			})
		})
		t.Run(name+" does not hold callers with known keys", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newBubbleProject(t)
				a := p.authenticator(t)
				wantPrincipal(t, a, bearer(p.rs256()))
				p.setJWKS(handler)
				<-time.After(auth.JWKSMinInterval)
				var wg sync.WaitGroup
				wg.Go(func() { wantRefused(t, a, bearer(withKid(p, "unknown")), auth.CodeAuthUnavailable) })
				synctest.Wait()
				start := time.Now()
				wantPrincipal(t, a, bearer(p.rs256()))
				if got := time.Since(start); got != 0 {
					t.Errorf("held for %s", got)
				}
				wg.Wait()
			})
		})
	}
	t.Run("a caller who leaves does not wait", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := newBubbleProject(t)
			p.setJWKS(hang)
			a := p.authenticator(t)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			start := time.Now()
			wantRefused(t, a, bearer(p.rs256()).WithContext(ctx), auth.CodeAuthUnavailable)
			if got := time.Since(start); got != time.Second {
				t.Errorf("held for %s, want 1s", got)
			}
		})
	})
	t.Run("Close waits for a fetch that can't be ended", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := newBubbleProject(t)
			release := make(chan struct{})
			p.Client.Transport = roundTrip(func(*http.Request) (*http.Response, error) {
				<-release
				return nil, errors.New("released")
			})
			a := p.authenticator(t)
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			wantRefused(t, a, bearer(p.rs256()).WithContext(ctx), auth.CodeAuthUnavailable)
			closed := make(chan error, 1)
			go func() { closed <- a.Close(t.Context()) }()
			synctest.Wait()
			select {
			case err := <-closed:
				t.Errorf("Close returned %v before the fetch had ended", err)
			default:
			}
			close(release)
			if err := <-closed; err != nil {
				t.Error(err)
			}
		})
	})
	t.Run("Close ends the fetch", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := newBubbleProject(t)
			p.setJWKS(hang)
			a := p.authenticator(t)
			var wg sync.WaitGroup
			wg.Go(func() { wantRefused(t, a, bearer(p.rs256()), auth.CodeAuthUnavailable) })
			synctest.Wait()
			start := time.Now()
			if err := a.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			wg.Wait()
			wantRefused(t, a, bearer(p.es256()), auth.CodeAuthUnavailable)
			if got := time.Since(start); got != 0 {
				t.Errorf("Close took %s", got)
			}
		})
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestJWKS_answers_that_are_none(t *testing.T) {
	p, clock := newProject(t)
	elsewhere, _ := newProject(t)
	text, err := json.Marshal(map[string]any{"keys": []jwk{jwkOf("rsa", rsaKey())}})
	if err != nil {
		t.Fatal(err)
	}
	keys := string(text)
	for name, handler := range map[string]http.HandlerFunc{
		"status 500": func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"status 202 with keys": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusAccepted)
			reply(keys)(w, r)
		},
		"keys with a huge tail": reply(keys + strings.Repeat(" ", 1<<20)),
		"status 404":            http.NotFound,
		"status 204":            func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusNoContent) },
		"a redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL+r.URL.Path, http.StatusFound)
		},
		"nothing":       func(w http.ResponseWriter, r *http.Request) {},
		"not JSON":      reply("<html>sign in</html>"),
		"another thing": reply(`{"id": 1}`),
		"keys null":     reply(`{"keys": null}`),
		"keys a string": reply(`{"keys": "all"}`),
		"an array":      reply(`[]`),
		"null":          reply(`null`),
		"cut short":     reply(`{"keys":[{"kty":"RSA"`),
		"a huge body":   reply(`{"keys":[],"padding":"` + strings.Repeat("x", 1<<20) + `"}`),
		"a huge blank":  reply(strings.Repeat(" ", 1<<20) + `{"keys":[]}`),
		"too many keys": reply(`{"keys":[` + strings.Repeat(`{},`, 64) + `{}]}`),
		"cut off":       func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			p.setKeys(jwkOf("rsa", rsaKey()))
			known := p.authenticator(t)
			wantPrincipal(t, known, bearer(p.rs256()))

			p.setJWKS(handler)
			wantRefused(t, p.authenticator(t), bearer(p.rs256()), auth.CodeAuthUnavailable)
			clock.Advance(auth.JWKSMaxAge)
			wantPrincipal(t, known, bearer(p.rs256()))
		})
	}
	elsewhere.wantFetches(t, 0)
}

func reply(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(body)) }
}

func TestJWKS_that_lies(t *testing.T) {
	p, _ := newProject(t)
	rsa, ec := jwkOf("rsa", rsaKey()), jwkOf("ec", ecKey())
	oct := jwk{"kty": "oct", "kid": "rsa", "alg": "HS256", "use": "sig", "k": b64([]byte("known to whoever reads the JWKS, 32 bytes or more"))}
	hs := sign(jwt.SigningMethodHS256, []byte("known to whoever reads the JWKS, 32 bytes or more"), p.claims(), map[string]any{"kid": "rsa"})
	rs, es := p.rs256(), p.es256()
	for name, tc := range map[string]struct {
		keys  []jwk
		token string
	}{
		"oct key":                          {[]jwk{oct}, hs},
		"oct key beside a good one":        {[]jwk{rsa, oct}, hs},
		"oct key called RS256":             {[]jwk{oct.with("alg", "RS256")}, hs},
		"RSA key called HS256":             {[]jwk{rsa.with("alg", "HS256")}, rs},
		"RSA key called RS512":             {[]jwk{rsa.with("alg", "RS512")}, rs},
		"RSA key called none":              {[]jwk{rsa.with("alg", "none")}, rs},
		"RSA key with k":                   {[]jwk{rsa.with("k", "c2VjcmV0")}, rs},
		"RSA key with its private half":    {[]jwk{rsa.with("d", b64(rsaKey().D.Bytes()))}, rs},
		"RSA key with a prime":             {[]jwk{rsa.with("p", b64(rsaKey().Primes[0].Bytes()))}, rs},
		"RSA key with other primes":        {[]jwk{rsa.with("oth", []map[string]string{{"r": "AQ", "d": "AQ", "t": "AQ"}})}, rs},
		"RSA key for encryption":           {[]jwk{rsa.with("use", "enc")}, rs},
		"RSA key for signing only":         {[]jwk{rsa.with("key_ops", []string{"sign"})}, rs},
		"RSA key without kid":              {[]jwk{rsa.with("kid", "")}, rs},
		"RSA key with another kid":         {[]jwk{rsa.with("kid", "RSA")}, rs},
		"another RSA key with the kid":     {[]jwk{jwkOf("rsa", otherRSAKey())}, rs},
		"EC key with the kid":              {[]jwk{ec.with("kid", "rsa")}, rs},
		"RSA key of 1024 bits":             {[]jwk{jwkOf("small", smallRSAKey())}, sign(jwt.SigningMethodRS256, smallRSAKey(), p.claims(), map[string]any{"kid": "small"})},
		"RSA key of 16384 bits":            {[]jwk{rsa.with("n", b64(bytes.Repeat([]byte{0xff}, 2048)))}, rs},
		"RSA key with exponent 1":          {[]jwk{rsa.with("e", "AQ")}, rs},
		"RSA key with a negative exponent": {[]jwk{rsa.with("e", "-AQAB")}, rs},
		"RSA key with a huge exponent":     {[]jwk{rsa.with("e", b64(bytes.Repeat([]byte{0xff}, 32)))}, rs},
		"RSA key without modulus":          {[]jwk{rsa.with("n", "")}, rs},
		"RSA key that is not base64":       {[]jwk{rsa.with("n", "!!")}, rs},
		"RSA key with a number as modulus": {[]jwk{rsa.with("n", 65537)}, rs},
		"EC key with its private half":     {[]jwk{ec.with("d", "AQAB")}, es},
		"EC key called RS256":              {[]jwk{ec.with("alg", "RS256")}, es},
		"EC key said to be RSA":            {[]jwk{ec.with("kty", "RSA")}, es},
		"EC key off the curve":             {[]jwk{ec.with("y", ec["x"])}, es},
		"EC key at infinity":               {[]jwk{ec.with("x", "AA").with("y", "AA")}, es},
		"EC key on another curve":          {[]jwk{jwkOf("ec", p384Key()).with("alg", "ES256")}, es},
		"EC key said to be on another":     {[]jwk{ec.with("crv", "P-384")}, es},
		"EC key without curve":             {[]jwk{ec.with("crv", "")}, es},
		"a second key with the kid":        {[]jwk{jwkOf("rsa", otherRSAKey()), rsa}, rs},
	} {
		t.Run(name, func(t *testing.T) {
			p.setKeys(tc.keys...)
			for _, change := range []func(*auth.Options){
				func(o *auth.Options) {},
				func(o *auth.Options) { o.Supabase.JWTSecrets = nil },
			} {
				wantRefused(t, p.authenticator(t, change), bearer(tc.token), auth.CodeTokenInvalid)
			}
		})
	}
	t.Run("a bad key does not spoil the good ones, and is logged once", func(t *testing.T) {
		var log bytes.Buffer
		p, clock := newProject(t)
		p.setKeys(oct.with("kid", "oct"), jwk{"kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": "AQAB"}, jwk{"kty": 7},
			rsa.with("n", b64(bytes.Repeat([]byte{0xff}, 2048))), jwkOf("p384", p384Key()).with("alg", "ES256"), rsa, ec)
		a := p.authenticator(t, func(o *auth.Options) { o.Logger = logTo(&log) })
		for range 3 {
			wantPrincipal(t, a, bearer(p.rs256()))
			wantPrincipal(t, a, bearer(p.es256()))
			clock.Advance(auth.JWKSMaxAge)
		}
		p.wantFetches(t, 3)
		if got := strings.Count(log.String(), "ignored"); got != 1 {
			t.Errorf("logged %d times, want once:\n%s", got, log.String())
		}
		for i, reason := range []string{"is neither RSA nor EC on P-256", "is neither RSA nor EC on P-256", "is not a JWK",
			"has 16384 bits", "is neither RSA nor EC on P-256"} {
			if want := fmt.Sprintf("key %d: it %s", i+1, reason); !strings.Contains(log.String(), want) {
				t.Errorf("the log does not say %q:\n%s", want, log.String())
			}
		}
		if strings.Contains(log.String(), oct["k"].(string)) {
			t.Errorf("the log holds a key:\n%s", log.String())
		}
	})
	t.Run("keys need neither alg nor use, and URLs in them are left alone", func(t *testing.T) {
		bare := jwk{"kty": rsa["kty"], "kid": "rsa", "n": rsa["n"], "e": rsa["e"], "x5u": "http://evil.example/cert", "x5c": []string{"AQAB"}}
		p.setKeys(bare)
		wantPrincipal(t, p.authenticator(t), bearer(rs))
	})
}
