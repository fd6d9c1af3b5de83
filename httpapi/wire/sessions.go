package wire

import "time"

// Caller is who calls.
type Caller struct {
	Kind string `json:"kind" enum:"user,api_key,service,local" required:"true"`
	ID   string `json:"id" required:"true" description:"Unique within its kind, such as a user's subject."`
	Name string `json:"name" required:"true" description:"For people: an e-mail address, a key's name."`
}

// Environment is what people call an installation, so that nobody takes it for another one.
type Environment struct {
	Name  string `json:"name" required:"true" description:"Empty: it has none."`
	Color string `json:"color" required:"true" description:"A word such as red, or #rrggbb."`
}

// ServerLink leads to the dashboard of another installation.
type ServerLink struct {
	Name string `json:"name" required:"true"`
	URL  string `json:"url" required:"true"`
}

// SessionResponse says who calls, and where.
type SessionResponse struct {
	Success bool     `json:"success" required:"true"`
	Caller  Caller   `json:"caller" required:"true"`
	Scopes  []string `json:"scopes" required:"true" description:"What the caller may do; admin stands for all."`
	Bound
	Environment Environment `json:"environment" required:"true"`
	// A session's end is that of its last use, or of its key or token where that is earlier.
	ExpiresAt *time.Time `json:"expiresAt,omitzero" description:"When it ends unless it is used. Absent: never."`
	Session   bool       `json:"session" required:"true" description:"The caller comes by a session."`

	// What follows is about the server.
	Version     string       `json:"version" required:"true"`
	Storage     string       `json:"storage" required:"true" enum:"sqlite,postgres,memory,none"`
	Timezone    string       `json:"timezone" required:"true" description:"The server's, as the IANA names it."`
	OwnMessages bool         `json:"ownMessages" required:"true" description:"The caller sees its own messages only."`
	ReadOnly    bool         `json:"readOnly" required:"true" description:"The session only reads."`
	TraceURL    string       `json:"traceUrl,omitzero" description:"Where a trace is shown: has {traceId} in it."`
	Servers     []ServerLink `json:"servers" required:"true" description:"Dashboards of other installations."`
}

// LoginCodeResponse has a code that begins a session of the caller.
type LoginCodeResponse struct {
	Success   bool      `json:"success" required:"true"`
	Code      string    `json:"code" required:"true"`
	Path      string    `json:"path" required:"true" description:"Where a browser redeems it, as the parameter code."`
	URL       string    `json:"url,omitzero" description:"The whole address, where the server knows it."`
	ExpiresAt time.Time `json:"expiresAt" required:"true"`
}

// SignInWaysResponse tells those who are not signed in how they can.
type SignInWaysResponse struct {
	Success     bool        `json:"success" required:"true"`
	Environment Environment `json:"environment" required:"true"`
	APIKey      bool        `json:"apiKey" required:"true" description:"By POST /api/symphony/session."`
	Password    bool        `json:"password" required:"true" description:"By POST /api/symphony/session/password."`
	MagicLink   bool        `json:"magicLink" required:"true" description:"By POST /api/symphony/session/magic-link."`
	// A page leads its browser to /api/symphony/session/oauth?provider=NAME&root=/.
	Providers []string `json:"providers" required:"true" description:"By OAuth."`
}

// PasswordRequest is the body of POST /api/symphony/session/password.
type PasswordRequest struct {
	Email    string `json:"email" required:"true" minLength:"1" maxLength:"320"`
	Password string `json:"password" required:"true" minLength:"1" maxLength:"1024"`
}

// MagicLinkRequest is the body of POST /api/symphony/session/magic-link.
type MagicLinkRequest struct {
	Email string `json:"email" required:"true" minLength:"1" maxLength:"320"`
	Root  string `json:"root,omitzero" description:"The server's path below its origin; / unless a proxy has a prefix."`
}
