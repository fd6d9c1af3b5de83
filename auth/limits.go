package auth

import "time"

// What the package accepts, and how long it remembers. Each number is defined here only.
const (
	// MaxTokenBytes bounds a token or API key, wherever it comes from.
	MaxTokenBytes = 16 << 10

	// MaxCookieBytes bounds a Supabase session cookie, all its chunks together.
	MaxCookieBytes = 64 << 10

	// maxCookieChunks bounds the chunks of a session cookie. The JavaScript libraries write 3,180
	// bytes to a chunk, so this is never the limit that is met first.
	maxCookieChunks = 32

	// ClockLeeway is how far the clocks of this server and of the token's issuer may be apart.
	ClockLeeway = 5 * time.Second

	// JWKSMaxAge is the age at which the project's keys are fetched again before they are used.
	// A key withdrawn by the project is refused after this time.
	JWKSMaxAge = 10 * time.Minute

	// JWKSMinInterval is the least time between two fetches of the keys, failed ones included.
	JWKSMinInterval = 10 * time.Second

	// JWKSGrace is how long after their last successful fetch keys work while their host is down.
	// The host that serves the keys also issues the tokens, which live an hour by default: a longer
	// grace would serve few callers and a withdrawn key.
	JWKSGrace = time.Hour

	// maxJWKSKeys bounds the keys of one JWKS.
	maxJWKSKeys = 64

	// maxSubjectBytes bounds a "sub".
	maxSubjectBytes = 255

	// minSecretBytes is what RFC 7518 asks of an HS256 secret: any token lets its holder try
	// shorter ones offline.
	minSecretBytes = 32

	// MinCronSecretBytes is the least length of a cron secret. Nothing slows down those who guess.
	MinCronSecretBytes = 16

	// remoteTimeout bounds every request to the Supabase server, body included.
	remoteTimeout = 3 * time.Second

	// maxResponseBytes bounds what is read of an answer of the Supabase server.
	maxResponseBytes = 1 << 20

	// maxRefusalBytes bounds what is read of an answer with another status than 200.
	maxRefusalBytes = 4 << 10

	// DefaultRemoteCacheTTL is how long the answer of a remote confirmation is remembered.
	DefaultRemoteCacheTTL = 30 * time.Second

	// maxRemoteCacheTTL is the most that RemoteCacheTTL may be.
	maxRemoteCacheTTL = 10 * time.Minute

	// maxConfirmations bounds the remembered answers.
	maxConfirmations = 10_000

	// SessionTTL is how long a session lasts after its last use, unless its key or token ends before.
	SessionTTL = 12 * time.Hour

	// SessionRenewal is the least time between two renewals of a session by its use.
	SessionRenewal = 5 * time.Minute

	// MaxSessions bounds the sessions of a caller: a new one ends the oldest. Codes are bounded likewise.
	MaxSessions = 20

	// CodeTTL is how long a code is good that begins a session.
	CodeTTL = 10 * time.Minute

	// maxSessionEntries bounds the remembered sessions, some kilobytes each.
	maxSessionEntries = 1_000

	// MaxKeyNameLength bounds the name of an API key, in characters.
	MaxKeyNameLength = 100

	// MaxBound bounds the types, and the queues, that a key is bound to.
	MaxBound = 100

	// toldBound bounds how many of each are told in a text.
	toldBound = 10

	// KeyCacheTTL is how long an API key is used without asking the KeyStore again.
	KeyCacheTTL = 2 * time.Second

	// TouchInterval is the least time between two updates of a key's last use in the KeyStore.
	TouchInterval = time.Minute

	// keyStoreTimeout bounds the calls to the KeyStore that no single request owns.
	keyStoreTimeout = 5 * time.Second
)
