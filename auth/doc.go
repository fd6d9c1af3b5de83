// Package auth answers one question about an HTTP request: who sends it, and what may they do.
//
// An [Authenticator] takes, in this order:
//
//  1. a header: "Authorization: Bearer <Supabase access token>", "Authorization: Bearer sym_…"
//     or "X-API-Key: sym_…",
//  2. the cookie of a session, "symphony_session_…", which [Authenticator.StartSession] has begun,
//  3. a Supabase access token in the browser's cookies: "sb-access-token", then
//     "sb-<ref>-auth-token", or what [Supabase].CookieName says, whole or in chunks.
//
// The first credential found decides. A header that is present and bad is an error, the cookies are
// not tried; two headers that say different things are an error too. The answer is a [Principal]
// with its scopes, or an [*Error] that is one of [ErrUnauthenticated], [ErrForbidden] and
// [ErrUnavailable].
//
// [Cron] guards the cron routes with a shared secret instead.
//
// # Supabase access tokens
//
// HS256 is verified with the configured secrets and with nothing else, RS256 and ES256 with the
// project's JWKS and with nothing else; every other algorithm is refused, as is a "crit" header.
// Then "exp" (required), "nbf" (when there), "role", "aud", "iss" and "sub" must hold. Clocks may
// differ by [ClockLeeway].
//
// The project's anon key (role "anon") is refused. The service_role key is refused unless [Supabase].AllowServiceRole
// is set; then it is an admin, and as such keys carry neither subject nor audience, only its signature, its times and
// its role are checked. Users signed in anonymously are refused unless [Supabase].AllowAnonymous is set, and tokens
// that the project's OAuth server issued to a third-party application (they have a claim "client_id") unless
// [Supabase].OAuthClients names it: then they have the scopes that both the user and the application have.
//
// A user holds [Supabase].DefaultScopes. The claim app_metadata.symphony_role, which only the
// project's administrators can write, replaces them, wider or narrower. It is one of
//
//	"read"                  a scope: dispatch, consume, observe, read, operate or admin
//	"dispatch,read"         several, separated by commas
//	["dispatch", "read"]    the same as an array
//	"none" or []            no scope at all
//
// Anything else in that claim is refused (symphony_role_invalid): a misspelt restriction must not
// fall back to the defaults.
//
// # Keys of the project
//
// The JWKS is fetched when first needed and again when it is [JWKSMaxAge] old or when a token names
// a key it lacks, though not more often than every [JWKSMinInterval], however many requests ask.
// While its host is down the keys known keep working until [JWKSGrace] after the last good answer;
// after that, and for keys not known, the answer is auth_unavailable. It is so, too, for a key not
// known while the keys may not be fetched again yet, with the time until then in [Error].RetryAfter.
//
// # Cookies and other sites
//
// A browser attaches cookies to requests that other sites provoke, so on every method but GET and
// HEAD a cookie caller must show where the request comes from. It passes when
//
//   - its Origin is in [Options].AllowedOrigins, or
//   - Sec-Fetch-Site is "same-origin", and Origin, if sent, names the host the request was sent to, or
//   - there is no Sec-Fetch-Site, and Origin is exactly the scheme and host the request was sent to.
//
// Everything else is origin_not_allowed, and so is a request with neither header. A server behind a
// proxy that ends TLS sees plain HTTP: browsers without Sec-Fetch-Site then need the public origin in
// AllowedOrigins.
//
// # Sessions
//
// A browser that has shown a key or a token once goes on with a session: a random secret in a cookie that scripts can't
// read, of which the store has the hash. It stands for exactly that caller. With each request the key, or the token
// that the store keeps sealed with what only the browser has, is judged anew, so a session opens nothing that they
// would not, and ends when they do: with a revoked key at once in the process that was told, and within [KeyCacheTTL]
// in others. Otherwise it lasts for [SessionTTL] after its last use. The rule for cookies holds for it.
//
// [Sessions.NewCode] makes a code for a link that begins a session, once, within [CodeTTL].
//
// # API keys
//
// See [GenerateKey] for their form, and [Binding] for what one may be bound to. A key once looked up is
// remembered for [KeyCacheTTL], so a key revoked by another process is refused after that time at the
// latest; one revoked through [Authenticator.RevokeKey] is refused at once.
package auth
