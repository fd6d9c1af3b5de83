package auth

import "time"

// Kind says what sort of caller a Principal is.
type Kind string

const (
	KindUser    Kind = "user"    // a Supabase user
	KindAPIKey  Kind = "api_key" // the holder of an API key
	KindService Kind = "service" // the Supabase service_role key, or a cron service
	KindLocal   Kind = "local"   // this machine's own user, working on the database directly
)

// Principal is an authenticated caller. The zero value may do nothing.
type Principal struct {
	Kind Kind
	// ID is unique within a Kind: the user's subject, the key's id, "service_role", "cron" or "local".
	ID string
	// Name is for people: a user's e-mail address if known, a key's name. It may be personal data:
	// keep it out of logs and log ID.
	Name   string
	Scopes ScopeSet
	// Binding is what the caller's key is bound to. Nil: nothing. It must not be changed.
	Binding *Binding
	// Anonymous marks a user of an anonymous sign-in.
	Anonymous bool
	// Session is the session by whose cookie the caller came; the zero value where it was a key or a token.
	Session Session
	// Expires is when the token or key stops being good, the leeway of clocks left aside. Zero: never.
	Expires time.Time
}

// Local returns the principal of who works on the database without a server between: an admin.
func Local() Principal {
	return Principal{Kind: KindLocal, ID: "local", Name: "local", Scopes: Scopes(ScopeAdmin)}
}

// Has reports whether the caller may do what scope allows.
func (p Principal) Has(scope Scope) bool { return p.Scopes.Has(scope) }

// Require returns nil if the caller may do what scope allows, else insufficient_scope,
// an ErrForbidden.
func (p Principal) Require(scope Scope) error {
	if p.Has(scope) {
		return nil
	}
	return forbidden(CodeInsufficientScope, "This needs the scope "+scope.String()+", which the caller does not have.")
}
