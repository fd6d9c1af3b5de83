// Package config makes one validated [Config] of defaults, a file (symphony.yaml), environment variables and flags,
// each overriding the ones before.
//
// Nothing is guessed: an unknown key or SYMPHONY_ variable, a value that does not parse, and a value out of its range
// are mistakes, and [Load] reports all of them at once, each with the line, variable or flag it came from.
//
// What can be set is said by the tags of the structs that hold it; see tags.go. Parsing, the names of variables,
// defaults, ranges, [Config.YAML] and, with the comments above the fields, docs/configuration.md come from there.
package config

import (
	"cmp"
	"errors"
	"io"
	"log/slog"
	"net/netip"
	"slices"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/auth"
	"github.com/symphony-messenger/symphony/flow"
	"github.com/symphony-messenger/symphony/redact"
	"github.com/symphony-messenger/symphony/storage"
)

// DefaultFile is read from the working directory if no other file is named. It need not exist.
const DefaultFile = "symphony.yaml"

// DefaultAddr is where the HTTP API listens.
const DefaultAddr = "127.0.0.1:8080"

// FileVariable names another file than DefaultFile; TransportsVariable lists the names of transports.
const (
	FileVariable       = "SYMPHONY_CONFIG"
	TransportsVariable = "SYMPHONY_TRANSPORTS"
)

// The values of Config.Env.
const (
	Production  = "production"
	Development = "development"
)

// Config is everything that can be configured, with defaults in place of what was not.
type Config struct {
	// File is the file that was read, "" for none.
	File string

	// In development the answer to a server fault (500) tells its cause.
	Env string `key:"env" of:"Production,Development" default:"Production"`
	// The transport of types without a route. If not set: `default` if there is one, else the first.
	DefaultTransport string `key:"default_transport" about:"a transport's name" empty:"ok" check:"name"`

	Server   Server   `key:"server"`
	Database Database `key:"database"`
	Auth     Auth     `key:"auth"`
	Audit    Audit    `key:"audit"`
	Alerts   Alerts   `key:"alerts"`
	Supabase Supabase `key:"supabase"`
	Cron     Cron     `key:"cron"`
	Worker   Worker   `key:"worker"`
	Metrics  Metrics  `key:"metrics"`
	Health   Health   `key:"health"`
	// The page for people; see docs/dashboard.md.
	Dashboard Dashboard `key:"dashboard"`
	Push      Push      `key:"push"`
	Retry     Retry     `key:"retry"`
	Limits    Limits    `key:"limits"`
	Log       Log       `key:"log"`
	Tracing   Tracing   `key:"tracing"`
	// How long messages are kept that have ended; see docs/retention.md.
	Retention Retention `key:"retention"`
	Client    Client    `key:"client"`

	Transports []Transport // at least one
	Routes     map[string][]string
	Types      []Type // by pattern
	Queues     []Queue
	Handlers   []Handler // in the order of the file
	Schedules  []Schedule

	fields []*field // every setting with its value and source
}

// Server configures the HTTP API.
type Server struct {
	// Where the HTTP API listens. Other machines reach it on 0.0.0.0, which is refused until Supabase or an API key
	// made by `symphony keys create` is there to authenticate them. Port 0 takes a free one.
	Addr string `key:"addr" about:"HOST:PORT" check:"Addr" default:"DefaultAddr"`
	// File with the certificate and its chain, in PEM. With it the server speaks HTTPS.
	TLSCert string `key:"tls.cert" about:"path" empty:"ok"`
	// File with the certificate's key, in PEM.
	TLSKey string `key:"tls.key" about:"path" empty:"ok"`
	// Origins whose pages may call the API, like https://app.example.com. None: browsers keep other origins out.
	CORSOrigins []string `key:"cors_origins" about:"a list of origins" check:"Origin"`
	// The largest request body. If not set and `limits.max_message_bytes` is more than 1MiB: 64KiB more than that, so
	// that the largest message can be dispatched.
	MaxBodyBytes int64 `key:"max_body_bytes" min:"1KiB" max:"1GiB" default:"1MiB"`
	// The most bytes that the bodies and large answers of all requests together may have at one time; what goes beyond
	// is answered 503 with `Retry-After`. Bodies of more than 1MiB have half of it, and wait for their turn, for 30
	// seconds at most. If not set: an eighth of the memory that `GOMEMLIMIT` or the control group
	// allows, or 256MiB where neither does. It is never less than 64MiB, or four times `server.max_body_bytes` where
	// that is more.
	MaxBytesInFlight int64 `key:"max_bytes_in_flight" min:"1MiB"`
	// How many requests each API key and each user may make in a time; beyond it they are answered 429 with
	// `Retry-After`. None: no bound.
	RateLimit flow.Rate `key:"rate_limit"`
	// How many of them may come at the same moment after a pause. If not set: what the rate allows in a second, at
	// least 1.
	RateBurst int `key:"rate_limit_burst" min:"1" max:"1000000"`
	// Log each request.
	AccessLog bool `key:"access_log" default:"true"`
	// Proxies, by address or CIDR, whose `X-Forwarded-For` the access log and the audit trail believe: they then have
	// the nearest address that is none of them. None: they have who connected.
	TrustedProxies []netip.Prefix `key:"trusted_proxies"`
}

// TLS reports whether the server speaks HTTPS.
func (s Server) TLS() bool { return s.TLSCert != "" }

// Database configures storage: the PostgreSQL database at URL if there is one, else the SQLite file at Path.
type Database struct {
	// The SQLite file of all transports of kind `database`, and of the API keys. It is created if there is none. A
	// postgres:// URL means `database.url`.
	Path string `key:"path" about:"path" check:"Path" hide:"DatabasePassword" default:"symphony.db" env:"SYMPHONY_DATABASE"`
	// How long completed and cancelled messages are kept, where `retention` does not say. 0s deletes them at once.
	Retention time.Duration `key:"retention" default:"symphony.DefaultRetention"`
	// The PostgreSQL database to use in place of a SQLite file, like postgres://symphony@db.internal/app. What it
	// leaves out comes from PGHOST, PGPASSWORD, PGSSLMODE and so on, and from the password file. See postgres.md.
	URL Secret `key:"url" about:"a postgres:// URL or a connection string" check:"DatabaseURL" hide:"DatabasePassword"`
	// The same database past a pooler in transaction mode, to hear of new messages at once. Without it workers behind
	// such a pooler look for them.
	ListenURL Secret `key:"listen_url" about:"a postgres:// URL or a connection string" check:"DatabaseURL" hide:"DatabasePassword"`
	// PostgreSQL: the schema of all tables, for nothing else. If not set: `symphony`.
	Schema string `key:"schema" about:"name" empty:"ok"`
	// PostgreSQL: the most connections of this process, besides one that listens. If not set: 10.
	MaxConnections int `key:"max_connections" min:"4" max:"10000"`
	// PostgreSQL: how often idle workers look for messages that nobody announced. If not set: 1s, or 100ms behind a
	// pooler without `database.listen_url`.
	PollInterval time.Duration `key:"poll_interval" min:"10ms" max:"1m"`
	// PostgreSQL: the longest that a transaction may take; a dispatch then answers 503. If not set: 5s.
	Timeout time.Duration `key:"timeout" min:"100ms" max:"10m"`
	// PostgreSQL: `auto` brings the schema up to date at the start; `manual` leaves that to `symphony migrate up` and
	// starts only if nothing is missing.
	Migrate string `key:"migrate" of:"MigrateAuto,MigrateManually" default:"MigrateAuto"`
}

// PostgreSQL reports whether storage is a PostgreSQL database.
func (d Database) PostgreSQL() bool { return d.URL != "" }

// The values of Database.Migrate.
const (
	MigrateAuto     = "auto"
	MigrateManually = "manual"
)

// The values of Transport.Kind. A configuration may say which database it means by SQLite or Postgres; a Transport is
// of kind Stored then.
const (
	Stored   = "database"
	SQLite   = "sqlite"
	Postgres = "postgres"
	Memory   = "memory"
	Sync     = "sync"
)

// Transport configures one named transport.
type Transport struct {
	Name string
	// `database` is durable: what the section `database` names, and `sqlite` or `postgres` insist on which it is;
	// `memory` forgets at exit; `sync` runs the handlers during the dispatch.
	Kind string `key:"kind" of:"Stored,SQLite,Postgres,Memory,Sync" default:"Stored"`
	// The queue of messages that name none.
	Queue string `key:"queue" about:"name" check:"name" default:"symphony.DefaultQueue"`
	// The priority of messages that have none; 10 goes first.
	Priority  int       `key:"priority" min:"symphony.MinPriority" max:"symphony.MaxPriority" default:"symphony.DefaultPriority"`
	Retry     Retry     `key:"retry"`
	Retention Retention `key:"retention"`
}

// Type configures what applies to the messages of a pattern of types, whoever handles them.
type Type struct {
	Pattern string
	Retry   *Retry   // nil: the transport's
	Schema  string   // file, "" for none
	Redact  []string // paths
	Index   []string // paths into metadata
	// KeepLogs keeps the logs also of attempts that succeed.
	KeepLogs bool
	// PublicOutput shows outputs to who has a token for one of the messages.
	PublicOutput bool
	Limit        flow.TypeLimit
	Retention    Retention
}

// Queue configures one queue of a transport.
type Queue struct {
	Name      string // transport/queue
	Limit     flow.Limit
	Retention Retention
}

// Indexes are the members of metadata by which messages are looked up.
func (c *Config) Indexes() (list []storage.Index) {
	for _, t := range c.Types {
		for _, path := range t.Index {
			list = append(list, storage.Index{Type: t.Pattern, Path: path})
		}
	}
	return list
}

// RedactRules returns what is hidden of messages, nil for nothing.
func (c *Config) RedactRules() *redact.Rules {
	types := make(map[string][]string)
	for _, t := range c.Types {
		if len(t.Redact) > 0 {
			types[t.Pattern] = t.Redact
		}
	}
	if len(types) == 0 {
		return nil
	}
	rules, err := redact.New(types)
	if err != nil {
		panic("config: " + err.Error()) // Load has checked it
	}
	return rules
}

// FlowLimits returns the limits of types and queues, nil without any.
func (c *Config) FlowLimits() *flow.Limits {
	if len(c.Types) == 0 && len(c.Queues) == 0 {
		return nil
	}
	limits, err := flow.NewLimits(c.limitOptions())
	if err != nil {
		panic("config: " + err.Error()) // Load has checked it
	}
	return limits
}

func (c *Config) limitOptions() flow.LimitOptions {
	o := flow.LimitOptions{Types: make(map[string]flow.TypeLimit, len(c.Types)), Queues: make(map[string]flow.Limit, len(c.Queues))}
	for _, t := range c.Types {
		o.Types[t.Pattern] = t.Limit
	}
	for _, q := range c.Queues {
		o.Queues[q.Name] = q.Limit
	}
	return o
}

// Retry configures symphony.Policy. Here zero means zero, as in the file.
type Retry struct {
	// Attempts that may follow the first. 0: none. Where `delays` are given without it: as many as these.
	MaxRetries int `key:"max_retries" min:"0" max:"1000" default:"symphony.DefaultMaxRetries"`
	// How the waits grow: each `multiplier` times the one before, by `initial_delay` each time, or not at all.
	Backoff string `key:"backoff" of:"symphony.Exponential,symphony.Linear,symphony.Fixed" default:"symphony.Exponential"`
	// The waits before each retry, in place of what `backoff` makes of `initial_delay`; the last one repeats. Only
	// `jitter` applies to them.
	Delays []time.Duration `key:"delays" max:"symphony.MaxRetryDelay"`
	// The wait before the first retry.
	InitialDelay time.Duration `key:"initial_delay" min:"1ms" max:"symphony.MaxRetryDelay" default:"symphony.DefaultInitialDelay"`
	// How much longer each wait is than the one before.
	Multiplier float64 `key:"multiplier" min:"1" max:"100" default:"symphony.DefaultMultiplier"`
	// The longest wait.
	MaxDelay time.Duration `key:"max_delay" min:"1ms" max:"symphony.MaxRetryDelay" default:"symphony.DefaultMaxDelay"`
	// Spreads each wait by up to this fraction to both sides.
	Jitter float64 `key:"jitter" min:"0" max:"1" default:"symphony.DefaultJitter"`
}

// Policy returns the policy.
func (r Retry) Policy() symphony.Policy {
	p := symphony.Policy{MaxRetries: r.MaxRetries, Backoff: symphony.Backoff(r.Backoff), Delays: r.Delays, InitialDelay: r.InitialDelay, Multiplier: r.Multiplier, MaxDelay: r.MaxDelay, Jitter: r.Jitter}
	if p.MaxRetries == 0 {
		p.MaxRetries = symphony.NoRetries
	}
	if p.Jitter == 0 {
		p.Jitter = symphony.NoJitter
	}
	return p
}

// Handler configures one handler that needs no Go. Either HTTP or Command is set.
type Handler struct {
	Pattern string
	Name    string        // "": by its place
	Timeout time.Duration // 0: the worker's
	Places  int           // 0: half of the worker's concurrency
	Retry   *Retry        // nil: the transport's
	Breaker *Breaker      // nil: none
	// KeepOutput keeps the answers of an HTTP handler as outputs.
	KeepOutput bool
	HTTP       *HTTPHandler
	Command    *CommandHandler
	// Source is where the handler is configured, as file:line:column.
	Source string
}

// Cron configures the cron routes.
type Cron struct {
	// Who knows it may call the cron routes. Without one they are closed.
	Secrets []Secret `key:"secret" check:"CronSecret" env:"CRON_SECRET"`
}

// Auth configures who may call, besides the holders of API keys.
type Auth struct {
	// Confirm each Supabase token with the project, so that an ended session is refused once `auth.remote_cache` is
	// over, not only when its token expires. Hosted projects, and all behind a gateway, need `supabase.anon_key` for
	// it.
	Remote bool `key:"remote" default:"false"`
	// How long a confirmation is remembered.
	RemoteCache time.Duration `key:"remote_cache" min:"1s" max:"10m" default:"auth.DefaultRemoteCacheTTL"`
	// Admit users of Supabase's anonymous sign-ins.
	AllowAnonymous bool `key:"allow_anonymous" default:"false"`
	// Admit the project's service_role key, as an administrator.
	AllowServiceRole bool `key:"allow_service_role" default:"false"`
	// What Supabase users may do unless their app_metadata.symphony_role says otherwise.
	DefaultScopes auth.ScopeSet `key:"default_scopes" default:"auth.DefaultScopes"`
	// What Supabase users see and steer: `all` messages, as far as their scopes go, or their `own`, which they have
	// dispatched, unless they have the scope operate. API keys see all. See docs/api.md.
	Visibility string `key:"visibility" of:"VisibleAll,VisibleOwn" default:"VisibleAll"`
	// Third-party applications, by the client id that the project's OAuth server gave them, each with the scopes that
	// it may have at most; nobody gets more than the user has. Tokens of others are refused.
	OAuthClients map[string]auth.ScopeSet `key:"oauth_clients"`
	// The session's cookie, where the application gave Supabase's libraries another name (`cookieOptions.name`). If
	// not set: `sb-<ref>-auth-token`.
	CookieName string `key:"cookie_name" about:"a cookie's name" empty:"ok" check:"CookieName"`
	// Origins, besides the server's own, whose pages may act with the user's cookies.
	AllowedOrigins []string `key:"allowed_origins" about:"a list of origins" check:"Origin"`
}

// Audit configures the audit trail.
type Audit struct {
	// How long the audit trail keeps what people did; see `symphony audit`.
	Retention time.Duration `key:"retention" min:"1h" default:"audit.DefaultRetention"`
}

// Supabase names the project whose users may call.
type Supabase struct {
	// The project whose users may call, like https://abcd.supabase.co.
	URL string `key:"url" about:"URL" empty:"ok" check:"SupabaseURL"`
	// The project's JWT secret, for tokens signed with HS256. Several are tried in turn, for rotation.
	JWTSecrets []Secret `key:"jwt_secret" check:"JWTSecret"`
	// The issuer that tokens must name. If not set: `<supabase.url>/auth/v1`. Set to nothing: not checked, for
	// self-hosted servers whose tokens carry none.
	JWTIssuer *string `key:"jwt_issuer" about:"text"`
	// The project's public key, sent along with requests to it; hosted projects ask for it.
	AnonKey string `key:"anon_key" about:"text" empty:"ok"`
}

// What users see: every message, or those that they have dispatched.
const (
	VisibleAll = "all"
	VisibleOwn = "own"
)

// ShowsAll reports whether every user of the Supabase project who signs in sees and steers the messages of all, because
// nobody has said otherwise.
func (c *Config) ShowsAll() bool {
	return c.Supabase.Configured() && c.Auth.Visibility == VisibleAll && c.Auth.DefaultScopes == auth.DefaultScopes
}

// Configured reports whether a project is named.
func (s Supabase) Configured() bool { return s.URL != "" || len(s.JWTSecrets) > 0 }

// AuthOptions returns what auth.New takes, without key store, clock and logger.
func (c *Config) AuthOptions() auth.Options {
	return auth.Options{
		Supabase: auth.Supabase{
			URL: c.Supabase.URL, JWTSecrets: Reveal(c.Supabase.JWTSecrets), Issuer: c.Supabase.JWTIssuer, APIKey: c.Supabase.AnonKey,
			AllowAnonymous: c.Auth.AllowAnonymous, AllowServiceRole: c.Auth.AllowServiceRole, DefaultScopes: &c.Auth.DefaultScopes,
			OAuthClients: c.Auth.OAuthClients, CookieName: c.Auth.CookieName, Remote: c.Auth.Remote, RemoteCacheTTL: c.Auth.RemoteCache,
		},
		AllowedOrigins: c.Auth.AllowedOrigins,
	}
}

// Limits configures limits of messages.
type Limits struct {
	// The most that payload and metadata of a message may have together. Large ones take memory: see performance.md.
	MaxMessageBytes int64 `key:"max_message_bytes" min:"1" max:"64MiB" default:"symphony.DefaultMaxMessageBytes"`
	// The most that the output of a message may have.
	MaxOutputBytes int64 `key:"max_output_bytes" min:"1" max:"1MiB" default:"symphony.DefaultMaxOutputBytes"`
	// How long an idempotency key answers with its first message.
	IdempotencyWindow time.Duration `key:"idempotency_window" min:"1s" default:"symphony.DefaultIdempotencyWindow"`
}

// Log configures the log.
type Log struct {
	// The least important lines to log.
	Level string `key:"level" of:"debug,info,warn,error" default:"info"`
	// The form of the log, on standard error.
	Format string `key:"format" of:"text,json" default:"text"`
}

// Logger makes a logger that writes to w as configured.
func (l Log) Logger(w io.Writer) *slog.Logger {
	var level slog.Level
	// The configuration admits only names that slog knows.
	_ = level.UnmarshalText([]byte(l.Level))
	o := &slog.HandlerOptions{Level: level}
	if l.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

// Client configures commands that work on a server.
type Client struct {
	// Have dispatch, consume, status, failed and keys work on this server instead of the local database.
	Server string `key:"server" about:"URL" empty:"ok" check:"URL" env:"SYMPHONY_SERVER"`
	// The API key for that server.
	APIKey Secret `key:"api_key" env:"SYMPHONY_API_KEY"`
}

// BusOptions returns what symphony.NewBus takes.
func (c *Config) BusOptions() symphony.BusOptions {
	o := symphony.BusOptions{
		Default: c.DefaultTransport, Routes: c.Routes, Defaults: make(map[string]symphony.TransportDefaults, len(c.Transports)),
		MaxMessageBytes: int(c.Limits.MaxMessageBytes), IdempotencyWindow: c.Limits.IdempotencyWindow,
		URLs: c.Push.Origins().Allows,
	}
	for _, t := range c.Transports {
		o.Defaults[t.Name] = symphony.TransportDefaults{Queue: t.Queue, Priority: t.Priority}
	}
	return o
}

// Sources are where Load looks.
type Sources struct {
	// File must exist. "" means what SYMPHONY_CONFIG names, else DefaultFile if it exists.
	File string
	// Environ is in the form of os.Environ.
	Environ []string
	Flags   []Flag
}

// Flag is a key's value given on the command line.
type Flag struct {
	Name  string // with its dashes, for messages
	Key   string
	Value string
}

// Load reads the sources. The error is an *Error with every mistake.
func Load(s Sources) (*Config, error) {
	l := newLoader()
	l.defaults()
	l.file(s)
	l.environ(s.Environ)
	l.flags(s.Flags)
	l.finish()
	if len(l.problems) > 0 {
		slices.SortStableFunc(l.problems, func(a, b Problem) int {
			return cmp.Or(cmp.Compare(a.level, b.level), cmp.Compare(a.line, b.line), cmp.Compare(a.column, b.column))
		})
		return nil, &Error{slices.CompactFunc(l.problems, func(a, b Problem) bool { return a.String() == b.String() })}
	}
	return l.config, nil
}

// Error lists the mistakes of a configuration, at least one.
type Error struct {
	Problems []Problem
}

// Problem is one mistake.
type Problem struct {
	// Source is file:line:column, the name of a variable, or a flag.
	Source string `json:"source"`
	// Key is the dotted key, "" if the mistake is not about one.
	Key string `json:"key,omitempty"`
	// Message says what is wrong and what to do. It holds no secret.
	Message string `json:"message"`

	level        level
	line, column int
}

func (p Problem) String() string {
	if p.Key == "" {
		return p.Source + ": " + p.Message
	}
	return p.Source + ": " + p.Key + ": " + p.Message
}

func (e *Error) Error() string {
	errs := make([]error, len(e.Problems))
	for i, p := range e.Problems {
		errs[i] = errors.New(p.String())
	}
	return errors.Join(errs...).Error()
}
