package auth

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Users sign in to the Supabase project through this server, so that the page never talks to another origin, and never
// has a token: what they get is a session.
//
// What leaves for an OAuth provider or a mailbox comes back as a code in an address, which is worth nothing without its
// verifier (PKCE, RFC 7636). The verifier never leaves the server, which does not keep it either: it is the HMAC, with
// a key of the installation, of a random text that the browser has in a cookie. So nobody can fill the storage by
// beginning to sign in, any node finishes what another one has begun, and only the browser that began it can.
const (
	flowCookie = "symphony_signin"
	recordFlow = "session_flow_key"

	// oauthTime and linkTime are how long a person may take.
	oauthTime = 10 * time.Minute
	linkTime  = time.Hour
	// settingsTTL is how long is remembered which ways the project offers.
	settingsTTL = 5 * time.Minute
)

// SignInWays are the ways in which a project's users can sign in.
type SignInWays struct {
	// Email is by password, or by a link in a mail.
	Email bool
	// Providers are those of OAuth, like "github", in alphabetical order.
	Providers []string
}

// signIn has users sign in to a project.
type signIn struct {
	server *server
	clock  func() time.Time

	mu    sync.Mutex
	ways  SignInWays
	until time.Time // when the project is to be asked again
}

// SignInWays asks the project how its users can sign in, and remembers that for some minutes. There are none where the
// project or its public key is not configured, or it cannot be asked.
func (a *Authenticator) SignInWays(ctx context.Context) SignInWays {
	s := a.signIn
	if s == nil || a.sessions == nil {
		return SignInWays{}
	}
	now := s.clock()
	s.mu.Lock()
	ways, fresh := s.ways, now.Before(s.until)
	s.mu.Unlock()
	if fresh {
		return ways
	}
	raw, err := s.server.get(ctx, "/settings", "")
	var settings struct {
		External map[string]bool `json:"external"`
	}
	if err == nil {
		err = json.Unmarshal(raw, &settings)
	}
	if err != nil {
		return ways // as it was known last
	}
	ways = SignInWays{Email: settings.External["email"]}
	for name, on := range settings.External {
		if on && !slices.Contains([]string{"email", "phone", "anonymous_users"}, name) && isProvider(name) {
			ways.Providers = append(ways.Providers, name)
		}
	}
	slices.Sort(ways.Providers)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ways, s.until = ways, now.Add(settingsTTL)
	return ways
}

// SignInByPassword returns a user and his access token. Errors: an *Error, CodeSignInRefused where the project does not
// know him so.
func (a *Authenticator) SignInByPassword(r *http.Request, email, password string) (Principal, string, error) {
	if err := a.maySignIn(r); err != nil {
		return Principal{}, "", err
	}
	return a.token(r.Context(), "password", map[string]string{"email": email, "password": password},
		"The e-mail address or the password is not right.")
}

// SendMagicLink has the project send a user a link that leads back to the address to, and returns a cookie for the
// browser in which it has to be opened. Whether there is such a user is not told.
func (a *Authenticator) SendMagicLink(r *http.Request, email, to string) (*http.Cookie, error) {
	if err := a.maySignIn(r); err != nil {
		return nil, err
	}
	cookie, challenge, err := a.beginFlow(r, linkTime)
	if err != nil {
		return nil, err
	}
	_, err = a.signIn.server.post(r.Context(), "/otp?redirect_to="+url.QueryEscape(to), map[string]any{
		"email": email, "create_user": false, "code_challenge": challenge, "code_challenge_method": "s256",
	})
	var refused *statusError
	if errors.As(err, &refused) && refused.status < 500 && refused.status != http.StatusTooManyRequests {
		err = nil // such as that it has no such user
	}
	if err != nil {
		return nil, errSignInAway(err)
	}
	return cookie, nil
}

// BeginOAuth returns where a browser signs in with a provider, which leads it back to the address to, and a cookie for
// it.
func (a *Authenticator) BeginOAuth(r *http.Request, provider, to string) (string, *http.Cookie, error) {
	if a.signIn == nil || a.sessions == nil {
		return "", nil, errNoSignIn()
	}
	if !isProvider(provider) {
		return "", nil, unauthenticated(CodeSignInRefused, "There is no provider of this name.")
	}
	cookie, challenge, err := a.beginFlow(r, oauthTime)
	if err != nil {
		return "", nil, err
	}
	query := url.Values{"provider": {provider}, "redirect_to": {to}, "code_challenge": {challenge},
		"code_challenge_method": {"s256"}}
	return a.signIn.server.base + "/authorize?" + query.Encode(), cookie, nil
}

// FinishSignIn returns the user who comes back with a code, his access token, and what takes the cookie away.
func (a *Authenticator) FinishSignIn(r *http.Request, code string) (Principal, string, *http.Cookie, error) {
	if a.signIn == nil || a.sessions == nil {
		return Principal{}, "", nil, errNoSignIn()
	}
	c, err := r.Cookie(a.flowName(r))
	if err != nil {
		return Principal{}, "", nil, errFlow()
	}
	end, _, _ := strings.Cut(c.Value, ".")
	seconds, err := strconv.ParseInt(end, 10, 64)
	if now := a.signIn.clock(); err != nil || !now.Before(time.Unix(seconds, 0)) ||
		time.Unix(seconds, 0).Sub(now) > linkTime {
		return Principal{}, "", nil, errFlow()
	}
	verifier, err := a.verifier(r.Context(), c.Value)
	if err != nil {
		return Principal{}, "", nil, err
	}
	p, token, err := a.token(r.Context(), "pkce", map[string]string{"auth_code": code, "code_verifier": verifier},
		"The way back from signing in was used already, or has taken too long. Sign in again.")
	return p, token, a.flow(r, "", 0), err
}

// StartUserSession begins the session of a user who has signed in through this server.
func (a *Authenticator) StartUserSession(r *http.Request, p Principal, token string) (Session, *http.Cookie, error) {
	return a.startSession(r, p, token)
}

// maySignIn refuses what no page of this server has sent: a page of others could sign somebody in as somebody else.
func (a *Authenticator) maySignIn(r *http.Request) error {
	if a.signIn == nil || a.sessions == nil {
		return errNoSignIn()
	}
	return a.origins.check(r)
}

// token gets an access token from the project, and judges it as that of any caller.
func (a *Authenticator) token(
	ctx context.Context, grant string, body map[string]string, refusal string,
) (Principal, string, error) {
	raw, err := a.signIn.server.post(ctx, "/token?grant_type="+grant, body)
	var refused *statusError
	switch {
	case errors.As(err, &refused) && refused.status < 500 && refused.status != http.StatusTooManyRequests:
		return Principal{}, "", unauthenticated(CodeSignInRefused, refusal)
	case err != nil:
		return Principal{}, "", errSignInAway(err)
	}
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal(raw, &answer); err != nil || answer.AccessToken == "" {
		return Principal{}, "", errSignInAway(errors.New("the answer has no access token"))
	}
	p, err := a.supabase.authenticate(ctx, answer.AccessToken)
	return p, answer.AccessToken, err
}

// beginFlow makes the cookie of somebody who leaves to sign in, and the challenge of his verifier.
func (a *Authenticator) beginFlow(r *http.Request, lasts time.Duration) (*http.Cookie, string, error) {
	if err := refuseInsecure(r); err != nil {
		return nil, "", err
	}
	random := make([]byte, secretBytes)
	_, _ = rand.Read(random) // fills it or ends the program
	value := strconv.FormatInt(a.signIn.clock().Add(lasts).Unix(), 10) + "." + secretEncoding.EncodeToString(random)
	verifier, err := a.verifier(r.Context(), value)
	if err != nil {
		return nil, "", err
	}
	challenge := sha256.Sum256([]byte(verifier))
	return a.flow(r, value, lasts), secretEncoding.EncodeToString(challenge[:]), nil
}

// verifier is that of a cookie's value.
func (a *Authenticator) verifier(ctx context.Context, value string) (string, error) {
	key, err := a.sessions.flowKey(ctx)
	if err != nil {
		return "", err
	}
	h := hmac.New(sha256.New, key)
	h.Write([]byte(value))
	return secretEncoding.EncodeToString(h.Sum(nil)), nil
}

func (a *Authenticator) flowName(r *http.Request) string {
	if isLoopback(browserHost(r)) {
		return flowCookie
	}
	return hostPrefix + flowCookie
}

// flow is the cookie of who leaves; an empty one takes it away. It comes along when another site leads back, as Strict
// would not.
func (a *Authenticator) flow(r *http.Request, value string, lasts time.Duration) *http.Cookie {
	c := &http.Cookie{
		Name: a.flowName(r), Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode,
		Secure: !isLoopback(browserHost(r)), MaxAge: int(lasts / time.Second),
	}
	if value == "" {
		c.MaxAge = -1
	}
	return c
}

// isProvider reports whether a text can be the name of a provider.
func isProvider(name string) bool {
	return name != "" && len(name) <= 40 && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == ""
}

// BrowserOrigin is the origin that a browser has for this server, as far as can be told: what a proxy says counts, and
// without its word whatever is not this machine speaks HTTPS, since sessions need it.
func BrowserOrigin(r *http.Request) string {
	host := browserHost(r)
	scheme, _, _ := strings.Cut(r.Header.Get("X-Forwarded-Proto"), ",")
	switch {
	case scheme == "http" || scheme == "https":
	case r.TLS != nil, !isLoopback(host):
		scheme = "https"
	default:
		scheme = "http"
	}
	return scheme + "://" + host
}

func errNoSignIn() error {
	return forbidden(CodeNoSignIn, "Users cannot sign in here: supabase.url and supabase.anon_key are not configured. "+
		"Sign in with an API key.")
}

func errFlow() error {
	return unauthenticated(CodeSignInRefused, "This browser has not begun to sign in, or has taken too long. Open the "+
		"link in the browser in which you asked for it, or sign in again.")
}

func errSignInAway(err error) error {
	return unavailable(CodeAuthUnavailable, "The Supabase server takes no sign-ins now. Try again later.",
		fmt.Errorf("sign in: %w", err))
}
