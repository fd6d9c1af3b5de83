package config

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/url"
	"strconv"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/audit"
	"github.com/symphony-messenger/symphony/auth"
	"github.com/symphony-messenger/symphony/handler/httppush"
	"github.com/symphony-messenger/symphony/worker"
)

// fields is the table of everything that can be set once. The sections that repeat have tables of their own below.
func fields(c *Config, t *tracingSection) []*field {
	table := []*field{
		{key: "env", value: choice{&c.Env, []string{Production, Development}}, def: Production,
			doc: "In development the answer to a server fault (500) tells its cause."},
		{key: "default_transport", value: text{p: &c.DefaultTransport, about: "a transport's name", optional: true, check: symphony.ValidateName},
			doc: "The transport of types without a route. If not set: `default` if there is one, else the first."},

		{key: "server.addr", value: text{p: &c.Server.Addr, about: "HOST:PORT", check: checkAddr}, def: DefaultAddr,
			doc: "Where the HTTP API listens. Other machines reach it on 0.0.0.0, which is refused until Supabase or an API key made by `symphony keys create` is there to authenticate them. Port 0 takes a free one."},
		{key: "server.tls.cert", value: text{p: &c.Server.TLSCert, about: "path", optional: true},
			doc: "File with the certificate and its chain, in PEM. With it the server speaks HTTPS."},
		{key: "server.tls.key", value: text{p: &c.Server.TLSKey, about: "path", optional: true},
			doc: "File with the certificate's key, in PEM."},
		{key: "server.cors_origins", value: list{p: &c.Server.CORSOrigins, about: "a list of origins", check: checkOrigin},
			doc: "Origins whose pages may call the API, like https://app.example.com. None: browsers keep other origins out."},
		{key: "server.max_body_bytes", value: size{&c.Server.MaxBodyBytes, 1 << 10, 1 << 30}, def: "1MiB",
			doc: "The largest request body."},
		{key: "server.max_bytes_in_flight", value: size{&c.Server.MaxBytesInFlight, 1 << 20, math.MaxInt64},
			doc: "The most bytes that the bodies and large answers of all requests together may have at one time; what goes beyond is answered 503 with `Retry-After`. If not set: an eighth of the memory that `GOMEMLIMIT` or the control group allows, or 256MiB where neither does. It is never less than 64MiB, or four times `server.max_body_bytes` where that is more."},
		{key: "server.rate_limit", value: rate{&c.Server.RateLimit},
			doc: "How many requests each API key and each user may make in a time; beyond it they are answered 429 with `Retry-After`. None: no bound."},
		{key: "server.rate_limit_burst", value: number{&c.Server.RateLimit.Burst, 1, 1_000_000},
			doc: "How many of them may come at the same moment after a pause. If not set: what the rate allows in a second, at least 1."},
		{key: "server.access_log", value: boolean{&c.Server.AccessLog}, def: "true",
			doc: "Log each request."},
		{key: "server.trusted_proxies", value: prefixes{&c.Server.TrustedProxies},
			doc: "Proxies, by address or CIDR, whose `X-Forwarded-For` the access log and the audit trail believe: they then have the nearest address that is none of them. None: they have who connected."},

		{key: "database.path", value: text{p: &c.Database.Path, about: "path", check: checkPath, hide: hideDatabasePassword}, def: "symphony.db", env: "SYMPHONY_DATABASE",
			doc: "The SQLite file of all transports of kind `database`, and of the API keys. It is created if there is none. A postgres:// URL means `database.url`."},
		{key: "database.retention", value: duration{p: &c.Database.Retention}, def: formatDuration(symphony.DefaultRetention),
			doc: "How long completed messages are kept. 0s deletes them at once."},
	}
	table = append(table, databaseFields(&c.Database)...)
	table = append(table, []*field{
		{key: "auth.remote", value: boolean{&c.Auth.Remote}, def: "false",
			doc: "Confirm each Supabase token with the project, so that an ended session is refused once `auth.remote_cache` is over, not only when its token expires. Hosted projects, and all behind a gateway, need `supabase.anon_key` for it."},
		{key: "auth.remote_cache", value: duration{p: &c.Auth.RemoteCache, min: time.Second, max: 10 * time.Minute}, def: formatDuration(auth.DefaultRemoteCacheTTL),
			doc: "How long a confirmation is remembered."},
		{key: "auth.allow_anonymous", value: boolean{&c.Auth.AllowAnonymous}, def: "false",
			doc: "Admit users of Supabase's anonymous sign-ins."},
		{key: "auth.allow_service_role", value: boolean{&c.Auth.AllowServiceRole}, def: "false",
			doc: "Admit the project's service_role key, as an administrator."},
		{key: "auth.default_scopes", value: scopes{&c.Auth.DefaultScopes}, def: auth.DefaultScopes.String(),
			doc: "What Supabase users may do unless their app_metadata.symphony_role says otherwise."},
		{key: "auth.visibility", value: choice{&c.Auth.Visibility, []string{VisibleAll, VisibleOwn}}, def: VisibleAll,
			doc: "What Supabase users see and steer: `all` messages, as far as their scopes go, or their `own`, which they have dispatched, unless they have the scope operate. API keys see all. See docs/api.md."},
		{key: "auth.oauth_clients", value: clients{&c.Auth.OAuthClients},
			doc: "Third-party applications, by the client id that the project's OAuth server gave them, each with the scopes that it may have at most; nobody gets more than the user has. Tokens of others are refused."},
		{key: "auth.cookie_name", value: text{p: &c.Auth.CookieName, about: "a cookie's name", optional: true, check: checkCookieName},
			doc: "The session's cookie, where the application gave Supabase's libraries another name (`cookieOptions.name`). If not set: `sb-<ref>-auth-token`."},
		{key: "auth.allowed_origins", value: list{p: &c.Auth.AllowedOrigins, about: "a list of origins", check: checkOrigin},
			doc: "Origins, besides the server's own, whose pages may act with the user's cookies."},

		{key: "audit.retention", value: duration{p: &c.Audit.Retention, min: time.Hour}, def: formatDuration(audit.DefaultRetention),
			doc: "How long the audit trail keeps what people did; see `symphony audit`."},
	}...)
	table = append(table, alertFields(&c.Alerts)...)
	table = append(table, []*field{
		{key: "supabase.url", value: text{p: &c.Supabase.URL, about: "URL", optional: true, check: checkSupabaseURL},
			doc: "The project whose users may call, like https://abcd.supabase.co."},
	}...)
	table = append(table, withFile(&field{key: "supabase.jwt_secret", value: secrets{p: &c.Supabase.JWTSecrets, check: checkJWTSecret},
		doc: "The project's JWT secret, for tokens signed with HS256. Several are tried in turn, for rotation."})...)
	table = append(table,
		&field{key: "supabase.jwt_issuer", value: nullable{&c.Supabase.JWTIssuer, "text"},
			doc: "The issuer that tokens must name. If not set: `<supabase.url>/auth/v1`. Set to nothing: not checked, for self-hosted servers whose tokens carry none."},
		&field{key: "supabase.anon_key", value: text{p: &c.Supabase.AnonKey, about: "text", optional: true},
			doc: "The project's public key, sent along with requests to it; hosted projects ask for it."},
	)
	table = append(table, withFile(&field{key: "cron.secret", value: secrets{p: &c.Cron.Secrets, check: checkCronSecret}, env: "CRON_SECRET",
		doc: "Who knows it may call the cron routes. Without one they are closed."})...)
	table = append(table, workerFields(&c.Worker)...)
	table = append(table, metricsFields(&c.Metrics)...)
	table = append(table, healthFields(&c.Health)...)
	for _, f := range retryFields(&c.Retry) {
		f.key = "retry." + f.key
		table = append(table, f)
	}
	table = append(table,
		&field{key: "limits.max_message_bytes", value: size{&c.Limits.MaxMessageBytes, 1, 1 << 30}, def: fmt.Sprint(formatSize(symphony.DefaultMaxMessageBytes)),
			doc: "The most that payload and metadata of a message may have together."},
		&field{key: "limits.idempotency_window", value: duration{p: &c.Limits.IdempotencyWindow, min: time.Second}, def: formatDuration(symphony.DefaultIdempotencyWindow),
			doc: "How long an idempotency key answers with its first message."},

		&field{key: "log.level", value: choice{&c.Log.Level, []string{"debug", "info", "warn", "error"}}, def: "info",
			doc: "The least important lines to log."},
		&field{key: "log.format", value: choice{&c.Log.Format, []string{"text", "json"}}, def: "text",
			doc: "The form of the log, on standard error."},
	)
	table = append(table, tracingFields(&c.Tracing, t)...)
	table = append(table,
		&field{key: "client.server", value: text{p: &c.Client.Server, about: "URL", optional: true, check: checkURL}, env: "SYMPHONY_SERVER",
			doc: "Have dispatch, consume, status, failed and keys work on this server instead of the local database."},
	)
	return append(table, withFile(&field{key: "client.api_key", value: secrets{one: &c.Client.APIKey}, env: "SYMPHONY_API_KEY",
		doc: "The API key for that server."})...)
}

func retryFields(r *Retry) []*field {
	return []*field{
		{key: "max_retries", value: number{&r.MaxRetries, 0, 1000}, def: strconv.Itoa(symphony.DefaultMaxRetries),
			doc: "Attempts that may follow the first. 0: none. Where `delays` are given without it: as many as these."},
		{key: "backoff", value: choice{&r.Backoff, []string{string(symphony.Exponential), string(symphony.Linear), string(symphony.Fixed)}}, def: string(symphony.Exponential),
			doc: "How the waits grow: each `multiplier` times the one before, by `initial_delay` each time, or not at all."},
		{key: "delays", value: durations{&r.Delays, symphony.MaxRetryDelay},
			doc: "The waits before each retry, in place of what `backoff` makes of `initial_delay`; the last one repeats. Only `jitter` applies to them."},
		{key: "initial_delay", value: duration{p: &r.InitialDelay, min: time.Millisecond, max: symphony.MaxRetryDelay}, def: formatDuration(symphony.DefaultInitialDelay),
			doc: "The wait before the first retry."},
		{key: "multiplier", value: decimal{&r.Multiplier, 1, 100}, def: fmt.Sprint(symphony.DefaultMultiplier),
			doc: "How much longer each wait is than the one before."},
		{key: "max_delay", value: duration{p: &r.MaxDelay, min: time.Millisecond, max: symphony.MaxRetryDelay}, def: formatDuration(symphony.DefaultMaxDelay),
			doc: "The longest wait."},
		{key: "jitter", value: decimal{&r.Jitter, 0, 1}, def: fmt.Sprint(symphony.DefaultJitter),
			doc: "Spreads each wait by up to this fraction to both sides."},
	}
}

func transportFields(t *Transport) []*field {
	table := []*field{
		{key: "kind", value: choice{&t.Kind, []string{Stored, SQLite, Postgres, Memory, Sync}}, def: Stored,
			doc: "`database` is durable: what the section `database` names, and `sqlite` or `postgres` insist on which it is; `memory` forgets at exit; `sync` runs the handlers during the dispatch."},
		{key: "queue", value: text{p: &t.Queue, about: "name", check: symphony.ValidateName}, def: symphony.DefaultQueue,
			doc: "The queue of messages that name none."},
		{key: "priority", value: number{&t.Priority, symphony.MinPriority, symphony.MaxPriority}, def: strconv.Itoa(symphony.DefaultPriority),
			doc: "The priority of messages that have none; 10 goes first."},
	}
	return append(table, overridingRetry(&t.Retry)...)
}

// overridingRetry is a retry section whose settings come from the section retry where they are not set.
func overridingRetry(r *Retry) []*field {
	table := retryFields(r)
	for _, f := range table {
		f.key = "retry." + f.key
		f.def = ""
	}
	return table
}

func handlerFields(h *handler) []*field {
	table := []*field{
		{key: "type", value: text{p: &h.settings.Pattern, about: "a pattern", check: symphony.ValidatePattern},
			doc: "The types it handles: an exact type, `Prefix.*` or `*` (in quotes). Required."},
		{key: "name", value: text{p: &h.settings.Name, about: "text", check: checkHandlerName},
			doc: "Tells several handlers of one type apart; keep it the same across releases. If not set: its place, from 1."},
		{key: "timeout", value: duration{p: &h.settings.Timeout, min: time.Millisecond},
			doc: "Ends the handler. If not set: `worker.handler_timeout`, and for `http`, where that is not set either, " + formatDuration(httppush.DefaultTimeout) + "."},
		{key: "places", value: number{&h.settings.Places, 1, worker.MaxConcurrency},
			doc: "How many of a worker's messages it has at the same time, so that one that hangs leaves the others the rest. Messages beyond are given back for a while, uncounted. If not set: half of the worker's concurrency, or all where it is the only handler."},
	}
	table = append(table, httpFields(&h.http)...)
	table = append(table, commandFields(&h.command)...)
	table = append(table, breakerFields(&h.breaker, &h.breakerOn)...)
	return append(table, overridingRetry(&h.retry)...)
}

func checkHandlerName(s string) error {
	if len(s) > symphony.MaxNameLength {
		return fmt.Errorf("must have at most %d bytes", symphony.MaxNameLength)
	}
	return nil
}

func checkAddr(s string) error {
	_, port, err := net.SplitHostPort(s)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return fmt.Errorf("must be HOST:PORT, like %s, is %q", DefaultAddr, s)
	}
	return nil
}

func checkURL(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("must be a URL like https://queue.example.com")
	}
	return nil
}

// The checks below ask package auth, which owns the rules.

func checkOrigin(s string) error {
	_, err := auth.New(auth.Options{Keys: &auth.MemoryKeys{}, AllowedOrigins: []string{s}})
	return unwrapped(err)
}

func checkCookieName(s string) error {
	_, err := auth.New(auth.Options{Supabase: auth.Supabase{URL: "https://localhost", CookieName: s}})
	return unwrapped(err)
}

func checkSupabaseURL(s string) error {
	_, err := auth.New(auth.Options{Supabase: auth.Supabase{URL: s}})
	return unwrapped(err)
}

func checkJWTSecret(s string) error {
	var unchecked string
	_, err := auth.New(auth.Options{Supabase: auth.Supabase{JWTSecrets: []string{s}, Issuer: &unchecked}})
	return unwrapped(err)
}

func checkCronSecret(s string) error {
	_, err := auth.NewCron(s)
	return err
}

// unwrapped takes the package's name off an error: the key says what it is about.
func unwrapped(err error) error {
	if inner := errors.Unwrap(err); inner != nil {
		return inner
	}
	return err
}
