package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// Options configures an Authenticator. Supabase, Keys or both must be set.
type Options struct {
	// Supabase names the project whose users may call. The zero value admits none, and its cookies
	// are not looked at.
	Supabase Supabase
	// Keys stores the API keys. Nil means that no API key is valid.
	Keys KeyStore
	// Sessions keeps the sessions of browsers. Nil: there are none.
	Sessions *Sessions
	// AllowedOrigins are the origins (scheme://host[:port]), besides the server's own, whose pages
	// may send cookies on methods other than GET and HEAD. The wildcard is not accepted.
	AllowedOrigins []string
	// Clock returns the time. Default time.Now.
	Clock func() time.Time
	// Logger tells of hosts that stop and start answering. Default: nothing is logged.
	Logger *slog.Logger
}

// Authenticator finds out who sends a request. Its methods are safe for concurrent use.
type Authenticator struct {
	supabase *supabase       // nil: not configured
	cookies  *sessionCookies // nil with supabase
	keys     *keyring        // nil: no key store
	sessions *Sessions       // nil: none
	signIn   *signIn         // nil: users cannot sign in through this server
	origins  origins
	bg       *background
}

// New returns an Authenticator. It makes no request and asks no store. The error lists everything
// that is wrong with the options.
func New(opts Options) (*Authenticator, error) {
	if opts.Clock == nil {
		opts.Clock = time.Now
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	a := &Authenticator{sessions: opts.Sessions, bg: newBackground()}
	var errs []error
	var err error
	if opts.Supabase.configured() {
		a.supabase, a.cookies, err = newSupabase(opts.Supabase, opts.Clock, opts.Logger, a.bg)
		errs = append(errs, err)
		// Without the project's public key no way to sign in is open.
		if base, err := projectURL(opts.Supabase.URL); err == nil && opts.Supabase.APIKey != "" {
			a.signIn = &signIn{
				server: newServer(base, opts.Supabase.APIKey, opts.Supabase.HTTPClient), clock: opts.Clock,
			}
		}
	}
	if opts.Keys != nil {
		a.keys = newKeyring(opts.Keys, opts.Clock, opts.Logger, a.bg)
	}
	if a.keys == nil && !opts.Supabase.configured() {
		errs = append(errs, errors.New("nothing to authenticate with: set a Supabase URL or secret, or a key store"))
	}
	a.origins, err = newOrigins(opts.AllowedOrigins)
	errs = append(errs, err)
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	return a, nil
}

// Authenticate returns who sends r, by the rules of the package comment. The error is an *Error.
// It waits for other hosts no longer than r's context allows, and a few seconds at most.
func (a *Authenticator) Authenticate(r *http.Request) (Principal, error) {
	if r.Header["Authorization"] == nil && r.Header["X-Api-Key"] == nil {
		if p, found, err := a.bySession(r); found {
			return p, err
		}
	}
	return a.AuthenticateAnew(r)
}

// AuthenticateAnew is Authenticate for who begins a session: those that he has do not count.
func (a *Authenticator) AuthenticateAnew(r *http.Request) (Principal, error) {
	token, cookie, err := a.credential(r)
	switch {
	case err != nil:
		return Principal{}, err
	case token == "":
		return Principal{}, a.Missing()
	case cookie:
		if err := a.origins.check(r); err != nil {
			return Principal{}, err
		}
	case isAPIKey(token):
		return a.keys.authenticate(r.Context(), token)
	default:
		if err := refuseProjectKey(token); err != nil {
			return Principal{}, err
		}
	}
	return a.supabase.authenticate(r.Context(), token)
}

// credential is the key or token of a request, "" for none, and whether it came in a cookie.
func (a *Authenticator) credential(r *http.Request) (token string, cookie bool, err error) {
	if token, err = headerToken(r.Header); err != nil || token != "" {
		return token, false, err
	}
	token, err = a.cookies.token(r.Header)
	return token, true, err
}

// Missing is the error of a request without a credential.
func (a *Authenticator) Missing() error {
	return unauthenticated(CodeMissingCredentials,
		"Send an access token or an API key as Authorization: Bearer, or an API key as X-API-Key.")
}

// RevokeKey revokes the API key in the store and forgets what is remembered of it: once RevokeKey
// has returned, no later call of Authenticate accepts the key. The error is ErrKeyNotFound for an
// unknown id or without a key store, else the store's; even then the key is looked up afresh.
func (a *Authenticator) RevokeKey(ctx context.Context, id string) error {
	if a.keys == nil {
		return ErrKeyNotFound
	}
	if err := a.keys.revoke(ctx, id); err != nil {
		return err
	}
	if a.sessions == nil {
		return nil
	}
	if err := a.sessions.endAll(ctx, Principal{Kind: KindAPIKey, ID: id}); err != nil {
		// They are of no use any more in any case.
		a.sessions.log.Warn("the sessions of a revoked key can't be deleted yet", "error", err)
	}
	return nil
}

// CheckRemote asks the Supabase server once whether it would confirm tokens, where Supabase.Remote is set. The error
// says why it can't be asked, such as a gateway that refuses requests without the project's key. It takes a few seconds
// at most.
func (a *Authenticator) CheckRemote(ctx context.Context) error {
	if a.supabase == nil || a.supabase.remote == nil {
		return nil
	}
	if err := a.supabase.remote.check(ctx); err != nil {
		return fmt.Errorf("auth: ask the Supabase server to confirm tokens: %w", err)
	}
	return nil
}

// Flush writes the last-used times not yet written. While the server runs they are written without
// it, at most once per key and TouchInterval; at shutdown Close calls it.
func (a *Authenticator) Flush(ctx context.Context) error {
	if a.keys == nil {
		return nil
	}
	return a.keys.flush(ctx, func(*keyUsage) bool { return true })
}

// Close ends what runs in the background, waits for it and then flushes. Call it when no more
// requests come, before the key store is closed.
func (a *Authenticator) Close(ctx context.Context) error {
	a.bg.close()
	return a.Flush(ctx)
}

// background runs the few tasks that no request waits for, and lets Close wait for all of them.
type background struct {
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu     sync.Mutex
	closed bool
}

func newBackground() *background {
	ctx, cancel := context.WithCancel(context.Background())
	return &background{ctx: ctx, cancel: cancel}
}

// start runs task in a goroutine with a context that ends after timeout or at close.
// It reports whether it did: after close it does not.
func (b *background) start(timeout time.Duration, task func(context.Context)) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	b.wg.Go(func() {
		ctx, cancel := context.WithTimeout(b.ctx, timeout)
		defer cancel()
		task(ctx)
	})
	return true
}

func (b *background) close() {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.cancel()
	b.wg.Wait()
}
