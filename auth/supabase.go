package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Supabase configures whose access tokens are accepted. URL, JWTSecrets or both must be set.
type Supabase struct {
	// URL is the project's URL, like https://<ref>.supabase.co. Tokens signed with RS256 or ES256
	// need it: their keys come from <URL>/auth/v1/.well-known/jwks.json. Whoever answers at this URL
	// decides who is authenticated, so plain http is for private networks only.
	URL string
	// JWTSecrets are the project's JWT secrets, each at least 32 bytes. Tokens signed with HS256 need
	// one. Several are tried in turn, for rotation.
	JWTSecrets []string
	// Issuer is the iss that tokens must carry. Nil means <URL>/auth/v1, "" that it is not checked.
	Issuer *string
	// AllowAnonymous admits users of anonymous sign-ins.
	AllowAnonymous bool
	// AllowServiceRole admits the service_role key, as an admin.
	AllowServiceRole bool
	// DefaultScopes are the scopes of users without a symphony_role claim. Nil means DefaultScopes.
	DefaultScopes *ScopeSet
	// OAuthClients are the third-party applications, by client id, to which users may have given access through the
	// project's OAuth server, each with the scopes that its tokens have at most. Tokens of others are refused.
	OAuthClients map[string]ScopeSet
	// CookieName is the name of the session's cookie where the application's libraries were given one
	// (cookieOptions.name). "" means sb-<ref>-auth-token.
	CookieName string

	// Remote has users' tokens also confirmed by GET <URL>/auth/v1/user, so that a session that was
	// ended is refused before its token expires. It needs URL. The service_role key has no session
	// and is not confirmed.
	Remote bool
	// RemoteCacheTTL is how long that answer is remembered, at most 10 minutes.
	// 0 means DefaultRemoteCacheTTL.
	RemoteCacheTTL time.Duration
	// APIKey is sent as the apikey header with requests to URL; hosted projects ask for it.
	APIKey string
	// HTTPClient makes the requests to URL. Redirects are not followed, and each request ends after
	// 3 seconds. Default: one with the default transport.
	HTTPClient *http.Client
}

func (s Supabase) configured() bool { return s.URL != "" || len(s.JWTSecrets) > 0 }

// The roles of Supabase's tokens. A user's role is also the audience.
const (
	roleUser    = "authenticated"
	roleAnon    = "anon"
	roleService = "service_role"
)

// supabase verifies the access tokens of one project.
type supabase struct {
	parser           *jwt.Parser
	secrets          jwt.VerificationKeySet
	jwks             *jwks   // nil: no URL
	remote           *remote // nil: off
	issuer           string  // "": not checked
	allowAnonymous   bool
	allowServiceRole bool
	scopes           ScopeSet
	oauthClients     map[string]ScopeSet
}

func newSupabase(opts Supabase, clock func() time.Time, log *slog.Logger, bg *background) (*supabase, *sessionCookies, error) {
	s := &supabase{
		allowAnonymous:   opts.AllowAnonymous,
		allowServiceRole: opts.AllowServiceRole,
		scopes:           DefaultScopes,
		oauthClients:     maps.Clone(opts.OAuthClients),
	}
	if opts.DefaultScopes != nil {
		s.scopes = *opts.DefaultScopes
	}
	var errs []error
	// Empty, not nil: the parser takes nil for no restriction.
	methods := []string{}
	for i, secret := range opts.JWTSecrets {
		if len(secret) < minSecretBytes {
			errs = append(errs, fmt.Errorf("supabase: JWT secret %d of %d is %d bytes long, HS256 needs at least %d",
				i+1, len(opts.JWTSecrets), len(secret), minSecretBytes))
		}
		s.secrets.Keys = append(s.secrets.Keys, []byte(secret))
	}
	if len(s.secrets.Keys) > 0 {
		methods = append(methods, algHS256)
	}

	var base *url.URL
	if opts.URL != "" {
		var err error
		if base, err = projectURL(opts.URL); err != nil {
			errs = append(errs, err)
		} else {
			server := newServer(base, opts.APIKey, opts.HTTPClient)
			s.jwks = newJWKS(server, clock, log, bg)
			s.issuer = server.base
			methods = append(methods, algRS256, algES256)
			if opts.Remote {
				s.remote = newRemote(server, opts.RemoteCacheTTL, clock)
			}
		}
	}
	switch {
	case opts.Issuer != nil:
		s.issuer = *opts.Issuer
	case opts.URL == "":
		errs = append(errs, errors.New("supabase: without a URL the issuer must be set, or its check turned off"))
	}
	if opts.Remote && opts.URL == "" {
		errs = append(errs, errors.New("supabase: remote confirmation needs the URL"))
	}
	if opts.RemoteCacheTTL < 0 || opts.RemoteCacheTTL > maxRemoteCacheTTL {
		errs = append(errs, fmt.Errorf("supabase: remote cache TTL %s is not between 0 and %s", opts.RemoteCacheTTL, maxRemoteCacheTTL))
	}
	if opts.CookieName != "" {
		errs = append(errs, checkCookieName(opts.CookieName))
	}
	s.parser = jwt.NewParser(
		jwt.WithValidMethods(methods),
		jwt.WithStrictDecoding(),
		jwt.WithExpirationRequired(),
		jwt.WithLeeway(ClockLeeway),
		jwt.WithTimeFunc(clock),
	)
	return s, newSessionCookies(opts.CookieName, base), errors.Join(errs...)
}

func projectURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil {
		return nil, errors.New("supabase: the URL can't be parsed")
	}
	if (u.Scheme != "https" && u.Scheme != "http") || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("supabase: the URL %q is not of the form https://<ref>.supabase.co", u.Redacted())
	}
	return u, nil
}

// authenticate verifies an access token and returns its user.
func (s *supabase) authenticate(ctx context.Context, token string) (Principal, error) {
	if s == nil {
		return Principal{}, errTokenInvalid("This server accepts API keys only, which begin with " + keyPrefix + ".")
	}
	if len(token) > MaxTokenBytes {
		return Principal{}, errTokenTooLong()
	}
	claims := jwt.MapClaims{}
	if err := s.verify(ctx, token, claims); err != nil {
		return Principal{}, err
	}
	switch role, _ := claims["role"].(string); role {
	case roleUser:
	case roleAnon:
		return Principal{}, unauthenticated(CodeAnonKeyNotAllowed,
			"This is the project's anon key, which identifies nobody. Send a signed-in user's access token.")
	case roleService:
		if !s.allowServiceRole {
			return Principal{}, forbidden(CodeServiceRoleNotAllowed, "The service_role key is not accepted here.")
		}
		return Principal{Kind: KindService, ID: roleService, Name: roleService, Scopes: Scopes(ScopeAdmin), Expires: expiry(claims)}, nil
	default:
		return Principal{}, errTokenInvalid("The access token's role is not " + roleUser + ".")
	}
	p, err := s.user(claims)
	if err != nil {
		return Principal{}, err
	}
	if s.remote != nil {
		if err := s.remote.confirm(ctx, token, p.ID); err != nil {
			return Principal{}, err
		}
	}
	return p, nil
}

// expiry is the exp of verified claims, which have one.
func expiry(claims jwt.MapClaims) time.Time {
	if at, err := claims.GetExpirationTime(); err == nil && at != nil {
		return at.UTC()
	}
	return time.Time{}
}

// user checks the claims that only users' tokens carry.
func (s *supabase) user(claims jwt.MapClaims) (Principal, error) {
	if audience, err := claims.GetAudience(); err != nil || !slices.Contains(audience, roleUser) {
		return Principal{}, errTokenInvalid("The access token is not for the audience " + roleUser + ".")
	}
	if s.issuer != "" && claims["iss"] != s.issuer {
		return Principal{}, errTokenInvalid("The access token comes from another issuer.")
	}
	subject, _ := claims["sub"].(string)
	if subject == "" || len(subject) > maxSubjectBytes {
		return Principal{}, errTokenInvalid("The access token names no user (sub).")
	}
	p := Principal{Kind: KindUser, ID: subject, Scopes: s.scopes, Expires: expiry(claims)}
	p.Name, _ = claims["email"].(string)

	// Anything but a plain no counts as anonymous.
	anonymous, there := claims["is_anonymous"]
	p.Anonymous = there && anonymous != nil && anonymous != false
	if p.Anonymous && !s.allowAnonymous {
		return Principal{}, forbidden(CodeAnonymousNotAllowed, "Users of anonymous sign-ins are not accepted here.")
	}
	metadata, _ := claims["app_metadata"].(map[string]any)
	if role := metadata["symphony_role"]; role != nil {
		var err error
		if p.Scopes, err = roleScopes(role); err != nil {
			return Principal{}, forbidden(CodeSymphonyRoleInvalid,
				"The token's app_metadata.symphony_role is not a scope, a list of scopes, or none.")
		}
	}
	if client, there := claims["client_id"]; there && client != nil {
		id, _ := client.(string)
		scopes, allowed := s.oauthClients[id]
		if !allowed {
			return Principal{}, forbidden(CodeOAuthClientNotAllowed,
				"The access token was issued to a third-party application, which is not admitted here. An operator admits it in auth.oauth_clients.")
		}
		p.Scopes = p.Scopes.Within(scopes)
	}
	return p, nil
}

// roleScopes reads a symphony_role claim.
func roleScopes(claim any) (ScopeSet, error) {
	switch role := claim.(type) {
	case string:
		return ParseScopes(role)
	case []any:
		var set ScopeSet
		for _, element := range role {
			name, _ := element.(string)
			scope, err := ParseScope(name)
			if err != nil {
				return 0, err
			}
			set |= ScopeSet(scope)
		}
		return set, nil
	}
	return 0, errors.New("neither a string nor an array")
}

const (
	algHS256 = "HS256"
	algRS256 = "RS256"
	algES256 = "ES256"
)

// verify checks the token's form, signature and times and fills claims. What the parser says of a
// token it refuses may quote it, so none of that goes into the error.
func (s *supabase) verify(ctx context.Context, token string, claims jwt.MapClaims) error {
	if !isCompactJWS(token) {
		return errTokenInvalid("The access token is not a JWT.")
	}
	_, err := s.parser.ParseWithClaims(token, claims, func(t *jwt.Token) (any, error) {
		// RFC 7515: extensions that must be understood, and none is.
		if _, ok := t.Header["crit"]; ok {
			return nil, errTokenInvalid("The access token has a crit header.")
		}
		// The parser has checked the method against those configured. Each takes its own kind of key
		// from its own source, so a public key never serves as an HS256 secret.
		alg := t.Method.Alg()
		if alg == algHS256 {
			return s.secrets, nil
		}
		kid, _ := t.Header["kid"].(string)
		if kid == "" {
			return nil, errTokenInvalid("The access token names no key (kid).")
		}
		return s.jwks.key(ctx, keyID{alg: alg, kid: kid})
	})
	var own *Error
	switch {
	case err == nil:
		return checkTimes(claims)
	case errors.As(err, &own):
		return own
	case errors.Is(err, jwt.ErrTokenExpired):
		return Expired(KindUser)
	case errors.Is(err, jwt.ErrTokenNotValidYet):
		return unauthenticated(CodeTokenNotYetValid, "The access token is not valid yet.")
	case errors.Is(err, jwt.ErrTokenInvalidClaims):
		return errTokenInvalid("The access token's exp is missing, or exp or nbf is not a time.")
	case errors.Is(err, jwt.ErrTokenMalformed):
		return errTokenInvalid("The access token is not a JWT.")
	}
	return errTokenInvalid("The access token's signature is not valid here.")
}

// maxClaimTime is the end of the year 9999. The parser makes an int64 of a claim's number, where a larger one overflows
// and a token that is good from then on would seem to be good now.
const maxClaimTime = 253402300799

// checkTimes refuses times that the parser can't have compared.
func checkTimes(claims jwt.MapClaims) error {
	for _, name := range []string{"exp", "nbf"} {
		if t, ok := claims[name].(float64); ok && math.Abs(t) > maxClaimTime {
			return errTokenInvalid("The access token's " + name + " is not a time before the year 10000.")
		}
	}
	return nil
}

// isCompactJWS reports whether s has only the characters of a JWT. Decoders of base64 skip line
// breaks, which would let one token be written in many ways.
func isCompactJWS(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_' && r != '.'
	}) < 0
}

func errTokenInvalid(message string) error { return unauthenticated(CodeTokenInvalid, message) }
