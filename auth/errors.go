package auth

import (
	"errors"
	"time"
)

// The three ways to fail. Every error of Authenticate is an *Error that is one of them.
var (
	// ErrUnauthenticated: who calls is not known (HTTP 401).
	ErrUnauthenticated = errors.New("not authenticated")
	// ErrForbidden: the caller is known, or a browser was made to call, and may not do this (HTTP 403).
	ErrForbidden = errors.New("not allowed")
	// ErrUnavailable: nobody can be authenticated now, through no fault of the caller (HTTP 503).
	ErrUnavailable = errors.New("authentication unavailable")
)

// The codes of Error. Programs may rely on them.
const (
	// With ErrUnauthenticated:

	CodeMissingCredentials   = "missing_credentials"   // neither header nor cookie
	CodeCredentialsMalformed = "credentials_malformed" // a header that can't be read, is too long or was sent twice
	CodeCredentialsConflict  = "credentials_conflict"  // two headers that differ
	CodeCookieInvalid        = "cookie_invalid"        // a session cookie that can't be read
	CodeTokenInvalid         = "token_invalid"         // malformed, forged, or not meant for this server
	CodeTokenExpired         = "token_expired"         // past its exp
	CodeTokenNotYetValid     = "token_not_yet_valid"   // before its nbf
	CodeSessionRevoked       = "session_revoked"       // refused by the remote confirmation
	CodeAnonKeyNotAllowed    = "anon_key_not_allowed"  // the project's public key, which identifies nobody
	CodeAPIKeyInvalid        = "api_key_invalid"       // malformed, unknown, or the wrong secret
	CodeAPIKeyRevoked        = "api_key_revoked"       // the right secret of a revoked key
	CodeAPIKeyExpired        = "api_key_expired"       // the right secret of an expired key
	CodeSessionEnded         = "session_ended"         // the cookie of a session that is over
	CodeLoginInvalid         = "login_code_invalid"    // a code that was used, or is over, or none
	CodeSignInRefused        = "sign_in_refused"       // the project does not let this user sign in so
	CodeCronSecretInvalid    = "cron_secret_invalid"   // not a configured cron secret

	// CodeSupabaseKeyNotAllowed is for the project's publishable and secret keys, which are no users' tokens.
	CodeSupabaseKeyNotAllowed = "supabase_key_not_allowed"

	// With ErrForbidden:

	CodeOriginNotAllowed      = "origin_not_allowed"       // a cookie that another site may have had sent
	CodeAnonymousNotAllowed   = "anonymous_not_allowed"    // a user of an anonymous sign-in
	CodeServiceRoleNotAllowed = "service_role_not_allowed" // the service_role key
	CodeOAuthClientNotAllowed = "oauth_client_not_allowed" // a token of a third-party application that is not admitted
	CodeSymphonyRoleInvalid   = "symphony_role_invalid"    // an app_metadata.symphony_role that can't be read
	CodeInsecureOrigin        = "insecure_origin"          // a browser that would not keep a session's cookie
	CodeNoSignIn              = "no_sign_in"               // users cannot sign in through this server
	CodeNoLogin               = "no_login_code"            // a caller for whom no code is made
	CodeInsufficientScope     = "insufficient_scope"       // from Principal.Require

	// With ErrUnavailable:

	CodeAuthUnavailable         = "auth_unavailable"           // the Supabase server does not answer, or not yet
	CodeStorageUnavailable      = "storage_unavailable"        // the key store does not answer
	CodeCronSecretNotConfigured = "cron_secret_not_configured" // the cron routes are closed
)

// Error says why a caller was refused.
type Error struct {
	// Code is one of the Code constants.
	Code string
	// Message is a sentence for people. It is safe to send to the caller: it never holds a token,
	// a key, a secret or the cause.
	Message string
	// RetryAfter is how long to wait before the next try, with ErrUnavailable; 0 where that is not known.
	RetryAfter time.Duration

	kind  error
	cause error
}

// Error returns the code, the message and the cause, for logs. It never holds a token, a key or a secret.
func (e *Error) Error() string {
	s := "auth: " + e.Code + ": " + e.Message
	if e.cause != nil {
		s += " (" + e.cause.Error() + ")"
	}
	return s
}

// IsMissing reports whether an error says that a request has no credential at all.
func IsMissing(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Code == CodeMissingCredentials
}

// Unwrap returns ErrUnauthenticated, ErrForbidden or ErrUnavailable, and the cause if there is one.
func (e *Error) Unwrap() []error {
	if e.cause == nil {
		return []error{e.kind}
	}
	return []error{e.kind, e.cause}
}

// Expired is the error of a caller whose credential was good and has expired: an API key, or else an access token. It
// is an ErrUnauthenticated.
func Expired(kind Kind) error {
	if kind == KindAPIKey {
		return unauthenticated(CodeAPIKeyExpired, "The API key has expired.")
	}
	return unauthenticated(CodeTokenExpired, "The access token has expired.")
}

func unauthenticated(code, message string) error {
	return &Error{Code: code, Message: message, kind: ErrUnauthenticated}
}

func forbidden(code, message string) error {
	return &Error{Code: code, Message: message, kind: ErrForbidden}
}

func unavailable(code, message string, cause error) error {
	return &Error{Code: code, Message: message, kind: ErrUnavailable, cause: cause}
}
