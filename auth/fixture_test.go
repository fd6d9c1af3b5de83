package auth_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/symphony-messenger/symphony/auth"
)

const (
	secret  = "a secret of the project's that is long enough"
	subject = "7f0f9a52-64a5-4c4b-8f0d-5bd8f5c0f1aa"
)

// Real keys, made once: RSA keys take a while.
var (
	rsaKey      = sync.OnceValue(func() *rsa.PrivateKey { return newRSA(2048) })
	otherRSAKey = sync.OnceValue(func() *rsa.PrivateKey { return newRSA(2048) })
	smallRSAKey = sync.OnceValue(func() *rsa.PrivateKey { return newRSA(1024) })
	ecKey       = sync.OnceValue(func() *ecdsa.PrivateKey { return newEC(elliptic.P256()) })
	otherECKey  = sync.OnceValue(func() *ecdsa.PrivateKey { return newEC(elliptic.P256()) })
	p384Key     = sync.OnceValue(func() *ecdsa.PrivateKey { return newEC(elliptic.P384()) })
)

func newRSA(bits int) *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		panic(err)
	}
	return key
}

func newEC(curve elliptic.Curve) *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
}

// jwk is a JSON Web Key, open to falsification.
type jwk map[string]any

func (k jwk) with(name string, value any) jwk {
	k = maps.Clone(k)
	k[name] = value
	return k
}

// jwkOf writes the public half of a key.
func jwkOf(kid string, key crypto.Signer) jwk {
	switch key := key.(type) {
	case *rsa.PrivateKey:
		return jwk{"kty": "RSA", "kid": kid, "alg": "RS256", "use": "sig", "n": b64(key.N.Bytes()), "e": "AQAB"}
	case *ecdsa.PrivateKey:
		point, err := key.PublicKey.Bytes()
		if err != nil {
			panic(err)
		}
		half := (len(point) - 1) / 2
		return jwk{"kty": "EC", "kid": kid, "alg": "ES256", "use": "sig", "key_ops": []string{"verify"},
			"crv": key.Params().Name, "x": b64(point[1 : 1+half]), "y": b64(point[1+half:])}
	}
	panic("unknown kind of key")
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// project is a Supabase project: its server, its clock and its keys. The server answers
// /auth/v1/.well-known/jwks.json and /auth/v1/user.
type project struct {
	URL    string
	Client *http.Client
	// Now is the time of the tokens and of the authenticator.
	Now func() time.Time

	jwks, user           atomic.Pointer[http.HandlerFunc]
	jwksCalls, userCalls atomic.Int64
}

// newProject starts a project on a loopback port, with a clock that stands still until it is moved.
func newProject(t *testing.T) (*project, *clock) {
	c := &clock{}
	c.now.Store(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC).UnixNano())
	p := &project{Now: c.Now}
	p.serve()
	srv := httptest.NewServer(p)
	t.Cleanup(srv.Close)
	p.URL, p.Client = srv.URL, srv.Client()
	return p, c
}

// newBubbleProject starts a project on a network in memory, for use within a synctest bubble,
// whose clock it uses.
func newBubbleProject(t *testing.T) *project {
	p := &project{URL: "http://project.test", Now: time.Now}
	p.serve()
	network := &pipeNetwork{conns: make(chan net.Conn), closed: make(chan struct{})}
	transport := &http.Transport{DialContext: network.dial}
	p.Client = &http.Client{Transport: transport}
	srv := &http.Server{Handler: p}
	done := make(chan error)
	go func() { done <- srv.Serve(network) }()
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		srv.Close()
		<-done
	})
	return p
}

func (p *project) serve() {
	p.setKeys(jwkOf("rsa", rsaKey()), jwkOf("ec", ecKey()))
	p.setUser(func(w http.ResponseWriter, r *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"id": subject, "email": "user@example.com"})
	})
}

func (p *project) setJWKS(h http.HandlerFunc) { p.jwks.Store(&h) }
func (p *project) setUser(h http.HandlerFunc) { p.user.Store(&h) }

func (p *project) setKeys(keys ...jwk) {
	body, err := json.Marshal(map[string]any{"keys": keys})
	if err != nil {
		panic(err)
	}
	p.setJWKS(func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write(body) })
}

func (p *project) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.Method + r.URL.Path {
	case "GET/auth/v1/.well-known/jwks.json":
		p.jwksCalls.Add(1)
		(*p.jwks.Load())(w, r)
	case "GET/auth/v1/user":
		p.userCalls.Add(1)
		(*p.user.Load())(w, r)
	default:
		http.NotFound(w, r)
	}
}

// options returns the options for this project with both kinds of keys.
func (p *project) options(change ...func(*auth.Options)) auth.Options {
	opts := auth.Options{
		Supabase: auth.Supabase{URL: p.URL, JWTSecrets: []string{secret}, HTTPClient: p.Client},
		Clock:    p.Now,
	}
	for _, f := range change {
		f(&opts)
	}
	return opts
}

func (p *project) authenticator(t *testing.T, change ...func(*auth.Options)) *auth.Authenticator {
	t.Helper()
	return newAuthenticator(t, p.options(change...))
}

func newAuthenticator(t testing.TB, opts auth.Options) *auth.Authenticator {
	t.Helper()
	a, err := auth.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(context.Background()); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return a
}

// claims are those of a signed-in user's token.
func (p *project) claims(change ...func(jwt.MapClaims)) jwt.MapClaims {
	now := p.Now()
	c := jwt.MapClaims{
		"iss": p.URL + "/auth/v1", "aud": "authenticated", "role": "authenticated", "sub": subject,
		"email": "user@example.com", "is_anonymous": false, "session_id": "1b0c",
		"iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
		"app_metadata": map[string]any{"provider": "email"}, "user_metadata": map[string]any{},
	}
	for _, f := range change {
		f(c)
	}
	return c
}

func set(name string, value any) func(jwt.MapClaims) {
	return func(c jwt.MapClaims) { c[name] = value }
}

func drop(name string) func(jwt.MapClaims) {
	return func(c jwt.MapClaims) { delete(c, name) }
}

// The three ways in which a project signs.
func (p *project) hs256(change ...func(jwt.MapClaims)) string {
	return sign(jwt.SigningMethodHS256, []byte(secret), p.claims(change...), nil)
}

func (p *project) rs256(change ...func(jwt.MapClaims)) string {
	return sign(jwt.SigningMethodRS256, rsaKey(), p.claims(change...), map[string]any{"kid": "rsa"})
}

func (p *project) es256(change ...func(jwt.MapClaims)) string {
	return sign(jwt.SigningMethodES256, ecKey(), p.claims(change...), map[string]any{"kid": "ec"})
}

func sign(method jwt.SigningMethod, key any, claims jwt.MapClaims, header map[string]any) string {
	token := jwt.NewWithClaims(method, claims)
	maps.Copy(token.Header, header)
	s, err := token.SignedString(key)
	if err != nil {
		panic(err)
	}
	return s
}

// clock is moved by hand.
type clock struct{ now atomic.Int64 }

func (c *clock) Now() time.Time          { return time.Unix(0, c.now.Load()) }
func (c *clock) Advance(d time.Duration) { c.now.Add(int64(d)) }

// pipeNetwork is a network of one host, on net.Pipe.
type pipeNetwork struct {
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func (n *pipeNetwork) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case n.conns <- server:
		return client, nil
	case <-n.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (n *pipeNetwork) Accept() (net.Conn, error) {
	select {
	case conn := <-n.conns:
		return conn, nil
	case <-n.closed:
		return nil, net.ErrClosed
	}
}

func (n *pipeNetwork) Close() error {
	n.once.Do(func() { close(n.closed) })
	return nil
}

func (n *pipeNetwork) Addr() net.Addr { return &net.UnixAddr{Name: "project.test"} }

// request returns a request with these headers, given as name, value, name, value, ….
func request(method string, headers ...string) *http.Request {
	r := httptest.NewRequest(method, "http://symphony.test/api/symphony/dispatch", nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

func bearer(token string) *http.Request {
	return request("POST", "Authorization", "Bearer "+token)
}

// authenticator is what Authenticator and Cron have in common.
type authenticator interface {
	Authenticate(*http.Request) (auth.Principal, error)
}

func wantPrincipal(t *testing.T, a authenticator, r *http.Request) auth.Principal {
	t.Helper()
	p, err := a.Authenticate(r)
	if err != nil {
		t.Fatalf("Authenticate: %v", err)
	}
	return p
}

var kindOfCode = map[string]error{
	auth.CodeOriginNotAllowed:        auth.ErrForbidden,
	auth.CodeAnonymousNotAllowed:     auth.ErrForbidden,
	auth.CodeServiceRoleNotAllowed:   auth.ErrForbidden,
	auth.CodeSymphonyRoleInvalid:     auth.ErrForbidden,
	auth.CodeAuthUnavailable:         auth.ErrUnavailable,
	auth.CodeStorageUnavailable:      auth.ErrUnavailable,
	auth.CodeOAuthClientNotAllowed:   auth.ErrForbidden,
	auth.CodeInsecureOrigin:          auth.ErrForbidden,
	auth.CodeCronSecretNotConfigured: auth.ErrUnavailable,
}

// wantRefused checks the error's code, that it is of exactly one kind, that it is a sentence, and that
// it quotes no credential of the request.
func wantRefused(t *testing.T, a authenticator, r *http.Request, code string) {
	t.Helper()
	p, err := a.Authenticate(r)
	if err == nil {
		t.Fatalf("got %+v, want an error %s", p, code)
	}
	if p.Has(auth.ScopeRead) || p != (auth.Principal{}) {
		t.Errorf("got %+v with the error, want the zero principal", p)
	}
	var e *auth.Error
	if !errors.As(err, &e) {
		t.Fatalf("got error %T %v, want an *auth.Error", err, err)
	}
	if e.Code != code {
		t.Fatalf("got %v, want code %s", err, code)
	}
	want := kindOfCode[code]
	if want == nil {
		want = auth.ErrUnauthenticated
	}
	for _, kind := range []error{auth.ErrUnauthenticated, auth.ErrForbidden, auth.ErrUnavailable} {
		if got := errors.Is(err, kind); got != errors.Is(want, kind) {
			t.Errorf("errors.Is(%v, %v) is %t", err, kind, got)
		}
	}
	if !strings.HasSuffix(e.Message, ".") {
		t.Errorf("message %q is not a sentence", e.Message)
	}
	for _, name := range []string{"Authorization", "X-Api-Key", "Cookie", "X-Vercel-Cron-Secret", "X-Service-Key"} {
		for _, value := range r.Header[name] {
			for _, part := range strings.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune(" .;=_", r) }) {
				if len(part) >= 12 && strings.Contains(err.Error(), part) {
					t.Errorf("error %q quotes the request's %s", err, name)
				}
			}
		}
	}
}

func logTo(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }

// createKey puts a new API key that may dispatch into the store and returns its plaintext.
func createKey(t testing.TB, store auth.KeyStore, now time.Time, change ...func(*auth.Key)) string {
	t.Helper()
	plaintext, key, err := auth.GenerateKey("a key", auth.Scopes(auth.ScopeDispatch), now)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range change {
		f(&key)
	}
	if err := store.CreateKey(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	return plaintext
}

// keyID returns the id within an API key.
func keyID(plaintext string) string { return strings.Split(plaintext, "_")[1] }
