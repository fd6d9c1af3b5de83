// Package config makes one validated [Config] of defaults, a file (symphony.yaml), environment variables and flags, each
// overriding the ones before.
//
// Nothing is guessed: an unknown key or SYMPHONY_ variable, a value that does not parse, and a value out of its range are
// mistakes, and [Load] reports all of them at once, each with the line, variable or flag it came from.
//
// What can be set stands in one table, fields.go. Parsing, the names of variables, defaults, ranges, [Config.YAML] and
// docs/configuration.md come from it.
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
	"github.com/symphony-messenger/symphony/monitor"
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
	// Env is Production or Development.
	Env              string
	Server           Server
	Database         Database
	DefaultTransport string
	Transports       []Transport // at least one
	Routes           map[string][]string
	Retry            Retry
	Types            []Type // by pattern
	Queues           []Queue
	Handlers         []Handler // in the order of the file
	Schedules        []Schedule
	Worker           Worker
	Cron             Cron
	Auth             Auth
	Audit            Audit
	Alerts           Alerts
	Metrics          Metrics
	Health           monitor.Thresholds
	Supabase         Supabase
	Limits           Limits
	Log              Log
	Tracing          Tracing
	Client           Client

	fields []*field // every setting with its value and source
}

// Server configures the HTTP API.
type Server struct {
	Addr         string
	TLSCert      string // file
	TLSKey       string // file
	CORSOrigins  []string
	MaxBodyBytes int64
	// MaxBytesInFlight is 0 where it is to follow from the memory; see httpapi.DefaultBytesInFlight.
	MaxBytesInFlight int64
	RateLimit        flow.Rate // of each caller; no Count: none
	AccessLog        bool
	TrustedProxies   []netip.Prefix
}

// TLS reports whether the server speaks HTTPS.
func (s Server) TLS() bool { return s.TLSCert != "" }

// Database configures storage: the PostgreSQL database at URL if there is one, else the SQLite file at Path.
type Database struct {
	Path      string        // "" if there is a URL
	Retention time.Duration // 0: completed messages are deleted at once

	// The rest is for PostgreSQL. What is not set is zero and means the default of package postgres.
	URL            Secret // or a connection string
	ListenURL      Secret
	Schema         string
	MaxConnections int
	PollInterval   time.Duration
	Timeout        time.Duration
	Migrate        string // MigrateAuto or MigrateManually
}

// PostgreSQL reports whether storage is a PostgreSQL database.
func (d Database) PostgreSQL() bool { return d.URL != "" }

// The values of Database.Migrate.
const (
	MigrateAuto     = "auto"
	MigrateManually = "manual"
)

// The values of Transport.Kind. A configuration may say which database it means by SQLite or Postgres; a Transport is of
// kind Stored then.
const (
	Stored   = "database"
	SQLite   = "sqlite"
	Postgres = "postgres"
	Memory   = "memory"
	Sync     = "sync"
)

// Transport configures one named transport.
type Transport struct {
	Name     string
	Kind     string
	Queue    string
	Priority int
	Retry    Retry
}

// Type configures what applies to the messages of a pattern of types, whoever handles them.
type Type struct {
	Pattern string
	Retry   *Retry // nil: the transport's
	Schema  string // file, "" for none
	Limit   flow.TypeLimit
}

// Queue configures one queue of a transport.
type Queue struct {
	Name  string // transport/queue
	Limit flow.Limit
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
	MaxRetries   int
	Backoff      string
	Delays       []time.Duration
	InitialDelay time.Duration
	Multiplier   float64
	MaxDelay     time.Duration
	Jitter       float64
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
	HTTP    *HTTPHandler
	Command *CommandHandler
	// Source is where the handler is configured, as file:line:column.
	Source string
}

// Worker configures all workers of serve and worker, and what the cron route runs.
type Worker struct {
	Lease          time.Duration
	HandlerTimeout time.Duration
	Grace          time.Duration
	Continuous     Continuous

	// The settings of the run that the cron route starts.
	BatchSize      int
	MaxConcurrency int
	PollInterval   time.Duration
	MessageLimit   int // 0: none
	TimeLimit      time.Duration
	MemoryLimit    int64 // bytes, 0: none
	FailureLimit   int   // 0: none
}

// Cron configures the cron routes.
type Cron struct {
	Secrets []Secret // none: the routes are closed
}

// Auth configures who may call, besides the holders of API keys.
type Auth struct {
	Remote           bool
	RemoteCache      time.Duration
	AllowAnonymous   bool
	AllowServiceRole bool
	DefaultScopes    auth.ScopeSet
	Visibility       string                   // VisibleAll or VisibleOwn
	OAuthClients     map[string]auth.ScopeSet // by client id
	CookieName       string                   // "": sb-<ref>-auth-token
	AllowedOrigins   []string
}

// Audit configures the audit trail.
type Audit struct {
	Retention time.Duration
}

// Supabase names the project whose users may call.
type Supabase struct {
	URL        string
	JWTSecrets []Secret
	JWTIssuer  *string // nil: that of URL; "": not checked
	AnonKey    string
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
	MaxMessageBytes   int64
	IdempotencyWindow time.Duration
}

// Log configures the log.
type Log struct {
	Level  string
	Format string
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
	Server string // URL, "": the local database
	APIKey Secret // to call it with, "" if none is configured
}

// BusOptions returns what symphony.NewBus takes.
func (c *Config) BusOptions() symphony.BusOptions {
	o := symphony.BusOptions{
		Default: c.DefaultTransport, Routes: c.Routes, Defaults: make(map[string]symphony.TransportDefaults, len(c.Transports)),
		MaxMessageBytes: int(c.Limits.MaxMessageBytes), IdempotencyWindow: c.Limits.IdempotencyWindow,
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
